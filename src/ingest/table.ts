/**
 * From files to a published table, in one transaction: rows go by COPY into a table that is not logged, from there
 * in the order of their HEALPix cells into the real one, which is indexed, counted and published. Until the commit
 * nobody sees any of it, and a run that is broken off leaves nothing.
 *
 * A table that is replaced keeps its place in PostgreSQL for the queries that are running; the new one is built
 * beside it under another name, to which TAP_SCHEMA's entry is turned.
 */

import type { Client, Database } from '../db/database.ts'
import { sqlStateOf } from '../db/error.ts'
import { ServiceError } from '../error.ts'
import type { Report } from '../progress.ts'
import { publishSchema, publishTable, sqlIdentifier } from '../tap/publish.ts'
import {
  analyze,
  appendSorted,
  copyRows,
  countCells,
  createTable,
  dropRetired,
  forgetCells,
  freeName,
  indexIdentifier,
  indexPosition,
  lockTable,
  reserveMemory,
  retire,
  type SqlTable,
  sortInto,
  tableExists,
} from './build.ts'
import { type Existing, extendPublished, findPublished, requireSameColumns } from './existing.ts'
import { parseTableName, type TableName } from './names.ts'
import { openTable } from './open.ts'
import { copyData, type Placement, SHARD_ORDER, type Tally } from './place.ts'
import { type ColumnPlan, planColumns } from './plan.ts'
import { type RejectFile, rejectFile } from './reject.ts'
import type { TableBatch } from './tuple.ts'

export interface IngestOptions {
  readonly files: readonly string[]
  /** `schema.table`. */
  readonly table: string
  readonly mode: 'create' | 'append' | 'replace'
  /** The table in each file, where there are several: HDU number or EXTNAME. */
  readonly hdu?: string | undefined
  readonly id?: string | undefined
  readonly ra?: string | undefined
  readonly dec?: string | undefined
  readonly description?: string | undefined
  /** Where rows that cannot be taken are written: `<table>.rejects.csv` in the working directory. */
  readonly rejectFile?: string | undefined
}

export interface IngestResult {
  readonly table: string
  readonly rows: number
  readonly rejected: number
  readonly rejectFile: string | null
  readonly seconds: number
  /** What people should know: names changed, columns converted. */
  readonly notices: readonly string[]
}

/** How often and how long after another the replaced table is tried to be dropped. */
const DROP_TRIES = 5
const DROP_PAUSE_MS = 2200

/**
 * Throws ServiceError `usage` for what is wrong with the files or the options; then nothing is changed. Aborting
 * ends the load after the statement at work.
 */
export async function ingestTable(
  db: Database,
  options: IngestOptions,
  report: Report,
  signal: AbortSignal,
): Promise<IngestResult> {
  const begun = performance.now()
  const name = parseTableName(options.table)
  await dropRetired(db)
  const plan = await planColumns(options)
  const rejects = rejectFile(
    options.rejectFile ?? `${options.table.replaceAll('"', '')}.rejects.csv`,
    plan.fields,
  )
  const step: Report = progress => {
    signal.throwIfAborted()
    report(progress)
  }
  const run: Run = {
    name,
    plan,
    options,
    report: step,
    rejects,
    tally: emptyTally(),
    notices: [...plan.notices],
  }
  try {
    const schemaMade = await ensureSchema(db, name.schema)
    try {
      await db.transaction(client => load(client, run))
    } catch (error) {
      if (schemaMade) await db.query(`DROP SCHEMA ${sqlIdentifier(name.schema)}`).catch(() => {})
      throw error
    }
  } finally {
    rejects.close()
  }
  if (options.mode === 'replace') await dropReplaced(db, run.notices, report)
  const { taken, rejected, unplaced, wrapped } = run.tally
  if (unplaced > 0)
    run.notices.push(`Rows without a position, which no cone or cross-match finds: ${unplaced}.`)
  if (wrapped > 0) run.notices.push(`Right ascensions that were brought into [0, 360): ${wrapped}.`)
  return {
    table: options.table,
    rows: taken,
    rejected,
    rejectFile: rejected > 0 ? rejects.path : null,
    seconds: Math.round(performance.now() - begun) / 1000,
    notices: run.notices,
  }
}

interface Run {
  readonly name: TableName
  readonly plan: ColumnPlan
  readonly options: IngestOptions
  readonly report: Report
  readonly rejects: RejectFile
  readonly tally: Tally
  readonly notices: string[]
}

function emptyTally(): Tally {
  return { read: 0, taken: 0, rejected: 0, unplaced: 0, wrapped: 0 }
}

/** Apart from the load's transaction, in which a second load into the same new schema would have to wait. */
async function ensureSchema(db: Database, schema: string): Promise<boolean> {
  const found = await db.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
  if (found.length > 0) return false
  await db.query(`CREATE SCHEMA IF NOT EXISTS ${sqlIdentifier(schema)}`)
  return true
}

async function load(client: Client, run: Run): Promise<void> {
  const { name, options } = run
  const own: SqlTable = { schema: name.schema, table: name.sqlTable }
  if (!(await lockTable(client, own))) {
    throw new ServiceError('unavailable', `Somebody else is loading ${options.table} at this moment.`)
  }
  await reserveMemory(client)
  const existing = await findPublished(client, name)
  if (options.mode === 'append') {
    if (!existing) throw new ServiceError('usage', `There is no table ${options.table} to append to.`)
    await append(client, run, existing)
    return
  }
  if (existing && options.mode === 'create') {
    throw new ServiceError('usage', `Table ${existing.tableName} exists.`, {
      detail: 'Add rows to it with --append, or build it anew with --replace.',
    })
  }
  if (!existing && (await tableExists(client, own))) {
    throw new ServiceError('usage', `PostgreSQL has a table ${options.table} that is not published here.`, {
      detail:
        'It was not made by `ingest table` and is left alone: rename or drop it, or choose another name.',
    })
  }
  await build(client, run, existing)
}

/** Builds the table and publishes it, in the place of `existing` if there is one. */
async function build(client: Client, run: Run, existing: Existing | undefined): Promise<void> {
  const { name, plan, report, notices } = run
  const target = await freeName(client, { schema: name.schema, table: name.sqlTable })
  await loadRows(client, run, target)
  report({ phase: 'indexing', done: 0 })
  const indexed = new Set<string>()
  if (plan.position) {
    const { ra, dec } = plan.position
    await indexPosition(client, target, ra, dec)
    for (const column of [ra, dec, 'hpx29']) indexed.add(column)
  }
  for (const id of plan.identifiers) {
    const isUnique = await indexIdentifier(client, target, id)
    if (!isUnique) notices.push(`Column ${id} has values more than once: its index is not unique.`)
    indexed.add(id)
  }
  await analyze(client, target)

  report({ phase: 'publishing', done: 0 })
  await publishSchema(client, { name: name.schema })
  await publishTable(client, {
    schema: name.schema,
    name: existing?.table ?? name.table,
    description: run.options.description ?? existing?.description,
    sqlSchema: target.schema,
    sqlTable: target.table,
    ...(plan.position && { position: plan.position, shardOrder: SHARD_ORDER }),
    rows: run.tally.taken,
    columns: plan.published().map(column => ({ ...column, indexed: indexed.has(column.sqlName) })),
  })
  const published = { schema: name.schema, table: existing?.table ?? name.table }
  await forgetCells(client, published)
  if (plan.position) await countCells(client, published, target, SHARD_ORDER)
  if (existing) await retire(client, existing.sql)
}

async function append(client: Client, run: Run, existing: Existing): Promise<void> {
  const { plan, report, tally } = run
  requireSameColumns(existing, plan)
  const loaded = await freeName(client, { schema: existing.sql.schema, table: `${existing.sql.table}~load` })
  await createTable(client, loaded, plan.sqlColumns, 'UNLOGGED')
  await copyFiles(client, run, loaded)
  report({ phase: 'appending', done: 0 })
  try {
    await appendSorted(client, loaded, existing.sql, plan.sqlColumns)
  } catch (error) {
    if (sqlStateOf(error) !== '23505') throw error
    const detail = (error as { detail?: string }).detail
    throw new ServiceError('usage', `A row that is to be added to ${existing.tableName} is there already.`, {
      ...(detail !== undefined && { detail }),
      cause: error,
    })
  }
  if (plan.position) {
    await countCells(client, { schema: existing.schema, table: existing.table }, loaded, SHARD_ORDER)
  }
  await client.query(`DROP TABLE ${sqlIdentifier(loaded.schema)}.${sqlIdentifier(loaded.table)}`)
  await analyze(client, existing.sql)
  await extendPublished(client, existing, plan, tally.taken)
}

/** All rows of all files into a new table, sorted where there is a position to sort by. */
async function loadRows(client: Client, run: Run, target: SqlTable): Promise<void> {
  const { plan, report } = run
  if (!plan.position) {
    await createTable(client, target, plan.sqlColumns)
    await copyFiles(client, run, target)
    return
  }
  const loaded = await freeName(client, { schema: target.schema, table: `${target.table}~load` })
  await createTable(client, loaded, plan.sqlColumns, 'UNLOGGED')
  await copyFiles(client, run, loaded)
  report({ phase: 'sorting', done: 0 })
  await sortInto(client, loaded, target)
}

async function copyFiles(client: Client, run: Run, target: SqlTable): Promise<void> {
  const { plan, tally, rejects, report, options } = run
  let file = ''
  let rowsBefore = 0
  const placement: Placement = {
    fields: plan.fields,
    kept: plan.kept,
    position: plan.placing,
    tally,
    reject: (row, reason, data, start) => rejects.write(file, row - rowsBefore, reason, data, start),
  }
  async function* batches(): AsyncGenerator<TableBatch> {
    for (const path of options.files) {
      file = path
      rowsBefore = tally.read
      const source = await openTable(path, options.hdu)
      try {
        for await (const batch of source.batches()) {
          yield batch
          report({ phase: 'reading', done: tally.read, ...(plan.rows !== undefined && { total: plan.rows }) })
        }
        for (const index of source.unicode) plan.sawUnicode(index)
      } finally {
        await source.close()
      }
    }
  }
  await copyRows(client, target, plan.sqlColumns, copyData(batches(), placement))
  if (tally.taken === 0 && tally.rejected > 0) {
    throw new ServiceError('usage', `None of the ${tally.rejected} rows can be taken.`, {
      detail: `See ${rejects.path} for the reasons.`,
    })
  }
}

async function dropReplaced(db: Database, notices: string[], report: Report): Promise<void> {
  let left: SqlTable[] = []
  for (let i = 0; i < DROP_TRIES; i++) {
    report({ phase: 'waiting for queries on the old table', done: i, total: DROP_TRIES })
    await new Promise(resolve => setTimeout(resolve, DROP_PAUSE_MS))
    left = await dropRetired(db)
    if (left.length === 0) return
  }
  const names = left.map(({ schema, table }) => `${schema}.${table}`).join(', ')
  notices.push(`Queries are still reading ${names}: the next ingest drops what they leave.`)
}

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
import { countCells, forgetCells } from '../tap/cell-counts.ts'
import { publishSchema, publishTable } from '../tap/publish.ts'
import { copyFiles } from './copy.ts'
import { type Existing, extendPublished, findPublished, requireSameColumns } from './existing.ts'
import type { TableName } from './names.ts'
import { SHARD_ORDER, type Tally } from './place.ts'
import type { ColumnPlan } from './plan.ts'
import type { RejectFile } from './reject.ts'
import { retire } from './retired.ts'
import {
  analyze,
  appendSorted,
  createTable,
  dropTable,
  freeName,
  indexIdentifier,
  indexPosition,
  lockTable,
  reserveMemory,
  type SqlTable,
  sortInto,
  sqlName,
  tableExists,
  watchIndexing,
} from './statements.ts'

export interface Run {
  readonly db: Database
  readonly name: TableName
  readonly plan: ColumnPlan
  readonly options: LoadOptions
  readonly report: Report
  readonly rejects: RejectFile
  readonly tally: Tally
  readonly notices: string[]
}

export interface LoadOptions {
  readonly files: readonly string[]
  /** `schema.table`. */
  readonly table: string
  readonly mode: 'create' | 'append' | 'replace'
  /** The table in each file, where there are several: as `OpenOptions.select`. */
  readonly select?: string | undefined
  readonly description?: string | undefined
}

export async function load(client: Client, run: Run): Promise<void> {
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
  const { name, plan, report } = run
  const target = await freeName(client, { schema: name.schema, table: name.sqlTable })
  await loadRows(client, run, target)
  const indexed = await buildIndexes(client, run, target)
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
  if (plan.position) await countCells(client, published, sqlName(target))
  if (existing) await retire(client, existing.sql)
}

/** Resolves to the PostgreSQL names of the columns that have an index. */
async function buildIndexes(client: Client, run: Run, table: SqlTable): Promise<Set<string>> {
  const { db, plan, report, notices } = run
  report({ phase: 'indexing', done: 0 })
  const stopWatching = await watchIndexing(db, client, (done, total) =>
    report({ phase: 'indexing', done, total }),
  )
  const indexed = new Set<string>()
  try {
    if (plan.position) {
      const { ra, dec } = plan.position
      await indexPosition(client, table, ra, dec)
      for (const column of [ra, dec, 'hpx29']) indexed.add(column)
    }
    for (const id of plan.identifiers) {
      const isUnique = await indexIdentifier(client, table, id)
      if (!isUnique) notices.push(`Column ${id} has values more than once: its index is not unique.`)
      indexed.add(id)
    }
  } finally {
    stopWatching()
  }
  await analyze(client, table)
  return indexed
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
  if (plan.position) await countCells(client, existing, sqlName(loaded))
  await dropTable(client, loaded)
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
  await dropTable(client, loaded)
}

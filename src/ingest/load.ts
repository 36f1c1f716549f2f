/**
 * From files to a published table: rows go by COPY into a staging table, from there, in one transaction, in the order
 * of their HEALPix cells into the real one, which is indexed, counted and published. Until that commit nobody sees any
 * of it.
 *
 * A table that is replaced keeps its place in PostgreSQL for the queries that are running; the new one is built
 * beside it under another name, to which TAP_SCHEMA's entry is turned.
 */
import type { Client, Database } from '../db/database.ts'
import { sqlStateOf } from '../db/error.ts'
import { ServiceError } from '../error.ts'
import type { Report } from '../progress.ts'
import { addCells, countCells, forgetCells } from '../tap/cell-counts.ts'
import { publishKey, publishSchema, publishSystems, publishTable } from '../tap/publish.ts'
import { type Existing, extendPublished } from './existing.ts'
import type { ForeignKey } from './foreign-key.ts'
import type { TableName } from './names.ts'
import { SHARD_ORDER, type Tally } from './place.ts'
import type { ColumnPlan } from './plan.ts'
import type { RejectFile } from './reject.ts'
import { retire } from './retired.ts'
import { dropStaging, type Staging } from './staging.ts'
import {
  analyze,
  appendRows,
  freeName,
  indexColumn,
  indexIdentifier,
  indexPosition,
  renameTable,
  reserveMemory,
  type SqlTable,
  sortInto,
  sqlName,
  watchIndexing,
} from './statements.ts'

export interface Run {
  readonly db: Database
  readonly name: TableName
  /** The name that the load is known by: of the table that is to be. */
  readonly target: SqlTable
  readonly existing: Existing | undefined
  readonly plan: ColumnPlan
  readonly keys: readonly ForeignKey[]
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

/** Makes staged rows a published table, or part of one. */
export async function finish(client: Client, run: Run, staging: Staging): Promise<void> {
  await reserveMemory(client)
  if (run.options.mode === 'append') await append(client, run, run.existing!, staging)
  else await build(client, run, run.existing, staging)
  await dropStaging(client, run.target)
}

/** Builds the table and publishes it, in the place of `existing` if there is one. */
async function build(
  client: Client,
  run: Run,
  existing: Existing | undefined,
  staging: Staging,
): Promise<void> {
  const { name, plan, report, tally } = run
  const target = await freeName(client, { schema: name.schema, table: name.sqlTable })
  report({ phase: 'sorting', done: 0 })
  if (plan.position) await sortInto(client, staging.table, target)
  else await renameTable(client, staging.table, target)
  const indexed = await buildIndexes(client, run, target)
  report({ phase: 'publishing', done: 0 })
  await publishSchema(client, { name: name.schema })
  await publishSystems(client, plan.systems)
  const published = { schema: name.schema, table: existing?.table ?? name.table }
  await publishTable(client, {
    schema: published.schema,
    name: published.table,
    description: run.options.description ?? existing?.description ?? plan.description,
    sqlSchema: target.schema,
    sqlTable: target.table,
    ...(plan.position && { position: plan.position, shardOrder: SHARD_ORDER }),
    rows: tally.taken,
    columns: plan.published().map(column => ({ ...column, indexed: indexed.has(column.sqlName) })),
  })
  await forgetCells(client, published)
  if (plan.position) await countCells(client, published, sqlName(target))
  for (const key of run.keys) await publishKey(client, key.published)
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
    for (const column of [...plan.indexes, ...run.keys.map(key => key.sqlColumn)]) {
      if (indexed.has(column)) continue
      await indexColumn(client, table, column)
      indexed.add(column)
    }
  } finally {
    stopWatching()
  }
  await analyze(client, table)
  return indexed
}

async function append(client: Client, run: Run, existing: Existing, staging: Staging): Promise<void> {
  const { plan, report, tally } = run
  report({ phase: 'appending', done: 0 })
  try {
    await appendRows(client, staging.table, existing.sql, plan.sqlColumns, plan.position !== undefined)
  } catch (error) {
    if (sqlStateOf(error) !== '23505') throw error
    const detail = (error as { detail?: string }).detail
    throw new ServiceError('usage', `A row that is to be added to ${existing.tableName} is there already.`, {
      ...(detail !== undefined && { detail }),
      cause: error,
    })
  }
  if (plan.position) await addCells(client, existing, sqlName(staging.table))
  await analyze(client, existing.sql)
  await extendPublished(client, existing, plan, tally.taken)
}

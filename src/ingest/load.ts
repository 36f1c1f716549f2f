/**
 * From files to a published table: rows go by COPY into a staging table, from there, in one transaction, in the order
 * of their HEALPix cells into the real one, which is indexed, counted and published. Until that commit nobody sees any
 * of it.
 *
 * A table that is replaced keeps its place in PostgreSQL for the queries that are running; the new one is built
 * beside it under another name, to which TAP_SCHEMA's entry is turned.
 */
import type { NeighbourTable } from '../adql/tables.ts'
import type { Client, Database } from '../db/database.ts'
import { sqlStateOf } from '../db/error.ts'
import { ServiceError } from '../error.ts'
import type { Report } from '../progress.ts'
import { addCells, countCells, forgetCells } from '../tap/cell-counts.ts'
import { publishKey, publishSchema, publishSystems, publishTable } from '../tap/publish.ts'
import { cellIds } from './distribute.ts'
import { type Existing, extendPublished } from './existing.ts'
import type { ForeignKey } from './foreign-key.ts'
import type { TableName } from './names.ts'
import { buildNeighbours, DEFAULT_RADIUS, extendNeighbours } from './neighbours.ts'
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
  sortIntoShards,
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
  /** Over the nodes of a cluster; a table that is replaced stays as it is. */
  readonly distribute?: boolean | undefined
  /** Radius of a neighbour table in arcseconds; a table that is replaced keeps its own. */
  readonly neighbours?: number | undefined
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
  const sharded = isSharded(run)
  if (sharded) {
    const there = await sortIntoShards(client, staging.table, target, plan.sortColumn!)
    if (there !== tally.taken)
      throw new ServiceError('internal', `Of ${tally.taken} rows ${there} are on the nodes.`)
  } else if (plan.sortColumn) await sortInto(client, staging.table, target, plan.sortColumn)
  else await renameTable(client, staging.table, target)
  const indexed = await buildIndexes(client, run, target, sharded)
  const neighbours = await neighboursOf(client, run, target, sharded)
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
    ...(plan.position && { position: plan.position }),
    ...(plan.sortColumn && { shardOrder: SHARD_ORDER }),
    ...(sharded && { distribution: 'sharded', cellIds: await cellIds(client, target) }),
    ...(neighbours && { neighbours }),
    rows: tally.taken,
    columns: plan.published().map(column => ({ ...column, indexed: indexed.has(column.sqlName) })),
  })
  await forgetCells(client, published)
  if (plan.position) await countCells(client, published, sqlName(target))
  for (const key of run.keys) await publishKey(client, key.published)
  if (existing) await retire(client, existing.sql)
  if (existing?.neighbours) {
    await retire(client, { schema: existing.sql.schema, table: existing.neighbours.sqlName })
  }
}

function isSharded({ options, existing, plan }: Run): boolean {
  if (!(options.distribute || existing?.sharded)) return false
  if (plan.sortColumn) return true
  throw new ServiceError(
    'usage',
    `${options.table} has no positions, and so no place in shards of the sky.`,
    {
      detail:
        'Name the identifier of its objects by --shard-id, where it has their cells in its upper bits, or load it without --distribute and copy it to all nodes by `almagest distribute`.',
    },
  )
}

async function neighboursOf(
  client: Client,
  { options, existing, plan, report }: Run,
  table: SqlTable,
  sharded: boolean,
): Promise<NeighbourTable | undefined> {
  const own = existing?.neighbours && existing.neighbours.radiusDeg * 3600
  const radius = options.neighbours ?? own ?? (sharded && plan.position ? DEFAULT_RADIUS : undefined)
  if (radius === undefined) return undefined
  if (!plan.position) {
    throw new ServiceError('usage', `${options.table} has no positions, and so no neighbours.`)
  }
  report({ phase: 'neighbours', done: 0 })
  return buildNeighbours(client, { table, position: plan.position }, radius, sharded)
}

/** Resolves to the PostgreSQL names of the columns that have an index. */
async function buildIndexes(
  client: Client,
  run: Run,
  table: SqlTable,
  sharded: boolean,
): Promise<Set<string>> {
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
      const isUnique = await indexIdentifier(client, table, id, sharded)
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

/** Identifiers tell the shard as long as they do in every row; in an empty table those of the first rows. */
async function keepCellIds(client: Client, { tableName }: Existing, added: SqlTable): Promise<void> {
  await client.query(
    `UPDATE almagest.published_table
        SET cell_ids = CASE WHEN row_count = 0 THEN $2::text[]
                            ELSE ARRAY (SELECT unnest(cell_ids) INTERSECT SELECT unnest($2::text[])) END
      WHERE table_name = $1`,
    [tableName, await cellIds(client, added)],
  )
}

async function append(client: Client, run: Run, existing: Existing, staging: Staging): Promise<void> {
  const { plan, report, tally } = run
  report({ phase: 'appending', done: 0 })
  try {
    await appendRows(client, staging.table, existing.sql, plan.sqlColumns, plan.sortColumn)
  } catch (error) {
    if (sqlStateOf(error) !== '23505') throw error
    const detail = (error as { detail?: string }).detail
    throw new ServiceError('usage', `A row that is to be added to ${existing.tableName} is there already.`, {
      ...(detail !== undefined && { detail }),
      cause: error,
    })
  }
  if (plan.position) await addCells(client, existing, sqlName(staging.table))
  if (plan.position && existing.neighbours) {
    const columns = plan.sqlColumns.map(column => column.name)
    const added = { table: staging.table, position: plan.position }
    await extendNeighbours(client, added, existing.neighbours, columns)
  }
  if (existing.sharded && tally.taken > 0) await keepCellIds(client, existing, staging.table)
  await analyze(client, existing.sql)
  await extendPublished(client, existing, plan, tally.taken)
}

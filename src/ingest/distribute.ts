/** A published table over the nodes of a Citus cluster: in shards of the sky, or small and whole on each of them. */
import { cellIdShift } from '../adql/shard-facts.ts'
import {
  copyToNodes,
  dropLocalRows,
  isDistributed,
  letIn,
  requireCitus,
  SHARD_COLUMN,
  shardTable,
} from '../db/citus.ts'
import type { Client, Database } from '../db/database.ts'
import { PUBLIC_ROLE } from '../db/roles.ts'
import { ServiceError } from '../error.ts'
import type { Report } from '../progress.ts'
import { announce, sqlIdentifier } from '../tap/publish.ts'
import { CELL_COLUMNS } from './cells.ts'
import { type Existing, type ExistingColumn, findPublished } from './existing.ts'
import { keepNeighbours } from './keep-neighbours.ts'
import { parseTableName } from './names.ts'
import { SHARD_ORDER } from './place.ts'
import { shardOf } from './plan.ts'
import { analyze, type SqlTable, sqlName } from './statements.ts'

export interface Distributed {
  readonly table: string
  readonly kind: 'sharded' | 'reference'
  readonly rows: number
  /** Columns whose values tell the shard. */
  readonly cellIds: readonly string[]
  /** Rows of the neighbour table. */
  readonly neighbours: number | undefined
}

export interface DistributeOptions {
  /** Radius of the neighbour table in arcseconds. */
  readonly neighbours?: number | undefined
  /** In a table without cells, the column whose upper bits have that of the object. */
  readonly shardId?: string | undefined
}

/** Distributes a table that is published. What is so already stays. */
export async function distribute(
  db: Database,
  name: string,
  options: DistributeOptions,
  report: Report,
): Promise<Distributed> {
  await requireCitus(db)
  const existing = await findPublished(db, parseTableName(name))
  if (!existing) throw new ServiceError('usage', `There is no published table ${name}.`)
  const { sql, tableName, position } = existing
  const hasCells = existing.columns.some(c => c.sqlName === SHARD_COLUMN)
  const shardId = hasCells
    ? undefined
    : existing.columns.find(c => c.sqlName === options.shardId?.toLowerCase())
  const kind = hasCells || shardId ? 'sharded' : 'reference'
  if (options.neighbours !== undefined && !(position && kind === 'sharded')) {
    throw new ServiceError('usage', `${tableName} has no cells of positions, and so no neighbours.`)
  }
  await letIn(db, PUBLIC_ROLE)
  const before = await rowsOf(db, sql)
  const moved = await db.transaction(async client => {
    report({ phase: 'distributing', done: 0, total: before })
    if (await isDistributed(client, sqlName(sql))) return false
    if (shardId) await addCells(client, existing, shardId)
    if (kind === 'sharded') {
      await widenUniqueIndexes(client, sql)
      await shardTable(client, sqlName(sql))
    } else await copyToNodes(client, sqlName(sql))
    return true
  })
  if (moved) await dropLocalRows(db, sqlName(sql))
  const after = await rowsOf(db, sql)
  if (after !== before) {
    throw new ServiceError('internal', `${tableName} had ${before} rows and has ${after} on the cluster.`)
  }
  const ids = await db.transaction(async client => {
    const found = kind === 'sharded' ? await cellIds(client, sql) : []
    await client.query(
      'UPDATE almagest.published_table SET distribution = $2, cell_ids = $3, updated_at = now() WHERE table_name = $1',
      [tableName, kind, found],
    )
    await analyze(client, sql)
    await announce(client)
    return found
  })
  // Neighbours that were kept on one machine move along.
  const own = existing.sharded ? undefined : existing.neighbours && existing.neighbours.radiusDeg * 3600
  const radius = options.neighbours ?? own
  const near = radius === undefined ? undefined : await keepNeighbours(db, name, radius, report)
  return { table: tableName, kind, rows: after, cellIds: ids, neighbours: near }
}

/** The cell of each row's object, as `ingest table --shard-id` has it. */
async function addCells(
  client: Client,
  { sql, tableName }: Existing,
  shardId: ExistingColumn,
): Promise<void> {
  if (shardId.datatype !== 'long') {
    throw new ServiceError('usage', `${tableName}.${shardId.sqlName} is no column of 64-bit integers.`)
  }
  const place = sqlName(sql)
  await client.query(
    `ALTER TABLE ${place} ADD COLUMN ${SHARD_COLUMN} integer GENERATED ALWAYS AS (${shardOf(shardId.sqlName)}) STORED`,
  )
  await client.query(`ALTER TABLE ${place} ALTER ${SHARD_COLUMN} DROP EXPRESSION`)
  const { field } = CELL_COLUMNS.find(column => column.sqlName === SHARD_COLUMN)!
  await client.query(
    `INSERT INTO almagest.published_column (table_name, column_name, datatype, ucd, description, column_index, sql_name)
     SELECT $1, $2, $3, $4, $5, max(column_index) + 1, $2 FROM almagest.published_column WHERE table_name = $1`,
    [tableName, SHARD_COLUMN, field.datatype, field.ucd, field.description],
  )
  await client.query('UPDATE almagest.published_table SET shard_order = $2 WHERE table_name = $1', [
    tableName,
    SHARD_ORDER,
  ])
}

async function rowsOf(client: Pick<Client, 'query'>, table: SqlTable): Promise<number> {
  const [row] = await client.query<{ count: string }>(`SELECT count(*) FROM ${sqlName(table)}`)
  return Number(row!.count)
}

/** A cluster keeps values unique within a shard only: the shard's number joins the columns of such indexes. */
async function widenUniqueIndexes(client: Client, table: SqlTable): Promise<void> {
  const indexes = await client.query<{ name: string; constraint: string | null; columns: string[] }>(
    `SELECT i.indexrelid::regclass::text AS name, c.conname AS constraint,
            array_agg(a.attname::text ORDER BY a.attnum) AS columns
       FROM pg_index AS i
            LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      WHERE i.indrelid = $1::regclass AND i.indisunique
      GROUP BY 1, 2 HAVING NOT bool_or(a.attname = $2)`,
    [sqlName(table), SHARD_COLUMN],
  )
  for (const { name, constraint, columns } of indexes) {
    if (constraint)
      await client.query(`ALTER TABLE ${sqlName(table)} DROP CONSTRAINT ${sqlIdentifier(constraint)}`)
    else await client.query(`DROP INDEX ${name}`)
    const list = [...columns, SHARD_COLUMN].map(sqlIdentifier).join(', ')
    await client.query(`CREATE UNIQUE INDEX ON ${sqlName(table)} (${list})`)
  }
}

/** Integer columns that have the object's cell in their upper bits, in every row. */
export async function cellIds(client: Client, table: SqlTable): Promise<string[]> {
  const columns = await client.query<{ name: string }>(
    `SELECT attname::text AS name FROM pg_attribute
      WHERE attrelid = $1::regclass AND atttypid = 'bigint'::regtype AND attnum > 0 AND attname <> 'hpx29'`,
    [sqlName(table)],
  )
  if (columns.length === 0) return []
  const shift = cellIdShift(SHARD_ORDER)
  const tests = columns.map(
    ({ name }, i) =>
      `bool_and((${sqlIdentifier(name)} >> ${shift}) IS NOT DISTINCT FROM ${SHARD_COLUMN}) AS c${i}`,
  )
  const [row] = await client.query<Record<string, boolean | null>>(
    `SELECT ${tests.join(', ')} FROM ${sqlName(table)}`,
  )
  return columns.flatMap(({ name }, i) => (row![`c${i}`] ? [name] : []))
}

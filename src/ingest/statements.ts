/** The statements that turn loaded rows into a table, each beside the function named for it. */
import { SHARD_COLUMN, shardTable } from '../db/citus.ts'
import type { Client, Database } from '../db/database.ts'
import { sqlStateOf } from '../db/error.ts'
import { sqlIdentifier } from '../tap/publish.ts'

export interface SqlTable {
  readonly schema: string
  readonly table: string
}

export interface SqlColumn {
  readonly name: string
  readonly type: string
  /** What PostgreSQL works it out of; no file has it. */
  readonly generated?: string
}

export function sqlName({ schema, table }: SqlTable): string {
  return `${sqlIdentifier(schema)}.${sqlIdentifier(table)}`
}

/** Memory for sorting and indexing in the transaction of an ingest, of which there are few at a time. */
export async function reserveMemory(client: Client): Promise<void> {
  await client.query(`SET LOCAL work_mem = '256MB'`)
  await client.query(`SET LOCAL maintenance_work_mem = '512MB'`)
}

/** False when somebody else is loading this table. The lock ends with the transaction. */
export async function lockTable(client: Client, { schema, table }: SqlTable): Promise<boolean> {
  const [row] = await client.query<{ locked: boolean }>(
    `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked`,
    [`almagest ingest ${schema}.${table}`],
  )
  return row!.locked
}

export async function tableExists(client: Client, table: SqlTable): Promise<boolean> {
  const [row] = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    sqlName(table),
  ])
  return row!.found
}

/** The table's own name, or the next one like it that is free (`name~2`), for a table built beside another. */
export async function freeName(client: Client, { schema, table }: SqlTable): Promise<SqlTable> {
  for (let n = 1; ; n++) {
    const candidate = { schema, table: n === 1 ? table : `${table}~${n}` }
    if (!(await tableExists(client, candidate))) return candidate
  }
}

export async function createTable(
  client: Client,
  table: SqlTable,
  columns: readonly SqlColumn[],
  persistence: '' | 'UNLOGGED' = '',
): Promise<void> {
  const list = columns.map(({ name, type, generated }) => {
    const source = generated === undefined ? '' : ` GENERATED ALWAYS AS (${generated}) STORED`
    return `${sqlIdentifier(name)} ${type}${source}`
  })
  await client.query(`CREATE ${persistence} TABLE ${sqlName(table)} (${list.join(', ')})`)
}

export async function copyRows(
  client: Client,
  table: SqlTable,
  columns: readonly SqlColumn[],
  data: AsyncIterable<Buffer>,
): Promise<void> {
  const copied = columns.filter(column => column.generated === undefined)
  await client.copyFrom(`COPY ${sqlName(table)} (${names(copied)}) FROM STDIN (FORMAT binary)`, data)
}

/** Makes `target` of the rows of `loaded`, in the order of a column. */
export async function sortInto(
  client: Client,
  loaded: SqlTable,
  target: SqlTable,
  column: string,
): Promise<void> {
  const order = sqlIdentifier(column)
  await client.query(`CREATE TABLE ${sqlName(target)} AS SELECT * FROM ${sqlName(loaded)} ORDER BY ${order}`)
}

/** The same over the nodes of a cluster; resolves to the number of rows there. */
export async function sortIntoShards(
  client: Client,
  loaded: SqlTable,
  target: SqlTable,
  column: string,
): Promise<number> {
  await client.query(`CREATE TABLE ${sqlName(target)} (LIKE ${sqlName(loaded)})`)
  await shardTable(client, sqlName(target))
  await client.query(
    `INSERT INTO ${sqlName(target)} SELECT * FROM ${sqlName(loaded)} ORDER BY ${sqlIdentifier(column)}`,
  )
  const [row] = await client.query<{ count: string }>(`SELECT count(*) FROM ${sqlName(target)}`)
  return Number(row!.count)
}

export async function renameTable(client: Client, table: SqlTable, to: SqlTable): Promise<void> {
  await client.query(`ALTER TABLE ${sqlName(table)} RENAME TO ${sqlIdentifier(to.table)}`)
}

/** In the order of a column, if one is named. */
export async function appendRows(
  client: Client,
  loaded: SqlTable,
  target: SqlTable,
  columns: readonly SqlColumn[],
  sortColumn: string | undefined,
): Promise<void> {
  const order = sortColumn ? ` ORDER BY ${sqlIdentifier(sortColumn)}` : ''
  await client.query(
    `INSERT INTO ${sqlName(target)} (${names(columns)}) SELECT ${names(columns)} FROM ${sqlName(loaded)}${order}`,
  )
}

/**
 * Calls back with how far the index at work in a client's transaction is, seen from other connections; resolves to
 * a function that ends it.
 */
export async function watchIndexing(
  db: Database,
  client: Client,
  seen: (done: number, total: number) => void,
): Promise<() => void> {
  const [own] = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const look = async () => {
    const [index] = await db.query<{ done: string; total: string }>(
      'SELECT blocks_done AS done, blocks_total AS total FROM pg_stat_progress_create_index WHERE pid = $1',
      [own!.pid],
    )
    if (index && Number(index.total) > 0) seen(Number(index.done), Number(index.total))
  }
  const timer = setInterval(() => look().catch(() => {}), 1000)
  return () => clearInterval(timer)
}

/** GiST for regions and pairs, b-tree for cell ranges. */
export async function indexPosition(client: Client, table: SqlTable, ra: string, dec: string): Promise<void> {
  const point = `spoint(radians(${sqlIdentifier(ra)}), radians(${sqlIdentifier(dec)}))`
  await client.query(`CREATE INDEX ON ${sqlName(table)} USING gist (${point})`)
  await client.query(`CREATE INDEX ON ${sqlName(table)} (hpx29)`)
}

export async function indexColumn(client: Client, table: SqlTable, column: string): Promise<void> {
  await client.query(`CREATE INDEX ON ${sqlName(table)} (${sqlIdentifier(column)})`)
}

/**
 * B-tree on an identifier; unique where it is, which is the answer. On a cluster PostgreSQL can tell within a shard
 * only, whose number is then a part of the index.
 */
export async function indexIdentifier(
  client: Client,
  table: SqlTable,
  column: string,
  sharded: boolean,
): Promise<boolean> {
  const columns = sharded ? [column, SHARD_COLUMN] : [column]
  const on = `INDEX ON ${sqlName(table)} (${columns.map(sqlIdentifier).join(', ')})`
  await client.query('SAVEPOINT identifier')
  try {
    await client.query(`CREATE UNIQUE ${on}`)
    await client.query('RELEASE SAVEPOINT identifier')
    return true
  } catch (error) {
    if (sqlStateOf(error) !== '23505') throw error
    await client.query('ROLLBACK TO SAVEPOINT identifier')
    await client.query(`CREATE ${on}`)
    return false
  }
}

export async function analyze(client: Client, table: SqlTable): Promise<void> {
  await client.query(`ANALYZE ${sqlName(table)}`)
}

function names(columns: readonly SqlColumn[]): string {
  return columns.map(({ name }) => sqlIdentifier(name)).join(', ')
}

/** Tables that a newer one has replaced: they stay until the queries that read them are done. */
import type { Client, Database } from '../db/database.ts'
import { sqlStateOf } from '../db/error.ts'
import { type SqlTable, sqlName } from './statements.ts'

export async function retire(client: Client, { schema, table }: SqlTable): Promise<void> {
  await client.query('INSERT INTO almagest.retired_table (sql_schema, sql_table) VALUES ($1, $2)', [
    schema,
    table,
  ])
}

/** How long a drop may wait for readers; those that come meanwhile wait behind it. */
const DROP_WAIT = '1s'

/**
 * Drops replaced tables that nobody reads any more, and gives the others. One that was replaced a moment ago stays,
 * for queries that were compiled before and are still to begin.
 */
export async function dropRetired(db: Database): Promise<SqlTable[]> {
  const retired = await db.query<SqlTable & { ripe: boolean }>(
    `SELECT sql_schema AS schema, sql_table AS table, retired_at < clock_timestamp() - interval '2 s' AS ripe
       FROM almagest.retired_table`,
  )
  const left: SqlTable[] = []
  for (const { ripe, ...table } of retired) {
    if (!ripe || !(await drop(db, table))) left.push(table)
  }
  return left
}

async function drop(db: Database, { schema, table }: SqlTable): Promise<boolean> {
  try {
    await db.transaction(async client => {
      await client.query(`SET LOCAL lock_timeout = '${DROP_WAIT}'`)
      await client.query(`DROP TABLE IF EXISTS ${sqlName({ schema, table })}`)
      await client.query('DELETE FROM almagest.retired_table WHERE sql_schema = $1 AND sql_table = $2', [
        schema,
        table,
      ])
    })
    return true
  } catch (error) {
    if (sqlStateOf(error) === '55P03') return false
    throw error
  }
}

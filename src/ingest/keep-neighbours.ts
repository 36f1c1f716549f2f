/** The neighbour table of a table that is published already. */
import type { Database } from '../db/database.ts'
import { applyAccess } from '../db/roles.ts'
import { ServiceError } from '../error.ts'
import type { Report } from '../progress.ts'
import { announce } from '../tap/publish.ts'
import { findPublished } from './existing.ts'
import { parseTableName } from './names.ts'
import { buildNeighbours } from './neighbours.ts'
import { dropRetired, retire } from './retired.ts'
import { reserveMemory, sqlName } from './statements.ts'

/** Builds it, in place of another that is there; resolves to the number of its rows. */
export async function keepNeighbours(
  db: Database,
  name: string,
  radiusArcsec: number,
  report: Report,
): Promise<number> {
  await dropRetired(db)
  const existing = await findPublished(db, parseTableName(name))
  if (!existing) throw new ServiceError('usage', `There is no published table ${name}.`)
  const { sql, tableName, position, sharded, neighbours: before } = existing
  if (!position || !existing.columns.some(column => column.sqlName === 'hpx29')) {
    throw new ServiceError('usage', `${tableName} has no cells of positions, and so no neighbours.`)
  }
  return db.transaction(async client => {
    await reserveMemory(client)
    report({ phase: 'neighbours', done: 0 })
    const near = await buildNeighbours(client, { table: sql, position }, radiusArcsec, sharded)
    if (before) await retire(client, { schema: sql.schema, table: before.sqlName })
    await client.query(
      `UPDATE almagest.published_table
          SET near_table = $2, near_radius = $3, near_order = $4, updated_at = now() WHERE table_name = $1`,
      [tableName, near.sqlName, near.radiusDeg, near.cellOrder],
    )
    await applyAccess(client)
    await announce(client)
    const [row] = await client.query<{ count: string }>(
      `SELECT count(*) FROM ${sqlName({ schema: sql.schema, table: near.sqlName })}`,
    )
    return Number(row!.count)
  })
}

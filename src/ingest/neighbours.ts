/**
 * Neighbour tables: every row of a table in each HEALPix cell that has a point within a radius of it, so that pairs of
 * rows are found by the equality of cells (adql/neighbours). Beside the table's own columns they have `near_cell`
 * and, for clusters, `near_shard`, the shard of that cell.
 */
import type { NeighbourTable } from '../adql/tables.ts'
import { SHARD_COLUMN, shardTable } from '../db/citus.ts'
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { cellSide } from '../healpix/geometry.ts'
import { sqlIdentifier } from '../tap/publish.ts'
import { SHARD_ORDER } from './place.ts'
import { analyze, freeName, type SqlTable, sqlName } from './statements.ts'

/** Arcseconds. */
export const DEFAULT_RADIUS = 5
/** Of a cell's side: wider cells have more rows to compare, narrower ones more copies of each. */
const CELL_OVER_RADIUS = 8
/** By how much the copies reach farther: pgSphere takes distances within 1e-9 rad for equal. */
const SLACK_DEG = 1e-6

/** The deepest order whose cells are wide enough; deep enough to lie within one shard. */
export function neighbourOrder(radiusArcsec: number): number {
  const order = Math.floor(Math.log2((cellSide(0) * 3600) / (CELL_OVER_RADIUS * radiusArcsec)))
  if (!(radiusArcsec > 0) || order < SHARD_ORDER) {
    throw new ServiceError('usage', `A radius of ${radiusArcsec}" is not between 0 and 200 arcseconds.`)
  }
  return Math.min(order, 26)
}

interface Positioned {
  readonly table: SqlTable
  readonly position: { readonly ra: string; readonly dec: string }
}

/** Builds the neighbour table of a table, distributed like it where it is. */
export async function buildNeighbours(
  client: Client,
  { table, position }: Positioned,
  radiusArcsec: number,
  sharded: boolean,
): Promise<NeighbourTable> {
  const cellOrder = neighbourOrder(radiusArcsec)
  const target = await freeName(client, { schema: table.schema, table: `${table.table}~near` })
  const near = { sqlName: target.table, radiusDeg: radiusArcsec / 3600, cellOrder }
  const select = copies(table, position, near)
  if (sharded) {
    await client.query(`CREATE TABLE ${sqlName(target)} AS ${select} LIMIT 0`)
    await shardTable(client, sqlName(target), 'near_shard')
    await client.query(`INSERT INTO ${sqlName(target)} ${select}`)
  } else await client.query(`CREATE TABLE ${sqlName(target)} AS ${select} ORDER BY near_cell`)
  await client.query(`CREATE INDEX ON ${sqlName(target)} (near_cell)`)
  await analyze(client, target)
  return near
}

/** Adds the rows of `added` to the neighbour table of a table. */
export async function extendNeighbours(
  client: Client,
  added: Positioned,
  near: NeighbourTable,
  columns: readonly string[],
): Promise<void> {
  const names = [...columns, 'near_cell', 'near_shard'].map(sqlIdentifier).join(', ')
  const target = { schema: added.table.schema, table: near.sqlName }
  await client.query(
    `INSERT INTO ${sqlName(target)} (${names}) SELECT ${names} FROM (${copies(added.table, added.position, near)}) AS c`,
  )
  await analyze(client, target)
}

function copies(
  table: SqlTable,
  { ra, dec }: { readonly ra: string; readonly dec: string },
  { radiusDeg, cellOrder }: NeighbourTable,
): string {
  const point = `spoint(radians(t.${sqlIdentifier(ra)}), radians(t.${sqlIdentifier(dec)}))`
  return `SELECT t.*, near_cell, (near_cell >> ${2 * (cellOrder - SHARD_ORDER)})::integer AS near_shard
            FROM ${sqlName(table)} AS t,
                 LATERAL almagest.cells_near(${point}, radians(${radiusDeg + SLACK_DEG}), ${cellOrder}) AS near_cell
           WHERE t.${SHARD_COLUMN} IS NOT NULL`
}

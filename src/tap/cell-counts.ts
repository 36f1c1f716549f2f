/**
 * Rows per HEALPix cell of a published table, kept by whatever loads it and read for the estimates of the query
 * doctor: pgSphere's selectivity is a constant.
 */
import type { Client } from '../db/database.ts'
import { adqlTableName } from './publish.ts'

/**
 * Order of the counted cells: 3.4′ across, so that a cone of a thousand rows at the edge of a survey is not taken for
 * half of it. Shards (order 7, 27′) are too coarse for that.
 */
export const COUNT_ORDER = 10

/** Counts of a table that are kept as they are, however few rows are in each. */
const FEW_CELLS = 50_000
/** Rows that a cell should have on the average where there are more. */
const ENOUGH_ROWS = 8
/** The whole sky has 49,152 cells of this order. */
const COARSEST = 6

/** Square degrees of a cell of COUNT_ORDER. */
export const CELL_DEG2 = (4 * Math.PI * (180 / Math.PI) ** 2) / 12 / 4 ** COUNT_ORDER

interface Published {
  readonly schema: string
  readonly table: string
}

/** A stretch of cells of COUNT_ORDER, both ends included, and the part of their area that counts. */
export interface CellRange {
  readonly first: number
  readonly last: number
  readonly part: number
}

/**
 * Counts the rows of `rows` (an SQL table name), by their hpx29, for a published table that has no counts. A catalogue
 * that is sparse over much of the sky, and would have a cell for nearly every row, is counted in larger ones.
 */
export async function countCells(client: Client, { schema, table }: Published, rows: string): Promise<void> {
  const finest = 2 * (29 - COUNT_ORDER)
  const occupied = (order: number) =>
    `(SELECT count(*) FROM (SELECT FROM finest GROUP BY cell >> ${2 * (COUNT_ORDER - order)}) AS c)`
  const coarser = Array.from({ length: COUNT_ORDER - COARSEST - 1 }, (_, i) => COUNT_ORDER - 1 - i)
  const enough = coarser.map(order => `WHEN total >= ${ENOUGH_ROWS} * ${occupied(order)} THEN ${order}`)
  await client.query(
    `INSERT INTO almagest.cell_count AS c (table_name, cell_order, cell, row_count)
     WITH finest AS MATERIALIZED (
       SELECT hpx29 >> ${finest} AS cell, count(*) AS n FROM ${rows} WHERE hpx29 IS NOT NULL GROUP BY 1
     ), sums AS (SELECT count(*) AS cells, sum(n) AS total FROM finest),
     chosen AS (
       SELECT CASE WHEN cells <= ${FEW_CELLS} OR total >= ${ENOUGH_ROWS} * cells THEN ${COUNT_ORDER}
                   ${enough.join(' ')} ELSE ${COARSEST} END AS cell_order FROM sums
     )
     SELECT $1, cell_order, cell >> (2 * (${COUNT_ORDER} - cell_order)), sum(n)
       FROM finest, chosen GROUP BY 2, 3 ORDER BY 3`,
    [adqlTableName(schema, table)],
  )
}

/**
 * Adds them to the counts that the table has, in cells of the same order. For an all-sky catalogue that takes twice the
 * time. In the order of the cells, so that the index grows at its end.
 */
export async function addCells(client: Client, published: Published, rows: string): Promise<void> {
  const order = await orderOf(client, published)
  if (order === undefined) return countCells(client, published, rows)
  await client.query(
    `INSERT INTO almagest.cell_count AS c (table_name, cell_order, cell, row_count)
     SELECT $1, $2, hpx29 >> $3, count(*) FROM ${rows} WHERE hpx29 IS NOT NULL GROUP BY 3 ORDER BY 3
     ON CONFLICT (table_name, cell) DO UPDATE SET row_count = c.row_count + excluded.row_count`,
    [adqlTableName(published.schema, published.table), order, 2 * (29 - order)],
  )
}

/** All counts of a table are of one order; undefined when there are none. */
async function orderOf(client: Client, { schema, table }: Published): Promise<number | undefined> {
  const [row] = await client.query<{ cell_order: number }>(
    'SELECT cell_order FROM almagest.cell_count WHERE table_name = $1 LIMIT 1',
    [adqlTableName(schema, table)],
  )
  return row?.cell_order
}

export async function forgetCells(client: Client, { schema, table }: Published): Promise<void> {
  await client.query('DELETE FROM almagest.cell_count WHERE table_name = $1', [adqlTableName(schema, table)])
}

/**
 * Rows of a published table in stretches of cells of COUNT_ORDER, weighted by their parts; undefined when its cells are
 * not counted. Each stretch is one look into the index of the counts.
 */
export async function rowsInCells(
  client: Client,
  published: Published,
  ranges: readonly CellRange[],
): Promise<number | undefined> {
  const order = await orderOf(client, published)
  if (order === undefined) return undefined
  const stretches = order === COUNT_ORDER ? ranges : inLargerCells(ranges, 4 ** (COUNT_ORDER - order))
  const [row] = await client.query<{ rows: number }>(
    `SELECT coalesce(sum(r.part * c.rows), 0)::float8 AS rows
       FROM unnest($2::int8[], $3::int8[], $4::float8[]) AS r (first, last, part),
            LATERAL (SELECT sum(row_count) AS rows FROM almagest.cell_count
                      WHERE table_name = $1 AND cell BETWEEN r.first AND r.last) AS c`,
    [
      adqlTableName(published.schema, published.table),
      stretches.map(r => r.first),
      stretches.map(r => r.last),
      stretches.map(r => r.part),
    ],
  )
  return row?.rows
}

/** The same region in cells of which each holds `size` of the smaller ones; rows are taken to lie evenly in them. */
export function inLargerCells(ranges: readonly CellRange[], size: number): CellRange[] {
  const whole: CellRange[] = []
  const edges = new Map<number, number>()
  for (const { first, last, part } of ranges) {
    const [from, to] = [Math.ceil(first / size), Math.floor((last + 1) / size) - 1]
    if (from <= to) whole.push({ first: from, last: to, part })
    for (const cell of new Set([Math.floor(first / size), Math.floor(last / size)])) {
      if (cell >= from && cell <= to) continue
      const inside = Math.min(last, (cell + 1) * size - 1) - Math.max(first, cell * size) + 1
      edges.set(cell, (edges.get(cell) ?? 0) + (part * inside) / size)
    }
  }
  return [...whole, ...Array.from(edges, ([cell, part]) => ({ first: cell, last: cell, part }))]
}

/**
 * Pairs of rows of two published tables within a radius, when every row of the sparser one has one counterpart and
 * all else is chance: Σ min(a, b) + a b πr²/A over the cells. Undefined when the tables have no cell in common, or
 * none counted. `counterparts`: false for a table with itself, when rows are kept from pairing with themselves.
 */
export async function pairsInCells(
  client: Client,
  a: Published,
  b: Published,
  radiusDeg: number,
  counterparts: boolean,
): Promise<number | undefined> {
  const orders = await Promise.all([orderOf(client, a), orderOf(client, b)])
  const order = Math.min(...orders.map(found => found ?? COUNT_ORDER))
  const counts = (table: string) =>
    `(SELECT cell >> (2 * (cell_order - ${order})) AS cell, sum(row_count)::float8 AS row_count
        FROM almagest.cell_count WHERE table_name = ${table} GROUP BY 1)`
  const [row] = await client.query<{ cells: number; pairs: number }>(
    `SELECT count(*)::float8 AS cells,
            coalesce(sum($4::int * least(a.row_count, b.row_count) + a.row_count * b.row_count * $3), 0)::float8 AS pairs
       FROM ${counts('$1')} AS a JOIN ${counts('$2')} AS b USING (cell)`,
    [
      adqlTableName(a.schema, a.table),
      adqlTableName(b.schema, b.table),
      (Math.PI * radiusDeg ** 2) / areaOf(order),
      counterparts ? 1 : 0,
    ],
  )
  return row && row.cells > 0 ? row.pairs : undefined
}

/** Rows per square degree where a published table has rows; undefined when its cells are not counted. */
export async function meanDensity(client: Client, { schema, table }: Published): Promise<number | undefined> {
  const [row] = await client.query<{ cell_order: number; mean: number }>(
    `SELECT cell_order, avg(row_count)::float8 AS mean FROM almagest.cell_count WHERE table_name = $1 GROUP BY 1`,
    [adqlTableName(schema, table)],
  )
  return row && row.mean / areaOf(row.cell_order)
}

/** Square degrees of a cell. */
const areaOf = (order: number) => CELL_DEG2 * 4 ** (COUNT_ORDER - order)

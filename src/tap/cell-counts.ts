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

/** Square degrees of a cell. */
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

/** Counts the rows of `rows` (an SQL table name), by their hpx29, for a published table that has no counts. */
export async function countCells(client: Client, published: Published, rows: string): Promise<void> {
  await insertCounts(client, published, rows, '')
}

/** Adds them to the counts that the table has. For an all-sky catalogue that takes twice the time. */
export async function addCells(client: Client, published: Published, rows: string): Promise<void> {
  const merge = 'ON CONFLICT (table_name, cell) DO UPDATE SET row_count = c.row_count + excluded.row_count'
  await insertCounts(client, published, rows, merge)
}

/** In the order of the cells, so that the index grows at its end. */
async function insertCounts(
  client: Client,
  { schema, table }: Published,
  rows: string,
  merge: string,
): Promise<void> {
  await client.query(
    `INSERT INTO almagest.cell_count AS c (table_name, cell_order, cell, row_count)
     SELECT $1, $2, hpx29 >> $3, count(*) FROM ${rows} WHERE hpx29 IS NOT NULL GROUP BY 3 ORDER BY 3 ${merge}`,
    [adqlTableName(schema, table), COUNT_ORDER, 2 * (29 - COUNT_ORDER)],
  )
}

export async function forgetCells(client: Client, { schema, table }: Published): Promise<void> {
  await client.query('DELETE FROM almagest.cell_count WHERE table_name = $1', [adqlTableName(schema, table)])
}

/**
 * Rows of a published table in stretches of cells, weighted by their parts; undefined when its cells are not
 * counted. Each stretch is one look into the index of the counts.
 */
export async function rowsInCells(
  client: Client,
  { schema, table }: Published,
  ranges: readonly CellRange[],
): Promise<number | undefined> {
  const [row] = await client.query<{ counted: boolean; rows: number }>(
    `SELECT EXISTS (SELECT FROM almagest.cell_count WHERE table_name = $1 AND cell_order = $2) AS counted,
            (SELECT coalesce(sum(r.part * c.rows), 0)::float8
               FROM unnest($3::int8[], $4::int8[], $5::float8[]) AS r (first, last, part),
                    LATERAL (SELECT sum(row_count) AS rows FROM almagest.cell_count
                              WHERE table_name = $1 AND cell BETWEEN r.first AND r.last) AS c) AS rows`,
    [
      adqlTableName(schema, table),
      COUNT_ORDER,
      ranges.map(r => r.first),
      ranges.map(r => r.last),
      ranges.map(r => r.part),
    ],
  )
  return row?.counted ? row.rows : undefined
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
  const [row] = await client.query<{ cells: number; pairs: number }>(
    `SELECT count(*)::float8 AS cells,
            coalesce(sum($4::int * least(a.row_count, b.row_count) + a.row_count * b.row_count::float8 * $3), 0)::float8 AS pairs
       FROM almagest.cell_count AS a JOIN almagest.cell_count AS b USING (cell)
      WHERE a.table_name = $1 AND b.table_name = $2`,
    [
      adqlTableName(a.schema, a.table),
      adqlTableName(b.schema, b.table),
      (Math.PI * radiusDeg ** 2) / CELL_DEG2,
      counterparts ? 1 : 0,
    ],
  )
  return row && row.cells > 0 ? row.pairs : undefined
}

/** Rows per square degree where a published table has rows; undefined when its cells are not counted. */
export async function meanDensity(client: Client, { schema, table }: Published): Promise<number | undefined> {
  const [row] = await client.query<{ mean: number | null }>(
    'SELECT avg(row_count)::float8 AS mean FROM almagest.cell_count WHERE table_name = $1',
    [adqlTableName(schema, table)],
  )
  return row?.mean == null ? undefined : row.mean / CELL_DEG2
}

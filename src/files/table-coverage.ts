/** The part of the sky in which a published table has rows, as a MOC (MOC 2.0). */
import type { Client } from '../db/database.ts'
import { type Moc, mocOfCells, mocOfRanges } from '../healpix/moc.ts'
import type { Coverage } from './coverage.ts'

/** Cells of 3.4′, which are counted when a table is loaded. */
const ORDER = 10

interface Row {
  table_name: string
  sql_schema: string
  sql_table: string
  ra_column: string | null
  dec_column: string | null
  state: string
  counted: boolean
  has_cells: boolean
}

const remembered = new Map<string, Coverage>()

/**
 * `name` as TAP_SCHEMA has it, in any case. Undefined when there is no such table, or it has no positions. Kept in
 * memory as long as the table stays as it is.
 */
export async function tableCoverage(client: Client, name: string): Promise<Coverage | undefined> {
  const [table] = await client.query<Row>(
    `SELECT t.table_name, t.sql_schema, t.sql_table, t.ra_column, t.dec_column,
            t.updated_at || '-' || coalesce(t.row_count, 0) AS state,
            EXISTS (SELECT FROM almagest.cell_count AS c WHERE c.table_name = t.table_name AND c.cell_order = ${ORDER}) AS counted,
            EXISTS (SELECT FROM almagest.published_column AS c
                     WHERE c.table_name = t.table_name AND c.sql_name = 'hpx29') AS has_cells
       FROM almagest.published_table AS t WHERE lower(t.table_name) = lower($1)`,
    [name],
  )
  if (!table || (table.ra_column === null && !table.has_cells)) return undefined
  const known = remembered.get(table.table_name)
  if (known?.state === table.state) return known
  const coverage = { moc: await mocOf(client, table), state: table.state }
  remembered.set(table.table_name, coverage)
  return coverage
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

async function mocOf(client: Client, table: Row): Promise<Moc> {
  const rows = `${quoted(table.sql_schema)}.${quoted(table.sql_table)}`
  if (table.counted)
    return ranges(client, 'SELECT cell FROM almagest.cell_count WHERE table_name = $1', [table.table_name])
  if (table.has_cells)
    return ranges(
      client,
      `SELECT DISTINCT hpx29 >> ${2 * (29 - ORDER)} AS cell FROM ${rows} WHERE hpx29 IS NOT NULL`,
    )
  const [ra, dec] = [quoted(table.ra_column!), quoted(table.dec_column!)]
  return ranges(
    client,
    `SELECT DISTINCT healpix_nest(${ORDER}, spoint(radians(${ra}), radians(${dec}))) AS cell FROM ${rows}
      WHERE ${ra} BETWEEN -360 AND 720 AND ${dec} BETWEEN -90 AND 90`,
  )
}

/** Runs of cells that follow each other: an all-sky table has millions of cells and few runs. */
async function ranges(client: Client, cells: string, values: readonly string[] = []): Promise<Moc> {
  const runs = await client.query<{ first: number; after: number }>(
    `SELECT min(cell)::float8 AS first, max(cell)::float8 + 1 AS after
       FROM (SELECT cell, cell - row_number() OVER (ORDER BY cell) AS run FROM (${cells}) AS c) AS numbered
      GROUP BY run ORDER BY 1`,
    values,
  )
  if (runs.length === 0) return mocOfCells(ORDER, [])
  return mocOfRanges(
    ORDER,
    runs.flatMap(({ first, after }) => [first, after]),
  )
}

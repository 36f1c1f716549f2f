/** How many rows of a table lie in each pixel, or the mean of an expression over them: from a GROUP BY on their cells. */
import { compile } from '../adql/index.ts'
import type { TableMeta, Tables } from '../adql/tables.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { faceCell } from '../healpix/nested.ts'
import type { Report } from '../progress.ts'
import { cellExpression, placedCondition, tableInAdql } from './catalogue-rows.ts'
import { type MapTile, newTile, rowsOfCell } from './map-tree.ts'
import { ownRows } from './own-rows.ts'
import { PIXEL_DEPTH, TILE_WIDTH } from './tile.ts'

export interface DensityRequest {
  readonly table: TableMeta
  readonly tables: Tables
  /** Of the finest tiles. */
  readonly order: number
  /** ADQL of a number whose mean is wanted; undefined: the number of rows. */
  readonly mean: string | undefined
  /** An ADQL condition that rows must meet. */
  readonly where: string | undefined
  /**
   * Rows are so dense that every cell of this order within the survey has some: pixels without rows count as empty
   * there, and as unknown elsewhere. From the order of the tiles to that of the pixels.
   */
  readonly filledOrder: number
  readonly report: Report
  readonly signal: AbortSignal
}

/** Finest tiles in ascending order. */
export async function* densityTiles(db: Database, request: DensityRequest): AsyncGenerator<MapTile> {
  const { table, tables, order, mean, where, filledOrder, report, signal } = request
  const pixelOrder = order + PIXEL_DEPTH
  const condition = `${placedCondition(table)}${where ? ` AND (${where})` : ''}`
  const sql = compile(
    `SELECT cell, ${mean ? 'SUM(v), COUNT(v)' : 'COUNT(*), COUNT(*)'}
       FROM (SELECT ${cellExpression(table, pixelOrder)} AS cell${mean ? `, CAST(${mean} AS DOUBLE PRECISION) AS v` : ''}
               FROM ${tableInAdql(table)} WHERE ${condition}) AS placed
      GROUP BY cell ORDER BY cell`,
    tables,
    { maxrec: undefined },
  )
  const perTile = 4 ** PIXEL_DEPTH
  const filledDepth = filledOrder - order
  const perFilled = 4 ** (PIXEL_DEPTH - filledDepth)
  let tile: MapTile | undefined
  let lastFilled = -1
  let done = 0
  for await (const rows of ownRows(db, sql, signal)) {
    report({ phase: 'rows', done, ...(table.rows !== undefined && { total: table.rows }) })
    for (const [cell, sum, count] of rows) {
      const n = Number(count)
      done += n
      if (n === 0) continue
      const npix = Math.floor(Number(cell) / perTile)
      if (tile?.npix !== npix) {
        if (tile) yield tile
        tile = newTile(npix)
        lastFilled = -1
      }
      const inTile = Number(cell) - npix * perTile
      const filled = Math.floor(inTile / perFilled)
      if (!mean && filled !== lastFilled) fill(tile, filledDepth, filled)
      lastFilled = filled
      const p = pixelOf(inTile)
      tile.sum[p] = Number(sum)
      tile.weight[p] = mean ? n : 1
    }
  }
  if (!tile)
    throw new ServiceError('usage', `there are no rows with a position in ${table.schema}.${table.name}`)
  yield tile
}

function fill({ weight }: MapTile, depth: number, cell: number): void {
  rowsOfCell(depth, cell, (first, length) => weight.fill(1, first, first + length))
}

/** Of a cell of the pixels' order, counted from the first of the tile. */
function pixelOf(inTile: number): number {
  const { x, y } = faceCell(PIXEL_DEPTH, inTile)
  return (TILE_WIDTH - 1 - x) * TILE_WIDTH + y
}

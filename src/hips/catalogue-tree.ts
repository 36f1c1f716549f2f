/**
 * A table as a tree of tiles that shows the most important rows first (progressive catalogue, as those of CDS): every
 * row is in exactly one tile, and within any cell the rows of coarser tiles rank before those of finer ones.
 *
 * Rows come in the order of their cells and are read once. A cell with more rows than a tile may keep is divided; when
 * its four parts are through, the best of what they kept moves up, and what is left stays in their tiles. A cell hands
 * over as many rows as all tiles above it may want, so the ranking is exact; memory holds the cells of one branch.
 */
import { type CatalogueRow, ROW_ORDER } from './catalogue-rows.ts'
import type { Tile } from './tile.ts'

/** Progressive catalogues begin here: 48 cells. */
export const FIRST_ORDER = 1

export interface CatalogueTile extends Tile {
  /** Most important first. */
  readonly rows: readonly CatalogueRow[]
  /** Rows in the cell, and how many of them are in this tile or coarser ones. */
  readonly total: number
  readonly shown: number
}

export interface TreeLimits {
  /** Rows that a tile of an order keeps at least, when the cell has them. */
  readonly perTile: (order: number) => number
  /** Tiles of this order keep all that is left. */
  readonly deepest: number
}

/** A cell whose tile waits for what its parent takes. */
interface Waiting extends Tile {
  rows: CatalogueRow[]
  readonly total: number
  /** Rows in finer tiles. */
  readonly below: number
}

/** Gives tiles to `write` as they are complete, children before parents. Resolves to the number of rows. */
export async function catalogueTree(
  rows: AsyncIterable<readonly CatalogueRow[]>,
  { perTile, deepest }: TreeLimits,
  write: (tile: CatalogueTile) => void,
): Promise<number> {
  const reader = readerOf(rows)
  /** Rows of a cell that its own tile and all coarser ones may want. */
  const wanted: number[] = []
  for (let order = 0; order <= deepest; order++)
    wanted.push(order < FIRST_ORDER ? 0 : perTile(order) + wanted[order - 1]!)

  async function cell(order: number, npix: number): Promise<Waiting> {
    const end = (npix + 1) * 4 ** (ROW_ORDER - order)
    const kept = await reader.take(end, order < deepest ? wanted[order]! : Infinity)
    const total = kept.length
    if (!(await reader.hasBelow(end))) return { order, npix, rows: kept.sort(byRank), total, below: 0 }
    reader.giveBack(kept)
    return parent(order, npix, end)
  }

  async function parent(order: number, npix: number, end: number): Promise<Waiting> {
    const parts: Waiting[] = []
    for (let child = 4 * npix; child < 4 * npix + 4; child++) {
      const childEnd = (child + 1) * 4 ** (ROW_ORDER - order - 1)
      if (await reader.hasBelow(Math.min(childEnd, end))) parts.push(await cell(order + 1, child))
    }
    const all = parts.flatMap(part => part.rows).sort(byRank)
    const taken = new Set(all.splice(0, wanted[order]!))
    let below = 0
    for (const part of parts) {
      part.rows = part.rows.filter(row => !taken.has(row))
      close(part)
      below += part.rows.length + part.below
    }
    return { order, npix, rows: [...taken], total: taken.size + below, below }
  }

  function close({ order, npix, rows: left, total, below }: Waiting): void {
    if (left.length > 0) write({ order, npix, rows: left, total, shown: total - below })
  }

  let count = 0
  for (let npix = 0; npix < 12 * 4 ** FIRST_ORDER; npix++) {
    if (!(await reader.hasBelow((npix + 1) * 4 ** (ROW_ORDER - FIRST_ORDER)))) continue
    const first = await cell(FIRST_ORDER, npix)
    close(first)
    count += first.total
  }
  return count
}

const byRank = (a: CatalogueRow, b: CatalogueRow) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0)

/** Rows one after the other; some may be given back to be read again. */
function readerOf(source: AsyncIterable<readonly CatalogueRow[]>) {
  const batches = source[Symbol.asyncIterator]()
  let batch: readonly CatalogueRow[] = []
  let at = 0

  /** The next row, without taking it; undefined at the end. */
  async function peek(): Promise<CatalogueRow | undefined> {
    while (at >= batch.length) {
      const next = await batches.next()
      if (next.done) return undefined
      batch = next.value
      at = 0
    }
    return batch[at]
  }

  return {
    async hasBelow(end: number): Promise<boolean> {
      const row = at < batch.length ? batch[at] : await peek()
      return row !== undefined && row.cell < end
    },
    async take(end: number, most: number): Promise<CatalogueRow[]> {
      const taken: CatalogueRow[] = []
      while (taken.length < most) {
        const row = at < batch.length ? batch[at] : await peek()
        if (row === undefined || row.cell >= end) break
        taken.push(row)
        at++
      }
      return taken
    },
    giveBack(rows: readonly CatalogueRow[]): void {
      batch = [...rows, ...batch.slice(at)]
      at = 0
    },
  }
}

/**
 * Which HEALPix cells a region covers, and by how much of their area. Cells are halved and halved again, all
 * that the region's border crosses of one order before the next, until there are enough of them to know the area
 * well; then the border cells are judged by points within. What a cell settles of a region of many shapes is settled
 * for its children, too.
 */
import {
  type Cell,
  type Crossed,
  childCells,
  decided,
  direction,
  disc,
  shapesIn,
  type Testable,
  wholeSky,
} from '../adql/cells.ts'
import type { Region } from '../adql/regions.ts'
import { nestedCell } from '../healpix/nested.ts'
import { type CellRange, COUNT_ORDER } from './cell-counts.ts'

/** Border cells of one order after which no finer order is looked at: the area is then known to a percent or so. */
const ENOUGH = 200
/** The same for regions of many shapes: for each of them. */
const ENOUGH_EACH = 20
const FINEST = 28
/** Points on each side of the grid by which a border cell of the last order is judged. */
const GRID = 4

/** Stretches of cells of COUNT_ORDER with the part of their area that is in the region, in ascending order. */
export function coverage(region: Region): CellRange[] {
  const enough = Math.max(ENOUGH, ENOUGH_EACH * shapesIn(region))
  const parts = new Map<number, number>()
  const full: CellRange[] = []
  const add = (order: number, cell: Cell, part: number): void => {
    const number = Number(nestedCell(order, cell))
    if (order > COUNT_ORDER) {
      const counted = Math.floor(number / 4 ** (order - COUNT_ORDER))
      parts.set(counted, (parts.get(counted) ?? 0) + part / 4 ** (order - COUNT_ORDER))
    } else {
      const children = 4 ** (COUNT_ORDER - order)
      full.push({ first: number * children, last: (number + 1) * children - 1, part })
    }
  }

  let border = wholeSky(region)
  for (let order = 0; border.length > 0; order++) {
    const crossed: Crossed[] = []
    for (const { cell, open } of border) {
      const rest = decided(open, ...disc(order, cell))
      if (rest === true) add(order, cell, 1)
      else if (rest !== false) crossed.push({ cell, open: rest })
    }
    if (order === FINEST || crossed.length > enough) {
      for (const { cell, open } of crossed) add(order, cell, partInside(order, cell, open))
      break
    }
    border = crossed.flatMap(({ cell, open }) => childCells(cell).map(child => ({ cell: child, open })))
  }
  for (const [cell, part] of parts) full.push({ first: cell, last: cell, part })
  return merged(full.filter(r => r.part > 0).sort((a, b) => a.first - b.first))
}

function merged(ranges: readonly CellRange[]): CellRange[] {
  const out: CellRange[] = []
  for (const range of ranges) {
    const before = out.at(-1)
    if (before && before.last + 1 === range.first && before.part === range.part)
      out[out.length - 1] = { ...before, last: range.last }
    else out.push(range)
  }
  return out
}

function partInside(order: number, cell: Cell, open: Testable): number {
  let inside = 0
  for (let i = 0; i < GRID; i++) {
    for (let j = 0; j < GRID; j++) {
      if (decided(open, direction(order, cell, (i + 0.5) / GRID, (j + 0.5) / GRID), 0) === true) inside++
    }
  }
  return inside / GRID ** 2
}

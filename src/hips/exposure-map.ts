/**
 * What a survey did where: number of exposures, their total time, mean seeing, depth. Each pixel has what the exposures
 * make together whose footprints its middle is in. Footprints are followed down the HEALPix tree: a cell that lies
 * within one is never divided for its sake, so the work goes with the length of the borders.
 */
import { faceDirection } from '../healpix/geometry.ts'
import { unitVector, type Vector } from '../sphere/vector.ts'
import type { Footprint } from './footprint.ts'
import { type MapTile, newTile } from './map-tree.ts'
import { PIXEL_DEPTH, TILE_WIDTH } from './tile.ts'

export interface Exposure {
  readonly footprint: Footprint
  readonly value: number
  readonly weight: number
}

/** How the values of exposures become that of a pixel. */
export const STATISTICS = ['count', 'sum', 'mean', 'min', 'max', 'depth'] as const
export type Statistic = (typeof STATISTICS)[number]

/** Two numbers that add up, or the smallest and largest that count; and what they make. */
interface Rule {
  readonly of: (exposure: Exposure) => number
  readonly and: (exposure: Exposure) => number
  readonly join: (a: number, b: number) => number
  readonly none: number
  readonly result: (first: number, second: number) => number
}

const add = (a: number, b: number) => a + b
const RULES: Readonly<Record<Statistic, Rule>> = {
  count: { of: () => 1, and: () => 0, join: add, none: 0, result: n => n },
  sum: { of: e => e.value, and: () => 0, join: add, none: 0, result: sum => sum },
  mean: {
    of: e => e.value * e.weight,
    and: e => e.weight,
    join: add,
    none: 0,
    result: (sum, weight) => sum / weight,
  },
  min: { of: e => e.value, and: () => 0, join: Math.min, none: Infinity, result: v => v },
  max: { of: e => e.value, and: () => 0, join: Math.max, none: -Infinity, result: v => v },
  // Limiting magnitudes: the inverse variances 10^(0.8 m) add up.
  depth: {
    of: e => 10 ** (0.8 * e.value),
    and: () => 0,
    join: add,
    none: 0,
    result: sum => 1.25 * Math.log10(sum),
  },
}

/** Largest distance of a corner from the centre of an order-0 cell, in radians; each order halves it (and a little). */
const REACH = 1.07

interface Cell {
  readonly order: number
  readonly face: number
  readonly x: number
  readonly y: number
  /** NESTED. */
  readonly number: number
  /** What the exposures make that hold the cell as a whole. */
  readonly first: number
  readonly second: number
  readonly whole: number
  /** Those whose border may cross it. */
  readonly partly: readonly Exposure[]
}

/** Finest tiles in ascending order. */
export function* exposureTiles(
  exposures: readonly Exposure[],
  statistic: Statistic,
  tileOrder: number,
  tileDone: (cell: number) => void = () => {},
): Generator<MapTile> {
  const rule = RULES[statistic]
  const pixelOrder = tileOrder + PIXEL_DEPTH

  function refine(cell: Cell): Cell {
    const centre = middleOf(cell)
    const reach = cell.order === pixelOrder ? 0 : REACH / 2 ** cell.order
    let { first, second, whole } = cell
    const partly: Exposure[] = []
    for (const exposure of cell.partly) {
      const how =
        reach === 0
          ? exposure.footprint.contains(centre)
            ? 'inside'
            : 'outside'
          : exposure.footprint.lies(centre, reach)
      if (how === 'partly') partly.push(exposure)
      else if (how === 'inside') {
        first = rule.join(first, rule.of(exposure))
        second = rule.join(second, rule.and(exposure))
        whole++
      }
    }
    return { ...cell, first, second, whole, partly }
  }

  function* tilesOf(cell: Cell): Generator<MapTile> {
    const now = refine(cell)
    if (now.whole === 0 && now.partly.length === 0) return
    if (now.order < tileOrder) {
      for (const child of childrenOf(now)) yield* tilesOf(child)
      return
    }
    const tile = newTile(now.number)
    if (fill(tile, now)) yield tile
    tileDone(now.number)
  }

  /** Whether anything was filled. */
  function fill(tile: MapTile, cell: Cell): boolean {
    if (cell.partly.length > 0) {
      let any = false
      for (const child of childrenOf(cell)) any = fill(tile, refine(child)) || any
      return any
    }
    if (cell.whole === 0) return false
    const value = rule.result(cell.first, cell.second)
    if (!Number.isFinite(value)) return false
    const depth = cell.order - tileOrder
    const side = TILE_WIDTH >> depth
    // Coordinates within the tile; pixel (column, row) is the cell x = 511 − row, y = column.
    const [x, y] = [cell.x & ((1 << depth) - 1), cell.y & ((1 << depth) - 1)]
    for (let i = 0; i < side; i++) {
      const first = (TILE_WIDTH - 1 - (x * side + i)) * TILE_WIDTH + y * side
      tile.sum.fill(value, first, first + side)
      tile.weight.fill(1, first, first + side)
    }
    return true
  }

  for (let face = 0; face < 12; face++) {
    const none = { first: rule.none, second: rule.none, whole: 0 }
    yield* tilesOf({ order: 0, face, x: 0, y: 0, number: face, ...none, partly: exposures })
  }
}

function* childrenOf({ order, face, x, y, number, first, second, whole, partly }: Cell): Generator<Cell> {
  for (let k = 0; k < 4; k++) {
    yield {
      order: order + 1,
      face,
      x: 2 * x + (k & 1),
      y: 2 * y + (k >> 1),
      number: 4 * number + k,
      first,
      second,
      whole,
      partly,
    }
  }
}

function middleOf({ order, face, x, y }: Cell): Vector {
  const nside = 2 ** order
  return unitVector(...faceDirection(face, (x + 0.5) / nside, (y + 0.5) / nside))
}

/**
 * The partitions of a HATS catalogue: HEALPix cells of several orders, divided until none has more rows than is wished
 * (IVOA Note HATS 1.0).
 */
import { cellBoundary, cellSide } from '../healpix/geometry.ts'
import { hash } from '../healpix/nested.ts'

export interface Partition {
  readonly order: number
  readonly npix: number
  readonly rows: number
}

/** Order of the cells by which rows are counted: no partition is smaller. */
export const FINEST = 10

/** `counts`: rows of the cells of order FINEST that have some. In the order of the sky. */
export function partitionsOf(counts: ReadonlyMap<number, number>, mostRows: number): Partition[] {
  const levels = [counts]
  for (let order = FINEST; order > 0; order--) levels.unshift(coarser(levels[0]!, 1))
  const divide = (order: number, npix: number): Partition[] => {
    const rows = levels[order]!.get(npix)
    if (rows === undefined) return []
    if (rows <= mostRows || order === FINEST) return [{ order, npix, rows }]
    return [0, 1, 2, 3].flatMap(child => divide(order + 1, 4 * npix + child))
  }
  return Array.from({ length: 12 }, (_, npix) => divide(0, npix)).flat()
}

/** The same rows by the cells so many orders up. */
export function coarser(counts: ReadonlyMap<number, number>, orders: number): Map<number, number> {
  const sums = new Map<number, number>()
  for (const [cell, rows] of counts) {
    const above = Math.floor(cell / 4 ** orders)
    sums.set(above, (sums.get(above) ?? 0) + rows)
  }
  return sums
}

/** First and last hpx29. */
export type CellRange = readonly [first: bigint, last: bigint]

export function rangeOf({ order, npix }: Pick<Partition, 'order' | 'npix'>): CellRange {
  const bits = BigInt(2 * (29 - order))
  return [BigInt(npix) << bits, (BigInt(npix + 1) << bits) - 1n]
}

const RAD = Math.PI / 180
/** Parts of a partition's side, as far as cells are not smaller than twice the margin. */
const PARTS_ORDER = 7

/**
 * Cells around a partition that have all that is within `marginDeg` of it, as ranges of hpx29. Its border is followed
 * in steps of less than half the margin or of a cell, whichever is larger, with a ring of directions around each.
 */
export function rangesAround(
  { order, npix }: Pick<Partition, 'order' | 'npix'>,
  marginDeg: number,
): CellRange[] {
  const byMargin = Math.floor(Math.log2(cellSide(0) / (2 * marginDeg)))
  const finer = Math.max(order, Math.min(order + PARTS_ORDER, byMargin, 24))
  const side = cellSide(finer)
  const reach = Math.max(marginDeg, side / 4)
  const steps = Math.ceil((2 * cellSide(order)) / Math.min(reach, side / 2))
  const bits = BigInt(2 * (29 - finer))
  const [first, last] = rangeOf({ order, npix })
  const cells = new Set<number>()
  for (const [lon, lat] of cellBoundary(order, npix, steps)) {
    for (const radius of [0.6 * reach, 1.3 * reach]) {
      for (let i = 0; i < 12; i++) {
        const [l, b] = offset(lon, lat, radius * RAD, (i * Math.PI) / 6)
        cells.add(hash(finer, l, b))
      }
    }
  }
  const outside = [...cells].filter(cell => {
    const at = BigInt(cell) << bits
    return at < first || at > last
  })
  return merged(outside.sort((a, b) => a - b)).map(([a, b]) => [
    BigInt(a) << bits,
    (BigInt(b + 1) << bits) - 1n,
  ])
}

function merged(cells: readonly number[]): [number, number][] {
  const out: [number, number][] = []
  for (const cell of cells) {
    const before = out.at(-1)
    if (before && before[1] + 1 >= cell) before[1] = cell
    else out.push([cell, cell])
  }
  return out
}

/** The direction at an angular distance and bearing. Radians. */
function offset(lon: number, lat: number, distance: number, bearing: number): [number, number] {
  const sine = Math.sin(lat) * Math.cos(distance) + Math.cos(lat) * Math.sin(distance) * Math.cos(bearing)
  const b = Math.asin(Math.max(-1, Math.min(1, sine)))
  const y = Math.sin(bearing) * Math.sin(distance) * Math.cos(lat)
  const x = Math.cos(distance) - Math.sin(lat) * sine
  const l = lon + Math.atan2(y, x)
  return [((l % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI), b]
}

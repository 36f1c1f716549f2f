/** The cells that directions lie in, each once, gathered in memory that goes with their number and not that of the directions. */
import { type Moc, mocOfSortedCells } from './moc.ts'
import { hash29, MAX_ORDER } from './nested.ts'

export interface GrowingCells {
  /** Radians. */
  add(lon: number, lat: number): void
  moc(): Moc
}

/** Directions that are hashed and sorted in at once. */
const STEP = 1 << 16

export function growingCells(order: number): GrowingCells {
  const [lon, lat] = [new Float64Array(STEP), new Float64Array(STEP)]
  const shift = BigInt(2 * (MAX_ORDER - order))
  /** Sorted cells without repetitions; those of the last steps wait until they are as many. */
  let kept = new BigUint64Array()
  let fresh: BigUint64Array[] = []
  let [waiting, n] = [0, 0]

  function gather(): void {
    const cells = BigUint64Array.from(hash29(lon.subarray(0, n), lat.subarray(0, n)), cell => cell >> shift)
    n = 0
    fresh.push(distinct(cells.sort()))
    waiting += fresh.at(-1)!.length
    if (waiting > kept.length) merge()
  }

  function merge(): void {
    const all = new BigUint64Array(kept.length + waiting)
    let at = 0
    for (const part of [kept, ...fresh]) {
      all.set(part, at)
      at += part.length
    }
    kept = distinct(all.sort())
    fresh = []
    waiting = 0
  }

  return {
    add(longitude, latitude) {
      lon[n] = longitude
      lat[n++] = latitude
      if (n === STEP) gather()
    },
    moc() {
      if (n > 0) gather()
      if (fresh.length > 0) merge()
      return mocOfSortedCells(order, kept)
    },
  }
}

function distinct(sorted: BigUint64Array): BigUint64Array<ArrayBuffer> {
  let n = 0
  for (let i = 0; i < sorted.length; i++) {
    if (i > 0 && sorted[i] === sorted[i - 1]) continue
    sorted[n++] = sorted[i]!
  }
  return sorted.slice(0, n)
}

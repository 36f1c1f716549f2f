/** A region in another frame. */
import { lonLat, unitVector, type Vector } from '../sphere/vector.ts'
import { cellBoundary } from './geometry.ts'
import { type Moc, mocCells, mocDegraded, mocOfCells, skyFraction } from './moc.ts'
import { hashBig } from './nested.ts'

/** Cells of this order are 14′ wide. */
const FINEST = 8

/** The cells of the other frame that the region touches, of order 8 or coarser; `turn` takes directions there. */
export function mocTurned(moc: Moc, turn: (v: Vector) => Vector): Moc {
  if (skyFraction(moc) === 1) return moc
  const order = Math.min(moc.order, FINEST)
  const found = new Set<bigint>()
  for (const { order: own, first, last } of mocCells(mocDegraded(moc, order))) {
    const scale = 4n ** BigInt(order - own)
    for (let cell = first * scale; cell < (last + 1n) * scale; cell++)
      for (const [lon, lat] of pointsOf(order, cell))
        found.add(hashBig(order, ...lonLat(turn(unitVector(lon, lat)))))
  }
  return mocOfCells(order, found)
}

/** Corners of the cells two orders below: a lattice of 25 points. */
function* pointsOf(order: number, cell: bigint): Generator<readonly [number, number]> {
  for (let part = 0n; part < 16n; part++) yield* cellBoundary(order + 2, cell * 16n + part, 1)
}

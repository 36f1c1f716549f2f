/** Directions of HEALPix cells (Górski et al. 2005, §5.2): centre, corners, edges. Radians. */
import { positiveAngle } from '../sphere/vector.ts'
import { faceCell } from './nested.ts'

export type Direction = [lon: number, lat: number]

const QUARTER_PI = Math.PI / 4
/** Of each face's northern corner: distance from the north pole in units of a face's half diagonal, and longitude in π/4. */
const FACE_RING = [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]
const FACE_TURN = [1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7]

/** Direction of a point of a face; u (north-east) and v (north-west) run from 0 at its southern corner to 1. */
export function faceDirection(face: number, u: number, v: number): Direction {
  const ring = FACE_RING[face]! - u - v
  const turn = FACE_TURN[face]!
  if (ring >= 1 && ring <= 3) {
    return [positiveAngle((turn + u - v) * QUARTER_PI), Math.asin(((2 - ring) * 2) / 3)]
  }
  const fromPole = ring < 1 ? ring : 4 - ring
  // 1 − |z| = t²/3, and cos(lat) from the product (1−|z|)(1+|z|), which keeps small polar distances.
  const z = 1 - (fromPole * fromPole) / 3
  const cosLat = fromPole * Math.sqrt((2 - (fromPole * fromPole) / 3) / 3)
  const lat = Math.atan2(ring < 1 ? z : -z, cosLat)
  const part = fromPole > 0 ? (u - v) / fromPole : 0
  return [positiveAngle((turn + part) * QUARTER_PI), lat]
}

/** Side of a cell, if it were a square: degrees. */
export const cellSide = (order: number): number => 58.6323 / 2 ** order

/** Centre of a NESTED cell. */
export function cellCentre(order: number, cell: number | bigint): Direction {
  return pointIn(order, cell, 0.5, 0.5)
}

/** The four corners of a NESTED cell: south, east, north, west. */
export function cellCorners(order: number, cell: number | bigint): Direction[] {
  return cellBoundary(order, cell, 1)
}

/** Points along a cell's four edges, `perEdge` on each, from the southern corner by east, north and west. */
export function cellBoundary(order: number, cell: number | bigint, perEdge: number): Direction[] {
  const corners = [0, 0, 1, 0, 1, 1, 0, 1, 0, 0]
  const points: Direction[] = []
  for (let edge = 0; edge < 4; edge++) {
    const [u0, v0, u1, v1] = corners.slice(2 * edge, 2 * edge + 4) as [number, number, number, number]
    for (let step = 0; step < perEdge; step++) {
      const part = step / perEdge
      points.push(pointIn(order, cell, u0 + (u1 - u0) * part, v0 + (v1 - v0) * part))
    }
  }
  return points
}

/** Direction of a point of a cell; u and v as in `faceDirection`. */
function pointIn(order: number, cell: number | bigint, u: number, v: number): Direction {
  const { face, x, y } = faceCell(order, cell)
  const nside = 2 ** order
  return faceDirection(face, (x + u) / nside, (y + v) / nside)
}

/** Whether a list of vertices outlines a part of the sky: great-circle edges, within a hemisphere, none crossing. Degrees. */
import { cross, dot, unitVector, type Vector } from './vector.ts'

export interface PolygonFault {
  readonly message: string
  readonly hint?: string
  /** It outlines a part of the sky, but one that reaches beyond a hemisphere. */
  readonly large?: boolean
}

const RAD = Math.PI / 180

/** Every edge is compared with every other. */
const MAX_VERTICES = 1000

/** What is wrong with a polygon, in words that go with its name; undefined when it is one. */
export function polygonFault(
  vertices: readonly (readonly [lon: number, lat: number])[],
): PolygonFault | undefined {
  if (vertices.length > MAX_VERTICES)
    return { message: `has at most ${MAX_VERTICES} vertices, not ${vertices.length}` }
  const points = vertices.map(([lon, lat]) => unitVector(lon * RAD, lat * RAD))
  const distinct = points.filter((v, i) => !near(v, points[(i + 1) % points.length]!))
  if (distinct.length < 3) return { message: 'needs three different vertices' }
  if (distinct.some((v, i) => opposite(v, distinct[(i + 1) % distinct.length]!)))
    return {
      message: 'has an edge between opposite points of the sky',
      hint: 'Any great circle through one leads to the other: add a vertex between them.',
    }
  if (crossesItself(distinct))
    return {
      message: 'has edges that cross or touch each other',
      hint: 'List its vertices in order around it.',
    }
  if (!inHemisphere(distinct))
    return { message: 'is larger than a hemisphere', hint: 'Split it into smaller ones.', large: true }
  return undefined
}

const near = (u: Vector, v: Vector): boolean =>
  Math.abs(u[0] - v[0]) < 1e-9 && Math.abs(u[1] - v[1]) < 1e-9 && Math.abs(u[2] - v[2]) < 1e-9

const opposite = (u: Vector, v: Vector): boolean => Math.hypot(u[0] + v[0], u[1] + v[1], u[2] + v[2]) < 1e-9

/** pgSphere takes a polygon when all vertices are within 90° of the middle of their extents in x, y and z. */
export function inHemisphere(points: readonly Vector[]): boolean {
  const middle = (i: 0 | 1 | 2) => Math.min(...points.map(p => p[i])) + Math.max(...points.map(p => p[i]))
  const center: Vector = [middle(0), middle(1), middle(2)]
  return points.every(p => dot(p, center) > 1e-9)
}

/** On which side of a great circle a point is: 1 or -1; 0 on it. */
const side = (normal: Vector, p: Vector): number => {
  const height = dot(normal, p)
  return Math.abs(height) < 1e-15 ? 0 : Math.sign(height)
}

function crossesItself(points: readonly Vector[]): boolean {
  const n = points.length
  const next = (i: number) => points[(i + 1) % n]!
  const normals = points.map((p, i) => cross(p, next(i)))
  for (let i = 0; i < n; i++) {
    let sideOfStart = side(normals[i]!, points[(i + 2) % n]!)
    for (let j = i + 2; j < n; j++) {
      const sideOfEnd = side(normals[i]!, next(j))
      const separated = sideOfStart * sideOfEnd < 0
      const start = sideOfStart
      sideOfStart = sideOfEnd
      if (i === 0 && j === n - 1) continue
      if (near(points[i]!, points[j]!)) return true
      // The edges' circles meet in two opposite points: the edges cross when it is the same one for both.
      if (separated && side(normals[j]!, points[i]!) === sideOfEnd && side(normals[j]!, next(i)) === start)
        return true
    }
  }
  return false
}

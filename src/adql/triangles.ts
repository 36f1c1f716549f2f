/**
 * A polygon cut into triangles, for those that pgSphere does not take because they reach beyond a hemisphere. Ears are
 * clipped as in the plane; where there is none (the vertices of a great circle), a fan from the middle is tried.
 */
import { angle, cross, dot, type Vector } from '../sphere/vector.ts'

export type Triangle = readonly [Vector, Vector, Vector]

const FLAT = 1e-12

/** Each ear is looked for among all vertices, and each against all others. */
export const MOST_VERTICES = 100

/**
 * Triangles that cover the smaller of the two regions with these edges, of two halves of the sky the one to the left
 * (from east to north); undefined where the polygon cannot be cut so. Consecutive vertices are different, and no edge
 * crosses another.
 */
export function triangles(vertices: readonly Vector[]): Triangle[] | undefined {
  const left = areaToTheLeft(vertices)
  const ring = left > 2 * Math.PI + 1e-9 ? vertices.toReversed() : vertices
  const area = Math.min(left, 4 * Math.PI - left)
  const cut = [clipped(ring), fan(ring)].find(
    made => made && Math.abs(sum(made.map(triangleArea)) - area) < 1e-9,
  )
  return cut?.flatMap(t => small(t, 0))
}

/** Square radians; each angle is that between an edge and the next, on the left. */
function areaToTheLeft(vertices: readonly Vector[]): number {
  const n = vertices.length
  const angles = vertices.map((b, i) => {
    const [a, c] = [vertices[(i + n - 1) % n]!, vertices[(i + 1) % n]!]
    const [back, on] = [cross(cross(b, a), b), cross(cross(b, c), b)]
    const turn = Math.atan2(dot(b, cross(on, back)), dot(on, back))
    return turn < 0 ? turn + 2 * Math.PI : turn
  })
  return sum(angles) - (n - 2) * Math.PI
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const volume = (a: Vector, b: Vector, c: Vector): number => dot(a, cross(b, c))

/** Square radians, positive when the vertices run to the left (Van Oosterom & Strackee 1983). */
export function triangleArea([a, b, c]: Triangle): number {
  const minus = (v: Vector): Vector => [v[0] - a[0], v[1] - a[1], v[2] - a[2]]
  return 2 * Math.atan2(volume(a, minus(b), minus(c)), 1 + dot(a, b) + dot(b, c) + dot(c, a))
}

function clipped(vertices: readonly Vector[]): Triangle[] | undefined {
  const ring = [...vertices]
  const made: Triangle[] = []
  while (ring.length > 3) {
    const n = ring.length
    const i = ring.findIndex((b, at) => isEar(ring[(at + n - 1) % n]!, b, ring[(at + 1) % n]!, ring))
    if (i < 0) return undefined
    made.push([ring[(i + n - 1) % n]!, ring[i]!, ring[(i + 1) % n]!])
    ring.splice(i, 1)
  }
  const last = ring as unknown as Triangle
  return volume(...last) > FLAT ? [...made, last] : undefined
}

function isEar(a: Vector, b: Vector, c: Vector, ring: readonly Vector[]): boolean {
  if (volume(a, b, c) < FLAT) return false
  const [ab, bc, ca] = [cross(a, b), cross(b, c), cross(c, a)]
  const isInside = (p: Vector) => dot(ab, p) > -FLAT && dot(bc, p) > -FLAT && dot(ca, p) > -FLAT
  return !ring.some(p => p !== a && p !== b && p !== c && isInside(p))
}

/** From the middle of the surface: half the sum over the edges of their length times their normal. */
function fan(ring: readonly Vector[]): Triangle[] | undefined {
  const next = (i: number) => ring[(i + 1) % ring.length]!
  const normals = ring.map((a, i): Vector => {
    const normal = cross(a, next(i))
    const weight = angle(a, next(i)) / Math.hypot(...normal)
    return [normal[0] * weight, normal[1] * weight, normal[2] * weight]
  })
  const total = ([0, 1, 2] as const).map(k => sum(normals.map(n => n[k])))
  const length = Math.hypot(...total)
  const middle = total.map(t => t / length) as unknown as Vector
  const made = ring.map((a, i): Triangle => [middle, a, next(i)])
  return made.every(([a, b, c]) => volume(a, b, c) > FLAT) ? made : undefined
}

/** Halves across the longest edge: pgSphere wants the vertices within 90° of the middle of their extents. */
function small(triangle: Triangle, depth: number): Triangle[] {
  const edges = [0, 1, 2].map(i => angle(triangle[i]!, triangle[(i + 1) % 3]!))
  const longest = edges.indexOf(Math.max(...edges))
  if (edges[longest]! < Math.PI / 2 || depth === 4) return [triangle]
  const [a, b, c] = [0, 1, 2].map(i => triangle[(longest + i) % 3]!) as [Vector, Vector, Vector]
  const between: Vector = [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
  const length = Math.hypot(...between)
  const m = between.map(x => x / length) as unknown as Vector
  return [...small([a, m, c], depth + 1), ...small([m, b, c], depth + 1)]
}

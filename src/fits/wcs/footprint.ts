/**
 * The outline of an image on the sky: its outer pixel edge (−0.5 to n − 0.5) as a spherical polygon, with as many
 * vertices on curved edges as keep great circles within half a pixel. Images that a polygon of less than a hemisphere
 * cannot outline (all-sky maps, edges off the sky) have the circle around their pixels instead.
 */
import { angle, cross, dot, lonLat, unitVector, type Vector } from '../../sphere/vector.ts'
import { DEGREE, type Plane } from './projection.ts'
import type { CelestialWcs, Position } from './wcs.ts'

export type Footprint =
  | {
      readonly kind: 'polygon'
      /** The corners in the order of astropy's calc_footprint: bottom left, top left, top right, bottom right. ICRS. */
      readonly corners: readonly Position[]
      /** Not closed; counter-clockwise as seen from the origin (DALI 1.1 §3.3.7). ICRS. */
      readonly vertices: readonly Position[]
    }
  | { readonly kind: 'circle'; readonly center: Position; readonly radiusDeg: number }

/** Pixels that a great circle may run beside the edge. */
const TOLERANCE = 0.5
/** An edge is halved at most so many times. */
const DEPTH = 6
/** Great circles longer than this are halved whatever their shape. */
const LONGEST = 30 * DEGREE
/** Steps along each axis of the samples of the inside. */
const SAMPLES = 12

/** The footprint of an image of width × height pixels; undefined when none of its pixels is on the sky. */
export function footprint(wcs: CelestialWcs, width: number, height: number): Footprint | undefined {
  const at = ([x, y]: Plane) => {
    const sky = wcs.skyOf(x, y)
    return sky && unitVector(sky[0] * DEGREE, sky[1] * DEGREE)
  }
  const rows = samples(at, width, height)
  const inside = rows.flat()
  if (inside.length === 0) return undefined
  const pixels: Plane[] = [
    [-0.5, -0.5],
    [-0.5, height - 0.5],
    [width - 0.5, height - 0.5],
    [width - 0.5, -0.5],
  ]
  const corners = pixels.map(at)
  const edges = pixels.map((from, i) => {
    const to = pixels[(i + 1) % 4]!
    const [a, b] = [corners[i], corners[(i + 1) % 4]]
    return a && b && edge(at, from, to, a, b, DEPTH)
  })
  const outline = edges.every(points => points !== undefined) ? edges.flat() : undefined
  if (!outline || !outlines(outline, inside)) return circle(rows)
  const center = middle(inside)
  const turning = outline.reduce(
    (sum, v, i) => sum + dot(cross(v, outline[(i + 1) % outline.length]!), center),
    0,
  )
  return {
    kind: 'polygon',
    corners: corners.map(v => degrees(v!)),
    vertices: (turning < 0 ? outline : outline.reverse()).map(degrees),
  }
}

function degrees(v: Vector): Position {
  const [lon, lat] = lonLat(v)
  return [lon / DEGREE, lat / DEGREE]
}

type At = (p: Plane) => Vector | undefined

/** Points from `from` up to before `to`; undefined where the edge is off the sky. */
function edge(at: At, from: Plane, to: Plane, a: Vector, b: Vector, depth: number): Vector[] | undefined {
  const between = (t: number): Plane => [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]
  const [first, half, last] = [at(between(0.25)), at(between(0.5)), at(between(0.75))]
  if (!first || !half || !last) return undefined
  const length = Math.hypot(to[0] - from[0], to[1] - from[1])
  const along = angle(a, half) + angle(half, b)
  const off = Math.max(...[first, half, last].map(v => beside(v, a, b)))
  if (depth === 0 || (along < LONGEST && off * length <= TOLERANCE * along)) return [a]
  const left = edge(at, from, between(0.5), a, half, depth - 1)
  const right = edge(at, between(0.5), to, half, b, depth - 1)
  return left && right && [...left, ...right]
}

/** Distance of a point from the great circle through two others; from the points where they are one. */
function beside(v: Vector, a: Vector, b: Vector): number {
  const pole = cross(a, b)
  const size = Math.hypot(...pole)
  return size < 1e-15 ? angle(v, a) : Math.abs(Math.asin(Math.max(-1, Math.min(1, dot(v, pole) / size))))
}

/** Directions of places all over the image, row by row; those off the sky are left out. */
function samples(at: At, width: number, height: number): Vector[][] {
  const places = Array.from({ length: SAMPLES + 1 }, (_, i) => i / SAMPLES)
  return places.map(v =>
    places.flatMap(u => {
      const direction = at([u * width - 0.5, v * height - 0.5])
      return direction ? [direction] : []
    }),
  )
}

function middle(directions: readonly Vector[]): Vector {
  const part = (i: 0 | 1 | 2) => directions.reduce((total, v) => total + v[i], 0)
  const sum: Vector = [part(0), part(1), part(2)]
  const length = Math.hypot(...sum)
  return length < 1e-6 * directions.length ? [1, 0, 0] : [sum[0] / length, sum[1] / length, sum[2] / length]
}

/** Whether an outline lies within a hemisphere and winds once around everything inside of it. */
function outlines(outline: readonly Vector[], inside: readonly Vector[]): boolean {
  const center = middle(inside)
  if (outline.some(v => dot(v, center) < 0.02)) return false
  // Samples on the edge itself wind by half; those of the inner half of the image are far from it.
  const steps = SAMPLES + 1
  if (inside.length < steps * steps) return false
  const inner = [0.25, 0.5, 0.75].flatMap(v => [0.25, 0.5, 0.75].map(u => SAMPLES * (v * steps + u)))
  return inner.every(i => Math.round(Math.abs(winding(outline, inside[i]!))) === 1)
}

/** How many times an outline goes around a point. */
function winding(outline: readonly Vector[], point: Vector): number {
  const east = cross(Math.abs(point[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0], point)
  const north = cross(point, east)
  const bearings = outline.map(v => Math.atan2(dot(v, east), dot(v, north)))
  const turns = bearings.map((bearing, i) => {
    const turn = bearings[(i + 1) % bearings.length]! - bearing
    return turn > Math.PI ? turn - 2 * Math.PI : turn < -Math.PI ? turn + 2 * Math.PI : turn
  })
  return turns.reduce((sum, turn) => sum + turn, 0) / (2 * Math.PI)
}

/** A circle around all samples and a step more; the whole sky when it is larger than a hemisphere. */
function circle(rows: readonly (readonly Vector[])[]): Footprint {
  const inside = rows.flat()
  const center = middle(inside)
  const steps = rows.flatMap(row => row.slice(1).map((v, i) => angle(v, row[i]!)))
  const radius = Math.max(...inside.map(v => angle(v, center))) + Math.max(0, ...steps)
  if (radius >= Math.PI / 2) return { kind: 'circle', center: [0, 0], radiusDeg: 180 }
  return { kind: 'circle', center: degrees(center), radiusDeg: radius / DEGREE }
}

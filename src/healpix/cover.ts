/**
 * The cells that a polygon of less than a hemisphere touches. In the gnomonic projection from its middle great circles
 * are straight lines, so a cell is compared with it in the plane; cells that are inside as a whole are not divided.
 */
import { angle, dot, unitVector, type Vector } from '../sphere/vector.ts'
import { cellBoundary, cellCentre } from './geometry.ts'
import { type Moc, mocOfCells, mocUnion } from './moc.ts'
import { hashBig as cellOf } from './nested.ts'

type Point = readonly [x: number, y: number]

/** Where the search begins: 192 cells. */
const FIRST = 2
/** Largest distance of a corner from the centre of an order-0 cell, in radians; each order halves it (and a little). */
const REACH = 1.07
/** Cells up to this order have curved edges, of which more points are looked at. */
const CURVED = 6
/** Directions further from the middle than this (89°) are not projected. */
const NEAREST = Math.cos((89 * Math.PI) / 180)

/** Vertices as longitude and latitude in radians, simple, of either winding. */
export function coverPolygon(vertices: readonly (readonly [lon: number, lat: number])[], order: number): Moc {
  const directions = vertices.map(([lon, lat]) => unitVector(lon, lat))
  const middle = normal(sum(directions))
  const radius = Math.max(...directions.map(v => Math.acos(Math.min(1, dot(v, middle)))))
  const plane = projection(middle)
  const outline = directions.map((v): Point => plane(v) ?? [0, 0])
  const found: bigint[][] = Array.from({ length: order + 1 }, () => [])
  const descend = (at: number, cell: bigint) => {
    const centre = unitVector(...cellCentre(at, cell))
    const reach = REACH / 2 ** at
    if (Math.acos(Math.max(-1, Math.min(1, dot(centre, middle)))) > radius + reach) return
    const edge = cellBoundary(at, cell, at <= CURVED ? 8 : 1).map(([lon, lat]) => plane(unitVector(lon, lat)))
    const shown = edge.every(point => point !== undefined)
    const how = shown ? compare(edge as Point[], outline) : at < order ? 'partly' : 'not'
    if (how === 'not') return
    if (how === 'inside' || at === order) {
      found[at]!.push(cell)
      return
    }
    for (let child = 0n; child < 4n; child++) descend(at + 1, 4n * cell + child)
  }
  const first = Math.min(FIRST, order)
  for (let cell = 0n; cell < 12n * 4n ** BigInt(first); cell++) descend(first, cell)
  return { ...mocUnion(found.map((cells, at) => mocOfCells(at, cells))), order }
}

/** The cells that a circle touches; radians, of any radius up to π. */
export function coverCircle(lon: number, lat: number, radius: number, order: number): Moc {
  const middle = unitVector(lon, lat)
  const found: bigint[][] = Array.from({ length: order + 1 }, () => [])
  const distanceOf = ([a, b]: readonly [number, number]) => angle(unitVector(a, b), middle)
  const descend = (at: number, cell: bigint) => {
    const away = distanceOf(cellCentre(at, cell))
    const reach = REACH / 2 ** at
    if (away > radius + reach) return
    if (away + reach <= radius) found[at]!.push(cell)
    else if (at < order) for (let child = 0n; child < 4n; child++) descend(at + 1, 4n * cell + child)
    else if (
      cellOf(order, lon, lat) === cell ||
      cellBoundary(at, cell, EDGE_POINTS).some(point => distanceOf(point) <= radius)
    )
      found[at]!.push(cell)
  }
  for (let cell = 0n; cell < 12n; cell++) descend(0, cell)
  return { ...mocUnion(found.map((cells, at) => mocOfCells(at, cells))), order }
}

/** Of a cell's edge that are held against a circle. */
const EDGE_POINTS = 16

const sum = (vectors: readonly Vector[]): Vector => {
  const part = (i: 0 | 1 | 2) => vectors.reduce((total, v) => total + v[i], 0)
  return [part(0), part(1), part(2)]
}

const normal = (v: Vector): Vector => {
  const length = Math.hypot(...v)
  return [v[0] / length, v[1] / length, v[2] / length]
}

/** Undefined for directions that are not in front. */
function projection(middle: Vector): (v: Vector) => Point | undefined {
  const lon = Math.atan2(middle[1], middle[0])
  const east: Vector = [-Math.sin(lon), Math.cos(lon), 0]
  const north: Vector = [
    -middle[2] * Math.cos(lon),
    -middle[2] * Math.sin(lon),
    Math.hypot(middle[0], middle[1]),
  ]
  return v => {
    const forward = dot(v, middle)
    return forward > NEAREST ? [dot(v, east) / forward, dot(v, north) / forward] : undefined
  }
}

/** How a cell lies to the polygon. */
function compare(cell: readonly Point[], polygon: readonly Point[]): 'inside' | 'partly' | 'not' {
  for (let i = 0; i < cell.length; i++) {
    const [a, b] = [cell[i]!, cell[(i + 1) % cell.length]!]
    for (let j = 0; j < polygon.length; j++) {
      if (cross(a, b, polygon[j]!, polygon[(j + 1) % polygon.length]!)) return 'partly'
    }
  }
  if (contains(polygon, cell[0]!)) return 'inside'
  return contains(cell, polygon[0]!) ? 'partly' : 'not'
}

function side([ax, ay]: Point, [bx, by]: Point, [px, py]: Point): number {
  return (bx - ax) * (py - ay) - (by - ay) * (px - ax)
}

/** Whether two segments have a point in common. */
function cross(a: Point, b: Point, c: Point, d: Point): boolean {
  if (Math.max(a[0], b[0]) < Math.min(c[0], d[0]) || Math.max(c[0], d[0]) < Math.min(a[0], b[0])) return false
  if (Math.max(a[1], b[1]) < Math.min(c[1], d[1]) || Math.max(c[1], d[1]) < Math.min(a[1], b[1])) return false
  return side(a, b, c) * side(a, b, d) <= 0 && side(c, d, a) * side(c, d, b) <= 0
}

/** By the crossings of a ray eastwards. */
function contains(polygon: readonly Point[], [x, y]: Point): boolean {
  let inside = false
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [ax, ay] = polygon[i]!
    const [bx, by] = polygon[j]!
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside
  }
  return inside
}

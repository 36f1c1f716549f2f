/**
 * HEALPix cells against regions of the sky: whether a cell is inside, outside, or crossed by the border. What a cell
 * settles of a region of many shapes is settled for its children, too.
 */
import { faceDirection } from '../healpix/geometry.ts'
import { nestedCell } from '../healpix/nested.ts'
import { angle, cross, dot, unitVector, type Vector } from '../sphere/vector.ts'
import type { Region } from './regions.ts'
import type { Shape } from './shapes.ts'

export interface Cell {
  readonly face: number
  readonly x: number
  readonly y: number
}

/** A cell on the border, and what of the region is not decided for all of it. */
export interface Crossed {
  readonly cell: Cell
  readonly open: Testable
}

const RAD = Math.PI / 180

/** The twelve cells of order 0, nothing of the region decided. */
export function wholeSky(region: Region): Crossed[] {
  const open = testable(region)
  return Array.from({ length: 12 }, (_, face) => ({ cell: { face, x: 0, y: 0 }, open }))
}

/** Orders below a cell at which its parts are looked at: the discs around them are close to it. */
const CLOSER = 4

/** Whether a part of the cell, of the order `finest`, is not outside. */
function touches(order: number, { cell, open }: Crossed, finest: number): boolean {
  return childCells(cell).some(child => {
    const rest = decided(open, ...disc(order + 1, child))
    if (typeof rest === 'boolean') return rest
    return order + 1 === finest || touches(order + 1, { cell: child, open: rest }, finest)
  })
}

/** The cells of an order that touch the region, in ascending order; undefined when there are more than `most`. */
export function cellsOf(region: Region, order: number, most: number): number[] | undefined {
  const full: { order: number; cell: Cell }[] = []
  let border = wholeSky(region)
  let count = 0
  for (let at = 0; border.length > 0; at++) {
    const crossed: Crossed[] = []
    for (const { cell, open } of border) {
      const rest = decided(open, ...disc(at, cell))
      if (rest === false) continue
      if (rest === true || at === order) {
        if (rest !== true && !touches(at, { cell, open: rest }, at + CLOSER)) continue
        full.push({ order: at, cell })
        count += 4 ** (order - at)
      } else crossed.push({ cell, open: rest })
    }
    if (count + crossed.length > most) return undefined
    border = crossed.flatMap(({ cell, open }) => childCells(cell).map(child => ({ cell: child, open })))
  }
  const cells = full.flatMap(({ order: at, cell }) => {
    const each = 4 ** (order - at)
    const first = Number(nestedCell(at, cell)) * each
    return Array.from({ length: each }, (_, i) => first + i)
  })
  return cells.sort((a, b) => a - b)
}

export function childCells({ face, x, y }: Cell): Cell[] {
  return [0, 1, 2, 3].map(i => ({ face, x: 2 * x + (i & 1), y: 2 * y + (i >> 1) }))
}

export function direction(order: number, { face, x, y }: Cell, u: number, v: number): Vector {
  const nside = 2 ** order
  return unitVector(...faceDirection(face, (x + u) / nside, (y + v) / nside))
}

const RIM = [0, 0.25, 0.5, 0.75].flatMap(t => [
  [t, 0],
  [1, t],
  [1 - t, 1],
  [0, 1 - t],
]) as [number, number][]

/** A disc around a cell: its edges are curved, hence the points on them and some slack. */
export function disc(order: number, cell: Cell): [center: Vector, radius: number] {
  const center = direction(order, cell, 0.5, 0.5)
  const corners = order < 3 ? RIM : RIM.slice(0, 4)
  const radius = Math.max(...corners.map(([u, v]) => angle(center, direction(order, cell, u, v))))
  return [center, radius * 1.05]
}

/** 1: a disc (radians) is inside; −1: outside; 0: neither for sure. */
type Side = (center: Vector, radius: number) => -1 | 0 | 1

export type Testable =
  | { readonly kind: 'shape'; readonly side: Side }
  | { readonly kind: 'not'; readonly part: Testable }
  | { readonly kind: 'and' | 'or'; readonly left: Testable; readonly right: Testable }

function testable(region: Region): Testable {
  if (region.kind === 'shape') return { kind: 'shape', side: sideOfShape(region.shape) }
  if (region.kind === 'not') return { kind: 'not', part: testable(region.part) }
  return { kind: region.kind, left: testable(region.left), right: testable(region.right) }
}

/** Number of shapes that make up a region. */
export function shapesIn(region: Region): number {
  if (region.kind === 'shape') return 1
  return region.kind === 'not' ? shapesIn(region.part) : shapesIn(region.left) + shapesIn(region.right)
}

/** Whether a disc is inside or outside, or the part of the region on which that depends: the rest is settled there. */
export function decided(open: Testable, center: Vector, radius: number): boolean | Testable {
  if (open.kind === 'shape') {
    const side = open.side(center, radius)
    return side === 0 ? open : side > 0
  }
  if (open.kind === 'not') {
    const part = decided(open.part, center, radius)
    return typeof part === 'boolean' ? !part : { kind: 'not', part }
  }
  const settles = open.kind === 'or'
  const left = decided(open.left, center, radius)
  if (left === settles) return settles
  const right = decided(open.right, center, radius)
  if (right === settles) return settles
  if (typeof left === 'boolean') return right
  return typeof right === 'boolean' ? left : { kind: open.kind, left, right }
}

function sideOfShape(shape: Shape): Side {
  if (shape.kind === 'polygon')
    return sideOfPolygon(shape.vertices.map(([l, b]) => unitVector(l * RAD, b * RAD)))
  const [lon, lat] = shape.kind === 'circle' ? shape.center : shape.position
  const limit = shape.kind === 'circle' ? shape.radius * RAD : 0
  const middle = unitVector(lon * RAD, lat * RAD)
  return (center, radius) => {
    const distance = angle(middle, center)
    return distance + radius <= limit ? 1 : distance - radius > limit ? -1 : 0
  }
}

interface Edge {
  readonly a: Vector
  readonly b: Vector
  /** Pole of the great circle through both. */
  readonly pole: Vector
}

/** Of a polygon within a hemisphere, whatever its winding (pgSphere takes no other). */
function sideOfPolygon(vertices: readonly Vector[]): Side {
  const edges = vertices.flatMap((a, i): Edge[] => {
    const b = vertices[(i + 1) % vertices.length]!
    const normal = cross(a, b)
    const length = Math.hypot(...normal)
    return length < 1e-14 ? [] : [{ a, b, pole: normal.map(n => n / length) as unknown as Vector }]
  })
  const middle = (i: 0 | 1 | 2) => Math.min(...vertices.map(p => p[i])) + Math.max(...vertices.map(p => p[i]))
  const towards: Vector = [middle(0), middle(1), middle(2)]
  const flat = planeAround(towards)
  const corners = vertices.map(flat)
  return (center, radius) => {
    if (edges.some(edge => distanceToEdge(center, edge) <= radius)) return 0
    return dot(center, towards) > 0 && inPlanePolygon(flat(center), corners) ? 1 : -1
  }
}

function distanceToEdge(p: Vector, { a, b, pole }: Edge): number {
  const beside = dot(cross(pole, a), p) >= 0 && dot(cross(b, pole), p) >= 0
  return beside ? Math.asin(Math.min(1, Math.abs(dot(p, pole)))) : Math.min(angle(p, a), angle(p, b))
}

/** The gnomonic projection towards a direction, in which great circles are straight. */
function planeAround(towards: Vector): (p: Vector) => readonly [number, number] {
  const other: Vector = Math.abs(towards[2]) < Math.hypot(...towards) / 2 ? [0, 0, 1] : [1, 0, 0]
  const east = cross(other, towards)
  const north = cross(towards, east)
  return p => {
    const depth = dot(p, towards)
    return [dot(p, east) / depth, dot(p, north) / depth]
  }
}

/** Even-odd rule. */
function inPlanePolygon(
  [x, y]: readonly [number, number],
  corners: readonly (readonly [number, number])[],
): boolean {
  let inside = false
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [corners[i]!, corners[j]!]
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside
  }
  return inside
}

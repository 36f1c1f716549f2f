/** Shapes whose numbers are all in the query: folded, checked, and written as PostgreSQL literals. Degrees. */
import { inHemisphere, polygonFault } from '../sphere/polygon.ts'
import { angle, cross, lonLat, unitVector, type Vector } from '../sphere/vector.ts'
import type { Complaint } from './error.ts'
import { toIcrs } from './frames.ts'
import type { Planned } from './plan.ts'
import { MOST_VERTICES, type Triangle, triangleArea, triangles } from './triangles.ts'
import { isInteger } from './types.ts'

export type Position = readonly [lon: number, lat: number]
export type Shape =
  | { readonly kind: 'point'; readonly position: Position }
  | { readonly kind: 'circle'; readonly center: Position; readonly radius: number }
  | { readonly kind: 'polygon'; readonly vertices: readonly Position[] }

type Complain = (c: Complaint) => void

const RAD = Math.PI / 180

/** The value of an expression of literals, with PostgreSQL's integer division; undefined when it has others. */
export function constant(e: Planned): number | undefined {
  if (e.kind === 'number') return Number(e.text)
  if (e.kind === 'unary') {
    const value = constant(e.operand)
    if (value === undefined || e.operator === '+') return value
    return e.operator === '-' ? -value : -value - 1
  }
  if (e.kind === 'call' && e.form.name === 'PI') return Math.PI
  if (e.kind !== 'binary') return undefined
  const [a, b] = [constant(e.left), constant(e.right)]
  if (a === undefined || b === undefined) return undefined
  switch (e.operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      if (b === 0) return undefined
      return isInteger(e.type) ? Math.trunc(a / b) : a / b
    default:
      return undefined
  }
}

/** The shape that a call makes, when it is all literals; complains where it is none. */
export function constantShape(e: Planned, complain: Complain): Shape | undefined {
  if (e.kind !== 'call') return undefined
  const { name } = e.form
  if (name === 'POINT') {
    const [lon, lat] = e.args.map(constant)
    checkPosition(lon, lat, e.args, complain)
    if (lon === undefined || lat === undefined) return undefined
    const [l, b] = [((lon % 360) + 360) % 360, lat]
    if (!e.frame) return { kind: 'point', position: [lon >= 0 && lon <= 360 ? lon : l, b] }
    return { kind: 'point', position: toIcrs(e.frame, l, b) }
  }
  if (name !== 'CIRCLE' && name !== 'BOX' && name !== 'POLYGON') return undefined
  if (name === 'POLYGON') {
    const points = e.args.map(a => constantShape(a, complain))
    const vertices = points.flatMap(p => (p?.kind === 'point' ? [p.position] : []))
    return vertices.length === e.args.length ? polygon(vertices, e, complain) : undefined
  }
  const [centerArg, ...rest] = e.args
  const center = centerArg && constantShape(centerArg, complain)
  const sizes = rest.map(constant)
  const [width, height] = sizes
  if (name === 'BOX') {
    checkBox(width, rest[0]!, complain)
    checkBox(height, rest[1]!, complain)
  }
  if (center?.kind !== 'point') return undefined
  if (name === 'CIRCLE') return circle(center.position, width, rest[0]!, complain)
  if (width === undefined || height === undefined) return undefined
  return { kind: 'polygon', vertices: boxCorners(center.position, width, height) }
}

function checkPosition(
  lon: number | undefined,
  lat: number | undefined,
  args: readonly Planned[],
  complain: Complain,
): void {
  if (lat === undefined || (lat >= -90 && lat <= 90)) return
  const { start, end } = args[1]!
  const exchanged = lon !== undefined && lon >= -90 && lon <= 90
  complain({
    start,
    end,
    message: `the latitude ${lat} is not within -90 and 90 degrees`,
    hint: `Coordinates are longitude, latitude, in degrees.${exchanged ? ' Are they exchanged?' : ''}`,
  })
}

function circle(
  center: Position,
  radius: number | undefined,
  arg: Planned,
  complain: Complain,
): Shape | undefined {
  if (radius === undefined) return undefined
  if (!(radius >= 0 && radius <= 180)) {
    complain({
      start: arg.start,
      end: arg.end,
      message: `the radius ${radius} is not within 0 and 180 degrees`,
    })
  }
  return { kind: 'circle', center, radius }
}

function checkBox(size: number | undefined, arg: Planned, complain: Complain): void {
  if (size === undefined || (size > 0 && size < 180)) return
  const message = `a BOX cannot be ${size} degrees wide or high: it must be more than 0 and less than 180`
  complain({ start: arg.start, end: arg.end, message })
}

/**
 * The corners of a BOX (ADQL 2.1 §4.2.9): its sides are great circles that cross the arms at right angles, so in
 * the gnomonic projection from its centre they are straight, at the tangents of half its sizes.
 */
export function boxCorners([lon, lat]: Position, width: number, height: number): Position[] {
  const x = Math.tan((width / 2) * RAD)
  const y = Math.tan((height / 2) * RAD)
  const c = unitVector(lon * RAD, lat * RAD)
  const east: Vector = [-Math.sin(lon * RAD), Math.cos(lon * RAD), 0]
  const north = cross(c, east)
  return [
    [-x, -y],
    [x, -y],
    [x, y],
    [-x, y],
  ].map(([dx, dy]) => {
    const v: Vector = [0, 1, 2].map(i => c[i]! + dx! * east[i]! + dy! * north[i]!) as unknown as Vector
    const [l, b] = lonLat(v)
    return [l / RAD, b / RAD] as const
  })
}

function polygon(
  vertices: readonly Position[],
  { start, end }: Planned,
  complain: Complain,
): Shape | undefined {
  const fault = polygonFault(vertices)
  const { message, hint, large } = fault ?? {}
  if (message && !(large && vertices.length <= MOST_VERTICES && triangles(different(vertices)))) {
    const complaint = { start, end, message: `this POLYGON ${message}` }
    complain(hint ? { ...complaint, hint } : complaint)
    return undefined
  }
  return { kind: 'polygon', vertices }
}

/** Whether pgSphere has no value for it: a circle over 90°, a polygon that reaches beyond a hemisphere. */
export function isLarge(shape: Shape): boolean {
  if (shape.kind === 'circle') return shape.radius > 90
  return shape.kind === 'polygon' && !inHemisphere(vectors(shape.vertices))
}

/** Of a polygon or box of literals that reaches beyond a hemisphere: the triangles that make it up. */
export function largePolygon(e: Planned): Position[][] | undefined {
  const vertices = verticesOf(e)
  if (!vertices || vertices.length > MOST_VERTICES || inHemisphere(vectors(vertices))) return undefined
  if (!polygonFault(vertices)?.large) return undefined
  const position = (v: Vector): Position => lonLat(v).map(angle => angle / RAD) as unknown as Position
  return triangles(different(vertices))?.map(t => t.map(position))
}

function verticesOf(e: Planned): readonly Position[] | undefined {
  if (e.kind !== 'call' || (e.form.name !== 'POLYGON' && e.form.name !== 'BOX')) return undefined
  if (e.form.name === 'BOX') {
    const box = constantShape(e, () => {})
    return box?.kind === 'polygon' ? box.vertices : undefined
  }
  const points = e.args.map(a => constantShape(a, () => {}))
  const vertices = points.flatMap(p => (p?.kind === 'point' ? [p.position] : []))
  return vertices.length === e.args.length ? vertices : undefined
}

const different = (vertices: readonly Position[]): Vector[] =>
  vectors(vertices).filter((v, i, all) => angle(v, all[(i + 1) % all.length]!) > 1e-9)

const vectors = (vertices: readonly Position[]): Vector[] =>
  vertices.map(([lon, lat]) => unitVector(lon * RAD, lat * RAD))

/** Square degrees; of a polygon by triangles from its first vertex (Van Oosterom & Strackee 1983). */
export function shapeArea(shape: Shape): number {
  const squareDegrees = (180 / Math.PI) ** 2
  if (shape.kind === 'point') return 0
  // 1 − cos r as 2 sin²(r/2), which keeps its digits for small radii.
  if (shape.kind === 'circle') return 4 * Math.PI * Math.sin((shape.radius * RAD) / 2) ** 2 * squareDegrees
  const all = vectors(shape.vertices)
  const [a, ...rest] = all as [Vector, ...Vector[]]
  const parts = isLarge(shape) ? triangles(different(shape.vertices)) : undefined
  const cut = parts ?? rest.slice(1).map((c, i): Triangle => [a, rest[i]!, c])
  return Math.abs(cut.reduce((sum, t) => sum + triangleArea(t), 0)) * squareDegrees
}

// ---------------------------------------------------------------- as SQL

const pointSql = ([lon, lat]: Position): string => `spoint(radians(${lon}), radians(${lat}))`

/** A shape as a pgSphere value; a circle over 90° is none. */
export function shapeSql(shape: Shape): string {
  switch (shape.kind) {
    case 'point':
      return pointSql(shape.position)
    case 'circle':
      return `scircle(${pointSql(shape.center)}, radians(${shape.radius}))`
    case 'polygon':
      return `'{${shape.vertices.map(([lon, lat]) => `(${lon}d,${lat}d)`).join(',')}}'::spoly`
  }
}

/** A shape in the form of DALI 1.1 §3.3.5–7. */
export function shapeNumbers(shape: Shape): readonly number[] {
  switch (shape.kind) {
    case 'point':
      return shape.position
    case 'circle':
      return [...shape.center, shape.radius]
    case 'polygon':
      return shape.vertices.flat()
  }
}

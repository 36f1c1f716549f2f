/**
 * Regions that are written so that no index serves them: cones in trigonometry, boxes as ranges of ra and dec. A
 * cone is not recognised by its formula, of which there are many, but by what it does: the condition is evaluated
 * around each pair of numbers in it, and one around which it holds to the same distance in all directions is a centre.
 */
import type { Resolved } from '../adql/tree.ts'
import { distance, lonLat, unitVector } from '../sphere/vector.ts'
import type { Advised, Found } from './advice.ts'
import {
  columnsIn,
  conjuncts,
  everyExpression,
  everySelect,
  isColumn,
  numberOf,
  positioned,
  type Select,
  truthOf,
} from './advice-tree.ts'

type Position = ReturnType<typeof positioned>[number]

const RAD = Math.PI / 180
/** Tables below which nothing is gained. */
const SMALL = 5000

/** A formula of more pieces or numbers is not looked into: the time that it takes grows with their product. */
const MOST_PIECES = 150
const MOST_NUMBERS = 24

const worthwhile = (select: Select): Position[] =>
  positioned(select).filter(({ table }) => (table.rows ?? Infinity) >= SMALL)

const contains = ({ ra, dec }: Position, shape: string) => `1 = CONTAINS(POINT(${ra}, ${dec}), ${shape})`

// ---------------------------------------------------------------- cones

/** `ACOS(SIN(dec)*SIN(…) + …) < r`, haversines, `POWER(ra - …, 2) + …`: any spelling of a cone. */
export function coneFormula({ query }: Advised): Found[] {
  return everySelect(query).flatMap(select =>
    worthwhile(select).flatMap(position => conjuncts(select).flatMap(e => coneOf(e, position) ?? [])),
  )
}

function coneOf(e: Resolved, position: Position): Found | undefined {
  if (e.kind !== 'comparison' && e.kind !== 'between') return undefined
  if (everyExpression(e).length > MOST_PIECES) return undefined
  const { relation, table } = position
  const [ra, dec] = [table.position!.ra, table.position!.dec]
  const columns = columnsIn(e)
  if (!columns.some(c => isColumn(c, relation, ra)) || !columns.some(c => isColumn(c, relation, dec)))
    return undefined
  if (columns.some(c => !isColumn(c, relation, ra) && !isColumn(c, relation, dec))) return undefined
  const holds = (lon: number, lat: number) =>
    truthOf(e, c => (c.column.source?.sqlName === ra ? lon : lat)) === true
  const numbers = constants(e)
  const centers = numbers
    .filter(lat => Math.abs(lat) < 90)
    .flatMap(lat => numbers.filter(lon => lon >= -360 && lon <= 720).map(lon => [lon, lat] as const))
    .filter(center => isAround(holds, center))
    .map(center => ({ center, reach: DIRECTIONS.map(bearing => reachOf(holds, ...center, bearing)) }))
  // Close to the centre lies now and then another number of the query: the sine of a small angle.
  const round = centers
    .filter(({ reach }) => isRound(reach))
    .sort((a, b) => unevenness(a.reach) - unevenness(b.reach))[0]
  const found = round ?? centers.find(({ center, reach }) => isFlat(reach, center[1]))
  return found && asCone(e, position, found.center, found.reach)
}

/** Numbers that may be coordinates: literals with their sign, sums and products of them, also as radians. */
function constants(e: Resolved): number[] {
  const values = everyExpression(e).flatMap(each => {
    const value = each.kind === 'call' ? undefined : numberOf(each)
    return value === undefined ? [] : [value, Number((value / RAD).toPrecision(12))]
  })
  return [...new Set(values)].slice(0, MOST_NUMBERS)
}

/** Whether a condition holds at a centre, nowhere far from it, and as far to the north as to the south. */
function isAround(holds: Holds, [lon, lat]: readonly [number, number]): boolean {
  if (!holds(lon, lat) || DIRECTIONS.some(bearing => holds(...offset(lon, lat, bearing, 91)))) return false
  const [north, south] = [reachOf(holds, lon, lat, 0), reachOf(holds, lon, lat, 180)]
  return Math.abs(north - south) < 1e-3 * north
}

type Holds = (lon: number, lat: number) => boolean

/** Degrees from north through east. */
const DIRECTIONS = [0, 45, 90, 135, 180, 225, 270, 315]

/** The direction at some degrees from a position along a bearing. */
function offset(lon: number, lat: number, bearing: number, degrees: number): [number, number] {
  const [c, s] = [Math.cos(degrees * RAD), Math.sin(degrees * RAD)]
  const [sinB, cosB] = [Math.sin(lat * RAD), Math.cos(lat * RAD)]
  const [sinA, cosA] = [Math.sin(bearing * RAD), Math.cos(bearing * RAD)]
  const z = sinB * c + cosB * s * cosA
  const x = cosB * c - sinB * s * cosA
  const y = s * sinA
  const [turn, height] = [Math.atan2(y, x), Math.atan2(z, Math.hypot(x, y))]
  return [lon + turn / RAD, height / RAD]
}

/** How far the condition holds along a bearing, in degrees, by bisection. */
function reachOf(holds: Holds, lon: number, lat: number, bearing: number): number {
  let [near, far] = [0, 179]
  for (let i = 0; i < 60; i++) {
    const middle = (near + far) / 2
    if (holds(...offset(lon, lat, bearing, middle))) near = middle
    else far = middle
  }
  return near
}

const unevenness = (reach: readonly number[]) => 1 - Math.min(...reach) / Math.max(...reach)

/** The same in every direction: a circle on the sky. */
function isRound(reach: readonly number[]): boolean {
  return Math.min(...reach) > 1e-7 && Math.max(...reach) <= 90 && unevenness(reach) < 1e-5
}

/** A circle in ra and dec as if they were flat: an ellipse on the sky, narrower in right ascension by cos(dec). */
function isFlat(reach: readonly number[], lat: number): boolean {
  const [north, , east, , south, , west] = reach as [number, number, number, number, number, number, number]
  const narrow = Math.abs(north * Math.cos(lat * RAD) - east) < 0.02 * north
  const same = Math.abs(north - east) < 0.02 * north
  const balanced = Math.abs(north - south) < 1e-4 * north && Math.abs(east - west) < 1e-4 * north
  return north > 1e-7 && north < 20 && balanced && (narrow || same)
}

function asCone(
  e: Resolved,
  position: Position,
  [lon, lat]: readonly [number, number],
  reach: readonly number[],
): Found {
  const replacement = contains(position, `CIRCLE(${lon}, ${lat}, ${radiusText(reach[0]!, e)})`)
  const where = `${position.table.schema}.${position.table.name}`
  const message = `this is a cone that is computed for every row of ${where}; CONTAINS finds it by the index`
  const ellipse =
    Math.abs(reach[0]! - reach[2]!) > 1e-3 * reach[0]!
      ? '\nThe formula is not a circle on the sky: a degree of right ascension shrinks with cos(dec).'
      : ''
  return { start: e.start, end: e.end, message, hint: `Write ${replacement}${ellipse}`, replacement }
}

/** The radius by a number that the query has, if that is shorter: degrees, arcminutes, arcseconds, or a square. */
function radiusText(radius: number, e: Resolved): string {
  const written = constants(e).flatMap(value =>
    [value, Math.sqrt(Math.abs(value))].flatMap(size =>
      [1, 60, 3600]
        .filter(scale => Math.abs(size / scale - radius) < 1e-6 * radius)
        .map(scale => `${Number(size.toPrecision(12))}${scale === 1 ? '' : `/${scale}.`}`),
    ),
  )
  return [...written, String(Number(radius.toPrecision(8)))].sort((a, b) => a.length - b.length)[0]!
}

// ---------------------------------------------------------------- boxes

interface Bounds {
  low?: number
  high?: number
  readonly at: Resolved[]
}

/** `ra BETWEEN … AND dec BETWEEN …`, or the same by comparisons. */
export function boxByRanges({ query, text }: Advised): Found[] {
  return everySelect(query).flatMap(select =>
    worthwhile(select).flatMap(position => {
      const { ra, dec } = position.table.position!
      const all = conjuncts(select)
      if (all.some(e => isRegionOf(e, position))) return []
      const [lon, lat] = [boundsOf(all, position, ra), boundsOf(all, position, dec)]
      return box(lon, lat, position, text) ?? []
    }),
  )
}

const isRegionOf = (e: Resolved, { relation }: Position): boolean =>
  everyExpression(e).some(
    each =>
      each.kind === 'call' &&
      each.form.name === 'POINT' &&
      columnsIn(each).some(c => c.relation === relation),
  )

function boundsOf(all: readonly Resolved[], { relation }: Position, sqlName: string): Bounds {
  const bounds: Bounds = { at: [] }
  for (const e of all) {
    if (e.kind === 'between' && !e.negated && isColumn(e.operand, relation, sqlName)) {
      bound(bounds, e, numberOf(e.low), numberOf(e.high))
    } else if (e.kind === 'comparison') {
      const turned = isColumn(e.right, relation, sqlName)
      const [subject, value] = turned ? [e.right, numberOf(e.left)] : [e.left, numberOf(e.right)]
      if (!isColumn(subject, relation, sqlName)) continue
      const below = (e.operator === '<' || e.operator === '<=') !== turned
      if (e.operator === '=' || e.operator === '<>') continue
      bound(bounds, e, below ? undefined : value, below ? value : undefined)
    }
  }
  return bounds
}

function bound(bounds: Bounds, at: Resolved, low: number | undefined, high: number | undefined): void {
  if (low === undefined && high === undefined) return
  if (low !== undefined) bounds.low = low
  if (high !== undefined) bounds.high = high
  bounds.at.push(at)
}

function box(lon: Bounds, lat: Bounds, position: Position, text: string): Found | undefined {
  if (lon.low === undefined || lon.high === undefined || lat.low === undefined || lat.high === undefined)
    return undefined
  const first = [...lon.at, ...lat.at].sort((a, b) => a.start - b.start)[0]!
  const wraps = lon.low > lon.high
  const width = wraps ? lon.high + 360 - lon.low : lon.high - lon.low
  if (width <= 0 || width >= 180 || lat.low >= lat.high || lat.low < -90 || lat.high > 90) return undefined
  const around = contains(position, circleAround(lon.low, width, lat.low, lat.high))
  const { start, end } = first
  if (wraps) {
    const at = lon.at[0]!
    const replacement = `(${position.ra} >= ${lon.low} OR ${position.ra} <= ${lon.high})`
    const message = `no ${position.ra} is above ${lon.low} and below ${lon.high}: right ascension begins anew at 360`
    const hint = `Write ${replacement}, or with the index:\n${around}`
    return lon.at.length === 1
      ? { start: at.start, end: at.end, message, hint, replacement }
      : { start, end, message, hint }
  }
  const where = `${position.table.schema}.${position.table.name}`
  return {
    start,
    end,
    message: `this box is compared with every row of ${where}; a region beside it finds the rows by the index`,
    hint: `Add\nAND ${around}\nwhich is a circle around the box, and keep the ranges: the rows stay the same.`,
    replacement: `${text.slice(start, end)} AND ${around}`,
  }
}

/** The smallest circle about the middle of a box that has all of it. */
function circleAround(west: number, width: number, south: number, north: number): string {
  const [lon, lat] = [west + width / 2, (south + north) / 2]
  const [l0, b0] = lonLat(unitVector(lon * RAD, lat * RAD))
  let radius = 0
  for (let i = 0; i <= 16; i++) {
    for (const b of [south, north])
      radius = Math.max(radius, distance(l0, b0, (west + (width * i) / 16) * RAD, b * RAD))
    for (const l of [west, west + width])
      radius = Math.max(radius, distance(l0, b0, l * RAD, (south + ((north - south) * i) / 16) * RAD))
  }
  const figure = (x: number) => String(Number((((x % 360) + 360) % 360).toFixed(6)))
  const size = Math.ceil((radius / RAD) * 1.0001 * 1e5) / 1e5
  return `CIRCLE(${figure(lon)}, ${Number(lat.toFixed(6))}, ${size})`
}

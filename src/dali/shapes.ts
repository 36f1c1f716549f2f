/** Shapes as parameters have them: POS of SIA 2.0 §2.1.1 and SODA 1.0 §3.3.2, circle and polygon of DALI 1.1 §3.3.6–7. ICRS degrees. */
import { ServiceError } from '../error.ts'
import { polygonFault } from '../sphere/polygon.ts'

export type Position = readonly [lon: number, lat: number]

export interface Circle {
  readonly kind: 'circle'
  readonly center: Position
  /** From 0 to 180. */
  readonly radius: number
}

/** From `lon1` eastward to `lon2`, which is at most 360 more; from `lat1` northward to `lat2`. */
export interface Range {
  readonly kind: 'range'
  readonly lon1: number
  readonly lon2: number
  readonly lat1: number
  readonly lat2: number
}

export interface Polygon {
  readonly kind: 'polygon'
  readonly vertices: readonly Position[]
}

export type Shape = Circle | Range | Polygon

/** `CIRCLE lon lat radius`, `RANGE lon1 lon2 lat1 lat2` or `POLYGON lon lat …`, the keyword in any case. */
export function posShape(value: string, name = 'POS'): Shape {
  const [, keyword = '', rest = ''] = /^\s*([A-Za-z]*)(.*)$/s.exec(value)!
  switch (keyword.toUpperCase()) {
    case 'CIRCLE':
      return circleShape(rest, `${name}=CIRCLE`)
    case 'RANGE':
      return rangeShape(rest, `${name}=RANGE`)
    case 'POLYGON':
      return polygonShape(rest, `${name}=POLYGON`)
    default:
      throw new ServiceError('usage', `${name}=${shown(value)} begins with no shape`, {
        detail:
          'Say CIRCLE lon lat radius, RANGE lon1 lon2 lat1 lat2, or POLYGON lon lat lon lat lon lat …, in degrees.',
      })
  }
}

/** `lon lat radius`. */
export function circleShape(value: string, name = 'CIRCLE'): Circle {
  const [lon, lat, radius, ...more] = finite(numbers(value, name), name)
  if (radius === undefined || more.length > 0)
    throw wrong(name, value, 'has three numbers: longitude, latitude and radius')
  checkPosition(lon!, lat!, name)
  if (!(radius >= 0 && radius <= 180))
    throw new ServiceError('usage', `${name}: the radius ${radius} is not within 0 and 180 degrees`)
  return { kind: 'circle', center: [lon!, lat!], radius }
}

/** `lon1 lon2 lat1 lat2`, where ±Inf stands for no limit. A range whose lon1 is more than its lon2 crosses longitude 0. */
export function rangeShape(value: string, name = 'RANGE'): Range {
  const given = numbers(value, name)
  const [lon1, lon2, lat1, lat2] = given as [number, number, number, number]
  if (given.length !== 4) throw wrong(name, value, 'has four numbers: two longitudes and two latitudes')
  if (given.some(Number.isNaN)) throw wrong(name, value, 'cannot have NaN')
  const [south, north] = [
    lat1 === Number.NEGATIVE_INFINITY ? -90 : lat1,
    lat2 === Number.POSITIVE_INFINITY ? 90 : lat2,
  ]
  const [west, east] = [
    lon1 === Number.NEGATIVE_INFINITY ? 0 : lon1,
    lon2 === Number.POSITIVE_INFINITY ? 360 : lon2,
  ]
  checkPosition(west, south, name)
  checkPosition(east, north, name)
  if (south > north)
    throw new ServiceError('usage', `${name}: the first latitude, ${lat1}, is more than the second, ${lat2}`)
  return { kind: 'range', lon1: west, lon2: east < west ? east + 360 : east, lat1: south, lat2: north }
}

/** `lon lat lon lat lon lat …`: at least three vertices, in either sense of turning; the smaller side is inside. */
export function polygonShape(value: string, name = 'POLYGON'): Polygon {
  const given = finite(numbers(value, name), name)
  if (given.length % 2 === 1 || given.length < 6)
    throw wrong(
      name,
      value,
      `has pairs of longitude and latitude, three or more; these are ${given.length} numbers`,
    )
  const vertices: Position[] = []
  for (let i = 0; i < given.length; i += 2) vertices.push([given[i]!, given[i + 1]!])
  for (const [lon, lat] of vertices) checkPosition(lon, lat, name)
  const [first, last] = [vertices[0]!, vertices.at(-1)!]
  // DALI 1.1 §3.3.7: not closed; many clients close it.
  if (vertices.length > 3 && first[0] === last[0] && first[1] === last[1]) vertices.pop()
  const fault = polygonFault(vertices)
  if (fault)
    throw new ServiceError('usage', `${name}: the polygon ${fault.message}`, {
      ...(fault.hint && { detail: fault.hint }),
    })
  return { kind: 'polygon', vertices }
}

/** A literal of VOTable (DALI 1.1 §3.3.1): `1.5e3`, `NaN`, `+Inf`, `-Inf`; undefined for what is none. */
export function numberLiteral(text: string): number | undefined {
  const infinity = /^([+-]?)inf(inity)?$/i.exec(text)
  if (infinity) return infinity[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
}

/** More are refused before they are read: a polygon has two for each vertex. */
const MOST_NUMBERS = 2200

/** The numbers of a list with blanks. */
export function numbers(value: string, name: string): readonly number[] {
  const words = value.split(/\s+/, MOST_NUMBERS + 1).filter(word => word !== '')
  if (words.length >= MOST_NUMBERS)
    throw new ServiceError('usage', `${name}: more than ${MOST_NUMBERS} numbers`)
  return words.map(word => {
    const number = numberLiteral(word)
    if (number === undefined) throw new ServiceError('usage', `${name}: '${shown(word)}' is not a number`)
    return number
  })
}

function finite(given: readonly number[], name: string): readonly number[] {
  const odd = given.find(number => !Number.isFinite(number))
  if (odd !== undefined) throw new ServiceError('usage', `${name}: ${odd} is not a finite number`)
  return given
}

function checkPosition(lon: number, lat: number, name: string): void {
  if (!(lat >= -90 && lat <= 90)) {
    throw new ServiceError('usage', `${name}: the latitude ${lat} is not within -90 and 90 degrees`, {
      detail: 'Longitude comes first, then latitude.',
    })
  }
  if (!(lon >= 0 && lon <= 360))
    throw new ServiceError('usage', `${name}: the longitude ${lon} is not within 0 and 360 degrees`)
}

function wrong(name: string, value: string, what: string): ServiceError {
  return new ServiceError('usage', `${name} ${what}; it is '${shown(value.trim())}'`)
}

const shown = (value: string) => (value.length > 60 ? `${value.slice(0, 60)}…` : value)

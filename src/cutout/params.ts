/** What a request for cutouts says: the parameters of SODA 1.0 §3, and our own for pictures (docs/cutouts.md). */
import { badValue, type Parameters } from '../dali/parameters.ts'
import { circleShape, numberLiteral, polygonShape, posShape, type Shape } from '../dali/shapes.ts'
import { ServiceError } from '../error.ts'
import { COLOR_MAPS, colorMap } from '../images/color-map.ts'
import { PICTURE_TYPES, type PictureType } from '../images/encode.ts'
import { DEFAULT_Q } from '../images/lupton.ts'
import { STRETCHES, type Stretch } from '../images/stretch.ts'
import type { Region } from '../sphere/region.ts'
import { unitVector } from '../sphere/vector.ts'

export interface Interval {
  readonly low: number
  readonly high: number
}

/** What one cutout is of; what is undefined does not restrict it. */
export interface Filter {
  readonly region: Region | undefined
  /** Metres. */
  readonly band: Interval | undefined
  /** MJD. */
  readonly time: Interval | undefined
  /** Polarisation states; empty: all. */
  readonly pol: readonly string[]
}

export type Cuts = 'zscale' | 'minmax' | { readonly percent: number } | { readonly limits: Interval }

export interface PictureStyle {
  readonly type: PictureType
  readonly stretch: Stretch
  readonly cuts: Cuts
  readonly colorMap: string
  /** Pixels; undefined: those of the cutout. */
  readonly width: number | undefined
  readonly q: number
}

export interface Output {
  /** Undefined: FITS. */
  readonly picture: PictureStyle | undefined
  readonly mask: boolean
  /** Three IDs make one colour picture. */
  readonly composite: boolean
}

export interface CutoutRequest {
  readonly ids: readonly string[]
  /** Every combination of the values of the parameters (SODA 1.0 §6); never empty. */
  readonly filters: readonly Filter[]
  readonly output: Output
}

/** Parameters that can be given once, whatever SODA says of the others. */
export const SINGLE = ['RESPONSEFORMAT', 'MASK', 'STRETCH', 'CUTS', 'COLORMAP', 'WIDTH', 'Q', 'COMPOSITE']

const DEGREE = Math.PI / 180
const MOST_WIDTH = 8192
/** Results of one request. */
const MOST_COMBINATIONS = 10_000

export function cutoutRequest(parameters: Parameters): CutoutRequest {
  const ids = values(parameters, 'ID')
  if (ids.length === 0) throw new ServiceError('usage', 'ID is missing: the publisher DID of an image')
  const regions = [
    ...values(parameters, 'CIRCLE').map(value => circleShape(value)),
    ...values(parameters, 'POLYGON').map(value => polygonShape(value)),
    ...values(parameters, 'POS').map(value => posShape(value)),
  ].map(regionOf)
  const bands = values(parameters, 'BAND').map(value => interval('BAND', value))
  const times = values(parameters, 'TIME').map(value => interval('TIME', value))
  const pol = values(parameters, 'POL').map(polState)
  const filters = some(regions).flatMap(region =>
    some(bands).flatMap(band => some(times).map(time => ({ region, band, time, pol }))),
  )
  if (ids.length * filters.length > MOST_COMBINATIONS)
    throw new ServiceError(
      'tooLarge',
      `${ids.length * filters.length} cutouts; one request has at most ${MOST_COMBINATIONS}`,
    )
  const picture = pictureStyle(parameters)
  const composite = flag(parameters, 'COMPOSITE')
  if (composite && ids.length !== 3)
    throw new ServiceError('usage', `COMPOSITE is made of three images; ${ids.length} are given by ID`)
  if (composite && !picture)
    throw new ServiceError(
      'usage',
      `COMPOSITE makes a picture: RESPONSEFORMAT is one of ${PICTURE_TYPES.join(', ')}`,
    )
  return { ids, filters, output: { picture, mask: flag(parameters, 'MASK'), composite } }
}

/** SODA 1.0 §3.1: what is refused in sync when it is repeated, by the words of the standard. */
export function checkSync(request: CutoutRequest, parameters: Parameters): void {
  const several = (name: string, count: number) => {
    if (count <= 1) return
    throw new ServiceError('usage', `MultiValuedParamNotSupported: ${name} is given ${count} times`, {
      detail: 'One cutout at a time here; several are made by /cutout/async.',
    })
  }
  if (!request.output.composite) several('ID', request.ids.length)
  for (const name of ['BAND', 'TIME']) several(name, values(parameters, name).length)
  const shapes = ['CIRCLE', 'POLYGON', 'POS'].map(name => values(parameters, name).length)
  several(
    'CIRCLE, POLYGON or POS',
    shapes.reduce((a, b) => a + b),
  )
}

function values(parameters: Parameters, name: string): readonly string[] {
  return parameters.all(name).filter(value => value.trim() !== '')
}

const some = <T>(list: readonly T[]): readonly (T | undefined)[] => (list.length > 0 ? list : [undefined])

export function regionOf(shape: Shape): Region {
  const vector = ([lon, lat]: readonly [number, number]) => unitVector(lon * DEGREE, lat * DEGREE)
  if (shape.kind === 'circle')
    return { kind: 'circle', center: vector(shape.center), radius: shape.radius * DEGREE }
  if (shape.kind === 'polygon') return { kind: 'polygon', vertices: shape.vertices.map(vector) }
  const { lon1, lon2, lat1, lat2 } = shape
  return { kind: 'range', lon: [lon1 * DEGREE, lon2 * DEGREE], lat: [lat1 * DEGREE, lat2 * DEGREE] }
}

/** SODA 1.0 §3.3.5–6: two numbers, infinite ends are open. */
function interval(name: string, value: string): Interval {
  const [low, high, ...more] = value.trim().split(/\s+/).map(numberLiteral)
  if (low === undefined || high === undefined || more.length > 0 || Number.isNaN(low) || Number.isNaN(high))
    throw badValue(name, value, 'an interval: two numbers with a blank between')
  if (low > high) throw badValue(name, value, 'an interval: the first number is above the second')
  return { low, high }
}

const STATES = 'I Q U V RR LL RL LR XX YY XY YX POLI POLA'.split(' ')

function polState(value: string): string {
  const state = value.trim().toUpperCase()
  if (!STATES.includes(state)) throw badValue('POL', value, `one of ${STATES.join(', ')}`)
  return state
}

function flag(parameters: Parameters, name: string): boolean {
  const value = parameters.single(name)?.trim().toLowerCase()
  if (!value || value === 'false' || value === '0') return false
  if (value === 'true' || value === '1') return true
  throw badValue(name, value, 'true or false')
}

const SHORT: Readonly<Record<string, string>> = {
  fits: 'image/fits',
  'application/fits': 'image/fits',
  png: 'image/png',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  'image/jpg': 'image/jpeg',
  webp: 'image/webp',
}

export function pictureStyle(parameters: Parameters): PictureStyle | undefined {
  const format = parameters.single('RESPONSEFORMAT')?.trim().toLowerCase() || 'image/fits'
  const type = SHORT[format] ?? format
  if (type === 'image/fits') return undefined
  if (!PICTURE_TYPES.includes(type as PictureType))
    throw badValue('RESPONSEFORMAT', format, `one of image/fits, ${PICTURE_TYPES.join(', ')}`)
  const stretch = parameters.single('STRETCH')?.trim().toLowerCase() || 'linear'
  if (!STRETCHES.includes(stretch as Stretch))
    throw badValue('STRETCH', stretch, `one of ${STRETCHES.join(', ')}`)
  const map = parameters.single('COLORMAP')?.trim() || 'gray'
  if (!colorMap(map))
    throw badValue('COLORMAP', map, `one of ${COLOR_MAPS.join(', ')}; each also turned around, as in gray_r`)
  return {
    type: type as PictureType,
    stretch: stretch as Stretch,
    cuts: cutsOf(parameters.single('CUTS')?.trim().toLowerCase() || 'zscale'),
    colorMap: map,
    width: within(parameters, 'WIDTH', 1, MOST_WIDTH, true),
    q: within(parameters, 'Q', 0, 1e6, false) ?? DEFAULT_Q,
  }
}

/** `zscale`, `minmax`, a percentage, or the two values that are black and white. */
function cutsOf(value: string): Cuts {
  if (value === 'zscale' || value === 'minmax') return value
  const [first, second, ...more] = value.replace(/%$/, '').split(/\s+/).map(numberLiteral)
  if (first !== undefined && second === undefined && first > 0 && first <= 100) return { percent: first }
  const bad = more.length > 0 || first === undefined || second === undefined || !(first < second)
  if (bad || !Number.isFinite(first) || !Number.isFinite(second))
    throw badValue(
      'CUTS',
      value,
      'zscale, minmax, a percentage of the pixels, or two values, black and white',
    )
  return { limits: { low: first, high: second } }
}

function within(
  parameters: Parameters,
  name: string,
  low: number,
  high: number,
  whole: boolean,
): number | undefined {
  const value = parameters.single(name)?.trim()
  if (!value) return undefined
  const number = numberLiteral(value) ?? Number.NaN
  if (!(number >= low && number <= high) || (whole && !Number.isInteger(number)))
    throw badValue(name, value, `a ${whole ? 'whole ' : ''}number from ${low} to ${high}`)
  return number
}

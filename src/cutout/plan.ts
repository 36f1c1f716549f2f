/** Which pixels of an image a filter leaves, along all of its axes. Plans only; nothing is read here. */
import { ServiceError } from '../error.ts'
import { type Header, numberOf, textOf } from '../fits/header.ts'
import type { FitsImage } from '../fits/image.ts'
import type { Window } from '../fits/window.ts'
import type { LocatedImage } from '../images/locate.ts'
import { spectralAxis } from '../images/spectral-axis.ts'
import type { Dataset } from './dataset.ts'
import type { Filter, Interval } from './params.ts'
import { boxOf } from './window.ts'

/** First and last pixel, from 0. */
type Pixels = readonly [first: number, last: number]

/** Undefined when no pixel is left: SODA's answer is then 204 (SODA 1.0 §5.1). */
export function windowOf({ image, located, wcs }: Dataset, filter: Filter): Window | undefined {
  let every: Window['every']
  const ranges: Pixels[] = image.shape.map(n => [0, n - 1])
  const limit = (axis: number, range: Pixels | undefined): boolean => {
    if (range) ranges[axis] = range
    return range !== undefined
  }
  if (filter.region) {
    const [ax, ay] = wcs.axes
    // A slice has an axis of the sky that is not one of its pixels'.
    const box = boxOf(wcs, image.shape[ax] ?? 1, image.shape[ay] ?? 1, filter.region)
    if (!box) return undefined
    limit(ax, [box.x0, box.x1])
    limit(ay, [box.y0, box.y1])
  }
  if (filter.band) {
    const axis = spectralAxis(image)
    if (axis) {
      if (!limit(axis.axis, spectralRange(axis.wavelengthOf, image.shape[axis.axis]!, filter.band)))
        return undefined
    } else if (!covered('BAND', located, located.emMin, located.emMax, filter.band)) return undefined
  }
  if (filter.time && !covered('TIME', located, located.tMin, located.tMax, filter.time)) return undefined
  if (filter.pol.length > 0) {
    const axis = stokesAxis(image)
    if (axis !== undefined) {
      const planes = stokesPlanes(image, axis, filter.pol)
      if (!limit(axis, planes.length > 0 ? [planes[0]!, planes.at(-1)!] : undefined)) return undefined
      const step = evenStep(planes)
      if (step === undefined)
        throw new ServiceError(
          'usage',
          `POL: the planes of ${filter.pol.join(', ')} are not evenly apart, and an axis of FITS is linear`,
          { detail: 'Ask for them one by one, or leave POL out for all planes.' },
        )
      if (step > 1) every = { axis, step }
    } else {
      const states = located.polStates
      if (states === undefined) throw unknown('POL', located)
      if (!filter.pol.some(state => states.includes(`/${state}/`))) return undefined
    }
  }
  const start = ranges.map(([first]) => first)
  const size = ranges.map(([first, last]) => last - first + 1)
  if (!every) return { start, size }
  const { axis, step } = every
  return { start, size: size.with(axis, (size[axis]! - 1) / step + 1), every }
}

export function checkSize(window: Window, most: number): void {
  const pixels = window.size.reduce((product, n) => product * n, 1)
  if (pixels <= most) return
  throw new ServiceError(
    'tooLarge',
    `The cutout has ${window.size.join(' × ')} = ${pixels} pixels; this site gives at most ${most} at once.`,
    { detail: 'Ask for a smaller shape, or for the whole file: its link #this is in /datalink/links.' },
  )
}

function covered(
  name: string,
  located: LocatedImage,
  low: number | undefined,
  high: number | undefined,
  wanted: Interval,
): boolean {
  if (low === undefined || high === undefined) throw unknown(name, located)
  return wanted.low <= high && wanted.high >= low
}

function unknown(name: string, { did }: LocatedImage): ServiceError {
  const what = { BAND: 'which wavelengths', TIME: 'when', POL: 'which polarisation' }[name]
  return new ServiceError('usage', `${name}: it is not known ${what} ${did} shows; leave ${name} out`)
}

/** Pixels whose extent in wavelength touches the interval. */
function spectralRange(
  wavelengthOf: (pixel: number) => number | undefined,
  count: number,
  { low, high }: Interval,
): Pixels | undefined {
  let [first, last] = [count, -1]
  for (let pixel = 0; pixel < count; pixel++) {
    const [a, b] = [wavelengthOf(pixel - 0.5), wavelengthOf(pixel + 0.5)]
    if (a === undefined || b === undefined) continue
    if (Math.max(a, b) < low || Math.min(a, b) > high) continue
    first = Math.min(first, pixel)
    last = pixel
  }
  return last < 0 ? undefined : [first, last]
}

function stokesAxis({ header, shape }: FitsImage): number | undefined {
  const axis = shape.findIndex((_, i) => /^STOKES/i.test(textOf(header, `CTYPE${i + 1}`) ?? ''))
  return axis < 0 ? undefined : axis
}

/** FITS Standard 4.0 §8.5, table 29: 1 to 4 are I to V, −1 to −8 circular and linear feeds. */
const STATES: Readonly<Record<string, number>> = {
  I: 1,
  Q: 2,
  U: 3,
  V: 4,
  RR: -1,
  LL: -2,
  RL: -3,
  LR: -4,
  XX: -5,
  YY: -6,
  XY: -7,
  YX: -8,
}

/** The planes of these states, in the order of the axis. */
function stokesPlanes({ header, shape }: FitsImage, axis: number, states: readonly string[]): number[] {
  const valueAt = stokesValues(header, axis + 1)
  return Array.from({ length: shape[axis]! }, (_, pixel) => pixel).filter(pixel =>
    states.some(state => STATES[state] === Math.round(valueAt(pixel))),
  )
}

/** From plane to plane, 1 for a single one; undefined where that is not always as far. */
function evenStep(planes: readonly number[]): number | undefined {
  const steps = new Set(planes.slice(1).map((plane, i) => plane - planes[i]!))
  return steps.size > 1 ? undefined : ([...steps][0] ?? 1)
}

function stokesValues(header: Header, n: number): (pixel: number) => number {
  const step = numberOf(header, `CD${n}_${n}`) ?? numberOf(header, `CDELT${n}`) ?? 1
  const [value, reference] = [numberOf(header, `CRVAL${n}`) ?? 0, numberOf(header, `CRPIX${n}`) ?? 0]
  return pixel => value + (pixel + 1 - reference) * step
}

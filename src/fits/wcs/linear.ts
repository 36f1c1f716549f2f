/** From pixels to the plane of projection: CRPIX, CD or PC with CDELT, or CROTA (FITS Standard 4.0 §8.1, Paper II §6). */
import { fitsError } from '../header.ts'
import type { CelestialAxes } from './axes.ts'
import type { WcsKeywords } from './keywords.ts'
import type { Plane } from './projection.ts'

export interface Linear {
  /** Numbers of the two pixel axes of the sky, from 1, in rising order. */
  readonly axes: readonly [number, number]
  /** CRPIX of both. */
  readonly reference: Plane
  /** Degrees of longitude (first row) and latitude per pixel of both axes. */
  readonly matrix: Matrix2
}

export type Matrix2 = readonly [readonly [number, number], readonly [number, number]]

export function linearOf(keywords: WcsKeywords, sky: CelestialAxes): Linear {
  const rows = [sky.lon, sky.lat].map(i => row(keywords, i, sky))
  const used = new Set(rows.flatMap(values => [...values.keys()]))
  const own = [sky.lon, sky.lat]
  // An axis of one pixel or none may be tied in by a zero only; any other makes the sky depend on it.
  const others = [...used].filter(j => !own.includes(j))
  if (others.length > 0) {
    throw fitsError(
      keywords.title,
      `the position on the sky depends on pixel axis ${others[0]} too (CD or PC matrix)`,
    )
  }
  const axes = own.sort((a, b) => a - b) as [number, number]
  const matrix = rows.map(values => axes.map(j => values.get(j) ?? 0)) as unknown as Matrix2
  if (!(Math.abs(determinant(matrix)) > 0) || !Number.isFinite(determinant(matrix))) {
    throw fitsError(keywords.title, 'the linear transformation is singular (CD, PC and CDELT)')
  }
  const reference = axes.map(j => keywords.number(`CRPIX${j}`) ?? 0) as unknown as Plane
  return { axes, reference, matrix }
}

/** Degrees of world axis i per pixel of each axis; zeros left out. */
function row(keywords: WcsKeywords, i: number, sky: CelestialAxes): Map<number, number> {
  const values = new Map<number, number>()
  for (let j = 1; j <= keywords.axes; j++) {
    const value = element(keywords, i, j, sky)
    if (value !== 0) values.set(j, value)
  }
  return values
}

function element(keywords: WcsKeywords, i: number, j: number, sky: CelestialAxes): number {
  const { has } = keywords
  const diagonal = i === j ? 1 : 0
  const step = (axis: number) => (keywords.number(`CDELT${axis}`) ?? 1) * degreesOf(keywords, axis)
  // As in wcslib: PC comes before CD, CD before CROTA.
  if (has.pc) return step(i) * (keywords.matrix('PC', i, j) ?? diagonal)
  if (has.cd) return (keywords.matrix('CD', i, j) ?? 0) * degreesOf(keywords, i)
  if (!has.crota || (j !== sky.lon && j !== sky.lat)) return step(i) * diagonal
  // Paper II eq. 189: the rotation is that of the latitude axis.
  const rho = ((keywords.number(`CROTA${sky.lat}`) ?? 0) * Math.PI) / 180
  if (i === j) return step(i) * Math.cos(rho)
  return step(j) * Math.sin(rho) * (i === sky.lon ? -1 : 1)
}

const UNITS: Readonly<Record<string, number>> = {
  deg: 1,
  degree: 1,
  degrees: 1,
  arcmin: 1 / 60,
  arcmins: 1 / 60,
  arcsec: 1 / 3600,
  arcsecs: 1 / 3600,
  mas: 1 / 3.6e6,
  uas: 1 / 3.6e9,
  rad: 180 / Math.PI,
  radian: 180 / Math.PI,
  radians: 180 / Math.PI,
}

/** CUNITi in degrees. */
export function degreesOf(keywords: WcsKeywords, axis: number): number {
  const unit = keywords.text(`CUNIT${axis}`)?.trim() ?? ''
  const degrees = unit === '' ? 1 : UNITS[unit.toLowerCase()]
  if (degrees === undefined) {
    throw fitsError(keywords.title, `CUNIT${axis} = '${unit}' is no unit of an angle that is known`)
  }
  return degrees
}

export function determinant([[a, b], [c, d]]: Matrix2): number {
  return a * d - b * c
}

export function inverse(matrix: Matrix2): Matrix2 {
  const [[a, b], [c, d]] = matrix
  const by = determinant(matrix)
  return [
    [d / by, -b / by],
    [-c / by, a / by],
  ]
}

export function times([[a, b], [c, d]]: Matrix2, [x, y]: Plane): Plane {
  return [a * x + b * y, c * x + d * y]
}

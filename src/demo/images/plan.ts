/**
 * The images of the demo survey: patches of one TAN projection around the middle of the footprint, which overlap by
 * two arcminutes. Pixels of an overlap are the same in both patches, as in coadds of a common tract.
 */
import { unitVector } from '../../sphere/vector.ts'
import { BANDS } from '../bands.ts'
import type { Footprint } from '../footprint.ts'
import { stackDepth } from '../photometry.ts'
import type { Survey } from '../survey.ts'

/** Indices in BANDS. */
export const IMAGE_BANDS = [0, 1, 2] as const

/** Side of a pixel, and FWHM of a point source in every coadd, in arcsec. */
export const PIXEL = 0.75
export const SEEING = 1.15

/** Pixels that neighbours have in common: 2′. */
const OVERLAP = 160
/** Sizes are multiples of this: noise is made in runs of so many pixels. */
export const RUN = 40
/** Patches along a side at most: with the size of patches that is 2°. */
const MOST = 4
const LARGEST = 2520

export interface Patch {
  /** As in file names: column and row, from the south-east. */
  readonly name: string
  /** First pixel, counted from the tangent point westwards and northwards. */
  readonly x0: number
  readonly y0: number
  readonly size: number
}

/** The patches that cover the footprint, or the inner 2° of a larger one. */
export function patchesOf({ south, north, west, east }: Footprint): Patch[] {
  const middle = ((south + north) / 2) * (Math.PI / 180)
  const sides = [north - south, (east - west) * Math.cos(middle)]
  const side = Math.floor((Math.min(2, ...sides) * 3600) / PIXEL)
  const count = Math.min(MOST, Math.max(1, Math.ceil((side - OVERLAP) / (LARGEST - OVERLAP))))
  const size = Math.floor((side + (count - 1) * OVERLAP) / count / RUN) * RUN
  const pitch = size - OVERLAP
  const first = -Math.round(((count - 1) * pitch + size) / 2 / RUN) * RUN
  return Array.from({ length: count * count }, (_, i) => {
    const [column, row] = [i % count, Math.floor(i / count)]
    return { name: `${column}_${row}`, x0: first + column * pitch, y0: first + row * pitch, size }
  })
}

/** Pixel of a direction, counted as in `Patch`; all in degrees. */
export type ToPixel = (ra: number, dec: number) => readonly [x: number, y: number]

export function tangentPoint({ south, north, west, east }: Footprint): readonly [ra: number, dec: number] {
  return [((((west + east) / 2) % 360) + 360) % 360, (south + north) / 2]
}

export function toPixel(footprint: Footprint): ToPixel {
  const degree = Math.PI / 180
  const [ra0, dec0] = tangentPoint(footprint).map(angle => angle * degree) as [number, number]
  const [sin0, cos0] = [Math.sin(dec0), Math.cos(dec0)]
  const scale = (PIXEL / 3600) * degree
  return (ra, dec) => {
    const [x, y, z] = unitVector(ra * degree - ra0, dec * degree)
    const forward = cos0 * x + sin0 * z
    return [-y / forward / scale, (cos0 * z - sin0 * x) / forward / scale]
  }
}

/** What went into the coadd of a band. */
export interface Coadd {
  /** Flux of a point source at a signal-to-noise of 5, in nJy, at the seeing of single visits. */
  readonly depth: number
  readonly visits: number
  /** MJD (TAI) of the first and the last visit. */
  readonly first: number
  readonly last: number
}

/** Of all fields together: their depths differ by little. */
export function coaddOf({ visits }: Survey, band: number): Coadd {
  const lists = visits.of.filter((_, i) => i % BANDS.length === band)
  const depth = lists.reduce((sum, list) => sum + stackDepth(list, visits.depth), 0) / lists.length
  const times = lists.flatMap(list => [...list].map(visit => visits.mjd[visit]!))
  return {
    depth,
    visits: lists[0]!.length,
    first: times.reduce((a, b) => Math.min(a, b)),
    last: times.reduce((a, b) => Math.max(a, b)),
  }
}

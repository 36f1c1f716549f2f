/**
 * The smallest block of pixels that holds a region of the sky (SODA 1.0 §3.3). The outline of the region is carried
 * into the image and its extent taken; where the map breaks on the way (the seam of an all-sky map, a pole that is a
 * line, places that the projection does not show), blocks of pixels are halved until those inside are found.
 */
import type { CelestialWcs } from '../fits/wcs/wcs.ts'
import { distanceTo, membership, middleOf, outline, type Region } from '../sphere/region.ts'
import { angle, lonLat, unitVector, type Vector } from '../sphere/vector.ts'

/** First and last pixel along both axes of the sky, from 0. */
export interface Box {
  readonly x0: number
  readonly x1: number
  readonly y0: number
  readonly y1: number
}

const DEGREE = Math.PI / 180
/** Pixels by which an outline may be off between the points of it that are taken. */
const TOLERANCE = 0.02
const MOST_POINTS = 4000

/** Undefined when no pixel of the image is in the region. */
export function boxOf(wcs: CelestialWcs, width: number, height: number, region: Region): Box | undefined {
  const contains = membership(region)
  const at = (x: number, y: number) => vectorAt(wcs, x, y)
  const pixels = outlinePixels(wcs, scaleOf(wcs, width, height), region)
  const smooth = pixels && (region.kind !== 'range' || region.lon[1] - region.lon[0] < 6) && isSmooth(pixels)
  if (!smooth) return searched(at, wcs, width, height, region, contains)
  const within = ([x, y]: Plane) => x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5
  const probes: Plane[] = [
    [(width - 1) / 2, (height - 1) / 2],
    [-0.5, -0.5],
    [width - 0.5, -0.5],
    [-0.5, height - 0.5],
    [width - 0.5, height - 0.5],
  ]
  const overlaps =
    pixels.some(within) ||
    probes.some(([x, y]) => {
      const v = at(x, y)
      return v !== undefined && contains(v)
    })
  if (!overlaps) return undefined
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity]
  for (const [x, y] of pixels) {
    left = Math.min(left, x)
    right = Math.max(right, x)
    low = Math.min(low, y)
    high = Math.max(high, y)
  }
  return clipped(left, right, low, high, width, height)
}

type Plane = readonly [x: number, y: number]
type At = (x: number, y: number) => Vector | undefined

function vectorAt(wcs: CelestialWcs, x: number, y: number): Vector | undefined {
  const sky = wcs.skyOf(x, y)
  return sky && unitVector(sky[0] * DEGREE, sky[1] * DEGREE)
}

/** Pixels whose area the extent touches, within the image; at least one. */
function clipped(left: number, right: number, low: number, high: number, width: number, height: number): Box {
  const clip = (value: number, most: number) => Math.max(0, Math.min(most - 1, value))
  return {
    x0: clip(Math.floor(left + 0.5), width),
    x1: clip(Math.ceil(right - 0.5), width),
    y0: clip(Math.floor(low + 0.5), height),
    y1: clip(Math.ceil(high - 0.5), height),
  }
}

/** Size of a pixel in the middle of the image, in radians; undefined where that is off the sky. */
function scaleOf(wcs: CelestialWcs, width: number, height: number): number | undefined {
  const [x, y] = [Math.floor((width - 1) / 2), Math.floor((height - 1) / 2)]
  const [a, b, c] = [vectorAt(wcs, x, y), vectorAt(wcs, x + 1, y), vectorAt(wcs, x, y + 1)]
  const scale = a && b && c ? Math.min(angle(a, b), angle(a, c)) : 0
  return scale > 0 ? scale : undefined
}

/** The outline in pixels; undefined where any of it is not in the map, or there is none. */
function outlinePixels(wcs: CelestialWcs, scale: number | undefined, region: Region): Plane[] | undefined {
  if (scale === undefined) return undefined
  const radius = region.kind === 'circle' ? Math.min(region.radius, 1) : 0.2
  // A chord s of a circle of radius r is s² / 8r off.
  const step = Math.sqrt(8 * (radius || scale) * TOLERANCE * scale)
  const points = outline(region, Math.max(step, (2 * Math.PI) / MOST_POINTS))
  if (points.length === 0) return undefined
  const pixels: Plane[] = []
  for (const point of points) {
    const [lon, lat] = lonLat(point)
    const pixel = wcs.pixelOf(lon / DEGREE, lat / DEGREE)
    if (!pixel || !Number.isFinite(pixel[0] + pixel[1])) return undefined
    pixels.push(pixel)
  }
  return pixels
}

/** Whether no step of the closed way is far longer than those beside it. */
function isSmooth(pixels: readonly Plane[]): boolean {
  const count = pixels.length
  const steps = pixels.map(([x, y], i) => {
    const next = pixels[(i + 1) % count]!
    return Math.hypot(next[0] - x, next[1] - y)
  })
  return steps.every((step, i) => {
    const beside = Math.max(steps[(i + 1) % count]!, steps[(i + count - 1) % count]!)
    return step < 4 || step < 8 * beside || count < 16
  })
}

/** The smallest part of an image that is searched as a whole. */
const COARSE = 64

/** Blocks of pixels, halved where they may hold pixels of the region beyond the box found so far. */
function searched(
  at: At,
  wcs: CelestialWcs,
  width: number,
  height: number,
  region: Region,
  contains: (v: Vector) => boolean,
): Box | undefined {
  const found = { x0: width, x1: -1, y0: height, y1: -1 }
  const take = (x: number, y: number) => {
    found.x0 = Math.min(found.x0, x)
    found.x1 = Math.max(found.x1, x)
    found.y0 = Math.min(found.y0, y)
    found.y1 = Math.max(found.y1, y)
  }
  const distance = distanceTo(region)
  const visit = (x0: number, y0: number, x1: number, y1: number): void => {
    if (x0 >= found.x0 && x1 <= found.x1 && y0 >= found.y0 && y1 <= found.y1) return
    const [x, y] = [(x0 + x1) >> 1, (y0 + y1) >> 1]
    const center = at(x, y)
    if (center && contains(center)) take(x, y)
    if (x0 === x1 && y0 === y1) return
    const size = Math.max(x1 - x0, y1 - y0)
    const corners = [at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1)]
    if (!center && size < COARSE && corners.every(v => !v)) return
    if (center && size < COARSE && corners.every(v => v !== undefined)) {
      const radius = Math.max(...corners.map(v => angle(v!, center)))
      if (distance(center) > 2 * radius) return
    }
    // The longer side is halved; first the half whose middle is there.
    if (x1 - x0 >= y1 - y0) {
      visit(x0, y0, x, y1)
      if (x < x1) visit(x + 1, y0, x1, y1)
    } else {
      visit(x0, y0, x1, y)
      if (y < y1) visit(x0, y + 1, x1, y1)
    }
  }
  visit(0, 0, width - 1, height - 1)
  // A region may be smaller than a pixel.
  const [lon, lat] = lonLat(middleOf(region))
  const pixel = wcs.pixelOf(lon / DEGREE, lat / DEGREE)
  if (pixel) {
    const [x, y] = [Math.round(pixel[0]), Math.round(pixel[1])]
    if (x >= 0 && y >= 0 && x < width && y < height) take(x, y)
  }
  return found.x1 < 0 ? undefined : found
}

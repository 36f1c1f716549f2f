/** Which tiles a HiPS has, and which images each of them needs. */

import { DEGREE } from '../fits/wcs/projection.ts'
import type { CelestialWcs } from '../fits/wcs/wcs.ts'
import { hash, nestedCell } from '../healpix/nested.ts'
import { frameChange } from '../sphere/frames.ts'
import { lonLat, unitVector } from '../sphere/vector.ts'
import type { ToPixel } from './placement.ts'
import { TILE_WIDTH } from './tile.ts'

export type HipsFrame = 'equatorial' | 'galactic'

const GALACTIC = frameChange({ name: 'GALACTIC' })

/** From directions of the HiPS to pixels of an image. */
export function toPixelOf(wcs: CelestialWcs, frame: HipsFrame): ToPixel {
  if (frame === 'equatorial') return (lon, lat) => wcs.pixelOf(lon / DEGREE, lat / DEGREE)
  if (wcs.frame.name === 'GALACTIC') return (lon, lat) => wcs.pixelOfWorld(lon / DEGREE, lat / DEGREE)
  return (lon, lat) => {
    const [ra, dec] = lonLat(GALACTIC.toIcrs(unitVector(lon, lat)))
    return wcs.pixelOf(ra / DEGREE, dec / DEGREE)
  }
}

/** Direction of a pixel in the frame of the HiPS, radians; undefined off the sky. */
function directionOf(
  wcs: CelestialWcs,
  frame: HipsFrame,
  x: number,
  y: number,
): [number, number] | undefined {
  const at = wcs.skyOf(x, y)
  if (!at) return undefined
  const [lon, lat] = [at[0] * DEGREE, at[1] * DEGREE]
  return frame === 'equatorial' ? [lon, lat] : lonLat(GALACTIC.fromIcrs(unitVector(lon, lat)))
}

/** Median size of an image's pixels: the square root of their area, radians; undefined when none is on the sky. */
export function imageScale(
  wcs: CelestialWcs,
  [width, height]: readonly [number, number],
): number | undefined {
  const sizes: number[] = []
  for (let a = 0; a < 5; a++) {
    for (let b = 0; b < 5; b++) {
      const [x, y] = [((a + 0.5) * width) / 5, ((b + 0.5) * height) / 5]
      const at = vectorOf(wcs, x, y)
      const right = vectorOf(wcs, x + 0.5, y)
      const up = vectorOf(wcs, x, y + 0.5)
      if (!at || !right || !up) continue
      const [u, v] = [difference(right, at), difference(up, at)]
      sizes.push(2 * Math.sqrt(Math.hypot(...crossed(u, v))))
    }
  }
  sizes.sort((p, q) => p - q)
  return sizes[sizes.length >> 1]
}

type Triple = readonly [number, number, number]

function vectorOf(wcs: CelestialWcs, x: number, y: number): Triple | undefined {
  const at = wcs.skyOf(x, y)
  return at && unitVector(at[0] * DEGREE, at[1] * DEGREE)
}

const difference = (a: Triple, b: Triple): Triple => [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
const crossed = (a: Triple, b: Triple): Triple => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
]

/** Samples along the side of a tile. */
const SAMPLES = 6

/**
 * The tiles of an order that an image may touch, and some around it: those of a net of its pixels that is finer than
 * a tile and reaches a tile's width beyond it. A tile that only clips a corner has nodes of the net outside.
 */
export function tilesTouched(
  wcs: CelestialWcs,
  [width, height]: readonly [number, number],
  frame: HipsFrame,
  order: number,
): ReadonlySet<number> {
  const scale = imageScale(wcs, [width, height])
  const tiles = new Set<number>()
  if (scale === undefined) return tiles
  const side = (Math.sqrt(Math.PI / 3) / 2 ** order / scale) as number
  const steps = (n: number) => Math.max(8, Math.ceil((n * SAMPLES) / side))
  const margin = (n: number) => Math.min(side, 4 * n)
  const [columns, rows] = [steps(width + 2 * margin(width)), steps(height + 2 * margin(height))]
  for (let b = 0; b <= rows; b++) {
    const y = -0.5 - margin(height) + (b / rows) * (height + 2 * margin(height))
    for (let a = 0; a <= columns; a++) {
      const x = -0.5 - margin(width) + (a / columns) * (width + 2 * margin(width))
      const at = directionOf(wcs, frame, x, y)
      if (at) tiles.add(hash(order, ...at))
    }
  }
  // An image that is small beside a tile may fall between the nodes.
  for (const [x, y] of corners(width, height)) {
    const at = directionOf(wcs, frame, x, y)
    if (at) tiles.add(hash(order, ...at))
  }
  return tiles
}

function corners(width: number, height: number): readonly (readonly [number, number])[] {
  return [
    [-0.5, -0.5],
    [width - 0.5, -0.5],
    [-0.5, height - 0.5],
    [width - 0.5, height - 0.5],
    [(width - 1) / 2, (height - 1) / 2],
  ]
}

/** Cells of the coverage map within a tile: those of this order below it that have a pixel with a value. */
export const COVERAGE_DEPTH = 3

/** The cells at `order + COVERAGE_DEPTH` of a tile in which some pixel has a value. */
export function coveredCells(npix: number, values: ArrayLike<number>): number[] {
  const block = TILE_WIDTH >> COVERAGE_DEPTH
  const side = 1 << COVERAGE_DEPTH
  const cells: number[] = []
  for (let x = 0; x < side; x++) {
    for (let y = 0; y < side; y++) {
      // Pixel (column, row) is the cell x = 511 − row, y = column.
      if (!hasValue(values, y * block, TILE_WIDTH - (x + 1) * block, block)) continue
      const inTile = Number(nestedCell(COVERAGE_DEPTH, { face: 0, x, y }))
      cells.push(npix * side * side + inTile)
    }
  }
  return cells
}

function hasValue(values: ArrayLike<number>, column: number, row: number, block: number): boolean {
  for (let j = row; j < row + block; j++) {
    for (let p = j * TILE_WIDTH + column; p < j * TILE_WIDTH + column + block; p++) {
      if (!Number.isNaN(values[p])) return true
    }
  }
  return false
}

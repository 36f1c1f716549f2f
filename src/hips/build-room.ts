/** Whether the tiles of a build have room on the disk: an order that is a little too deep fills any disk. */
import { existsSync, statfsSync } from 'node:fs'
import path from 'node:path'
import { ServiceError } from '../error.ts'
import type { ImageFormat, Storage } from './image-tile.ts'
import { PIXEL_DEPTH, pixelScale, TILE_PIXELS } from './tile.ts'

/** Bytes of a tile; of pictures what noise takes. */
const bytesOf = (format: ImageFormat, { bitpix }: Storage) =>
  format === 'fits'
    ? (TILE_PIXELS * Math.abs(bitpix)) / 8 + 2880
    : { png: 230e3, jpg: 90e3, webp: 70e3 }[format]

/** Tiles that touch an image only by the margin of the plan turn out empty. */
const FILLED = 0.7
/** More are not planned: their list alone takes gigabytes. */
const MOST_TILES = 8e6

interface Kind {
  readonly root: string
  readonly order: number
  readonly formats: readonly ImageFormat[]
  readonly storage: Storage
}

/** Throws `tooLarge` when so many new leaves and the tiles above them have no room. */
export function requireRoom({ root, order, formats, storage }: Kind, leaves: number): void {
  const bytes = leaves * (4 / 3) * formats.reduce((sum, format) => sum + bytesOf(format, storage), 0)
  let place = root
  while (!existsSync(place)) place = path.dirname(place)
  const { bavail, bsize } = statfsSync(place)
  const free = bavail * bsize
  if (bytes <= free && leaves <= MOST_TILES) return
  throw new ServiceError(
    'tooLarge',
    `order ${order} needs about ${Math.round(leaves)} tiles of ${gigabytes(bytes)}; ${gigabytes(free)} are free in ${place}: a lower --order, or fewer formats, takes less`,
  )
}

const gigabytes = (bytes: number) =>
  `${(bytes / 1e9).toLocaleString('en', { maximumSignificantDigits: 3 })} GB`

/** About so many leaves an image fills. */
export function leavesOf([width, height]: readonly [number, number], scale: number, order: number): number {
  return (width * height * scale ** 2) / (pixelScale(order) * 2 ** PIXEL_DEPTH) ** 2
}

/** Of the leaves that are planned. */
export const likelyLeaves = (planned: number) => planned * FILLED

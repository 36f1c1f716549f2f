/**
 * Tiles of a HiPS (HiPS 1.0 §4.1): a HEALPix cell with 512 × 512 cells of nine orders below as its pixels. Pixels are
 * kept in the order of FITS: column i, row j from the bottom; pixel (i, j) is the cell x = 511 − j, y = i.
 */
export const TILE_WIDTH = 512
export const TILE_PIXELS = TILE_WIDTH * TILE_WIDTH
/** Pixels are cells of so many orders below the tile. */
export const PIXEL_DEPTH = 9
/** Pixels of order 29 are the smallest cells there are. */
export const MAX_TILE_ORDER = 20

export interface Tile {
  readonly order: number
  readonly npix: number
}

/** Path below the root of the HiPS, without extension. */
export function tilePath({ order, npix }: Tile): string {
  return `Norder${order}/Dir${Math.floor(npix / 10_000) * 10_000}/Npix${npix}`
}

/** Angular size of a tile's pixel: the square root of its area. Radians. */
export function pixelScale(order: number): number {
  return Math.sqrt(Math.PI / 3) / 2 ** (order + PIXEL_DEPTH)
}

/** The tile order at which pixels are no larger than this: what Hipsgen would choose. Radians. */
export function orderFor(scale: number): number {
  const order = Math.ceil(Math.log2(Math.sqrt(Math.PI / 3) / scale) - 1e-9) - PIXEL_DEPTH
  return Math.min(MAX_TILE_ORDER, Math.max(0, order))
}

/** A part of a HiPS as an image in a projection: for previews and for cutouts in the manner of hips2fits. */
import { faceCell, hash } from '../healpix/nested.ts'
import { PIXEL_DEPTH, pixelScale, TILE_WIDTH, type Tile } from './tile.ts'

export interface ViewRequest {
  /** Direction of a pixel of the view, in the frame of the HiPS, radians; undefined off the sky. Rows from the bottom. */
  directionOf(x: number, y: number): readonly [lon: number, lat: number] | undefined
  readonly width: number
  readonly height: number
  /** Size of a pixel of the view, radians. */
  readonly scale: number
  /** The deepest order there is. */
  readonly order: number
}

/** Values of a tile by planes (one, or three of colour), in the order of FITS; undefined where there is no tile. */
export type TilePlanes = readonly ArrayLike<number>[]

/** The order whose pixels are no larger than those of the view, as far as there is one. */
export function viewOrder({ scale, order }: Pick<ViewRequest, 'scale' | 'order'>): number {
  let best = 0
  while (best < order && pixelScale(best) > scale) best++
  return best
}

/** Takes the nearest pixel of the tiles; NaN where there is none. */
export async function view(
  request: ViewRequest,
  planes: number,
  tileAt: (tile: Tile) => Promise<TilePlanes | undefined>,
): Promise<Float32Array[]> {
  const { width, height, directionOf } = request
  const order = viewOrder(request)
  const values = Array.from({ length: planes }, () => new Float32Array(width * height).fill(Number.NaN))
  const cells = new Float64Array(width * height).fill(-1)
  const wanted = new Map<number, number[]>()
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = directionOf(x, y)
      if (!at) continue
      const cell = hash(order + PIXEL_DEPTH, ...at)
      const p = y * width + x
      cells[p] = cell
      const npix = Math.floor(cell / 4 ** PIXEL_DEPTH)
      const list = wanted.get(npix)
      if (list) list.push(p)
      else wanted.set(npix, [p])
    }
  }
  for (const [npix, pixels] of wanted) {
    const tile = await tileAt({ order, npix })
    if (!tile) continue
    for (const p of pixels) {
      const inTile = cells[p]! - npix * 4 ** PIXEL_DEPTH
      const { x, y } = faceCell(PIXEL_DEPTH, inTile)
      const q = (TILE_WIDTH - 1 - x) * TILE_WIDTH + y
      for (let plane = 0; plane < planes; plane++) values[plane]![p] = tile[plane]![q]!
    }
  }
  return values
}

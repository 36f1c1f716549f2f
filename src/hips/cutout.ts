/**
 * A view of a HiPS in any projection (as hips2fits of CDS makes them): FITS with values, or a picture. The nearest
 * pixel of the tiles whose pixels are no larger than those of the view is taken.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { ServiceError } from '../error.ts'
import { parseCard } from '../fits/card.ts'
import { cardText } from '../fits/card-text.ts'
import { headerOf } from '../fits/header.ts'
import { celestialWcs } from '../fits/wcs/wcs.ts'
import { imageHdu } from '../fits/write.ts'
import { frameChange } from '../sphere/frames.ts'
import { lonLat, unitVector } from '../sphere/vector.ts'
import { readAnyTile } from './any-tile.ts'
import { drawValues, type PictureLook, STRETCHES, type Stretch } from './cutout-picture.ts'
import { encodePixels, PICTURES } from './image-tile.ts'
import type { PublishedTree } from './published.ts'
import { TILE_WIDTH, type Tile, tilePath } from './tile.ts'
import { type TilePlanes, view } from './view.ts'

export interface CutoutRequest {
  /** Centre, degrees, in `frame`. */
  readonly lon: number
  readonly lat: number
  /** Of the longer side, degrees. */
  readonly fov: number
  readonly width: number
  readonly height: number
  /** Degrees. */
  readonly rotation: number
  readonly projection: 'TAN' | 'SIN' | 'ARC' | 'STG' | 'ZEA' | 'CAR' | 'AIT' | 'MOL' | 'SFL' | 'MER'
  readonly format: 'fits' | 'jpg' | 'png' | 'webp'
  readonly frame: 'icrs' | 'galactic'
  /** How values become a picture where they do so otherwise than the tree's own pictures. */
  readonly look?: Partial<PictureLook>
}

/** Of the tree's own pictures, beside the cuts of HiPS 1.0 §4.4.1; linear where a tree does not say. */
export const STRETCH_KEY = 'almagest_pixel_stretch'

const DEGREE = Math.PI / 180
const GALACTIC = frameChange({ name: 'GALACTIC' })

/** Throws `usage` when the tree has no tiles of a kind that the format can be made of. */
export async function cutoutView(
  tree: PublishedTree,
  request: CutoutRequest,
): Promise<{ readonly bytes: Buffer; readonly contentType: string }> {
  const formats = (tree.properties.get('hips_tile_format') ?? '').split(/\s+/)
  const cards = wcsCards(request)
  const wcs = celestialWcs(headerOf(cards.map(parseCard), 0))!
  const isGalactic = tree.properties.get('hips_frame') === 'galactic'
  const directionOf = (x: number, y: number) => {
    const at = wcs.skyOf(x, y)
    if (!at) return undefined
    const [lon, lat] = [at[0] * DEGREE, at[1] * DEGREE]
    return isGalactic ? lonLat(GALACTIC.fromIcrs(unitVector(lon, lat))) : ([lon, lat] as const)
  }
  const { width, height, format, fov } = request
  const scale = (fov / Math.max(width, height)) * DEGREE
  const asked = { directionOf, width, height, scale, order: tree.order }
  if (format === 'fits' || formats.includes('fits')) {
    if (!formats.includes('fits'))
      throw new ServiceError('usage', `${tree.name} has no FITS tiles, only ${formats.join(', ')}`)
    const [values] = await view(asked, 1, tile => fitsPlanes(tree, tile))
    const plane = values as Float32Array<ArrayBuffer>
    if (format === 'fits') {
      const pixels = {
        bitpix: -32,
        shape: [width, height],
        stored: plane,
        scale: 1,
        zero: 0,
        blank: undefined,
      } as const
      return {
        bytes: Buffer.concat(imageHdu(pixels, cards.map(parseCard), 'primary')),
        contentType: 'application/fits',
      }
    }
    const { pixels, channels } = drawValues(plane, width, { ...lookOf(tree), ...request.look })
    return picture(pixels, width, channels, format)
  }
  if (request.look)
    throw new ServiceError(
      'usage',
      `${tree.name} has only pictures, ${formats.join(', ')}: stretch, min_cut, max_cut and cmap need values`,
    )
  const extension = formats.includes('png') ? 'png' : formats.includes('webp') ? 'webp' : 'jpg'
  const planes = await view(asked, 4, tile => picturePlanes(tree, tile, extension))
  const rgba = Buffer.alloc(width * height * 4)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const from = (height - 1 - row) * width + column
      for (let k = 0; k < 4; k++) rgba[4 * (row * width + column) + k] = planes[k]![from] || 0
    }
  }
  return picture(rgba, width, 4, format)
}

function lookOf({ properties }: PublishedTree): PictureLook {
  const cuts = properties.get('hips_pixel_cut')?.split(/\s+/).map(Number)
  const stretch = properties.get(STRETCH_KEY) as Stretch | undefined
  return {
    low: cuts?.[0] === undefined ? { percent: 0.5 } : { value: cuts[0] },
    high: cuts?.[1] === undefined ? { percent: 99.5 } : { value: cuts[1] },
    stretch: stretch !== undefined && stretch in STRETCHES ? stretch : 'linear',
    cmap: 'gray',
  }
}

async function picture(pixels: Buffer, width: number, channels: 1 | 4, format: keyof typeof PICTURES) {
  return { bytes: await encodePixels(format, pixels, width, channels), contentType: PICTURES[format] }
}

function wcsCards({ lon, lat, fov, width, height, rotation, projection, frame }: CutoutRequest): string[] {
  const [first, second] = frame === 'icrs' ? ['RA---', 'DEC--'] : ['GLON-', 'GLAT-']
  const scale = fov / Math.max(width, height)
  const [c, s] = [Math.cos(rotation * DEGREE), Math.sin(rotation * DEGREE)]
  return [
    cardText('NAXIS1', width),
    cardText('NAXIS2', height),
    cardText('CTYPE1', first + projection),
    cardText('CTYPE2', second + projection),
    cardText('CUNIT1', 'deg'),
    cardText('CUNIT2', 'deg'),
    cardText('CRPIX1', (width + 1) / 2),
    cardText('CRPIX2', (height + 1) / 2),
    cardText('CRVAL1', lon),
    cardText('CRVAL2', lat),
    cardText('CD1_1', -scale * c),
    cardText('CD1_2', scale * s),
    cardText('CD2_1', scale * s),
    cardText('CD2_2', scale * c),
    ...(frame === 'icrs' ? [cardText('RADESYS', 'ICRS')] : []),
  ]
}

async function fitsPlanes(tree: PublishedTree, tile: Tile): Promise<TilePlanes | undefined> {
  const bytes = await tileBytes(tree, tile, 'fits')
  const read = bytes && (await readAnyTile(bytes))
  return read && [read.values]
}

async function picturePlanes(
  tree: PublishedTree,
  tile: Tile,
  extension: string,
): Promise<TilePlanes | undefined> {
  const bytes = await tileBytes(tree, tile, extension)
  if (!bytes) return undefined
  const { data } = await sharp(bytes)
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const planes = Array.from({ length: 4 }, () => new Uint8Array(TILE_WIDTH * TILE_WIDTH))
  for (let row = 0; row < TILE_WIDTH; row++) {
    for (let column = 0; column < TILE_WIDTH; column++) {
      const to = (TILE_WIDTH - 1 - row) * TILE_WIDTH + column
      const from = 4 * (row * TILE_WIDTH + column)
      for (let k = 0; k < 4; k++) planes[k]![to] = data[from + k]!
    }
  }
  return planes
}

async function tileBytes(tree: PublishedTree, tile: Tile, extension: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path.join(tree.root, `${tilePath(tile)}.${extension}`))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Colour from the FITS tiles of three HiPS, tile by tile at every order: linear, or after Lupton et al. 2004 (PASP 116,
 * 133), which keeps the colours of bright stars.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ServiceError } from '../error.ts'
import { type Bands, DEFAULT_Q, type LuptonOptions, renderLupton } from '../images/lupton.ts'
import type { Report } from '../progress.ts'
import { encodePixels, FLOAT32, tileValues } from './image-tile.ts'
import type { PublishedTree } from './published.ts'
import type { Floats } from './resample.ts'
import { TILE_PIXELS, TILE_WIDTH, type Tile, tilePath } from './tile.ts'

export const COLOR_FORMATS = ['png', 'jpg', 'webp'] as const
export type ColorFormat = (typeof COLOR_FORMATS)[number]

/** How values become colours: after Lupton et al., or each channel between two cuts. */
export type ColorLook =
  | ({ readonly kind: 'asinh' } & LuptonOptions)
  | { readonly kind: 'linear'; readonly low: Triple; readonly high: Triple }

type Triple = readonly [number, number, number]

/** RGBA from the top row down; transparent where a channel has no value. */
export function colorPixels(bands: Bands, width: number, look: ColorLook): Buffer {
  const height = bands[0].length / width
  if (look.kind === 'asinh') {
    const { data, channels } = renderLupton(bands, width, height, look)
    return channels === 4 ? Buffer.from(data.buffer) : opaque(data)
  }
  const rgba = Buffer.alloc(width * height * 4)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const p = (height - 1 - row) * width + column
      const q = 4 * (row * width + column)
      if (bands.some(band => Number.isNaN(band[p]!))) continue
      for (let c = 0; c < 3; c++) {
        const share = (bands[c]![p]! - look.low[c]!) / (look.high[c]! - look.low[c]!)
        rgba[q + c] = Math.round(Math.min(1, Math.max(0, share)) * 255)
      }
      rgba[q + 3] = 255
    }
  }
  return rgba
}

function opaque(rgb: Uint8Array): Buffer {
  const rgba = Buffer.alloc((rgb.length / 3) * 4, 255)
  for (let p = 0; p < rgb.length / 3; p++) for (let c = 0; c < 3; c++) rgba[4 * p + c] = rgb[3 * p + c]!
  return rgba
}

/** From pixels of tiles that all three HiPS have; undefined when they have none in common. */
export function chooseColorLook(trees: Trees, kind: ColorLook['kind']): ColorLook | undefined {
  const shared = tilesOf(trees[0], orderOf(trees)).filter(tile => trees.every(tree => hasTile(tree, tile)))
  const step = Math.max(1, Math.floor(shared.length / SAMPLE_TILES))
  const values: [number[], number[], number[]] = [[], [], []]
  for (let i = 0; i < shared.length; i += step) {
    const tiles = trees.map(tree => readFits(tree, shared[i]!)!)
    for (let p = 0; p < TILE_PIXELS; p += SAMPLE_STEP) {
      if (tiles.some(tile => Number.isNaN(tile[p]!))) continue
      for (let c = 0; c < 3; c++) values[c]!.push(tiles[c]![p]!)
    }
  }
  if (values[0].length === 0) return undefined
  const sorted = values.map(band => Float64Array.from(band).sort())
  const at = (share: number) => sorted.map(band => quantile(band, share)) as unknown as Triple
  if (kind === 'linear') return { kind, low: at(0.02), high: at(0.998) }
  const sky = at(0.5)
  // From the fainter half, which sources leave alone.
  const noise = at(0.1587).map((low, c) => sky[c]! - low || 1) as unknown as Triple
  return {
    kind,
    minimum: sky.map((median, c) => median - BLACK * noise[c]!) as unknown as Triple,
    weight: noise.map(one => noise[1] / one) as unknown as Triple,
    stretch: STRETCH * noise[1],
    q: DEFAULT_Q,
  }
}

/** Black lies so many deviations of the noise below the sky: few pixels of the sky lose a channel, which is garish. */
const BLACK = 2.5
/**
 * The curve in deviations of the noise: each of them is nine of 255 levels, so that the sky is dark and even, and white
 * is reached at 3,000 of them.
 */
const STRETCH = 31

const SAMPLE_TILES = 40
const SAMPLE_STEP = 97

const quantile = (sorted: Float64Array, share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0

const orderOf = (trees: Trees) => Math.min(...trees.map(tree => tree.order))

const hasTile = ({ root }: PublishedTree, tile: Tile) => existsSync(path.join(root, `${tilePath(tile)}.fits`))

function tilesOf({ root }: PublishedTree, order: number): Tile[] {
  const folder = path.join(root, `Norder${order}`)
  let names: string[]
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
  return names
    .flatMap(name => /Npix(\d+)\.fits$/.exec(name)?.[1] ?? [])
    .map(npix => ({ order, npix: Number(npix) }))
    .sort((a, b) => a.npix - b.npix)
}

/** Values of a tile; undefined where there is none. */
export function readFits({ root }: PublishedTree, tile: Tile): Floats | undefined {
  try {
    return tileValues(readFileSync(path.join(root, `${tilePath(tile)}.fits`)), FLOAT32)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const EMPTY = new Float32Array(TILE_PIXELS).fill(Number.NaN)

/** Of red, green and blue. */
export type Trees = readonly [PublishedTree, PublishedTree, PublishedTree]

export interface ColorRequest {
  readonly root: string
  readonly trees: Trees
  readonly formats: readonly ColorFormat[]
  readonly look: ColorLook
  readonly report: Report
  readonly signal?: AbortSignal
}

/** Writes all tiles of a colour HiPS into an empty folder; resolves to their number. */
export async function colorTiles({
  root,
  trees,
  formats,
  look,
  report,
  signal,
}: ColorRequest): Promise<number> {
  for (const tree of trees) {
    if (tree.properties.get('hips_pixel_bitpix') !== '-32')
      throw new ServiceError('usage', `${tree.name} has no FITS tiles of 32-bit floating-point numbers`)
    if (tree.properties.get('hips_frame') !== trees[0].properties.get('hips_frame'))
      throw new ServiceError('usage', `${tree.name} and ${trees[0].name} are in different frames`)
  }
  const order = orderOf(trees)
  const all: Tile[] = []
  for (let k = 0; k <= order; k++) {
    const npix = new Set(trees.flatMap(tree => tilesOf(tree, k).map(tile => tile.npix)))
    for (const n of [...npix].sort((a, b) => a - b)) all.push({ order: k, npix: n })
  }
  for (const [done, tile] of all.entries()) {
    signal?.throwIfAborted()
    report({ phase: 'tiles', done, total: all.length })
    const bands = trees.map(tree => readFits(tree, tile) ?? EMPTY) as unknown as Bands
    const rgba = colorPixels(bands, TILE_WIDTH, look)
    const file = path.join(root, tilePath(tile))
    mkdirSync(path.dirname(file), { recursive: true })
    for (const format of formats)
      writeFileSync(`${file}.${format}`, await encodePixels(format, rgba, TILE_WIDTH, 4))
  }
  report({ phase: 'tiles', done: all.length, total: all.length })
  return all.length
}

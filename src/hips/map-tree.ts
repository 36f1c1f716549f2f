/**
 * Tiles of a map: of each pixel a sum and a weight, of which every coarser pixel has the sums of its four. The value is
 * the one by the other, so that coarse pixels are means over all that lies in them, not means of means.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type GrowingMoc, growingMoc } from '../healpix/moc-growing.ts'
import { faceCell } from '../healpix/nested.ts'
import { ALLSKY_COLUMNS, ALLSKY_TILE, ALLSKY_WIDTH, allsky } from './allsky.ts'
import { colorPng } from './color-map.ts'
import { encodeTile, FLOAT32, type Look, tileValues } from './image-tile.ts'
import { pixelScale, TILE_PIXELS, TILE_WIDTH, type Tile, tilePath } from './tile.ts'

export interface MapTile {
  readonly npix: number
  /** In the order of FITS. */
  readonly sum: Float64Array
  /** Positive where the map has a value. */
  readonly weight: Float64Array
}

/** What a pixel's value is: the sum by the weight, or by the area of the pixel in square degrees. */
export type MapValue = 'mean' | 'density'

export interface MapTree {
  readonly root: string
  readonly order: number
  readonly value: MapValue
}

export interface BuiltMap {
  /** Paths of the tiles, without extension. */
  readonly tiles: readonly Tile[]
  readonly coverage: GrowingMoc
  /** Values of some pixels of the finest tiles. */
  readonly sample: readonly number[]
  /** The tiles of order 3 in one picture; undefined where there are none. */
  readonly allsky: Float32Array<ArrayBuffer> | undefined
}

export const newTile = (npix: number): MapTile => ({
  npix,
  sum: new Float64Array(TILE_PIXELS),
  weight: new Float64Array(TILE_PIXELS),
})

/** Cells of the coverage along the side of a tile: 32. */
const COVER_DEPTH = 5
const COVER_RANGES = 200_000
/** Every so many pixels one is kept for the cuts. */
const SAMPLE_STEP = 61
const MOST_SAMPLES = 2_000_000

/** Writes the FITS tiles of all orders; `leaves` come in ascending order. */
export async function mapTree(
  tree: MapTree,
  leaves: AsyncIterable<MapTile> | Iterable<MapTile>,
): Promise<BuiltMap> {
  const tiles: Tile[] = []
  const coverage = growingMoc(tree.order + COVER_DEPTH, COVER_RANGES)
  const sample: number[] = []
  let whole: Float32Array<ArrayBuffer> | undefined
  /** The tile at work of each order. */
  const open: (MapTile | undefined)[] = []

  async function close(order: number): Promise<void> {
    const tile = open[order]
    if (!tile) return
    open[order] = undefined
    const at = { order, npix: tile.npix }
    const values = valuesOf(tile, order, tree.value)
    const file = path.join(tree.root, `${tilePath(at)}.fits`)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, await encodeTile('fits', values, TILE_WIDTH, FLOAT32, LINEAR, at))
    tiles.push(at)
    if (order === 3) {
      whole ??= new Float32Array(allsky(new Map()))
      putIntoAllsky(whole, tile, tree.value)
    }
    if (order === 0) return
    const parent = await opened(order - 1, Math.floor(tile.npix / 4))
    addQuarter(parent, tile)
  }

  /** The tile of an order that is being filled; another one is closed, and all below it before. */
  async function opened(order: number, npix: number): Promise<MapTile> {
    const now = open[order]
    if (now?.npix === npix) return now
    await close(order)
    const fresh = newTile(npix)
    open[order] = fresh
    return fresh
  }

  for await (const leaf of leaves) {
    await close(tree.order)
    open[tree.order] = leaf
    cover(coverage, leaf)
    for (let p = leaf.npix % SAMPLE_STEP; p < TILE_PIXELS && sample.length < MOST_SAMPLES; p += SAMPLE_STEP)
      if (leaf.weight[p]! > 0) sample.push(valueAt(leaf, p, tree.order, tree.value))
  }
  for (let order = tree.order; order >= 0; order--) await close(order)
  return { tiles, coverage, sample, allsky: whole }
}

const LINEAR: Look = { low: 0, high: 1, stretch: 'linear' }
const DEG2 = (180 / Math.PI) ** 2

function valueAt({ sum, weight }: MapTile, p: number, order: number, value: MapValue): number {
  if (!(weight[p]! > 0)) return Number.NaN
  return value === 'mean' ? sum[p]! / weight[p]! : sum[p]! / (pixelScale(order) ** 2 * DEG2)
}

function valuesOf(tile: MapTile, order: number, value: MapValue): Float32Array<ArrayBuffer> {
  const values = new Float32Array(TILE_PIXELS)
  for (let p = 0; p < TILE_PIXELS; p++) values[p] = valueAt(tile, p, order, value)
  return values
}

/** Child k has the bit k & 1 of x and k >> 1 of y; pixel (column, row) is the cell x = 511 − row, y = column. */
function addQuarter(parent: MapTile, child: MapTile): void {
  const half = TILE_WIDTH / 2
  const which = child.npix % 4
  const [firstRow, firstColumn] = [which & 1 ? 0 : half, which >> 1 ? half : 0]
  for (let row = 0; row < TILE_WIDTH; row++) {
    const start = (firstRow + (row >> 1)) * TILE_WIDTH + firstColumn
    for (let column = 0; column < TILE_WIDTH; column++) {
      const p = start + (column >> 1)
      const q = row * TILE_WIDTH + column
      parent.sum[p]! += child.sum[q]!
      parent.weight[p]! += child.weight[q]!
    }
  }
}

/** A pixel of Allsky is eight by eight pixels of a tile; the row of the first tiles is on top. */
function putIntoAllsky(picture: Float32Array, { npix, sum, weight }: MapTile, value: MapValue): void {
  const block = TILE_WIDTH / ALLSKY_TILE
  const left = (npix % ALLSKY_COLUMNS) * ALLSKY_TILE
  const bottom = picture.length / ALLSKY_WIDTH - (Math.floor(npix / ALLSKY_COLUMNS) + 1) * ALLSKY_TILE
  for (let row = 0; row < ALLSKY_TILE; row++) {
    for (let column = 0; column < ALLSKY_TILE; column++) {
      let [s, w] = [0, 0]
      for (let j = row * block; j < (row + 1) * block; j++) {
        for (let i = column * block; i < (column + 1) * block; i++) {
          s += sum[j * TILE_WIDTH + i]!
          w += weight[j * TILE_WIDTH + i]!
        }
      }
      const by = value === 'mean' ? w : block ** 2 * pixelScale(3) ** 2 * DEG2
      if (w > 0) picture[(bottom + row) * ALLSKY_WIDTH + left + column] = s / by
    }
  }
}

/** Calls back with the offset of the first pixel of each row of a cell below a tile. */
export function rowsOfCell(
  depth: number,
  inTile: number,
  row: (first: number, length: number) => void,
): void {
  const { x, y } = faceCell(depth, inTile)
  const side = TILE_WIDTH >> depth
  for (let i = 0; i < side; i++) row((TILE_WIDTH - 1 - (x * side + i)) * TILE_WIDTH + y * side, side)
}

function cover(coverage: GrowingMoc, { npix, weight }: MapTile): void {
  const cells = 4 ** COVER_DEPTH
  for (let cell = 0; cell < cells; cell++) {
    let covered = false
    rowsOfCell(COVER_DEPTH, cell, (first, length) => {
      for (let p = first; p < first + length && !covered; p++) covered = weight[p]! > 0
    })
    if (covered) coverage.add(npix * cells + cell)
  }
}

/** Pictures of the FITS tiles and of Allsky, in colour between two cuts; resolves when they are written. */
export async function drawMap(
  { root }: MapTree,
  { tiles, allsky: picture }: BuiltMap,
  look: Look,
  drawn: (done: number) => void,
): Promise<void> {
  for (const [done, tile] of tiles.entries()) {
    const file = path.join(root, tilePath(tile))
    const values = tileValues(readFileSync(`${file}.fits`), FLOAT32) as Float32Array<ArrayBuffer>
    writeFileSync(`${file}.png`, colorPng(values, TILE_WIDTH, look))
    drawn(done + 1)
  }
  if (!picture) return
  const fits = await encodeTile('fits', picture, ALLSKY_WIDTH, FLOAT32, look, undefined)
  writeFileSync(path.join(root, 'Norder3', 'Allsky.fits'), fits)
  writeFileSync(path.join(root, 'Norder3', 'Allsky.png'), colorPng(picture, ALLSKY_WIDTH, look))
}

/** From the sample: all but one in two hundred at either end. */
export function cutsOf(sample: readonly number[]): readonly [low: number, high: number] {
  const sorted = Float64Array.from(sample).sort()
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0
  const [low, high] = [at(0.005), at(0.995)]
  return low < high ? [low, high] : [low - 0.5, high + 0.5]
}

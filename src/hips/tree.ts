/**
 * Builds the tiles below a cell, depth first: leaves from images, every other tile from its four children while they
 * are in memory. What has not changed since an earlier build is read back where a parent needs it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { ImageCache } from './image-cache.ts'
import { encodeTile, type ImageFormat, type Look, quantize, type Storage, tileValues } from './image-tile.ts'
import type { HipsImage } from './input.ts'
import type { ToPixel } from './placement.ts'
import { coveredCells, type HipsFrame, toPixelOf } from './plan.ts'
import { addImage, blocksOf, type Floats, means, newSums } from './resample.ts'
import { TILE_PIXELS, TILE_WIDTH, type Tile, tilePath } from './tile.ts'

/** What all tiles of a HiPS have in common. */
export interface TreeSettings {
  readonly root: string
  /** Of the leaves. */
  readonly order: number
  readonly frame: HipsFrame
  readonly formats: readonly ImageFormat[]
  readonly storage: Storage
  readonly look: Look
}

export interface Leaf {
  readonly npix: number
  /** Indices of its images. */
  readonly images: readonly number[]
  /** False: as an earlier build left it. */
  readonly changed: boolean
}

export interface SubtreeTask {
  readonly cell: Tile
  /** In the order of their cells. */
  readonly leaves: readonly Leaf[]
  /** Leaves of an earlier build that no image touches any more. */
  readonly gone: readonly number[]
}

export interface SubtreeResult {
  /** The tile of the cell itself; undefined when there is nothing. */
  readonly values: Floats | undefined
  /** Cells of the coverage of each leaf that was made; without any the leaf turned out empty. */
  readonly covered: readonly (readonly [npix: number, cells: readonly number[]])[]
  readonly tiles: number
}

export interface TreeDependencies {
  readonly settings: TreeSettings
  readonly images: readonly (HipsImage & { readonly offset: number })[]
  readonly cache: ImageCache
  readonly leafDone: () => void
}

export async function buildSubtree(deps: TreeDependencies, task: SubtreeTask): Promise<SubtreeResult> {
  const { settings } = deps
  const covered: [number, readonly number[]][] = []
  let tiles = 0
  const toPixels = new Map<number, ToPixel>()
  const sums = newSums()

  async function leafValues(leaf: Leaf): Promise<Floats | undefined> {
    const tile = { order: settings.order, npix: leaf.npix }
    sums.value.fill(0)
    sums.weight.fill(0)
    for (const index of leaf.images) {
      const image = deps.images[index]!
      const { wcs, size } = await deps.cache.placed(image)
      let toPixel = toPixels.get(index)
      if (!toPixel) {
        toPixel = toPixelOf(wcs, settings.frame)
        toPixels.set(index, toPixel)
      }
      const blocks = blocksOf(tile, toPixel, size)
      const part = await deps.cache.part(image, blocks)
      if (!part) continue
      const weights = image.weight && (await deps.cache.part(image.weight, blocks))
      addImage(sums, blocks, size, part, weights, image.offset)
    }
    deps.leafDone()
    return means(sums, settings.storage.bitpix === -32 ? 'float32' : 'float64')
  }

  async function build(order: number, npix: number, leaves: readonly Leaf[], gone: readonly number[]) {
    const tile = { order, npix }
    if (gone.length === 0 && leaves.every(leaf => !leaf.changed)) return readTile(settings, tile)
    let values: Floats | undefined
    if (order === settings.order) {
      const leaf = leaves[0]
      values = leaf && (await leafValues(leaf))
      if (leaf) covered.push([npix, values ? coveredCells(npix, values) : []])
    } else {
      for (let child = 0; child < 4; child++) {
        const cell = 4 * npix + child
        const [below, goneBelow] = [within(leaves, order + 1, cell), goneWithin(gone, order + 1, cell)]
        if (below.length === 0 && goneBelow.length === 0) continue
        const part = await build(order + 1, cell, below, goneBelow)
        if (part) values = addChild(values, child, part)
      }
    }
    if (values) {
      quantize(values, settings.storage)
      await writeTile(settings, tile, values)
      tiles++
    } else removeTile(settings, tile)
    return values
  }

  const inCell = (leafNpix: number, order: number, cell: number) =>
    Math.floor(leafNpix / 4 ** (settings.order - order)) === cell
  const within = (leaves: readonly Leaf[], order: number, cell: number) =>
    leaves.filter(leaf => inCell(leaf.npix, order, cell))
  const goneWithin = (gone: readonly number[], order: number, cell: number) =>
    gone.filter(npix => inCell(npix, order, cell))

  const { order, npix } = task.cell
  const values: Floats | undefined = await build(order, npix, task.leaves, task.gone)
  return { values, covered, tiles }
}

/** A tile of an earlier build; undefined where there is none. */
export function readTile({ root, storage }: TreeSettings, tile: Tile): Floats | undefined {
  const file = path.join(root, `${tilePath(tile)}.fits`)
  try {
    return tileValues(readFileSync(file), storage)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export async function writeTile(settings: TreeSettings, tile: Tile, values: Floats): Promise<void> {
  const { root, formats, storage, look } = settings
  const file = path.join(root, tilePath(tile))
  mkdirSync(path.dirname(file), { recursive: true })
  for (const format of formats) {
    writeFileSync(`${file}.${format}`, await encodeTile(format, values, TILE_WIDTH, storage, look, tile))
  }
}

export function removeTile({ root, formats }: TreeSettings, tile: Tile): void {
  for (const format of formats) rmSync(path.join(root, `${tilePath(tile)}.${format}`), { force: true })
}

/**
 * The mean of each four pixels of a child, put into its quarter of the parent. Pixels without a value do not count.
 * Child k has the bit k & 1 of x and k >> 1 of y, and pixel (column, row) is the cell x = 511 − row, y = column.
 */
export function addChild(parent: Floats | undefined, child: number, values: Floats): Floats {
  const into: Floats =
    parent ??
    (values instanceof Float32Array ? new Float32Array(TILE_PIXELS) : new Float64Array(TILE_PIXELS)).fill(
      Number.NaN,
    )
  const half = TILE_WIDTH / 2
  const [firstRow, firstColumn] = [child & 1 ? 0 : half, child >> 1 ? half : 0]
  for (let row = 0; row < half; row++) {
    let p = (firstRow + row) * TILE_WIDTH + firstColumn
    let q = 2 * row * TILE_WIDTH
    for (let column = 0; column < half; column++, p++, q += 2) {
      const [a, b, c, d] = [values[q]!, values[q + 1]!, values[q + TILE_WIDTH]!, values[q + TILE_WIDTH + 1]!]
      const mean = (a + b + c + d) * 0.25
      into[p] = Number.isNaN(mean) ? meanOfValues(a, b, c, d) : mean
    }
  }
  return into
}

function meanOfValues(a: number, b: number, c: number, d: number): number {
  let sum = 0
  let n = 0
  if (!Number.isNaN(a)) [sum, n] = [sum + a, n + 1]
  if (!Number.isNaN(b)) [sum, n] = [sum + b, n + 1]
  if (!Number.isNaN(c)) [sum, n] = [sum + c, n + 1]
  if (!Number.isNaN(d)) [sum, n] = [sum + d, n + 1]
  return n > 0 ? sum / n : Number.NaN
}

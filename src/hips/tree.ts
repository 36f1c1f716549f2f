/**
 * Builds the tiles below a cell, depth first: leaves from images, every other tile from its four children while they
 * are in memory. What has not changed since an earlier build is read back where a parent needs it.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ServiceError } from '../error.ts'
import type { CelestialWcs } from '../fits/wcs/wcs.ts'
import { tileArrays } from './arrays.ts'
import type { ImageCache } from './image-cache.ts'
import {
  encodeTile,
  floatsFor,
  type ImageFormat,
  type Look,
  quantize,
  type Storage,
  tileValues,
} from './image-tile.ts'
import type { HduPlace, HipsImage } from './input.ts'
import type { Block, ToPixel } from './placement.ts'
import { coveredCells, type HipsFrame, toPixelOf } from './plan.ts'
import { addValues, blocksOf, type Floats, newSums, resample, type Sums, writeMeans } from './resample.ts'
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
  /** The tree is there for others to read: tiles take the places of old ones whole. */
  readonly published: boolean
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

/** With what is taken from its values. */
export type LevelledImage = HipsImage & { readonly offset: number }

export interface TreeDependencies {
  readonly settings: TreeSettings
  readonly images: readonly LevelledImage[]
  readonly cache: ImageCache
  /** Awaited after each leaf. */
  readonly leafDone: () => Promise<void> | void
}

/** Builds subtrees, one after the other, in memory that is used again. */
export function subtreeBuilder(deps: TreeDependencies): (task: SubtreeTask) => Promise<SubtreeResult> {
  const { settings } = deps
  const toPixels = new WeakMap<CelestialWcs, ToPixel>()
  const arrays = tileArrays(floatsFor(settings.storage.bitpix))
  let sums: Sums | undefined
  let covered: [number, readonly number[]][] = []
  let tiles = 0

  async function leafValues(leaf: Leaf): Promise<Floats | undefined> {
    const tile = { order: settings.order, npix: leaf.npix }
    const touching: { readonly image: LevelledImage; readonly blocks: readonly Block[] }[] = []
    for (const index of leaf.images) {
      const image = deps.images[index]!
      const { wcs, size } = await deps.cache.placed(image)
      let toPixel = toPixels.get(wcs)
      if (!toPixel) {
        toPixel = toPixelOf(wcs, settings.frame)
        toPixels.set(wcs, toPixel)
      }
      const blocks = blocksOf(tile, toPixel, size)
      if (blocks.length > 0) touching.push({ image, blocks })
    }
    await deps.leafDone()
    const [first] = touching
    if (!first) return undefined
    const values = arrays.take()
    if (touching.length === 1 && !first.image.weight) {
      await fill(values, first.image, first.blocks, first.image.offset)
      return values
    }
    const weights = arrays.take()
    sums ??= newSums()
    sums.value.fill(0)
    sums.weight.fill(0)
    for (const { image, blocks } of touching) {
      await fill(values, image, blocks, image.offset)
      if (image.weight) await fill(weights, image.weight, blocks, 0)
      addValues(sums, blocks, values, image.weight && weights)
    }
    arrays.giveBack(weights)
    writeMeans(sums, values)
    return values
  }

  async function fill(into: Floats, place: HduPlace, blocks: readonly Block[], offset: number) {
    try {
      const { size } = await deps.cache.placed(place)
      const part = await deps.cache.part(place, blocks)
      if (part) resample(into, blocks, size, part, offset)
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      throw new ServiceError(
        error.code,
        `${place.location}, HDU ${place.hdu}: ${error.message}; mend it or leave it out, then go on by the same command`,
      )
    }
  }

  async function build(
    order: number,
    npix: number,
    leaves: readonly Leaf[],
    gone: readonly number[],
  ): Promise<Floats | undefined> {
    const tile = { order, npix }
    if (gone.length === 0 && leaves.every(leaf => !leaf.changed)) return readTile(settings, tile)
    let values: Floats | undefined
    if (order === settings.order) {
      const leaf = leaves[0]
      values = leaf && (await leafValues(leaf))
      const cells = values ? coveredCells(npix, values) : []
      if (leaf) covered.push([npix, cells])
      if (values && cells.length === 0) values = arrays.giveBack(values)
    } else {
      for (let child = 0; child < 4; child++) {
        const cell = 4 * npix + child
        const [below, goneBelow] = [within(leaves, order + 1, cell), goneWithin(gone, order + 1, cell)]
        if (below.length === 0 && goneBelow.length === 0) continue
        const part = await build(order + 1, cell, below, goneBelow)
        if (!part) continue
        values = addChild(values ?? arrays.take(), child, part)
        arrays.giveBack(part)
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

  return async ({ cell: { order, npix }, leaves, gone }) => {
    covered = []
    tiles = 0
    const values = await build(order, npix, leaves, gone)
    return { values, covered, tiles }
  }
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
  const { root, formats, storage, look, published } = settings
  const file = path.join(root, tilePath(tile))
  for (const format of formats) {
    const encoded = encodeTile(format, values, TILE_WIDTH, storage, look, tile)
    const bytes = encoded instanceof Promise ? await encoded : encoded
    const name = `${file}.${format}`
    writeInFolder(published ? `${name}.part` : name, bytes)
    if (published) renameSync(`${name}.part`, name)
  }
}

function writeInFolder(file: string, bytes: Buffer): void {
  try {
    writeFileSync(file, bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }
}

export function removeTile({ root, formats }: TreeSettings, tile: Tile): void {
  for (const format of formats) {
    const file = path.join(root, `${tilePath(tile)}.${format}`)
    for (const name of [file, `${file}.part`]) rmSync(name, { force: true })
  }
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
    for (const end = p + half; p < end; p++, q += 2) {
      const a = values[q]!
      const b = values[q + 1]!
      const c = values[q + TILE_WIDTH]!
      const d = values[q + TILE_WIDTH + 1]!
      const mean = (a + b + c + d) * 0.25
      into[p] = Number.isNaN(mean) ? meanOfValues(a, b, c, d) : mean
    }
  }
  return into
}

const count = (v: number) => (Number.isNaN(v) ? 0 : 1)
const part = (v: number) => (Number.isNaN(v) ? 0 : v)

/** Arrays to count with would be garbage: a quarter of a parent at the edge has 65,536 of them. */
function meanOfValues(a: number, b: number, c: number, d: number): number {
  const n = count(a) + count(b) + count(c) + count(d)
  // 0 / 0 would do, but for the sign of its NaN: tiles are to have the same bytes always.
  return n > 0 ? (part(a) + part(b) + part(c) + part(d)) / n : Number.NaN
}

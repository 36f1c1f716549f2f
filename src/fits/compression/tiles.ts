/** A window of a tile-compressed image (FITS Standard 4.0 §10.1): only the tiles that it touches are read. */
import type { ByteSource } from '../hdu.ts'
import { fitsError } from '../header.ts'
import type { FitsImage } from '../image.ts'
import { newStored, type StoredArray, swapBytes } from '../pixels.ts'
import { type Range, readRanges } from '../ranges.ts'
import type { BinaryColumn } from '../table.ts'
import type { Window } from '../window.ts'
import { gunzipTile } from './gzip.ts'
import { hcompressDecode } from './hcompress.ts'
import { plioDecode } from './plio.ts'
import { dequantise } from './quantise.ts'
import { riceDecode } from './rice.ts'
import type { TileStorage } from './storage.ts'

/** Compressed bytes that are in memory at once. */
const BATCH_BYTES = 32 * 1024 * 1024

interface Tile {
  /** Row of the table, from 0. */
  readonly row: number
  /** First pixel and pixels along each axis. */
  readonly start: readonly number[]
  readonly size: readonly number[]
}

/** What the table says of a tile. */
interface TileRow extends Range {
  readonly tile: Tile
  readonly how: 'compressed' | 'gzipped' | 'uncompressed'
  readonly scale: number
  readonly zero: number
  readonly blank: number | undefined
}

export async function readTiles(
  source: ByteSource,
  image: FitsImage,
  window: Window,
  allocate: () => StoredArray,
): Promise<StoredArray> {
  const { storage } = image
  if (storage.kind !== 'tiles') throw new Error('not a compressed image')
  const rows = await readRows(source, storage, tilesOf(image.shape, storage.tileShape, window))
  let stored: StoredArray | undefined
  for (const batch of batches(rows)) {
    await readRanges(source, batch, image.header.title, (index, bytes) => {
      stored ??= allocate()
      const row = batch[index]!
      try {
        copyTile(image, storage, row, bytes, window, stored)
      } catch (error) {
        throw fitsError(
          image.header.title,
          `tile ${row.tile.row + 1} cannot be unpacked: ${(error as Error).message}`,
        )
      }
    })
  }
  return stored!
}

/** Tiles that a window touches, in the order of their rows. */
function tilesOf(shape: readonly number[], tileShape: readonly number[], window: Window): Tile[] {
  let tiles: Tile[] = [{ row: 0, start: [], size: [] }]
  let rowsBefore = 1
  const perAxis = shape.map((whole, axis) => {
    const [length, first] = [tileShape[axis]!, window.start[axis]!]
    const last = first + window.size[axis]! - 1
    const places: { row: number; start: number; size: number }[] = []
    for (let i = Math.floor(first / length); i * length <= last; i++) {
      places.push({ row: i * rowsBefore, start: i * length, size: Math.min(length, whole - i * length) })
    }
    rowsBefore *= Math.ceil(whole / length)
    return places
  })
  for (const places of perAxis) {
    const before = tiles
    tiles = places.flatMap(place =>
      before.map(tile => ({
        row: tile.row + place.row,
        start: [...tile.start, place.start],
        size: [...tile.size, place.size],
      })),
    )
  }
  return tiles
}

/** Reads the rows of the table: where in the heap the tiles are, and how they are scaled. */
async function readRows(
  source: ByteSource,
  storage: TileStorage,
  tiles: readonly Tile[],
): Promise<TileRow[]> {
  const { table } = storage
  const rows: TileRow[] = []
  const ranges = tiles.map(({ row }) => ({
    offset: table.dataOffset + row * table.rowLength,
    length: table.rowLength,
  }))
  await readRanges(source, ranges, table.header.title, (index, bytes) => {
    rows[index] = tileRow(storage, tiles[index]!, bytes)
  })
  return rows
}

function tileRow(storage: TileStorage, tile: Tile, row: Buffer): TileRow {
  const { compressed, gzipped, uncompressed, quantised, blank } = storage
  const facts = {
    tile,
    scale: quantised ? valueIn(quantised.scale, row) : 1,
    zero: quantised ? valueIn(quantised.zero, row) : 0,
    blank: blank === undefined ? undefined : valueIn(blank, row),
  }
  for (const [how, column] of [
    ['compressed', compressed],
    ['gzipped', gzipped],
    ['uncompressed', uncompressed],
  ] as const) {
    const range = column && heapRange(storage, column, row)
    if (range) return { ...facts, how, ...range }
  }
  throw fitsError(storage.table.header.title, `tile ${tile.row + 1} has no data`)
}

/** §7.3.5: number of elements and offset in the heap; undefined for no elements. */
function heapRange({ table }: TileStorage, column: BinaryColumn, row: Buffer): Range | undefined {
  if (!column.descriptor)
    throw fitsError(table.header.title, `column ${column.name} must be of variable length`)
  const [count, offset] =
    column.descriptor === 'P'
      ? [row.readInt32BE(column.offset), row.readUInt32BE(column.offset + 4)]
      : [Number(row.readBigInt64BE(column.offset)), Number(row.readBigInt64BE(column.offset + 8))]
  if (count === 0) return undefined
  const length = count * (ELEMENT[column.form] ?? 1)
  if (count < 0 || offset < 0 || offset + length > table.heapLength) {
    throw fitsError(
      table.header.title,
      `column ${column.name} points out of the heap: ${count} elements at ${offset}`,
    )
  }
  return { offset: table.heapOffset + offset, length }
}

const ELEMENT: Partial<Record<BinaryColumn['form'], number>> = { B: 1, A: 1, I: 2, J: 4, K: 8, E: 4, D: 8 }

function valueIn(column: BinaryColumn | number, row: Buffer): number {
  if (typeof column === 'number') return column
  switch (column.form) {
    case 'D':
      return row.readDoubleBE(column.offset)
    case 'E':
      return row.readFloatBE(column.offset)
    case 'K':
      return Number(row.readBigInt64BE(column.offset))
    case 'J':
      return row.readInt32BE(column.offset)
    case 'I':
      return row.readInt16BE(column.offset)
    case 'B':
      return row.readUInt8(column.offset)
    default:
      throw new RangeError(`column ${column.name} holds no numbers`)
  }
}

function* batches(rows: readonly TileRow[]): Generator<TileRow[]> {
  let batch: TileRow[] = []
  let bytes = 0
  for (const row of rows) {
    if (batch.length > 0 && bytes + row.length > BATCH_BYTES) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(row)
    bytes += row.length
  }
  if (batch.length > 0) yield batch
}

/** A tile's pixels as they are unpacked: integers still to be scaled, or pixels as they are stored. */
type Unpacked =
  | { readonly integers: Int32Array; readonly stored?: never }
  | { readonly stored: StoredArray; readonly integers?: never }

/** Unpacks a tile as far as the window needs it, and copies the part that both share. */
function copyTile(
  image: FitsImage,
  storage: TileStorage,
  row: TileRow,
  bytes: Buffer,
  window: Window,
  out: StoredArray,
): void {
  const { tile } = row
  const from = tile.start.map((first, axis) => Math.max(first, window.start[axis]!))
  const to = tile.start.map((first, axis) =>
    Math.min(first + tile.size[axis]!, window.start[axis]! + window.size[axis]!),
  )
  const inTile = (position: readonly number[]) => place(position, tile.start, tile.size)
  const needed = inTile(to.map(end => end - 1)) + 1
  const pixels = unpack(image, storage, row, bytes, needed)
  const run = to[0]! - from[0]!
  for (const position of rowsBetween(from, to)) {
    copyRun(
      image,
      storage,
      row,
      pixels,
      inTile(position),
      run,
      out,
      place(position, window.start, window.size),
    )
  }
}

/** Number of a pixel in a block, counted along its axes. */
function place(position: readonly number[], start: readonly number[], size: readonly number[]): number {
  let number = 0
  for (let axis = position.length - 1; axis >= 0; axis--)
    number = number * size[axis]! + position[axis]! - start[axis]!
  return number
}

/** The first pixel of every row of a block. */
function* rowsBetween(from: readonly number[], to: readonly number[]): Generator<readonly number[]> {
  const position = [...from]
  for (;;) {
    yield position
    let axis = 1
    while (axis < position.length && ++position[axis]! >= to[axis]!) {
      position[axis] = from[axis]!
      axis++
    }
    if (axis >= position.length) return
  }
}

function unpack(
  image: FitsImage,
  storage: TileStorage,
  row: TileRow,
  bytes: Buffer,
  needed: number,
): Unpacked {
  const count = row.tile.size.reduce((product, n) => product * n, 1)
  if (row.how === 'uncompressed') return asPixels(image, bytes, bytes.length / count, count)
  if (row.how === 'gzipped') {
    const { data, pixelSize } = gunzipTile(bytes, count, false)
    return asPixels(image, data, pixelSize, count)
  }
  const { algorithm } = storage
  switch (algorithm.name) {
    case 'RICE_1':
      return { integers: riceDecode(bytes, needed, algorithm.blockSize, algorithm.bytesPerPixel) }
    case 'PLIO_1':
      return { integers: plioInteger(image, plioDecode(bytes, needed)) }
    case 'HCOMPRESS_1': {
      const width = row.tile.size[0]!
      return { integers: hcompressDecode(bytes, width, count / width, algorithm.smooth) }
    }
    case 'GZIP_1':
    case 'GZIP_2': {
      const { data, pixelSize } = gunzipTile(bytes, count, algorithm.name === 'GZIP_2')
      return storage.quantised
        ? { integers: int32(data, pixelSize, count) }
        : asPixels(image, data, pixelSize, count)
    }
    case 'NOCOMPRESS':
      return asPixels(image, bytes, bytes.length / count, count)
  }
}

/** cfitsio adds 32768 to unsigned 16-bit integers before PLIO_1, which has no negative numbers. */
function plioInteger(image: FitsImage, integers: Int32Array): Int32Array {
  return image.zero === 32768 ? integers.map(value => value - 32768) : integers
}

/** Quantised pixels that were packed as integers of four bytes, or fewer. */
function int32(data: Buffer, pixelSize: number, count: number): Int32Array {
  const integers = new Int32Array(count)
  if (pixelSize === 4) for (let i = 0; i < count; i++) integers[i] = data.readInt32BE(4 * i)
  else if (pixelSize === 2) for (let i = 0; i < count; i++) integers[i] = data.readInt16BE(2 * i)
  else if (pixelSize === 1) for (let i = 0; i < count; i++) integers[i] = data[i]!
  else throw new RangeError('quantised pixels of eight bytes')
  return integers
}

/** Big-endian pixels of the image's own type. */
function asPixels(image: FitsImage, data: Buffer, pixelSize: number, count: number): Unpacked {
  const stored = newStored(image.bitpix, count)
  if (pixelSize !== stored.BYTES_PER_ELEMENT) {
    throw new RangeError(`pixels of ${pixelSize} bytes, but BITPIX is ${image.bitpix}`)
  }
  data.copy(Buffer.from(stored.buffer))
  swapBytes(stored)
  return { stored }
}

function copyRun(
  image: FitsImage,
  storage: TileStorage,
  row: TileRow,
  pixels: Unpacked,
  from: number,
  run: number,
  out: StoredArray,
  at: number,
): void {
  if (pixels.stored) {
    ;(out as Float64Array).set(pixels.stored.subarray(from, from + run) as Float64Array, at)
    return
  }
  if (out instanceof Float32Array || out instanceof Float64Array) {
    const { scale, zero, blank } = row
    const seed = row.tile.row + storage.seed - 1
    dequantise(
      pixels.integers,
      from,
      from + run,
      { scale, zero, blank, dither: storage.dither, seed },
      out,
      at,
    )
    return
  }
  const { integers } = pixels
  if (out instanceof BigInt64Array) {
    for (let i = 0; i < run; i++) out[at + i] = BigInt(integers[from + i]!)
    return
  }
  // Lossy compression can leave the range of the pixels; cfitsio takes the nearest number.
  const [least, most] =
    image.bitpix === 8 ? [0, 255] : image.bitpix === 16 ? [-32768, 32767] : [-(2 ** 31), 2 ** 31 - 1]
  for (let i = 0; i < run; i++) out[at + i] = Math.min(Math.max(integers[from + i]!, least), most)
}

/** A window of an image, read by byte ranges: rows of plain images, tiles of compressed ones. */
import { ServiceError } from '../error.ts'
import { readTiles } from './compression/tiles.ts'
import type { ByteSource } from './hdu.ts'
import { fitsError } from './header.ts'
import { type FitsImage, pixelSize } from './image.ts'
import { newStored, type Pixels, type StoredArray, swapBytes } from './pixels.ts'
import { type Range, readRanges } from './ranges.ts'

/** A block of pixels: first pixel, from 0, and number of pixels along each axis, the fastest axis first. */
export interface Window {
  readonly start: readonly number[]
  readonly size: readonly number[]
  /** One axis of which every nth pixel is taken. */
  readonly every?: { readonly axis: number; readonly step: number }
}

/** More than this is not held in memory at once. */
const MAX_BYTES = 2 ** 31

/** The whole image as a window. */
export function wholeImage(image: FitsImage): Window {
  return { start: image.shape.map(() => 0), size: image.shape }
}

/** Reads the pixels of a window that lies in the image. A truncated file is an error where pixels of it are missing. */
export async function readWindow(source: ByteSource, image: FitsImage, window: Window): Promise<Pixels> {
  if (window.every) return readPlanes(source, image, window, window.every)
  checkWindow(image, window)
  const length = window.size.reduce((product, n) => product * n, 1)
  const read = image.storage.kind === 'plain' ? readRows : readTiles
  const allocate = () => newStored(image.bitpix, length)
  const stored = await read(source, image, window, allocate)
  const { bitpix, scale, zero, blank } = image
  return { bitpix, shape: window.size, stored, scale, zero, blank }
}

/** Plane by plane along the axis of which not all pixels are taken. */
async function readPlanes(
  source: ByteSource,
  image: FitsImage,
  { start, size }: Window,
  { axis, step }: NonNullable<Window['every']>,
): Promise<Pixels> {
  const product = (list: readonly number[]) => list.reduce((all, n) => all * n, 1)
  const [run, count] = [product(size.slice(0, axis)), size[axis]!]
  let stored: StoredArray | undefined
  let last: Pixels | undefined
  for (let i = 0; i < count; i++) {
    const place = { start: start.with(axis, start[axis]! + i * step), size: size.with(axis, 1) }
    last = await readWindow(source, image, place)
    stored ??= newStored(image.bitpix, product(size))
    for (let from = 0, to = i * run; from < last.stored.length; from += run, to += run * count)
      stored.set(last.stored.subarray(from, from + run) as never, to)
  }
  return { ...last!, shape: size, stored: stored! }
}

function checkWindow(image: FitsImage, { start, size }: Window): void {
  const { title } = image.header
  const axes = image.shape.length
  if (start.length !== axes || size.length !== axes) {
    throw fitsError(title, `a window of ${size.length} axes was asked for in an image of ${axes}`)
  }
  for (let i = 0; i < axes; i++) {
    const [first, count, whole] = [start[i]!, size[i]!, image.shape[i]!]
    if (
      !Number.isInteger(first) ||
      !Number.isInteger(count) ||
      first < 0 ||
      count < 1 ||
      first + count > whole
    ) {
      throw fitsError(
        title,
        `pixels ${first} to ${first + count - 1} of axis ${i + 1} are not in 0 to ${whole - 1}`,
      )
    }
  }
  const bytes = size.reduce((product, n) => product * n, pixelSize(image.bitpix))
  if (bytes > MAX_BYTES) {
    throw new ServiceError(
      'tooLarge',
      `${title}: ${bytes} bytes of pixels were asked for; the most is ${MAX_BYTES}`,
    )
  }
}

async function readRows(
  source: ByteSource,
  image: FitsImage,
  window: Window,
  allocate: () => StoredArray,
): Promise<StoredArray> {
  if (image.storage.kind !== 'plain') throw new Error('not a plain image')
  const ranges = rowRanges(image.shape, window, pixelSize(image.bitpix), image.storage.dataOffset)
  const row = ranges[0]!.length
  let stored: StoredArray | undefined
  let bytes: Buffer | undefined
  // Memory is taken when the first bytes are there: a header can promise what the file does not have.
  await readRanges(source, ranges, image.header.title, (index, piece) => {
    stored ??= allocate()
    bytes ??= Buffer.from(stored.buffer)
    piece.copy(bytes, index * row)
  })
  swapBytes(stored!)
  return stored!
}

/** The rows of a window one after the other; whole rows, planes … that follow one another are one range. */
function rowRanges(
  shape: readonly number[],
  window: Window,
  bytesPerPixel: number,
  dataOffset: number,
): Range[] {
  const { start, size } = window
  let joined = 0
  let run = 1
  while (joined < shape.length && (joined === 0 || size[joined - 1] === shape[joined - 1]))
    run *= size[joined++]!
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, n) => product * n, bytesPerPixel),
  )
  let offsets = [dataOffset + start.reduce((sum, first, axis) => sum + first * strides[axis]!, 0)]
  for (let axis = joined; axis < shape.length; axis++) {
    const before = offsets
    offsets = Array.from({ length: size[axis]! }, (_, i) => before.map(at => at + i * strides[axis]!)).flat()
  }
  return offsets.map(offset => ({ offset, length: run * bytesPerPixel }))
}

/** A small picture of an image, made from means of blocks of pixels; large images are read strip by strip. */

import type { ByteSource } from '../fits/hdu.ts'
import { hdus } from '../fits/hdu.ts'
import { fitsError } from '../fits/header.ts'
import { type FitsImage, imageOf } from '../fits/image.ts'
import { openImage } from '../fits/open.ts'
import { readWindow } from '../fits/window.ts'
import { encodePicture } from '../images/encode.ts'
import { percentiles, type Values } from '../images/limits.ts'
import { binned, floatValues, renderPixels } from '../images/render.ts'

/** Images of up to so many pixels are read as a whole. */
const WHOLE = 2 ** 25
/** Rows of larger ones that are read for one row of blocks. */
const STRIP = 8
/** Percentages of the values that are black and white. */
const [BLACK, WHITE] = [15, 99.6]

/** A JPEG whose longer side has at most `side` pixels; of a cube the middle plane. Throws `usage` for broken files. */
export async function thumbnail(location: string, hdu: number, spool: string, side: number): Promise<Buffer> {
  const file = await openImage(location, spool)
  try {
    const image = await imageAt(file.source, hdu)
    const [width, height] = [image.shape[0]!, image.shape[1] ?? 1]
    const factor = Math.max(1, Math.ceil(Math.max(width, height) / side))
    const small =
      width * height <= WHOLE
        ? await whole(file.source, image, factor)
        : await strips(file.source, image, factor)
    const found = percentiles(small.values, [BLACK, WHITE])
    const limits = found ? ([found[0]!, found[1]!] as const) : ([0, 1] as const)
    const raster = renderPixels(small.values, small.width, small.height, { limits, stretch: 'asinh' })
    return await encodePicture(raster, 'image/jpeg')
  } finally {
    await file.close()
  }
}

async function imageAt(source: ByteSource, index: number): Promise<FitsImage> {
  for await (const hdu of hdus(source)) {
    if (hdu.index < index) continue
    const image = imageOf(hdu)
    if (image) return image
    break
  }
  throw fitsError(`HDU ${index}`, 'it is no image')
}

interface Small {
  readonly values: Values
  readonly width: number
  readonly height: number
}

/** Rows `first` to `first + count` of the middle plane. */
async function rows(source: ByteSource, image: FitsImage, first: number, count: number): Promise<Values> {
  const start = image.shape.map((n, axis) => (axis === 0 ? 0 : axis === 1 ? first : n >> 1))
  const size = image.shape.map((n, axis) => (axis === 0 ? n : axis === 1 ? count : 1))
  return floatValues(await readWindow(source, image, { start, size }))
}

async function whole(source: ByteSource, image: FitsImage, factor: number): Promise<Small> {
  const [width, height] = [image.shape[0]!, image.shape[1] ?? 1]
  return binned(await rows(source, image, 0, height), width, height, factor)
}

/** Each row of blocks from its first rows alone; tiles are read whole, as they must be. */
async function strips(source: ByteSource, image: FitsImage, factor: number): Promise<Small> {
  const [width, height] = [image.shape[0]!, image.shape[1]!]
  const tile = image.storage.kind === 'tiles' ? (image.storage.tileShape[1] ?? 1) : 1
  const deep = Math.max(STRIP, tile)
  const columns = Math.ceil(width / factor)
  const lines: Values[] = []
  for (let y = 0; y < height; y += factor) {
    const count = Math.min(deep, factor, height - y)
    lines.push(binned(await rows(source, image, y, count), width, count, factor).values)
  }
  const values = new Float32Array(columns * lines.length)
  lines.forEach((line, i) => {
    values.set(line.subarray(0, columns), i * columns)
  })
  return { values, width: columns, height: lines.length }
}

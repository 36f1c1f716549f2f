/** Images that a HiPS is made of: what is known of each, and their pixels as they are needed. */

import { type Hdu, hdus } from '../fits/hdu.ts'
import { fitsError } from '../fits/header.ts'
import { type FitsImage, imageOf } from '../fits/image.ts'
import { type FileSource, type OpenImage, openImage } from '../fits/open.ts'
import { type PhysicalArray, physicalValues } from '../fits/pixels.ts'
import { lookupTables, needsTables } from '../fits/wcs/lookup.ts'
import { type CelestialWcs, celestialWcs } from '../fits/wcs/wcs.ts'
import { readWindow } from '../fits/window.ts'
import type { Floats, Part } from './resample.ts'

export interface HduPlace {
  readonly location: string
  readonly hdu: number
}

export interface HipsImage extends HduPlace {
  /** What it is called in the journal and in messages. */
  readonly name: string
  /** Changes when the file does. */
  readonly stamp: string
  readonly weight?: HduPlace
}

export interface PlacedImage {
  readonly source: FileSource
  readonly image: FitsImage
  readonly wcs: CelestialWcs
  /** Pixels along the axes that are on the sky. */
  readonly size: readonly [width: number, height: number]
  close(): Promise<void>
}

/** Opens an image and finds its place on the sky; of a cube the first plane counts. */
export async function openPlaced({ location, hdu }: HduPlace, spool: string): Promise<PlacedImage> {
  const file = await openImage(location, spool)
  try {
    const all: Hdu[] = []
    for await (const one of hdus(file.source)) {
      all.push(one)
      // Tables of a distortion may lie behind the image.
      if (one.index === hdu && !needsTables(one.header)) break
    }
    const found = all.find(one => one.index === hdu)
    if (!found) throw fitsError(location, `there is no HDU ${hdu}`)
    return await placed(file, all, imageOf(found), `HDU ${hdu}`)
  } catch (error) {
    await file.close()
    throw error
  }
}

async function placed(
  file: OpenImage,
  all: readonly Hdu[],
  image: FitsImage | undefined,
  title: string,
): Promise<PlacedImage> {
  const wcs = image && celestialWcs(image.header, await lookupTables(file.source, all, image.header))
  if (!image || !wcs) throw fitsError(title, 'it has no image of the sky')
  const [x, y] = wcs.axes
  return {
    source: file.source,
    image,
    wcs,
    size: [image.shape[x]!, image.shape[y]!],
    close: () => file.close(),
  }
}

/** Throws when the file ends before the image does, as after a broken transfer. Of packed ones reading shows it. */
export function requireWhole({ source, image }: PlacedImage): void {
  if (image.storage.kind !== 'plain') return
  const pixels = image.shape.reduce((product, n) => product * n, 1)
  const end = image.storage.dataOffset + (pixels * Math.abs(image.bitpix)) / 8
  if (source.size < end) throw truncated(image, end, source.size)
}

const truncated = ({ header }: FitsImage, end: number, have: number) =>
  fitsError(header.title, `it is truncated: ${have} bytes in place of ${end}`)

/** Reads a part of an image, or of its weight map, which has the same axes. NaN for pixels without a value. */
export async function readPart(
  { source, image, wcs }: PlacedImage,
  part: Omit<Part, 'values'>,
  as: 'float32' | 'float64',
): Promise<Part> {
  const start = image.shape.map(() => 0)
  const size = image.shape.map(() => 1)
  const [xAxis, yAxis] = wcs.axes
  start[xAxis] = part.left
  size[xAxis] = part.width
  start[yAxis] = part.bottom
  size[yAxis] = part.height
  const { values, blank } = physicalValues(await readWindow(source, image, { start, size }))
  const floats = floatsOf(values, as)
  if (blank !== undefined) {
    for (let p = 0; p < floats.length; p++) if (values[p] === blank) floats[p] = Number.NaN
  }
  return { ...part, values: xAxis < yAxis ? floats : transposed(floats, part.height, part.width) }
}

/** The same array where its values are such floats. Mapping each value takes ten times as long as a copy. */
function floatsOf(values: PhysicalArray, as: 'float32' | 'float64'): Floats {
  const isBig = values instanceof BigInt64Array || values instanceof BigUint64Array
  const numbers = isBig ? Float64Array.from(values as BigInt64Array, Number) : values
  if (as === 'float32') return numbers instanceof Float32Array ? numbers : new Float32Array(numbers)
  return numbers instanceof Float64Array ? numbers : new Float64Array(numbers)
}

/** Reads whole rows of an image to their place in an array of all its pixels. */
export async function readRows(
  placed: PlacedImage,
  bottom: number,
  height: number,
  into: Floats,
): Promise<void> {
  const { source, image, wcs, size } = placed
  const [width] = size
  const { storage, bitpix, scale, zero } = image
  const isFloat32 = storage.kind === 'plain' && bitpix === -32 && scale === 1 && zero === 0
  if (isFloat32 && into instanceof Float32Array && wcs.axes[0] === 0 && wcs.axes[1] === 1) {
    const rowBytes = 4 * width
    const to = Buffer.from(into.buffer, bottom * rowBytes, height * rowBytes)
    const offset = storage.dataOffset + bottom * rowBytes
    const length = await source.readInto(offset, to)
    if (length < to.length) throw truncated(image, offset + to.length, offset + length)
    to.swap32()
    return
  }
  const as = into instanceof Float32Array ? 'float32' : 'float64'
  into.set((await readPart(placed, { left: 0, bottom, width, height }, as)).values, bottom * width)
}

/** Rows become columns: for images whose second axis is the first on the sky. */
function transposed(values: Floats, width: number, height: number): Floats {
  const out = values.slice() as Floats
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) out[column * height + row] = values[row * width + column]!
  }
  return out
}

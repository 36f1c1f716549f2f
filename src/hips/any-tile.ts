/** FITS tiles whatever wrote them: of any type, compressed or not. */
import { type ByteSource, hdus } from '../fits/hdu.ts'
import { imageOf } from '../fits/image.ts'
import { readWindow, wholeImage } from '../fits/window.ts'
import type { Values } from '../images/limits.ts'
import { floatValues } from '../images/render.ts'

export interface AnyTile {
  readonly shape: readonly number[]
  /** In the order of FITS; NaN for none. */
  readonly values: Values
}

/** Undefined for a file without an image; throws `usage` for a broken one. */
export async function readAnyTile(bytes: Buffer): Promise<AnyTile | undefined> {
  const source: ByteSource = {
    random: true,
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
  for await (const hdu of hdus(source)) {
    const image = imageOf(hdu)
    if (!image) continue
    return { shape: image.shape, values: floatValues(await readWindow(source, image, wholeImage(image))) }
  }
  return undefined
}

/** Pictures as files. The package for them takes 0.1 s to load, so it is when the first one is made. */
import type { Raster } from './render.ts'

export type PictureType = 'image/png' | 'image/jpeg' | 'image/webp'

export const PICTURE_TYPES: readonly PictureType[] = ['image/png', 'image/jpeg', 'image/webp']

/**
 * A PNG, JPEG or WebP. `size` scales it to that width and height, enlarged with its pixels visible. What is transparent
 * is black in a JPEG. PNG at zlib level 3: noise does not get smaller by more.
 */
export async function encodePicture(
  { width, height, channels, data }: Raster,
  type: PictureType,
  size?: { readonly width: number; readonly height: number },
): Promise<Buffer> {
  const { default: sharp } = await import('sharp')
  const raw = sharp(data, { raw: { width, height, channels } })
  const larger = size && size.width >= width
  const kernel = larger ? 'nearest' : 'lanczos3'
  const scaled = size ? raw.resize(size.width, size.height, { fit: 'fill', kernel }) : raw
  switch (type) {
    case 'image/png':
      return scaled.png({ compressionLevel: 3 }).toBuffer()
    case 'image/jpeg':
      return scaled.flatten({ background: '#000' }).jpeg({ quality: 90 }).toBuffer()
    case 'image/webp':
      return scaled.webp({ quality: 90, effort: 1 }).toBuffer()
  }
}

/** Where a file and its thumbnail are. Every part of a key is percent-encoded (RFC 3986 §2.3). */
import type { LocatedImage } from './locate.ts'

type Placed = Pick<LocatedImage, 'collection' | 'key'>

const encoded = (part: string) =>
  encodeURIComponent(part).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

const pathOf = ({ collection, key }: Placed) => [collection, ...key.split('/')].map(encoded).join('/')

export const fileUrl = (origin: string, image: Placed) => `${origin}/files/${pathOf(image)}`
export const previewUrl = (origin: string, image: Placed) => `${origin}/preview/${pathOf(image)}`

/** Collection and key from what follows `/files/` in a URL; undefined for what is no such path. */
export function placeOf(path: string): Placed | undefined {
  try {
    const [collection = '', ...parts] = path.replace(/^\//, '').split('/').map(decodeURIComponent)
    const key = parts.join('/')
    return key === '' || collection === '' || path.includes('%00') ? undefined : { collection, key }
  } catch {
    return undefined // a % that encodes nothing
  }
}

/** Media type of the bytes of a file: those of a packed one are no FITS before they are unpacked. */
export function fileType({ key, mediaType }: Pick<LocatedImage, 'key' | 'mediaType'>): string {
  if (/\.gz$/i.test(key)) return 'application/gzip'
  return /\.bz2$/i.test(key) ? 'application/x-bzip2' : mediaType
}

/** Where a file and its thumbnail are. */
import type { LocatedImage } from './locate.ts'

type Placed = Pick<LocatedImage, 'collection' | 'key'>

/** Everything but unreserved characters is percent-encoded (RFC 3986 §2.3). */
const encoded = (part: string) =>
  encodeURIComponent(part).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

/** A key as it stands in a URL and in a publisher DID. */
export const encodedKey = (key: string) => key.split('/').map(encoded).join('/')

export function fileUrl(origin: string, { collection, key }: Placed): string {
  return `${origin}/files/${encoded(collection)}/${encodedKey(key)}`
}

/** Its path is what the publisher DID has after the authority, which is encoded as it is. */
export const previewUrl = (origin: string, did: string) =>
  `${origin}/preview/${did.replace(/^ivo:\/\/[^/]*\//, '').replace('?', '/')}`

export const PREVIEW_TYPE = 'image/jpeg'

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

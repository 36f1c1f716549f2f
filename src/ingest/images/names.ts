/** Names of collections and files as clients see them. */
import { ServiceError } from '../../error.ts'

/** Throws `usage` for names that no collection can have: they are parts of URLs and identifiers. */
export function requireCollectionName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) && name.length <= 100) return
  throw new ServiceError('usage', `'${name}' cannot name a collection`, {
    detail: 'Letters, digits, _ . and - can, a letter or digit first.',
  })
}

/** `hdu` where the file has several images. */
export function publisherDid(
  authority: string,
  collection: string,
  encodedKey: string,
  hdu?: number,
): string {
  return `ivo://${authority}/${collection}?${encodedKey}${hdu === undefined ? '' : `/${hdu}`}`
}

/** Tiles that were read last, up to a number of bytes; the disk is asked once for many that want the same one. */

export interface TileCache {
  /** `read` gives undefined for a tile that is not there. A tile of another version is read again. */
  get(key: string, version: number, read: () => Promise<Buffer | undefined>): Promise<Buffer | undefined>
}

interface Kept {
  readonly version: number
  readonly bytes: Promise<Buffer | undefined>
  size: number
}

/** What a tile costs beside its bytes; one that is not there costs only this. */
const OVERHEAD = 200

export function tileCache(mostBytes: number): TileCache {
  /** Those used last come last. */
  const kept = new Map<string, Kept>()
  let total = 0
  const drop = (key: string) => {
    total -= kept.get(key)?.size ?? 0
    kept.delete(key)
  }
  return {
    get(key, version, read) {
      const known = kept.get(key)
      if (known && known.version === version) {
        kept.delete(key)
        kept.set(key, known)
        return known.bytes
      }
      drop(key)
      const fresh: Kept = { version, bytes: read(), size: 0 }
      kept.set(key, fresh)
      fresh.bytes.then(
        bytes => {
          if (kept.get(key) !== fresh) return
          fresh.size = OVERHEAD + (bytes?.length ?? 0)
          total += fresh.size
          for (const oldest of kept.keys()) {
            if (total <= mostBytes) break
            drop(oldest)
          }
        },
        () => {
          if (kept.get(key) === fresh) drop(key)
        },
      )
      return fresh.bytes
    },
  }
}

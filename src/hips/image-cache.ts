/**
 * Pixels of images within a budget of memory. An image that fits is read strip by strip into one array as tiles need
 * it, and stays until others need the room; of one that does not fit the part for a tile is read each time.
 */

import { floatsFor, type Storage } from './image-tile.ts'
import { type HduPlace, openPlaced, type PlacedImage, readPart, readRows } from './input.ts'
import type { Block } from './placement.ts'
import { type Floats, type Part, partNeeded } from './resample.ts'

/** Rows that are read at once. */
const STRIP = 64
/** Open files; each costs a descriptor. */
const MOST_OPEN = 64

interface Kept {
  readonly placed: PlacedImage
  values: Floats | undefined
  /** Strips that have been read. */
  readonly strips: Set<number>
}

export interface ImageCache {
  placed(place: HduPlace): Promise<PlacedImage>
  /** The pixels that the blocks need; undefined when they need none. */
  part(place: HduPlace, blocks: readonly Block[]): Promise<Part | undefined>
  close(): Promise<void>
}

export function imageCache(spool: string, budgetBytes: number, bitpix: Storage['bitpix']): ImageCache {
  const as = floatsFor(bitpix)
  /** Those used last come last. */
  const kept = new Map<string, Kept>()
  /** Of an image that went, for one of the same size: new memory costs the system more than reading into it. */
  let spare: Floats | undefined
  const bytesPerPixel = as === 'float32' ? 4 : 8
  const bytesOf = ({ size: [width, height] }: PlacedImage) => width * height * bytesPerPixel

  async function use(place: HduPlace): Promise<Kept> {
    const key = `${place.location}\0${place.hdu}`
    const known = kept.get(key)
    if (known) {
      kept.delete(key)
      kept.set(key, known)
      return known
    }
    const fresh: Kept = { placed: await openPlaced(place, spool), values: undefined, strips: new Set() }
    kept.set(key, fresh)
    await makeRoom(fresh)
    return fresh
  }

  async function makeRoom(wanted: Kept): Promise<void> {
    let bytes = 0
    for (const one of kept.values()) if (one.values || one === wanted) bytes += bytesOf(one.placed)
    for (const [key, one] of kept) {
      if (bytes <= budgetBytes && kept.size <= MOST_OPEN) return
      if (one === wanted) continue
      if (one.values) bytes -= bytesOf(one.placed)
      spare = one.values ?? spare
      kept.delete(key)
      await one.placed.close()
    }
  }

  function pixelsOf({ size: [width, height] }: PlacedImage): Floats {
    const old = spare
    spare = undefined
    if (old?.length === width * height) return old
    return as === 'float32' ? new Float32Array(width * height) : new Float64Array(width * height)
  }

  return {
    placed: async place => (await use(place)).placed,
    async part(place, blocks) {
      const one = await use(place)
      const { placed } = one
      const needed = partNeeded(blocks, placed.size)
      if (!needed) return undefined
      if (bytesOf(placed) > budgetBytes / 2) return readPart(placed, needed, as)
      const [width, height] = placed.size
      one.values ??= pixelsOf(placed)
      const last = Math.floor((needed.bottom + needed.height - 1) / STRIP)
      for (let strip = Math.floor(needed.bottom / STRIP); strip <= last; strip++) {
        if (one.strips.has(strip)) continue
        const bottom = strip * STRIP
        await readRows(placed, bottom, Math.min(STRIP, height - bottom), one.values)
        one.strips.add(strip)
      }
      return { left: 0, bottom: 0, width, height, values: one.values }
    },
    async close() {
      for (const { placed } of kept.values()) await placed.close()
      kept.clear()
    },
  }
}

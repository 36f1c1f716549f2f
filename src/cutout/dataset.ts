/** An image that is open for cutouts. */
import { ServiceError } from '../error.ts'
import { type ByteSource, type Hdu, hdus } from '../fits/hdu.ts'
import type { Header } from '../fits/header.ts'
import { type FitsImage, imageOf } from '../fits/image.ts'
import { openImage } from '../fits/open.ts'
import { type LookupTables, lookupTables, needsTables } from '../fits/wcs/lookup.ts'
import { type CelestialWcs, celestialWcs } from '../fits/wcs/wcs.ts'
import type { LocatedImage } from '../images/locate.ts'

export interface Dataset {
  readonly located: LocatedImage
  readonly source: ByteSource
  readonly image: FitsImage
  /** Of the file's first HDU, where that is another one. */
  readonly primary: Header | undefined
  /** All HDUs of the file where the WCS needs tables of others, else those up to the image. */
  readonly hdus: readonly Hdu[]
  readonly wcs: CelestialWcs
  close(): Promise<void>
}

/** Headers are read in pieces of this size: four in five fit into one. */
const PIECE = 16 * 1024

export async function openDataset(located: LocatedImage, spool: string): Promise<Dataset> {
  const file = await openImage(located.location, spool)
  try {
    const all: Hdu[] = []
    for await (const hdu of hdus(ahead(file.source))) {
      all.push(hdu)
      if (hdu.index >= located.hdu && !needsTables(all[located.hdu]!.header)) break
    }
    const hdu = all[located.hdu]
    const image = hdu && imageOf(hdu)
    if (!image) throw changed(located, `HDU ${located.hdu} is no image any more`)
    const tables: LookupTables | undefined = await lookupTables(file.source, all, image.header)
    const wcs = celestialWcs(image.header, tables)
    if (!wcs) throw changed(located, `HDU ${located.hdu} is no image of the sky any more`)
    const primary = located.hdu === 0 ? undefined : all[0]!.header
    return { located, source: file.source, image, primary, hdus: all, wcs, close: file.close }
  } catch (error) {
    await file.close()
    throw error
  }
}

function changed({ did }: LocatedImage, why: string): ServiceError {
  return new ServiceError('unavailable', `${did}: the file has changed since it was ingested; ${why}`)
}

/** The same bytes, of which those just behind what was asked for are at hand: a header is asked for block by block. */
function ahead(source: ByteSource): ByteSource {
  let [start, piece]: [number, Buffer] = [0, Buffer.alloc(0)]
  return {
    ...source,
    async read(offset, length) {
      if (offset < start || offset + length > start + piece.length) {
        piece = await source.read(offset, Math.max(length, PIECE))
        start = offset
      }
      return piece.subarray(offset - start, offset - start + length)
    },
  }
}

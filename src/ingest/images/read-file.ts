/** The celestial images of a file, from its headers alone. */
import { errorText, ServiceError } from '../../error.ts'
import { type ByteSource, type Hdu, hdus } from '../../fits/hdu.ts'
import { fitsError } from '../../fits/header.ts'
import { type FitsImage, imageOf } from '../../fits/image.ts'
import { openFile } from '../../fits/open.ts'
import { unpacked } from '../../fits/unpack.ts'
import { lookupTables } from '../../fits/wcs/lookup.ts'
import { celestialWcs } from '../../fits/wcs/wcs.ts'
import { type Defaults, type Described, describe } from './describe.ts'
import type { Filters } from './filters.ts'
import { type Place, placeOf } from './place.ts'
import { type Role, roleOfHdu } from './role.ts'

export interface FoundImage {
  readonly hdu: number
  /** By the HDU's own name; undefined where that says nothing. */
  readonly role: Role | undefined
  readonly extver: number | undefined
  readonly described: Described
  readonly place: Place
}

export interface ReadFile {
  readonly images: readonly FoundImage[]
  /** Why HDUs that look like images of the sky are none. */
  readonly problems: readonly string[]
  readonly mediaType: string
}

/** Headers are read in pieces of this size: nine in ten fit into one. */
const PIECE = 32 * 1024
/** A file of more HDUs than this is not walked to its end. */
const MOST_HDUS = 10_000

/** Throws ServiceError for what is no FITS file, or a truncated one. */
export async function readImages(location: string, filters: Filters, defaults: Defaults): Promise<ReadFile> {
  const file = await openFile(location)
  try {
    const packed = await unpacked(file.source)
    try {
      return await imagesOf(ahead(packed.source), filters, defaults)
    } finally {
      if (packed.source !== file.source) await packed.close()
    }
  } finally {
    await file.close()
  }
}

async function imagesOf(source: ByteSource, filters: Filters, defaults: Defaults): Promise<ReadFile> {
  const all: Hdu[] = []
  for await (const hdu of hdus(source)) {
    if (all.length === MOST_HDUS) throw fitsError('the file', `it has more than ${MOST_HDUS} HDUs`)
    await requireData(source, hdu)
    all.push(hdu)
  }
  const images: FoundImage[] = []
  const problems: string[] = []
  for (const hdu of all) {
    try {
      const image = imageOf(hdu)
      const found = image && (await foundImage(source, all, hdu, image, filters, defaults))
      if (found) images.push(found)
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      problems.push(errorText(error))
    }
  }
  return { images, problems, mediaType: images[0]?.hdu === 0 ? 'image/fits' : 'application/fits' }
}

/** A header that promises more than the file has is the sign of a transfer that broke off. */
async function requireData(source: ByteSource, { header, dataOffset, dataLength }: Hdu): Promise<void> {
  if (dataLength === 0) return
  const end = dataOffset + dataLength
  if (!Number.isSafeInteger(end)) throw fitsError(header.title, `its data would be ${dataLength} bytes long`)
  const whole = source.size === undefined ? (await source.read(end - 1, 1)).length === 1 : source.size >= end
  if (whole) return
  const have = source.size === undefined ? 'before that' : `at byte ${source.size}`
  throw fitsError(header.title, `its data go up to byte ${end}, but the file ends ${have}: it is truncated`)
}

async function foundImage(
  source: ByteSource,
  all: readonly Hdu[],
  hdu: Hdu,
  image: FitsImage,
  filters: Filters,
  defaults: Defaults,
): Promise<FoundImage | undefined> {
  const wcs = celestialWcs(image.header, await lookupTables(source, all, image.header))
  if (!wcs) return undefined
  const [width, height] = wcs.axes.map(axis => image.shape[axis])
  if (width === undefined || height === undefined)
    throw fitsError(image.header.title, 'its celestial axes are not among its axes of pixels')
  const place = placeOf(wcs, width, height)
  if (!place) throw fitsError(image.header.title, 'no pixel of it is on the sky')
  const extver = image.header.first.get('EXTVER')?.value
  return {
    hdu: hdu.index,
    role: roleOfHdu(image.header),
    extver: typeof extver === 'number' ? extver : undefined,
    described: describe(image, all[0]!.header, wcs, place, filters, defaults),
    place,
  }
}

/** Small reads from larger pieces. */
function ahead(source: ByteSource): ByteSource {
  let [start, piece] = [0, Buffer.alloc(0) as Buffer]
  return {
    ...source,
    async read(offset, length) {
      if (offset < start || offset + length > start + piece.length) {
        if (length > PIECE || !source.random) return source.read(offset, length)
        piece = await source.read(offset, PIECE)
        start = offset
      }
      return piece.subarray(offset - start, offset - start + length)
    },
  }
}

/** One cutout: from the image in the database to the bytes of a file. */
import type { Identity } from '../auth/identity.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { type LocatedImage, locateKnown } from '../images/locate.ts'
import { compositePicture, redToBlue } from './composite.ts'
import { type Dataset, openDataset } from './dataset.ts'
import { fitsFile } from './fits-file.ts'
import { masking } from './mask.ts'
import type { Filter, Output, PictureStyle } from './params.ts'
import { picture } from './picture.ts'
import { checkSize, windowOf } from './plan.ts'

export interface CutoutDependencies {
  readonly db: Database
  /** Folder of unpacked files. */
  readonly spool: string
  /** Pixels of a cutout. */
  readonly cutoutPixels: number
}

export interface Cutout {
  readonly contentType: string
  readonly fileName: string
  readonly chunks: AsyncIterable<Uint8Array>
  /** To be called when the chunks are read, or will not be: a client may leave before it has the first. */
  close(): Promise<void>
}

/** The images of these DIDs, in their order. Throws `notFound` with the first that is not there. */
export async function imagesOf(
  db: Database,
  identity: Identity,
  dids: readonly string[],
): Promise<readonly LocatedImage[]> {
  const { images, closed } = await locateKnown(db, identity, dids)
  return dids.map(did => {
    const image = images.get(did)
    if (image) return image
    const told = closed.get(did)
    if (told) throw new ServiceError(told.code, `${told.message}.`)
    const shown = did.length > 100 ? `${did.slice(0, 100)}…` : did
    throw new ServiceError('notFound', `ID=${shown}: there is no such image here`, {
      detail: 'Identifiers are those of obs_publisher_did in ivoa.ObsCore and in SIA.',
    })
  })
}

/** Undefined when no pixel is left by the filter. */
export async function cutout(
  deps: CutoutDependencies,
  image: LocatedImage,
  filter: Filter,
  { picture: style, mask }: Output,
): Promise<Cutout | undefined> {
  const dataset = await openDataset(image, deps.spool)
  let handedOn = false
  try {
    const window = windowOf(dataset, filter)
    if (!window) return undefined
    checkSize(window, deps.cutoutPixels)
    const masked = mask && filter.region ? masking(dataset.image, dataset.wcs, filter.region) : undefined
    const stem = fileStem(image)
    if (style) {
      const bytes = await picture(dataset, window, style, masked)
      return made(style, stem, bytes)
    }
    handedOn = true
    return {
      contentType: 'image/fits',
      fileName: `${stem}.fits`,
      chunks: fitsFile(dataset, window, masked),
      close: dataset.close,
    }
  } finally {
    if (!handedOn) await dataset.close()
  }
}

/** Three images as one picture; undefined when the middle one has no pixel left. */
export async function compositeCutout(
  deps: CutoutDependencies,
  images: readonly LocatedImage[],
  filter: Filter,
  style: PictureStyle,
): Promise<Cutout | undefined> {
  const datasets: Dataset[] = []
  try {
    for (const image of redToBlue(images)) datasets.push(await openDataset(image, deps.spool))
    const [red, green, blue] = datasets as [Dataset, Dataset, Dataset]
    const window = windowOf(green, filter)
    if (!window) return undefined
    checkSize(window, deps.cutoutPixels)
    const make = () => compositePicture([red, green, blue], window, style)
    const pixels = window.size.reduce((product, n) => product * n, 1)
    const bytes = await (pixels > LARGE ? inTurn(make) : make())
    return made(style, `${fileStem(green.located)}_color`, bytes)
  } finally {
    await Promise.all(datasets.map(dataset => dataset.close()))
  }
}

/** Composites of more pixels are made one after the other: one of 16 million takes 400 MB. */
const LARGE = 2 ** 20

let before: Promise<unknown> = Promise.resolve()

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = before.then(work)
  before = turn.catch(() => {})
  return turn
}

/** A picture, which is all there. */
function made({ type }: PictureStyle, stem: string, bytes: Buffer): Cutout {
  const extension = type.replace(/^.*\//, '').replace('jpeg', 'jpg')
  return { contentType: type, fileName: `${stem}.${extension}`, chunks: once(bytes), close: async () => {} }
}

/** Of the image's own file name, for people who save what they get. */
export function fileStem({ key, hdu, did }: Pick<LocatedImage, 'key' | 'hdu' | 'did'>): string {
  const name = key.slice(key.lastIndexOf('/') + 1).replace(/(\.(fits?|fts|fit|gz|fz|bz2))+$/i, '')
  const plain = name.replace(/[^\w.+-]/g, '_').slice(0, 100) || 'image'
  return `${plain}${did.endsWith(`/${hdu}`) ? `_${hdu}` : ''}_cutout`
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

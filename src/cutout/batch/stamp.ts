/** The files of one position of a batch. Runs in a worker thread, or in the job's own for a few positions. */
import { errorText } from '../../error.ts'
import type { Window } from '../../fits/window.ts'
import { encodePicture } from '../../images/encode.ts'
import type { LocatedImage } from '../../images/locate.ts'
import { DEFAULT_Q } from '../../images/lupton.ts'
import type { Raster } from '../../images/render.ts'
import { compositeRaster } from '../composite.ts'
import { type Dataset, openDataset } from '../dataset.ts'
import { sodaError } from '../faults.ts'
import { fitsFile } from '../fits-file.ts'
import { composite, planeOf } from '../picture.ts'
import { checkSize } from '../plan.ts'

export interface StampTask {
  readonly ra: number
  readonly dec: number
  /** Degrees. */
  readonly width: number
  readonly height: number
  readonly images: readonly { readonly band: string; readonly image: LocatedImage }[]
  /** Bands that are red, green and blue; undefined: no picture in colour. */
  readonly colors: readonly string[] | undefined
  readonly fits: boolean
  readonly spool: string
  readonly cutoutPixels: number
}

export interface StampFile {
  /** Undefined for the picture in colour. */
  readonly band: string | undefined
  readonly bytes: Uint8Array
}

export interface StampBand {
  readonly band: string
  readonly did: string
  /** Pixels of the cutout. */
  readonly width: number
  readonly height: number
  /** Why it is not, or not all of, what was asked for. */
  readonly problem: string | undefined
}

export interface Stamp {
  readonly files: readonly StampFile[]
  readonly bands: readonly StampBand[]
  /** A small JPEG. */
  readonly preview: Uint8Array | undefined
}

const PREVIEW = 160
/** Files that stay open: neighbours in a list are often neighbours on the sky. */
const MOST_OPEN = 24
const open = new Map<string, Promise<Dataset>>()

async function dataset(image: LocatedImage, spool: string): Promise<Dataset> {
  const known = open.get(image.did)
  open.delete(image.did)
  const opened = known ?? openDataset(image, spool)
  open.set(image.did, opened)
  try {
    return await opened
  } catch (error) {
    open.delete(image.did)
    throw error
  }
}

/** Closes what the next position is not likely to need; `most` 0 closes everything. */
export async function closeDatasets(most = MOST_OPEN): Promise<void> {
  while (open.size > most) {
    const [did, oldest] = open.entries().next().value!
    open.delete(did)
    await (await oldest).close()
  }
}

export async function stamp(task: StampTask): Promise<Stamp> {
  const files: StampFile[] = []
  const bands: StampBand[] = []
  const cut = new Map<string, { readonly data: Dataset; readonly window: Window }>()
  for (const { band, image } of task.images) {
    const { did } = image
    try {
      const data = await dataset(image, task.spool)
      const { window, clipped } = windowAround(data, task)
      const [ax, ay] = data.wcs.axes
      const [width, height] = [window?.size[ax] ?? 0, window?.size[ay] ?? 0]
      if (!window) {
        bands.push({ band, did, width, height, problem: 'the position is beside the pixels of the image' })
        continue
      }
      checkSize(window, task.cutoutPixels)
      if (task.fits) files.push({ band, bytes: await whole(fitsFile(data, window)) })
      cut.set(band, { data, window })
      bands.push({ band, did, width, height, problem: clipped ? 'ends at the edge of the image' : undefined })
    } catch (error) {
      bands.push({ band, did, width: 0, height: 0, problem: errorText(sodaError(error)) })
    }
  }
  const raster = await pictured(task, cut)
  if (raster && task.colors?.every(band => cut.has(band)))
    files.push({ band: undefined, bytes: await encodePicture(raster, 'image/png') })
  const preview = raster && (await encodePicture(raster, 'image/jpeg', fitted(raster)))
  await closeDatasets()
  return { files, bands, preview }
}

type Cuts = ReadonlyMap<string, { readonly data: Dataset; readonly window: Window }>

/** In colour where three bands are there, else in gray. */
async function pictured({ colors }: StampTask, cuts: Cuts): Promise<Raster | undefined> {
  const [r, g, b] = (colors ?? []).map(band => cuts.get(band))
  if (r && g && b) return compositeRaster([r.data, g.data, b.data], g.window)
  const one = r ?? g ?? b ?? [...cuts.values()][0]
  if (!one) return undefined
  const plane = await planeOf(one.data, one.window, { width: undefined })
  const { values, width, height } = plane
  return composite([values, values, values], width, height, true, DEFAULT_Q)
}

function fitted({ width, height }: Raster): { width: number; height: number } {
  const scale = PREVIEW / Math.max(width, height)
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/** Pixels around a position: along the axes of the image, whatever way they lie. */
function windowAround(
  { wcs, image }: Dataset,
  { ra, dec, width, height }: StampTask,
): { window: Window | undefined; clipped: boolean } {
  const [ax, ay] = wcs.axes
  const center = wcs.pixelOf(ra, dec)
  if (!center) return { window: undefined, clipped: false }
  const beside = (dx: number, dy: number) => {
    const sky = wcs.skyOf(center[0] + dx, center[1] + dy)
    return sky
      ? Math.hypot((((sky[0] - ra + 540) % 360) - 180) * Math.cos((dec * Math.PI) / 180), sky[1] - dec)
      : Number.NaN
  }
  const along = (axis: number, at: number, size: number, scale: number) => {
    const count = Math.max(1, Math.round(size / scale))
    const first = Math.round(at - (count - 1) / 2)
    const end = Math.min(first + count, image.shape[axis] ?? 1)
    return {
      start: Math.max(0, first),
      size: end - Math.max(0, first),
      clipped: first < 0 || end < first + count,
    }
  }
  const x = along(ax, center[0], width, beside(1, 0))
  const y = along(ay, center[1], height, beside(0, 1))
  if (!(x.size > 0 && y.size > 0)) return { window: undefined, clipped: false }
  const of = (axis: number, key: 'start' | 'size', other: number) =>
    axis === ax ? x[key] : axis === ay ? y[key] : other
  const window = {
    start: image.shape.map((_, axis) => of(axis, 'start', 0)),
    size: image.shape.map((n, axis) => of(axis, 'size', n)),
  }
  return { window, clipped: x.clipped || y.clipped }
}

async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const chunk of chunks) pieces.push(chunk)
  return Buffer.concat(pieces)
}

/** A window of an image as a picture; three of them as one in colour. */
import { ServiceError } from '../error.ts'
import type { Pixels } from '../fits/pixels.ts'
import { readWindow, type Window } from '../fits/window.ts'
import { encodePicture } from '../images/encode.ts'
import { type Limits, minMax, percentileLimits, type Values, zscale } from '../images/limits.ts'
import { type Bands, luptonOptions, renderLupton } from '../images/lupton.ts'
import { binned, floatValues, type Raster, renderPixels } from '../images/render.ts'
import type { Dataset } from './dataset.ts'
import { partsOf } from './fits-file.ts'
import type { Masking } from './mask.ts'
import type { Cuts, PictureStyle } from './params.ts'

/** Floating-point pixels of one plane, the first row at the bottom. */
export interface Plane {
  readonly values: Values
  readonly width: number
  readonly height: number
}

/** Pixels of a plane in memory; more are averaged in blocks while they are read. */
const MOST_PIXELS = 2 ** 24

export async function picture(
  dataset: Dataset,
  window: Window,
  style: PictureStyle,
  mask?: Masking,
): Promise<Buffer> {
  const plane = await planeOf(dataset, window, style, mask)
  return encoded(gray(plane, style), window, dataset, style)
}

/** The plane of the sky that a window shows, not much larger than the picture will be. */
export async function planeOf(
  dataset: Dataset,
  window: Window,
  { width: wanted }: Pick<PictureStyle, 'width'>,
  mask?: Masking,
): Promise<Plane> {
  const { image, source } = dataset
  const [ax, ay] = shownAxes(dataset)
  if (window.size.some((n, axis) => n > 1 && axis !== ax && axis !== ay))
    throw new ServiceError('usage', 'A picture shows one plane of the sky; this cutout has more of them.', {
      detail: 'Choose one plane by BAND or POL, or ask for RESPONSEFORMAT=image/fits.',
    })
  const [width, height] = [window.size[ax]!, window.size[ay]!]
  const smallEnough = Math.ceil(Math.sqrt((width * height) / MOST_PIXELS))
  const factor = Math.max(1, smallEnough, Math.floor(width / (2 * (wanted ?? width))))
  const [columns, rows] = [Math.ceil(width / factor), Math.ceil(height / factor)]
  const values = new Float32Array(columns * rows)
  for (const part of rowParts(window, ay, factor)) {
    const read = await readWindow(source, image, part)
    const pixels: Pixels = mask ? mask(read, part) : read
    const block = blocks(floatValues(pixels), width, part.size[ay]!, factor)
    values.set(block, (columns * (part.start[ay]! - window.start[ay]!)) / factor)
  }
  return { values, width: columns, height: rows }
}

/** Axes of the image that are across and up in the picture. */
export function shownAxes({ wcs }: Pick<Dataset, 'wcs'>): readonly [number, number] {
  return [Math.min(...wcs.axes), Math.max(...wcs.axes)]
}

function blocks(values: Values, width: number, height: number, factor: number): Values {
  return factor === 1 ? values : binned(values, width, height, factor).values
}

/** Parts of whole blocks of rows. */
function* rowParts(window: Window, axis: number, factor: number): Generator<Window> {
  if (factor === 1 && [...partsOf(window, 8)].length === 1) {
    yield window
    return
  }
  const width = window.size.reduce((product, n, i) => (i === axis ? product : product * n), 1)
  const step = Math.max(1, Math.floor(2 ** 21 / (width * factor))) * factor
  for (let row = 0; row < window.size[axis]!; row += step) {
    yield {
      start: window.start.with(axis, window.start[axis]! + row),
      size: window.size.with(axis, Math.min(step, window.size[axis]! - row)),
    }
  }
}

export function gray(
  { values, width, height }: Plane,
  style: Pick<PictureStyle, 'cuts' | 'stretch' | 'colorMap'>,
): Raster {
  const limits = limitsOf(values, style.cuts) ?? [0, 1]
  return renderPixels(values, width, height, { limits, stretch: style.stretch, colorMap: style.colorMap })
}

function limitsOf(values: Values, cuts: Cuts): Limits | undefined {
  if (cuts === 'zscale') return zscale(values)
  if (cuts === 'minmax') return minMax(values)
  return 'percent' in cuts ? percentileLimits(values, cuts.percent) : [cuts.limits.low, cuts.limits.high]
}

/** Red, green and blue on the same pixels. */
export function composite(bands: Bands, width: number, height: number, sameUnit: boolean, q: number): Raster {
  const options = luptonOptions(bands, sameUnit, q)
  if (options) return renderLupton(bands, width, height, options)
  return { width, height, channels: 4, data: new Uint8Array(4 * width * height) }
}

/** `window` is what the picture is of, which may have more pixels than the raster. */
export function encoded(
  raster: Raster,
  window: Window,
  dataset: Pick<Dataset, 'wcs'>,
  { type, width }: PictureStyle,
): Promise<Buffer> {
  const [ax, ay] = shownAxes(dataset)
  const across = width ?? raster.width
  const size = {
    width: across,
    height: Math.max(1, Math.round((across * window.size[ay]!) / window.size[ax]!)),
  }
  if (size.height > 65_535 || (type !== 'image/png' && Math.max(across, size.height) > 16_383))
    throw new ServiceError(
      'tooLarge',
      `A picture of ${across} × ${size.height} pixels is more than ${type} holds; ask for a smaller WIDTH.`,
    )
  return encodePicture(raster, type, width === undefined ? undefined : size)
}

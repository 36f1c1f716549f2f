/** Three images of one place as a picture in colour, on the pixels of the middle one. */
import { ServiceError } from '../error.ts'
import { textOf } from '../fits/header.ts'
import { readWindow, type Window } from '../fits/window.ts'
import { DEFAULT_Q } from '../images/lupton.ts'
import { floatValues, type Raster } from '../images/render.ts'
import type { Dataset } from './dataset.ts'
import type { PictureStyle } from './params.ts'
import { composite, encoded, type Plane, planeOf, shownAxes } from './picture.ts'

/** The longest wavelength is red; images whose wavelengths are not known are taken in the order given. */
export function redToBlue<T extends { readonly emMin: number | undefined }>(
  images: readonly T[],
): readonly T[] {
  if (images.some(image => image.emMin === undefined)) return images
  return [...images].sort((a, b) => b.emMin! - a.emMin!)
}

/** More pixels are not put together. */
const MOST_PIXELS = 2 ** 24

/** `datasets` are red, green and blue; `window` is one of the green image. */
export async function compositePicture(
  datasets: readonly [Dataset, Dataset, Dataset],
  window: Window,
  style: PictureStyle,
): Promise<Buffer> {
  return encoded(await compositeRaster(datasets, window, style.q), window, datasets[1], style)
}

export async function compositeRaster(
  datasets: readonly [Dataset, Dataset, Dataset],
  window: Window,
  q = DEFAULT_Q,
): Promise<Raster> {
  const [red, green, blue] = datasets
  const pixels = window.size.reduce((product, n) => product * n, 1)
  if (pixels > MOST_PIXELS)
    throw new ServiceError(
      'tooLarge',
      `A composite of ${pixels} pixels; at most ${MOST_PIXELS} are put together`,
    )
  const plane = await planeOf(green, window, { width: undefined })
  const [r, b] = [await resampled(red, green, window, plane), await resampled(blue, green, window, plane)]
  const units = new Set(datasets.map(({ image }) => textOf(image.header, 'BUNIT')?.trim().toLowerCase()))
  const sameUnit = units.size === 1 && !units.has(undefined) && isFlux([...units][0]!)
  return composite([r, plane.values, b], plane.width, plane.height, sameUnit, q)
}

/** Counts of different images have different worth. */
const isFlux = (unit: string) => /jy|maggy|maggies|erg|mag/.test(unit)

/** Pixels between which places in the other image are interpolated. */
const STEP = 16

/** The values of another image at the pixels of a window, between its own ones bilinearly; NaN where it has none. */
async function resampled(
  other: Dataset,
  onto: Dataset,
  window: Window,
  { width, height }: Plane,
): Promise<Float32Array> {
  const { xs, ys, columns } = gridOf(other, onto, window, width, height)
  const out = new Float32Array(width * height).fill(Number.NaN)
  const cut = await neighbourhood(other, xs, ys)
  if (!cut) return out
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(y / STEP)
    const t = y / STEP - row
    for (let x = 0; x < width; x++, i++) {
      const column = Math.floor(x / STEP)
      const s = x / STEP - column
      const k = row * columns + column
      out[i] = bilinear(cut, between(xs, k, columns, s, t) - cut.x0, between(ys, k, columns, s, t) - cut.y0)
    }
  }
  return out
}

/** Between the four values of a grid from `k` on. A function in the loop itself would be made anew for each pixel. */
function between(list: Float64Array, k: number, columns: number, s: number, t: number): number {
  return (
    (list[k]! * (1 - s) + list[k + 1]! * s) * (1 - t) +
    (list[k + columns]! * (1 - s) + list[k + columns + 1]! * s) * t
  )
}

/** Places of the window's pixels in the other image, exact at every 16th. */
function gridOf(other: Dataset, onto: Dataset, window: Window, width: number, height: number) {
  const [columns, rows] = [Math.ceil(width / STEP) + 1, Math.ceil(height / STEP) + 1]
  const [xs, ys] = [new Float64Array(columns * rows), new Float64Array(columns * rows)]
  const [ax, ay] = onto.wcs.axes
  const turned = ax > ay
  const otherTurned = other.wcs.axes[0] > other.wcs.axes[1]
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const [across, up] = [column * STEP, row * STEP]
      const [x, y] = turned ? [up, across] : [across, up]
      const sky = onto.wcs.skyOf((window.start[ax] ?? 0) + x, (window.start[ay] ?? 0) + y)
      const pixel = sky && other.wcs.pixelOf(sky[0], sky[1])
      const [u, v] = pixel ?? [Number.NaN, Number.NaN]
      xs[i] = otherTurned ? v : u
      ys[i] = otherTurned ? u : v
    }
  }
  return { xs, ys, columns }
}

interface Cut extends Plane {
  readonly x0: number
  readonly y0: number
}

/** The part of an image that holds these places; undefined when none is in it. */
async function neighbourhood(dataset: Dataset, xs: Float64Array, ys: Float64Array): Promise<Cut | undefined> {
  const { image, source } = dataset
  const [ax, ay] = shownAxes(dataset)
  const range = (list: Float64Array, count: number): [number, number] => {
    const finite = list.filter(Number.isFinite)
    const [low, high] = [
      finite.reduce((a, b) => Math.min(a, b), count),
      finite.reduce((a, b) => Math.max(a, b), -1),
    ]
    return [Math.max(0, Math.floor(low)), Math.min(count - 1, Math.ceil(high))]
  }
  const [x0, x1] = range(xs, image.shape[ax]!)
  const [y0, y1] = range(ys, image.shape[ay]!)
  if (x0 > x1 || y0 > y1) return undefined
  if ((x1 - x0 + 1) * (y1 - y0 + 1) > MOST_PIXELS)
    throw new ServiceError(
      'tooLarge',
      'COMPOSITE: the pixels of one image are far smaller than those of another',
    )
  const start = image.shape.map((_, i) => (i === ax ? x0 : i === ay ? y0 : 0))
  const size = image.shape.map((_, i) => (i === ax ? x1 - x0 + 1 : i === ay ? y1 - y0 + 1 : 1))
  const values = floatValues(await readWindow(source, image, { start, size }))
  return { values, width: x1 - x0 + 1, height: y1 - y0 + 1, x0, y0 }
}

/** A place within a thousandth of a pixel's middle has its value. */
const SAME = 1e-3

function bilinear({ values, width, height }: Plane, u: number, v: number): number {
  if (!(u > -0.5 && v > -0.5 && u < width - 0.5 && v < height - 0.5)) return Number.NaN
  const [x, y] = [Math.round(u), Math.round(v)]
  if (Math.abs(u - x) < SAME && Math.abs(v - y) < SAME) return values[y * width + x]!
  const [i, j] = [
    Math.max(0, Math.min(width - 2, Math.floor(u))),
    Math.max(0, Math.min(height - 2, Math.floor(v))),
  ]
  const [right, above] = [width > 1 ? 1 : 0, height > 1 ? width : 0]
  const [s, t] = [Math.max(0, Math.min(1, u - i)), Math.max(0, Math.min(1, v - j))]
  const k = j * width + i
  return (
    (values[k]! * (1 - s) + values[k + right]! * s) * (1 - t) +
    (values[k + above]! * (1 - s) + values[k + above + right]! * s) * t
  )
}

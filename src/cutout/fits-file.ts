/** A window of an image as a FITS file, sent while it is read: memory does not grow with the window. */
import { BLOCK } from '../fits/header.ts'
import { pixelSize } from '../fits/image.ts'
import { type Pixels, storedBytes } from '../fits/pixels.ts'
import { windowTables } from '../fits/wcs/lookup.ts'
import { readWindow, type Window } from '../fits/window.ts'
import { imageHdu, imageHeader } from '../fits/write.ts'
import { cutoutCards } from './cards.ts'
import type { Dataset } from './dataset.ts'
import type { Masking } from './mask.ts'

/** A larger window is read part by part, and has no checksums: they would have to stand before the pixels. */
const PART_BYTES = 32 * 2 ** 20

export async function* fitsFile(dataset: Dataset, window: Window, mask?: Masking): AsyncGenerator<Buffer> {
  const { source, image, hdus } = dataset
  const cards = cutoutCards(dataset, window)
  const parts = [...partsOf(window, pixelSize(image.bitpix))]
  let sent = 0
  for (const part of parts) {
    const read = await readWindow(source, image, part)
    const pixels: Pixels = mask ? mask(read, part) : read
    if (parts.length === 1) yield* imageHdu(pixels, cards, 'primary')
    else {
      if (sent === 0) yield imageHeader({ ...pixels, shape: window.size }, cards, 'primary')
      const stored = storedBytes(pixels)
      sent += stored.length
      yield stored
    }
  }
  if (parts.length > 1) yield Buffer.alloc((BLOCK - (sent % BLOCK)) % BLOCK)
  yield* await windowTables(source, hdus, image.header, window.start)
}

/** The window halved along its slowest axes until the parts are small, in the order of the pixels. */
export function* partsOf(window: Window, bytesPerPixel: number): Generator<Window> {
  const bytes = window.size.reduce((product, n) => product * n, bytesPerPixel)
  const axis = window.size.findLastIndex(n => n > 1)
  if (bytes <= PART_BYTES || axis < 0) {
    yield window
    return
  }
  const half = window.size[axis]! >> 1
  const replaced = (list: readonly number[], value: number) => list.with(axis, value)
  const step = window.every?.axis === axis ? window.every.step : 1
  yield* partsOf({ ...window, size: replaced(window.size, half) }, bytesPerPixel)
  yield* partsOf(
    {
      ...window,
      start: replaced(window.start, window.start[axis]! + half * step),
      size: replaced(window.size, window.size[axis]! - half),
    },
    bytesPerPixel,
  )
}

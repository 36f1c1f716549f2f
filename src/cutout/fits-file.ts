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
/** Parts of what is stored as it is. Of compressed tiles, each part unpacks anew those at its edges: as large as may be. */
const PLAIN_PART_BYTES = 4 * 2 ** 20

export async function* fitsFile(dataset: Dataset, window: Window, mask?: Masking): AsyncGenerator<Buffer> {
  const { source, image, hdus } = dataset
  const cards = cutoutCards(dataset, window)
  const parts = partsFor(dataset, window)
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

function partsFor({ image }: Dataset, window: Window): readonly Window[] {
  const bytesPerPixel = pixelSize(image.bitpix)
  if (bytesOf(window, bytesPerPixel) <= PART_BYTES) return [window]
  const most = image.storage.kind === 'plain' ? PLAIN_PART_BYTES : PART_BYTES
  return [...partsOf(window, bytesPerPixel, most)]
}

const bytesOf = ({ size }: Window, bytesPerPixel: number) =>
  size.reduce((product, n) => product * n, bytesPerPixel)

/** The window halved along its slowest axes until the parts are small, in the order of the pixels. */
export function* partsOf(window: Window, bytesPerPixel: number, most = PART_BYTES): Generator<Window> {
  const axis = window.size.findLastIndex(n => n > 1)
  if (bytesOf(window, bytesPerPixel) <= most || axis < 0) {
    yield window
    return
  }
  const half = window.size[axis]! >> 1
  const replaced = (list: readonly number[], value: number) => list.with(axis, value)
  const step = window.every?.axis === axis ? window.every.step : 1
  yield* partsOf({ ...window, size: replaced(window.size, half) }, bytesPerPixel, most)
  yield* partsOf(
    {
      ...window,
      start: replaced(window.start, window.start[axis]! + half * step),
      size: replaced(window.size, window.size[axis]! - half),
    },
    bytesPerPixel,
    most,
  )
}

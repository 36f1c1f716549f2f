/** Pixels outside of a region become ones without value: NaN, or BLANK where an image of integers has it. */
import type { FitsImage } from '../fits/image.ts'
import { type Pixels, physicalValues, type StoredArray } from '../fits/pixels.ts'
import type { CelestialWcs } from '../fits/wcs/wcs.ts'
import type { Window } from '../fits/window.ts'
import { membership, type Region } from '../sphere/region.ts'
import { unitVector } from '../sphere/vector.ts'

/** What happens to the pixels of each part of a cutout; all parts come out in one form. */
export type Masking = (pixels: Pixels, window: Window) => Pixels

const DEGREE = Math.PI / 180

/** Images of integers without BLANK become physical values in floating point: no integer of theirs is free. */
export function masking(image: FitsImage, wcs: CelestialWcs, region: Region): Masking {
  const contains = membership(region)
  const { bitpix, blank } = image
  const none = blank === undefined ? undefined : bitpix === 64 ? blank : Number(blank)
  return (pixels, window) => {
    const outside = outsideOf(wcs, window, contains)
    const result = bitpix > 0 && blank === undefined ? floating(pixels) : pixels
    const stored = result.stored as Float64Array
    forEachOutside(outside, wcs.axes, window, index => {
      stored[index] = (result.bitpix < 0 ? Number.NaN : none) as number
    })
    return result
  }
}

function floating(pixels: Pixels): Pixels {
  const { values } = physicalValues(pixels)
  const short = Math.abs(pixels.bitpix) <= 16
  const stored: StoredArray = short
    ? Float32Array.from(values as Float32Array, Number)
    : Float64Array.from(values as Float64Array, Number)
  return { bitpix: short ? -32 : -64, shape: pixels.shape, stored, scale: 1, zero: 0, blank: undefined }
}

/** 1 for each pixel of the window's plane on the sky whose middle is outside. */
function outsideOf(
  wcs: CelestialWcs,
  { start, size }: Window,
  contains: ReturnType<typeof membership>,
): Uint8Array {
  const [ax, ay] = wcs.axes
  const [width, height] = [size[ax] ?? 1, size[ay] ?? 1]
  const outside = new Uint8Array(width * height)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const sky = wcs.skyOf((start[ax] ?? 0) + x, (start[ay] ?? 0) + y)
      if (!sky || !contains(unitVector(sky[0] * DEGREE, sky[1] * DEGREE))) outside[i] = 1
    }
  }
  return outside
}

function forEachOutside(
  outside: Uint8Array,
  [ax, ay]: readonly [number, number],
  { size }: Window,
  use: (index: number) => void,
): void {
  const stride = (axis: number) => size.slice(0, axis).reduce((product, n) => product * n, 1)
  const width = size[ax] ?? 1
  const [sx, nx, sy, ny] = [stride(ax), width, stride(ay), size[ay] ?? 1]
  const count = size.reduce((product, n) => product * n, 1)
  for (let i = 0; i < count; i++) {
    const x = Math.floor(i / sx) % nx
    const y = Math.floor(i / sy) % ny
    if (outside[y * width + x]) use(i)
  }
}

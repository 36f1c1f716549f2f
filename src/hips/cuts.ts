/** What is shown as black and white when nobody says: from a sample of the pixels. */

import type { Look } from './image-tile.ts'
import { type HipsImage, openPlaced, type PlacedImage, readPart } from './input.ts'

export interface AutoLook {
  readonly stretch: Look['stretch']
  /** Undefined: between percentiles of the values. */
  readonly cuts: readonly [low: number, high: number] | undefined
}

/** Images that are looked at, and rows of each. */
const IMAGES = 24
const ROWS = 24
/** Shares of the values below the cuts: the sky is dark gray, not black, and bright stars are white. */
const LOW = 0.02
const HIGH = 0.996

export async function chooseLook(
  planned: readonly { readonly image: HipsImage; readonly offset: number }[],
  { stretch, cuts }: AutoLook,
  spool: string,
): Promise<Look> {
  if (cuts) return { low: cuts[0], high: cuts[1], stretch }
  const values: number[] = []
  const step = Math.max(1, planned.length / IMAGES)
  for (let i = 0; i < planned.length; i += step) {
    const { image, offset } = planned[Math.floor(i)]!
    const placed = await openPlaced(image, spool)
    for (const value of await sampleOf(placed)) values.push(value - offset)
    await placed.close()
  }
  const sorted = Float64Array.from(values).sort()
  if (sorted.length === 0) return { low: 0, high: 1, stretch }
  const low = sorted[Math.floor(LOW * (sorted.length - 1))]!
  const high = sorted[Math.floor(HIGH * (sorted.length - 1))]!
  return { low, high: high > low ? high : low + 1, stretch }
}

/** Median of an image's values; undefined when it has none. */
export async function medianOf(placed: PlacedImage): Promise<number | undefined> {
  const sorted = Float64Array.from(await sampleOf(placed)).sort()
  return sorted[sorted.length >> 1]
}

/** Values of rows spread over the image, every few pixels where they are long. */
async function sampleOf(placed: PlacedImage): Promise<number[]> {
  const [width, height] = placed.size
  const rows = Math.min(ROWS, height)
  const step = Math.max(1, Math.floor(width / 500))
  const values: number[] = []
  for (let k = 0; k < rows; k++) {
    const bottom = Math.floor(((k + 0.5) * height) / rows)
    const part = await readPart(placed, { left: 0, bottom, width, height: 1 }, 'float64')
    for (let p = 0; p < width; p += step) if (Number.isFinite(part.values[p]!)) values.push(part.values[p]!)
  }
  return values
}

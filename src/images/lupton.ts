/**
 * Colour composites after Lupton et al. 2004, PASP 116, 133: one asinh curve for the mean of three bands, so that an
 * object has the same colour whatever its brightness, and what would be too bright for a channel keeps its hue.
 */
import { percentiles, type Values } from './limits.ts'
import type { Raster } from './render.ts'

export interface LuptonOptions {
  /** Value of each band that is black: the sky. */
  readonly minimum: readonly [number, number, number]
  /** What each band is multiplied by above that. */
  readonly weight: readonly [number, number, number]
  /** The range in which the curve is nearly a straight line. */
  readonly stretch: number
  /** How much of the brighter is compressed. */
  readonly q: number
}

export type Bands = readonly [red: Values, green: Values, blue: Values]

/** Q of the paper's figures. */
export const DEFAULT_Q = 8

/** Three images on the same pixels as one picture; transparent where any is NaN. */
export function renderLupton(bands: Bands, width: number, height: number, options: LuptonOptions): Raster {
  const [red, green, blue] = bands
  const { minimum, weight } = options
  // The slope at 0.1 × stretch is that of a straight line to white, as in the authors' own code.
  const q = Math.abs(options.q) < 1 / 2 ** 23 ? 0.1 : Math.min(options.q, 1e10)
  const slope = (0.1 * 255) / Math.asinh(0.1 * q)
  const soften = q / options.stretch
  const blank = [red, green, blue].some(values => values.some(Number.isNaN))
  const channels = blank ? 4 : 3
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    let to = (height - 1 - y) * width * channels
    for (let x = 0, i = y * width; x < width; x++, i++, to += channels) {
      const r = (red[i]! - minimum[0]) * weight[0]
      const g = (green[i]! - minimum[1]) * weight[1]
      const b = (blue[i]! - minimum[2]) * weight[2]
      const mean = (r + g + b) / 3
      if (Number.isNaN(mean)) continue
      if (blank) data[to + 3] = 255
      if (mean <= 0) continue
      const factor = (Math.asinh(mean * soften) * slope) / mean
      const largest = Math.max(r, g, b) * factor
      const scale = largest > 255 ? (factor * 255) / largest : factor
      data[to] = r > 0 ? r * scale : 0
      data[to + 1] = g > 0 ? g * scale : 0
      data[to + 2] = b > 0 ? b * scale : 0
    }
  }
  return { width, height, channels, data }
}

/**
 * Options that suit three images: black is a deviation below the sky, the same in each; the curve bends at several
 * deviations of the mean. Bands of one unit keep their ratios; others are brought to the same noise.
 */
export function luptonOptions(bands: Bands, sameUnit: boolean, q = DEFAULT_Q): LuptonOptions | undefined {
  const skies = bands.map(skyOf)
  if (skies.some(sky => sky === undefined)) return undefined
  const [r, g, b] = skies as [Sky, Sky, Sky]
  const noise = [r, g, b].map(sky => sky.deviation || 1) as [number, number, number]
  const weight: [number, number, number] = sameUnit
    ? [1, 1, 1]
    : (noise.map(one => noise[1] / one) as [number, number, number])
  const deviation = Math.hypot(...noise.map((one, i) => one * weight[i]!)) / 3
  // The same height above black in each channel: the sky has no colour, though the bands' noise differs.
  const above = noise.reduce((sum, one, i) => sum + one * weight[i]!, 0) / 3
  return {
    minimum: [r, g, b].map((sky, i) => sky.median - above / weight[i]!) as [number, number, number],
    weight,
    stretch: 8 * deviation,
    q,
  }
}

interface Sky {
  readonly median: number
  /** From the fainter half, which sources leave alone. */
  readonly deviation: number
}

/** So many values give the sky within a hundredth of its noise, and cost a millisecond. */
const SKY_VALUES = 2 ** 14

function skyOf(values: Values): Sky | undefined {
  const found = percentiles(values, [15.87, 50], SKY_VALUES)
  return found && { median: found[1]!, deviation: found[1]! - found[0]! }
}

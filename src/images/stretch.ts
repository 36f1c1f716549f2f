/** From a pixel value to one of 256 levels. The curves are those of astropy.visualization, which are DS9's. */
import type { Limits, Values } from './limits.ts'

export type Stretch = 'linear' | 'sqrt' | 'asinh' | 'log'

const CURVES: Readonly<Record<Stretch, (t: number) => number>> = {
  linear: t => t,
  sqrt: Math.sqrt,
  asinh: t => Math.asinh(10 * t) / Math.asinh(10),
  log: t => Math.log(1000 * t + 1) / Math.log(1001),
}

export const STRETCHES = Object.keys(CURVES) as readonly Stretch[]

/** As fine as the steepest curve, log at 0, needs for steps of less than a level. */
const STEPS = 65_536
const levels = new Map<Stretch, Uint8Array>()

function levelsOf(stretch: Stretch): Uint8Array {
  const known = levels.get(stretch)
  if (known) return known
  const curve = CURVES[stretch]
  const made = Uint8Array.from({ length: STEPS }, (_, i) => Math.round(255 * curve(i / (STEPS - 1))))
  levels.set(stretch, made)
  return made
}

/** Levels 0 to 255 of values between the limits; of NaN 0, and `blank` is then true. */
export function stretched(
  values: Values,
  [low, high]: Limits,
  stretch: Stretch,
): { readonly levels: Uint8Array; readonly blank: boolean } {
  const table = levelsOf(stretch)
  const scale = high > low ? (STEPS - 1) / (high - low) : 0
  const out = new Uint8Array(values.length)
  let blank = false
  for (let i = 0; i < values.length; i++) {
    const step = scale === 0 ? (values[i]! > low ? STEPS : 0) : (values[i]! - low) * scale
    if (step >= STEPS - 1) out[i] = 255
    else if (step > 0) out[i] = table[(step + 0.5) | 0]!
    else if (Number.isNaN(values[i]!)) blank = true
  }
  return { levels: out, blank }
}

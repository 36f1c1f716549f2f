/** Noise of the sky and of the objects' photons. A pixel has the same noise in every patch that shows it. */
import { createRandom, STREAM } from '../random.ts'
import { type Patch, RUN } from './plan.ts'

/** Normal deviates at the middles of 65,536 equal parts of the distribution. */
const DEVIATES = (() => {
  const table = new Float32Array(65_536)
  for (let i = 0; i < table.length; i++) table[i] = quantile((i + 0.5) / table.length)
  return table
})()

/** Inverse of the normal distribution (Acklam's rational approximation, relative error 1.2e-9). */
function quantile(p: number): number {
  if (p > 0.5) return -quantile(1 - p)
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p))
    return (
      (((((-7.784894002430293e-3 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) *
        q +
        4.374664141464968) *
        q +
        2.938163982698783) /
      ((((7.784695709041462e-3 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) *
        q +
        1)
    )
  }
  const q = p - 0.5
  const r = q * q
  return (
    ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
      2.506628277459239) *
      q) /
    (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
      1)
  )
}

/** Adds noise of variance sky + photons · flux to a plane. `band` is its index in BANDS. */
export function addNoise(
  plane: Float32Array,
  { x0, y0, size }: Patch,
  seed: number,
  band: number,
  variance: { readonly sky: number; readonly photons: number },
): void {
  const random = createRandom(seed)
  const { sky, photons } = variance
  const deviation = Math.sqrt(sky)
  for (let row = 0, at = 0; row < size; row++) {
    for (let run = 0; run < size / RUN; run++) {
      random.seek(STREAM.image, (y0 + row) * 8 + band, x0 / RUN + run)
      for (let i = 0; i < RUN; i += 2, at += 2) {
        const bits = random.bits()
        for (let half = 0; half < 2; half++) {
          const light = plane[at + half]!
          const spread = light * photons > 0.02 * sky ? Math.sqrt(sky + photons * light) : deviation
          plane[at + half] = light + spread * DEVIATES[half === 0 ? bits >>> 16 : bits & 0xffff]!
        }
      }
    }
  }
}

/**
 * Variable stars: pulsators as Fourier series with the coefficients of their class, eclipsing binaries from the
 * geometry of two discs. A light curve is a factor on the mean flux, by phase and band.
 */
import { BANDS, type PerBand, R } from './bands.ts'
import type { Random } from './random.ts'
import { onLocus, scattered, starOf, watchedMagnitude } from './stars.ts'

export const CLASSES = ['RRab', 'RRc', 'DCEP', 'EA', 'EB', 'EW'] as const
export type VariableClass = (typeof CLASSES)[number]

/** How the 3,000 of the default survey are shared out, in the order of CLASSES. */
const SHARES = [0.26, 0.12, 0.1, 0.17, 0.15, 0.2]

export interface VariableStar {
  readonly class: VariableClass
  /** In days; of eclipsing binaries the orbital period. */
  readonly period: number
  /** Phase at MJD 0. */
  readonly phase: number
  /** Mean magnitudes. */
  readonly mags: PerBand
  /** Flux over mean flux at a phase from 0 to 1; phase 0 is maximum light, or the primary eclipse. */
  readonly flux: (phase: number, band: number) => number
}

/** A variable star. */
export function drawVariable(random: Random): VariableStar {
  const i = watchedMagnitude(random)
  let pick = random.uniform()
  let index = 0
  while (pick > SHARES[index]! && index < CLASSES.length - 1) pick -= SHARES[index++]!
  const kind = CLASSES[index]!
  const star =
    kind === 'RRab' || kind === 'RRc' || kind === 'DCEP' ? pulsator(random, kind, i) : binary(random, kind, i)
  return { class: kind, phase: random.uniform(), ...star }
}

/** A constant star in the brightness range of the variables. */
export function drawConstant(random: Random): PerBand {
  return starOf(random, watchedMagnitude(random))
}

type Curve = Pick<VariableStar, 'period' | 'mags' | 'flux'>

/**
 * Fourier coefficients of light curves in magnitudes, Σ aₖ sin(2πkφ + φₖ₁ + kφ₀): amplitude ratios and phase
 * differences to the first harmonic, typical of the classes (Simon & Teays 1982, ApJ 261, 586; Jurcsik & Kovács 1996,
 * A&A 312, 111). The steep rise of RRab is in the phases near 2.4 and 5.0.
 */
const SERIES = {
  RRab: { ratio: [1, 0.48, 0.35, 0.22, 0.13], phase: [0, 2.35, 5.05, 1.5, 4.2] },
  RRc: { ratio: [1, 0.14, 0.07], phase: [0, 3.2, 3.6] },
  DCEP: { ratio: [1, 0.42, 0.2, 0.09], phase: [0, 2.75, 5.4, 1.7] },
} as const

const SAMPLES = 256

/** Per class: magnitudes over one period, from 0 at maximum light (phase 0) to 1 at minimum. */
const SHAPES = {
  RRab: shape(SERIES.RRab),
  RRc: shape(SERIES.RRc),
  DCEP: shape(SERIES.DCEP),
}

function shape({ ratio, phase }: { ratio: readonly number[]; phase: readonly number[] }): Float64Array {
  const raw = Array.from({ length: SAMPLES }, (_, n) =>
    ratio.reduce((sum, a, k) => sum + a * Math.sin((2 * Math.PI * (k + 1) * n) / SAMPLES + phase[k]!), 0),
  )
  const low = Math.min(...raw)
  const high = Math.max(...raw)
  const first = raw.indexOf(low)
  return Float64Array.from(raw, (_, n) => (raw[(first + n) % SAMPLES]! - low) / (high - low))
}

/** Amplitude in each band over that in g. */
const AMPLITUDES: Record<keyof typeof SERIES, PerBand> = {
  RRab: [1, 0.72, 0.58, 0.54, 0.52],
  RRc: [1, 0.71, 0.57, 0.52, 0.5],
  DCEP: [1, 0.67, 0.53, 0.46, 0.43],
}

function pulsator(random: Random, kind: keyof typeof SERIES, i: number): Curve {
  const { period, amplitude, gi } = pulsation(random, kind)
  const table = SHAPES[kind]
  const magnitudes = AMPLITUDES[kind].map(part => part * amplitude)
  const meanFlux = magnitudes.map(a => table.reduce((sum, m) => sum + 10 ** (-0.4 * a * m), 0) / SAMPLES)
  return {
    period,
    mags: scattered(onLocus(i, gi), random),
    flux(phase, band) {
      const at = phase * SAMPLES
      const n = Math.floor(at)
      const part = at - n
      const m = table[n % SAMPLES]! * (1 - part) + table[(n + 1) % SAMPLES]! * part
      return 10 ** (-0.4 * magnitudes[band]! * m) / meanFlux[band]!
    },
  }
}

/** Period in days, amplitude in g in mag (RRab: smaller at longer periods, as Bailey found), and mean g − i. */
function pulsation(
  random: Random,
  kind: keyof typeof SERIES,
): { period: number; amplitude: number; gi: number } {
  if (kind === 'RRab') {
    const period = clamp(0.575 + 0.07 * random.normal(), 0.43, 0.85)
    const amplitude = clamp(1.05 - 2.6 * (period - 0.575) + 0.12 * random.normal(), 0.4, 1.45)
    return { period, amplitude, gi: 0.3 + 0.25 * (period - 0.5) }
  }
  if (kind === 'RRc') {
    const period = clamp(0.325 + 0.035 * random.normal(), 0.24, 0.42)
    return { period, amplitude: clamp(0.5 + 0.07 * random.normal(), 0.35, 0.65), gi: 0.15 }
  }
  const period = 10 ** clamp(0.75 + 0.28 * random.normal(), 0.3, 1.75)
  return { period, amplitude: random.between(0.6, 1.2), gi: 0.75 + 0.2 * Math.log10(period) }
}

/** Surface brightness ratio of the cooler star in mag, by band, for a difference of 1 mag in r. */
const CONTRAST: PerBand = [1.3, 1, 0.84, 0.75, 0.7]

/** Depth of the primary eclipse in r, in mag. */
const DEEPEST = { EA: 2, EB: 1.3, EW: 0.9 }

/**
 * An eclipsing binary with a circular orbit: detached (EA), close (EB) or in contact (EW). Radii are in units of the
 * separation; systems whose primary eclipse is too shallow or too deep for their class are drawn again.
 */
function binary(random: Random, kind: 'EA' | 'EB' | 'EW', i: number): Curve {
  const gi = kind === 'EA' ? random.between(0.3, 2) : random.between(0.3, 1.4)
  for (;;) {
    const { period, r1, r2, contrast, ellipticity } = system(random, kind)
    const cosInclination = random.between(0, 0.85) * (r1 + r2)
    const sin2 = 1 - cosInclination * cosInclination
    const second = CONTRAST.map(c => 10 ** (-0.4 * contrast * c))
    const light = (phase: number, band: number) => {
      const angle = 2 * Math.PI * phase
      const sinAngle = Math.sin(angle)
      const cosAngle = Math.cos(angle)
      const separation = Math.sqrt(
        sinAngle * sinAngle + cosAngle * cosAngle * cosInclination * cosInclination,
      )
      const hidden = overlap(separation, r1, r2) * (cosAngle > 0 ? 1 : second[band]!)
      const total = Math.PI * (r1 * r1 + r2 * r2 * second[band]!)
      return (1 - hidden / total) * (1 - ellipticity * cosAngle * cosAngle * sin2)
    }
    const depth = -2.5 * Math.log10(light(0, R) / light(0.25, R))
    if (depth < 0.25 || depth > DEEPEST[kind]) continue
    const mean = BANDS.map((_, band) => {
      let sum = 0
      for (let n = 0; n < SAMPLES; n++) sum += light((n + 0.5) / SAMPLES, band)
      return sum / SAMPLES
    })
    return {
      period,
      mags: scattered(onLocus(i, gi), random),
      flux: (phase, band) => light(phase, band) / mean[band]!,
    }
  }
}

/** Period in days, radii over separation, surface-brightness contrast in r, and the stars' ellipticity. */
function system(random: Random, kind: 'EA' | 'EB' | 'EW') {
  if (kind === 'EA') {
    const r1 = random.between(0.1, 0.24)
    const r2 = r1 * random.between(0.6, 1.2)
    return {
      period: 0.8 * 12 ** random.uniform(),
      r1,
      r2,
      contrast: random.between(0.1, 2),
      ellipticity: 0.01,
    }
  }
  if (kind === 'EB') {
    const r1 = random.between(0.28, 0.36)
    const r2 = r1 * random.between(0.6, 0.95)
    const contrast = random.between(0.5, 1.8)
    return {
      period: 0.45 * 4.5 ** random.uniform(),
      r1,
      r2,
      contrast,
      ellipticity: random.between(0.06, 0.12),
    }
  }
  const r1 = random.between(0.4, 0.46)
  const r2 = r1 * random.between(0.65, 0.95)
  const period = clamp(0.35 + 0.07 * random.normal(), 0.23, 0.65)
  return { period, r1, r2, contrast: random.between(0, 0.35), ellipticity: random.between(0.14, 0.22) }
}

/** Area in which two discs overlap whose centres are `d` apart. */
export function overlap(d: number, r1: number, r2: number): number {
  if (d >= r1 + r2) return 0
  const smaller = Math.min(r1, r2)
  if (d <= Math.abs(r1 - r2)) return Math.PI * smaller * smaller
  const half1 = Math.acos((d * d + r1 * r1 - r2 * r2) / (2 * d * r1))
  const half2 = Math.acos((d * d + r2 * r2 - r1 * r1) / (2 * d * r2))
  const kite = 0.5 * Math.sqrt((r1 + r2 - d) * (d + r1 - r2) * (d - r1 + r2) * (d + r1 + r2))
  return r1 * r1 * half1 + r2 * r2 * half2 - kite
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}

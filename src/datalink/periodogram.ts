/**
 * The period of a light curve in several bands.
 *
 * 1. Multi-band Lomb–Scargle: the generalised periodogram (Zechmeister & Kürster 2009, A&A 496, 577) of each band by
 *    itself, combined by the bands' reductions of χ² (VanderPlas & Ivezić 2015, ApJ 812, 18, eq. 23: N_base = 0,
 *    N_band = 1). Sines are carried from frequency to frequency by a rotation, in blocks that begin exactly.
 * 2. Analysis of variance of the folded points in phase bins (Schwarzenberg-Czerny 1989, MNRAS 241, 153), all bands
 *    together after each is put on one scale: it sees narrow eclipses, which a sine does not.
 * 3. The peaks of both, with their halves and doubles, are held against a Fourier series that the bands share. The
 *    Bayesian information criterion (Schwarz 1978) says how many harmonics each is worth, and which wins: a multiple of
 *    the period needs as many times the harmonics. Bands that are measured at one time count as one look at the star.
 *    The winner is refined on the series, whose curvature gives the error of the period.
 *
 * The false-alarm probability is that of the highest peak of either (each has half): of the first by the extreme-value
 * formula of Baluev (2008, MNRAS 385, 1279) with Rice's rate for two degrees of freedom a band, of the second by the
 * F distribution and the number of frequencies. Both take the errors as relative: their scale comes from the residuals.
 */
import { BINS, baluev, binsFalseAlarm, spread } from './false-alarm.ts'
import { type BandPoints, byBand, type Points, type Scaled, scaledPoints } from './points.ts'

export interface Periodogram {
  /** Days. */
  readonly period: number
  readonly periodError: number
  /** Share of the variance that a sine in each band explains at its best, from 0 to 1. */
  readonly power: number
  /** Period of that best sine, in days. */
  readonly sinePeriod: number
  /** Probability that noise alone has a peak as high as the highest. */
  readonly falseAlarm: number
  /** Share of the variance that the Fourier series explains at the period. */
  readonly explained: number
  readonly n: number
}

export interface Spectrum {
  /** Per day. */
  readonly first: number
  readonly step: number
  readonly power: Float64Array
}

export interface Range {
  /** Periods, in days. */
  readonly low: number
  readonly high: number
}

/** Steps of frequency in 1/baseline, for the sine and for the narrower peaks of phase bins. */
const OVERSAMPLING = 5
const BIN_OVERSAMPLING = 8
const HARMONICS = 6
/** Numbers of harmonics to choose from: one for a sine, many for narrow eclipses. */
const CHOICE = [1, 2, 3, 4, 6, 9, 12, 16]
const CANDIDATES = 10
/** Points times frequencies: some seconds of work. */
const MOST_WORK = 1e9
/** Frequencies that are carried on from an exact beginning. */
const BLOCK = 512

/** From 0.1 d, or twice the mean distance of the points where they come faster, to a third of the baseline. */
export function defaultRange({ time }: Points): Range {
  const baseline = time.at(-1)! - time[0]!
  const high = baseline / 3
  const low = Math.min(0.1, high / 10)
  const most = MOST_WORK / (time.length * OVERSAMPLING * baseline)
  return { low: Math.max(low, 1 / most), high }
}

/** Whether the work is more than a request may ask for. */
export function isTooMuch({ time }: Points, { low }: Range): boolean {
  return (time.length * (time.at(-1)! - time[0]!) * OVERSAMPLING) / low > 2 * MOST_WORK
}

/** `time` ascends. Undefined when the points are too few or all at one time. */
export function periodogramOf(points: Points, range: Range = defaultRange(points)): Periodogram | undefined {
  const scaled = scaledPoints(points)
  if (!scaled) return undefined
  const spectrum = lombScargle(points, range)
  if (!spectrum) return undefined
  const { time, total, bands } = scaled
  const n = time.length
  const baseline = time.at(-1)! - time[0]!
  const variance = phaseVariance(scaled, range)
  const peaks = [...topPeaks(spectrum, CANDIDATES), ...topPeaks(variance, CANDIDATES)]
  const tries = candidates(peaks, range, baseline)
  const folds = tries
    .map(frequency => bestFold(scaled, frequency, baseline))
    .sort((a, b) => b.power - a.power)
    .slice(0, CANDIDATES)
    .map(one => one.frequency)
  const sines = topPeaks(spectrum, 3)
  const inRange = (frequency: number) => frequency <= 1 / range.low && frequency >= 1 / range.high
  const fits = distinct([...folds, ...sines, ...sines.map(f => f / 2)], baseline)
    .filter(inRange)
    .map(frequency => fitNear(scaled, frequency, baseline))
  if (fits.length === 0) return undefined
  const first = fits.reduce(better)
  // A multiple of the period fits as well: it must be decidedly better than what it is a multiple of.
  const { frequency, harmonics } =
    [6, 5, 4, 3, 2]
      .map(factor => first.frequency * factor)
      .filter(inRange)
      .map(one => fitNear(scaled, one, baseline))
      .find(({ criterion }) => criterion < first.criterion + DECIDED) ?? first
  const best = refine(scaled, frequency, baseline, harmonics)
  const power = highest(spectrum.power)
  const sineFap = baluev(power, n, 2 * bands, bands, (1 / range.low) * spread(time))
  const binsFap = binsFalseAlarm(highest(variance.power), n, bands, variance.power.length)
  return {
    period: 1 / best.frequency,
    periodError: best.error / best.frequency ** 2,
    power,
    sinePeriod: 1 / topPeaks(spectrum, 1)[0]!,
    falseAlarm: Math.min(1, 2 * Math.min(sineFap, binsFap)),
    explained: 1 - best.chi2 / total,
    n,
  }
}

function highest(values: Float64Array): number {
  let most = 0
  for (const value of values) if (value > most) most = value
  return most
}

/** Power from 0 to 1 over a grid of frequencies; undefined without enough points. */
export function lombScargle(points: Points, range: Range = defaultRange(points)): Spectrum | undefined {
  const bands = byBand(points)
  const baseline = points.time.at(-1)! - points.time[0]!
  if (bands.length === 0 || !(baseline > 0)) return undefined
  const step = 1 / (OVERSAMPLING * baseline)
  const first = 1 / range.high
  const count = Math.max(1, Math.ceil((1 / range.low - first) / step) + 1)
  const power = new Float64Array(count)
  let total = 0
  for (const band of bands) total += addBand(band, first, step, power)
  if (!(total > 0)) return undefined
  for (let k = 0; k < count; k++) power[k]! /= total
  return { first, step, power }
}

/** Adds a band's reduction of χ² at each frequency; returns its χ² about the mean. */
function addBand({ time, y, weight }: BandPoints, first: number, step: number, power: Float64Array): number {
  const n = time.length
  const start = time[0]!
  let weights = 0
  for (const w of weight) weights += w
  let total = 0
  for (let i = 0; i < n; i++) total += weight[i]! * y[i]! * y[i]!
  const [c, s, yc, ys, c2, s2] = Array.from({ length: 6 }, () => new Float64Array(BLOCK)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  for (let from = 0; from < power.length; from += BLOCK) {
    const size = Math.min(BLOCK, power.length - from)
    for (const sums of [c, s, yc, ys, c2, s2]) sums.fill(0)
    for (let i = 0; i < n; i++) {
      const t = time[i]! - start
      const w = weight[i]! / weights
      const wy = w * y[i]!
      const angle = 2 * Math.PI * t * (first + from * step)
      const turn = 2 * Math.PI * t * step
      let cos = Math.cos(angle)
      let sin = Math.sin(angle)
      const rc = Math.cos(turn)
      const rs = Math.sin(turn)
      for (let k = 0; k < size; k++) {
        const wc = w * cos
        c[k]! += wc
        s[k]! += w * sin
        yc[k]! += wy * cos
        ys[k]! += wy * sin
        c2[k]! += wc * cos
        s2[k]! += wc * sin
        const next = cos * rc - sin * rs
        sin = sin * rc + cos * rs
        cos = next
      }
    }
    for (let k = 0; k < size; k++) {
      const cc = c2[k]! - c[k]! * c[k]!
      const ss = 1 - c2[k]! - s[k]! * s[k]!
      const cs = s2[k]! - c[k]! * s[k]!
      const determinant = cc * ss - cs * cs
      if (determinant < 1e-9) continue
      power[from + k]! +=
        (weights * (ss * yc[k]! * yc[k]! + cc * ys[k]! * ys[k]! - 2 * cs * yc[k]! * ys[k]!)) / determinant
    }
  }
  return total
}

const TURN = 2 ** 32

/** Share of the variance between phase bins, over a grid of frequencies up to half of the highest. */
function phaseVariance(scaled: Scaled, range: Range): Spectrum {
  const { time, total } = scaled
  const n = time.length
  const baseline = time.at(-1)! - time[0]!
  const step = 1 / (BIN_OVERSAMPLING * baseline)
  const first = 1 / range.high
  const count = Math.max(1, Math.ceil((0.5 / range.low - first) / step) + 1)
  const power = new Float64Array(count)
  // Phases are 32-bit fractions of a turn, which wrap by themselves.
  const phase = new Int32Array(n)
  const advance = Int32Array.from(time, t => fraction((t - time[0]!) * step))
  const wy = Float64Array.from(scaled.y, (y, i) => y * scaled.weight[i]!)
  const { weight } = scaled
  const sums = new Float64Array(BINS)
  const weights = new Float64Array(BINS)
  for (let k = 0; k < count; k++) {
    if (k % BLOCK === 0) {
      const frequency = first + k * step
      for (let i = 0; i < n; i++) phase[i] = fraction((time[i]! - time[0]!) * frequency)
    }
    sums.fill(0)
    weights.fill(0)
    for (let i = 0; i < n; i++) {
      const at = phase[i]!
      const bin = at >>> 28
      sums[bin]! += wy[i]!
      weights[bin]! += weight[i]!
      phase[i] = (at + advance[i]!) | 0
    }
    power[k] = between(sums, weights) / total
  }
  return { first, step, power }
}

function fraction(turns: number): number {
  return ((turns - Math.floor(turns)) * TURN) | 0
}

function between(sums: Float64Array, weights: Float64Array): number {
  let power = 0
  for (let b = 0; b < BINS; b++) if (weights[b]! > 0) power += (sums[b]! * sums[b]!) / weights[b]!
  return power
}

/** The frequencies of the highest peaks. */
function topPeaks({ first, step, power }: Spectrum, count: number): readonly number[] {
  const peaks: number[] = []
  for (let k = 0; k < power.length; k++) {
    const here = power[k]!
    if (here >= (power[k - 1] ?? -1) && here > (power[k + 1] ?? -1)) peaks.push(k)
  }
  peaks.sort((a, b) => power[b]! - power[a]!)
  return peaks.slice(0, count).map(k => first + k * step)
}

/** The peaks, their halves, doubles and thirds. */
function candidates(peaks: readonly number[], { low, high }: Range, baseline: number): readonly number[] {
  const all = peaks.flatMap(f => [f, f / 2, 2 * f, f / 3])
  return distinct(
    all.filter(f => f >= 1 / high && f <= 1 / low),
    baseline,
  )
}

function distinct(frequencies: readonly number[], baseline: number): readonly number[] {
  const kept: number[] = []
  for (const f of frequencies) if (!kept.some(other => Math.abs(other - f) * baseline < 0.3)) kept.push(f)
  return kept
}

/** The best fold in phase bins near a frequency. */
function bestFold(scaled: Scaled, near: number, baseline: number): { frequency: number; power: number } {
  const { time, y, weight } = scaled
  const sums = new Float64Array(BINS)
  const weights = new Float64Array(BINS)
  let best = { frequency: near, power: -1 }
  for (let k = -10; k <= 10; k++) {
    const frequency = near + (0.06 * k) / baseline
    sums.fill(0)
    weights.fill(0)
    for (let i = 0; i < time.length; i++) {
      const turns = (time[i]! - time[0]!) * frequency
      const bin = Math.floor((turns - Math.floor(turns)) * BINS)
      sums[bin]! += y[i]! * weight[i]!
      weights[bin]! += weight[i]!
    }
    const power = between(sums, weights)
    if (power > best.power) best = { frequency, power }
  }
  return best
}

interface Fit {
  readonly frequency: number
  readonly chi2: number
  /** Of the frequency. */
  readonly error: number
}

/** The least χ² of the Fourier series near a frequency: a scan as fine as its highest harmonic, then a parabola. */
function refine(scaled: Scaled, near: number, baseline: number, harmonics = HARMONICS): Fit {
  const fine = 0.25 / (harmonics * baseline)
  let at = near
  let least = seriesChi2(scaled, near, harmonics)
  for (let k = 1; k <= 16; k++) {
    for (const f of [near - k * fine, near + k * fine]) {
      const chi2 = seriesChi2(scaled, f, harmonics)
      if (chi2 < least) {
        least = chi2
        at = f
      }
    }
  }
  let step = fine / 2
  let curvature = 0
  for (let round = 0; round < 7; round++) {
    const below = seriesChi2(scaled, at - step, harmonics)
    const above = seriesChi2(scaled, at + step, harmonics)
    const bend = below - 2 * least + above
    if (!(bend > 0)) break
    curvature = bend / (step * step)
    const shift = (0.5 * step * (below - above)) / bend
    const moved = seriesChi2(scaled, at + Math.max(-step, Math.min(step, shift)), harmonics)
    if (moved < least) {
      least = moved
      at += Math.max(-step, Math.min(step, shift))
    }
    step /= 3
  }
  const freedom = Math.max(1, scaled.time.length - 2 * harmonics - 2)
  return { frequency: at, chi2: least, error: Math.sqrt((2 * least) / freedom / curvature) }
}

interface Candidate {
  readonly frequency: number
  readonly harmonics: number
  readonly criterion: number
}

const better = (a: Candidate, b: Candidate) => (b.criterion < a.criterion ? b : a)

/** The best frequency near one, with as many harmonics as the points are worth there. */
function fitNear(scaled: Scaled, near: number, baseline: number): Candidate {
  const { frequency } = refine(scaled, near, baseline)
  const { looks } = scaled
  return CHOICE.filter(harmonics => harmonics === 1 || 10 * harmonics < looks)
    .map(harmonics => {
      const chi2 = seriesChi2(scaled, frequency, harmonics)
      return { frequency, harmonics, criterion: looks * Math.log(chi2) + 2 * harmonics * Math.log(looks) }
    })
    .reduce(better)
}

/** Differences of the criterion beyond this are very strong evidence (Kass & Raftery 1995, JASA 90, 773). */
const DECIDED = 10

/** χ² of the best Fourier series with a constant, by its normal equations (Cholesky, with a touch of damping). */
function seriesChi2({ time, y, weight, total }: Scaled, frequency: number, harmonics: number): number {
  const size = 2 * harmonics + 1
  const matrix = new Float64Array(size * size)
  const right = new Float64Array(size)
  const row = new Float64Array(size)
  row[0] = 1
  for (let i = 0; i < time.length; i++) {
    const angle = 2 * Math.PI * frequency * (time[i]! - time[0]!)
    const cos = Math.cos(angle)
    const sin = Math.sin(angle)
    let c = 1
    let s = 0
    for (let h = 1; h <= harmonics; h++) {
      const next = c * cos - s * sin
      s = s * cos + c * sin
      c = next
      row[2 * h - 1] = c
      row[2 * h] = s
    }
    const w = weight[i]!
    const wy = w * y[i]!
    for (let a = 0; a < size; a++) {
      const wa = w * row[a]!
      right[a]! += wy * row[a]!
      for (let b = 0; b <= a; b++) matrix[a * size + b]! += wa * row[b]!
    }
  }
  const damping = 1e-4 * matrix[0]!
  for (let a = 1; a < size; a++) matrix[a * size + a]! += damping
  let explained = 0
  for (let a = 0; a < size; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = matrix[a * size + b]!
      for (let k = 0; k < b; k++) sum -= matrix[a * size + k]! * matrix[b * size + k]!
      matrix[a * size + b] = a === b ? Math.sqrt(Math.max(sum, 1e-300)) : sum / matrix[b * size + b]!
    }
    let z = right[a]!
    for (let k = 0; k < a; k++) z -= matrix[a * size + k]! * right[k]!
    right[a] = z / matrix[a * size + a]!
    explained += right[a]! ** 2
  }
  return total - explained
}

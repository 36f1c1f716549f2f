/** Summary statistics of a light curve, over all bands and for each. */
import type { Measurements } from './measurements.ts'

export interface Statistics {
  readonly band: string
  readonly n: number
  readonly first: number
  readonly last: number
  /** Weighted by 1/error². */
  readonly mean: number
  readonly meanError: number
  readonly median: number
  readonly min: number
  readonly max: number
  /** Half of the range from the 5th to the 95th percentile, which outliers do not change. */
  readonly amplitude: number
  /** χ² about the weighted mean, over n − 1; with several bands each about its own mean. */
  readonly chi2: number
  /** Stetson 1996, PASP 108, 851. */
  readonly stetsonJ: number
}

/** Points that are closer in time than this, in days, are one look at the star. */
const PAIR_DAYS = 1 / 24

/** Over all bands first, then band by band; bands without points are left out. `days` is a unit of time in days. */
export function statisticsOf(points: Measurements, days: number): readonly Statistics[] {
  const rows: Statistics[] = []
  const present = points.bands.map((_, b) => indexes(points, b))
  const list = present.filter(one => one.length > 0)
  if (list.length !== 1)
    rows.push(
      summary(
        points,
        'all',
        Uint32Array.from(points.band, (_, i) => i),
        list,
        days,
      ),
    )
  points.bands.forEach((name, b) => {
    if (present[b]!.length > 0) rows.push(summary(points, name, present[b]!, [present[b]!], days))
  })
  return rows
}

function indexes({ band }: Measurements, b: number): Uint32Array {
  const list: number[] = []
  for (let i = 0; i < band.length; i++) if (band[i] === b) list.push(i)
  return Uint32Array.from(list)
}

function summary(
  points: Measurements,
  band: string,
  rows: Uint32Array,
  groups: readonly Uint32Array[],
  days: number,
): Statistics {
  const { time, value } = points
  const residual = new Float64Array(time.length)
  let chi2 = 0
  let freedom = 0
  for (const group of groups) {
    const { mean } = weighted(points, group)
    const scale = Math.sqrt(group.length / Math.max(1, group.length - 1))
    for (const i of group) {
      const delta = (value[i]! - mean) / points.error[i]!
      residual[i] = scale * delta
      if (!Number.isNaN(delta)) chi2 += delta * delta
    }
    freedom += group.length - 1
  }
  const sorted = Float64Array.from(rows, i => value[i]!).sort()
  const { mean, error } = weighted(points, rows)
  return {
    band,
    n: rows.length,
    first: time[rows[0]!]!,
    last: time[rows.at(-1)!]!,
    mean,
    meanError: error,
    median: quantile(sorted, 0.5),
    min: sorted[0]!,
    max: sorted.at(-1)!,
    amplitude: (quantile(sorted, 0.95) - quantile(sorted, 0.05)) / 2,
    chi2: freedom > 0 ? chi2 / freedom : Number.NaN,
    stetsonJ: stetsonJ(rows, residual, time, PAIR_DAYS / days),
  }
}

/** Without any errors, the plain mean. */
function weighted({ value, error }: Measurements, rows: Uint32Array): { mean: number; error: number } {
  let weights = 0
  let sum = 0
  let plain = 0
  for (const i of rows) {
    plain += value[i]!
    const weight = 1 / error[i]! ** 2
    if (Number.isNaN(weight)) continue
    weights += weight
    sum += weight * value[i]!
  }
  if (weights === 0) return { mean: plain / rows.length, error: Number.NaN }
  return { mean: sum / weights, error: 1 / Math.sqrt(weights) }
}

function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!)
}

/** Pairs of points close in time count as δ₁δ₂, single points as δ² − 1 with half the weight. */
function stetsonJ(rows: Uint32Array, residual: Float64Array, time: Float64Array, pair: number): number {
  let sum = 0
  let weights = 0
  for (let k = 0; k < rows.length; k++) {
    const i = rows[k]!
    const j = rows[k + 1]
    if (Number.isNaN(residual[i]!)) continue
    const together = j !== undefined && time[j]! - time[i]! < pair && !Number.isNaN(residual[j]!)
    const p = together ? residual[i]! * residual[j]! : residual[i]! ** 2 - 1
    const weight = together ? 1 : 0.5
    sum += weight * Math.sign(p) * Math.sqrt(Math.abs(p))
    weights += weight
    if (together) k++
  }
  return weights > 0 ? sum / weights : Number.NaN
}

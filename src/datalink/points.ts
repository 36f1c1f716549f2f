/** The points of a light curve, band by band and on one scale, as periodograms take them. */

export interface Points {
  /** Days. */
  readonly time: Float64Array
  readonly value: Float64Array
  /** One standard deviation; NaN where there is none. */
  readonly error: Float64Array
  readonly band: Uint8Array
}

/** Points fewer than this have no period. */
export const LEAST_POINTS = 10

/** Points in which every band has mean 0 and spread 1, with weights to match. */
export interface Scaled {
  readonly time: Float64Array
  readonly y: Float64Array
  readonly weight: Float64Array
  /** Σ weight · y². */
  readonly total: number
  readonly bands: number
  readonly looks: number
}

export interface BandPoints {
  readonly time: Float64Array
  /** About the weighted mean. */
  readonly y: Float64Array
  /** 1/error². */
  readonly weight: Float64Array
}

/** Band by band, without those that have too few points to say anything. */
export function byBand({ time, value, error, band }: Points): readonly BandPoints[] {
  const rows = new Map<number, number[]>()
  for (let i = 0; i < time.length; i++) {
    const list = rows.get(band[i]!)
    if (list) list.push(i)
    else rows.set(band[i]!, [i])
  }
  return [...rows.values()]
    .filter(list => list.length >= 5)
    .map(list => {
      const errors = list.map(i => error[i]!).filter(e => e > 0)
      const usual = errors.sort((a, b) => a - b)[errors.length >> 1] ?? 1
      const weight = Float64Array.from(list, i => 1 / (error[i]! > 0 ? error[i]! : usual) ** 2)
      let sum = 0
      let weights = 0
      list.forEach((i, k) => {
        sum += weight[k]! * value[i]!
        weights += weight[k]!
      })
      const mean = sum / weights
      return {
        time: Float64Array.from(list, i => time[i]!),
        y: Float64Array.from(list, i => value[i]! - mean),
        weight,
      }
    })
}

export function scaledPoints(points: Points): Scaled | undefined {
  const bands = byBand(points)
  const n = bands.reduce((sum, band) => sum + band.time.length, 0)
  if (n < LEAST_POINTS) return undefined
  const all: { time: number; y: number; weight: number; band: number }[] = []
  for (const [band, { time, y, weight }] of bands.entries()) {
    let square = 0
    let weights = 0
    y.forEach((v, i) => {
      square += weight[i]! * v * v
      weights += weight[i]!
    })
    const scale = Math.sqrt(square / weights)
    if (!(scale > 0)) continue
    time.forEach((t, i) => {
      all.push({ time: t, y: y[i]! / scale, weight: weight[i]! * scale * scale, band })
    })
  }
  all.sort((a, b) => a.time - b.time)
  if (all.length < LEAST_POINTS || !(all.at(-1)!.time > all[0]!.time)) return undefined
  return {
    time: Float64Array.from(all, p => p.time),
    y: Float64Array.from(all, p => p.y),
    weight: Float64Array.from(all, p => p.weight),
    total: all.reduce((sum, p) => sum + p.weight * p.y * p.y, 0),
    bands: bands.length,
    looks: looksOf(all),
  }
}

/** Points closer in time than this, in days, are one look at the star. */
const LOOK_DAYS = 0.01

/** How many phases the points can tell apart: of one look in several bands one. */
function looksOf(points: readonly { time: number; band: number }[]): number {
  let looks = 0
  let counts = new Map<number, number>()
  points.forEach(({ time, band }, i) => {
    if (i > 0 && time - points[i - 1]!.time > LOOK_DAYS) {
      looks += Math.max(...counts.values())
      counts = new Map()
    }
    counts.set(band, (counts.get(band) ?? 0) + 1)
  })
  return looks + Math.max(...counts.values())
}

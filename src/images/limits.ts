/** Which pixel values become black and white: from percentiles, or by the zscale algorithm of IRAF's display. */

/** Pixel values; NaN where there is none. */
export type Values = Float32Array | Float64Array

export type Limits = readonly [low: number, high: number]

/** Percentiles are those of at most so many values, evenly spread: 20 ms of sorting. */
const MOST_VALUES = 2 ** 18

/**
 * Values at these percentages of the sorted ones, interpolated as numpy does; undefined when all are NaN. Taken from
 * `most` values where there are more.
 */
export function percentiles(
  values: Values,
  percents: readonly number[],
  most = MOST_VALUES,
): number[] | undefined {
  const sorted = sample(values, most)?.sort()
  return sorted && percents.map(percent => at(sorted, percent / 100))
}

/** The limits that `percent` of the values lie between, as many left out below as above. */
export function percentileLimits(values: Values, percent: number): Limits | undefined {
  const found = percentiles(values, [(100 - percent) / 2, (100 + percent) / 2])
  return found && [found[0]!, found[1]!]
}

export function minMax(values: Values): Limits | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return low <= high ? [low, high] : undefined
}

const SAMPLES = 1000
const CONTRAST = 0.25
const REJECT = 2.5
const ITERATIONS = 5

/**
 * zscale: a straight line through the sorted samples, outliers left out, shows how the values near the median spread;
 * the limits are where that line, steeper by 1 / contrast, ends. Numbers and steps are those of astropy's ZScaleInterval.
 */
export function zscale(values: Values): Limits | undefined {
  const samples = sample(values, SAMPLES)?.sort()
  if (!samples) return undefined
  const count = samples.length
  let [low, high] = [samples[0]!, samples[count - 1]!]
  const least = Math.max(5, Math.floor(count * 0.5))
  const grow = Math.max(1, Math.floor(count * 0.01))
  let bad = new Uint8Array(count)
  let [good, before, slope] = [count, count + 1, 0]
  for (let i = 0; i < ITERATIONS && good < before && good >= least; i++) {
    const line = fit(samples, bad)
    slope = line.slope
    const flat = samples.map((value, x) => value - line.slope * x - line.offset)
    const threshold = REJECT * deviation(flat, bad)
    bad = grown(
      bad.map((was, x) => (was || Math.abs(flat[x]!) > threshold ? 1 : 0)),
      grow,
    )
    before = good
    good = bad.reduce((sum, one) => sum - one, count)
  }
  if (good >= least) {
    const middle = Math.floor((count - 1) / 2)
    const median = at(samples, 0.5)
    low = Math.max(low, median - (middle - 1) * (slope / CONTRAST))
    high = Math.min(high, median + (count - middle) * (slope / CONTRAST))
  }
  return [low, high]
}

/** At most `most` of the finite values, evenly spread over the image; undefined when there are none. */
function sample(values: Values, most: number): Float64Array | undefined {
  let finite = 0
  for (const value of values) if (Number.isFinite(value)) finite++
  if (finite === 0) return undefined
  const stride = Math.max(1, Math.floor(finite / most))
  const samples = new Float64Array(Math.min(most, Math.ceil(finite / stride)))
  for (let i = 0, n = 0, taken = 0; taken < samples.length; i++) {
    const value = values[i]!
    if (Number.isFinite(value) && n++ % stride === 0) samples[taken++] = value
  }
  return samples
}

function at(sorted: Float64Array, fraction: number): number {
  const place = fraction * (sorted.length - 1)
  const below = Math.floor(place)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!)
}

/** Least squares over the samples that are not bad. */
function fit(samples: Float64Array, bad: Uint8Array): { slope: number; offset: number } {
  let [n, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0]
  const shift = samples[samples.length >> 1]!
  samples.forEach((value, x) => {
    if (bad[x]) return
    const y = value - shift
    n++
    sx += x
    sy += y
    sxx += x * x
    sxy += x * y
  })
  const slope = n > 1 ? (n * sxy - sx * sy) / (n * sxx - sx * sx) : 0
  return { slope, offset: (sy - slope * sx) / n + shift }
}

function deviation(flat: Float64Array, bad: Uint8Array): number {
  const good = flat.filter((_, x) => !bad[x])
  const mean = good.reduce((sum, value) => sum + value, 0) / good.length
  return Math.sqrt(good.reduce((sum, value) => sum + (value - mean) ** 2, 0) / good.length)
}

/** What is bad makes its neighbours bad. */
function grown(bad: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  const wide = new Uint8Array(bad.length)
  const back = width - 1 - ((width - 1) >> 1)
  bad.forEach((one, x) => {
    if (one) wide.fill(1, Math.max(0, x - (width - 1 - back)), x + back + 1)
  })
  return wide
}

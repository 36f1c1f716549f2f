/** How likely noise alone makes a peak of a periodogram as high as one that was found. */

/** Bins of the folded phase. */
export const BINS = 16

/** √(4π) times the standard deviation of the times: times the highest frequency this is Baluev's W. */
export function spread(time: Float64Array): number {
  const mean = time.reduce((sum, t) => sum + t, 0) / time.length
  const variance = time.reduce((sum, t) => sum + (t - mean) ** 2, 0) / time.length
  return Math.sqrt(4 * Math.PI * variance)
}

/**
 * Probability that noise has a peak of `power` or more: Baluev 2008, eq. 5 with the rate of his table 1 for the power
 * normalised by χ² about the mean, with `freedom` parameters of the signal in place of 2 (Rice's rate of a χ² process).
 */
export function baluev(power: number, n: number, freedom: number, means: number, w: number): number {
  const left = n - means - freedom
  if (left < 1) return 1
  const z = ((n - means) * power) / 2
  const single = upperBeta(power, freedom / 2, left / 2)
  const logRate =
    Math.log(w) +
    ((freedom - 1) / 2) * Math.log(Math.max(z, 1e-9)) -
    logGamma(freedom / 2) +
    ((left - 1) / 2) * Math.log1p(-Math.min(power, 1 - 1e-15))
  return 1 - (1 - single) * Math.exp(-Math.exp(Math.min(logRate, 50)))
}

/** The highest of so many independent shares of variance between phase bins. */
export function binsFalseAlarm(power: number, n: number, bands: number, frequencies: number): number {
  const left = n - bands - BINS + 1
  if (left < 1) return 1
  return Math.min(1, frequencies * upperBeta(power, (BINS - 1) / 2, left / 2))
}

/** P(X > x) of a Beta(a, b) variable: the regularised incomplete beta function 1 − I_x(a, b), by its continued fraction. */
function upperBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 1
  if (x >= 1) return 0
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  return x > (a + 1) / (a + b + 2)
    ? (front * betaFraction(1 - x, b, a)) / b
    : 1 - (front * betaFraction(x, a, b)) / a
}

/** Lentz's method (Numerical Recipes §6.4). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  let c = 1
  let d = 1 - ((a + b) * x) / (a + 1)
  d = 1 / (Math.abs(d) < tiny ? tiny : d)
  let result = d
  for (let m = 1; m < 500; m++) {
    for (const factor of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 + factor * d
      d = 1 / (Math.abs(d) < tiny ? tiny : d)
      c = 1 + factor / c
      if (Math.abs(c) < tiny) c = tiny
      result *= d * c
    }
    if (Math.abs(d * c - 1) < 1e-12) break
  }
  return result
}

const LANCZOS = [
  76.18009172947146, -86.5053203294168, 24.01409824083091, -1.231739572450155, 1.208650973866179e-3,
  -0.5395239384953e-5,
]

/** Lanczos' approximation, to 2e-10 (Numerical Recipes §6.1). */
function logGamma(x: number): number {
  let sum = 1.000000000190015
  LANCZOS.forEach((term, i) => {
    sum += term / (x + 1 + i)
  })
  const t = x + 5.5
  return (x + 0.5) * Math.log(t) - t + Math.log((2.506628274631 * sum) / x)
}

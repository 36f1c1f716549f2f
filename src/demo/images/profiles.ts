/**
 * Light profiles. Stars are Moffat functions with β = 3. Galaxies are exponential and de Vaucouleurs profiles as
 * mixtures of Gaussians (Hogg & Lang 2013, PASP 125, 719, tables 1 and 2, the innermost put together), convolved with
 * the same Moffat function as a mixture of three.
 */

export interface Gaussian {
  readonly share: number
  /** Variance in units of the square of the half-light radius (galaxies) or of the FWHM (point spread function). */
  readonly variance: number
}

const gaussians = (pairs: readonly (readonly [number, number])[]): readonly Gaussian[] => {
  const total = pairs.reduce((sum, [share]) => sum + share, 0)
  return pairs.map(([share, variance]) => ({ share: share / total, variance }))
}

export const EXPONENTIAL = gaussians([
  [0.0218, 0.0353],
  [0.1002, 0.13998],
  [0.3685, 0.46096],
  [0.5095, 1.5016],
])

export const DE_VAUCOULEURS = gaussians([
  [0.0459, 0.0032],
  [0.0719, 0.016943],
  [0.1343, 0.068485],
  [0.2114, 0.287207],
  [0.271, 1.333203],
  [0.2656, 8.40215],
])

/** Least-squares fit to a Moffat function with β = 3 out to 6 FWHM, within 0.1 % of its peak. */
export const POINT = gaussians([
  [0.2345, 0.11165],
  [0.5652, 0.30166],
  [0.2003, 1.14487],
])

/** Radius α of a Moffat function with β = 3 whose FWHM is 1. */
const CORE = 1 / (2 * Math.sqrt(2 ** (1 / 3) - 1))

/** Flux per pixel of a star of flux 1, by the square of the distance in pixels. */
export function moffat(fwhm: number): (square: number) => number {
  const core = (CORE * fwhm) ** 2
  const peak = 2 / (Math.PI * core)
  return square => {
    const t = 1 / (1 + square / core)
    return peak * t * t * t
  }
}

/** Distance at which a star of this flux falls below `faintest` per pixel. */
export function moffatReach(fwhm: number, flux: number, faintest: number): number {
  const core = CORE * fwhm
  return core * ((2 * flux) / (Math.PI * core * core * faintest)) ** (1 / 6)
}

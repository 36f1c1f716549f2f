/** The five bands of the demo survey, their filters, and how deep one visit goes. */

export const BANDS = ['g', 'r', 'i', 'z', 'y'] as const
export type Band = (typeof BANDS)[number]

/** One value a band, in the order of BANDS. */
export type PerBand = readonly [g: number, r: number, i: number, z: number, y: number]

export const R = 1
export const I = 2

/** Lower and upper edge of the filters as top hats, in nm. */
export const FILTERS: readonly (readonly [number, number])[] = [
  [402, 550],
  [552, 691],
  [691, 818],
  [818, 923],
  [923, 1050],
]

/** Length of a visit, in seconds. */
export const EXPOSURE_SECONDS = 30

/**
 * What goes into the depth of a visit (Ivezić et al. 2019, ApJ 873, 111, table 2 and eq. 6): the magnitude constant,
 * dark sky in mag/arcsec², FWHM of a point source at the zenith in arcsec, extinction in mag per airmass.
 */
export const DEPTH = {
  constant: [24.42, 24.44, 24.32, 24.16, 23.73],
  darkSky: [22.26, 21.2, 20.48, 19.6, 18.61],
  fwhm: [0.87, 0.83, 0.8, 0.78, 0.76],
  extinction: [0.163, 0.101, 0.079, 0.065, 0.096],
  /** How many magnitudes the full moon brightens the sky. */
  moonlight: [2.6, 1.9, 1.2, 0.7, 0.3],
} as const satisfies Record<string, PerBand>

/** 5σ depth of a point source in one visit, in mag. */
export function visitDepth(band: number, fwhm: number, skyBrightening: number, airmass: number): number {
  const sky = DEPTH.darkSky[band]! - skyBrightening
  return (
    DEPTH.constant[band]! +
    0.5 * (sky - 21) +
    2.5 * Math.log10(0.7 / fwhm) -
    DEPTH.extinction[band]! * (airmass - 1)
  )
}

/** AB magnitude to nJy: 3631 Jy is magnitude 0 (Oke & Gunn 1983). */
export function nanojansky(magnitude: number): number {
  return 3631e9 * 10 ** (-0.4 * magnitude)
}

/**
 * Variance of a point source's flux in one visit, in nJy² (Ivezić et al. 2019, eq. 5 with γ = 0.039, in flux): photons
 * of the source, of the sky, and what the calibration cannot do better than.
 */
export function fluxVariance(flux: number, fiveSigmaFlux: number): number {
  const calibration = CALIBRATION_ERROR * flux
  return (
    0.001 * fiveSigmaFlux * Math.abs(flux) + 0.039 * fiveSigmaFlux * fiveSigmaFlux + calibration * calibration
  )
}

/** Repeatability of the calibration, relative. */
export const CALIBRATION_ERROR = 0.004

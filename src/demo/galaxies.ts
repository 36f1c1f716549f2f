/**
 * Galaxies: spectra of an elliptical and a star-forming template, seen at a redshift through the five filters, and how
 * many there are of which brightness, redshift, type and size.
 */
import { BANDS, FILTERS, I, type PerBand } from './bands.ts'
import type { Random } from './random.ts'
import { countsMagnitude, FAINT_LIMIT } from './stars.ts'

/** Wavelength in nm and AB magnitude relative to 550 nm, after Coleman, Wu & Weedman 1980 (E and Im). */
type Spectrum = readonly (readonly [nm: number, mag: number])[]

const ELLIPTICAL: Spectrum = [
  [91, 9.0],
  [122, 6.6],
  [200, 5.6],
  [250, 4.7],
  [290, 3.5],
  [330, 2.75],
  [385, 2.35],
  [402, 1.45],
  [440, 0.88],
  [480, 0.42],
  [520, 0.16],
  [550, 0.0],
  [620, -0.32],
  [700, -0.56],
  [800, -0.78],
  [900, -0.94],
  [1050, -1.12],
]

const STAR_FORMING: Spectrum = [
  [91, 1.4],
  [122, 0.85],
  [150, 0.72],
  [200, 0.7],
  [250, 0.68],
  [300, 0.6],
  [360, 0.5],
  [385, 0.26],
  [420, 0.16],
  [480, 0.06],
  [550, 0.0],
  [650, -0.07],
  [800, -0.16],
  [1050, -0.26],
]

/** Flux density (f_ν) of a template at a rest wavelength, with hydrogen's absorption below Lyman α (z counts). */
function fluxDensity(spectrum: Spectrum, nm: number, z: number): number {
  if (nm < 91.2) return 1e-6
  let k = 0
  while (k < spectrum.length - 2 && spectrum[k + 1]![0] < nm) k++
  const [below, above] = [spectrum[k]!, spectrum[k + 1]!]
  const part = Math.log(nm / below[0]) / Math.log(above[0] / below[0])
  const forest = nm < 121.6 ? 0.0036 * (1 + z) ** 3.46 : 0
  return 10 ** (-0.4 * (below[1] + part * (above[1] - below[1]))) * Math.exp(-forest)
}

const Z_STEP = 0.02
const Z_MAX = 4

/** Per redshift step and band: the mean flux density of a template that has 1 at 550 nm. */
function photometry(spectrum: Spectrum): Float64Array {
  const steps = Math.round(Z_MAX / Z_STEP) + 1
  const table = new Float64Array(steps * BANDS.length)
  for (let step = 0; step < steps; step++) {
    const z = step * Z_STEP
    FILTERS.forEach(([short, long], band) => {
      const samples = 24
      let sum = 0
      for (let n = 0; n < samples; n++) {
        const nm = short * (long / short) ** ((n + 0.5) / samples)
        sum += fluxDensity(spectrum, nm / (1 + z), z)
      }
      table[step * BANDS.length + band] = sum / samples
    })
  }
  return table
}

const ELLIPTICAL_FLUX = photometry(ELLIPTICAL)
const STAR_FORMING_FLUX = photometry(STAR_FORMING)

/** Magnitudes of a galaxy with this i magnitude; `youth` is the star-forming share of its light at 550 nm. */
export function galaxyMagnitudes(
  i: number,
  z: number,
  youth: number,
): [number, number, number, number, number] {
  const at = Math.min(z, Z_MAX - Z_STEP) / Z_STEP
  const row = Math.floor(at) * BANDS.length
  const part = at - Math.floor(at)
  const mags: [number, number, number, number, number] = [0, 0, 0, 0, 0]
  for (let band = 0; band < mags.length; band++) {
    const old = ELLIPTICAL_FLUX[row + band]! * (1 - part) + ELLIPTICAL_FLUX[row + BANDS.length + band]! * part
    const young =
      STAR_FORMING_FLUX[row + band]! * (1 - part) + STAR_FORMING_FLUX[row + BANDS.length + band]! * part
    mags[band] = -2.5 * Math.log10((1 - youth) * old + youth * young)
  }
  const shift = i - mags[I]
  for (let band = 0; band < mags.length; band++) mags[band]! += shift
  return mags
}

export interface Galaxy {
  readonly mags: PerBand
  readonly redshift: number
  /** Star-forming share of the light, 0 (elliptical) … 1. */
  readonly youth: number
  /** Half-light radius along the major axis, in arcsec. */
  readonly radius: number
  readonly axisRatio: number
  /** Position angle of the major axis, north through east, in degrees. */
  readonly positionAngle: number
}

/** Of the field, log10 N per mag; with the members of clusters 0.36 comes out, as deep surveys find it. */
const SLOPE = 0.38
const BRIGHT_LIMIT = 15.5

/** A galaxy of the field: n(z) ∝ z² exp(−z/z₀) with z₀ = 0.0417 i − 0.744 (LSST Science Book, §3.7). */
export function drawFieldGalaxy(random: Random): Galaxy {
  const i = countsMagnitude(random, SLOPE, BRIGHT_LIMIT)
  const scale = Math.max(0.03, 0.0417 * i - 0.744)
  const z = -scale * Math.log(random.uniform() * random.uniform() * random.uniform())
  const redShare = Math.max(0.08, Math.min(0.45, 0.45 - 0.055 * (i - 18)))
  const red = random.uniform() < redShare
  const youth = red ? Math.abs(0.02 * random.normal()) : 0.12 + 0.88 * Math.sqrt(random.uniform())
  return galaxy(random, i, z, Math.min(1, youth))
}

/** A member of a cluster at redshift z: Schechter magnitudes (α = −1.25) below m*, three quarters of them red. */
export function drawClusterGalaxy(random: Random, z: number): Galaxy {
  const star = 20.3 + 5 * Math.log10(z / 0.45) + 0.9 * (z - 0.45)
  const i = Math.min(FAINT_LIMIT, star + schechter(random, FAINT_LIMIT - star))
  const youth = random.uniform() < 0.75 ? Math.abs(0.015 * random.normal()) : 0.1 + 0.9 * random.uniform()
  return galaxy(random, i, z + 0.003 * (1 + z) * random.normal(), youth)
}

/** Magnitudes fainter than m*, up to a limit: luminosities x with density x^−1.25 exp(−x), by rejection. */
function schechter(random: Random, faintest: number): number {
  const least = 10 ** (-0.4 * faintest)
  for (;;) {
    const x = least * (8 / least) ** random.uniform()
    if (random.uniform() < Math.exp(least - x) * (least / x) ** 0.25) return -2.5 * Math.log10(x)
  }
}

function galaxy(random: Random, i: number, z: number, youth: number): Galaxy {
  const mags = galaxyMagnitudes(i, Math.max(0.005, z), youth)
  for (let band = 0; band < mags.length; band++) {
    if (band !== I) mags[band]! += 0.03 * random.normal()
  }
  // Nearby galaxies are larger for their brightness than the faint ones' relation says (Shen et al. 2003, MNRAS 343, 978).
  const radius = 10 ** (-0.33 - 0.09 * (i - 23) + 0.06 * Math.max(0, 21 - i) + 0.17 * random.normal())
  const axisRatio = youth < 0.1 ? random.between(0.55, 1) : random.between(0.2, 1)
  return { mags, redshift: z, youth, radius, axisRatio, positionAngle: random.between(0, 180) }
}

/** Share of a galaxy's light that a fit of the point-spread function finds, both taken as Gaussians. */
export function pointShare(radius: number, axisRatio: number, fwhm: number): number {
  const psf = (fwhm / 2.355) ** 2
  const size = (radius * Math.sqrt(axisRatio)) / 1.18
  return (2 * psf) / (2 * psf + size * size)
}

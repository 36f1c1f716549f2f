/** Draws stars and galaxies into the planes of a patch, one plane a band, all with the same point spread function. */
import { createRandom, STREAM } from '../random.ts'
import { PIXEL, SEEING } from './plan.ts'
import { DE_VAUCOULEURS, EXPONENTIAL, type Gaussian, moffat, moffatReach, POINT } from './profiles.ts'

export interface Planes {
  readonly size: number
  /** nJy per pixel; row by row from the south, each from the east. */
  readonly bands: readonly Float32Array[]
  /** Surface brightness in nJy per pixel that does not matter any more. */
  readonly faintest: number
}

export interface Source {
  /** Pixel in the patch, 0-based. */
  readonly x: number
  readonly y: number
  /** nJy, one for each plane. */
  readonly fluxes: readonly number[]
  readonly galaxy?:
    | {
        /** Half-light radius along the major axis, in arcsec. */
        readonly radius: number
        readonly axisRatio: number
        /** Degrees, north through east. */
        readonly positionAngle: number
        readonly youth: number
      }
    | undefined
  /** Of the object: for what is drawn by lot. */
  readonly cell: number
  readonly n: number
}

const FWHM = SEEING / PIXEL
const star = moffat(FWHM)
/** Pixels around a star's centre in which its profile is averaged, and samples along a side of one. */
const CORE = 3
const SAMPLES = 4

/** Flux from which a star has spikes of diffraction (17.9 mag); the share of its light that they have in the end. */
const SPIKES_FROM = 2.5e5
const SPIKES = 0.02

const spikesOf = (flux: number) => SPIKES * Math.min(1, Math.max(0, 0.15 * (flux / SPIKES_FROM - 1)))

export function draw(planes: Planes, source: Source): void {
  if (source.galaxy) drawGalaxy(planes, source, source.galaxy)
  else drawStar(planes, source)
}

function drawStar({ size, bands, faintest }: Planes, { x, y, fluxes }: Source): void {
  const brightest = Math.max(...fluxes)
  const spikes = spikesOf(brightest)
  const reach = Math.max(CORE + 1, Math.ceil(moffatReach(FWHM, brightest, faintest)))
  const round = 1 - spikes
  eachPixel(size, x, y, reach, (at, dx, dy) => {
    const square = dx * dx + dy * dy
    const light = square < CORE * CORE ? averaged(dx, dy) : star(square)
    for (let b = 0; b < bands.length; b++) bands[b]![at]! += fluxes[b]! * round * light
  })
  if (spikes > 0) drawSpikes({ size, bands, faintest }, x, y, fluxes, spikes)
}

function averaged(dx: number, dy: number): number {
  let sum = 0
  for (let j = 0; j < SAMPLES; j++) {
    const v = dy + (j + 0.5) / SAMPLES - 0.5
    for (let i = 0; i < SAMPLES; i++) {
      const u = dx + (i + 0.5) / SAMPLES - 0.5
      sum += star(u * u + v * v)
    }
  }
  return sum / (SAMPLES * SAMPLES)
}

/** Four thin arms of light along rows and columns. */
function drawSpikes(
  { size, bands, faintest }: Planes,
  x: number,
  y: number,
  fluxes: readonly number[],
  share: number,
): void {
  const length = 5 * (Math.max(...fluxes) / SPIKES_FROM) ** 0.25
  const width = 0.6
  const reach = Math.ceil(length * Math.log((share * Math.max(...fluxes)) / faintest))
  const thin = (d: number) => Math.exp(-0.5 * (d / width) ** 2) / (width * Math.sqrt(2 * Math.PI))
  const along = (d: number) => Math.exp(-Math.abs(d) / length) / (4 * length)
  const add = (at: number, dx: number, dy: number) => {
    const light = share * (thin(dy) * along(dx) + thin(dx) * along(dy))
    for (let b = 0; b < bands.length; b++) bands[b]![at]! += fluxes[b]! * light
  }
  box(size, x, y, reach, 3, add)
  box(size, x, y, 3, reach, (at, dx, dy) => {
    if (Math.abs(dx) > reach || Math.abs(dy) > 3) add(at, dx, dy)
  })
}

/** Of the light of a galaxy that is not red: the share of its bulge in g, r, i, and how strong its arms are. */
const BULGE = [0.5, 0.8, 1]
const ARMS = [0.75, 0.6, 0.5]

function drawGalaxy(
  planes: Planes,
  { x, y, fluxes, cell, n }: Source,
  { radius, axisRatio, positionAngle, youth }: NonNullable<Source['galaxy']>,
): void {
  const size = radius / PIXEL
  if (youth < 0.1) {
    drawMixture(planes, x, y, fluxes, { profile: DE_VAUCOULEURS, size, axisRatio, positionAngle })
    return
  }
  const random = createRandom(cell)
  random.seek(STREAM.image, cell, n)
  const bulge = (0.06 + 0.3 * (1 - youth)) * random.between(0.5, 1.2)
  const inner = fluxes.map((flux, b) => flux * bulge * BULGE[b]!)
  const outer = fluxes.map((flux, b) => flux - inner[b]!)
  const arms =
    size > 1.8
      ? {
          phase: random.between(0, 2 * Math.PI),
          pitch: random.between(0.25, 0.5) * (random.uniform() < 0.5 ? -1 : 1),
        }
      : undefined
  drawMixture(planes, x, y, outer, { profile: EXPONENTIAL, size, axisRatio, positionAngle, arms })
  const rounder = 1 - 0.4 * (1 - axisRatio)
  drawMixture(planes, x, y, inner, {
    profile: DE_VAUCOULEURS,
    size: 0.35 * size,
    axisRatio: rounder,
    positionAngle,
  })
}

interface Mixture {
  readonly profile: readonly Gaussian[]
  /** Half-light radius along the major axis in pixels. */
  readonly size: number
  readonly axisRatio: number
  readonly positionAngle: number
  readonly arms?: { readonly phase: number; readonly pitch: number } | undefined
}

/** A convolved Gaussian: peak for a flux of 1, and half of the inverse of its covariance. */
interface Term {
  readonly peak: number
  readonly xx: number
  readonly xy: number
  readonly yy: number
  /** Largest variance. */
  readonly longest: number
}

function drawMixture(
  { size, bands, faintest }: Planes,
  x: number,
  y: number,
  fluxes: readonly number[],
  mixture: Mixture,
): void {
  const angle = (mixture.positionAngle * Math.PI) / 180
  // North is up and east is left.
  const [ax, ay] = [-Math.sin(angle), Math.cos(angle)]
  const terms = mixture.profile.flatMap(part => POINT.map(point => term(part, point, mixture, ax, ay)))
  const brightest = Math.max(...fluxes)
  if (!(brightest > 0)) return
  const reach = reachOf(terms, faintest / brightest)
  const arms = mixture.arms && armsOf(mixture, mixture.arms, ax, ay)
  eachPixel(size, x, y, reach, (at, dx, dy) => {
    let light = 0
    for (const { peak, xx, xy, yy } of terms) {
      const exponent = dx * dx * xx + 2 * dx * dy * xy + dy * dy * yy
      if (exponent < 16) light += peak * Math.exp(-exponent)
    }
    if (light * brightest < 0.1 * faintest) return
    const wave = arms ? arms(dx, dy) : 0
    for (let b = 0; b < bands.length; b++) bands[b]![at]! += fluxes[b]! * light * (1 + ARMS[b]! * wave)
  })
}

function term(part: Gaussian, point: Gaussian, { size, axisRatio }: Mixture, ax: number, ay: number): Term {
  // A pixel is a box, whose variance is 1/12.
  const blur = point.variance * FWHM * FWHM + 1 / 12
  const major = part.variance * size * size + blur
  const minor = part.variance * size * size * axisRatio * axisRatio + blur
  return {
    peak: (part.share * point.share) / (2 * Math.PI * Math.sqrt(major * minor)),
    xx: 0.5 * ((ax * ax) / major + (ay * ay) / minor),
    xy: 0.5 * ax * ay * (1 / major - 1 / minor),
    yy: 0.5 * ((ay * ay) / major + (ax * ax) / minor),
    longest: major,
  }
}

/** Distance along the major axis at which all terms together are below `faintest`. */
function reachOf(terms: readonly Term[], faintest: number): number {
  const light = (r: number) =>
    terms.reduce((sum, { peak, longest }) => sum + peak * Math.exp((-0.5 * r * r) / longest), 0)
  let reach = 3
  while (light(reach) > faintest) reach *= 1.25
  return Math.ceil(reach)
}

/** Two logarithmic spiral arms: −1 … 1, of mean 0 along every ellipse, so that the flux stays. */
function armsOf(
  { size, axisRatio }: Mixture,
  { phase, pitch }: NonNullable<Mixture['arms']>,
  ax: number,
  ay: number,
): (dx: number, dy: number) => number {
  return (dx, dy) => {
    const u = dx * ax + dy * ay
    const v = (dy * ax - dx * ay) / axisRatio
    const r = Math.hypot(u, v) / size
    if (r === 0) return 0
    const strength = (r * r) / (r * r + 0.25)
    return strength * Math.cos(2 * Math.atan2(v, u) - (2 * Math.log(r)) / pitch + phase)
  }
}

type Add = (at: number, dx: number, dy: number) => void

function eachPixel(size: number, x: number, y: number, reach: number, add: Add): void {
  const limit = (reach + 0.5) ** 2
  box(size, x, y, reach, reach, (at, dx, dy) => {
    if (dx * dx + dy * dy <= limit) add(at, dx, dy)
  })
}

/** The pixels of a patch within so many pixels of a place. */
function box(size: number, x: number, y: number, reachX: number, reachY: number, add: Add): void {
  const [west, east] = [Math.max(0, Math.ceil(x - reachX)), Math.min(size - 1, Math.floor(x + reachX))]
  const [low, high] = [Math.max(0, Math.ceil(y - reachY)), Math.min(size - 1, Math.floor(y + reachY))]
  for (let row = low; row <= high; row++) {
    for (let column = west; column <= east; column++) add(row * size + column, column - x, row - y)
  }
}

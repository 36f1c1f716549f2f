/** The spectral axis of a cube (WCS Paper III, table 1): the wavelength of a pixel along it, in metres in vacuum. */
import { fitsError, type Header, numberOf, textOf } from '../fits/header.ts'
import type { FitsImage } from '../fits/image.ts'

export interface SpectralAxis {
  /** Of the image's axes, from 0. */
  readonly axis: number
  /** Undefined for pixels at which there is no wavelength. Pixels count from 0. */
  wavelengthOf(pixel: number): number | undefined
}

export const LIGHT = 299_792_458
/** h c in J m, and the elementary charge. */
const PLANCK_LIGHT = 1.986_445_857e-25
export const CHARGE = 1.602_176_634e-19

const PREFIXES: Readonly<Record<string, number>> = {
  '': 1,
  T: 1e12,
  G: 1e9,
  M: 1e6,
  k: 1e3,
  c: 1e-2,
  m: 1e-3,
  u: 1e-6,
  n: 1e-9,
}
const NAMED: Readonly<Record<string, number>> = {
  angstrom: 1e-10,
  a: 1e-10,
  micron: 1e-6,
  microns: 1e-6,
  '1/m': 1,
  'm-1': 1,
  '1/cm': 100,
  'cm-1': 100,
  erg: 1e-7,
}

/** What one of the unit is in SI. */
function siOf(unit: string): number | undefined {
  const named = NAMED[unit.toLowerCase()]
  if (named !== undefined) return named
  const match = /^([TGMkcmun]?)(Hz|HZ|hz|m\/s|M\/S|m s-1|m|eV|J)$/.exec(unit)
  if (!match) return undefined
  return PREFIXES[match[1]!]! * (match[2] === 'eV' ? CHARGE : 1)
}

/** Undefined when the image has none, or one of a single pixel; throws where it has one that cannot be read. */
export function spectralAxis({ header, shape }: FitsImage): SpectralAxis | undefined {
  for (let axis = 0; axis < shape.length; axis++) {
    const ctype = textOf(header, `CTYPE${axis + 1}`)?.toUpperCase() ?? ''
    if (shape[axis] === 1 || !KNOWN.test(ctype)) continue
    return { axis, wavelengthOf: wavelengths(header, axis + 1, ctype) }
  }
  return undefined
}

const KNOWN = /^(FREQ|WAVE|LAMB|AWAV|ENER|WAVN|VRAD|VELO|VOPT|FELO|ZOPT)/

function wavelengths(header: Header, n: number, ctype: string): SpectralAxis['wavelengthOf'] {
  const refuse = (why: string) => fitsError(header.title, `axis ${n} (${ctype.trim()}) ${why}`)
  if (/^.{4}-(LOG|TAB|GRI|GRA|[A-Z]2[A-Z])/.test(ctype) && !/^.{4}-LOG/.test(ctype))
    throw refuse('is not linear, and cannot be selected by BAND')
  const unit = (textOf(header, `CUNIT${n}`) ?? '').trim()
  const scale = unit === '' ? 1 : siOf(unit)
  if (scale === undefined) throw refuse(`has the unit '${unit}', which is not known`)
  const value = (numberOf(header, `CRVAL${n}`) ?? 0) * scale
  const own = numberOf(header, `CD${n}_${n}`)
  const step = (own ?? (numberOf(header, `CDELT${n}`) ?? 1) * (numberOf(header, `PC${n}_${n}`) ?? 1)) * scale
  const reference = (numberOf(header, `CRPIX${n}`) ?? 0) - 1
  const restWave = numberOf(header, 'RESTWAV')
  const rest =
    numberOf(header, 'RESTFRQ') ?? numberOf(header, 'RESTFREQ') ?? (restWave ? LIGHT / restWave : 0)
  const wavelength = wavelengthFrom(ctype.slice(0, 4), rest)
  if (!wavelength) throw refuse('is a velocity, but RESTFRQ and RESTWAV are missing')
  const log = ctype.slice(4, 8) === '-LOG'
  return pixel => {
    const along = (pixel - reference) * step
    const metres = wavelength(log ? value * Math.exp(along / value) : value + along)
    return metres > 0 && Number.isFinite(metres) ? metres : undefined
  }
}

/**
 * Wavelength of a value in SI, by the first four letters of CTYPE; undefined for other axes, and for velocities without a
 * rest frequency (0).
 */
export function wavelengthFrom(type: string, rest: number): ((value: number) => number) | undefined {
  switch (type) {
    case 'FREQ':
      return frequency => LIGHT / frequency
    case 'WAVE':
    case 'LAMB':
      return metres => metres
    case 'AWAV':
      return airToVacuum
    case 'ENER':
      return joules => PLANCK_LIGHT / joules
    case 'WAVN':
      return waves => 1 / waves
    case 'VRAD':
      return rest > 0 ? v => LIGHT / (rest * (1 - v / LIGHT)) : undefined
    case 'ZOPT':
      return rest > 0 ? z => (LIGHT / rest) * (1 + z) : undefined
    case 'VELO':
    case 'VOPT':
    case 'FELO':
      return rest > 0 ? v => (LIGHT / rest) * (1 + v / LIGHT) : undefined
    default:
      return undefined
  }
}

/** Refraction of air as WCS Paper III §8.2 gives it. */
function airToVacuum(air: number): number {
  const k = (1e-6 / air) ** 2
  return air * (1 + 1e-6 * (287.6155 + 1.62887 * k + 0.0136 * k * k))
}

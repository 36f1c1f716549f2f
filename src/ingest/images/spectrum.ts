/** Wavelengths that a header tells by itself: a spectral axis, FREQ and BANDWID, PHOTPLAM … In metres, in vacuum. */
import { numberOf } from '../../fits/header.ts'
import type { FitsImage } from '../../fits/image.ts'
import { CHARGE, LIGHT, wavelengthFrom } from '../../images/spectral-axis.ts'
import type { CardValues } from './card-values.ts'

export interface Spectrum {
  readonly emMin: number
  readonly emMax: number
  /** Samples along the spectral axis. */
  readonly emXel: number
  /** λ/Δλ of a sample, for axes of several. */
  readonly emResPower?: number | undefined
}

const UNITS: Readonly<Record<string, number>> = {
  hz: 1,
  khz: 1e3,
  mhz: 1e6,
  ghz: 1e9,
  thz: 1e12,
  m: 1,
  cm: 1e-2,
  mm: 1e-3,
  um: 1e-6,
  micron: 1e-6,
  microns: 1e-6,
  micrometer: 1e-6,
  nm: 1e-9,
  angstrom: 1e-10,
  a: 1e-10,
  ev: CHARGE,
  kev: 1e3 * CHARGE,
  mev: 1e6 * CHARGE,
  j: 1,
  erg: 1e-7,
  'm/s': 1,
  'm s-1': 1,
  'km/s': 1e3,
  'km s-1': 1e3,
  '1/m': 1,
  'm-1': 1,
  '1/cm': 1e2,
  'cm-1': 1e2,
}

export function spectrumOf(image: FitsImage, cards: CardValues): Spectrum | undefined {
  return spectralAxis(image, cards) ?? radioBand(cards) ?? photometricBand(cards)
}

/** The first spectral axis of the image; of one pixel, too: a map at a frequency. */
function spectralAxis({ header, shape }: FitsImage, cards: CardValues): Spectrum | undefined {
  const axes = Math.max(shape.length, cards.number('WCSAXES') ?? 0)
  for (let axis = 3; axis <= Math.min(axes, 9); axis++) {
    const ctype = cards.text(`CTYPE${axis}`)?.toUpperCase() ?? ''
    // wcslib's RESTWAV goes with optical velocities.
    const restWave = cards.number('RESTWAV')
    const rest = positive(cards.number('RESTFRQ', 'RESTFREQ')) ?? (restWave ? LIGHT / restWave : 0)
    const wavelength = wavelengthFrom(ctype.slice(0, 4), rest)
    const value = cards.number(`CRVAL${axis}`)
    const step = cards.number(`CD${axis}_${axis}`) ?? numberOf(header, `CDELT${axis}`)
    if (!wavelength || value === undefined || step === undefined) continue
    const unit = UNITS[(cards.text(`CUNIT${axis}`) ?? defaultUnit(ctype)).toLowerCase()]
    if (unit === undefined) continue
    const reference = cards.number(`CRPIX${axis}`) ?? 0
    const count = shape[axis - 1] ?? 1
    const at = (pixel: number) => wavelength((value + (pixel - reference) * step) * unit)
    const [first, last] = [at(0.5), at(count + 0.5)]
    if (!(first > 0 && last > 0 && Number.isFinite(first) && Number.isFinite(last)) || first === last)
      continue
    const [emMin, emMax] = [Math.min(first, last), Math.max(first, last)]
    const middle = at((count + 1) / 2)
    const sample = Math.abs(at(count / 2 + 1) - at(count / 2))
    return { emMin, emMax, emXel: count, emResPower: count > 1 ? middle / sample : undefined }
  }
  return undefined
}

const defaultUnit = (ctype: string) =>
  ctype.startsWith('FREQ')
    ? 'Hz'
    : ctype.startsWith('ENER')
      ? 'J'
      : /^(VELO|VRAD|VOPT|FELO)/.test(ctype)
        ? 'm/s'
        : ctype.startsWith('WAVN')
          ? 'm-1'
          : 'm'

const positive = (value: number | undefined) => (value !== undefined && value > 0 ? value : undefined)

/** FREQ or RESTFRQ with a bandwidth; a line without one is a band of nothing, and is left out. */
function radioBand(cards: CardValues): Spectrum | undefined {
  const middle =
    quantity(cards, 'OBSFREQ') ??
    quantity(cards, 'FREQ') ??
    quantity(cards, 'RESTFRQ') ??
    quantity(cards, 'RESTFREQ')
  const width =
    quantity(cards, 'BANDWID') ??
    quantity(cards, 'BANDWIDT') ??
    quantity(cards, 'BANDWIDTH') ??
    quantity(cards, 'OBSBW')
  if (middle === undefined || middle < 1e6 || width === undefined || width >= 2 * middle) return undefined
  return { emMin: LIGHT / (middle + width / 2), emMax: LIGHT / (middle - width / 2), emXel: 1 }
}

/** In Hz: a number, or a text as in '1410 MHz'. */
function quantity(cards: CardValues, keyword: string): number | undefined {
  const number = positive(cards.number(keyword))
  const unit = /\b([kMG]?Hz)\b/i.exec(cards.comment(keyword))
  if (number !== undefined) return number * (unit ? UNITS[unit[1]!.toLowerCase()]! : 1)
  const text = /^([\d.]+(?:e[+-]?\d+)?) *([kMGT]?Hz)$/i.exec(cards.text(keyword) ?? '')
  return text ? positive(Number(text[1]) * UNITS[text[2]!.toLowerCase()]!) : undefined
}

/**
 * Hubble's pivot wavelength and RMS width of the band, in Å; √3 times the RMS width is half of a top hat. The same
 * keywords with other units (nm, µm) are told by their size.
 */
function photometricBand(cards: CardValues): Spectrum | undefined {
  const [middle, rms] = [positive(cards.number('PHOTPLAM')), positive(cards.number('PHOTBW'))]
  if (middle === undefined || rms === undefined || middle < 1000 || middle > 300_000) return undefined
  const half = Math.sqrt(3) * rms
  if (half >= middle) return undefined
  return { emMin: (middle - half) * 1e-10, emMax: (middle + half) * 1e-10, emXel: 1 }
}

/** What ObsCore says about an image, from its header and that of its file (ObsCore 1.1 §4). */
import type { Header } from '../../fits/header.ts'
import type { FitsImage } from '../../fits/image.ts'
import type { CelestialWcs } from '../../fits/wcs/wcs.ts'
import { type CardValues, cardValues } from './card-values.ts'
import type { Filters } from './filters.ts'
import type { Place } from './place.ts'
import { spectrumOf } from './spectrum.ts'
import { timesOf } from './times.ts'

/** What the operator says for all images of a collection that do not say it themselves. */
export interface Defaults {
  readonly calibLevel?: number | undefined
  readonly facility?: string | undefined
  readonly instrument?: string | undefined
  readonly filter?: string | undefined
}

/** Columns of almagest.image that come from headers. */
export interface Described {
  readonly dataproduct_type: 'image' | 'cube'
  readonly calib_level: number
  readonly obs_id: string | undefined
  readonly obs_title: string | undefined
  readonly target_name: string | undefined
  readonly s_ra: number
  readonly s_dec: number
  readonly s_fov: number
  readonly s_resolution: number | undefined
  readonly s_pixel_scale: number | undefined
  readonly s_xel1: number
  readonly s_xel2: number
  readonly t_min: number | undefined
  readonly t_max: number | undefined
  readonly t_exptime: number | undefined
  readonly t_resolution: number | undefined
  readonly t_xel: number | undefined
  readonly em_min: number | undefined
  readonly em_max: number | undefined
  readonly em_res_power: number | undefined
  readonly em_xel: number | undefined
  readonly em_ucd: string | undefined
  readonly o_ucd: string | undefined
  readonly pol_states: string | undefined
  readonly pol_xel: number | undefined
  readonly facility_name: string | undefined
  readonly instrument_name: string | undefined
  readonly filter_name: string | undefined
  readonly bunit: string | undefined
  readonly bitpix: number
}

export function describe(
  image: FitsImage,
  primary: Header,
  wcs: CelestialWcs,
  place: Place,
  filters: Filters,
  defaults: Defaults,
): Described {
  const cards = cardValues(image.header === primary ? [primary] : [image.header, primary])
  const [x, y] = wcs.axes
  const times = timesOf(cards)
  const names = filterNames(cards, defaults)
  const facility = cards.text('TELESCOP', 'OBSERVAT', 'MISSION') ?? defaults.facility
  const instrument = cards.text('INSTRUME', 'CAMERA') ?? defaults.instrument
  const evidence = [
    facility,
    instrument,
    cards.text('SURVEY'),
    cards.text('ORIGIN'),
    cards.text('MISSION'),
    names[0],
  ]
  // Detectors and surveys stand for their filter where there is no other name of it.
  const others = [cards.text('DETECTOR'), cards.text('SURVEY')].flatMap(name => name ?? [])
  const band = filters(evidence.filter(Boolean).join(' '), names.length > 0 ? names : others)
  const spectrum = spectrumOf(image, cards)
  const pol = polarization(image, cards)
  const bunit = cards.text('BUNIT')
  const filter = band?.title ?? names[0] ?? cards.text('SURVEY')
  const target = cards.text('OBJECT', 'TARGNAME', 'TARGET')
  return {
    dataproduct_type: image.shape.some((n, i) => n > 1 && i !== x && i !== y) ? 'cube' : 'image',
    calib_level: calibLevel(cards) ?? defaults.calibLevel ?? 2,
    obs_id: cards.text('OBS_ID', 'OBSID', 'ASN_ID'),
    obs_title:
      cards.text('TITLE') ??
      ([target, instrument ?? facility, filter].filter(Boolean).join(', ') || undefined),
    target_name: target,
    s_ra: place.center[0],
    s_dec: place.center[1],
    s_fov: place.fovDeg,
    s_resolution: resolution(cards, place.pixelScaleArcsec) ?? band?.resolution,
    s_pixel_scale: place.pixelScaleArcsec,
    s_xel1: image.shape[x]!,
    s_xel2: image.shape[y]!,
    t_min: times.tMin,
    t_max: times.tMax,
    t_exptime: times.tExptime,
    t_resolution: times.tExptime,
    t_xel: times.tMin === undefined ? undefined : 1,
    em_min: spectrum?.emMin ?? band?.emMin,
    em_max: spectrum?.emMax ?? band?.emMax,
    em_res_power: spectrum?.emResPower,
    em_xel: spectrum?.emXel ?? (band ? 1 : undefined),
    em_ucd: spectrum || band ? 'em.wl' : undefined,
    o_ucd: bunit === undefined ? undefined : observable(bunit),
    ...pol,
    facility_name: facility,
    instrument_name: instrument,
    filter_name: band?.title ?? names[0],
    bunit,
    bitpix: image.bitpix,
  }
}

const NO_FILTER = /^(clear|open|empty|none|blank|air|hole|no ?filter|f?clear\d*[ls]?)\b/i

const FILTER_KEYWORDS = [
  'FILTER',
  'FILTERX',
  'FILTNAM1',
  'FILTNAM2',
  'FILTER1',
  'FILTER2',
  'FILT',
  'FILTNAME',
  'FILTERID',
]

/** What the header calls the filter, the likeliest first. Numbers are places in a wheel, but for BAND and CHNLNUM. */
function filterNames(cards: CardValues, defaults: Defaults): string[] {
  const named = FILTER_KEYWORDS.flatMap(keyword => cards.text(keyword) ?? []).filter(
    name => !/^\d+$/.test(name),
  )
  const numbered = ['BAND', 'CHNLNUM'].flatMap(keyword => cards.text(keyword) ?? [])
  const names = [...named, ...numbered].filter(name => !NO_FILTER.test(name))
  return names.length > 0 || defaults.filter === undefined ? [...new Set(names)] : [defaults.filter]
}

function calibLevel(cards: CardValues): number | undefined {
  const level = cards.number('CALIBLEV', 'CALIB_LV', 'CALLEVEL')
  return level !== undefined && Number.isInteger(level) && level >= 0 && level <= 4 ? level : undefined
}

/** FWHM of a point source or major axis of the beam, in arcsec. */
function resolution(cards: CardValues, pixelScale: number | undefined): number | undefined {
  const beam = cards.number('BMAJ')
  if (beam !== undefined && beam > 0 && beam < 90) return beam * 3600
  for (const keyword of ['SEEING', 'PSF_FWHM', 'PSFFWHM', 'FWHM', 'IQ', 'SEESH']) {
    const value = cards.number(keyword)
    if (value === undefined || !(value > 0) || keyword === 'SEESH') continue
    const comment = cards.comment(keyword)
    // A FWHM without a unit may be of pixels or arcseconds; seeing is told in arcseconds.
    if (/\bpix/i.test(comment)) return pixelScale === undefined ? undefined : value * pixelScale
    const arcsec = /arc ?sec|"|asec/i.test(comment) || keyword === 'SEEING' || keyword === 'IQ'
    if (arcsec && value < 60) return value
  }
  return undefined
}

const STOKES = ['I', 'Q', 'U', 'V']
const CIRCULAR = ['RR', 'LL', 'RL', 'LR', 'XX', 'YY', 'XY', 'YX']
/** In the order of ObsCore 1.1 §B.6.5.3. */
const CANONICAL = ['I', 'Q', 'U', 'V', 'RR', 'LL', 'RL', 'LR', 'XX', 'YY', 'XY', 'YX']

/** States of a Stokes axis (WCS Paper I, table 7). */
function polarization(image: FitsImage, cards: CardValues): Pick<Described, 'pol_states' | 'pol_xel'> {
  for (let axis = 1; axis <= 9; axis++) {
    if (cards.text(`CTYPE${axis}`)?.toUpperCase() !== 'STOKES') continue
    const [value, step, pixel] = [
      cards.number(`CRVAL${axis}`),
      cards.number(`CDELT${axis}`) ?? 1,
      cards.number(`CRPIX${axis}`) ?? 1,
    ]
    const count = image.shape[axis - 1] ?? 1
    if (value === undefined || count > CANONICAL.length) break
    const states = Array.from({ length: count }, (_, i) => {
      const code = Math.round(value + (i + 1 - pixel) * step)
      return code > 0 ? STOKES[code - 1] : CIRCULAR[-code - 1]
    })
    if (states.some(state => state === undefined)) break
    const ordered = CANONICAL.filter(state => states.includes(state))
    return { pol_states: `/${ordered.join('/')}/`, pol_xel: count }
  }
  return { pol_states: undefined, pol_xel: undefined }
}

/** UCD of the values by their unit; undefined for units that say nothing. */
function observable(unit: string): string | undefined {
  const u = unit.toLowerCase().replaceAll(' ', '')
  if (/^m?jy\/sr|arcsec|\/deg|surf/.test(u)) return 'phot.flux.density.sb'
  if (/jy|nanomagg|maggy|w\/m|erg|flam|fnu/.test(u)) return 'phot.flux.density'
  if (/count|adu|^dn|^du|electron|^e-|photon|cps/.test(u)) return 'phot.count'
  if (/^m?k(elvin)?\b/.test(u)) return 'phot.antennaTemp'
  if (/^mag/.test(u)) return 'phot.mag'
  return undefined
}

/**
 * When and how the demo survey observes. A telescope at latitude +20° returns to every field in the clear nights of
 * its season, in four seasons from November 2021, 64 times in each of five bands: blue bands in dark nights, red ones
 * in bright ones, with dithered pointings of a camera that has a circular field of view.
 */
import { BANDS, DEPTH, nanojansky, visitDepth } from './bands.ts'
import { type Field, type Footprint, fieldsOf } from './footprint.ts'
import { createRandom, type Random, STREAM } from './random.ts'

const DEGREE = Math.PI / 180

/** Radius of the camera's field of view, and how far from the field's centre it may point, in degrees. */
export const CAMERA_RADIUS = 1.75
const DITHER = 0.3

const LATITUDE = 19.83 * DEGREE
/** East, in degrees. */
const LONGITUDE = -155.47

/** Nights by the MJD (UTC) of the date at local midnight. */
const FIRST_NIGHT = 59520
const LAST_NIGHT = 60836

/** Visits of each field in each band. */
export const VISITS_PER_BAND = 64

/** Days between TAI and UTC since 2017 (IERS Bulletin C 52). */
const TAI_MINUS_UTC = 37 / 86400
const SECOND = 1 / 86400
const HOUR = 1 / 24

export interface Visits {
  readonly count: number
  /** Evening's date and running number: yyyymmddnnnnn. */
  readonly id: Float64Array
  readonly band: Uint8Array
  /** Middle of the exposure, MJD, TAI. */
  readonly mjd: Float64Array
  /** Pointing in degrees. */
  readonly ra: Float64Array
  readonly dec: Float64Array
  /** FWHM of a point source in arcsec. */
  readonly seeing: Float32Array
  /** Flux of a point source at a signal-to-noise of 5, in nJy. */
  readonly depth: Float64Array
  /** Per field and band (field · 5 + band): indices of its visits, in order of time. */
  readonly of: readonly Int32Array[]
}

/** One field's turn in one night. */
interface Block {
  readonly night: number
  readonly field: number
  readonly bands: number[]
  /** When it would like to begin, MJD (UTC). */
  start: number
}

export function planVisits(seed: number, footprint: Footprint): Visits {
  const fields = fieldsOf(footprint)
  const random = createRandom(seed)
  const clear = clearNights(random)
  const blocks = fields.flatMap((field, f) => blocksOf(random, clear, field, f))
  blocks.sort((a, b) => a.night - b.night || a.start - b.start)
  const count = fields.length * BANDS.length * VISITS_PER_BAND
  const visits = {
    count,
    id: new Float64Array(count),
    band: new Uint8Array(count),
    mjd: new Float64Array(count),
    ra: new Float64Array(count),
    dec: new Float64Array(count),
    seeing: new Float32Array(count),
    depth: new Float64Array(count),
    of: Array.from({ length: fields.length * BANDS.length }, () => new Int32Array(VISITS_PER_BAND)),
  }
  const filled = new Int32Array(visits.of.length)
  let index = 0
  for (let first = 0; first < blocks.length; ) {
    let last = first
    while (last < blocks.length && blocks[last]!.night === blocks[first]!.night) last++
    const night = blocks.slice(first, last)
    const seeing = nightSeeing(random, night[0]!.night)
    const begin = index
    for (const { field, band, time } of exposures(night)) {
      expose(random, visits, index, seeing, fields[field]!, night[0]!.night, index - begin + 1, band, time)
      const list = field * BANDS.length + band
      visits.of[list]![filled[list]!++] = index++
    }
    first = last
  }
  return visits
}

function clearNights(random: Random): number[] {
  const nights: number[] = []
  for (let night = FIRST_NIGHT; night <= LAST_NIGHT; night++) {
    random.seek(STREAM.weather, night, 0)
    if (random.uniform() > 0.28) nights.push(night)
  }
  return nights
}

const midnight = (night: number) => night - LONGITUDE / 360

/** Local sidereal time in degrees. */
function siderealTime(mjd: number): number {
  return 280.46062 + 360.98564737 * (mjd - 51544.5) + LONGITUDE
}

/** An angle in degrees between −180 and 180. */
function wrapped(angle: number): number {
  return ((((angle + 180) % 360) + 360) % 360) - 180
}

/** Share of the moon's disc that is lit, from the mean synodic month. */
function moonlight(mjd: number): number {
  return (1 - Math.cos((2 * Math.PI * (mjd - 51549.76)) / 29.530588)) / 2
}

/** How a band takes to moonlight when a night is picked: exp(−a · lit share). */
const MOON_AVERSION = [3, 2, 0.3, -1, -2]

/** The nights in which a field is observed, and in which bands. */
function blocksOf(random: Random, clear: readonly number[], { ra, dec }: Field, field: number): Block[] {
  random.seek(STREAM.schedule, Math.round((ra / DEGREE) * 1e6), Math.round((dec / DEGREE) * 1e6))
  const hourAngle = (mjd: number) => wrapped(siderealTime(mjd) - ra / DEGREE)
  const season = clear.filter(night => Math.abs(hourAngle(midnight(night))) < 95)
  const blocks = new Map<number, Block>()
  for (let band = 0; band < BANDS.length; band++) {
    for (let n = 0; n < VISITS_PER_BAND; n++) {
      const from = Math.floor((n / VISITS_PER_BAND) * season.length)
      const to = Math.floor(((n + 1) / VISITS_PER_BAND) * season.length)
      const night = pickNight(random, season.slice(from, to), MOON_AVERSION[band]!)
      const block = blocks.get(night)
      if (block) block.bands.push(band)
      else {
        const transit = midnight(night) - hourAngle(midnight(night)) / 360.986
        const wish = transit + random.between(-3, 3) * HOUR
        const start = midnight(night) + Math.max(-4.4 * HOUR, Math.min(4.2 * HOUR, wish - midnight(night)))
        blocks.set(night, { night, field, bands: [band], start })
      }
    }
  }
  return [...blocks.values()]
}

function pickNight(random: Random, nights: readonly number[], aversion: number): number {
  const weights = nights.map(night => Math.exp(-aversion * moonlight(midnight(night))))
  let rest = random.uniform() * weights.reduce((sum, w) => sum + w, 0)
  for (let n = 0; n < nights.length; n++) {
    rest -= weights[n]!
    if (rest <= 0) return nights[n]!
  }
  return nights.at(-1)!
}

/** Seconds from one exposure to the next in the same band, and for a change of the filter. */
const CADENCE = 38
const FILTER_CHANGE = 120

/** The night's exposures one after the other; a night with more than it can hold is given shorter pauses. */
function exposures(night: readonly Block[]): { field: number; band: number; time: number }[] {
  const list = night.flatMap(({ field, bands, start }) =>
    bands.map((band, n) => ({ field, band, time: start + n * (CADENCE + FILTER_CHANGE) * SECOND })),
  )
  const pause = Math.min((CADENCE + FILTER_CHANGE) * SECOND, (8.6 * HOUR) / list.length)
  const end = midnight(night[0]!.night) + 4.4 * HOUR
  list.forEach((exposure, n) => {
    const before = list[n - 1]
    const latest = end - (list.length - n) * pause
    exposure.time = Math.min(latest, Math.max(exposure.time, before ? before.time + pause : 0))
  })
  return list
}

function nightSeeing(random: Random, night: number): number {
  random.seek(STREAM.weather, night, 1)
  return Math.exp(0.15 * random.normal())
}

function expose(
  random: Random,
  visits: Omit<Visits, 'of'>,
  index: number,
  nightSeeing: number,
  field: Field,
  night: number,
  number: number,
  band: number,
  time: number,
): void {
  random.seek(STREAM.pointing, night, number)
  const angle = 2 * Math.PI * random.uniform()
  const offset = DITHER * Math.sqrt(random.uniform())
  const dec = Math.max(-90, Math.min(90, field.dec / DEGREE + offset * Math.cos(angle)))
  const ra = field.ra / DEGREE + (offset * Math.sin(angle)) / Math.max(0.01, Math.cos(dec * DEGREE))
  const airmass = airmassAt(time, ra, dec * DEGREE)
  const seeing = DEPTH.fwhm[band]! * nightSeeing * Math.exp(0.06 * random.normal()) * airmass ** 0.6
  const brightening = DEPTH.moonlight[band]! * moonlight(time) ** 1.5 + 0.05 * Math.abs(random.normal())
  visits.id[index] = evening(night) * 100_000 + number
  visits.band[index] = band
  visits.mjd[index] = time + TAI_MINUS_UTC
  visits.ra[index] = (ra + 360) % 360
  visits.dec[index] = dec
  visits.seeing[index] = seeing
  visits.depth[index] = nanojansky(visitDepth(band, seeing, brightening, airmass))
}

/** sec z, and never more than 3: fields that do not rise are observed all the same. */
function airmassAt(mjd: number, ra: number, dec: number): number {
  const hourAngle = (siderealTime(mjd) - ra) * DEGREE
  const sinAltitude =
    Math.sin(LATITUDE) * Math.sin(dec) + Math.cos(LATITUDE) * Math.cos(dec) * Math.cos(hourAngle)
  return 1 / Math.max(1 / 3, sinAltitude)
}

/** The date at which a night began, as yyyymmdd. */
function evening(night: number): number {
  const date = new Date((night - 1 - 40587) * 86_400_000)
  return date.getUTCFullYear() * 10_000 + (date.getUTCMonth() + 1) * 100 + date.getUTCDate()
}

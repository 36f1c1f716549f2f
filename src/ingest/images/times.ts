/** When an image was exposed: t_min, t_max in MJD (UTC), t_exptime in seconds (ObsCore 1.1 §4.14–4.16). */
import type { CardValues } from './card-values.ts'

export interface Times {
  readonly tMin?: number | undefined
  readonly tMax?: number | undefined
  readonly tExptime?: number | undefined
}

const SECONDS = 86_400
/** MJD of 1 January 1970. */
const UNIX_EPOCH = 40_587

/** Times outside of 1850 … 2200 are none. */
const [EARLIEST, LATEST] = [-3_300, 124_600]

export function timesOf(cards: CardValues): Times {
  const tExptime = exposure(cards)
  const toUtc = -(offset(cards) / SECONDS)
  const start = begin(cards)
  const end = finish(cards)
  const middle = plausible(cards.number('MJD-AVG', 'MJD-MID')) ?? moment(cards.text('DATE-AVG'))?.mjd
  const length = tExptime === undefined ? undefined : tExptime / SECONDS
  let [tMin, tMax] = [start?.mjd, end]
  if (tMin === undefined && middle !== undefined && length !== undefined) {
    tMin = middle - length / 2
    tMax = middle + length / 2
  }
  if (tMin !== undefined && (tMax === undefined || tMax < tMin)) {
    // A date without a time of day stands for some time of it.
    tMax = start?.dayOnly ? tMin + 1 : length === undefined ? undefined : tMin + length
  }
  return {
    tMin: tMin === undefined ? undefined : tMin + toUtc,
    tMax: tMax === undefined ? undefined : tMax + toUtc,
    tExptime,
  }
}

/** In seconds; photographic plates are exposed by minutes. */
function exposure(cards: CardValues): number | undefined {
  const keyword = [
    'EXPTIME',
    'XPOSURE',
    'EXPOSURE',
    'TEXPTIME',
    'EXP_TIME',
    'EXPOSED',
    'ITIME',
    'INT_TIME',
    'LIVETIME',
    'ONTIME',
  ].find(name => (cards.number(name) ?? 0) > 0)
  if (keyword === undefined) return undefined
  // Chandra: EXPTIME is that of a frame.
  const total =
    keyword === 'EXPTIME' && /frame|commanded/i.test(cards.comment(keyword))
      ? cards.number('EXPOSURE', 'LIVETIME')
      : undefined
  const seconds = total ?? cards.number(keyword)!
  return /\bmin(ute)?s?\b/i.test(cards.comment(keyword)) ? 60 * seconds : seconds
}

interface Moment {
  readonly mjd: number
  readonly dayOnly: boolean
}

function begin(cards: CardValues): Moment | undefined {
  const date = moment(cards.text('DATE-BEG', 'DATE-OBS', 'DATE_OBS', 'DATEOBS', 'DATEOBS1'))
  const mjd = plausible(
    cards.number('MJD-BEG', 'MJDSTART', 'MJD-STR', 'MJD-OBS', 'MJD_OBS', 'EXPSTART', 'MJD'),
  )
  if (mjd !== undefined) {
    // Some writers make MJD-OBS of a date without its time.
    const dayOnly = Number.isInteger(mjd) && (date === undefined || date.dayOnly)
    const time = dayOnly ? timeOfDay(cards) : undefined
    return { mjd: mjd + (time ?? 0), dayOnly: dayOnly && time === undefined }
  }
  if (!date?.dayOnly) return date
  const time = timeOfDay(cards)
  return time === undefined ? date : { mjd: date.mjd + time, dayOnly: false }
}

function finish(cards: CardValues): number | undefined {
  const mjd = plausible(cards.number('MJD-END', 'MJDEND', 'MJD_END', 'EXPEND'))
  if (mjd !== undefined) return mjd
  const date = moment(cards.text('DATE-END', 'DATE_END', 'DATEOBS2'))
  return date && (date.dayOnly ? date.mjd + 1 : date.mjd)
}

function plausible(mjd: number | undefined): number | undefined {
  return mjd !== undefined && mjd > EARLIEST && mjd < LATEST && mjd !== 0 ? mjd : undefined
}

/** ISO 8601, or dd/mm/yy of before 1999 (FITS Standard 4.0 §4.4.2.2, §9.1.1). */
function moment(text: string | undefined): Moment | undefined {
  const iso = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?Z?)?$/.exec(text ?? '')
  const old = /^(\d{1,2})\/(\d{1,2})\/(\d{2}|\d{4})$/.exec(text ?? '')
  const [year, month, day] = iso
    ? [iso[1], iso[2], iso[3]]
    : old
      ? [old[3]!.length === 2 ? `19${old[3]}` : old[3], old[2], old[1]]
      : []
  if (year === undefined) return undefined
  const days = Date.UTC(Number(year), Number(month) - 1, Number(day)) / (SECONDS * 1000) + UNIX_EPOCH
  const real = new Date((days - UNIX_EPOCH) * SECONDS * 1000)
  if (real.getUTCMonth() + 1 !== Number(month) || plausible(days) === undefined) return undefined
  if (iso?.[4] === undefined) return { mjd: days, dayOnly: true }
  return { mjd: days + fraction(iso[4], iso[5]!, iso[6] ?? '0'), dayOnly: false }
}

function timeOfDay(cards: CardValues): number | undefined {
  const time = /^(\d{1,2}):(\d{2}):(\d{2}(?:\.\d*)?)$/.exec(
    cards.text('TIME-OBS', 'TIME_OBS', 'UTC-OBS', 'UT', 'UTC', 'UTSTART', 'TAIHMS') ?? '',
  )
  return time ? fraction(time[1]!, time[2]!, time[3]!) : undefined
}

function fraction(hours: string, minutes: string, seconds: string): number {
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) / SECONDS
}

/** TAI − UTC from these MJDs on (IERS Bulletin C): 10 s in 1972, then a second more each. */
const LEAPS = [
  41317, 41499, 41683, 42048, 42413, 42778, 43144, 43509, 43874, 44239, 44786, 45151, 45516, 46247, 47161,
  47892, 48257, 48804, 49169, 49534, 50083, 50630, 51179, 53736, 54832, 56109, 57204, 57754,
]

/** Seconds that the header's time scale is ahead of UTC (FITS Standard 4.0 §9.2.1). */
function offset(cards: CardValues): number {
  const scale = (cards.text('TIMESYS') ?? 'UTC').toUpperCase()
  const tai = /^(TAI|IAT|TT|TDT|ET|TDB)\b/.test(scale)
  if (!tai) return 0
  const mjd = begin(cards)?.mjd ?? 0
  const leaps = LEAPS.filter(from => mjd >= from).length
  return 9 + leaps + (/^(TAI|IAT)/.test(scale) ? 0 : 32.184)
}

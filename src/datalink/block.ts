/** The `lightCurves` key of the site file: its shape, and everything about it that can be checked without a database. */
import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import { ConfigError } from '../config.ts'

/** A table of objects and the tables with their detections. */
export interface LightCurveBlock {
  readonly object: {
    readonly table: string
    readonly id: string
    /** ICRS, degrees. */
    readonly ra?: string
    readonly dec?: string
  }
  readonly detections: readonly DetectionBlock[]
  readonly reference?: ReferenceBlock
}

export interface DetectionBlock {
  readonly table: string
  readonly title?: string
  /** The column with the identifier of the object. */
  readonly object: string
  /** The detection's own identifier. */
  readonly id?: string
  readonly time: TimeBlock
  readonly band?: string
  /** Columns of one of the two. */
  readonly flux?: MeasureBlock
  readonly magnitude?: MeasureBlock
  readonly quality?: QualityBlock
  /** The detection's own position (ICRS, degrees). */
  readonly position?: { readonly ra: string; readonly dec: string }
  /** By the values of the band column. */
  readonly bands: Readonly<Record<string, BandBlock>>
}

export interface TimeBlock {
  readonly column: string
  /** The table that has the time, when it is not the detections' own. */
  readonly table?: string
  /** Detection column → column of `table`; without it TAP_SCHEMA's foreign key says. */
  readonly join?: Readonly<Record<string, string>>
  /** VOTable 1.4 §3.5: TAI, UTC, TDB, TT … */
  readonly scale: string
  readonly refposition: string
  /** `MJD-origin`, `JD-origin`, or a Julian date. */
  readonly origin: string
}

export interface MeasureBlock {
  readonly column: string
  /** One standard deviation. */
  readonly error?: string
}

export interface QualityBlock {
  /** An integer column; a detection is good where it is 0. */
  readonly bits?: string
  readonly meaning?: Readonly<Record<string, string>>
  /** Boolean columns; a detection is good where none is true. */
  readonly flags?: readonly string[]
}

export interface BandBlock {
  /** Effective wavelength in m. */
  readonly wavelength?: number
  /** Flux density of magnitude 0 in Jy. */
  readonly zeroPoint?: number
  /** AB, Vega … */
  readonly system?: string
  /** Of the SVO Filter Profile Service: `LSST/LSST.g`. */
  readonly filter?: string
}

/** A reference catalogue, whose nearest object a light curve can carry. */
export interface ReferenceBlock {
  readonly table: string
  /** Farthest distance in arcsec. */
  readonly radius: number
  readonly columns: readonly string[]
}

/** The demo survey's own block; it counts where a site says nothing and its tables are there. */
export function demoBlocks(): readonly LightCurveBlock[] {
  return lightCurveBlocks(parseYaml(readFileSync(new URL('demo.yaml', import.meta.url), 'utf8')))
}

/** Throws a ConfigError that names the key. */
export function lightCurveBlocks(given: unknown): readonly LightCurveBlock[] {
  return list('lightCurves', given).map((one, i) => block(`lightCurves[${i}]`, one))
}

function block(key: string, given: unknown): LightCurveBlock {
  const all = record(key, given, ['object', 'detections', 'reference'])
  const object = record(`${key}.object`, all.object, ['table', 'id', 'ra', 'dec'])
  if (all.reference !== undefined && object.ra === undefined)
    throw new ConfigError(`${key}.reference: needs object.ra and object.dec`)
  if ((object.ra === undefined) !== (object.dec === undefined))
    throw new ConfigError(`${key}.object: ra and dec come together`)
  return {
    object: {
      table: text(`${key}.object.table`, object.table),
      id: text(`${key}.object.id`, object.id),
      ...optional('ra', object.ra, value => text(`${key}.object.ra`, value)),
      ...optional('dec', object.dec, value => text(`${key}.object.dec`, value)),
    },
    detections: list(`${key}.detections`, all.detections).map((one, i) =>
      detections(`${key}.detections[${i}]`, one),
    ),
    ...optional('reference', all.reference, value => reference(`${key}.reference`, value)),
  }
}

const DETECTION_KEYS = [
  'table',
  'title',
  'object',
  'id',
  'time',
  'band',
  'flux',
  'magnitude',
  'quality',
  'position',
  'bands',
]

function detections(key: string, given: unknown): DetectionBlock {
  const all = record(key, given, DETECTION_KEYS)
  if ((all.flux === undefined) === (all.magnitude === undefined))
    throw new ConfigError(`${key}: say either flux or magnitude`)
  return {
    table: text(`${key}.table`, all.table),
    object: text(`${key}.object`, all.object),
    time: time(`${key}.time`, all.time),
    bands: bands(`${key}.bands`, all.bands),
    ...optional('title', all.title, value => text(`${key}.title`, value)),
    ...optional('id', all.id, value => text(`${key}.id`, value)),
    ...optional('band', all.band, value => text(`${key}.band`, value)),
    ...optional('flux', all.flux, value => measure(`${key}.flux`, value)),
    ...optional('magnitude', all.magnitude, value => measure(`${key}.magnitude`, value)),
    ...optional('quality', all.quality, value => quality(`${key}.quality`, value)),
    ...optional('position', all.position, value => position(`${key}.position`, value)),
  }
}

/** The vocabulary http://www.ivoa.net/rdf/timescale. */
const SCALES = ['TAI', 'TT', 'UT', 'UTC', 'GPS', 'TCG', 'TCB', 'TDB', 'UNKNOWN']
/** The vocabulary http://www.ivoa.net/rdf/refposition. */
const POSITIONS = ['TOPOCENTER', 'GEOCENTER', 'BARYCENTER', 'HELIOCENTER', 'EMBARYCENTER', 'UNKNOWN']

function time(key: string, given: unknown): TimeBlock {
  const all = record(key, given, ['column', 'table', 'join', 'scale', 'refposition', 'origin'])
  const origin = String(all.origin ?? 'MJD-origin')
  if (!/^(MJD-origin|JD-origin)$/.test(origin) && !Number.isFinite(Number(origin)))
    throw new ConfigError(`${key}.origin: must be MJD-origin, JD-origin or a Julian date, not '${origin}'`)
  return {
    column: text(`${key}.column`, all.column),
    scale: oneOf(`${key}.scale`, all.scale, SCALES),
    refposition: oneOf(`${key}.refposition`, all.refposition, POSITIONS),
    origin,
    ...optional('table', all.table, value => text(`${key}.table`, value)),
    ...optional('join', all.join, value => texts(`${key}.join`, value)),
  }
}

function measure(key: string, given: unknown): MeasureBlock {
  const all = record(key, given, ['column', 'error'])
  return {
    column: text(`${key}.column`, all.column),
    ...optional('error', all.error, value => text(`${key}.error`, value)),
  }
}

function quality(key: string, given: unknown): QualityBlock {
  const all = record(key, given, ['bits', 'meaning', 'flags'])
  if ((all.bits === undefined) === (all.flags === undefined))
    throw new ConfigError(`${key}: say either bits or flags`)
  return {
    ...optional('bits', all.bits, value => text(`${key}.bits`, value)),
    ...optional('meaning', all.meaning, value => texts(`${key}.meaning`, value)),
    ...optional('flags', all.flags, value =>
      list(`${key}.flags`, value).map((one, i) => text(`${key}.flags[${i}]`, one)),
    ),
  }
}

function position(key: string, given: unknown): { ra: string; dec: string } {
  const all = record(key, given, ['ra', 'dec'])
  return { ra: text(`${key}.ra`, all.ra), dec: text(`${key}.dec`, all.dec) }
}

function bands(key: string, given: unknown): Readonly<Record<string, BandBlock>> {
  if (given === undefined) return {}
  const entries = Object.entries(record(key, given)).map(([name, value]) => {
    const where = `${key}.${name}`
    const all = record(where, value, ['wavelength', 'zeroPoint', 'system', 'filter'])
    const one: BandBlock = {
      ...optional('wavelength', all.wavelength, v => positive(`${where}.wavelength`, v)),
      ...optional('zeroPoint', all.zeroPoint, v => positive(`${where}.zeroPoint`, v)),
      ...optional('system', all.system, v => text(`${where}.system`, v)),
      ...optional('filter', all.filter, v => text(`${where}.filter`, v)),
    }
    return [name, one] as const
  })
  return Object.fromEntries(entries)
}

function reference(key: string, given: unknown): ReferenceBlock {
  const all = record(key, given, ['table', 'radius', 'columns'])
  return {
    table: text(`${key}.table`, all.table),
    radius: positive(`${key}.radius`, all.radius),
    columns: list(`${key}.columns`, all.columns).map((one, i) => text(`${key}.columns[${i}]`, one)),
  }
}

function optional<Key extends string, T>(
  key: Key,
  given: unknown,
  read: (given: unknown) => T,
): { readonly [K in Key]?: T } {
  return (given === undefined || given === null ? {} : { [key]: read(given) }) as { readonly [K in Key]?: T }
}

function record(key: string, given: unknown, known?: readonly string[]): Record<string, unknown> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ConfigError(`${key}: must be a mapping`)
  const unknown = known && Object.keys(given).find(name => !known.includes(name))
  if (unknown) throw new ConfigError(`${key}.${unknown}: unknown; known are ${known.join(', ')}`)
  return given as Record<string, unknown>
}

function list(key: string, given: unknown): readonly unknown[] {
  if (!Array.isArray(given) || given.length === 0)
    throw new ConfigError(`${key}: must be a list with at least one entry`)
  return given
}

function text(key: string, given: unknown): string {
  if (typeof given !== 'string' || given.trim() === '') throw new ConfigError(`${key}: must be a text`)
  return given
}

function texts(key: string, given: unknown): Readonly<Record<string, string>> {
  const all = record(key, given)
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, text(`${key}.${name}`, value)]))
}

function positive(key: string, given: unknown): number {
  const value = Number(given)
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new ConfigError(`${key}: must be a positive number`)
  return value
}

function oneOf(key: string, given: unknown, known: readonly string[]): string {
  const value = typeof given === 'string' ? given.toUpperCase() : given
  const found = known.find(one => one === value)
  if (found === undefined) throw new ConfigError(`${key}: must be one of ${known.join(', ')}`)
  return found
}

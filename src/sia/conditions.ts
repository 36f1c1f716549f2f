/**
 * The query parameters of SIA 2.0 §2.1 as conditions on `almagest.obscore AS o`. Values of one parameter are
 * alternatives, parameters are all to hold, and a column that is NULL never matches.
 */
import { badValue, type Parameters } from '../dali/parameters.ts'
import { numbers, posShape } from '../dali/shapes.ts'
import { ServiceError } from '../error.ts'
import { type Bind, type Overlap, overlap } from './region.ts'

/** Parameters of intervals: the columns of the lower and upper bound of what the data cover, and the unit. */
export const INTERVALS = {
  BAND: ['em_min', 'em_max', 'm'],
  TIME: ['t_min', 't_max', 'd'],
  FOV: ['s_fov', 's_fov', 'deg'],
  SPATRES: ['s_resolution', 's_resolution', 'arcsec'],
  SPECRP: ['em_res_power', 'em_res_power', undefined],
  EXPTIME: ['t_exptime', 't_exptime', 's'],
  TIMERES: ['t_resolution', 't_resolution', 's'],
} as const satisfies Record<string, readonly [string, string, string | undefined]>

/** Parameters of texts, which a column is to equal. */
export const TEXTS = {
  COLLECTION: 'obs_collection',
  FACILITY: 'facility_name',
  INSTRUMENT: 'instrument_name',
  DPTYPE: 'dataproduct_type',
  TARGET: 'target_name',
} as const

/** Conditions to be joined by AND; what cannot be read is a `usage` error. */
export function conditions(parameters: Parameters, bind: Bind): readonly string[] {
  const given = (name: string) => parameters.all(name).filter(value => value.trim() !== '')
  const all: string[] = ["o.dataproduct_type IN ('image', 'cube')"]
  const anyOf = (alternatives: readonly string[]) => {
    if (alternatives.length > 0) all.push(`(${alternatives.join(' OR ')})`)
  }
  const equals = (expression: string, values: readonly string[]) => {
    const bound = values.map(value => bind(withoutNul(value)))
    if (bound.length > 0) all.push(`${expression} IN (${bound.join(', ')})`)
  }

  if (given('POS').length > 0) all.push(located(given('POS').map(value => overlap(posShape(value), bind))))
  for (const [name, [low, high]] of Object.entries(INTERVALS)) {
    anyOf(
      given(name).map(value => {
        const [from, to] = interval(name, value)
        return `(o.${low} <= ${bind(to)}::float8 AND o.${high} >= ${bind(from)}::float8)`
      }),
    )
  }
  anyOf(given('POL').map(state => `strpos(o.pol_states, ${bind(`/${withoutNul(state.trim())}/`)}) > 0`))
  for (const [name, column] of Object.entries(TEXTS)) equals(`o.${column}`, given(name))
  // IVOIDs are compared without case (§2.1.10), media types are, too.
  equals('lower(o.obs_publisher_did)', given('ID').map(lower))
  equals('lower(o.access_format)', given('FORMAT').map(lower).flatMap(sameFormat))
  const levels = given('CALIB').map(level)
  if (levels.length > 0) all.push(`o.calib_level IN (${levels.join(', ')})`)
  anyOf(
    given('RELEASEDATE').map(value => {
      const [from, to] = dates(value)
      return `(o.obs_release_date <= ${bind(to)}::timestamp AND o.obs_release_date >= ${bind(from)}::timestamp)`
    }),
  )
  return all
}

/** By the outline of an image, or by the pieces of those that no outline fits. */
export function located(overlaps: readonly Overlap[]): string {
  const on = (column: string) => overlaps.map(condition => condition(column)).join(' OR ')
  return `(${on('o.s_region')} OR o.obs_publisher_did = ANY (ARRAY(
    SELECT p.obs_publisher_did FROM almagest.obscore_part AS p WHERE ${on('p.region')})))`
}

/** Two numbers, or one that stands for both; -Inf and +Inf leave a side open. As PostgreSQL reads them. */
function interval(name: string, value: string): readonly [string, string] {
  const given = numbers(value, name)
  const [from, to = from] = given
  if (from === undefined || to === undefined || given.length > 2)
    throw badValue(name, value, 'one number, or two with a blank between them')
  if (Number.isNaN(from) || Number.isNaN(to)) throw badValue(name, value, 'an interval: NaN is no bound')
  if (from > to) throw badValue(name, value, 'an interval: the first number is more than the second')
  return [String(from), String(to)]
}

function level(value: string): string {
  if (!/^\s*\d{1,4}\s*$/.test(value)) throw badValue('CALIB', value, 'a calibration level: 0, 1, 2, 3 or 4')
  return String(Number(value))
}

/** DALI 1.1 §3.3.3: one date that is to be met, or two; -Inf and +Inf leave a side open. */
function dates(value: string): readonly [string, string] {
  const words = value.trim().split(/\s+/)
  const [from, to] = words.map(word => {
    if (/^[+-]?inf$/i.test(word)) return word.startsWith('-') ? '-infinity' : 'infinity'
    if (!isDate(word))
      throw badValue('RELEASEDATE', value, 'one date or two, as in 2026-01-31 or 2026-01-31T12:00:00')
    return word.replace(/Z$/, '')
  })
  if (words.length > 2) throw badValue('RELEASEDATE', value, 'one date or two')
  return [from!, to ?? from!]
}

function isDate(word: string): boolean {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z?)?$/.test(word)) return false
  const time = Date.parse(word)
  const day = Date.parse(word.slice(0, 10))
  // A 30th of February would be the 2nd of March.
  return !Number.isNaN(time) && new Date(day).toISOString().startsWith(word.slice(0, 10))
}

/** FITS has two media types (RFC 4047): who asks for one means the other, too. */
const sameFormat = (format: string) =>
  /^(image|application)\/fits$/.test(format) ? ['image/fits', 'application/fits'] : [format]

const lower = (value: string) => value.trim().toLowerCase()

function withoutNul(value: string): string {
  if (value.includes('\0')) throw new ServiceError('usage', 'a value holds a NUL character')
  return value
}

/**
 * What a request for light curves says. Our own names (ID BAND TIME QUALITY DETAIL BIN FOLD …) beside those of Rubin's
 * /timeseries (id table id_column band_column band detail join_time_column join_style), which are held against the
 * configuration: nothing that a client writes becomes part of a statement.
 */
import { badValue, integerParameter, type Parameters } from '../dali/parameters.ts'
import { ServiceError } from '../error.ts'
import type { LightCurve } from './light-curve.ts'
import { pictureType } from './picture-answer.ts'

export type Detail = 'minimal' | 'principal' | 'full'

/** What is made of the points. */
export type Product =
  | { readonly kind: 'points' }
  | { readonly kind: 'bins'; readonly seconds: number }
  | { readonly kind: 'folded'; readonly periodDays: number; readonly epoch: number }
  | { readonly kind: 'statistics' }
  | { readonly kind: 'periodogram'; readonly periods: Interval | undefined; readonly spectrum: boolean }

export interface Interval {
  readonly low: number
  readonly high: number
}

/** Which points. */
export interface Filter {
  /** Values of the band column; undefined: all. */
  readonly bands: readonly string[] | undefined
  /** In units of the time column. */
  readonly time: Interval | undefined
  readonly quality: 'all' | 'good'
}

export interface TimeSeriesParameters {
  readonly curve: LightCurve
  readonly filter: Filter
  readonly detail: Detail
  readonly product: Product
  /** With the nearest object of the reference catalogue. */
  readonly reference: boolean
  readonly maxrec: number | undefined
  readonly responseFormat: string | undefined
}

/** Parameters that can be given once. */
export const SINGLE = [
  'TABLE',
  'ID_COLUMN',
  'BAND_COLUMN',
  'JOIN_TIME_COLUMN',
  'JOIN_STYLE',
  'DETAIL',
  'TIME',
  'QUALITY',
  'BIN',
  'FOLD',
  'STATISTICS',
  'PERIODOGRAM',
  'PERIODS',
  'REFERENCE',
  'MAXREC',
  'RESPONSEFORMAT',
  'FORMAT',
  'JOB',
  'COLUMN',
]

export function timeSeriesParameters(
  parameters: Parameters,
  curves: readonly LightCurve[],
  tableOfIds: string | undefined,
): TimeSeriesParameters {
  const curve = curveOf(parameters, curves, tableOfIds)
  const product = productOf(parameters, curve)
  const responseFormat = parameters.single('RESPONSEFORMAT') || parameters.single('FORMAT') || undefined
  const isPicture = pictureType(responseFormat) !== undefined
  return {
    curve,
    filter: {
      bands: bandsOf(parameters, curve),
      time: intervalOf('TIME', parameters.single('TIME')),
      quality: qualityOf(parameters, curve, isWorkedOut(product) || isPicture),
    },
    detail: detailOf(parameters),
    product,
    reference: referenceOf(parameters, curve, product),
    maxrec: integerParameter(parameters, 'MAXREC'),
    responseFormat,
  }
}

/** The light curve that TABLE names, or the table of the identifiers, or the first. */
export function curveOf(
  parameters: Parameters,
  curves: readonly LightCurve[],
  tableOfIds: string | undefined,
): LightCurve {
  if (curves.length === 0)
    throw new ServiceError('notFound', 'No table of this site has light curves.', {
      detail: 'The key lightCurves of its configuration says which have (docs/lightcurves.md).',
    })
  const table = parameters.single('TABLE')
  const asked = table || tableOfIds
  const found = asked ? curves.find(one => isOf(one, asked, table !== undefined)) : curves[0]
  if (!found) {
    throw new ServiceError(
      'usage',
      `${table ? `TABLE=${shown(table)}` : shown(asked!)} has no light curves here.`,
      {
        detail: `Tables with light curves: ${curves.map(one => one.name).join(', ')}.`,
      },
    )
  }
  agree(parameters, 'ID_COLUMN', [fieldName(found, found.at.id)])
  agree(parameters, 'BAND_COLUMN', found.at.band === undefined ? [] : [fieldName(found, found.at.band)])
  agree(parameters, 'JOIN_STYLE', ['ccdVisit', 'visit_detector', 'visit'])
  const time = parameters.single('JOIN_TIME_COLUMN')
  if (time && time.split('.').at(-1)!.toLowerCase() !== fieldName(found, found.at.time).toLowerCase())
    throw new ServiceError(
      'usage',
      `JOIN_TIME_COLUMN=${shown(time)} is not the time of ${found.name}, ${fieldName(found, found.at.time)}`,
    )
  return found
}

function isOf(curve: LightCurve, name: string, detections: boolean): boolean {
  const asked = name.toLowerCase()
  const names = (table: { schema: string; name: string }) => [
    `${table.schema}.${table.name}`.toLowerCase(),
    table.name.toLowerCase(),
  ]
  return names(curve.table).includes(asked) || (!detections && names(curve.object.table).includes(asked))
}

const fieldName = (curve: LightCurve, index: number) => curve.fields[index]!.name

function agree(parameters: Parameters, name: string, allowed: readonly string[]): void {
  const value = parameters.single(name)
  if (!value || allowed.some(one => one.toLowerCase() === value.toLowerCase())) return
  throw new ServiceError(
    'usage',
    `${name}=${shown(value)} does not go with this table${allowed.length > 0 ? `; say ${allowed.join(' or ')}, or nothing` : ''}`,
  )
}

const shown = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text)

function bandsOf(parameters: Parameters, curve: LightCurve): readonly string[] | undefined {
  const given = parameters.all('BAND').filter(value => value.trim() !== '' && value.toLowerCase() !== 'all')
  if (given.length === 0) return undefined
  if (curve.at.band === undefined)
    throw new ServiceError('usage', `BAND: ${curve.name} has no column of bands`)
  const known = Object.keys(curve.bands)
  return given.flatMap(value => {
    const interval = /^[\d.eE+-]+\s+\S+$/.test(value.trim()) ? intervalOf('BAND', value) : undefined
    if (interval) return known.filter(name => isWithin(curve.bands[name]!.wavelength, interval))
    return value.split(',').map(one => {
      const name = one.trim()
      if (known.length > 0 && !known.includes(name))
        throw new ServiceError('usage', `BAND=${shown(name)} is not known here`, {
          detail: `${curve.name} has the bands ${known.join(', ')}; a wavelength range in m selects those within.`,
        })
      return name
    })
  })
}

const isWithin = (value: number | undefined, { low, high }: Interval) =>
  value !== undefined && value >= low && value <= high

/** DALI 1.1 §3.3.4: two numbers, -Inf and +Inf for open ends; one number is both. */
function intervalOf(name: string, value: string | undefined): Interval | undefined {
  if (value === undefined || value.trim() === '') return undefined
  const parts = value.trim().split(/[\s,]+/)
  const [low, high = low] = parts.map(numberOf)
  if (parts.length > 2 || low === undefined || high === undefined || !(low <= high))
    throw badValue(name, value, 'an interval: two numbers, the lower one first (-Inf and +Inf for open ends)')
  return { low, high }
}

function numberOf(text: string): number {
  if (/^[+-]?inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
}

/** Whether the product is worked out in this process, and not in PostgreSQL. */
export function isWorkedOut({ kind }: Product): boolean {
  return kind === 'statistics' || kind === 'periodogram'
}

function referenceOf(parameters: Parameters, { reference, name }: LightCurve, { kind }: Product): boolean {
  if (!isTrue('REFERENCE', parameters.single('REFERENCE'))) return false
  if (!reference) throw new ServiceError('usage', `REFERENCE: no reference catalogue goes with ${name}`)
  if (kind !== 'points' && kind !== 'folded')
    throw new ServiceError('usage', 'REFERENCE goes with points, folded or not')
  return true
}

/** All points, but the good ones alone for what is worked out from them, and for pictures. */
function qualityOf(parameters: Parameters, curve: LightCurve, workedOut: boolean): Filter['quality'] {
  const usual = workedOut && curve.quality ? 'good' : 'all'
  const value = parameters.single('QUALITY')?.toLowerCase() || usual
  if (value !== 'all' && value !== 'good') throw badValue('QUALITY', value, 'all or good')
  if (value === 'good' && !curve.quality)
    throw new ServiceError('usage', `QUALITY=good: nothing is said here about the quality of ${curve.name}`)
  return value
}

function detailOf(parameters: Parameters): Detail {
  const value = parameters.single('DETAIL')?.toLowerCase()
  if (value === 'minimal' || value === 'principal' || value === 'full') return value
  if (value) throw badValue('DETAIL', value, 'minimal, principal or full')
  return parameters.single('TABLE') ? 'full' : 'principal' // Rubin's default, which comes with its TABLE
}

function productOf(parameters: Parameters, curve: LightCurve): Product {
  const bin = parameters.single('BIN')
  const fold = parameters.single('FOLD')
  const statistics = isTrue('STATISTICS', parameters.single('STATISTICS'))
  const periodogram = parameters.single('PERIODOGRAM')
  const asked = [bin, fold, statistics ? 'yes' : undefined, periodogram].filter(value => value)
  if (asked.length > 1)
    throw new ServiceError(
      'usage',
      'BIN, FOLD, STATISTICS and PERIODOGRAM each make a table of their own; say one',
    )
  if (bin) return { kind: 'bins', seconds: secondsOf(bin) }
  if (fold) return folded(fold, curve)
  if (statistics) return { kind: 'statistics' }
  if (periodogram) {
    const spectrum = periodogram.toLowerCase() === 'full'
    if (!spectrum && !isTrue('PERIODOGRAM', periodogram)) return { kind: 'points' }
    return { kind: 'periodogram', periods: periodsOf(parameters), spectrum }
  }
  return { kind: 'points' }
}

function isTrue(name: string, value: string | undefined): boolean {
  if (value === undefined || /^(|0|false|no)$/i.test(value)) return false
  if (/^(1|true|yes)$/i.test(value)) return true
  throw badValue(name, value, name === 'PERIODOGRAM' ? 'true, false or full' : 'true or false')
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, m: 60, h: 3600, d: 86_400 }

function secondsOf(value: string): number {
  const match = /^(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)\s*(s|min|m|h|d)?$/i.exec(value.trim())
  const seconds = match ? Number(match[1]) * SECONDS[match[2]?.toLowerCase() ?? 's']! : Number.NaN
  if (!(seconds >= 1e-3 && seconds <= 86_400 * 36_525))
    throw badValue('BIN', value, 'a length of time, such as 60s, 5min, 1h or 1d')
  return seconds
}

function folded(value: string, curve: LightCurve): Product {
  const parts = value.trim().split(/[\s,]+/)
  const [period, epoch = 0] = parts.map(numberOf)
  if (
    parts.length > 2 ||
    period === undefined ||
    !(period > 0) ||
    !Number.isFinite(period) ||
    !Number.isFinite(epoch)
  )
    throw badValue(
      'FOLD',
      value,
      `period[,epoch]: a period in days and an epoch as in ${fieldName(curve, curve.at.time)}`,
    )
  return { kind: 'folded', periodDays: period, epoch }
}

function periodsOf(parameters: Parameters): Interval | undefined {
  const periods = intervalOf('PERIODS', parameters.single('PERIODS'))
  if (periods && !(periods.low > 0 && periods.high < Number.POSITIVE_INFINITY && periods.low < periods.high))
    throw badValue(
      'PERIODS',
      parameters.single('PERIODS')!,
      'two positive periods in days, the shorter one first',
    )
  return periods
}

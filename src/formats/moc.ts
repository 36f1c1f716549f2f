/**
 * The part of the sky that the rows of a result lie in, as a coverage map (MOC 2.0) in place of the rows: the regions of
 * the first column that has some, else the cells of the positions.
 */

import { ServiceError } from '../error.ts'
import { mocFits } from '../fits/moc.ts'
import { growingCells } from '../healpix/cells.ts'
import { coverCircle, coverPolygon } from '../healpix/cover.ts'
import { type Moc, mocAscii, mocJson, mocUnion, mocUniq } from '../healpix/moc.ts'
import { cellLength, openRow } from '../votable/encode.ts'
import { type Field, wireType } from '../votable/field.ts'
import type { RowSource } from '../votable/row.ts'
import type { OutputFormat } from './index.ts'
import { throwFailure } from './separated.ts'
import type { Writer } from './writer.ts'

/** Cells of 3.4′, as the coverage of tables is kept. */
const DEFAULT_ORDER = 10
const DEGREE = Math.PI / 180
/** Regions whose covers are put together at once. */
const REGIONS = 256

const asFits = (moc: Moc) => mocFits(mocUniq(moc), moc.order, 'equatorial')
const asText = (text: string) => Buffer.from(`${text}\n`)

export const MOC_FORMATS: readonly OutputFormat[] = [
  format('application/fits', ['moc', 'moc/fits'], 'moc.fits', asFits),
  format('application/json', ['moc/json'], 'moc.json', moc => asText(mocJson(moc))),
  format('text/plain', ['moc/ascii', 'moc/text'], 'moc.txt', moc => asText(mocAscii(moc))),
]

function format(
  type: string,
  aliases: readonly string[],
  extension: string,
  bytesOf: (moc: Moc) => Buffer,
): OutputFormat {
  const ofOrder = (order: number) => mocWriter(order, bytesOf)
  return { mediaType: `${type};content=moc`, aliases, extension, writer: ofOrder(DEFAULT_ORDER), ofOrder }
}

function mocWriter(order: number, bytesOf: (moc: Moc) => Buffer): Writer {
  return {
    wire: 'binary',
    saysOverflow: false,
    write: source => {
      const place = placeOf(source.fields)
      return write(source, place, order, bytesOf)
    },
  }
}

/** Where the rows say where they are. */
type Place =
  | { readonly kind: 'position'; readonly ra: number; readonly dec: number }
  | { readonly kind: 'point' | 'circle' | 'polygon' | 'text'; readonly column: number }

function placeOf(fields: readonly Field[]): Place {
  const region = fields.findIndex(isRegion)
  if (region >= 0) {
    const { xtype } = fields[region]!
    return { kind: xtype === 'circle' || xtype === 'polygon' ? xtype : 'text', column: region }
  }
  const point = fields.findIndex(({ xtype }) => xtype === 'point')
  const [ra, dec] = [coordinate(fields, 'ra'), coordinate(fields, 'dec')]
  if (ra >= 0 && dec >= 0) return { kind: 'position', ra, dec }
  if (point >= 0) return { kind: 'point', column: point }
  throw new ServiceError('usage', 'The result has no positions, so there is no coverage map of it.', {
    detail:
      'Select the right ascension and declination (UCDs pos.eq.ra and pos.eq.dec), a point, or a region.',
  })
}

/** Arrays of DALI, or STC-S in text. */
const isRegion = ({ xtype, datatype }: Field) =>
  ((xtype === 'circle' || xtype === 'polygon') && datatype === 'double') || xtype === 'adql:REGION'

/** The main one by UCD, any by UCD, or by its name; −1 for none. */
function coordinate(fields: readonly Field[], which: 'ra' | 'dec'): number {
  const numbers = fields.map(field =>
    ['float4', 'float8'].includes(wireType(field)) && (!field.unit || field.unit === 'deg')
      ? field
      : undefined,
  )
  const ucd = `pos.eq.${which}`
  const tests: ((field: Field) => boolean)[] = [
    field => field.ucd?.toLowerCase() === `${ucd};meta.main`,
    field => field.ucd?.toLowerCase() === ucd,
    field => field.ucd?.toUpperCase().startsWith(`POS_EQ_${which}`.toUpperCase()) ?? false,
    field => [which, `s_${which}`].includes(field.name.toLowerCase()),
  ]
  for (const test of tests) {
    const found = numbers.findIndex(field => field !== undefined && test(field))
    if (found >= 0) return found
  }
  return -1
}

async function* write(
  source: RowSource,
  place: Place,
  order: number,
  bytesOf: (moc: Moc) => Buffer,
): AsyncGenerator<Uint8Array, void> {
  const { fields, batches, outcome } = source
  const cells = growingCells(order)
  let regions: Moc = { order, ranges: new BigUint64Array() }
  let waiting: Moc[] = []
  const join = () => {
    regions = { ...mocUnion([regions, ...waiting]), order }
    waiting = []
  }
  try {
    for await (const { data, starts, count } of batches) {
      for (let i = 0; i < count; i++) {
        const at = cellsOf(data, starts[i]!, fields.length)
        if (place.kind === 'position') {
          const [lon, lat] = [number(data, at, place.ra, fields), number(data, at, place.dec, fields)]
          if (Math.abs(lat) <= 90 && Number.isFinite(lon)) cells.add(lon * DEGREE, lat * DEGREE)
          continue
        }
        const moc = regionOf(data, at, place, order, cells.add)
        if (moc) waiting.push(moc)
        if (waiting.length >= REGIONS) join()
      }
    }
  } catch (error) {
    outcome.error = (error as Error).message
    outcome.cause = error
  }
  throwFailure(outcome)
  join()
  yield bytesOf({ ...mocUnion([regions, cells.moc()]), order })
}

/** Offsets of the lengths of the values of a row. */
function cellsOf(data: Buffer, start: number, columns: number): number[] {
  const offsets: number[] = []
  let p = openRow(data, start, columns)
  for (let c = 0; c < columns; c++) {
    offsets.push(p)
    p += 4 + Math.max(0, cellLength(data, p))
  }
  return offsets
}

function number(data: Buffer, at: readonly number[], column: number, fields: readonly Field[]): number {
  const p = at[column]!
  if (cellLength(data, p) < 0) return Number.NaN
  return wireType(fields[column]!) === 'float4' ? data.readFloatBE(p + 4) : data.readDoubleBE(p + 4)
}

function regionOf(
  data: Buffer,
  at: readonly number[],
  place: Exclude<Place, { kind: 'position' }>,
  order: number,
  addPoint: (lon: number, lat: number) => void,
): Moc | undefined {
  const p = at[place.column]!
  const length = cellLength(data, p)
  if (length < 0) return undefined
  let { kind } = place
  let values: readonly number[]
  if (kind === 'text') {
    const text = data.toString('latin1', p + 4, p + 4 + length)
    const shape = /^\s*([a-z]+)/i.exec(text)?.[1]?.toLowerCase()
    if (shape !== 'polygon' && shape !== 'circle' && shape !== 'position') return undefined
    kind = shape === 'position' ? 'point' : shape
    values = (text.match(/(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/gi) ?? []).map(Number)
  } else values = doubles(data, p + 4)
  const radians = values.map(value => value * DEGREE)
  const [lon, lat, radius] = radians as [number, number, number]
  if (radians.length < 2 || !radians.every(Number.isFinite)) return undefined
  if (kind === 'point') {
    if (Math.abs(lat) <= Math.PI / 2) addPoint(lon, lat)
    return undefined
  }
  if (kind === 'circle') return coverCircle(lon, lat, radius, order)
  const vertices = Array.from(
    { length: radians.length >> 1 },
    (_, i) => [radians[2 * i]!, radians[2 * i + 1]!] as const,
  )
  return coverPolygon(vertices, order)
}

/** A float8[] in PostgreSQL's binary form: dimensions, has-nulls, type, length, lower bound; then length and value each. */
function doubles(data: Buffer, p: number): number[] {
  if (data.readInt32BE(p) === 0) return []
  const n = data.readInt32BE(p + 12)
  return Array.from({ length: n }, (_, i) => data.readDoubleBE(p + 20 + 12 * i + 4))
}

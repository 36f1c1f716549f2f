/** The SQL of light curves: points, bins and folded points of the objects asked for, sorted by object and time. */

import { sqlType } from '../db/sql-type.ts'
import type { Field } from '../votable/field.ts'
import type { LightCurve } from './light-curve.ts'
import type { Detail, Filter } from './params.ts'
import { nearestOf } from './reference.ts'

export interface Selection {
  readonly curve: LightCurve
  readonly filter: Filter
  /** As the object column has them, each once. */
  readonly ids: readonly string[]
  /** What was given as an identifier and can be none. */
  readonly badIds: readonly string[]
  /** Many: the table has a column for faults. */
  readonly many: boolean
}

export interface Statement {
  readonly text: string
  readonly values: readonly string[]
  readonly fields: readonly Field[]
}

/** Of many objects: what is wrong with one of them (DataLink 1.1 §3.4 has the words). */
export const FAULT: Field = {
  name: 'error_message',
  datatype: 'char',
  arraysize: '*',
  ucd: 'meta.code.error',
  description: 'Why there are no data of an object; empty in rows with data',
}

/** Adds a parameter; its place in the text is `$n`. */
type Bind = (value: string) => string

export function pointsStatement(
  selection: Selection,
  detail: Detail,
  limit: number | undefined,
  reference: boolean,
): Statement {
  const { curve } = selection
  const columns = columnsOf(curve, detail)
  return statement(selection, limit, {
    reference,
    fields: columns.map(index => curve.fields[index]!),
    select: columns.map(index => columnSql(curve, index)),
    order: [id(curve), time(curve), ...tie(curve)],
  })
}

/** With the phase, from 0 to 1, after the time; sorted by it. */
export function foldedStatement(
  selection: Selection,
  detail: Detail,
  { periodDays, epoch }: { readonly periodDays: number; readonly epoch: number },
  limit: number | undefined,
  reference: boolean,
): Statement {
  const { curve } = selection
  const columns = columnsOf(curve, detail)
  const field: Field = {
    name: 'phase',
    datatype: 'double',
    ucd: 'time.phase',
    description: `Phase at a period of ${periodDays} d; 0 at ${epoch} and every period from there`,
  }
  const period = periodDays / (Number.isNaN(curve.time.days) ? 1 : curve.time.days)
  const turns = `((${time(curve)} - ${number(epoch)}) / ${number(period)})`
  const phase = `(${turns} - floor(${turns}))::float8`
  const at = columns.indexOf(curve.at.time) + 1
  const withPhase = <T>(list: readonly T[], one: T) => [...list.slice(0, at), one, ...list.slice(at)]
  return statement(selection, limit, {
    reference,
    fields: withPhase(
      columns.map(index => curve.fields[index]!),
      field,
    ),
    select: withPhase(
      columns.map(index => columnSql(curve, index)),
      phase,
    ),
    order: [id(curve), phase, ...tie(curve)],
  })
}

/** Per object, band and bin of time: how many points, their weighted mean and its error, the least and the greatest. */
export function binsStatement(selection: Selection, seconds: number, limit: number | undefined): Statement {
  const { curve } = selection
  const { fields, at } = curve
  const value = `${column(at.value)}::float8`
  const error = at.error === undefined ? undefined : `${column(at.error)}::float8`
  const weight =
    error && `CASE WHEN ${error} > 0 AND ${error} < 'Infinity' THEN 1 / (${error} * ${error}) END`
  const mean = weight ? `(sum(${value} * ${weight}) / sum(${weight}))` : `avg(${value})`
  const uncertain = weight ? `(1 / sqrt(sum(${weight})))` : `(stddev_samp(${value}) / sqrt(count(*)))`
  const days = Number.isNaN(curve.time.days) ? 1 : curve.time.days
  const bin = `floor(${time(curve)} * ${number((days * 86_400) / seconds)})`
  const measured = fields[at.value]!
  const derived = (name: string, ucd: string, description: string): Field => ({
    name,
    datatype: 'double',
    ucd,
    description,
    ...(measured.unit && { unit: measured.unit }),
  })
  const kind = curve.measure === 'flux' ? 'phot.flux.density' : 'phot.mag'
  const name = measured.name
  const band = at.band === undefined ? [] : [column(at.band)]
  const { ref: _, ...timeField } = fields[at.time]!
  return statement(selection, limit, {
    fields: [
      fields[at.id]!,
      { ...timeField, datatype: 'double', description: `Mean time of the points in the bin of ${seconds} s` },
      ...(at.band === undefined ? [] : [fields[at.band]!]),
      { name: 'n', datatype: 'int', ucd: 'meta.number', description: 'Number of points in the bin' },
      derived(name, `stat.mean;${kind}`, weight ? 'Mean, weighted by 1/error²' : 'Mean'),
      derived(`${name}_error`, `stat.error;${kind}`, 'Standard error of the mean'),
      derived(`${name}_min`, `stat.min;${kind}`, 'Least value in the bin'),
      derived(`${name}_max`, `stat.max;${kind}`, 'Greatest value in the bin'),
    ],
    select: [
      id(curve),
      `avg(${time(curve)})::float8`,
      ...band,
      'count(*)::int4',
      mean,
      uncertain,
      `min(${value})`,
      `max(${value})`,
    ],
    where: [
      `${value} NOT IN ('NaN', 'Infinity', '-Infinity')`,
      `${time(curve)} NOT IN ('NaN', 'Infinity', '-Infinity')`,
    ],
    group: [id(curve), bin, ...band],
    order: [id(curve), `avg(${time(curve)})`, ...band],
  })
}

/** Object, time, band, value and error as numbers, for what is worked out from them here; only usable points. */
export function measurementsStatement(selection: Selection): Statement {
  const { curve } = selection
  const { fields, at } = curve
  const value = `${column(at.value)}::float8`
  const double = (name: string): Field => ({ name, datatype: 'double' })
  return statement({ ...selection, many: false }, undefined, {
    fields: [
      fields[at.id]!,
      double('time'),
      double('value'),
      double('error'),
      { name: 'band', datatype: 'char', arraysize: '*' },
    ],
    select: [
      id(curve),
      `${time(curve)}::float8`,
      value,
      at.error === undefined ? 'NULL::float8' : `${column(at.error)}::float8`,
      at.band === undefined ? 'NULL::text' : column(at.band),
    ],
    where: [
      `${value} NOT IN ('NaN', 'Infinity', '-Infinity')`,
      `${time(curve)} NOT IN ('NaN', 'Infinity', '-Infinity')`,
    ],
    order: [id(curve), time(curve)],
  })
}

/** One row for each of many objects that has no detections, and for each identifier that can be none. */
export function faultsStatement(selection: Selection, fields: readonly Field[]): Statement {
  const { curve, ids, badIds } = selection
  const { object, table } = curve
  const values = [arrayText(ids), arrayText(badIds)]
  const idAt = fields.findIndex(field => field.name === curve.fields[curve.at.id]!.name)
  const columns = (idSql: string, message: string) =>
    fields.map((field, i) =>
      i === fields.length - 1 ? message : i === idAt ? idSql : `NULL::${sqlType(field)}`,
    )
  const objects = sqlTable(object.table)
  const known = `EXISTS (SELECT FROM ${objects} AS o WHERE o.${quoted(object.id.sqlName)} = i.id)`
  const detected = `EXISTS (SELECT FROM ${sqlTable(table)} AS d WHERE d.${quoted(table.columns[curve.at.id]!.sqlName)} = i.id)`
  const text = [
    `SELECT ${columns('i.id', `CASE WHEN ${known} THEN 'NotFoundFault: ${literal(curve.name)} has no detections of object ' || i.id ELSE 'NotFoundFault: ${literal(`${object.table.schema}.${object.table.name}`)} has no object ' || i.id END`).join(', ')}`,
    `FROM unnest($1::${curve.idType}[]) AS i(id) WHERE NOT ${detected}`,
    'UNION ALL',
    `SELECT ${columns(`NULL::${curve.idType}`, `'UsageFault: ' || i.id || ' is no identifier of an object'`).join(', ')}`,
    'FROM unnest($2::text[]) AS i(id)',
  ].join(' ')
  return { text, values, fields }
}

interface Parts {
  /** With the nearest object of the reference catalogue. */
  readonly reference?: boolean
  readonly fields: readonly Field[]
  readonly select: readonly string[]
  readonly where?: readonly string[]
  readonly group?: readonly string[]
  readonly order: readonly string[]
}

function statement(selection: Selection, limit: number | undefined, parts: Parts): Statement {
  const { curve, many } = selection
  const values: string[] = []
  const bind: Bind = value => `$${values.push(value)}`
  const names = curve.fields.map((_, i) => `c${i + 1}`).join(', ')
  const asked = isAsked(selection, bind)
  const where = [asked(id(curve)), ...conditions(selection, bind), ...(parts.where ?? [])]
  const nearest = parts.reference ? nearestOf(curve, asked) : undefined
  const select = [...parts.select, ...(nearest?.select ?? [])].map((sql, i) => `${sql} AS o${i + 1}`)
  const fields = [...parts.fields, ...(nearest?.fields ?? [])]
  const text = [
    ...(nearest ? [nearest.with] : []),
    `SELECT ${[...select, ...(many ? ['NULL::text AS fault'] : [])].join(', ')}`,
    `FROM (${curve.sql}) AS p(${names})`,
    ...(nearest ? [nearest.join] : []),
    `WHERE ${where.join(' AND ')}`,
    ...(parts.group ? [`GROUP BY ${parts.group.join(', ')}`] : []),
    `ORDER BY ${parts.order.join(', ')}`,
    ...(limit === undefined ? [] : [`LIMIT ${limit + 1}`]),
  ].join(' ')
  return { text, values, fields: many ? [...fields, FAULT] : fields }
}

/** The condition that a column has an identifier of those asked for. */
function isAsked({ curve: { idType }, ids }: Selection, bind: Bind): (column: string) => string {
  const value = ids.length === 1 ? `${bind(ids[0]!)}::${idType}` : `ANY(${bind(arrayText(ids))}::${idType}[])`
  return column => `${column} = ${value}`
}

function conditions({ curve, filter }: Selection, bind: Bind): string[] {
  const { at } = curve
  const all: string[] = []
  if (filter.bands) all.push(`${column(at.band!)} = ANY(${bind(arrayText(filter.bands))}::text[])`)
  if (filter.time) {
    all.push(`${time(curve)} >= ${bind(String(filter.time.low))}::float8`)
    all.push(`${time(curve)} <= ${bind(String(filter.time.high))}::float8`)
  }
  if (filter.quality === 'good') {
    if (at.bits !== undefined) all.push(`${column(at.bits)} = 0`)
    for (const flag of at.flags) all.push(`${column(flag)} IS NOT TRUE`)
  }
  return all
}

/** Which columns, in order: minimal is object, time, band, value, error. */
function columnsOf({ fields, principal, at }: LightCurve, detail: Detail): readonly number[] {
  const first = [at.id, at.time, at.band, at.value, at.error].filter(index => index !== undefined)
  if (detail === 'minimal') return first
  const own = [at.row, at.bits, ...at.flags].filter(index => index !== undefined)
  const more = fields.map((_, i) => i).filter(i => detail === 'full' || principal[i] || own.includes(i))
  return [...first, ...more.filter(i => !first.includes(i))]
}

const column = (index: number) => `p.c${index + 1}`
const id = ({ at }: LightCurve) => column(at.id)
const tie = ({ at }: LightCurve) => [at.row, at.band].filter(i => i !== undefined).map(column)

/** The time as a number; of a timestamp its MJD. */
function time({ at, time: system }: LightCurve): string {
  if (!Number.isNaN(system.days)) return column(at.time)
  return `(extract(epoch FROM ${column(at.time)}::timestamp)::float8 / 86400 + 40587)`
}

function columnSql(curve: LightCurve, index: number): string {
  return index === curve.at.time ? time(curve) : column(index)
}

function number(value: number): string {
  return `'${value}'::float8`
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const literal = (text: string) => text.replaceAll("'", "''")
const sqlTable = (table: { sqlSchema: string; sqlName: string }) =>
  `${quoted(table.sqlSchema)}.${quoted(table.sqlName)}`

/** PostgreSQL's text of an array; `{}` when there is nothing. */
export function arrayText(values: readonly string[]): string {
  return `{${values.map(value => (/^-?\d+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`
}

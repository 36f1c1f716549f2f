/**
 * The blocks held against what is published: which columns a light curve is made of, and the SQL that has them all.
 * The SQL is compiled from ADQL, so that every column arrives in the type that its Field promises.
 */
import { compile } from '../adql/index.ts'
import type { ColumnMeta, TableMeta, Tables } from '../adql/tables.ts'
import { ConfigError } from '../config.ts'
import type { SchemaDescription } from '../vosi/tables.ts'
import type { Field } from '../votable/field.ts'
import { isString, wireType } from '../votable/field.ts'
import type { BandBlock, DetectionBlock, LightCurveBlock, QualityBlock, ReferenceBlock } from './block.ts'

/** What is published, as TAP knows it. */
export interface Published {
  readonly tables: Tables
  readonly schemas: readonly SchemaDescription[]
}

export interface ObjectTable {
  readonly table: TableMeta
  readonly id: ColumnMeta
  /** ICRS, degrees. */
  readonly position: { readonly ra: ColumnMeta; readonly dec: ColumnMeta } | undefined
}

/** The light curves of one table of detections. */
export interface LightCurve {
  /** `schema.table` of the detections, as published. */
  readonly name: string
  readonly title: string
  readonly object: ObjectTable
  readonly table: TableMeta
  /** All that are read for it. */
  readonly tables: readonly TableMeta[]
  /** PostgreSQL type of the object's identifier. */
  readonly idType: 'bigint' | 'integer' | 'smallint' | 'text'
  /** `SELECT …` with the columns `c1, c2 …` of `fields`. */
  readonly sql: string
  readonly fields: readonly Field[]
  readonly principal: readonly boolean[]
  /** Indexes into `fields`. */
  readonly at: Readonly<Columns>
  readonly time: TimeSystem
  readonly measure: 'flux' | 'magnitude'
  readonly quality: QualityBlock | undefined
  readonly bands: Readonly<Record<string, BandBlock>>
  readonly reference: Reference | undefined
}

interface Columns {
  id: number
  time: number
  value: number
  error: number | undefined
  band: number | undefined
  row: number | undefined
  bits: number | undefined
  flags: readonly number[]
  position: { readonly ra: number; readonly dec: number } | undefined
}

export interface TimeSystem {
  readonly scale: string
  readonly refposition: string
  readonly origin: string
  /** Days in one unit of the column; NaN: the column is a timestamp, which is served as MJD. */
  readonly days: number
}

/** A catalogue with an index on its positions. */
export interface Reference {
  readonly table: TableMeta
  readonly columns: readonly ColumnMeta[]
  readonly radiusArcsec: number
}

/** Every light curve of the blocks. Throws a ConfigError that names the key, the table and the column at fault. */
export function lightCurvesOf(
  blocks: readonly LightCurveBlock[],
  published: Published,
): readonly LightCurve[] {
  return blocks.flatMap((block, b) =>
    block.detections.map((detections, d) =>
      lightCurve(`lightCurves[${b}]`, `lightCurves[${b}].detections[${d}]`, block, detections, published),
    ),
  )
}

function lightCurve(
  key: string,
  detectionKey: string,
  { object, reference }: LightCurveBlock,
  block: DetectionBlock,
  published: Published,
): LightCurve {
  const { tables } = published
  const objectTable = findTable(`${key}.object.table`, object.table, tables)
  const ofObject = (name: string, column: string) => findColumn(`${key}.object.${name}`, column, objectTable)
  const table = findTable(`${detectionKey}.table`, block.table, tables)
  const own = (name: string, column: string) => findColumn(`${detectionKey}.${name}`, column, table)
  const timeTable = block.time.table
    ? findTable(`${detectionKey}.time.table`, block.time.table, tables)
    : undefined
  const time = findColumn(`${detectionKey}.time.column`, block.time.column, timeTable ?? table)
  const join = timeTable && joinOf(`${detectionKey}.time`, block, table, timeTable, published)
  const adql = [
    'SELECT',
    [
      ...table.columns.map(column => `d.${quoted(column.field.name)}`),
      ...(timeTable ? [`v.${quoted(time.field.name)}`] : []),
    ].join(', '),
    `FROM ${quotedTable(table)} AS d`,
    timeTable ? `LEFT JOIN ${quotedTable(timeTable)} AS v ON ${join}` : '',
  ].join(' ')
  const compiled = compile(adql, tables, { maxrec: undefined })
  const indexOf = (column: ColumnMeta) => table.columns.indexOf(column)
  const id = own('object', block.object)
  const measured = (block.flux ?? block.magnitude)!
  const measure = block.flux ? 'flux' : 'magnitude'
  const numeric = (name: string, column: string) => {
    const found = own(name, column)
    if (!/^(float|int)\d$/.test(wireType(found.field)))
      throw new ConfigError(`${detectionKey}.${name}: ${column} is not a column of numbers`)
    return indexOf(found)
  }
  const { quality, position } = block
  const days = daysOf(`${detectionKey}.time.column`, time)
  const timeAt = timeTable ? table.columns.length : indexOf(time)
  const at: Columns = {
    id: indexOf(id),
    time: timeAt,
    value: numeric(`${measure}.column`, measured.column),
    error: measured.error === undefined ? undefined : numeric(`${measure}.error`, measured.error),
    band: block.band === undefined ? undefined : indexOf(own('band', block.band)),
    row: block.id === undefined ? undefined : indexOf(own('id', block.id)),
    bits: quality?.bits === undefined ? undefined : numeric('quality.bits', quality.bits),
    flags: (quality?.flags ?? []).map((flag, i) => indexOf(own(`quality.flags[${i}]`, flag))),
    position: position && {
      ra: indexOf(own('position.ra', position.ra)),
      dec: indexOf(own('position.dec', position.dec)),
    },
  }
  return {
    name: `${table.schema}.${table.name}`,
    title: block.title ?? `Light curves of ${table.schema}.${table.name}`,
    object: {
      table: objectTable,
      id: ofObject('id', object.id),
      position:
        object.ra === undefined || object.dec === undefined
          ? undefined
          : { ra: ofObject('ra', object.ra), dec: ofObject('dec', object.dec) },
    },
    table,
    tables: [objectTable, table, ...(timeTable ? [timeTable] : [])],
    idType: idTypeOf(`${detectionKey}.object`, id),
    sql: compiled.text,
    fields: compiled.fields.map((field, i) => (i === timeAt ? timeField(field, days) : field)),
    principal: compiled.fields.map((_, i) => i === timeAt || table.columns[i]!.principal),
    at,
    time: { ...block.time, days },
    measure,
    quality,
    bands: block.bands,
    reference: reference && referenceOf(`${key}.reference`, reference, tables),
  }
}

/** `d.a = v.b AND …`: as the block says, or by the one foreign key between the two tables. */
function joinOf(
  key: string,
  block: DetectionBlock,
  table: TableMeta,
  timeTable: TableMeta,
  { schemas }: Published,
): string {
  const said = block.time.join ?? keyBetween(key, table, timeTable, schemas)
  return Object.entries(said)
    .map(([from, target]) => {
      const left = findColumn(`${key}.join`, from, table)
      const right = findColumn(`${key}.join`, target, timeTable)
      return `d.${quoted(left.field.name)} = v.${quoted(right.field.name)}`
    })
    .join(' AND ')
}

function keyBetween(
  key: string,
  table: TableMeta,
  timeTable: TableMeta,
  schemas: readonly SchemaDescription[],
): Record<string, string> {
  const description = schemas.flatMap(schema => schema.tables).find(one => isNamed(one.name, table))
  const keys = (description?.keys ?? []).filter(one => isNamed(one.target, timeTable))
  if (keys.length !== 1) {
    throw new ConfigError(
      `${key}.join: TAP_SCHEMA has ${keys.length === 0 ? 'no key' : `${keys.length} keys`} from ` +
        `${table.schema}.${table.name} to ${timeTable.schema}.${timeTable.name}; say which columns are equal`,
    )
  }
  return Object.fromEntries(keys[0]!.columns.map(({ from, target }) => [bare(from), bare(target)]))
}

/** Whether a TAP_SCHEMA name, quoted where it must be, is the table's. */
export function isNamed(name: string, table: Pick<TableMeta, 'schema' | 'name'>): boolean {
  return name.split('.').map(bare).join('.') === `${table.schema}.${table.name}`
}

const bare = (name: string) => name.replace(/^"|"$/g, '').replaceAll('""', '"')

function findTable(key: string, name: string, tables: Tables): TableMeta {
  const parts = name.split('.')
  const [schema, table] = parts.length === 2 ? parts : [undefined, name]
  const found = tables.find(schema === undefined ? undefined : { text: schema, delimited: false }, {
    text: table!,
    delimited: false,
  })
  if (found.length !== 1) throw new ConfigError(`${key}: there is no published table ${name}`)
  return found[0]!
}

function findColumn(key: string, name: string, table: TableMeta): ColumnMeta {
  const found =
    table.columns.find(column => column.field.name === name) ??
    table.columns.find(column => column.field.name.toLowerCase() === name.toLowerCase())
  if (!found) throw new ConfigError(`${key}: ${table.schema}.${table.name} has no column ${name}`)
  return found
}

function idTypeOf(key: string, { field }: ColumnMeta): LightCurve['idType'] {
  const type = wireType(field)
  if (type === 'int8') return 'bigint'
  if (type === 'int4') return 'integer'
  if (type === 'int2') return 'smallint'
  if (type === 'text') return 'text'
  throw new ConfigError(`${key}: ${field.name} is neither an integer nor a text`)
}

const DAYS: Readonly<Record<string, number>> = { d: 1, h: 1 / 24, min: 1 / 1440, s: 1 / 86_400 }

function daysOf(key: string, { field, sqlType }: ColumnMeta): number {
  if (field.xtype === 'timestamp' || sqlType === 'timestamp') return Number.NaN
  if (isString(field))
    throw new ConfigError(`${key}: ${field.name} is a text; it must be numbers or timestamps`)
  const days = DAYS[field.unit ?? 'd']
  if (days === undefined)
    throw new ConfigError(
      `${key}: ${field.name} is in ${field.unit}; known are ${Object.keys(DAYS).join(', ')}`,
    )
  return days
}

function timeField(field: Field, days: number): Field {
  if (!Number.isNaN(days)) return { ...field, ucd: field.ucd ?? 'time.epoch' }
  const { name, description } = field
  return { name, datatype: 'double', unit: 'd', ucd: 'time.epoch', ...(description && { description }) }
}

function referenceOf(key: string, block: ReferenceBlock, tables: Tables): Reference {
  const table = findTable(`${key}.table`, block.table, tables)
  if (!table.position) throw new ConfigError(`${key}.table: ${block.table} has no index on its positions`)
  return {
    table,
    columns: block.columns.map((name, i) => findColumn(`${key}.columns[${i}]`, name, table)),
    radiusArcsec: block.radius,
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const quotedTable = (table: TableMeta) => `${quoted(table.schema)}.${quoted(table.name)}`

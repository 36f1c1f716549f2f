/**
 * Service descriptors (DataLink 1.1 §4): what a VOTable with identifiers of objects says about where their light
 * curves are, and the same as self-description of an answer.
 */
import type { ColumnSource } from '../adql/index.ts'
import type { SchemaDescription } from '../vosi/tables.ts'
import { LINKS_ID, options, serviceDescriptor, textParam } from '../votable/descriptor.ts'
import type { Field } from '../votable/field.ts'
import { element } from '../votable/xml.ts'
import { isNamed, type LightCurve } from './light-curve.ts'

/** Rubin's name for the contract of /timeseries, which is what its clients look for. */
export const TIMESERIES_ID = 'lsst://api.data.lsst.cloud/datalink/timeseries#v0.1'

export interface Described {
  readonly fields: readonly Field[]
  /** RESOURCE elements. */
  readonly resources: readonly string[]
}

/**
 * The descriptors of a result: one for each light curve of whose objects a column has the identifiers, under whatever
 * name, and one for their links. A column that is there twice is described once.
 */
export function describe(
  curves: readonly LightCurve[],
  schemas: readonly SchemaDescription[],
  baseUrl: string,
  sources: readonly (ColumnSource | undefined)[],
  fields: readonly Field[],
): Described {
  const ids = xmlIds(fields)
  const resources: string[] = []
  const linked = new Set<string>()
  const marked = new Set<number>()
  curves.forEach((curve, n) => {
    const index = sources.findIndex(source => source && isObjectId(curve, source, schemas))
    if (index < 0) return
    marked.add(index)
    resources.push(timeSeriesDescriptor(curve, baseUrl, `lightcurve_${n + 1}`, ids[index]!))
    const objects = `${curve.object.table.schema}.${curve.object.table.name}`
    if (linked.has(objects)) return
    linked.add(objects)
    resources.push(linksDescriptor(baseUrl, `links_${linked.size}`, ids[index]!))
  })
  return { fields: fields.map((field, i) => (marked.has(i) ? { ...field, id: ids[i]! } : field)), resources }
}

/** Columns that hold the object's identifier: its own, the detections', and those with a foreign key to it. */
function isObjectId(curve: LightCurve, source: ColumnSource, schemas: readonly SchemaDescription[]): boolean {
  const { object, table, fields, at } = curve
  const is = (t: { schema: string; name: string }, column: string) =>
    source.schema === t.schema && source.table === t.name && source.column === column
  if (is(object.table, object.id.field.name) || is(table, fields[at.id]!.name)) return true
  const described = schemas
    .flatMap(schema => schema.tables)
    .find(one => isNamed(one.name, { schema: source.schema, name: source.table }))
  return (described?.keys ?? []).some(
    key =>
      isNamed(key.target, object.table) &&
      key.columns.some(
        ({ from, target }) => bare(from) === source.column && bare(target) === object.id.field.name,
      ),
  )
}

const bare = (name: string) => name.replace(/^"|"$/g, '').replaceAll('""', '"')

/** An XML ID for each field: its own, its name where that can be one (pyvo looks columns up by either), or `col_n`. */
function xmlIds(fields: readonly Field[]): readonly string[] {
  const used = new Set<string>(fields.map(field => field.id).filter(id => id !== undefined))
  return fields.map((field, i) => {
    if (field.id !== undefined) return field.id
    const id = /^[A-Za-z_][\w.-]*$/.test(field.name) && !used.has(field.name) ? field.name : `col_${i}`
    used.add(id)
    return id
  })
}

/** `ref` is the XML ID of the column with the identifiers; without it the user is to give one. */
export function timeSeriesDescriptor(
  curve: LightCurve,
  baseUrl: string,
  id: string,
  ref: string | undefined,
  value = '',
): string {
  const { fields, at, bands, object } = curve
  const idField = fields[at.id]!
  const inputs = [
    element('PARAM', {
      name: 'ID',
      datatype: idField.datatype,
      arraysize: idField.arraysize,
      ucd: 'meta.id;meta.main',
      ref,
      value,
    }),
    textParam('TABLE', curve.name, { ucd: 'meta.id;meta.dataset' }),
    at.band === undefined
      ? ''
      : textParam('BAND', 'all', { ucd: 'instr.bandpass' }, options(['all', ...Object.keys(bands)])),
    textParam('DETAIL', 'principal', {}, options(['full', 'principal', 'minimal'])),
  ]
  return serviceDescriptor({
    id,
    name: 'light curve',
    description: `${curve.title}, by ${object.id.field.name}`,
    accessUrl: `${baseUrl}/timeseries`,
    standardId: TIMESERIES_ID,
    contentType: 'application/x-votable+xml',
    inputs,
  })
}

export function linksDescriptor(baseUrl: string, id: string, ref: string): string {
  return serviceDescriptor({
    id,
    name: 'links',
    description: 'Everything that belongs to the object',
    accessUrl: `${baseUrl}/links`,
    standardId: LINKS_ID,
    inputs: [textParam('ID', '', { ucd: 'meta.id;meta.main', ref })],
  })
}

/** DataLink 1.1 §4.4: what this service itself takes. */
export function selfDescriptor(baseUrl: string): string {
  return serviceDescriptor({
    utype: 'adhoc:this',
    accessUrl: `${baseUrl}/links`,
    standardId: LINKS_ID,
    inputs: [textParam('ID', '', { ucd: 'meta.id;meta.main' })],
  })
}

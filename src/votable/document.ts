/**
 * What stands around the rows of a VOTable: everything before DATA, everything after it, and the document that
 * holds an error in place of a table.
 *
 * Version 1.4 in the namespace v1.3 (which 1.4 and 1.5 keep): astropy before 6 knows no 1.5, nothing here needs it.
 */
import { errorText, ServiceError } from '../error.ts'
import type { Field } from './field.ts'
import { isString } from './field.ts'
import type { Outcome } from './row.ts'
import { element, escapeText } from './xml.ts'

export interface Info {
  readonly name: string
  readonly value: string
  /** Content of the element, for people. */
  readonly text?: string
  readonly id?: string
}

/** VOTable 1.4 §3.4. `refposition` is of 1.5 and does not validate as 1.4. */
export interface CooSys {
  readonly id: string
  readonly system: string
  readonly epoch?: string
  readonly equinox?: string
}

/** VOTable 1.4 §3.5. `timeorigin` is a Julian date, `MJD-origin` or `JD-origin`; absent for ISO timestamps. */
export interface TimeSys {
  readonly id: string
  readonly timescale: string
  readonly refposition: string
  readonly timeorigin?: string
}

export interface DocumentHead {
  readonly infos: readonly Info[]
  readonly description?: string
  readonly cooSys?: readonly CooSys[]
  readonly timeSys?: readonly TimeSys[]
  /** PARAM elements of the results as XML, before the table. */
  readonly params?: readonly string[]
  /** GROUP elements of the table as XML, after its FIELDs. */
  readonly groups?: readonly string[]
  /** RESOURCE elements (service descriptors) as XML, appended after the results. */
  readonly resources?: readonly string[]
  /** When it is known before the rows: `OVERFLOW` for MAXREC=0. Otherwise `OK`. */
  readonly queryStatus?: 'OK' | 'OVERFLOW'
  /** Name of the table. */
  readonly tableName?: string
}

const OPEN =
  '<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'

export function infoElement(info: Info): string {
  const { name, value, id, text } = info
  return `${element('INFO', { ID: id, name, value }, text && escapeText(text))}\n`
}

/**
 * A FIELD. `null` is the integer that stands for NULL, in serializations that have no other way.
 * Strings of bounded length (`8*`) are declared `*`: astropy up to 7 takes the bound for a fixed length and then
 * reads every binary row after it at the wrong offset, and stops at `unicodeChar` `8*`.
 */
export function fieldElement(field: Field, nullValue?: string): string {
  const { name, datatype, xtype, unit, ucd, utype, id, ref } = field
  const arraysize = isString(field) && /^\d+\*$/.test(field.arraysize ?? '') ? '*' : field.arraysize
  const content =
    (field.description ? element('DESCRIPTION', {}, escapeText(field.description)) : '') +
    (nullValue === undefined ? '' : element('VALUES', { null: nullValue }))
  return `${element('FIELD', { ID: id, name, datatype, arraysize, xtype, unit, ucd, utype, ref }, content)}\n`
}

/** Fields with XML IDs that are unique in the document: of several columns with one `id`, the first keeps it. */
function withUniqueIds(fields: readonly Field[]): readonly Field[] {
  const used = new Set<string>()
  return fields.map(field => {
    let id = field.id
    for (let n = 2; id !== undefined && used.has(id); n++) id = `${field.id}_${n}`
    if (id === undefined) return field
    used.add(id)
    return { ...field, id }
  })
}

/**
 * The document up to and including the last FIELD. DALI 1.1 §4.4: QUERY_STATUS stands before the TABLE.
 * `nulls[i]` is the integer that stands for NULL in column i.
 */
export function documentHead(
  fields: readonly Field[],
  head: DocumentHead,
  nulls: readonly (string | undefined)[] = [],
): string {
  return [
    OPEN,
    '<RESOURCE type="results">\n',
    head.description ? `${element('DESCRIPTION', {}, escapeText(head.description))}\n` : '',
    infoElement({ name: 'QUERY_STATUS', value: head.queryStatus ?? 'OK' }),
    ...head.infos.map(infoElement),
    ...(head.cooSys ?? []).map(
      ({ id, system, equinox, epoch }) => `${element('COOSYS', { ID: id, system, equinox, epoch })}\n`,
    ),
    ...(head.timeSys ?? []).map(
      ({ id, timescale, refposition, timeorigin }) =>
        `${element('TIMESYS', { ID: id, timeorigin, timescale, refposition })}\n`,
    ),
    ...(head.params ?? []).map(xml => `${xml}\n`),
    head.tableName ? `${element('TABLE', { name: head.tableName }).slice(0, -2)}>\n` : '<TABLE>\n',
    ...withUniqueIds(fields).map((field, i) => fieldElement(field, nulls[i])),
    ...(head.groups ?? []).map(xml => `${xml}\n`),
  ].join('')
}

/**
 * The document from `</TABLE>` on. An overflow or an error that was found while the rows went out is said after the
 * table (DALI 1.1 §4.4.1–2), as are `warnings`.
 */
export function documentTail(outcome: Outcome, head: DocumentHead, warnings: readonly string[] = []): string {
  const status: Info[] = []
  if (outcome.overflow && head.queryStatus !== 'OVERFLOW') {
    const text = `The limit of rows is reached: ${outcome.rows} are here, there are more.`
    status.push({ name: 'QUERY_STATUS', value: 'OVERFLOW', text })
  }
  if (outcome.error !== undefined) {
    status.push({ name: 'QUERY_STATUS', value: 'ERROR', text: outcome.error })
  }
  return [
    '</TABLE>\n',
    ...warnings.map(text => infoElement({ name: 'warning', value: text })),
    ...status.map(infoElement),
    '</RESOURCE>\n',
    ...(head.resources ?? []).map(xml => `${xml}\n`),
    '</VOTABLE>\n',
  ].join('')
}

/** DALI 1.1 §4.4.2: a whole document that only says what went wrong. */
export function errorDocument(message: string, infos: readonly Info[] = []): string {
  return [
    OPEN,
    '<RESOURCE type="results">\n',
    infoElement({ name: 'QUERY_STATUS', value: 'ERROR', text: message }),
    ...infos.map(infoElement),
    '</RESOURCE>\n</VOTABLE>\n',
  ].join('')
}

/** Keeps what ended the rows too early, in words that the document can end with. */
export function recordFailure(outcome: Outcome, error: unknown): void {
  outcome.cause ??= error
  outcome.error ??=
    error instanceof ServiceError
      ? errorText(error)
      : 'The service failed while it sent the rows; they are incomplete.'
}

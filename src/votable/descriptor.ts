/** Service descriptors (DataLink 1.1 §4) as XML: what can be asked about the rows of a table, and how. */
import { element, escapeText } from './xml.ts'

export const LINKS_ID = 'ivo://ivoa.net/std/DataLink#links-1.1'

export interface ServiceDescriptor {
  /** XML ID; absent where nothing refers to it. */
  readonly id?: string
  readonly name?: string
  /** `adhoc:this` where the service describes itself (§4.4). */
  readonly utype?: 'adhoc:service' | 'adhoc:this'
  readonly description?: string
  readonly accessUrl: string
  readonly standardId?: string
  readonly contentType?: string
  /** PARAM elements. */
  readonly inputs: readonly string[]
}

export function serviceDescriptor(service: ServiceDescriptor): string {
  const {
    id,
    name,
    utype = 'adhoc:service',
    description,
    accessUrl,
    standardId,
    contentType,
    inputs,
  } = service
  return element(
    'RESOURCE',
    { type: 'meta', utype, ID: id, name },
    [
      description === undefined ? '' : element('DESCRIPTION', {}, escapeText(description)),
      textParam('accessURL', accessUrl, { ucd: 'meta.ref.url' }),
      standardId === undefined ? '' : textParam('standardID', standardId),
      contentType === undefined ? '' : textParam('contentType', contentType),
      element('GROUP', { name: 'inputParams' }, inputs.join('')),
    ].join(''),
  )
}

/** A PARAM of strings; `content` is XML, such as VALUES. */
export function textParam(
  name: string,
  value: string,
  more: Readonly<Record<string, string | undefined>> = {},
  content = '',
): string {
  return element('PARAM', { name, datatype: 'char', arraysize: '*', ...more, value }, content)
}

/** A PARAM of numbers that the user gives. */
export function numberParam(
  name: string,
  more: Readonly<Record<string, string | undefined>>,
  content = '',
): string {
  return element('PARAM', { name, datatype: 'double', ...more, value: more.value ?? '' }, content)
}

/** VALUES: those that can be chosen. */
export function options(values: readonly string[]): string {
  return values.length === 0
    ? ''
    : element('VALUES', {}, values.map(value => element('OPTION', { value })).join(''))
}

/** VALUES: the largest that is of use (SODA 1.0 §4.2: for intervals and shapes, the bounds of the data). */
export function most(value: string): string {
  return element('VALUES', {}, element('MAX', { value }))
}

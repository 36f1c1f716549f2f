/** VOSI 1.1 §3.3 with VODataService 1.2 §3.3: table metadata as a document. */
import type { Field } from '../votable/field.ts'
import { element, leaf, type XmlElement, xmlDocument } from './xml.ts'

export interface SchemaDescription {
  readonly name: string
  readonly utype?: string
  readonly description?: string
  readonly tables: readonly TableDescription[]
}

export interface TableDescription {
  /** As queries write it: schema.table. */
  readonly name: string
  readonly type: string
  readonly utype?: string
  readonly description?: string
  readonly rows?: number
  readonly columns: readonly ColumnDescription[]
  readonly keys: readonly KeyDescription[]
}

export interface ColumnDescription {
  /** As queries write it. */
  readonly name: string
  readonly field: Field
  readonly indexed: boolean
  readonly std: boolean
  readonly principal: boolean
}

export interface KeyDescription {
  readonly target: string
  readonly description?: string
  readonly columns: readonly { readonly from: string; readonly target: string }[]
}

const NAMESPACES = {
  'xmlns:vosi': 'http://www.ivoa.net/xml/VOSITables/v1.0',
  'xmlns:vs': 'http://www.ivoa.net/xml/VODataService/v1.1',
  'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
}

export function tablesetDocument(schemas: readonly SchemaDescription[], detail: 'min' | 'max'): string {
  return xmlDocument(
    element(
      'vosi:tableset',
      NAMESPACES,
      ...schemas.map(schema =>
        element(
          'schema',
          {},
          leaf('name', schema.name),
          leaf('description', schema.description),
          leaf('utype', schema.utype),
          ...schema.tables.map(table =>
            element('table', { type: table.type }, ...tableContent(table, detail)),
          ),
        ),
      ),
    ),
  )
}

export function tableDocument(table: TableDescription): string {
  return xmlDocument(
    element('vosi:table', { ...NAMESPACES, type: table.type }, ...tableContent(table, 'max')),
  )
}

function tableContent(table: TableDescription, detail: 'min' | 'max'): readonly (XmlElement | undefined)[] {
  return [
    leaf('name', table.name),
    leaf('description', table.description),
    leaf('utype', table.utype),
    leaf('nrows', table.rows),
    ...(detail === 'max' ? [...table.columns.map(columnElement), ...table.keys.map(keyElement)] : []),
  ]
}

function columnElement(column: ColumnDescription): XmlElement {
  const { field } = column
  return element(
    'column',
    { std: column.std ? 'true' : 'false' },
    leaf('name', column.name),
    leaf('description', field.description),
    leaf('unit', field.unit),
    leaf('ucd', field.ucd),
    leaf('utype', field.utype),
    element(
      'dataType',
      { 'xsi:type': 'vs:VOTableType', arraysize: field.arraysize, extendedType: field.xtype },
      field.datatype,
    ),
    column.indexed ? leaf('flag', 'indexed') : undefined,
    column.principal ? leaf('flag', 'principal') : undefined,
  )
}

function keyElement(key: KeyDescription): XmlElement {
  return element(
    'foreignKey',
    {},
    leaf('targetTable', key.target),
    ...key.columns.map(c =>
      element('fkColumn', {}, leaf('fromColumn', c.from), leaf('targetColumn', c.target)),
    ),
    leaf('description', key.description),
  )
}

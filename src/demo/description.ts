/**
 * Reads the Felis YAML of the demo survey's own schemas (the dialect of Rubin Observatory's sdm_schemas) into what is
 * needed to create and publish the tables. It knows what these files use and refuses what it does not know.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import type { Datatype, Field } from '../votable/field.ts'

export interface SchemaDescription {
  readonly name: string
  readonly description: string
  readonly tables: readonly TableDescription[]
}

export interface TableDescription {
  readonly name: string
  readonly description: string
  readonly index: number
  readonly primaryKey: string
  readonly columns: readonly ColumnDescription[]
  readonly indexes: readonly { readonly name: string; readonly column: string }[]
  readonly keys: readonly KeyDescription[]
  /** The columns with the UCDs of the main position, which get the index on the sphere. */
  readonly position: { readonly ra: string; readonly dec: string } | undefined
}

export interface ColumnDescription {
  readonly field: Field
  readonly sqlType: string
  readonly nullable: boolean
  readonly principal: boolean
}

export interface KeyDescription {
  readonly name: string
  readonly description: string
  readonly column: string
  readonly targetTable: string
  readonly targetColumn: string
}

/** Felis datatype → VOTable datatype and PostgreSQL type. */
const TYPES: Record<string, readonly [Datatype, string]> = {
  short: ['short', 'smallint'],
  int: ['int', 'integer'],
  long: ['long', 'bigint'],
  float: ['float', 'real'],
  double: ['double', 'double precision'],
  char: ['char', 'text'],
  string: ['char', 'text'],
}

interface FelisColumn {
  name: string
  description: string
  datatype: string
  nullable?: boolean
  'votable:arraysize'?: string
  'ivoa:unit'?: string
  'ivoa:ucd'?: string
  'tap:principal'?: number
}

interface FelisTable {
  name: string
  description: string
  'tap:table_index': number
  primaryKey: string
  columns: FelisColumn[]
  indexes?: { name: string; columns: string[] }[]
  constraints?: {
    name: string
    '@type': string
    description: string
    columns: string[]
    referencedColumns: string[]
  }[]
}

/** Reads a schema's file beside this one: `demo.yaml`, `bench.yaml`. */
export function readDescription(file: string): SchemaDescription {
  const text = readFileSync(fileURLToPath(new URL(file, import.meta.url)), 'utf8')
  const felis = parse(text) as { name: string; description: string; tables: FelisTable[] }
  return { name: felis.name, description: felis.description, tables: felis.tables.map(tableOf) }
}

function tableOf(table: FelisTable): TableDescription {
  const columns = table.columns.map(columnOf)
  const withUcd = (ucd: string) => columns.find(column => column.field.ucd === ucd)?.field.name
  const [ra, dec] = [withUcd('pos.eq.ra;meta.main'), withUcd('pos.eq.dec;meta.main')]
  return {
    name: table.name,
    description: table.description,
    index: table['tap:table_index'],
    primaryKey: reference(table.primaryKey)[1],
    columns,
    indexes: (table.indexes ?? []).map(index => ({ name: index.name, column: only(index.columns)[1] })),
    keys: (table.constraints ?? []).map(constraint => {
      if (constraint['@type'] !== 'ForeignKey')
        throw new Error(`${constraint.name}: only foreign keys are known`)
      const [targetTable, targetColumn] = only(constraint.referencedColumns)
      const column = only(constraint.columns)[1]
      return { name: constraint.name, description: constraint.description, column, targetTable, targetColumn }
    }),
    position: ra && dec ? { ra, dec } : undefined,
  }
}

function columnOf(column: FelisColumn): ColumnDescription {
  const types = TYPES[column.datatype]
  if (!types) throw new Error(`${column.name}: datatype ${column.datatype} is not known`)
  const arraysize = column['votable:arraysize']
  const unit = column['ivoa:unit']
  const ucd = column['ivoa:ucd']
  return {
    field: {
      name: column.name,
      datatype: types[0],
      description: column.description,
      ...(arraysize && { arraysize }),
      ...(unit && { unit }),
      ...(ucd && { ucd }),
    },
    sqlType: types[1],
    nullable: column.nullable ?? true,
    principal: column['tap:principal'] === 1,
  }
}

/** `#table.column` */
function reference(id: string): [table: string, column: string] {
  const [, table, column] = /^#(\w+)\.(\w+)$/.exec(id) ?? []
  if (!table || !column) throw new Error(`${id} is not a reference to a column`)
  return [table, column]
}

function only(ids: readonly string[]): [table: string, column: string] {
  if (ids.length !== 1) throw new Error(`${ids.join(', ')}: keys of one column only`)
  return reference(ids[0]!)
}

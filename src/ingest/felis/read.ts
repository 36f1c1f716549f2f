/**
 * Felis YAML (Rubin Observatory's description of schemas, felis 9) into what is needed to make and publish tables.
 * Keys with a prefix that mean nothing here (`mysql:`, `fits:` but for tunit) are passed over.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { parse as parseYaml } from 'yaml'
import { sqlType } from '../../db/sql-type.ts'
import { ServiceError } from '../../error.ts'
import type { Field } from '../../votable/field.ts'
import { findPair } from '../../votable/position.ts'
import { sqlColumnName } from '../names.ts'
import type { ColumnModel, KeyModel, SchemaModel, TableModel } from './model.ts'

type Mapping = Readonly<Record<string, unknown>>

/** Throws `usage` naming file, table and column for what cannot be understood. */
export async function readFelis(file: string): Promise<SchemaModel> {
  const text = await readFile(file, 'utf8').catch(error => {
    throw new ServiceError('usage', `Cannot read ${file}: ${(error as Error).message}`)
  })
  return parseFelis(text, file, uri => readFile(path.resolve(path.dirname(file), uri), 'utf8'))
}

/** `load` reads the schemas that columns are taken from (`resources`, `columnRefs`). */
export async function parseFelis(
  text: string,
  title: string,
  load: (uri: string) => Promise<string>,
): Promise<SchemaModel> {
  try {
    const root = mapping(parseYaml(text, { maxAliasCount: 1000 }), 'the file')
    const resources = new Map<string, Mapping>()
    for (const [name, resource] of Object.entries(optionalMapping(root.resources, 'resources'))) {
      const uri = word(mapping(resource, `resource ${name}`).uri, `resource ${name}: uri`)
      if (/^[a-z]+:/i.test(uri)) throw new Problem(`resource ${name}: ${uri} is not a file beside this one`)
      resources.set(name, mapping(parseYaml(await load(uri)), uri))
    }
    const name = word(root.name, 'name')
    const tables = list(root.tables, 'tables').map((table, i) => mapping(table, `table ${i + 1}`))
    const byId = columnsById(tables)
    return {
      name: name.toLowerCase(),
      ...text_('description', root.description),
      ...text_('utype', root['votable:utype']),
      tables: tables.map(table => tableOf(table, resources, byId)),
    }
  } catch (error) {
    const isOurs = error instanceof Problem || (error as Error).name === 'YAMLParseError'
    if (!isOurs) throw error
    throw new ServiceError('usage', `${title}: ${(error as Error).message}`, { cause: error })
  }
}

/** Something that the file has wrong. */
class Problem extends Error {}

/** What `#Table.column`, or an `@id` of any spelling, refers to. */
function columnsById(tables: readonly Mapping[]): Map<string, { table: string; column: string }> {
  const byId = new Map<string, { table: string; column: string }>()
  for (const table of tables) {
    for (const one of optionalList(table.columns)) {
      const [tableName, column] = [String(table.name), mapping(one, 'column')]
      const target = { table: tableName, column: String(column.name) }
      byId.set(`#${tableName}.${target.column}`, target)
      if (typeof column['@id'] === 'string') byId.set(column['@id'], target)
    }
  }
  return byId
}

function tableOf(
  table: Mapping,
  resources: ReadonlyMap<string, Mapping>,
  byId: ReadonlyMap<string, { table: string; column: string }>,
): TableModel {
  const name = word(table.name, 'a table: name')
  const at = `table ${name}`
  const own = [
    ...referred(table, resources, at),
    ...optionalList(table.columns).map(c => mapping(c, `${at}: a column`)),
  ]
  if (own.length === 0) throw new Problem(`${at} has no columns`)
  const columns = inOrder(own).map(column => columnOf(column, at))
  const taken = new Set<string>()
  for (const { sqlName, field } of columns) {
    if (taken.has(sqlName)) throw new Problem(`${at}: two columns are named ${field.name}, but for case`)
    taken.add(sqlName)
  }
  const sqlNameOf = (id: string, where: string): string => {
    const column = byId.get(id)?.column ?? /^#?(?:.*\.)?([^.]+)$/.exec(id)?.[1]
    const found = columns.find(c => c.field.name === column)
    if (!found) throw new Problem(`${at}, ${where}: ${id} is none of its columns`)
    return found.sqlName
  }
  const ids = (value: unknown) => (Array.isArray(value) ? value : [value]).map(String)
  const constraints = optionalList(table.constraints).map(c => mapping(c, `${at}: a constraint`))
  const ofType = (type: string) => constraints.filter(c => c['@type'] === type)
  const pair = findPair(columns.map(c => c.field))
  const isMain = pair && [pair.ra, pair.dec].every(i => (columns[i]!.field.unit ?? 'deg').startsWith('deg'))
  return {
    name,
    sqlName: name.toLowerCase(),
    ...text_('description', table.description),
    ...text_('utype', table['votable:utype']),
    ...(typeof table['tap:table_index'] === 'number' && { index: table['tap:table_index'] }),
    columns,
    primaryKey:
      table.primaryKey === undefined ? [] : ids(table.primaryKey).map(id => sqlNameOf(id, 'primaryKey')),
    uniques: ofType('Unique').map(c => ids(c.columns).map(id => sqlNameOf(id, String(c.name)))),
    indexes: optionalList(table.indexes).map(one => {
      const index = mapping(one, `${at}: an index`)
      if (index.columns === undefined)
        throw new Problem(`${at}, index ${String(index.name)}: only indexes of columns are known`)
      return ids(index.columns).map(id => sqlNameOf(id, String(index.name)))
    }),
    keys: ofType('ForeignKey').map(c => keyOf(c, at, byId)),
    ...(isMain && { position: { ra: columns[pair.ra]!.sqlName, dec: columns[pair.dec]!.sqlName } }),
  }
}

/** Columns taken from a table of another schema, perhaps with something said anew. */
function referred(table: Mapping, resources: ReadonlyMap<string, Mapping>, at: string): Mapping[] {
  return Object.entries(optionalMapping(table.columnRefs, `${at}: columnRefs`)).flatMap(([name, tables]) => {
    const resource = resources.get(name)
    if (!resource) throw new Problem(`${at}: columnRefs: there is no resource ${name}`)
    return Object.entries(mapping(tables, `${at}: columnRefs ${name}`)).flatMap(([tableName, columns]) => {
      const source = list(resource.tables, `${name}: tables`)
        .map(t => mapping(t, name))
        .find(t => t.name === tableName)
      if (!source) throw new Problem(`${at}: columnRefs: ${name} has no table ${tableName}`)
      const theirs = list(source.columns, tableName).map(c => mapping(c, tableName))
      if (columns === null) return theirs
      return Object.entries(mapping(columns, tableName)).map(([columnName, anew]) => {
        const column = theirs.find(c => c.name === columnName)
        if (!column) throw new Problem(`${at}: columnRefs: ${name}.${tableName} has no column ${columnName}`)
        return { ...column, ...optionalMapping(anew, columnName) }
      })
    })
  })
}

/** By tap:column_index, where columns have one; the others after them. */
function inOrder(columns: readonly Mapping[]): Mapping[] {
  const order = (column: Mapping) => Number(column['tap:column_index'] ?? Number.POSITIVE_INFINITY)
  return [...columns].sort((a, b) => (order(a) === order(b) ? 0 : order(a) - order(b)))
}

const DATATYPES: Readonly<Record<string, Pick<Field, 'datatype' | 'arraysize' | 'xtype'>>> = {
  boolean: { datatype: 'boolean' },
  byte: { datatype: 'unsignedByte' },
  short: { datatype: 'short' },
  int: { datatype: 'int' },
  long: { datatype: 'long' },
  float: { datatype: 'float' },
  double: { datatype: 'double' },
  char: { datatype: 'char', arraysize: '*' },
  string: { datatype: 'char', arraysize: '*' },
  text: { datatype: 'char', arraysize: '*' },
  unicode: { datatype: 'unicodeChar', arraysize: '*' },
  binary: { datatype: 'unsignedByte', arraysize: '*' },
  timestamp: { datatype: 'char', arraysize: '*', xtype: 'timestamp' },
}

function columnOf(column: Mapping, table: string): ColumnModel {
  const name = word(column.name, `${table}: a column: name`)
  const at = `${table}, column ${name}`
  const kind = word(column.datatype, `${at}: datatype`)
  const own = DATATYPES[kind]
  if (!own) throw new Problem(`${at}: datatype ${kind} is not one of ${Object.keys(DATATYPES).join(', ')}`)
  const { arraysize } = own
  const datatype = (column['votable:datatype'] as Field['datatype'] | undefined) ?? own.datatype
  const length = Number(column.length ?? 0)
  const declared = column['votable:arraysize'] === undefined ? undefined : String(column['votable:arraysize'])
  const size = declared ?? (arraysize === undefined ? undefined : length > 1 ? `${length}*` : arraysize)
  const field: Field = {
    name,
    datatype,
    ...(size !== undefined &&
      (size !== '1' || arraysize !== undefined) && { arraysize: size === '1' ? '*' : size }),
    ...text_('xtype', column['votable:xtype'] ?? own.xtype),
    ...text_('unit', column['ivoa:unit'] ?? column['fits:tunit']),
    ...text_('ucd', column['ivoa:ucd']),
    ...text_('utype', column['votable:utype']),
    ...text_('description', column.description),
  }
  const isTime = kind === 'timestamp'
  const value = column.value ?? column.defaultValue
  return {
    field,
    sqlName: sqlColumnName(name),
    sqlType: isTime ? 'timestamp without time zone' : sqlType(field),
    ...(isTime && { stored: 'timestamp' }),
    nullable: column.nullable !== false,
    ...(value !== undefined && value !== null && { value: String(value) }),
    principal: flag(column['tap:principal']),
    std: flag(column['tap:std']),
  }
}

function keyOf(
  constraint: Mapping,
  at: string,
  byId: ReadonlyMap<string, { table: string; column: string }>,
): KeyModel {
  const name = word(constraint.name, `${at}: a foreign key: name`)
  const find = (ids: unknown) =>
    list(ids, `${at}, ${name}`).map(id => {
      const column = byId.get(String(id))
      if (!column) throw new Problem(`${at}, ${name}: there is no column ${String(id)}`)
      return column
    })
  const [from, target] = [find(constraint.columns), find(constraint.referencedColumns)]
  if (from.length !== target.length)
    throw new Problem(`${at}, ${name}: as many columns must be referenced as there are`)
  return {
    name,
    ...text_('description', constraint.description),
    target: target[0]!.table,
    columns: from.map((column, i) => ({ from: column.column, target: target[i]!.column })),
  }
}

const flag = (value: unknown) => value === 1 || value === true

/** A text with blanks tidied, under its key; nothing for nothing. */
function text_<K extends string>(key: K, value: unknown): { [P in K]?: string } {
  const text = value === undefined || value === null ? '' : String(value).replace(/\s+/g, ' ').trim()
  return (text === '' ? {} : { [key]: text }) as { [P in K]?: string }
}

function word(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new Problem(`${what} is missing`)
  return value
}

function mapping(value: unknown, what: string): Mapping {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem(`${what} must be a mapping`)
  return value as Mapping
}

const optionalMapping = (value: unknown, what: string): Mapping =>
  value === undefined || value === null ? {} : mapping(value, what)

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Problem(`${what} must be a list`)
  return value
}

const optionalList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

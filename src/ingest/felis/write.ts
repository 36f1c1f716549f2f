/** What is published of a schema, as Felis YAML; applying it again changes nothing. */
import { stringify } from 'yaml'
import type { Client } from '../../db/database.ts'
import { ServiceError } from '../../error.ts'
import { splitName } from '../../tap/tap-schema.ts'
import type { Field } from '../../votable/field.ts'
import {
  type CurrentDescription,
  currentDescription,
  currentSchema,
  currentTable,
  type DescribedColumn,
} from './current.ts'

export async function exportFelis(client: Client, schema: string): Promise<string> {
  const described = await currentSchema(client, schema)
  if (!described) throw new ServiceError('usage', `There is no published schema ${schema}.`)
  const names = await client.query<{ table_name: string }>(
    `SELECT table_name FROM almagest.published_table JOIN almagest.published_schema USING (schema_name)
      WHERE lower(schema_name) = lower($1) ORDER BY table_index NULLS LAST, table_name`,
    [schema],
  )
  const tables = []
  for (const { table_name } of names) {
    const [, table] = splitName(table_name)
    tables.push(await tableOf(client, schema, table))
  }
  const { description, utype } = described
  return stringify(
    { name: schema, ...(description && { description }), ...(utype && { 'votable:utype': utype }), tables },
    { lineWidth: 110 },
  )
}

async function tableOf(client: Client, schema: string, table: string) {
  const described = (await currentDescription(client, schema, table))!
  const current = await currentTable(client, described.sqlSchema, described.sqlTable)
  const idOf = (sqlName: string) =>
    `#${table}.${described.columns.find(c => c.sqlName === sqlName)?.field.name ?? sqlName}`
  const primary = current?.indexes.find(i => i.primary)
  const uniques = current?.indexes.filter(i => i.unique && !i.primary) ?? []
  const plain = current?.indexes.filter(i => !i.unique) ?? []
  const keys = await keysOf(client, described)
  const constraints = [
    ...uniques.map(({ columns }) => ({
      name: `unique_${table}_${columns.join('_')}`,
      '@type': 'Unique',
      columns: columns.map(idOf),
    })),
    ...keys,
  ]
  return {
    name: table,
    ...(described.description && { description: described.description }),
    ...(described.utype && { 'votable:utype': described.utype }),
    ...(described.index !== null && { 'tap:table_index': described.index }),
    ...(primary && {
      primaryKey: primary.columns.length === 1 ? idOf(primary.columns[0]!) : primary.columns.map(idOf),
    }),
    columns: described.columns.map(column =>
      columnOf(column, current?.columns.find(c => c.name === column.sqlName)?.notNull === true),
    ),
    ...(constraints.length > 0 && { constraints }),
    ...(plain.length > 0 && {
      indexes: plain.map(({ columns }) => ({
        name: `idx_${table}_${columns.join('_')}`,
        columns: columns.map(idOf),
      })),
    }),
  }
}

const NAMES: Partial<Record<Field['datatype'], string>> = {
  unsignedByte: 'byte',
  char: 'string',
  unicodeChar: 'unicode',
  bit: 'boolean',
  floatComplex: 'float',
  doubleComplex: 'double',
}

function columnOf({ field, sqlType, principal, std }: DescribedColumn, notNull: boolean) {
  const { name, datatype, arraysize, xtype, unit, ucd, utype, description } = field
  const isTime = sqlType === 'timestamp' || sqlType === 'timestamptz' || sqlType === 'date'
  const isText = datatype === 'char' || datatype === 'unicodeChar'
  const bounded = isText ? /^(\d+)\*$/.exec(arraysize ?? '')?.[1] : undefined
  const isUnnamed = datatype === 'bit' || datatype.endsWith('Complex')
  return {
    name,
    datatype: isTime ? 'timestamp' : (NAMES[datatype] ?? datatype),
    ...(isUnnamed && { 'votable:datatype': datatype }),
    ...(bounded && { length: Number(bounded) }),
    ...(!isTime && !bounded && arraysize !== undefined && { 'votable:arraysize': arraysize }),
    ...(xtype && { 'votable:xtype': xtype }),
    ...(notNull && { nullable: false }),
    ...(description && { description }),
    ...(unit && { 'ivoa:unit': unit }),
    ...(ucd && { 'ivoa:ucd': ucd }),
    ...(utype && { 'votable:utype': utype }),
    ...(principal && { 'tap:principal': 1 }),
    ...(std && { 'tap:std': 1 }),
  }
}

/** Keys to tables of the same schema, which is all that Felis can say. */
async function keysOf(client: Client, { tableName }: CurrentDescription) {
  const keys = await client.query<{
    key_id: string
    target_table: string
    description: string | null
    columns: { from: string; target: string }[]
  }>(
    `SELECT k.key_id, k.target_table, k.description,
            json_agg(json_build_object('from', c.from_column, 'target', c.target_column)) AS columns
       FROM almagest.published_key k JOIN almagest.published_key_column c USING (key_id)
      WHERE k.from_table = $1 GROUP BY k.key_id ORDER BY k.key_id`,
    [tableName],
  )
  const [schema, table] = splitName(tableName)
  return keys
    .filter(key => splitName(key.target_table)[0] === schema)
    .map(key => ({
      name: key.key_id.startsWith(`${schema}.`) ? key.key_id.slice(schema.length + 1) : key.key_id,
      '@type': 'ForeignKey',
      ...(key.description && { description: key.description }),
      columns: key.columns.map(c => `#${table}.${c.from}`),
      referencedColumns: key.columns.map(c => `#${splitName(key.target_table)[1]}.${c.target}`),
    }))
}

/**
 * Making a table part of the service: its TAP_SCHEMA description, the right to read it, and word to running
 * services (`NOTIFY tap_schema`), all in the caller's transaction.
 */
import type { NeighbourTable } from '../adql/tables.ts'
import { isReserved } from '../adql/words.ts'
import type { Client } from '../db/database.ts'
import { applyAccess, PUBLIC_ROLE } from '../db/roles.ts'
import type { Field } from '../votable/field.ts'
import type { Systems } from '../votable/table-source.ts'

export interface PublishedSchema {
  /** Unquoted, as PostgreSQL has it. */
  readonly name: string
  readonly description?: string
  readonly utype?: string
  readonly index?: number
}

export interface PublishedTable {
  readonly schema: string
  /** Unquoted name in the spelling of its source. */
  readonly name: string
  readonly type?: 'table' | 'view'
  readonly description?: string
  readonly utype?: string
  readonly index?: number
  readonly sqlSchema: string
  readonly sqlTable: string
  /** PostgreSQL names of the pair of columns with the GiST index on `spoint(radians(ra), radians(dec))`. */
  readonly position?: { readonly ra: string; readonly dec: string }
  readonly shardOrder?: number
  /** These three as in `TableMeta`. */
  readonly distribution?: 'sharded' | 'reference'
  readonly cellIds?: readonly string[]
  readonly neighbours?: NeighbourTable
  readonly rows?: number
  readonly columns: readonly PublishedColumn[]
}

export interface PublishedColumn {
  /** `name` is unquoted, in the spelling of its source. */
  readonly field: Field
  readonly sqlName: string
  /** As `ColumnMeta.sqlType`. */
  readonly sqlType?: string
  readonly indexed?: boolean
  readonly principal?: boolean
  readonly std?: boolean
}

export interface PublishedKey {
  readonly id: string
  /** `schema.table` as TAP_SCHEMA has it. */
  readonly from: string
  readonly target: string
  readonly columns: readonly { readonly from: string; readonly target: string }[]
  readonly description?: string
}

/** A name as a query must write it: quoted where it is no regular identifier (TAP 1.1 §4.3, ADQL 2.1 §2.1.5). */
export function adqlName(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_]*$/.test(name) && !isReserved(name) ? name : `"${name.replaceAll('"', '""')}"`
}

export function adqlTableName(schema: string, table: string): string {
  return `${adqlName(schema)}.${adqlName(table)}`
}

export async function publishSchema(client: Client, schema: PublishedSchema): Promise<void> {
  await client.query(
    `INSERT INTO almagest.published_schema (schema_name, description, utype, schema_index) VALUES ($1, $2, $3, $4)
     ON CONFLICT (schema_name) DO UPDATE
       SET description = coalesce(excluded.description, published_schema.description),
           utype = coalesce(excluded.utype, published_schema.utype),
           schema_index = coalesce(excluded.schema_index, published_schema.schema_index)`,
    [adqlName(schema.name), schema.description, schema.utype, schema.index],
  )
  await client.query(`GRANT USAGE ON SCHEMA ${sqlIdentifier(schema.name)} TO ${PUBLIC_ROLE}`)
}

/** Publishes a table or describes it anew; its schema must be published. */
export async function publishTable(client: Client, table: PublishedTable): Promise<void> {
  const tableName = adqlTableName(table.schema, table.name)
  await client.query(
    `INSERT INTO almagest.published_table
       (table_name, schema_name, table_type, utype, description, table_index,
        sql_schema, sql_table, ra_column, dec_column, shard_order, row_count,
        distribution, cell_ids, near_table, near_radius, near_order)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
     ON CONFLICT (table_name) DO UPDATE
       SET table_type = excluded.table_type, utype = excluded.utype, description = excluded.description,
           table_index = coalesce(excluded.table_index, published_table.table_index),
           sql_schema = excluded.sql_schema, sql_table = excluded.sql_table, ra_column = excluded.ra_column,
           dec_column = excluded.dec_column, shard_order = excluded.shard_order, row_count = excluded.row_count,
           distribution = excluded.distribution, cell_ids = excluded.cell_ids, near_table = excluded.near_table,
           near_radius = excluded.near_radius, near_order = excluded.near_order, updated_at = now()`,
    [
      tableName,
      adqlName(table.schema),
      table.type ?? 'table',
      table.utype,
      table.description,
      table.index,
      table.sqlSchema,
      table.sqlTable,
      table.position?.ra,
      table.position?.dec,
      table.shardOrder,
      table.rows,
      table.distribution,
      table.cellIds ?? [],
      table.neighbours?.sqlName,
      table.neighbours?.radiusDeg,
      table.neighbours?.cellOrder,
    ],
  )
  await client.query('DELETE FROM almagest.published_column WHERE table_name = $1', [tableName])
  const columns = table.columns.map((column, i) => ({
    column_name: adqlName(column.field.name),
    datatype: column.field.datatype,
    arraysize: column.field.arraysize,
    xtype: column.field.xtype,
    unit: column.field.unit,
    ucd: column.field.ucd,
    utype: column.field.utype,
    description: column.field.description,
    indexed: column.indexed ?? false,
    principal: column.principal ?? false,
    std: column.std ?? false,
    column_index: i + 1,
    sql_name: column.sqlName,
    sql_type: column.sqlType,
    system_id: column.field.ref,
  }))
  await client.query(
    `INSERT INTO almagest.published_column
     SELECT $1, c.column_name, c.datatype, c.arraysize, c.xtype, c.unit, c.ucd, c.utype, c.description,
            c.indexed, c.principal, c.std, c.column_index, c.sql_name, c.sql_type, c.system_id
       FROM json_populate_recordset(NULL::almagest.published_column, $2) AS c`,
    [tableName, JSON.stringify(columns)],
  )
  await applyAccess(client)
  await announce(client)
}

/** Makes systems known that columns refer to; an id stands for one system only. */
export async function publishSystems(client: Client, { cooSys, timeSys }: Systems): Promise<void> {
  const all = [
    ...cooSys.map(({ id, ...attributes }) => ({ id, kind: 'COOSYS', attributes })),
    ...timeSys.map(({ id, ...attributes }) => ({ id, kind: 'TIMESYS', attributes })),
  ]
  for (const { id, kind, attributes } of all) {
    await client.query('INSERT INTO almagest.published_system VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
      id,
      kind,
      JSON.stringify(attributes),
    ])
  }
}

/** Forgets a table's description; dropping the table itself is the caller's. */
export async function unpublishTable(client: Client, schema: string, table: string): Promise<void> {
  await client.query('DELETE FROM almagest.published_table WHERE table_name = $1', [
    adqlTableName(schema, table),
  ])
  await announce(client)
}

export async function publishKey(client: Client, key: PublishedKey): Promise<void> {
  await client.query('DELETE FROM almagest.published_key WHERE key_id = $1', [key.id])
  await client.query(
    'INSERT INTO almagest.published_key (key_id, from_table, target_table, description) VALUES ($1, $2, $3, $4)',
    [key.id, key.from, key.target, key.description],
  )
  for (const column of key.columns) {
    await client.query('INSERT INTO almagest.published_key_column VALUES ($1, $2, $3)', [
      key.id,
      column.from,
      column.target,
    ])
  }
}

/** Tells running services that TAP_SCHEMA has changed. */
export async function announce(client: Client): Promise<void> {
  await client.query('NOTIFY tap_schema')
}

/** A PostgreSQL identifier, quoted. */
export function sqlIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

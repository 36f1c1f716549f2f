/** TAP_SCHEMA in memory: what the compiler, /tables and the pages know, read anew when something is published. */
import { type ColumnMeta, type TableMeta, type Tables, tablesOf } from '../adql/tables.ts'
import type { Rules } from '../auth/access.ts'
import type { Identity } from '../auth/identity.ts'
import { shardCounts } from '../db/citus.ts'
import type { Database } from '../db/database.ts'
import type { Log } from '../log.ts'
import type { KeyDescription, SchemaDescription, TableDescription } from '../vosi/tables.ts'
import type { CooSys, TimeSys } from '../votable/document.ts'
import type { Datatype, Field } from '../votable/field.ts'
import type { Systems } from '../votable/table-source.ts'
import { visibleTo } from './visible.ts'

export interface Catalog {
  readonly schemas: readonly SchemaDescription[]
  readonly tables: Tables
  /** Those that columns refer to. */
  readonly systems: Systems
  /** When the newest change was made. */
  readonly readAt: Date
}

/** The catalogue as somebody may see it; the operator sees it whole. */
export type CatalogOf = (viewer: Identity | 'operator') => Promise<Catalog>

export interface CatalogSource {
  /** As it stands; waits while it is read for the first time or after a change. */
  readonly current: CatalogOf
  close(): Promise<void>
}

/** Reads TAP_SCHEMA now and again after each `NOTIFY tap_schema`. */
export async function openCatalog(db: Database, log: Log, rules: () => Rules): Promise<CatalogSource> {
  let reading = readCatalog(db)
  const unlisten = await db.listen('tap_schema', () => {
    const before = reading
    reading = readCatalog(db).catch(error => {
      log.error({ err: error }, 'TAP_SCHEMA cannot be read again; the service goes on with what it knew')
      return before
    })
  })
  await reading
  return {
    async current(viewer) {
      const whole = await reading
      return viewer === 'operator' ? whole : visibleTo(whole, rules(), viewer)
    },
    close: unlisten,
  }
}

interface TableRow {
  table_name: string
  schema_name: string
  table_type: string
  utype: string | null
  description: string | null
  sql_schema: string
  sql_table: string
  ra_column: string | null
  dec_column: string | null
  shard_order: number | null
  row_count: string | null
  distribution: 'sharded' | 'reference' | null
  cell_ids: string[]
  near_table: string | null
  near_radius: number | null
  near_order: number | null
}

interface ColumnRow {
  table_name: string
  column_name: string
  datatype: string
  arraysize: string | null
  xtype: string | null
  unit: string | null
  ucd: string | null
  utype: string | null
  description: string | null
  indexed: boolean
  principal: boolean
  std: boolean
  sql_name: string
  sql_type: string | null
  system_id: string | null
}

interface SystemRow {
  system_id: string
  kind: string
  attributes: Omit<CooSys, 'id'> & Omit<TimeSys, 'id'>
}

interface KeyRow {
  from_table: string
  target_table: string
  description: string | null
  columns: { from: string; target: string }[]
}

export async function readCatalog(db: Database): Promise<Catalog> {
  const readAt = new Date()
  const [schemas, tables, columns, keys, systems] = await Promise.all([
    db.query<{ schema_name: string; utype: string | null; description: string | null }>(
      'SELECT * FROM almagest.published_schema ORDER BY coalesce(schema_index, 1000), schema_name',
    ),
    db.query<TableRow>(
      'SELECT * FROM almagest.published_table ORDER BY coalesce(table_index, 1000), table_name',
    ),
    db.query<ColumnRow>(
      'SELECT * FROM almagest.published_column ORDER BY table_name, column_index, column_name',
    ),
    db.query<KeyRow>(
      `SELECT k.from_table, k.target_table, k.description,
              json_agg(json_build_object('from', c.from_column, 'target', c.target_column) ORDER BY c.from_column) AS columns
         FROM almagest.published_key k JOIN almagest.published_key_column c USING (key_id)
        GROUP BY k.key_id ORDER BY k.key_id`,
    ),
    db.query<SystemRow>('SELECT * FROM almagest.published_system ORDER BY system_id'),
  ])
  const columnsOf = groupBy(columns, c => c.table_name)
  const keysOf = groupBy(keys, k => k.from_table)
  const tablesBySchema = groupBy(tables, t => t.schema_name)
  const descriptions = schemas.map(schema => ({
    name: schema.schema_name,
    utype: schema.utype ?? undefined,
    description: schema.description ?? undefined,
    tables: (tablesBySchema.get(schema.schema_name) ?? []).map(table =>
      describeTable(table, columnsOf.get(table.table_name) ?? [], keysOf.get(table.table_name) ?? []),
    ),
  }))
  const shards = tables.some(table => table.distribution) ? await shardCounts(db) : new Map<string, number>()
  const metas = schemas.flatMap(schema =>
    (tablesBySchema.get(schema.schema_name) ?? []).map(t => ({
      ...tableMeta(t, columnsOf.get(t.table_name) ?? []),
      shards: shards.get(`${t.sql_schema}.${t.sql_table}`),
    })),
  )
  return { schemas: descriptions, tables: tablesOf(metas), systems: systemsOf(systems), readAt }
}

function systemsOf(rows: readonly SystemRow[]): Systems {
  const ofKind = (kind: string) =>
    rows.filter(row => row.kind === kind).map(row => ({ id: row.system_id, ...row.attributes }))
  return { cooSys: ofKind('COOSYS'), timeSys: ofKind('TIMESYS') }
}

function describeTable(
  table: TableRow,
  columns: readonly ColumnRow[],
  keys: readonly KeyRow[],
): TableDescription {
  return {
    name: table.table_name,
    type: table.table_type,
    utype: table.utype ?? undefined,
    description: table.description ?? undefined,
    rows: table.row_count === null ? undefined : Number(table.row_count),
    columns: columns.map(column => ({
      name: column.column_name,
      field: fieldOf(column),
      indexed: column.indexed,
      principal: column.principal,
      std: column.std,
    })),
    keys: keys.map(
      (key): KeyDescription => ({
        target: key.target_table,
        description: key.description ?? undefined,
        columns: key.columns,
      }),
    ),
  }
}

function tableMeta(table: TableRow, columns: readonly ColumnRow[]): TableMeta {
  const [schema, name] = splitName(table.table_name)
  return {
    schema,
    name,
    sqlSchema: table.sql_schema,
    sqlName: table.sql_table,
    columns: columns.map(
      (column): ColumnMeta => ({
        field: fieldOf(column),
        sqlName: column.sql_name,
        sqlType: column.sql_type ?? undefined,
        indexed: column.indexed,
        principal: column.principal,
      }),
    ),
    position:
      table.ra_column && table.dec_column ? { ra: table.ra_column, dec: table.dec_column } : undefined,
    shardOrder: table.shard_order ?? undefined,
    distribution: table.distribution ?? undefined,
    cellIds: table.cell_ids,
    neighbours:
      table.near_table === null
        ? undefined
        : { sqlName: table.near_table, radiusDeg: table.near_radius!, cellOrder: table.near_order! },
    rows: table.row_count === null ? undefined : Number(table.row_count),
  }
}

function fieldOf(column: ColumnRow): Field {
  const optional = {
    arraysize: column.arraysize ?? undefined,
    xtype: column.xtype ?? undefined,
    unit: column.unit ?? undefined,
    ucd: column.ucd ?? undefined,
    utype: column.utype ?? undefined,
    description: column.description ?? undefined,
    ref: column.system_id ?? undefined,
  }
  return { name: unquoted(column.column_name), datatype: column.datatype as Datatype, ...optional }
}

/** Schema and table of a TAP_SCHEMA table name, without quotes. */
export function splitName(tableName: string): [schema: string, table: string] {
  const parts = tableName.match(/"(?:[^"]|"")*"|[^."]+/g) ?? []
  return [unquoted(parts[0] ?? ''), unquoted(parts[1] ?? '')]
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

function groupBy<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(key(row))
    if (group) group.push(row)
    else groups.set(key(row), [row])
  }
  return groups
}

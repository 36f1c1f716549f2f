/** What the database and TAP_SCHEMA have of a schema. */
import type { Client } from '../../db/database.ts'
import { adqlName, adqlTableName, type PublishedTable } from '../../tap/publish.ts'
import type { Field } from '../../votable/field.ts'

export interface CurrentTable {
  /** r: table, v: view, and so on (pg_class.relkind). */
  readonly kind: string
  readonly sqlSchema: string
  readonly sqlTable: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly notNull: boolean }[]
  /** Columns of each b-tree index, with whether it is unique and whether it is the primary key. */
  readonly indexes: readonly {
    readonly columns: readonly string[]
    readonly unique: boolean
    readonly primary: boolean
  }[]
  /** Whether there is an index on the sphere. */
  readonly spherical: boolean
}

export type Layout = Pick<PublishedTable, 'distribution' | 'cellIds' | 'neighbours'>

/** Its description in TAP_SCHEMA. */
export interface CurrentDescription {
  readonly tableName: string
  readonly sqlSchema: string
  readonly sqlTable: string
  readonly description: string | null
  readonly utype: string | null
  readonly index: number | null
  readonly position: { readonly ra: string; readonly dec: string } | undefined
  readonly shardOrder: number | null
  readonly rows: number | null
  /** How it lies on a cluster, and its neighbour table. */
  readonly layout: Layout
  readonly columns: readonly DescribedColumn[]
}

export interface DescribedColumn {
  readonly field: Field
  readonly sqlName: string
  readonly sqlType: string | null
  readonly indexed: boolean
  readonly principal: boolean
  readonly std: boolean
}

export async function currentDescription(
  client: Client,
  schema: string,
  table: string,
): Promise<CurrentDescription | undefined> {
  const [row] = await client.query<Record<string, string | number | null> & LayoutRow>(
    'SELECT * FROM almagest.published_table WHERE lower(table_name) = lower($1)',
    [adqlTableName(schema, table)],
  )
  if (!row) return undefined
  const columns = await client.query<Record<string, string | boolean | null>>(
    'SELECT * FROM almagest.published_column WHERE table_name = $1 ORDER BY column_index',
    [row.table_name],
  )
  return {
    tableName: String(row.table_name),
    sqlSchema: String(row.sql_schema),
    sqlTable: String(row.sql_table),
    description: row.description as string | null,
    utype: row.utype as string | null,
    index: row.table_index as number | null,
    position: row.ra_column ? { ra: String(row.ra_column), dec: String(row.dec_column) } : undefined,
    shardOrder: row.shard_order as number | null,
    rows: row.row_count === null ? null : Number(row.row_count),
    layout: layoutOf(row),
    columns: columns.map(c => ({
      field: fieldOf(c),
      sqlName: String(c.sql_name),
      sqlType: c.sql_type as string | null,
      indexed: c.indexed === true,
      principal: c.principal === true,
      std: c.std === true,
    })),
  }
}

function fieldOf(row: Record<string, string | boolean | null>): Field {
  const name = String(row.column_name)
  const optional: Record<string, unknown> = {}
  for (const key of ['arraysize', 'xtype', 'unit', 'ucd', 'utype', 'description'] as const) {
    if (row[key] !== null) optional[key] = row[key]
  }
  if (row.system_id !== null) optional.ref = row.system_id
  return {
    name: name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name,
    datatype: row.datatype as Field['datatype'],
    ...optional,
  }
}

interface LayoutRow {
  distribution: 'sharded' | 'reference' | null
  cell_ids: string[] & null
  near_table: string | null
  near_radius: number | null
  near_order: number | null
}

const layoutOf = (row: LayoutRow): Layout => ({
  ...(row.distribution && { distribution: row.distribution }),
  cellIds: row.cell_ids,
  ...(row.near_table !== null && {
    neighbours: { sqlName: row.near_table, radiusDeg: row.near_radius!, cellOrder: row.near_order! },
  }),
})

export async function currentTable(
  client: Client,
  sqlSchema: string,
  sqlTable: string,
): Promise<CurrentTable | undefined> {
  const [relation] = await client.query<{ oid: number; kind: string }>(
    `SELECT c.oid, c.relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2`,
    [sqlSchema, sqlTable],
  )
  if (!relation) return undefined
  const columns = await client.query<{ name: string; type: string; notNull: boolean }>(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type, attnotnull AS "notNull" FROM pg_attribute
      WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [relation.oid],
  )
  const indexes = await client.query<{
    columns: string[]
    unique: boolean
    primary: boolean
    method: string
    definition: string
  }>(
    `SELECT i.indisunique AS unique, i.indisprimary AS primary, a.amname AS method, pg_get_indexdef(i.indexrelid) AS definition,
            array(SELECT attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (n, o)
                    JOIN pg_attribute ON attrelid = i.indrelid AND attnum = k.n ORDER BY k.o) AS columns
       FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am a ON a.oid = x.relam
      WHERE i.indrelid = $1`,
    [relation.oid],
  )
  return {
    kind: relation.kind,
    sqlSchema,
    sqlTable,
    columns,
    indexes: indexes
      .filter(i => i.method === 'btree')
      .map(({ columns, unique, primary }) => ({ columns, unique, primary })),
    spherical: indexes.some(i => i.method === 'gist' && /spoint/.test(i.definition)),
  }
}

export async function currentSchema(
  client: Client,
  schema: string,
): Promise<{ description: string | null; utype: string | null } | undefined> {
  const [row] = await client.query<{ description: string | null; utype: string | null }>(
    'SELECT description, utype FROM almagest.published_schema WHERE schema_name = $1',
    [adqlName(schema)],
  )
  return row
}

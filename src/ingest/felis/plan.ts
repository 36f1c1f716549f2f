/**
 * What has to change for the database and TAP_SCHEMA to be as a Felis file wants them. Nothing is taken away: tables
 * and columns that the file does not name stay as they are.
 */

import type { Client } from '../../db/database.ts'
import { sqlType } from '../../db/sql-type.ts'
import { adqlTableName, type PublishedColumn, sqlIdentifier } from '../../tap/publish.ts'
import { CELL_COLUMNS } from '../cells.ts'
import { SHARD_ORDER } from '../place.ts'
import {
  type CurrentDescription,
  type CurrentTable,
  currentDescription,
  currentSchema,
  currentTable,
  type DescribedColumn,
  type Layout,
} from './current.ts'
import type { ColumnModel, SchemaModel, TableModel } from './model.ts'

export interface SchemaPlan {
  readonly schema: SchemaModel
  /** Lines for people: `+` comes, `~` changes. */
  readonly changes: readonly string[]
  /** What the file wants otherwise than the database has it, and no statement can mend without touching data. */
  readonly conflicts: readonly string[]
  readonly schemaChanged: boolean
  readonly tables: readonly TablePlan[]
  readonly keys: readonly KeyPlan[]
}

export interface TablePlan {
  readonly table: TableModel
  readonly sqlSchema: string
  readonly sqlTable: string
  readonly statements: readonly string[]
  /** Present when TAP_SCHEMA is to be written anew. */
  readonly description?: {
    readonly columns: readonly PublishedColumn[]
    readonly position: { readonly ra: string; readonly dec: string } | undefined
    readonly shardOrder: number | undefined
    readonly rows: number | undefined
    readonly isView: boolean
    readonly layout: Layout
  }
}

export interface KeyPlan {
  readonly id: string
  readonly from: string
  readonly target: string
  readonly columns: readonly { readonly from: string; readonly target: string }[]
  readonly description: string | undefined
}

export async function planSchema(client: Client, schema: SchemaModel): Promise<SchemaPlan> {
  const changes: string[] = []
  const conflicts: string[] = []
  const current = await currentSchema(client, schema.name)
  const wanted = { description: schema.description ?? null, utype: schema.utype ?? null }
  const differs = (old: string | null, now: string | null) => now !== null && old !== now
  const schemaChanged =
    !current || differs(current.description, wanted.description) || differs(current.utype, wanted.utype)
  if (!current) changes.push(`+ schema ${schema.name}`)
  else if (schemaChanged) changes.push(`~ schema ${schema.name}: description`)
  const tables: TablePlan[] = []
  for (const table of schema.tables) tables.push(await planTable(client, schema, table, changes, conflicts))
  return { schema, changes, conflicts, schemaChanged, tables, keys: await planKeys(client, schema, changes) }
}

async function planTable(
  client: Client,
  schema: SchemaModel,
  table: TableModel,
  changes: string[],
  conflicts: string[],
): Promise<TablePlan> {
  const described = await currentDescription(client, schema.name, table.name)
  const sqlSchema = described?.sqlSchema ?? schema.name
  const sqlTable = described?.sqlTable ?? table.sqlName
  const current = await currentTable(client, sqlSchema, sqlTable)
  const name = `${schema.name}.${table.name}`
  const statements = current
    ? amendTable(table, current, described, name, changes, conflicts)
    : createTable(table, sqlSchema, sqlTable, name, changes)
  const description = describe(table, current, described)
  const told = described
    ? differences(table, described, description.columns, name)
    : [`+ description of ${name}`]
  changes.push(...told)
  const isSame = described && told.length === 0 && statements.length === 0
  return { table, sqlSchema, sqlTable, statements, ...(isSame ? {} : { description }) }
}

const quoted = (columns: readonly string[]) => columns.map(sqlIdentifier).join(', ')

function columnSql({ sqlName, sqlType: type, nullable, value }: ColumnModel): string {
  const isNow = /^current_timestamp(\(\))?$/i.test(value ?? '')
  const literal = isNow ? 'CURRENT_TIMESTAMP' : `'${value?.replaceAll("'", "''")}'`
  const fallback = value === undefined ? '' : ` DEFAULT ${literal}`
  return `${sqlIdentifier(sqlName)} ${type}${fallback}${nullable ? '' : ' NOT NULL'}`
}

/** A new table; one with positions gets the columns of its cells, like every table that is loaded. */
function createTable(
  table: TableModel,
  sqlSchema: string,
  sqlTable: string,
  name: string,
  changes: string[],
): string[] {
  const place = `${sqlIdentifier(sqlSchema)}.${sqlIdentifier(sqlTable)}`
  const cells = table.position
    ? CELL_COLUMNS.filter(c => !table.columns.some(own => own.sqlName === c.sqlName))
    : []
  const columns = [
    ...table.columns.map(columnSql),
    ...cells.map(({ sqlName, field }) => `${sqlIdentifier(sqlName)} ${sqlType(field)}`),
  ]
  changes.push(`+ table ${name}: ${table.columns.length} columns`)
  const statements = [`CREATE TABLE ${place} (${columns.join(', ')})`]
  if (table.primaryKey.length > 0)
    statements.push(`ALTER TABLE ${place} ADD PRIMARY KEY (${quoted(table.primaryKey)})`)
  for (const unique of table.uniques) statements.push(`ALTER TABLE ${place} ADD UNIQUE (${quoted(unique)})`)
  for (const index of distinct(table.indexes)) statements.push(`CREATE INDEX ON ${place} (${quoted(index)})`)
  if (table.position) {
    const [ra, dec] = [sqlIdentifier(table.position.ra), sqlIdentifier(table.position.dec)]
    statements.push(`CREATE INDEX ON ${place} USING gist (spoint(radians(${ra}), radians(${dec})))`)
    if (cells.some(c => c.sqlName === 'hpx29')) statements.push(`CREATE INDEX ON ${place} (hpx29)`)
  }
  return statements
}

const distinct = (lists: readonly (readonly string[])[]) => [
  ...new Map(lists.map(l => [l.join('\0'), l])).values(),
]

/** What an existing table lacks. */
function amendTable(
  table: TableModel,
  current: CurrentTable,
  described: CurrentDescription | undefined,
  name: string,
  changes: string[],
  conflicts: string[],
): string[] {
  const place = `${sqlIdentifier(current.sqlSchema)}.${sqlIdentifier(current.sqlTable)}`
  const isTable = current.kind === 'r' || current.kind === 'p'
  const statements: string[] = []
  for (const column of table.columns) {
    const there = current.columns.find(c => c.name === column.sqlName)
    if (there) {
      // A column that is stored in a type of its own (spoint …) is described by what it becomes in results.
      const own = described?.columns.find(c => c.sqlName === column.sqlName)?.sqlType
      if (!own && !isLike(there.type, column.sqlType)) {
        conflicts.push(
          `${name}.${column.field.name} is ${there.type} in the database, ${column.sqlType} in the file`,
        )
      }
    } else if (!isTable) {
      conflicts.push(`${name} is a view without the column ${column.field.name}`)
    } else {
      changes.push(`+ column ${name}.${column.field.name}: ${column.sqlType}`)
      statements.push(`ALTER TABLE ${place} ADD COLUMN ${columnSql(column)}`)
    }
  }
  if (!isTable) return statements
  const has = (columns: readonly string[], unique: boolean) =>
    current.indexes.some(
      i => withoutShard(i.columns, columns).join('\0') === columns.join('\0') && (i.unique || !unique),
    )
  if (table.primaryKey.length > 0 && !has(table.primaryKey, true)) {
    if (current.indexes.some(i => i.primary))
      conflicts.push(`${name} has another primary key in the database`)
    else {
      changes.push(`+ primary key of ${name}: ${table.primaryKey.join(', ')}`)
      statements.push(`ALTER TABLE ${place} ADD PRIMARY KEY (${quoted(table.primaryKey)})`)
    }
  }
  for (const unique of table.uniques.filter(columns => !has(columns, true))) {
    changes.push(`+ unique in ${name}: ${unique.join(', ')}`)
    statements.push(`ALTER TABLE ${place} ADD UNIQUE (${quoted(unique)})`)
  }
  for (const index of distinct(table.indexes).filter(columns => !has(columns, false))) {
    changes.push(`+ index of ${name}: ${index.join(', ')}`)
    statements.push(`CREATE INDEX ON ${place} (${quoted(index)})`)
  }
  return statements
}

/** The columns of an index; on a cluster the number of the shard stands behind those of unique ones (ingest/distribute). */
const withoutShard = (index: readonly string[], wanted: readonly string[]) =>
  wanted.includes('hpx_shard') ? index : index.filter(column => column !== 'hpx_shard')

/** Types that hold the same values as far as their readers see. */
const LIKE: readonly (readonly string[])[] = [
  ['text', 'character varying', 'character', 'name'],
  ['timestamp without time zone', 'timestamp with time zone', 'date'],
]

function isLike(a: string, b: string): boolean {
  return a === b || LIKE.some(group => group.includes(a) && group.includes(b))
}

/** The description that TAP_SCHEMA is to have: the file's, and what it does not speak of as it is. */
function describe(
  table: TableModel,
  current: CurrentTable | undefined,
  described: CurrentDescription | undefined,
): NonNullable<TablePlan['description']> {
  const keyed = [
    table.primaryKey,
    ...table.uniques,
    ...table.indexes,
    ...(current?.indexes ?? []).map(i => i.columns),
  ]
  const position = described?.position ?? (current ? undefined : table.position)
  const leading = new Set([
    ...keyed.map(columns => columns[0]),
    position?.ra,
    position?.dec,
    current ? undefined : 'hpx29',
  ])
  const stored = (column: ColumnModel) => {
    const there = current?.columns.find(c => c.name === column.sqlName)?.type
    if (there === undefined || there === column.sqlType || column.stored === undefined) return column.stored
    return there === 'timestamp with time zone' ? 'timestamptz' : there === 'date' ? 'date' : column.stored
  }
  const own = table.columns.map((column): PublishedColumn => {
    const before = described?.columns.find(c => c.sqlName === column.sqlName)
    const sql = before?.sqlType ?? stored(column)
    return {
      field: { ...column.field, ...(before?.field.ref && { ref: before.field.ref }) },
      sqlName: column.sqlName,
      ...(sql && { sqlType: sql }),
      indexed: leading.has(column.sqlName) || before?.indexed === true,
      principal: column.principal,
      std: column.std,
    }
  })
  const named = new Set(own.map(c => c.sqlName))
  const kept = (described?.columns ?? []).filter(c => !named.has(c.sqlName)).map(publishedAgain)
  const cells = !current && table.position ? CELL_COLUMNS.filter(c => !named.has(c.sqlName)) : []
  return {
    columns: [...own, ...kept, ...cells.map(c => ({ ...c, indexed: c.sqlName === 'hpx29' }))],
    position,
    shardOrder: described?.shardOrder ?? (current || !position ? undefined : SHARD_ORDER),
    rows: described?.rows ?? (current ? undefined : 0),
    layout: described?.layout ?? {},
    isView: current !== undefined && current.kind !== 'r' && current.kind !== 'p',
  }
}

function publishedAgain({
  field,
  sqlName,
  sqlType: type,
  indexed,
  principal,
  std,
}: DescribedColumn): PublishedColumn {
  return { field, sqlName, ...(type && { sqlType: type }), indexed, principal, std }
}

const WORDS = ['datatype', 'arraysize', 'xtype', 'unit', 'ucd', 'utype', 'description'] as const

/** One line for each table and column of which TAP_SCHEMA says something else. */
function differences(
  table: TableModel,
  before: CurrentDescription,
  columns: readonly PublishedColumn[],
  name: string,
): string[] {
  const lines: string[] = []
  const say = (what: string, pairs: readonly (readonly [key: string, old: unknown, now: unknown])[]) => {
    const changed = pairs.filter(([, old, now]) => (old ?? null) !== (now ?? null))
    if (changed.length > 0)
      lines.push(
        `~ ${what}: ${changed.map(([key, old, now]) => `${key} ${shown(old)} → ${shown(now)}`).join(', ')}`,
      )
  }
  say(name, [
    ['description', before.description, table.description],
    ['utype', before.utype, table.utype],
    ['table_index', before.index, table.index ?? before.index],
  ])
  for (const [i, column] of columns.entries()) {
    const old = before.columns.find(c => c.sqlName === column.sqlName)
    if (!old) {
      lines.push(`+ description of ${name}.${column.field.name}`)
      continue
    }
    say(`${name}.${old.field.name}`, [
      ['name', old.field.name, column.field.name],
      ...WORDS.map(key => [key, old.field[key], column.field[key]] as const),
      ['principal', old.principal, column.principal ?? false],
      ['std', old.std, column.std ?? false],
      ['indexed', old.indexed, column.indexed ?? false],
      ['place', before.columns.indexOf(old) + 1, i + 1],
    ])
  }
  return lines
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return 'none'
  const text = String(value)
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

async function planKeys(client: Client, schema: SchemaModel, changes: string[]): Promise<KeyPlan[]> {
  const keys = await client.query<{ key_id: string }>('SELECT key_id FROM almagest.published_key')
  const known = new Set(keys.map(row => row.key_id))
  const plans = schema.tables.flatMap(table =>
    table.keys.map(
      (key): KeyPlan => ({
        id: `${schema.name}.${key.name}`,
        from: adqlTableName(schema.name, table.name),
        target: adqlTableName(schema.name, key.target),
        columns: key.columns,
        description: key.description,
      }),
    ),
  )
  const missing = plans.filter(plan => !known.has(plan.id))
  for (const { from, target, columns } of missing) {
    changes.push(`+ key ${from} (${columns.map(c => c.from).join(', ')}) → ${target}`)
  }
  return missing
}

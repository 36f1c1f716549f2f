/** The table that rows are added to. */
import type { NeighbourTable } from '../adql/tables.ts'
import type { Client } from '../db/database.ts'
import { sqlType } from '../db/sql-type.ts'
import { ServiceError } from '../error.ts'
import { adqlName, adqlTableName } from '../tap/publish.ts'
import type { Datatype } from '../votable/field.ts'
import type { TableName } from './names.ts'
import type { ColumnPlan } from './plan.ts'
import type { SqlTable } from './statements.ts'

export interface Existing {
  /** As queries write it. */
  readonly tableName: string
  readonly schema: string
  /** Unquoted, as it was published. */
  readonly table: string
  readonly description: string | undefined
  readonly sql: SqlTable
  readonly position: { readonly ra: string; readonly dec: string } | undefined
  readonly sharded: boolean
  readonly neighbours: NeighbourTable | undefined
  readonly columns: readonly ExistingColumn[]
}

export interface ExistingColumn {
  readonly sqlName: string
  readonly datatype: Datatype
  readonly arraysize: string | undefined
  readonly unit: string | undefined
}

/** The published table of that name, whatever its case; throws `usage` for a view. */
export async function findPublished(client: Client, name: TableName): Promise<Existing | undefined> {
  const [row] = await client.query<{
    table_name: string
    table_type: string
    description: string | null
    sql_schema: string
    sql_table: string
    ra_column: string | null
    dec_column: string | null
    distribution: string | null
    near_table: string | null
    near_radius: number
    near_order: number
  }>('SELECT * FROM almagest.published_table WHERE lower(table_name) = lower($1)', [
    adqlTableName(name.schema, name.table),
  ])
  if (!row) return undefined
  if (row.table_type === 'view')
    throw new ServiceError('usage', `${row.table_name} is a view: rows cannot go into it.`)
  const columns = await client.query<ExistingColumn>(
    `SELECT sql_name AS "sqlName", datatype, arraysize, unit
       FROM almagest.published_column
      WHERE table_name = $1 ORDER BY column_index`,
    [row.table_name],
  )
  const known = columns.map(column => ({
    ...column,
    arraysize: column.arraysize ?? undefined,
    unit: column.unit ?? undefined,
  }))
  return {
    tableName: row.table_name,
    schema: name.schema,
    table: unquoted(row.table_name.slice(adqlName(name.schema).length + 1)),
    description: row.description ?? undefined,
    sql: { schema: row.sql_schema, table: row.sql_table },
    position: row.ra_column && row.dec_column ? { ra: row.ra_column, dec: row.dec_column } : undefined,
    sharded: row.distribution === 'sharded',
    neighbours:
      row.near_table === null
        ? undefined
        : { sqlName: row.near_table, radiusDeg: row.near_radius, cellOrder: row.near_order },
    columns: known,
  }
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

/** Refuses files whose columns are not those of the table. */
export function requireSameColumns(existing: Existing, plan: ColumnPlan): void {
  const coming = new Map(plan.published().map(({ sqlName, field }) => [sqlName, field]))
  const problems: string[] = []
  for (const column of existing.columns) {
    const field = coming.get(column.sqlName)
    coming.delete(column.sqlName)
    if (!field) problems.push(`the file has no column ${column.sqlName}`)
    else if (sqlType(field) !== sqlType(column)) {
      problems.push(`column ${column.sqlName} is ${sqlType(column)}, in the file ${sqlType(field)}`)
    } else if (field.unit !== column.unit) {
      problems.push(
        `the unit of ${column.sqlName} is ${column.unit ?? 'none'}, in the file ${field.unit ?? 'none'}`,
      )
    }
  }
  for (const name of coming.keys()) problems.push(`the table has no column ${name}`)
  const { ra, dec } = existing.position ?? {}
  if (ra !== plan.position?.ra || dec !== plan.position?.dec) {
    const pair = (p: typeof plan.position) => (p ? `${p.ra}, ${p.dec}` : 'none')
    problems.push(
      `the position of the table is ${pair(existing.position)}, of the file ${pair(plan.position)}`,
    )
  }
  if (problems.length === 0) return
  throw new ServiceError('usage', `The columns are not those of ${existing.tableName}.`, {
    detail: problems.join('\n'),
  })
}

/** Brings the description of a table up to the rows that were added. */
export async function extendPublished(
  client: Client,
  existing: Existing,
  plan: ColumnPlan,
  rows: number,
): Promise<void> {
  await client.query(
    `UPDATE almagest.published_table SET row_count = row_count + $2, updated_at = now() WHERE table_name = $1`,
    [existing.tableName, rows],
  )
  const coming = new Map(plan.published().map(({ sqlName, field }) => [sqlName, field]))
  for (const column of existing.columns) {
    const field = coming.get(column.sqlName)!
    const datatype = field.datatype === 'unicodeChar' ? 'unicodeChar' : column.datatype
    const arraysize = field.arraysize === column.arraysize ? column.arraysize : '*'
    if (datatype === column.datatype && arraysize === column.arraysize) continue
    await client.query(
      `UPDATE almagest.published_column SET datatype = $3, arraysize = $4 WHERE table_name = $1 AND sql_name = $2`,
      [existing.tableName, column.sqlName, datatype, arraysize],
    )
  }
  await client.query('NOTIFY tap_schema')
}

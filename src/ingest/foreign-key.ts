/** `--foreign-key COL=schema.table.COL`: a key for TAP_SCHEMA, which tells clients how tables belong together. */
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { adqlTableName, type PublishedKey } from '../tap/publish.ts'
import type { TableName } from './names.ts'
import type { ColumnPlan } from './plan.ts'
import { fieldNamed } from './position.ts'

export interface ForeignKey {
  readonly published: PublishedKey
  readonly sqlColumn: string
}

/** Throws `usage` for a column or a table that is not there. */
export async function foreignKey(
  client: Client,
  text: string,
  name: TableName,
  plan: ColumnPlan,
): Promise<ForeignKey> {
  const match = /^([^=]+)=(.+)\.([^.]+)$/.exec(text)
  if (!match) {
    throw new ServiceError('usage', `--foreign-key ${text} is not of the form COLUMN=schema.table.COLUMN`)
  }
  const [, column, table, target] = match as unknown as [string, string, string, string]
  const [found] = await client.query<{ table_name: string; column_name: string }>(
    `SELECT table_name, column_name FROM almagest.published_column
      WHERE replace(lower(table_name), '"', '') = lower($1) AND replace(lower(column_name), '"', '') = lower($2)`,
    // Reserved words as names are published in quotes, which people leave out.
    [table.replaceAll('"', ''), target.replaceAll('"', '')],
  )
  if (!found)
    throw new ServiceError('usage', `--foreign-key: there is no published column ${table}.${target}`)
  const own =
    plan.published()[
      fieldNamed(
        plan.published().map(c => c.field),
        column,
        '--foreign-key',
      )
    ]!
  const from = adqlTableName(name.schema, name.table)
  return {
    sqlColumn: own.sqlName,
    published: {
      id: `${from}.${own.sqlName}`,
      from,
      target: found.table_name,
      columns: [{ from: own.field.name, target: found.column_name }],
    },
  }
}

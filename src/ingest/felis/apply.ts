/** Makes the database and TAP_SCHEMA as a plan says, in one transaction. */
import type { Client, Database } from '../../db/database.ts'
import { publishKey, publishSchema, publishTable, sqlIdentifier } from '../../tap/publish.ts'
import type { SchemaPlan } from './plan.ts'

export async function applyPlan(db: Database, plan: SchemaPlan, yaml: string): Promise<void> {
  await db.transaction(client => apply(client, plan, yaml))
}

async function apply(client: Client, { schema, tables, keys }: SchemaPlan, yaml: string): Promise<void> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${sqlIdentifier(schema.name)}`)
  await publishSchema(client, schema)
  for (const { table, sqlSchema, sqlTable, statements, description } of tables) {
    for (const statement of statements) await client.query(statement)
    if (!description) continue
    const { columns, position, shardOrder, rows, isView, layout } = description
    await publishTable(client, {
      schema: schema.name,
      name: table.name,
      type: isView ? 'view' : 'table',
      ...(table.description !== undefined && { description: table.description }),
      ...(table.utype !== undefined && { utype: table.utype }),
      ...(table.index !== undefined && { index: table.index }),
      sqlSchema,
      sqlTable,
      ...(position && { position }),
      ...(shardOrder !== undefined && { shardOrder }),
      ...(rows !== undefined && { rows }),
      ...layout,
      columns,
    })
  }
  for (const { description, ...key } of keys) {
    await publishKey(client, { ...key, ...(description !== undefined && { description }) })
  }
  await client.query(
    `INSERT INTO almagest.applied_schema (schema_name, felis) VALUES ($1, $2)
     ON CONFLICT (schema_name) DO UPDATE SET felis = excluded.felis, applied_at = now()`,
    [schema.name, yaml],
  )
}

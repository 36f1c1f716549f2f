/**
 * Puts described tables into the database beside the published ones, then in their place. Everything happens in the
 * caller's transaction, so what people see is the old tables or the new ones, whole.
 */
import type { Client } from '../db/database.ts'
import type { Report } from '../progress.ts'
import { countCells, forgetCells } from '../tap/cell-counts.ts'
import { adqlTableName, publishKey, publishSchema, publishTable, sqlIdentifier } from '../tap/publish.ts'
import type { SchemaDescription, TableDescription } from './description.ts'
import { SHARD_ORDER } from './footprint.ts'
import type { RowMaker } from './stream.ts'

/** Creates the schema's tables in a schema of their own, fills, indexes and analyses them; resolves to row counts. */
export async function buildTables(
  client: Client,
  schema: SchemaDescription,
  maker: RowMaker,
  expected: Readonly<Record<string, number>>,
  report: Report,
): Promise<ReadonlyMap<string, number>> {
  const beside = besideOf(schema)
  await client.query(`DROP SCHEMA IF EXISTS ${beside} CASCADE`)
  await client.query(`CREATE SCHEMA ${beside}`)
  const counts = new Map<string, number>()
  for (const table of schema.tables) {
    const name = `${beside}.${sqlIdentifier(table.name)}`
    await client.query(`CREATE TABLE ${name} (${table.columns.map(columnSql).join(', ')})`)
    const phase = `${schema.name}.${table.name}`
    const total = expected[table.name]
    const rows = maker.copy(table.name, done => report({ phase, done, ...(total && { total }) }))
    counts.set(table.name, await client.copyFrom(`COPY ${name} FROM STDIN (FORMAT binary, FREEZE)`, rows))
  }
  const steps = schema.tables.flatMap(table => [
    ...indexSql(beside, table),
    `ANALYZE ${beside}.${table.name}`,
  ])
  for (const [done, sql] of steps.entries()) {
    report({ phase: 'indexes', done, total: steps.length })
    await client.query(sql)
  }
  report({ phase: 'indexes', done: steps.length, total: steps.length })
  return counts
}

const besideOf = (schema: SchemaDescription) => sqlIdentifier(`${schema.name}_filling`)

function columnSql({ field, sqlType, nullable }: TableDescription['columns'][number]): string {
  return `${sqlIdentifier(field.name)} ${sqlType}${nullable ? '' : ' NOT NULL'}`
}

function indexSql(beside: string, { name, primaryKey, indexes, position }: TableDescription): string[] {
  const table = `${beside}.${sqlIdentifier(name)}`
  return [
    `ALTER TABLE ${table} ADD PRIMARY KEY (${sqlIdentifier(primaryKey)})`,
    ...indexes.map(
      index => `CREATE INDEX ${sqlIdentifier(index.name)} ON ${table} (${sqlIdentifier(index.column)})`,
    ),
    ...(position
      ? [`CREATE INDEX ON ${table} USING gist (spoint(radians(${position.ra}), radians(${position.dec})))`]
      : []),
  ]
}

/** Moves the built tables to where queries look for them, in place of what is there, and publishes them. */
export async function publishTables(
  client: Client,
  schema: SchemaDescription,
  counts: ReadonlyMap<string, number>,
): Promise<void> {
  const beside = besideOf(schema)
  const place = sqlIdentifier(schema.name)
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${place}`)
  await publishSchema(client, { name: schema.name, description: schema.description })
  for (const table of schema.tables) {
    const name = sqlIdentifier(table.name)
    const [before] = await client.query<{ near: string | null }>(
      'SELECT near_table AS near FROM almagest.published_table WHERE table_name = $1',
      [adqlTableName(schema.name, table.name)],
    )
    for (const old of [table.name, before?.near])
      if (old) await client.query(`DROP TABLE IF EXISTS ${place}.${sqlIdentifier(old)}`)
    await client.query(`ALTER TABLE ${beside}.${name} SET SCHEMA ${place}`)
    await publishTable(client, {
      schema: schema.name,
      name: table.name,
      description: table.description,
      index: table.index,
      sqlSchema: schema.name,
      sqlTable: table.name,
      rows: counts.get(table.name)!,
      ...(table.position && { position: table.position }),
      ...(hasShard(table) && { shardOrder: SHARD_ORDER }),
      columns: table.columns.map(column => ({
        field: column.field,
        sqlName: column.field.name,
        principal: column.principal,
        indexed: isIndexed(table, column.field.name),
      })),
    })
  }
  await client.query(`DROP SCHEMA ${beside}`)
  for (const table of schema.tables.filter(isOnSky)) {
    const published = { schema: schema.name, table: table.name }
    await forgetCells(client, published)
    await countCells(client, published, `${place}.${sqlIdentifier(table.name)}`)
  }
  for (const table of schema.tables) {
    for (const key of table.keys) {
      await publishKey(client, {
        id: `${schema.name}.${key.name}`,
        from: adqlTableName(schema.name, table.name),
        target: adqlTableName(schema.name, key.targetTable),
        columns: [{ from: key.column, target: key.targetColumn }],
        description: key.description,
      })
    }
  }
}

function hasShard({ columns }: TableDescription): boolean {
  return columns.some(column => column.field.name === 'hpx_shard')
}

const isOnSky = (table: TableDescription) => table.position !== undefined && hasShard(table)

function isIndexed({ primaryKey, indexes, position }: TableDescription, column: string): boolean {
  return [primaryKey, ...indexes.map(index => index.column), position?.ra, position?.dec].includes(column)
}

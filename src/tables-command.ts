/** `list`, `describe` and `drop`: what is published, and an end to it. */
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import type { Client, Database } from './db/database.ts'
import { ServiceError } from './error.ts'
import { findPublished } from './ingest/existing.ts'
import { parseTableName } from './ingest/names.ts'
import { dropStaging } from './ingest/staging.ts'
import { sqlName } from './ingest/statements.ts'
import { unpublishTable } from './tap/publish.ts'
import { readCatalog } from './tap/tap-schema.ts'

export const listCommand: Command = {
  name: 'list',
  summary: 'what is published: tables, rows, columns',
  help: `Usage: npx almagest list [SCHEMA] [--json]`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    })
    const { db } = await setting.database()
    const { schemas } = await readCatalog(db)
    const [wanted] = positionals
    const chosen = schemas.filter(s => wanted === undefined || s.name.toLowerCase() === wanted.toLowerCase())
    if (wanted !== undefined && chosen.length === 0) {
      throw new ServiceError('usage', `There is no published schema ${wanted}.`)
    }
    const tables = chosen.flatMap(({ tables }) =>
      tables.map(({ name, type, rows, columns, description }) => ({
        table: name,
        type,
        rows: rows ?? null,
        columns: columns.length,
        description: description ?? null,
      })),
    )
    if (values.json) setting.stdout.write(`${JSON.stringify(tables)}\n`)
    else {
      const width = Math.max(0, ...tables.map(t => t.table.length))
      for (const { table, rows, columns, description } of tables) {
        const counts = `${rows === null ? '' : `${rows} rows, `}${columns} columns`
        const text = description ? `  ${description.slice(0, 80)}` : ''
        setting.stdout.write(`${table.padEnd(width)}  ${counts.padEnd(28)}${text}\n`.trimEnd().concat('\n'))
      }
    }
    return 0
  },
}

export const describeCommand: Command = {
  name: 'describe',
  summary: 'the columns of a published table',
  help: `Usage: npx almagest describe schema.table [--json]`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    })
    const [wanted] = positionals
    if (wanted === undefined) throw new UsageError('name the table to describe')
    const { db } = await setting.database()
    const { schemas } = await readCatalog(db)
    const table = schemas.flatMap(s => s.tables).find(t => t.name.toLowerCase() === wanted.toLowerCase())
    if (!table)
      throw new ServiceError(
        'usage',
        `There is no published table ${wanted}; \`almagest list\` shows what there is.`,
      )
    if (values.json) {
      setting.stdout.write(`${JSON.stringify(table)}\n`)
      return 0
    }
    setting.stdout.write(`${table.name}${table.rows === undefined ? '' : `, ${table.rows} rows`}\n`)
    if (table.description) setting.stdout.write(`${table.description}\n`)
    const width = Math.max(...table.columns.map(c => c.name.length))
    for (const { name, field, indexed } of table.columns) {
      const { datatype, arraysize, unit, ucd, description } = field
      const type = `${datatype}${arraysize === undefined ? '' : `[${arraysize}]`}`
      const words = [unit && `[${unit}]`, ucd, indexed && 'indexed', description].filter(Boolean).join('  ')
      setting.stdout.write(`  ${name.padEnd(width)}  ${type.padEnd(14)}  ${words}`.trimEnd().concat('\n'))
    }
    for (const key of table.keys) {
      const pairs = key.columns.map(c => `${c.from} → ${c.target}`).join(', ')
      setting.stdout.write(`  key to ${key.target}: ${pairs}\n`)
    }
    return 0
  },
}

export const dropCommand: Command = {
  name: 'drop',
  summary: 'take a table out of the service, with its rows',
  help: `Usage: npx almagest drop schema.table… [--keep-rows]

Drops published tables and their descriptions, or what a load that was broken off has left. Running queries end first.

  --keep-rows   only stop publishing them; PostgreSQL keeps the tables`,
  async run(argv, setting) {
    const { values, positionals: tables } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { 'keep-rows': { type: 'boolean', default: false } },
    })
    if (tables.length === 0) throw new UsageError('name the table to drop')
    const { db } = await setting.database()
    for (const table of tables) {
      const dropped = await drop(db, table, values['keep-rows'])
      setting.stdout.write(`${table}: ${dropped}\n`)
    }
    return 0
  },
}

/** What was done, in words. */
async function drop(db: Database, table: string, keepRows: boolean): Promise<string> {
  const name = parseTableName(table)
  return db.transaction(async client => {
    const wasStaged = await dropStaging(client, { schema: name.schema, table: name.sqlTable })
    const existing = await findPublished(client, name)
    if (!existing) {
      if (wasStaged) return 'the rows of a load that was broken off are dropped'
      throw new ServiceError(
        'usage',
        `There is no published table ${table}; \`almagest list\` shows what there is.`,
      )
    }
    await unpublishTable(client, existing.schema, existing.table)
    if (!keepRows) await client.query(`DROP TABLE ${sqlName(existing.sql)}`)
    if (existing.neighbours) {
      const near = { schema: existing.sql.schema, table: existing.neighbours.sqlName }
      await client.query(`DROP TABLE ${sqlName(near)}`)
    }
    await forgetEmptySchema(client, existing.schema)
    return keepRows ? 'no longer published' : 'dropped'
  })
}

/** A schema without tables is not shown. */
async function forgetEmptySchema(client: Client, schema: string): Promise<void> {
  await client.query(
    `DELETE FROM almagest.published_schema s WHERE lower(schema_name) = lower($1)
        AND NOT EXISTS (SELECT FROM almagest.published_table t WHERE t.schema_name = s.schema_name)`,
    [schema],
  )
}

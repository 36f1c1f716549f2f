/** `schema apply` and `schema export`: Felis YAML in and out. */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { ServiceError } from './error.ts'
import { distribute } from './ingest/distribute.ts'
import { applyPlan } from './ingest/felis/apply.ts'
import { currentTable } from './ingest/felis/current.ts'
import { planSchema } from './ingest/felis/plan.ts'
import { readFelis } from './ingest/felis/read.ts'
import { exportFelis } from './ingest/felis/write.ts'
import { RESERVED } from './ingest/names.ts'

export const schemaApplyCommand: Command = {
  name: 'schema apply',
  summary: 'describe tables by a Felis file, making those that are missing',
  help: `Usage: npx almagest schema apply FILE.yaml [--distribute [--shard-id COLUMN]] [--dry-run] [--json]

Reads Felis YAML, shows what differs from the database and from TAP_SCHEMA, and makes it so in one transaction: tables
and columns that are missing, primary keys, unique constraints, indexes, and the descriptions (units, UCDs, utypes,
order, principal, keys). Nothing is taken away, and applying again changes nothing. Foreign keys are described for
clients; PostgreSQL does not check them. A table with positions gets the columns of its HEALPix cells.

  --distribute        then lay the tables over the nodes of a Citus cluster, as \`distribute\` does
  --shard-id COLUMN   with it, as \`distribute\` has it
  --dry-run           only show the differences; exit code 1 when there are some
  --json              print {schema, changes, conflicts} as JSON

Exit code 1, and nothing is changed, when the file wants a column of another type than the database has.`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        distribute: { type: 'boolean', default: false },
        'shard-id': { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    const [file] = positionals
    if (file === undefined || positionals.length > 1) throw new UsageError('name one Felis file')
    const schema = await readFelis(file)
    if (RESERVED.test(schema.name) && schema.name !== 'ivoa') {
      throw new ServiceError('usage', `Schema ${schema.name} is the service's own.`)
    }
    const { db } = await setting.database()
    const plan = await planSchema(db, schema)
    const { changes, conflicts } = plan
    if (values.json) setting.stdout.write(`${JSON.stringify({ schema: schema.name, changes, conflicts })}\n`)
    else for (const line of changes) setting.stdout.write(`${line}\n`)
    if (conflicts.length > 0) {
      throw new ServiceError('usage', `${file} does not fit the database; nothing was changed.`, {
        detail: conflicts.join('\n'),
      })
    }
    if (values['dry-run']) return changes.length > 0 ? 1 : 0
    if (changes.length > 0) await applyPlan(db, plan, await readFile(file, 'utf8'))
    if (values.distribute) {
      for (const { table, sqlSchema, sqlTable } of plan.tables) {
        if ((await currentTable(db, sqlSchema, sqlTable))?.kind === 'v') continue
        await distribute(db, `${schema.name}.${table.name}`, { shardId: values['shard-id'] }, () => {})
      }
    }
    if (!values.json) {
      const what = changes.length === 0 ? 'nothing to change' : `${changes.length} changes made`
      setting.stdout.write(`${schema.name}: ${what}.\n`)
    }
    return 0
  },
}

export const schemaExportCommand: Command = {
  name: 'schema export',
  summary: 'write what is published of a schema as a Felis file',
  help: `Usage: npx almagest schema export SCHEMA [FILE.yaml]

Writes Felis YAML to the file or to standard output. \`schema apply\` of it changes nothing.`,
  async run(argv, setting) {
    const { positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: {} })
    const [schema, file] = positionals
    if (schema === undefined) throw new UsageError('name the schema to export')
    const { db } = await setting.database()
    const yaml = await exportFelis(db, schema)
    if (file === undefined) setting.stdout.write(yaml)
    else await writeFile(file, yaml)
    return 0
  },
}

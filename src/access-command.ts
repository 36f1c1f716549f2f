/** `access set`, `access list`, `access remove`: who may read schemas, tables, image collections and HiPS. */
import { userInfo } from 'node:os'
import { parseArgs } from 'node:util'
import type { RuleKind } from './auth/access.ts'
import { listRules, RULE_KINDS, removeRule, type StoredRule, setRule } from './auth/access-rules.ts'
import { type Command, UsageError } from './command.ts'
import type { Client } from './db/database.ts'
import { slowOperators } from './db/roles.ts'

const KINDS = RULE_KINDS.join('|')

export const accessSetCommand: Command = {
  name: 'access set',
  summary: 'say for whom a schema, table, image collection or HiPS is',
  help: `Usage: npx almagest access set ${KINDS} NAME --groups A,B [--opens TIME] [--announce] [--json]

Running services follow at once, in queries and in PostgreSQL's grants. Without a rule everything is public; a table
without a rule has its schema's, and one with a rule only that. What is said of a name counts also for what gets it later.

  --groups A,B   groups of the identity provider, or of token create; 'authenticated' is everybody who is logged in,
                 'public' is everybody (a public table in a closed schema)
  --opens TIME   public from then on, without anybody's doing: 2027-06-30 or 2027-06-30T12:00:00Z (UTC)
  --announce     outsiders are told that it is there, for whom and from when; otherwise it is as though it were not`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        groups: { type: 'string', multiple: true },
        opens: { type: 'string' },
        announce: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    const { kind, name } = objectOf(positionals)
    if (!values.groups) throw new UsageError("say for whom: --groups A,B ('public' for everybody)")
    const groups = values.groups.flatMap(text => text.split(','))
    const opensAt = values.opens === undefined ? undefined : timeOf(values.opens)
    const { db } = await setting.database()
    const rule = await setRule(db, { kind, name, groups, opensAt, announced: values.announce }, operator())
    setting.stdout.write(values.json ? `${JSON.stringify(viewOf(rule))}\n` : `${lineOf(rule)}\n`)
    if (!(await isThere(db, kind, rule.name)) && !values.json) {
      setting.stderr.write(`There is no ${kind} ${name} yet; the rule counts when it comes.\n`)
    }
    const slow = await slowOperators(db)
    if (slow.length > 0 && !values.json) {
      setting.stderr.write(
        `Searches for images by region are slow while a collection is closed, until a superuser runs:\n${slow.join(';\n')};\n`,
      )
    }
    return 0
  },
}

export const accessListCommand: Command = {
  name: 'access list',
  summary: 'who may read what',
  help: `Usage: npx almagest access list [--json]

What is not listed is public, but for tables of a schema that is.`,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: { json: { type: 'boolean', default: false } },
    })
    const { db } = await setting.database()
    const rules = await listRules(db)
    if (values.json) setting.stdout.write(`${JSON.stringify(rules.map(viewOf))}\n`)
    else for (const rule of rules) setting.stdout.write(`${lineOf(rule)}\n`)
    return 0
  },
}

export const accessRemoveCommand: Command = {
  name: 'access remove',
  summary: 'lift a rule: public again, or as the schema is',
  help: `Usage: npx almagest access remove ${KINDS} NAME`,
  async run(argv, setting) {
    const { positionals } = parseArgs({ args: [...argv], allowPositionals: true })
    const { kind, name } = objectOf(positionals)
    const { db } = await setting.database()
    await removeRule(db, kind, name, operator())
    return 0
  },
}

function objectOf(positionals: readonly string[]): { kind: RuleKind; name: string } {
  const [word, name, more] = positionals
  const kind = RULE_KINDS.find(one => one === word)
  if (!kind || !name || more !== undefined) {
    throw new UsageError(`say what it is about: ${RULE_KINDS.map(one => `${one} NAME`).join(', ')}`)
  }
  return { kind, name }
}

function timeOf(text: string): Date {
  const match = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z?)?$/.exec(text)
  const time = new Date(
    match ? `${text.replace(/Z$/, '')}${text.includes('T') ? '' : 'T00:00:00'}Z` : Number.NaN,
  )
  if (Number.isNaN(time.getTime()) || !time.toISOString().startsWith(text.slice(0, 10)))
    throw new UsageError(`--opens is a time such as 2027-06-30 or 2027-06-30T12:00:00Z (UTC), not '${text}'`)
  return time
}

const viewOf = ({ kind, name, groups, opensAt, announced, isOpen, setAt, setBy }: StoredRule) => ({
  kind,
  name,
  groups,
  opens: opensAt ?? null,
  announced,
  open: isOpen,
  setAt,
  setBy,
})

function lineOf({ kind, name, groups, opensAt, announced, isOpen }: StoredRule): string {
  const when = opensAt ? `opens ${opensAt.toISOString().slice(0, 16)}Z` : ''
  const parts = [
    kind.padEnd(10),
    name,
    groups.join(', '),
    when,
    announced ? 'announced' : '',
    isOpen ? 'open' : '',
  ]
  return parts.filter(part => part !== '').join('  ')
}

async function isThere(client: Client, kind: RuleKind, name: string): Promise<boolean> {
  if (kind === 'hips') return true // on the disk of the web machines
  const [table, column] = {
    schema: ['published_schema', 'lower(schema_name)'],
    table: ['published_table', 'lower(table_name)'],
    collection: ['image_collection', 'collection'],
  }[kind] as [string, string]
  return (await client.query(`SELECT FROM almagest.${table} WHERE ${column} = $1`, [name])).length > 0
}

/** Who sits at the machine. */
const operator = () => ({ name: `operator ${userInfo().username}` })

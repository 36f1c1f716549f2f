/** `doctor`: is everything as it should be, and what to do where it is not. */
import { statfs } from 'node:fs/promises'
import type { Command } from './command.ts'
import type { Database } from './db/database.ts'
import { migrations } from './db/migrate.ts'
import { PUBLIC_ROLE } from './db/roles.ts'
import { clusterChecks } from './doctor-cluster.ts'
import { planSchema } from './ingest/felis/plan.ts'
import { parseFelis } from './ingest/felis/read.ts'
import { type Field, wireType } from './votable/field.ts'

export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'error'
  readonly message: string
  /** What to do. */
  readonly hint?: string
}

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'check this installation and say what to do',
  help: `Usage: npx almagest doctor [--json]

Checks Node, PostgreSQL, pgSphere, the query role, disk space, and TAP_SCHEMA against the
database, and the nodes, shards and skew of a Citus cluster.
Exit code 0 when nothing is an error. --json also has database.url, a libpq URL.`,
  async run(argv, setting) {
    const { db, url, embedded } = await setting.database()
    const checks = [
      nodeCheck(),
      await postgresCheck(db),
      await sphereCheck(db),
      await roleCheck(db),
      await migrationCheck(db),
      await diskCheck(setting.config.dir),
      ...(await catalogChecks(db)),
      ...(await driftChecks(db)),
      ...(await loadChecks(db)),
      ...(await clusterChecks(db)),
    ]
    const ok = checks.every(check => check.state !== 'error')
    if (argv.includes('--json')) {
      setting.stdout.write(
        `${JSON.stringify({ ok, database: { url: withoutPassword(url), embedded }, checks })}\n`,
      )
    } else {
      for (const { name, state, message, hint } of checks) {
        setting.stdout.write(`${state.padEnd(8)}${name}: ${message}${hint ? `\n        ${hint}` : ''}\n`)
      }
      setting.stdout.write(`${' '.repeat(8)}database: ${withoutPassword(url)}\n`)
    }
    return ok ? 0 : 1
  },
}

function nodeCheck(): Check {
  const major = Number(process.versions.node.split('.')[0])
  return major >= 20
    ? { name: 'node', state: 'ok', message: process.version }
    : {
        name: 'node',
        state: 'error',
        message: `${process.version} is too old`,
        hint: 'Install Node 20 or newer.',
      }
}

async function postgresCheck(db: Database): Promise<Check> {
  const [row] = await db.query<{ version: string; number: number; encoding: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
            current_setting('server_encoding') AS encoding`,
  )
  const { version, number, encoding } = row!
  if (number < 150000) {
    return {
      name: 'postgresql',
      state: 'error',
      message: `${version} is too old`,
      hint: 'Use PostgreSQL 15 or newer.',
    }
  }
  if (encoding !== 'UTF8') {
    const hint = 'Make the database anew with ENCODING UTF8.'
    return { name: 'postgresql', state: 'error', message: `the encoding is ${encoding}`, hint }
  }
  return { name: 'postgresql', state: 'ok', message: version }
}

async function sphereCheck(db: Database): Promise<Check> {
  const [row] = await db.query<{ schema: string; extension: string | null }>(
    `SELECT n.nspname AS schema, (SELECT extversion FROM pg_extension WHERE extname = 'pg_sphere') AS extension
       FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = 'spoint'`,
  )
  if (!row)
    return { name: 'pgsphere', state: 'error', message: 'is missing', hint: 'Run npx almagest migrate.' }
  const how = row.extension
    ? `extension ${row.extension}`
    : 'plain SQL, as the packaged extension does not install'
  return { name: 'pgsphere', state: 'ok', message: `in schema ${row.schema} (${how})` }
}

async function roleCheck(db: Database): Promise<Check> {
  const rows = await db.query<{ table: string }>(
    `SELECT table_name AS table FROM almagest.published_table
      WHERE to_regclass(format('%I.%I', sql_schema, sql_table)) IS NOT NULL
        AND NOT has_table_privilege($1, to_regclass(format('%I.%I', sql_schema, sql_table)), 'SELECT')`,
    [PUBLIC_ROLE],
  )
  if (rows.length === 0)
    return { name: 'roles', state: 'ok', message: `${PUBLIC_ROLE} reads what is published` }
  const names = rows.map(row => row.table).join(', ')
  return {
    name: 'roles',
    state: 'error',
    message: `${PUBLIC_ROLE} cannot read ${names}`,
    hint: 'GRANT SELECT on them.',
  }
}

async function migrationCheck(db: Database): Promise<Check> {
  const [row] = await db.query<{ newest: number }>('SELECT max(version) AS newest FROM almagest.migration')
  const known = (await migrations()).at(-1)!.version
  return row!.newest > known
    ? {
        name: 'migrations',
        state: 'error',
        message: `the database is of a newer version (${row!.newest}, here ${known})`,
        hint: 'Update Almagest.',
      }
    : { name: 'migrations', state: 'ok', message: `at ${known}` }
}

const LOW_DISK_BYTES = 5e9

async function diskCheck(dir: string): Promise<Check> {
  const { bavail, bsize } = await statfs(dir).catch(() => statfs('.'))
  const free = bavail * bsize
  const message = `${(free / 1e9).toFixed(1)} GB free for ${dir}`
  return free < LOW_DISK_BYTES
    ? { name: 'disk', state: 'warning', message, hint: 'Ingest, results and tiles need room: free some.' }
    : { name: 'disk', state: 'ok', message }
}

interface PublishedColumn {
  table_name: string
  column_name: string
  datatype: Field['datatype']
  arraysize: string | null
  sql_type: string | null
  found: string | null
  table_found: boolean
}

/** Every published column must exist and have the type that its description promises. */
async function catalogChecks(db: Database): Promise<readonly Check[]> {
  const columns = await db.query<PublishedColumn>(
    `SELECT c.table_name, c.column_name, c.datatype, c.arraysize, c.sql_type,
            a.atttypid::regtype::text AS found, r.oid IS NOT NULL AS table_found
       FROM almagest.published_column c JOIN almagest.published_table t USING (table_name)
       LEFT JOIN pg_class r ON r.oid = to_regclass(format('%I.%I', t.sql_schema, t.sql_table))
       LEFT JOIN pg_attribute a ON a.attrelid = r.oid AND a.attname = c.sql_name AND NOT a.attisdropped
      ORDER BY c.table_name, c.column_index`,
  )
  const lost = [...new Set(columns.filter(c => !c.table_found).map(c => c.table_name))]
  const wrong = columns.filter(c => c.table_found && (c.found === null || c.found !== expectedType(c)))
  const checks: Check[] = lost.map(table => ({
    name: 'tap_schema',
    state: 'error',
    message: `${table} is published, but the database has no such table`,
    hint: 'Ingest it again, or drop its description from almagest.published_table.',
  }))
  for (const c of wrong) {
    const message = `${c.table_name}.${c.column_name} is published as ${expectedType(c)}; the database has ${c.found ?? 'no such column'}`
    checks.push({ name: 'tap_schema', state: 'error', message, hint: 'Describe the column as it is.' })
  }
  if (checks.length === 0) {
    const tables = new Set(columns.map(c => c.table_name)).size
    checks.push({
      name: 'tap_schema',
      state: 'ok',
      message: `${tables} tables, ${columns.length} columns agree`,
    })
  }
  return checks
}

/** As `regtype` prints it. */
const REGTYPES: Record<string, string> = {
  bool: 'boolean',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  timestamp: 'timestamp without time zone',
}

function expectedType(column: PublishedColumn): string {
  const wire =
    column.sql_type ?? wireType({ datatype: column.datatype, arraysize: column.arraysize ?? undefined })
  const element = wire.replace('[]', '')
  return (REGTYPES[element] ?? element) + (wire.endsWith('[]') ? '[]' : '')
}

/** Schemas against the Felis files that they were last described by. */
async function driftChecks(db: Database): Promise<readonly Check[]> {
  const applied = await db.query<{ name: string; felis: string }>(
    'SELECT schema_name AS name, felis FROM almagest.applied_schema ORDER BY 1',
  )
  const checks: Check[] = []
  for (const { name, felis } of applied) {
    // Columns that were taken from other files are not known here.
    if (/^\s*columnRefs:/m.test(felis)) continue
    const noFile = () => Promise.reject(new Error('no other files'))
    const { changes, conflicts } = await planSchema(db, await parseFelis(felis, name, noFile))
    const lines = [...conflicts, ...changes]
    if (lines.length === 0) continue
    const more = lines.length > 3 ? `, and ${lines.length - 3} more` : ''
    checks.push({
      name: 'felis',
      state: 'warning',
      message: `schema ${name} is not as its file describes it: ${lines.slice(0, 3).join('; ')}${more}`,
      hint: `Run \`schema apply\` again, or \`schema export ${name}\` to keep it as it is.`,
    })
  }
  return checks
}

/** Loads that were broken off, whose rows take room. */
async function loadChecks(db: Database): Promise<readonly Check[]> {
  const runs = await db.query<{ table: string; day: string }>(
    `SELECT sql_schema || '.' || sql_table AS table, begun_at::date::text AS day FROM almagest.load_run
      WHERE begun_at < now() - interval '1 day'`,
  )
  return runs.map(({ table, day }) => ({
    name: 'ingest',
    state: 'warning',
    message: `the load of ${table} of ${day} was broken off`,
    hint: `Give the same command again to go on, or \`drop ${table}\` to forget it.`,
  }))
}

function withoutPassword(url: string): string {
  return url.replace(/(\/\/[^:/@]*):[^@/]*@/, '$1@')
}

/** Brings a database to the schema of this version: pgSphere, then sql/*.sql in order, each once. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { ServiceError } from '../error.ts'
import type { Log } from '../log.ts'
import { installPgSphere } from './pgsphere.ts'
import { PUBLIC_ROLE } from './roles.ts'

const SQL_DIR = fileURLToPath(new URL('../../sql', import.meta.url))

/** Any number; it names the lock that makes two processes migrate one after the other. */
const LOCK = 4_210_221

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

export async function migrations(): Promise<readonly Migration[]> {
  const files = (await readdir(SQL_DIR)).filter(name => name.endsWith('.sql')).sort()
  return Promise.all(
    files.map(async name => ({
      version: Number(name.slice(0, 6)),
      name,
      sql: await readFile(join(SQL_DIR, name), 'utf8'),
    })),
  )
}

/**
 * Applies what is missing and resolves to the names applied. Needs the right to create schemas; what only a
 * superuser can do (pgSphere, the query role) fails with the statements that a DBA must run.
 */
export async function migrate(url: string, log: Log): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'almagest migrate' })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK])
    await requireRights(client)
    const sphere = await installPgSphere(client)
    log.debug(sphere, 'pgSphere is in place')
    await client.query(`CREATE SCHEMA IF NOT EXISTS almagest`)
    await client.query(
      `CREATE TABLE IF NOT EXISTS almagest.migration
         (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    )
    const { rows } = await client.query<{ version: number }>('SELECT version FROM almagest.migration')
    const applied = new Set(rows.map(row => row.version))
    const missing = (await migrations()).filter(m => !applied.has(m.version))
    for (const migration of missing) {
      await client.query('BEGIN')
      await client.query(`SELECT set_config('search_path', 'pg_catalog,' || quote_ident($1), true)`, [
        sphere.schema,
      ])
      await client.query(migration.sql)
      await client.query('INSERT INTO almagest.migration (version, name) VALUES ($1, $2)', [
        migration.version,
        migration.name,
      ])
      await client.query('COMMIT')
      log.info({ migration: migration.name }, 'migration applied')
    }
    return missing.map(m => m.name)
  } finally {
    await client.end()
  }
}

/** What only a superuser can do must have been done when the database user is none. */
async function requireRights(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{
    user: string
    database: string
    superuser: boolean
    sphere: boolean
    role: boolean
    member: boolean
    create: boolean
  }>(
    `SELECT current_user::text AS user, current_database()::text AS database, rolsuper AS superuser,
            EXISTS (SELECT FROM pg_type WHERE typname = 'spoint') AS sphere,
            EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS role,
            EXISTS (SELECT FROM pg_roles r WHERE rolname = $1 AND pg_has_role(current_user, r.oid, 'MEMBER')) AS member,
            has_database_privilege(current_database(), 'CREATE') AS create
       FROM pg_roles WHERE rolname = current_user`,
    [PUBLIC_ROLE],
  )
  const has = rows[0]!
  if (has.superuser) return
  const user = pg.escapeIdentifier(has.user)
  const statements = [
    has.sphere ? '' : 'CREATE SCHEMA pgsphere; CREATE EXTENSION pg_sphere SCHEMA pgsphere;',
    has.sphere ? '' : 'GRANT USAGE ON SCHEMA pgsphere TO PUBLIC;',
    has.role ? '' : `CREATE ROLE ${PUBLIC_ROLE} NOLOGIN;`,
    has.member ? '' : `GRANT ${PUBLIC_ROLE} TO ${user};`,
    has.create ? '' : `GRANT CREATE ON DATABASE ${pg.escapeIdentifier(has.database)} TO ${user};`,
  ].filter(statement => statement !== '')
  if (statements.length === 0) return
  throw new ServiceError(
    'forbidden',
    `The database user ${has.user} lacks rights. A DBA must run, in ${has.database}:`,
    {
      detail: statements.join('\n'),
    },
  )
}

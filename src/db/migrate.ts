/** Brings a database to the schema of this version: pgSphere, then sql/*.sql in order, each once. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Log } from '../log.ts'
import { installPgSphere, pgSphereSchema } from './pgsphere.ts'
import { isSuperuser, requireRights } from './rights.ts'

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
    const superuser = await isSuperuser(client)
    if (!superuser) await requireRights(client)
    const schema = superuser ? (await installPgSphere(client)).schema : await pgSphereSchema(client)
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
      await client.query(`SELECT set_config('search_path', 'pg_catalog,' || quote_ident($1), true)`, [schema])
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

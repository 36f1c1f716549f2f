/**
 * A real PostgreSQL for tests. `npm test` starts one and names it in ALMAGEST_TEST_DATABASE; a test file that is
 * run alone starts (or joins) the one under var/test.
 */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type Embedded, openEmbedded } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openLog } from '../../src/log.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let embedded: Promise<Embedded> | undefined
const databases: string[] = []

/**
 * A database of this test file's own, with pgSphere and every migration, as URL of its owner (a superuser); dropped
 * when the file is through, after its last hook. Call it at the top of the file: `const url = await testDatabase()`.
 */
export async function testDatabase(): Promise<string> {
  const server = await testServer()
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`
  await withClient(server, async client => {
    await client.query(`SELECT pg_advisory_lock(hashtext('almagest test template'))`)
    await dropAbandoned(client)
    const template = await ensureTemplate(client, server)
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  })
  // Not a hook: hooks run in order of their registration, and the file's own still need the database.
  if (databases.length === 0) process.once('beforeExit', () => dropDatabases(server))
  databases.push(name)
  return databaseUrl(server, name)
}

async function dropDatabases(server: string): Promise<void> {
  await withClient(server, async client => {
    for (const name of databases) await client.query(`DROP DATABASE ${name} WITH (FORCE)`)
  })
  await (await embedded)?.release()
}

/** What test files left that were killed. */
async function dropAbandoned(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    `SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'`,
  )
  for (const { datname } of rows) {
    if (!existsSync(`/proc/${datname.split('_')[1]}`))
      await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`)
  }
}

/** URL of the server's own database `almagest`; for what must not be a copy of the template. */
async function testServer(): Promise<string> {
  const given = process.env.ALMAGEST_TEST_DATABASE
  if (given) return given
  embedded ??= openEmbedded({ dir: `${root}var/test`, log: { info() {}, warn: console.warn } })
  return (await embedded).url
}

/** Runs `work` on one connection to `url`. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function databaseUrl(server: string, name: string): string {
  return server.replace(/\/[^/?]*(\?|$)/, `/${name}$1`)
}

/** One template for each state of what it is made from, made by whoever comes first. */
async function ensureTemplate(client: pg.Client, server: string): Promise<string> {
  const name = `template_${sourceHash()}`
  const { rows } = await client.query<{ datname: string }>(
    `SELECT datname FROM pg_database WHERE datname LIKE 'template\\_%'`,
  )
  if (rows.some(row => row.datname === name)) return name
  for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`)
  await client.query(`CREATE DATABASE ${name}_new`)
  await migrate(databaseUrl(server, `${name}_new`), openLog('silent'))
  await client.query(`ALTER DATABASE ${name}_new RENAME TO ${name}`)
  return name
}

function sourceHash(): string {
  const hash = createHash('sha256')
  const sql = readdirSync(`${root}sql`).map(file => `sql/${file}`)
  for (const file of ['src/db/pgsphere.ts', ...sql.sort()])
    hash.update(file).update(readFileSync(root + file))
  return hash.digest('hex').slice(0, 12)
}

/**
 * `npm test [-- part-of-a-file-name …]`: lint, types and every test file against one private PostgreSQL. With names,
 * only the test files that have one of them in their path. Everything runs, and the status is 1 if anything failed.
 */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prestep.mjs'

/** A file that hangs fails after this. */
const FILE_MS = 300_000
const root = fileURLToPath(new URL('..', import.meta.url))
const names = process.argv.slice(2)

await prepare({ tests: true })
// Ctrl-C reaches the children too; we stay until the database is down.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
const failed = []
if (names.length === 0) {
  await check('biome', ['node_modules/@biomejs/biome/bin/biome', 'check', '.'])
  await check('types', ['node_modules/typescript/bin/tsc', '--noEmit'])
}
const files = testFiles(join(root, 'test')).filter(
  file => names.length === 0 || names.some(n => file.includes(n)),
)
if (files.length === 0) failed.push(`no test file has ${names.join(' or ')} in its path`)
else {
  const server = await openServer()
  const options = ['--test', '--test-reporter=spec', '--test-concurrency=2', `--test-timeout=${FILE_MS}`]
  // Clients in Java and Python print in the locale's encoding; a bare machine has none.
  await check('tests', ['--import', 'tsx', ...options, ...files], {
    ALMAGEST_TEST_DATABASE: server.url,
    LC_ALL: 'C.UTF-8',
  })
  await server.close()
}
if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}`)
process.exit(failed.length > 0 ? 1 : 0)

/** Runs a Node program and notes its failure under the title. */
async function check(title, args, env = {}) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  const status = await new Promise((done, fail) => child.once('error', fail).once('close', done))
  if (status !== 0) failed.push(title)
}

/** Node 20 has no glob. */
function testFiles(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.test.ts'))
    .sort()
    .map(name => relative(root, join(folder, name)))
}

/** A fresh cluster of this run's own, without the waits for the disk that a database worth keeping needs. */
async function openServer() {
  const { register } = await import('tsx/esm/api')
  const unregister = register()
  const { openEmbedded } = await import('../src/db/embedded.ts')
  const { default: pg } = await import('pg')
  const dir = mkdtempSync(join(tmpdir(), 'almagest-test-'))
  // As root the server runs as another user, who must get through.
  chmodSync(dir, 0o711)
  const { url, release } = await openEmbedded({ dir, log: { info() {}, warn: console.warn } })
  const client = new pg.Client(url)
  await client.connect()
  await client.query('ALTER SYSTEM SET fsync = off')
  await client.query('SELECT pg_reload_conf()')
  await client.end()
  return {
    url,
    async close() {
      await release()
      await unregister()
      const location = join(dir, 'pg/location')
      if (existsSync(location)) rmSync(readFileSync(location, 'utf8').trim(), { recursive: true })
      rmSync(dir, { recursive: true })
    },
  }
}

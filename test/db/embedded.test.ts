import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEmbedded } from '../../src/db/embedded.ts'
import { withClient } from '../support/database.ts'

const root = resolve(import.meta.dirname, '../..')
const log = { info() {}, warn() {} }
const folders: string[] = []
/** One cluster for the tests of its life; each leaves it down. */
const dir = folder()
const home = join(dir, 'pg')

test.after(() => {
  for (const dir of folders) {
    const location = join(dir, 'pg/location')
    if (existsSync(location)) rmSync(readFileSync(location, 'utf8').trim(), { recursive: true, force: true })
    rmSync(dir, { recursive: true, force: true })
  }
})

function folder(mode = 0o711): string {
  const dir = mkdtempSync(join(tmpdir(), 'almagest-embedded-'))
  chmodSync(dir, mode)
  folders.push(dir)
  return dir
}

/** The postmaster of a cluster, undefined when it is down. */
function postmaster(home: string): number | undefined {
  const file = join(home, 'data/postmaster.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : undefined
}

function keeperOf(home: string): number {
  const pid = readdirSync('/proc').find(entry => {
    if (!/^\d+$/.test(entry) || !existsSync(`/proc/${entry}/cmdline`)) return false
    const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')
    return words.some(word => word.endsWith('keeper.ts')) && words.includes(home)
  })
  assert.ok(pid, 'the keeper runs')
  return Number(pid)
}

async function eventually(what: string, holds: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  for (const until = Date.now() + ms; !(await holds()); await sleep(50)) {
    assert.ok(Date.now() < until, `in ${ms} ms: ${what}`)
  }
}

const answers = (url: string) =>
  withClient(url, async client => (await client.query('SELECT 1 AS one')).rows[0].one === 1).catch(
    () => false,
  )

/** A process of its own that holds the cluster until it is killed. */
async function holder(dir: string): Promise<ChildProcess> {
  const script = `import { openEmbedded } from ${JSON.stringify(join(root, 'src/db/embedded.ts'))}
    await openEmbedded({ dir: ${JSON.stringify(dir)}, log: { info() {}, warn() {} } })
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    cwd: root,
  })
  child.stderr.pipe(process.stderr)
  await new Promise<void>((done, fail) => {
    child.stdout.once('data', () => done())
    child.once('exit', code => fail(new Error(`holder ended with ${code}`)))
  })
  return child
}

test('opens, is shared, and stops cleanly with its last holder', async () => {
  const [one, two] = await Promise.all([openEmbedded({ dir, log }), openEmbedded({ dir, log })])
  assert.equal(one.url, two.url)
  const settings = await withClient(one.url, async client => {
    const names = ['server_encoding', 'data_checksums', 'listen_addresses', 'jit', 'wal_level', 'TimeZone']
    const { rows } = await client.query('SELECT name, setting FROM pg_settings WHERE name = ANY($1)', [names])
    const { rows: is } = await client.query(
      'SELECT current_user, current_database(), datcollate, usesuper FROM pg_database, pg_user WHERE datname = current_database() AND usename = current_user',
    )
    assert.deepEqual(is, [
      { current_user: 'almagest', current_database: 'almagest', datcollate: 'C.UTF-8', usesuper: true },
    ])
    return Object.fromEntries(rows.map(row => [row.name, row.setting]))
  })
  assert.deepEqual(settings, {
    server_encoding: 'UTF8',
    data_checksums: 'on',
    listen_addresses: '',
    jit: 'off',
    wal_level: 'minimal',
    TimeZone: 'UTC',
  })
  const psql = execFileSync('psql', ['-Atc', 'SELECT current_user', one.url], { encoding: 'utf8' })
  assert.equal(psql.trim(), 'almagest', 'libpq takes the same URL')
  await one.release()
  assert.ok(await answers(two.url), 'still up for the second holder')
  await two.release()
  assert.equal(postmaster(home), undefined, 'down when release resolves')
  assert.match(readFileSync(join(home, 'server.log'), 'utf8'), /database system is shut down/)
})

test('processes killed with -9 leave a clean stop; data stays', async () => {
  const [first, second] = await Promise.all([holder(dir), holder(dir)])
  const { url, release } = await openEmbedded({ dir, log })
  await withClient(url, client => client.query('CREATE TABLE public.kept AS SELECT 42 AS n'))
  await release()
  first.kill('SIGKILL')
  await sleep(1500)
  assert.ok(postmaster(home), 'up while one process holds it')
  second.kill('SIGKILL')
  await eventually('the server is down', () => postmaster(home) === undefined)
  assert.match(readFileSync(join(home, 'server.log'), 'utf8'), /database system is shut down/)
  const again = await openEmbedded({ dir, log })
  const { rows } = await withClient(again.url, client => client.query('SELECT n FROM public.kept'))
  assert.deepEqual(rows, [{ n: 42 }])
  await again.release()
})

test('a killed server or keeper is replaced under the same URL, also for who holds it', async () => {
  const warnings: string[] = []
  const { url, release } = await openEmbedded({ dir, log: { info() {}, warn: text => warnings.push(text) } })
  const server = postmaster(home)!
  process.kill(server, 'SIGKILL')
  await eventually('another server answers', async () => postmaster(home) !== server && (await answers(url)))
  assert.match(warnings.join(), /stopped; starting it again/)
  const second = postmaster(home)
  process.kill(keeperOf(home), 'SIGKILL')
  await eventually('a third server answers', async () => postmaster(home) !== second && (await answers(url)))
  await release()
  assert.equal(postmaster(home), undefined)
})

test('stale files of killed processes do not stop the next start, even when their number is in use', async () => {
  await (await openEmbedded({ dir, log })).release()
  // What a machine that lost power leaves; the number is that of a living process of the server's user or ours.
  writeFileSync(join(home, 'data/postmaster.pid'), `${process.pid}\n${join(home, 'data')}\n`)
  mkdirSync(join(home, 'run'), { recursive: true })
  writeFileSync(join(home, 'run/.s.PGSQL.5432.lock'), `${process.pid}\n`)
  mkdirSync(join(home, 'data.new'))
  const { url, release } = await openEmbedded({ dir, log })
  assert.ok(await answers(url))
  await release()
})

test('many open at once while others leave', async () => {
  await Promise.all(
    [0, 300, 600, 900, 1200, 1500, 1800, 2100].map(async after => {
      await sleep(after)
      const { url, release } = await openEmbedded({ dir, log })
      assert.ok(await answers(url))
      await release()
    }),
  )
  assert.equal(postmaster(home), undefined)
})

test('a start that fails says why, with the end of the log', async () => {
  await (await openEmbedded({ dir, log })).release()
  writeFileSync(join(home, 'data/local.conf'), 'no_such_setting = 1\n')
  await assert.rejects(openEmbedded({ dir, log }), /did not start.*\n(.*\n)*.*no_such_setting/)
  rmSync(join(home, 'data/local.conf'))
  await (await openEmbedded({ dir, log })).release()
})

test('a place that cannot serve is left for another, which location names', async () => {
  const dir = join(folder(), 'deep-'.repeat(20))
  mkdirSync(dir, { recursive: true })
  folders.push(dir)
  const { url, release } = await openEmbedded({ dir, log })
  const home = readFileSync(join(dir, 'pg/location'), 'utf8').trim()
  assert.ok(await answers(url))
  assert.ok(postmaster(home))
  assert.ok(!existsSync(join(dir, 'pg/data')))
  await release()

  const copy = folder()
  mkdirSync(join(copy, 'pg'))
  writeFileSync(join(copy, 'pg/location'), `${home}\n`)
  await assert.rejects(openEmbedded({ dir: copy, log }), /this one is a copy. Remove .*location/)

  const moved = folder()
  renameSync(join(dir, 'pg'), join(moved, 'pg'))
  const there = await openEmbedded({ dir: moved, log })
  assert.equal(there.url, url, 'a moved clone keeps its database')
  await there.release()
})

test('paths with spaces, quotes, percent signs and non-ASCII letters', async () => {
  const dir = join(folder(), `o'dd "pläce" 100%, 50%41`)
  mkdirSync(dir)
  const { url, release } = await openEmbedded({ dir, log })
  assert.ok(await answers(url))
  assert.ok(existsSync(join(dir, 'pg/data')))
  await release()
})

const noRoot = process.getuid!() !== 0 && 'needs root'
/** Of a user who owns nothing here. */
const OTHER = 65534
const unreadable = () =>
  spawnSync('test', ['-r', join(root, 'package.json')], { uid: OTHER }).status !== 0 &&
  'no other user can read this clone'

test('as root, a folder closed to others sends the cluster to /var/lib', { skip: noRoot }, async () => {
  const closed = folder(0o700)
  const { url, release } = await openEmbedded({ dir: closed, log })
  assert.ok(await answers(url))
  assert.match(readFileSync(join(closed, 'pg/location'), 'utf8'), /^\/var\/lib\/almagest\/\w+$/m)
  await release()
})

test("root serves anybody's cluster, others only their own", { skip: noRoot || unreadable() }, async () => {
  const roots = folder(0o777)
  await (await openEmbedded({ dir: roots, log })).release()
  assert.match(openAsOther(roots), /belongs to user .*Start as root again, or set ALMAGEST_DIR/s)
  assert.match(openAsOther(folder(0o755)), /may not write in .*ALMAGEST_DIR/)

  const theirs = folder(0o777)
  assert.equal(openAsOther(theirs), 'opened')
  await (await openEmbedded({ dir: theirs, log })).release()
  assert.equal(openAsOther(theirs), 'opened')
})

/** Opens and releases as another user, in a process of its own: 'opened', or the error. */
function openAsOther(dir: string): string {
  const script = `import { openEmbedded } from ${JSON.stringify(join(root, 'src/db/embedded.ts'))}
    try {
      const { release } = await openEmbedded({ dir: ${JSON.stringify(dir)}, log: { info() {}, warn() {} } })
      await release()
      console.log('opened')
    } catch (error) { console.log(error.message) }`
  const node = ['--import', 'tsx', '--input-type=module', '--eval', script]
  return execFileSync(process.execPath, node, { cwd: root, uid: OTHER, gid: OTHER, encoding: 'utf8' }).trim()
}

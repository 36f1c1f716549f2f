/** Several web processes behind one port: one service to clients, whichever process answers and whichever dies. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { testDatabase } from './support/database.ts'

const database = await testDatabase()
const almagest = fileURLToPath(new URL('../bin/almagest.mjs', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'almagest-processes-'))
after(() => rmSync(dir, { recursive: true }))

function run(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [almagest, ...args], {
    env: { ...process.env, DATABASE_URL: database, ALMAGEST_DIR: dir, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function output(stream: Readable, until?: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk
    if (until?.test(text)) break
  }
  return text
}

const exit = (child: ChildProcess) => new Promise<number | null>(resolve => child.once('exit', resolve))

/** Of Linux: who has been started by a process. */
const children = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

const isWeb = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('almagest.mjs')

describe('almagest serve --processes 2', () => {
  let child: ChildProcess
  let url = ''
  before(async () => {
    child = run(['serve', '--processes', '2'])
    url = /at (http:\S+)\//.exec(await output(child.stdout!, /at http:\S+\//))![1]!
  })
  after(() => child.kill('SIGKILL'))

  /** A new connection each, so that the processes take turns. */
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, { redirect: 'manual', ...init, headers: { connection: 'close', ...init.headers } })

  it('finds a job in either process, and runs it in neither', async () => {
    const form = {
      LANG: 'ADQL',
      FORMAT: 'csv',
      PHASE: 'RUN',
      QUERY: 'SELECT TOP 1 1 AS n FROM tap_schema.tables',
    }
    const created = await ask('/tap/async', { method: 'POST', body: new URLSearchParams(form) })
    const path = new URL(created.headers.get('location')!).pathname
    await ask(`${path}?WAIT=30&PHASE=QUEUED`)
    await ask(`${path}?WAIT=30&PHASE=EXECUTING`)
    const answers = await Promise.all(
      Array.from({ length: 6 }, async () => (await ask(`${path}/results/result`)).text()),
    )
    assert.deepEqual(answers, Array(6).fill('n\r\n1\r\n'))
  })

  it('puts another process in the place of one that died, and answers meanwhile', async () => {
    const before = children(child.pid!).filter(isWeb)
    assert.equal(before.length, 2)
    process.kill(before[0]!, 'SIGKILL')
    const replaced = () => {
      const now = children(child.pid!).filter(isWeb)
      return now.length === 2 && !now.includes(before[0]!)
    }
    while (!replaced()) {
      await sleep(100)
      // The dead process may have had the connection.
      const { status } = await ask('/tap/availability').catch(() => ({ status: 200 }))
      assert.equal(status, 200)
    }
    assert.ok(children(child.pid!).includes(before[1]!))
  })

  it('ends with all of its processes', async () => {
    const web = children(child.pid!).filter(isWeb)
    const ended = exit(child)
    child.kill('SIGTERM')
    assert.equal(await ended, 0)
    for (const pid of web) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })
})

it('leaves no web process behind when the first one is killed', { timeout: 60_000 }, async () => {
  const child = run(['serve', '--processes', '2', '--no-runner'])
  await output(child.stdout!, /at http:\S+\//)
  const web = children(child.pid!).filter(isWeb)
  assert.equal(web.length, 2)
  child.kill('SIGKILL')
  const isThere = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  while (web.some(isThere)) await sleep(50)
})

it('says why the web processes cannot start', async () => {
  const child = run(['serve', '--processes', '2'], { HOST: '192.0.2.1' })
  const ended = exit(child)
  const errors = await output(child.stderr!)
  assert.equal(await ended, 1)
  assert.match(errors, /EADDRNOTAVAIL/)
  assert.match(errors, /A web process ended \(1\) before it could answer/)
})

it('refuses what is no number of processes', async () => {
  const child = run(['serve', '--processes', 'many'])
  const ended = exit(child)
  assert.match(await output(child.stderr!), /--processes many: say a number from 1 to 16/)
  assert.equal(await ended, 2)
})

/** The running process: it starts, answers, stops within its grace, and leaves nothing at work. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { testDatabase, withClient } from './support/database.ts'

const database = await testDatabase()
const almagest = fileURLToPath(new URL('../bin/almagest.mjs', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'almagest-serve-'))
after(() => rmSync(dir, { recursive: true }))

function run(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [almagest, ...args], {
    env: { ...process.env, DATABASE_URL: database, ALMAGEST_DIR: dir, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function outcome(
  child: ChildProcess,
): Promise<{ status: number | null; output: string; errors: string }> {
  let output = ''
  let errors = ''
  child.stdout!.on('data', chunk => {
    output += chunk
  })
  child.stderr!.on('data', chunk => {
    errors += chunk
  })
  const status = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { status, output, errors }
}

async function serving(child: ChildProcess): Promise<string> {
  let text = ''
  for await (const chunk of child.stdout!) {
    text += chunk
    const url = /at (http:\S+)\//.exec(text)?.[1]
    if (url) return url
  }
  throw new Error(`serve ended: ${text}`)
}

describe('almagest serve', () => {
  it('lets a running request end, takes no new one, and exits with 0', async () => {
    const child = run(['serve'])
    const url = await serving(child)
    const query = (seconds: number) =>
      `${url}/tap/sync?LANG=ADQL&FORMAT=csv&MAXREC=1&QUERY=${encodeURIComponent(slow(seconds))}`
    const running = fetch(query(1))
    await working()
    const begun = performance.now()
    const ended = new Promise<number | null>(resolve => child.once('close', resolve))
    child.kill('SIGTERM')
    await sleep(300)
    await assert.rejects(fetch(`${url}/tap/availability`))
    const response = await running
    assert.equal(response.status, 200)
    assert.match(await response.text(), /^n\r\n\d+/)
    assert.equal(await ended, 0)
    assert.ok(performance.now() - begun < 9000)
  })

  it('cancels what takes longer than its grace', { timeout: 40_000 }, async () => {
    const child = run(['serve'])
    const url = await serving(child)
    fetch(`${url}/tap/sync?LANG=ADQL&FORMAT=csv&QUERY=${encodeURIComponent(slow(1000))}`).catch(() => {})
    await working()
    const ended = new Promise<number | null>(resolve => child.once('close', resolve))
    child.kill('SIGINT')
    assert.equal(await ended, 0)
    await withClient(database, async client => {
      const { rows } = await client.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'`,
      )
      assert.equal(rows.length, 0)
    })
  })

  it('says which setting is wrong', async () => {
    const { status, errors } = await outcome(run(['serve'], { PORT: 'eighty' }))
    assert.equal(status, 2)
    assert.match(errors, /PORT: must be an integer/)
  })

  /** A query that works for about this long: counting a cross join of TAP_SCHEMA. */
  function slow(seconds: number): string {
    const copies = seconds > 100 ? 6 : 4
    const tables = Array.from({ length: copies }, (_, i) => `tap_schema.columns AS t${i}`).join(', ')
    return `SELECT COUNT(*) AS n FROM ${tables} WHERE t0.column_index + t1.column_index > ${seconds > 100 ? 0 : 1}`
  }

  async function working(): Promise<void> {
    await withClient(database, async client => {
      for (;;) {
        const { rows } = await client.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
              AND state = 'active' AND query LIKE '%"n"%'`,
        )
        if (rows.length > 0) return
        await sleep(20)
      }
    })
  }
})

describe('almagest', () => {
  it('names its verbs, and what is no verb', async () => {
    const help = await outcome(run(['--help']))
    assert.equal(help.status, 0)
    assert.match(help.output, /ingest table/)
    const wrong = await outcome(run(['frobnicate']))
    assert.equal(wrong.status, 2)
    assert.match(wrong.errors, /no verb 'frobnicate'/)
  })

  it('doctor finds all well, and what is not', async () => {
    const well = await outcome(run(['doctor', '--json']))
    const report = JSON.parse(well.output)
    assert.equal(well.status, 0, well.output)
    assert.equal(report.ok, true)
    assert.ok(report.database.url.startsWith('postgres'))
    await withClient(database, client =>
      client.query(`UPDATE almagest.published_column SET datatype = 'long' WHERE column_name = '"size"'`),
    )
    const ill = await outcome(run(['doctor']))
    assert.equal(ill.status, 1)
    assert.match(
      ill.output,
      /error +tap_schema: tap_schema.columns."size" is published as bigint; the database has integer/,
    )
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, StreamQuery } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { PUBLIC_ROLE } from '../../src/db/roles.ts'
import { openLog } from '../../src/log.ts'
import type { Field } from '../../src/votable/field.ts'
import type { RowBatch } from '../../src/votable/row.ts'
import { testDatabase } from '../support/database.ts'

const INT: Field = { name: 'n', datatype: 'int' }
const TEXT: Field = { name: 't', datatype: 'char', arraysize: '*' }

const url = await testDatabase()

describe('a result stream', () => {
  let db: Database
  let watch: Database

  before(async () => {
    const log = openLog('silent')
    db = await openDatabase({ url, log, processes: 10 })
    watch = await openDatabase({ url, log })
  })
  after(async () => {
    await db.close()
    await watch.close()
  })

  const query = (text: string, more: Partial<StreamQuery> = {}): StreamQuery => ({
    text,
    values: [],
    fields: [INT],
    wire: 'binary',
    role: PUBLIC_ROLE,
    timeoutMs: 20_000,
    stallMs: 5000,
    signal: new AbortController().signal,
    ...more,
  })

  async function count(batches: AsyncIterable<RowBatch>): Promise<number> {
    let rows = 0
    for await (const batch of batches) rows += batch.count
    return rows
  }

  /** Whether a statement with this marker is at work in PostgreSQL. */
  async function running(marker: string): Promise<boolean> {
    const rows = await watch.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE $1`,
      [`%${marker}%`],
    )
    return rows.length > 0
  }

  async function gone(marker: string, withinMs: number): Promise<boolean> {
    for (const end = Date.now() + withinMs; Date.now() < end; await sleep(20)) {
      if (!(await running(marker))) return true
    }
    return false
  }

  it('carries binary rows with bound values', async () => {
    const stream = await db.stream(
      query('SELECT 7 + $1::int4, $2::text', { values: ['35', 'grüße'], fields: [INT, TEXT] }),
    )
    for await (const { data, starts, count } of stream) {
      assert.equal(count, 1)
      const at = starts[0]!
      assert.equal(data.readInt16BE(at), 2)
      assert.equal(data.readInt32BE(at + 6), 42)
      assert.equal(data.toString('utf8', at + 14, at + 14 + data.readInt32BE(at + 10)), 'grüße')
    }
  })

  it('carries text cells when asked', async () => {
    const stream = await db.stream(query('SELECT 1234::int4', { wire: 'text' }))
    for await (const { data, starts } of stream) {
      assert.equal(data.toString('latin1', starts[0]! + 6, starts[0]! + 10), '1234')
    }
  })

  it('yields every row of many, in order, and no batch for none', async () => {
    let expected = 1
    for await (const { data, starts, count } of await db.stream(query('SELECT generate_series(1, 200000)'))) {
      for (let i = 0; i < count; i++) assert.equal(data.readInt32BE(starts[i]! + 6), expected++)
    }
    assert.equal(expected, 200_001)
    assert.equal(await count(await db.stream(query('SELECT 1 WHERE false'))), 0)
  })

  it('carries a row larger than any chunk', async () => {
    const stream = await db.stream(query(`SELECT repeat('x', 20000000)`, { fields: [TEXT] }))
    for await (const { data, starts } of stream) assert.equal(data.readInt32BE(starts[0]! + 2), 20_000_000)
  })

  it('rejects before the first row with the SQLSTATE and position, and the connection goes on', async () => {
    for (let i = 0; i < 5; i++) {
      await assert.rejects(db.stream(query('SELECT 1/0')), { sqlState: '22012' })
      await assert.rejects(db.stream(query('SELECT nothing')), { sqlState: '42703', position: 7 })
      assert.equal(await count(await db.stream(query('SELECT 1'))), 1)
    }
  })

  it('fails in mid-stream with the rows before it delivered', async () => {
    const stream = await db.stream(query('SELECT 1/(100000-generate_series(1, 200000))'))
    let rows = 0
    await assert.rejects(
      async () => {
        for await (const batch of stream) rows += batch.count
      },
      { sqlState: '22012' },
    )
    assert.ok(rows > 0 && rows < 100_000)
    assert.equal(await count(await db.stream(query('SELECT 1'))), 1)
  })

  it('runs one read-only statement under the role', async () => {
    await assert.rejects(db.stream(query('SELECT 1; SELECT 2')), { sqlState: '42601' })
    await assert.rejects(db.stream(query('SELECT count(*)::int FROM almagest.published_table')), {
      sqlState: '42501',
    })
    await assert.rejects(db.stream(query('CREATE TABLE tap_schema.x (n int)')), /read-only|permission/)
    await assert.rejects(
      db.stream(query(`SELECT 1 FROM set_config('role', 'none', false), almagest.migration`)),
      {
        sqlState: '42501',
      },
    )
    const [row] = await db.query<{ role: string }>('SELECT current_user AS role')
    assert.notEqual(row!.role, PUBLIC_ROLE)
  })

  it('refuses rows of another shape than was promised', async () => {
    await assert.rejects(db.stream(query('SELECT 1::int8')), /column n: int4 expected/)
    await assert.rejects(db.stream(query('SELECT 1, 2')), /1 columns expected, PostgreSQL has 2/)
    assert.equal(await count(await db.stream(query('SELECT 1'))), 1)
  })

  it('keeps statement_timeout', async () => {
    await assert.rejects(db.stream(query('SELECT 1 FROM pg_sleep(10)', { timeoutMs: 200 })), {
      sqlState: '57014',
    })
  })

  it('cancels in PostgreSQL when the signal aborts before the first row', async () => {
    const controller = new AbortController()
    const stream = db.stream(query('SELECT /* abort1 */ 1 FROM pg_sleep(30)', { signal: controller.signal }))
    while (!(await running('abort1'))) await sleep(10)
    controller.abort(new Error('the client has gone'))
    await assert.rejects(stream, /the client has gone/)
    assert.ok(await gone('abort1', 2000))
  })

  it('cancels when the reader leaves, and when it stalls', async () => {
    const many = 'SELECT generate_series(1, 1000000000)'
    for await (const _ of await db.stream(query(`${many} /* leave1 */`))) break
    assert.ok(await gone('leave1', 2000))
    const stalled = await db.stream(query(`${many} /* stall1 */`, { stallMs: 300 }))
    const reader = stalled[Symbol.asyncIterator]()
    await reader.next()
    await sleep(600)
    assert.ok(await gone('stall1', 2000))
    await assert.rejects(reader.next(), /stopped reading/)
    const unread = await db.stream(query(`${many} /* unread1 */`, { stallMs: 300 }))
    assert.ok(await gone('unread1', 2000))
    await assert.rejects(count(unread), /stopped reading/)
  })

  it('keeps little in memory when the reader is slow', async () => {
    const stream = await db.stream(
      query(`SELECT repeat('x', 1000 + 0 * generate_series(1, 1000000))`, { fields: [TEXT] }),
    )
    const reader = stream[Symbol.asyncIterator]()
    await reader.next()
    const before = process.memoryUsage.rss()
    await sleep(500)
    assert.ok(process.memoryUsage.rss() - before < 50e6)
    await reader.return?.()
  })

  it('goes on after a backend was killed', async () => {
    const stream = await db.stream(query('SELECT generate_series(1, 1000000000) /* kill1 */'))
    await watch.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%kill1%' AND pid <> pg_backend_pid()`,
    )
    await assert.rejects(count(stream))
    for (let i = 0; i < 4; i++) assert.equal(await count(await db.stream(query('SELECT 1'))), 1)
  })
})

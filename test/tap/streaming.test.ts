/** Clients that read slowly, stop reading, or vanish, in every format: their queries end, and nobody else notices. */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { OUTPUT_FORMATS } from '../../src/formats/index.ts'
import { testDatabase } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'

const database = await testDatabase()
/** But coverage maps, which are small and made when the last row has been read. */
const FORMATS = OUTPUT_FORMATS.map(format => format.mediaType).filter(type => !type.includes('moc'))
const STALL_SECONDS = 2

/** A million rows of 200 bytes, more than the buffers of a socket hold; without the integer that BINARY refuses. */
const MANY =
  'SELECT a.*, b.name AS marker, b.title AS t FROM sample.stars AS a, sample.stars AS b WHERE a.id > 0'

describe('results to clients that do not read', () => {
  let service: TestService

  before(async () => {
    service = await startTestService({
      database,
      fill: fillSample,
      runner: false,
      limits: { maxrecHard: 1_000_000, stallSeconds: STALL_SECONDS, syncSeconds: 60 },
    })
  })
  after(() => service.close())

  /** Connects, asks, and reads nothing yet. */
  async function ask(format: string): Promise<Socket> {
    const query = new URLSearchParams({
      LANG: 'ADQL',
      RESPONSEFORMAT: format,
      MAXREC: '1000000',
      QUERY: MANY,
    })
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    await new Promise(resolve => socket.once('connect', resolve))
    socket.write(`GET /tap/sync?${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    return socket
  }

  async function count(sql: string): Promise<number> {
    const rows = await service.db.query<{ n: number }>(sql)
    return rows[0]!.n
  }
  const atWork = () =>
    count(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND query LIKE '%marker%' AND pid <> pg_backend_pid()`,
    )
  /** Spools of FITS, which have no name any more. */
  const openSpools = () =>
    readdirSync('/proc/self/fd').filter(fd => {
      try {
        return /almagest-[^/]* \(deleted\)$/.test(readlinkSync(`/proc/self/fd/${fd}`))
      } catch {
        return false // it was that of this listing
      }
    }).length

  async function until(what: string, seconds: number, reached: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + 1000 * seconds; Date.now() < end; await sleep(50))
      if (await reached()) return
    assert.fail(`${what}: not within ${seconds} s`)
  }

  /** Small queries of others are answered while those of `sockets` are held up. */
  async function assertOthersGoOn(sockets: readonly Socket[]): Promise<void> {
    for (let i = 0; i < 5; i++) {
      const response = await sync(service, { QUERY: 'SELECT TOP 1 id FROM sample.stars', FORMAT: 'csv' })
      assert.equal(response.status, 200)
      await response.text()
    }
    assert.ok(
      sockets.some(socket => !socket.closed),
      'they were answered only when nobody was left to wait for',
    )
    assert.ok((await atWork()) > 0)
  }

  async function assertNothingLeft(): Promise<void> {
    await until('queries end', 5, async () => (await atWork()) === 0)
    await until('spools are gone', 5, async () => openSpools() === 0)
    // As many queries at once as there are connections: a leaked one would be missed.
    const all = Array.from({ length: 30 }, () =>
      sync(service, { QUERY: 'SELECT TOP 1 id FROM sample.stars' }),
    )
    for (const response of await Promise.all(all)) assert.equal(response.status, 200, await response.text())
  }

  it('vanished: the query ends at once', async () => {
    const sockets = await Promise.all(FORMATS.map(ask))
    await until('all are at work', 20, async () => (await atWork()) === FORMATS.length)
    for (const socket of sockets) socket.destroy()
    await assertNothingLeft()
  })

  it('vanished in the middle of reading', async () => {
    const sockets = await Promise.all(FORMATS.map(ask))
    const read = sockets.map(
      socket =>
        new Promise<void>(resolve => {
          let bytes = 0
          socket.on('data', chunk => {
            bytes += chunk.length
            if (bytes > 3e6) socket.destroy()
          })
          socket.on('close', () => resolve())
          setTimeout(() => socket.destroy(), 5000).unref()
        }),
    )
    for (const socket of sockets) socket.resume()
    await Promise.all(read)
    await assertNothingLeft()
  })

  it('stalled: the query ends at its limit, the connection is cut, and others do not wait', async () => {
    const sockets = await Promise.all(FORMATS.map(ask))
    await until('all are at work', 20, async () => (await atWork()) >= FORMATS.length - 1)
    await assertOthersGoOn(sockets)
    // FITS is sent when all rows are there; what waits for the stall is the spool.
    await until('queries end', 30, async () => (await atWork()) === 0)
    await sleep(1000 * STALL_SECONDS)
    await assertNothingLeft()
    const ended = sockets.map(
      socket =>
        new Promise<string>(resolve => {
          let end = ''
          socket.on('data', chunk => {
            end = (end + chunk.toString('latin1')).slice(-5)
          })
          socket.on('close', () => resolve(end))
        }),
    )
    for (const socket of sockets) socket.resume()
    // The last chunk of a complete answer is of length 0.
    for (const [i, end] of (await Promise.all(ended)).entries()) {
      assert.notEqual(end, '0\r\n\r\n', `${FORMATS[i]} looks complete`)
    }
  })

  it('slow, beyond the limit of a stall: not cut', async () => {
    // Not FITS and not Parquet, whose first bytes come late on a busy machine.
    const formats = FORMATS.filter(format => !/fits|parquet/.test(format))
    const sockets = await Promise.all(formats.map(ask))
    const closed = new Set<number>()
    sockets.forEach((socket, i) => {
      socket.on('close', () => closed.add(i))
    })
    const begun = Date.now()
    const read = sockets.map(() => 0)
    while (Date.now() - begun < 2500 * STALL_SECONDS) {
      for (const [i, socket] of sockets.entries()) read[i]! += socket.read(200_000)?.length ?? 0
      await sleep(50)
    }
    assert.deepEqual([...closed], [])
    await assertOthersGoOn(sockets)
    for (const socket of sockets) socket.destroy()
    await assertNothingLeft()
  })
})

/** `/tap/sync` as clients use and misuse it (TAP 1.1, DALI 1.1). */
import assert from 'node:assert/strict'
import { get } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testDatabase } from '../support/database.ts'
import { fillSample, SAMPLE_ROWS } from '../support/sample.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'

const database = await testDatabase()

describe('/tap/sync', () => {
  let service: TestService

  before(async () => {
    service = await startTestService({
      database,
      fill: fillSample,
      limits: {
        maxrecDefault: 500,
        maxrecHard: 50_000,
        stallSeconds: 1,
        syncSeconds: 5,
        requestBytes: 100_000,
      },
    })
  })
  after(() => service.close())

  const csv = async (query: string, more: Record<string, string> = {}) => {
    const response = await sync(service, { QUERY: query, FORMAT: 'csv', ...more })
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return text.trimEnd().split(/\r?\n/)
  }
  const votable = async (parameters: Record<string, string>) => {
    const response = await sync(service, { RESPONSEFORMAT: 'votable/td', ...parameters })
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    }
  }

  describe('parameters', () => {
    it('are the same by GET and POST, in any case, with REQUEST tolerated', async () => {
      const expected = ['a', '1']
      assert.deepEqual(await csv('SELECT 1 AS a FROM sample.stars WHERE id = 20'), expected)
      assert.deepEqual(
        await csv('SELECT 1 AS a FROM sample.stars WHERE id = 20', { REQUEST: 'doQuery' }),
        expected,
      )
      const query = new URLSearchParams({
        lang: 'adql-2.1',
        Query: 'SELECT 1 AS a FROM sample.stars WHERE id = 20',
        responseFormat: 'text/csv',
      })
      const response = await fetch(`${service.url}/tap/sync?${query}`)
      assert.equal(response.headers.get('content-type'), 'text/csv')
      assert.deepEqual((await response.text()).trimEnd().split(/\r?\n/), expected)
      const head = await fetch(`${service.url}/tap/sync?${query}`, { method: 'HEAD' })
      assert.equal(head.status, 200)
      assert.equal(head.headers.get('content-type'), 'text/csv')
      assert.equal(await head.text(), '')
    })

    it('that are wrong are answered 400 with a VOTable that says why', async () => {
      const query = 'SELECT 1 AS a FROM sample.stars'
      const cases: [Record<string, string>, RegExp][] = [
        [{ LANG: '', QUERY: query }, /LANG is missing/],
        [{ LANG: 'PQL', QUERY: query }, /unknown query language LANG=PQL/],
        [{ QUERY: '' }, /QUERY is missing/],
        [{ QUERY: query, MAXREC: '-1' }, /MAXREC=-1 is not a non-negative integer/],
        [{ QUERY: query, MAXREC: 'many' }, /MAXREC=many is not/],
        [{ QUERY: query, REQUEST: 'getCapabilities' }, /REQUEST=getCapabilities/],
        [{ QUERY: query, UPLOAD: 'u,param:x' }, /no part named 'x'/],
        [{ QUERY: query, RESPONSEFORMAT: 'application/x-nonsense' }, /RESPONSEFORMAT .*not known/],
      ]
      for (const [parameters, message] of cases) {
        const { status, type, text } = await votable(parameters)
        assert.equal(status, 400, text)
        assert.equal(type, 'application/x-votable+xml')
        assert.match(text, /<INFO name="QUERY_STATUS" value="ERROR">/)
        assert.match(text, message)
      }
      const twice = await fetch(`${service.url}/tap/sync?LANG=ADQL&QUERY=a&query=b`)
      assert.equal(twice.status, 400)
      assert.match(await twice.text(), /QUERY is given 2 times/)
      const put = await fetch(`${service.url}/tap/sync`, { method: 'PUT', body: 'x' })
      assert.equal(put.status, 405)
      assert.equal(put.headers.get('allow'), 'GET, HEAD, POST')
    })

    it('unknown ones are ignored', async () => {
      assert.equal((await csv('SELECT TOP 1 id FROM sample.stars', { WHATEVER: '1', RUNID: 'x' })).length, 2)
    })
  })

  describe('errors', () => {
    it('in the query point at the place', async () => {
      const { status, text } = await votable({ QUERY: 'SELECT id,\n  raa FROM sample.stars' })
      assert.equal(status, 400)
      assert.match(text, /line 2, column 3/)
      assert.match(text, /\^\^\^/)
      assert.match(text, /\bra\b/)
    })

    it("of PostgreSQL at run time are the user's words, before and after the first row", async () => {
      const early = await votable({ QUERY: 'SELECT 1/(id-id) AS x FROM sample.stars WHERE id = 20' })
      assert.equal(early.status, 400)
      assert.match(early.text, /division by zero/i)
      const many = `SELECT TOP 50000 a.id AS i FROM sample.stars AS a, sample.stars AS b
                     WHERE a.id BETWEEN 20 AND 60 ORDER BY i`
      const late = await votable({ QUERY: `SELECT 1/(60 - i) AS x FROM (${many}) AS s`, MAXREC: '50000' })
      assert.equal(late.status, 200)
      assert.ok(late.text.match(/<TR>/g)!.length > 1000)
      assert.match(late.text, /<\/TABLE>\s*<INFO name="QUERY_STATUS" value="ERROR">[^<]*division by zero/i)
      assert.match(late.text, /<\/VOTABLE>\s*$/)
      const cut = await sync(service, {
        QUERY: `SELECT 1/(60 - i) AS x FROM (${many}) AS s`,
        MAXREC: '50000',
        FORMAT: 'csv',
      })
      assert.equal(cut.status, 200)
      await assert.rejects(cut.text())
    })

    it('are plain text for those who asked for CSV', async () => {
      const response = await sync(service, { QUERY: 'SELECT nothing FROM sample.stars', FORMAT: 'csv' })
      assert.equal(response.status, 400)
      assert.match(response.headers.get('content-type') ?? '', /^text\/plain/)
      assert.match(await response.text(), /nothing/)
    })

    it('for too much', async () => {
      const response = await sync(service, { QUERY: `SELECT ${'1+'.repeat(60_000)}1 AS a FROM sample.stars` })
      assert.equal(response.status, 413)
      const deep = await sync(service, {
        QUERY: `SELECT ${'('.repeat(6000)}1${')'.repeat(6000)} AS a FROM sample.stars`,
      })
      assert.equal(deep.status, 400)
    })

    it('for a query that takes too long', async () => {
      const heavy = 'sample.stars AS a, sample.stars AS b, sample.stars AS c, sample.stars AS d'
      const response = await sync(service, {
        QUERY: `SELECT COUNT(*) AS n FROM ${heavy} WHERE a.mag + b.mag > c.mag + d.mag`,
      })
      assert.equal(response.status, 400)
      assert.match(await response.text(), /5 s/)
    })
  })

  describe('MAXREC', () => {
    const all = 'SELECT id FROM sample.stars'
    const count = (text: string) => text.match(/<TR>/g)?.length ?? 0

    it('below, at and above the number of rows', async () => {
      for (const [maxrec, rows, overflow] of [
        [SAMPLE_ROWS - 1, SAMPLE_ROWS - 1, true],
        [SAMPLE_ROWS, SAMPLE_ROWS, false],
        [SAMPLE_ROWS + 1, SAMPLE_ROWS, false],
      ] as const) {
        const { text } = await votable({ QUERY: all, MAXREC: String(maxrec) })
        assert.equal(count(text), rows)
        assert.equal(/<\/TABLE>\s*<INFO name="QUERY_STATUS" value="OVERFLOW"/.test(text), overflow)
        assert.match(text, /<INFO name="QUERY_STATUS" value="OK"\/>[\s\S]*<TABLE/)
      }
    })

    it('has a default that is said, and a hard limit', async () => {
      const response = await sync(service, { QUERY: all, RESPONSEFORMAT: 'votable/td' })
      assert.equal(response.headers.get('x-maxrec'), '500')
      assert.equal(count(await response.text()), 500)
      const cross = 'SELECT a.id FROM sample.stars AS a, sample.stars AS b'
      const { text } = await votable({ QUERY: cross, MAXREC: '100000' })
      assert.equal(count(text), 50_000)
      assert.match(text, /value="OVERFLOW"/)
    })

    it('of 0 is metadata and overflow', async () => {
      const { status, text } = await votable({ QUERY: all, MAXREC: '0' })
      assert.equal(status, 200)
      assert.equal(count(text), 0)
      assert.match(text, /<FIELD[^>]*name="ID"/)
      assert.match(text, /value="OVERFLOW"/)
    })

    it('and TOP: a complete TOP is no overflow', async () => {
      const { text } = await votable({ QUERY: 'SELECT TOP 5 id FROM sample.stars', MAXREC: '5' })
      assert.equal(count(text), 5)
      assert.doesNotMatch(text, /OVERFLOW/)
    })

    it('is said in a trailer where the body cannot', async () => {
      const trailer = (maxrec: number) =>
        new Promise<string | undefined>((resolve, reject) => {
          const query = new URLSearchParams({
            LANG: 'ADQL',
            FORMAT: 'csv',
            MAXREC: String(maxrec),
            QUERY: all,
          })
          get(`${service.url}/tap/sync?${query}`, response => {
            response.resume().on('end', () => resolve(response.trailers['query-status']))
          }).on('error', reject)
        })
      assert.equal(await trailer(10), 'OVERFLOW')
      assert.equal(await trailer(SAMPLE_ROWS), 'OK')
    })
  })

  describe('rows', () => {
    it('keep 64-bit identifiers, text and its odd characters', async () => {
      const lines = await csv('SELECT TOP 3 id FROM sample.stars WHERE id > 5000 OR id < -5000 ORDER BY id')
      assert.deepEqual(lines, ['ID', '-9223372036854775808', '9007199254740993', '9223372036854775807'])
      const { text } = await votable({ QUERY: 'SELECT name, title FROM sample.stars WHERE id = 23' })
      assert.match(text, /<TD>star &lt;23&gt; &amp; co<\/TD><TD>Größe α 23<\/TD>/)
    })

    it('are none, well-formed', async () => {
      const { status, text } = await votable({ QUERY: 'SELECT * FROM sample.stars WHERE 1 = 0' })
      assert.equal(status, 200)
      assert.match(text, /<\/VOTABLE>\s*$/)
    })

    it('cross RA 0 and reach the poles', async () => {
      const near = async (circle: string) =>
        (await csv(`SELECT id FROM sample.stars WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(${circle}))`))
          .length - 1
      assert.equal(await near('0, 0, 0.11'), 10)
      assert.equal(await near('123, 90, 0.001'), 1)
      assert.equal(await near('0, -90, 0.001'), 1)
      assert.equal(await near('0, 0, 180'), 500)
    })
  })

  describe('a client that leaves', () => {
    const endless = `SELECT COUNT(*) AS marker FROM sample.stars AS a, sample.stars AS b, sample.stars AS c WHERE a.mag + b.mag > c.mag`
    const working = async () =>
      (
        await service.db.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%"marker"%' AND pid <> pg_backend_pid()`,
        )
      ).length

    it('ends its query in PostgreSQL', async () => {
      const controller = new AbortController()
      const query = new URLSearchParams({ LANG: 'ADQL', QUERY: endless })
      const response = fetch(`${service.url}/tap/sync?${query}`, { signal: controller.signal })
      response.catch(() => {})
      for (const end = Date.now() + 3000; Date.now() < end && (await working()) === 0; ) await sleep(10)
      assert.equal(await working(), 1)
      controller.abort()
      for (const end = Date.now() + 2000; Date.now() < end && (await working()) > 0; ) await sleep(20)
      assert.equal(await working(), 0)
    })
  })
})

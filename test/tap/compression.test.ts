/** Content codings of results, as clients see them on the wire (RFC 9110 §8.4, §12.5.3). */
import assert from 'node:assert/strict'
import { type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { brotliDecompressSync, createBrotliDecompress, createGunzip, gunzipSync } from 'node:zlib'
import { chooseCoding, compressed } from '../../src/dali/compress.ts'
import { testDatabase } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()

describe('the coder', () => {
  for (const [coding, decoder] of [
    ['gzip', createGunzip()],
    ['br', createBrotliDecompress()],
  ] as const) {
    it(`${coding}: the first rows do not wait in it`, { timeout: 20_000 }, async () => {
      let sawRow = () => {}
      const seen = new Promise<void>(resolve => {
        sawRow = resolve
      })
      async function* chunks() {
        yield Buffer.from('<TABLE>')
        yield Buffer.from('<TR>')
        await seen // nothing more comes before the client has this
        yield Buffer.from('</TABLE>')
      }
      let text = ''
      for await (const bytes of Readable.from(compressed(chunks(), coding)).pipe(decoder)) {
        text += bytes
        if (text.includes('<TR>')) sawRow()
      }
      assert.equal(text, '<TABLE><TR></TABLE>')
    })

    it(`${coding}: whoever leaves at the first bytes has the source closed`, async () => {
      let isClosed = false
      async function* chunks() {
        try {
          yield Buffer.from('<TABLE>')
          yield Buffer.from('</TABLE>')
        } finally {
          isClosed = true
        }
      }
      for await (const _ of compressed(chunks(), coding)) break
      assert.ok(isClosed)
    })
  }
})

describe('Accept-Encoding', () => {
  const cases: [string | undefined, string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['deflate', undefined],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['GZIP;Q=0.5', 'gzip'],
    ['gzip;q=1.0, br;q=0.9', 'gzip'],
    ['br ; q=0.2 , gzip ; q=0.3', 'gzip'],
    ['gzip;q=0', undefined],
    ['gzip;q=0, br;q=0', undefined],
    ['*', 'br'],
    ['*;q=0.1, br;q=0', 'gzip'],
    ['identity;q=1, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip;q=1', 'gzip'],
    ['identity;q=0', undefined],
    ['gzip;q=nonsense', undefined],
  ]
  for (const [header, coding] of cases) {
    it(`${header} is answered ${coding ?? 'plain'}`, () => assert.equal(chooseCoding(header), coding))
  }
})

describe('results in a coding', () => {
  let service: TestService

  before(async () => {
    service = await startTestService({ database, fill: fillSample, limits: { maxrecHard: 1_000_000 } })
  })
  after(() => service.close())

  const ALL = 'SELECT * FROM sample.stars ORDER BY id'

  /** An answer as its bytes on the wire. */
  async function ask(
    parameters: Record<string, string>,
    headers: Record<string, string> = {},
    method = 'GET',
  ): Promise<{ response: IncomingMessage; body: Buffer }> {
    const query = new URLSearchParams({ LANG: 'ADQL', MAXREC: '100000', ...parameters })
    return new Promise((resolve, reject) => {
      const asked = request(`${service.url}/tap/sync?${query}`, { method, headers }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('end', () => resolve({ response, body: Buffer.concat(chunks) }))
        response.on('error', reject)
      })
      asked.on('error', reject).end()
    })
  }

  // Where lines of base64 end, and batches of Arrow, is left to how the rows arrive.
  const content = (body: Buffer, format: string) =>
    format === 'votable' ? body.toString().replace(/\s/g, '') : body

  for (const format of ['votable', 'votable/td', 'csv', 'tsv', 'json', 'fits', 'html']) {
    it(`${format} is the same plain, in gzip and in brotli`, async () => {
      const asked = { QUERY: ALL, RESPONSEFORMAT: format }
      const plain = await ask(asked)
      assert.equal(plain.response.headers['content-encoding'], undefined)
      assert.equal(plain.response.headers.vary, 'Accept-Encoding')
      const zipped = await ask(asked, { 'Accept-Encoding': 'gzip, deflate' })
      assert.equal(zipped.response.headers['content-encoding'], 'gzip')
      assert.equal(zipped.response.headers['content-type'], plain.response.headers['content-type'])
      assert.ok(zipped.body.length < plain.body.length, `${zipped.body.length} of ${plain.body.length}`)
      assert.deepEqual(content(gunzipSync(zipped.body), format), content(plain.body, format))
      const brotli = await ask(asked, { 'Accept-Encoding': 'gzip, br' })
      assert.equal(brotli.response.headers['content-encoding'], 'br')
      assert.deepEqual(content(brotliDecompressSync(brotli.body), format), content(plain.body, format))
    })
  }

  it('Parquet stays as it is, and so does what is over at once', async () => {
    for (const asked of [
      { QUERY: ALL, RESPONSEFORMAT: 'parquet' },
      { QUERY: 'SELECT TOP 3 id FROM sample.stars', RESPONSEFORMAT: 'csv' },
    ]) {
      const { response, body } = await ask(asked, { 'Accept-Encoding': 'gzip, br' })
      assert.equal(response.headers['content-encoding'], undefined)
      assert.deepEqual(body, (await ask(asked)).body)
    }
  })

  it('HEAD says the same as GET', async () => {
    for (const [encoding, query] of [
      ['gzip', ALL],
      ['gzip', 'SELECT TOP 3 id FROM sample.stars'],
      ['identity', ALL],
    ] as const) {
      const asked = { QUERY: query, RESPONSEFORMAT: 'csv' }
      const get = await ask(asked, { 'Accept-Encoding': encoding })
      const head = await ask(asked, { 'Accept-Encoding': encoding }, 'HEAD')
      assert.equal(head.body.length, 0)
      for (const name of ['content-type', 'content-encoding', 'content-disposition', 'vary']) {
        assert.equal(head.response.headers[name], get.response.headers[name], name)
      }
    }
  })

  it('trailers come after the last byte', async () => {
    const { response, body } = await ask(
      { QUERY: ALL, RESPONSEFORMAT: 'csv', MAXREC: '900' },
      { 'Accept-Encoding': 'gzip' },
    )
    assert.equal(gunzipSync(body).toString().split('\r\n').length > 900, true)
    assert.equal(response.trailers['query-status'], 'OVERFLOW')
  })

  const FAILS_LATE = `SELECT 1/(60 - i) AS x FROM (
    SELECT TOP 50000 a.id AS i FROM sample.stars AS a, sample.stars AS b WHERE a.id BETWEEN 20 AND 60 ORDER BY i) AS s`

  it('a failure in the middle still ends a document, or cuts the connection', async () => {
    for (const encoding of ['gzip', 'br']) {
      const accept = { 'Accept-Encoding': encoding }
      const { body } = await ask({ QUERY: FAILS_LATE, RESPONSEFORMAT: 'votable/td' }, accept)
      const text = (encoding === 'br' ? brotliDecompressSync(body) : gunzipSync(body)).toString()
      assert.match(text, /QUERY_STATUS" value="ERROR">[^<]*division by zero[\s\S]*<\/VOTABLE>\s*$/)
      await assert.rejects(ask({ QUERY: FAILS_LATE, RESPONSEFORMAT: 'csv' }, accept), /aborted/)
    }
  })

  it('a query that is wrong is an error document, readable as it is', async () => {
    const { response, body } = await ask(
      { QUERY: 'SELECT nothing FROM sample.stars' },
      { 'Accept-Encoding': 'gzip' },
    )
    assert.equal(response.statusCode, 400)
    assert.equal(response.headers['content-encoding'], undefined)
    assert.match(body.toString(), /QUERY_STATUS" value="ERROR"/)
  })

  it('metadata documents are compressed too', async () => {
    const answer = await fetch(`${service.url}/tap/tables`, { headers: { 'Accept-Encoding': 'gzip' } })
    assert.equal(answer.headers.get('content-encoding'), 'gzip')
    assert.match(await answer.text(), /<table type="table">/)
  })
})

/** One stored result in every format afterwards: byte for byte what sync gives for the same query. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { tableFromIPC } from 'apache-arrow'
import { OUTPUT_FORMATS } from '../../src/formats/index.ts'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'

const database = await testDatabase()
const QUERY = 'SELECT * FROM sample.stars WHERE id > -5 ORDER BY "2mass id"'

describe('formats of a stored result', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>
  let id: string

  before(async () => {
    service = await startTestService({ database, fill: fillSample })
    jobs = jobClient(service)
    id = await jobs.create({ LANG: 'ADQL', QUERY, MAXREC: '990', PHASE: 'RUN' })
    assert.match(await jobs.ended(id), /COMPLETED/)
  })
  after(() => service.close())

  const get = (format: string) =>
    fetch(`${service.url}/tap/async/${id}/results/result?RESPONSEFORMAT=${encodeURIComponent(format)}`)

  for (const { mediaType, aliases } of OUTPUT_FORMATS) {
    const format = aliases.at(-1)!
    it(`${mediaType} is what sync gives`, async () => {
      const response = await get(format)
      const bytes = Buffer.from(await response.arrayBuffer())
      assert.equal(response.status, 200, bytes.toString().slice(0, 500))
      const direct = await sync(service, { QUERY, MAXREC: '990', RESPONSEFORMAT: format })
      assert.equal(response.headers.get('content-type'), direct.headers.get('content-type'))
      assert.equal(response.headers.get('content-disposition'), direct.headers.get('content-disposition'))
      const expected = Buffer.from(await direct.arrayBuffer())
      if (!bytes.equals(expected)) {
        const [made, direct] = [content(bytes), content(expected)]
        const blank = (text: string) => (format === 'text/plain' ? text.replace(/[ -]+/g, ' ') : text)
        assert.ok(blank(made) === blank(direct), 'the same content')
      }
      const hash = createHash('sha256').update(bytes).digest('hex')
      assert.equal(response.headers.get('etag'), `"${hash}"`)
    })
  }

  it('is made once, however many ask, and goes with the job', async () => {
    const other = await jobs.create({ LANG: 'ADQL', QUERY, PHASE: 'RUN' })
    await jobs.ended(other)
    const url = `/${other}/results/result?FORMAT=csv`
    const answers = await Promise.all(Array.from({ length: 8 }, () => jobs.get(url)))
    assert.equal(new Set(answers.map(answer => answer.text)).size, 1)
    const rows = await service.db.query<{ key: string }>(
      `SELECT key FROM uws.result WHERE job_id = $1 AND format <> ''`,
      [other],
    )
    assert.equal(rows.length, 1)
    assert.equal((await jobs.get(`/${other}`)).text.match(/<uws:result /g)!.length, 1)
    await fetch(`${service.url}/tap/async/${other}`, { method: 'DELETE', redirect: 'manual' })
    const { sweepJobs } = await import('../../src/uws/sweep.ts')
    await sweepJobs(service.jobs)
    await assert.rejects(service.jobs.storage.read(rows[0]!.key), /no longer stored/)
  })

  it('says what cannot be', async () => {
    const unknown = await get('application/x-nonsense')
    assert.equal(unknown.status, 400)
    assert.match(await unknown.text(), /not known here/)
    const csv = await jobs.create({ LANG: 'ADQL', QUERY, FORMAT: 'csv', PHASE: 'RUN' })
    await jobs.ended(csv)
    assert.equal(
      (await jobs.get(`/${csv}/results/result?RESPONSEFORMAT=text/csv;header=present`)).status,
      200,
    )
    const refused = await jobs.get(`/${csv}/results/result?RESPONSEFORMAT=fits`)
    assert.equal(refused.status, 400)
    assert.match(refused.text, /stored as text\/csv/)
  })
})

/** What two files must agree in: not when they were made, where base64 has its line ends, how many rows a batch has (which also decides
 * how wide columns of text/plain are). */
function content(bytes: Buffer): string {
  if (bytes.readUInt32LE(0) === 0xffffffff) return JSON.stringify(tableFromIPC(bytes).toArray().map(String))
  return bytes
    .toString('latin1')
    .replace(/<STREAM[^<]*/, stream => stream.replaceAll('\n', ''))
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/g, 'T')
}

/** What is left of a job: its result as a file, and what remains when its time is over. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const QUERY = 'SELECT TOP 7 ID, ra FROM sample.stars WHERE id > 20 AND id < 900 ORDER BY id'

describe('results of jobs', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>

  before(async () => {
    service = await startTestService({ database, fill: fillSample, jobs: { waitSeconds: 3 } })
    jobs = jobClient(service)
  })
  after(() => service.close())

  it('results answer HEAD, ranges and conditions', async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY: 'SELECT * FROM sample.stars', PHASE: 'RUN' })
    const document = await jobs.ended(id)
    const url = `${service.url}/tap/async/${id}/results/result`
    const whole = Buffer.from(await (await fetch(url)).arrayBuffer())
    const sha256 = createHash('sha256').update(whole).digest('hex')
    assert.match(document, new RegExp(`size="${whole.length}"`))
    assert.match(document, new RegExp(`<sha256>${sha256}<`))
    const ask = (headers: Record<string, string>, method = 'GET') => fetch(url, { method, headers })
    const head = await ask({}, 'HEAD')
    assert.equal(head.headers.get('content-length'), String(whole.length))
    assert.equal(head.headers.get('etag'), `"${sha256}"`)
    assert.equal(head.headers.get('accept-ranges'), 'bytes')
    for (const [range, start, end] of [
      ['bytes=0-9', 0, 9],
      ['bytes=100-', 100, whole.length - 1],
      ['bytes=-50', whole.length - 50, whole.length - 1],
      ['bytes=10-99999999', 10, whole.length - 1],
    ] as const) {
      const part = await ask({ Range: range, 'If-Range': `"${sha256}"` })
      assert.equal(part.status, 206)
      assert.equal(part.headers.get('content-range'), `bytes ${start}-${end}/${whole.length}`)
      assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(start, end + 1))
    }
    assert.equal((await ask({ Range: 'bytes=0-9', 'If-Range': '"old"' })).status, 200)
    const parts = await ask({ Range: 'bytes=0-1,5-6' })
    assert.equal(parts.status, 206)
    assert.match(parts.headers.get('content-type')!, /^multipart\/byteranges; ?boundary=/)
    assert.match(await parts.text(), new RegExp(`bytes 0-1/${whole.length}[^]*bytes 5-6/${whole.length}`))
    assert.equal((await ask({ Range: `bytes=${whole.length}-` })).status, 416)
    assert.equal((await ask({ 'If-None-Match': `W/"x", "${sha256}"` })).status, 304)
  })

  it('destruction takes the results on time; the job says 410 and what it was, and is listed as ARCHIVED', async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY, PHASE: 'RUN', RUNID: 'brief' })
    await jobs.ended(id)
    await jobs.post(`/${id}/destruction`, { DESTRUCTION: new Date(Date.now() - 1000).toISOString() })
    const { sweepJobs } = await import('../../src/uws/sweep.ts')
    assert.ok((await sweepJobs(service.jobs)) >= 1)
    for (const path of ['', '/phase', '/results/result', '?WAIT=1']) {
      const { status, text } = await jobs.get(`/${id}${path}`)
      assert.equal(status, 410)
      assert.match(text, /destroyed when its time had come/)
      assert.ok(text.includes(QUERY))
      assert.match(text, /COMPLETED/)
      assert.match(text, /7 rows/)
    }
    await assert.rejects(service.jobs.storage.read(`${id}/x`), /no longer stored/)
    assert.doesNotMatch((await jobs.get('')).text, new RegExp(id))
    assert.match((await jobs.get('?PHASE=ARCHIVED')).text, new RegExp(id))
    await service.db.query(`UPDATE uws.job SET expired_at = now() - interval '91 days' WHERE job_id = $1`, [
      id,
    ])
    await sweepJobs(service.jobs)
    assert.equal((await jobs.get(`/${id}`)).status, 404)
  })
})

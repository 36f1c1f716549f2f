/** `/tap/async`: UWS 1.1 as clients use and misuse it. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testDatabase } from '../support/database.ts'
import { ENDLESS, jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'
import { validate, withoutXsd } from '../support/xsd.ts'

const database = await testDatabase()
const QUERY = 'SELECT TOP 7 ID, ra FROM sample.stars WHERE id > 20 AND id < 900 ORDER BY id'

describe('/tap/async', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>

  before(async () => {
    service = await startTestService({ database, fill: fillSample, jobs: { fastSlots: 2, waitSeconds: 3 } })
    jobs = jobClient(service)
  })
  after(() => service.close())

  const running = async () => {
    const { rows } = (
      await service.db.query<{ rows: string }>(
        `SELECT count(*) AS rows FROM pg_stat_activity
          WHERE state = 'active' AND datname = current_database() AND query LIKE '%"stars"%' AND pid <> pg_backend_pid()`,
      )
    )[0]!
    return Number(rows)
  }

  describe('a job', () => {
    it('is created empty, takes parameters, runs, and gives what sync gives', async () => {
      const created = await jobs.post('', {})
      assert.equal(created.status, 303)
      const location = created.headers.get('location')!
      assert.match(location, /^http:\/\/127\.0\.0\.1:\d+\/tap\/async\/[0-9a-f-]{36}$/)
      const id = location.split('/').at(-1)!
      assert.equal(await jobs.phase(id), 'PENDING')
      const given: Record<string, string>[] = [
        { lang: 'ADQL' },
        { QUERY: 'SELECT nonsense' },
        { query: QUERY, RUNID: 'mine <1>' },
      ]
      for (const parameters of given) {
        const response = await jobs.post(`/${id}/parameters`, parameters)
        assert.equal(response.status, 303)
        assert.equal(response.headers.get('location'), location)
      }
      const pending = await jobs.get(`/${id}`)
      assert.equal(pending.type, 'application/xml')
      assert.match(pending.text, /<uws:runId>mine &lt;1&gt;</)
      assert.equal(pending.text.match(/uws:parameter id/g)!.length, 2)
      const run = await jobs.post(`/${id}/phase`, { PHASE: 'run' })
      assert.equal(run.status, 303)
      const document = await jobs.ended(id)
      assert.match(document, /<uws:phase>COMPLETED</)
      assert.match(document, /<uws:startTime>20\d\d-\d\d-\d\dT[\d:.]+Z</)
      assert.match(
        document,
        /<uws:result id="result" [^>]*size="\d+" mime-type="application\/x-votable\+xml"/,
      )
      const result = await jobs.get(`/${id}/results/result`)
      const same = await sync(service, { QUERY })
      assert.equal(result.text, await same.text())
    })

    it('runs from its creation on with PHASE=RUN, in the format that is asked for', async () => {
      const id = await jobs.create({ LANG: 'ADQL', QUERY, FORMAT: 'csv', PHASE: 'RUN' })
      assert.match(await jobs.ended(id), /mime-type="text\/csv;header=present"/)
      const result = await fetch(`${service.url}/tap/async/${id}/results/result`)
      assert.equal(result.headers.get('content-type'), 'text/csv;header=present')
      assert.match(result.headers.get('content-disposition')!, /filename="sample\.stars\.csv"/)
      assert.equal((await result.text()).split('\r\n').length, 9)
    })

    it('has rows, bytes and overflow in its jobInfo', async () => {
      const id = await jobs.create({ LANG: 'ADQL', QUERY, MAXREC: '3', PHASE: 'RUN' })
      const document = await jobs.ended(id)
      assert.match(document, /<rows>3<\/rows>/)
      assert.match(document, /<overflow>true<\/overflow>/)
      const none = await jobs.create({
        LANG: 'ADQL',
        QUERY: 'SELECT id FROM sample.stars WHERE id = 5.5',
        PHASE: 'RUN',
      })
      assert.match(await jobs.ended(none), /<rows>0<\/rows>/)
      assert.equal((await jobs.get(`/${none}/results/result`)).status, 200)
    })

    it('that fails says why, in the job and in /error', async () => {
      const id = await jobs.create({ LANG: 'ADQL', QUERY: 'SELECT raa FROM sample.stars', PHASE: 'RUN' })
      const document = await jobs.ended(id)
      assert.match(document, /<uws:phase>ERROR</)
      assert.match(document, /<uws:errorSummary type="fatal" hasDetail="true"><uws:message>[^<]*raa/)
      const error = await jobs.get(`/${id}/error`)
      assert.equal(error.status, 200)
      assert.equal(error.type, 'application/x-votable+xml')
      assert.match(error.text, /QUERY_STATUS" value="ERROR">[^<]*raa/)
      assert.equal((await jobs.get(`/${id}/results/result`)).status, 404)
      const late = await jobs.create({
        LANG: 'ADQL',
        QUERY:
          'SELECT 1/(b.id - 60) AS x FROM sample.stars AS b, sample.stars AS a WHERE b.id BETWEEN 20 AND 60',
        PHASE: 'RUN',
      })
      assert.match(await jobs.ended(late), /<uws:phase>ERROR<[\s\S]*division by zero/i)
      const missing = await jobs.create({ PHASE: 'RUN' })
      assert.match(await jobs.ended(missing), /LANG is missing/)
    })

    it('is aborted while it runs: at once, and in PostgreSQL too', async () => {
      const id = await jobs.create({ LANG: 'ADQL', QUERY: ENDLESS, PHASE: 'RUN' })
      while ((await jobs.phase(id)) !== 'EXECUTING' || (await running()) === 0) await sleep(20)
      assert.equal((await jobs.post(`/${id}/phase`, { PHASE: 'ABORT' })).status, 303)
      assert.equal(await jobs.phase(id), 'ABORTED')
      while ((await running()) > 0) await sleep(20)
      assert.equal((await jobs.post(`/${id}/phase`, { PHASE: 'ABORT' })).status, 303)
      assert.equal(await jobs.phase(id), 'ABORTED')
    })

    it('is deleted while it runs, by DELETE or by ACTION=DELETE, and is unknown then', async () => {
      for (const remove of [
        (id: string) => fetch(`${service.url}/tap/async/${id}`, { method: 'DELETE', redirect: 'manual' }),
        (id: string) => jobs.post(`/${id}`, { ACTION: 'DELETE' }),
      ]) {
        const id = await jobs.create({ LANG: 'ADQL', QUERY: ENDLESS, PHASE: 'RUN' })
        while ((await running()) === 0) await sleep(20)
        const response = await remove(id)
        assert.equal(response.status, 303)
        assert.equal(response.headers.get('location'), `${service.url}/tap/async`)
        assert.equal((await jobs.get(`/${id}`)).status, 404)
        while ((await running()) > 0) await sleep(20)
        assert.doesNotMatch(
          (await jobs.get('?PHASE=ABORTED&PHASE=ARCHIVED&PHASE=EXECUTING')).text,
          new RegExp(id),
        )
      }
    })

    it('is aborted with a reason when its executionDuration is over', async () => {
      const id = await jobs.create({ LANG: 'ADQL', QUERY: ENDLESS })
      assert.equal((await jobs.post(`/${id}/executionduration`, { EXECUTIONDURATION: '1' })).status, 303)
      await jobs.post(`/${id}/phase`, { PHASE: 'RUN' })
      const document = await jobs.ended(id)
      assert.match(document, /<uws:phase>ABORTED<[\s\S]*<uws:errorSummary/)
      // Its processes in PostgreSQL take a moment to hear of it.
      for (const end = Date.now() + 5000; Date.now() < end && (await running()) > 0; ) await sleep(20)
      assert.equal(await running(), 0)
    })
  })

  describe('refuses', () => {
    const cases: [string, Record<string, string> | [string, string][], RegExp][] = [
      ['/phase', { PHASE: 'COMPLETED' }, /say RUN, ABORT or ARCHIVE/],
      ['/phase', {}, /PHASE is missing/],
      ['/phase', { PHASE: 'ARCHIVE' }, /the job is PENDING/i],
      ['/executionduration', { EXECUTIONDURATION: 'long' }, /EXECUTIONDURATION=long/],
      ['/executionduration', { EXECUTIONDURATION: '-1' }, /EXECUTIONDURATION=-1/],
      ['/destruction', { DESTRUCTION: 'tomorrow' }, /DESTRUCTION=tomorrow/],
      ['/destruction', { DESTRUCTION: '2026-13-01' }, /DESTRUCTION=2026-13-01/],
      ['/destruction', { DESTRUCTION: '2030-01-01T00:00:00+02:00' }, /DESTRUCTION/],
      ['', { QUERY: 'x' }, /only say ACTION=DELETE/],
      ['', { ACTION: 'PAUSE' }, /only say ACTION=DELETE/],
      [
        '/parameters',
        [
          ['QUERY', 'a'],
          ['query', 'b'],
        ],
        /QUERY is given 2 times/,
      ],
      ['/parameters', { QUERY: 'a\0b' }, /NUL/],
    ]
    it('wrong changes, each with its reason, and changes nothing', async () => {
      const id = await jobs.create({ LANG: 'ADQL', QUERY })
      const before = (await jobs.get(`/${id}`)).text
      for (const [path, form, reason] of cases) {
        const response = await jobs.post(`/${id}${path}`, form)
        assert.equal(response.status, 400, path)
        assert.match(response.headers.get('content-type')!, /^text\/plain/)
        assert.match(await response.text(), reason)
      }
      assert.equal((await jobs.get(`/${id}`)).text, before)
    })

    it('a second start, and changes after the start', async () => {
      const id = await jobs.create({ LANG: 'ADQL', QUERY, PHASE: 'RUN' })
      await jobs.ended(id)
      for (const [path, form] of [
        ['/phase', { PHASE: 'RUN' }],
        ['/parameters', { QUERY: 'SELECT 1' }],
        ['/executionduration', { EXECUTIONDURATION: '7' }],
      ] as const) {
        const response = await jobs.post(`/${id}${path}`, form)
        assert.equal(response.status, 400)
        assert.match(await response.text(), /COMPLETED|PENDING only/)
      }
      assert.match((await jobs.get(`/${id}`)).text, /<uws:phase>COMPLETED</)
    })

    it('what does not exist, and methods that do not apply', async () => {
      const id = await jobs.create({})
      for (const path of [
        '/nothing',
        '/00000000-0000-4000-8000-000000000000',
        `/${id}/nothing`,
        `/${id}/error`,
        `/${id}/results/result`,
        `/${id}/parameters/x`,
      ]) {
        assert.equal((await jobs.get(path)).status, 404, path)
      }
      for (const [method, path, allow] of [
        ['PUT', `/${id}`, 'GET, HEAD, POST, DELETE'],
        ['DELETE', `/${id}/phase`, 'GET, HEAD, POST'],
        ['POST', `/${id}/quote`, 'GET, HEAD'],
        ['DELETE', '', 'GET, HEAD, POST'],
      ] as const) {
        const response = await fetch(`${service.url}/tap/async${path}`, { method, redirect: 'manual' })
        assert.equal(response.status, 405)
        assert.equal(response.headers.get('allow'), allow)
      }
      for (const query of ['?WAIT=soon', '?WAIT=1&PHASE=LATER', '?WAIT=1&WAIT=2']) {
        assert.equal((await jobs.get(`/${id}${query}`)).status, 400, query)
      }
      for (const query of ['?PHASE=LATER', '?AFTER=never', '?LAST=0', '?LAST=-1', '?LAST=x']) {
        assert.equal((await jobs.get(query)).status, 400, query)
      }
      for (const name of ['PHASE', 'DESTRUCTION', 'EXECUTIONDURATION']) {
        assert.equal((await jobs.post('', { [name]: 'x' })).status, 400)
      }
    })
  })

  it('atomic resources are plain text; limits are granted up to the hard ones', async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY })
    const day = 86_400_000
    assert.equal((await jobs.post(`/${id}/executionduration`, { EXECUTIONDURATION: '0' })).status, 303)
    assert.equal((await jobs.get(`/${id}/executionduration`)).text, '86400')
    await jobs.post(`/${id}/executionduration`, { executionduration: '77' })
    await jobs.post(`/${id}/destruction`, { DESTRUCTION: '2999-01-01T00:00:00Z' })
    const far = await jobs.get(`/${id}/destruction`)
    assert.match(far.text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.ok(Math.abs(Date.parse(far.text) - Date.now() - 30 * day) < 60_000)
    const wanted = `${new Date(Date.now() + 2 * day).toISOString().slice(0, 19)}Z`
    await jobs.post(`/${id}/destruction`, { DESTRUCTION: wanted })
    const texts: Record<string, string | RegExp> = {
      phase: 'PENDING',
      executionduration: '77',
      destruction: wanted.replace('Z', '.000Z'),
      quote: '',
      owner: '',
      'parameters/query': QUERY,
    }
    for (const [name, value] of Object.entries(texts)) {
      const { type, text, status } = await jobs.get(`/${id}/${name}`)
      assert.equal(status, 200)
      assert.match(type!, /^text\/plain/)
      assert.equal(text, value, name)
    }
    for (const name of ['parameters', 'results', '']) {
      const head = await fetch(`${service.url}/tap/async/${id}/${name}`, { method: 'HEAD' })
      assert.equal(head.status, 200)
      assert.equal(head.headers.get('content-type'), 'application/xml')
    }
  })

  describe('an upload', () => {
    const table = `<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3" version="1.4"><RESOURCE><TABLE>
      <FIELD name="id" datatype="long"/><DATA><TABLEDATA>${[20, 21, 7777].map(id => `<TR><TD>${id}</TD></TR>`).join('')}
      </TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>`
    const form = (entries: Record<string, string>) => {
      const data = new FormData()
      for (const [name, value] of Object.entries({ LANG: 'ADQL', ...entries })) data.append(name, value)
      data.append('UPLOAD', 'mine,param:part one')
      data.append('part one', new Blob([table]), 'mine.vot')
      return data
    }
    const query = 'SELECT s.ID FROM sample.stars AS s JOIN TAP_UPLOAD.mine AS m ON s.id = m.id ORDER BY ID'
    const post = (path: string, body: FormData) =>
      fetch(`${service.url}/tap/async${path}`, { method: 'POST', body, redirect: 'manual' })

    it('comes with the creation that starts the job, and is there by reference', {
      skip: withoutXsd(),
    }, async () => {
      const created = await post('', form({ QUERY: query, FORMAT: 'csv', PHASE: 'RUN' }))
      assert.equal(created.status, 303, await created.text())
      const id = created.headers.get('location')!.split('/').at(-1)!
      const document = await jobs.ended(id)
      validate(document)
      assert.match(document, /COMPLETED/)
      assert.equal((await jobs.get(`/${id}/results/result`)).text, 'ID\r\n20\r\n21\r\n')
      const reference = /id="part one" byReference="true">([^<]+)</.exec(document)![1]!
      assert.match(reference, /\/parameters\/part%20one$/)
      assert.equal(await (await fetch(reference)).text(), table)
    })

    it('comes later, and replaces what was there', async () => {
      const id = await jobs.create({ LANG: 'ADQL', QUERY: 'SELECT 1', FORMAT: 'csv' })
      for (const text of ['x', query])
        assert.equal((await post(`/${id}/parameters`, form({ QUERY: text }))).status, 303)
      assert.equal((await jobs.get(`/${id}/parameters`)).text.match(/byReference/g)!.length, 1)
      await jobs.post(`/${id}/phase`, { PHASE: 'RUN' })
      await jobs.ended(id)
      assert.equal((await jobs.get(`/${id}/results/result`)).text, 'ID\r\n20\r\n21\r\n')
      assert.equal((await post(`/${id}/parameters`, form({}))).status, 400)
    })
  })

  it('documents are valid in every phase', { skip: withoutXsd() }, async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY, RUNID: 'é & <x>' })
    const check = async (job: string) => {
      for (const path of ['', '/parameters', '/results']) validate((await jobs.get(`/${job}${path}`)).text)
    }
    await check(id)
    for (const phase of ['QUEUED', 'EXECUTING', 'HELD', 'SUSPENDED']) {
      await service.db.query(
        `UPDATE uws.job SET phase = $2, quote = now(), lane = 'fast', turn = 0, lease_until = now() + interval '1 hour', row_count = 5, byte_count = 7 WHERE job_id = $1`,
        [id, phase],
      )
      await check(id)
    }
    await service.db.query(`UPDATE uws.job SET phase = 'PENDING' WHERE job_id = $1`, [id])
    await jobs.post(`/${id}/phase`, { PHASE: 'RUN' })
    await jobs.ended(id)
    await check(id)
    const failed = await jobs.create({ PHASE: 'RUN' })
    await jobs.ended(failed)
    await check(failed)
    await jobs.post(`/${id}/phase`, { PHASE: 'ARCHIVE' })
    await check(id)
    validate((await jobs.get('')).text)
    validate((await jobs.get('?PHASE=ARCHIVED')).text)
  })
})

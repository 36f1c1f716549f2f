/** `/jobs`: what people and pages do with jobs. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../src/db/database.ts'
import { searchJobs } from '../../src/uws/search.ts'
import { sweepJobs } from '../../src/uws/sweep.ts'
import { testDatabase } from '../support/database.ts'
import { ENDLESS, jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const QUERY = 'SELECT TOP 3 id FROM sample.stars WHERE id > 50 AND id < 100 ORDER BY id'

interface View {
  id: string
  runId: string | null
  phase: string
  title: string
  rows: number | null
  parameters: [string, string][]
  results: { url: string; sha256: string }[]
}

describe('/jobs', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>

  before(async () => {
    service = await startTestService({ database, fill: fillSample })
    jobs = jobClient(service)
  })
  beforeEach(() => service.db.query('DELETE FROM uws.job'))
  after(() => service.close())

  const call = async <T = View>(method: string, path: string, body?: unknown) => {
    const response = await fetch(`${service.url}/jobs${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json' },
      }),
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: (isJson ? JSON.parse(text) : undefined) as T,
    }
  }
  const done = async (form: Record<string, string> = {}) => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY, PHASE: 'RUN', ...form })
    await jobs.ended(id)
    return id
  }

  it('pages through a list, the newest first, and loses nothing that comes meanwhile', async () => {
    const ids: string[] = []
    for (let i = 0; i < 7; i++) ids.unshift(await jobs.create({ QUERY: `SELECT ${i}` }))
    const seen: string[] = []
    let next: string | null = ''
    for (let pages = 0; next !== null; pages++) {
      const page: { status: number; json: { jobs: View[]; next: string | null } } = await call(
        'GET',
        `?limit=3&cursor=${next}`,
      )
      assert.equal(page.status, 200)
      seen.push(...page.json.jobs.map(job => job.id))
      next = page.json.next
      if (pages === 0) await jobs.create({ QUERY: 'later' })
      assert.ok(pages < 4)
    }
    assert.deepEqual(seen, ids)
  })

  it('finds by text, phase, runId and time', async () => {
    await jobs.create({ QUERY: 'SELECT 100%_a FROM x', RUNID: 'Night 1' })
    await sleep(5)
    const middle = await jobs.create({ QUERY: 'SELECT b FROM x' })
    await sleep(5)
    await jobs.create({ QUERY: 'SELECT c FROM y', RUNID: 'night 2' })
    await jobs.post(`/${middle}/phase`, { PHASE: 'ABORT' })
    const titles = async (query: string) =>
      (await call<{ jobs: View[] }>('GET', `?${query}`)).json.jobs.map(job => job.title.split(' ')[1])
    assert.deepEqual(await titles('search=FROM X'), ['b', '100%_a'])
    assert.deepEqual(await titles('search=100%25_'), ['100%_a'])
    assert.deepEqual(await titles('search=0%25a'), [])
    assert.deepEqual(await titles('search=NIGHT'), ['c', '100%_a'])
    assert.deepEqual(await titles('runid=night 2'), ['c'])
    assert.deepEqual(await titles('phase=ABORTED&phase=ERROR'), ['b'])
    const time = (await call<View & { creationTime: string }>('GET', `/${middle}`)).json.creationTime
    assert.deepEqual(await titles(`after=${time}`), ['c'])
    assert.deepEqual(await titles(`until=${time}`), ['100%_a'])
    for (const wrong of ['limit=0', 'limit=1001', 'limit=x', 'cursor=x', 'phase=x', 'after=x']) {
      assert.equal((await call('GET', `?${wrong}`)).status, 400, wrong)
    }
  })

  it('shows a job and its result’s place', async () => {
    const { json, status } = await call('GET', `/${await done({ RUNID: 'r' })}`)
    assert.equal(status, 200)
    assert.equal(json.phase, 'COMPLETED')
    assert.equal(json.rows, 3)
    assert.equal(json.title, QUERY)
    assert.deepEqual(json.parameters.at(-1), ['QUERY', QUERY])
    assert.equal((await fetch(json.results[0]!.url)).headers.get('etag'), `"${json.results[0]!.sha256}"`)
    assert.equal((await call('GET', '/00000000-0000-4000-8000-000000000000')).status, 404)
    assert.equal((await call('GET', '/nothing')).status, 404)
  })

  it('renames', async () => {
    const id = await jobs.create({ QUERY })
    assert.equal((await call('PATCH', `/${id}`, { runId: 'a name' })).json.runId, 'a name')
    assert.match((await jobs.get(`/${id}`)).text, /<uws:runId>a name</)
    assert.equal((await call('PATCH', `/${id}`, { runId: null })).json.runId, null)
    for (const wrong of [{}, { runId: 5 }, { phase: 'COMPLETED' }, { runId: 'a\0b' }, []]) {
      assert.equal((await call('PATCH', `/${id}`, wrong)).status, 400)
    }
  })

  it('runs again, also what has expired, and copies with changes', async () => {
    const id = await done({ RUNID: 'first', FORMAT: 'csv' })
    const again = await call('POST', `/${id}/rerun`)
    assert.equal(again.status, 201)
    assert.equal(again.headers.get('location'), `${service.url}/jobs/${again.json.id}`)
    assert.notEqual(again.json.id, id)
    assert.match(await jobs.ended(again.json.id), /COMPLETED/)
    assert.equal((await jobs.get(`/${again.json.id}/results/result`)).text, 'ID\r\n51\r\n52\r\n53\r\n')
    const changed = await call('POST', `/${id}/copy`, {
      parameters: { maxrec: 2, format: null },
      runId: 'second',
      run: false,
    })
    assert.equal(changed.json.phase, 'PENDING')
    assert.equal(changed.json.runId, 'second')
    assert.deepEqual(changed.json.parameters, [
      ['LANG', 'ADQL'],
      ['QUERY', QUERY],
      ['maxrec', '2'],
    ])
    await jobs.post(`/${id}/destruction`, { DESTRUCTION: '2020-01-01' })
    await sweepJobs(service.jobs)
    const gone = await call<View & { expired: boolean; endedAs: string }>('GET', `/${id}`)
    assert.equal(gone.status, 410)
    assert.deepEqual([gone.json.expired, gone.json.endedAs, gone.json.rows], [true, 'COMPLETED', 3])
    const page = await fetch(`${service.url}/tap/async/${id}`, {
      headers: { Accept: 'text/html,application/xhtml+xml' },
    })
    assert.equal(page.status, 410)
    assert.match(await page.text(), /<form method="post" action="[^"]*\/rerun">/)
    const click = await fetch(`${service.url}/jobs/${id}/rerun`, {
      method: 'POST',
      body: new URLSearchParams(),
      redirect: 'manual',
    })
    assert.equal(click.status, 303)
    assert.match(await jobs.ended(click.headers.get('location')!.split('/').at(-1)!), /COMPLETED/)
  })

  it('copies uploads too', async () => {
    const form = new FormData()
    const query = 'SELECT COUNT(*) AS n FROM TAP_UPLOAD.t'
    for (const [name, value] of Object.entries({
      LANG: 'ADQL',
      QUERY: query,
      FORMAT: 'csv',
      UPLOAD: 't,param:t',
    })) {
      form.append(name, value)
    }
    form.append('t', new Blob(['a,b\n1,2\n3,4\n']), 't.csv')
    const made = await fetch(`${service.url}/tap/async`, { method: 'POST', body: form, redirect: 'manual' })
    const id = made.headers.get('location')!.split('/').at(-1)!
    const { json } = await call('POST', `/${id}/rerun`)
    assert.match(await jobs.ended(json.id), /COMPLETED/)
    assert.equal((await jobs.get(`/${json.id}/results/result`)).text, 'n\r\n2\r\n')
    await jobs.post(`/${id}/phase`, { PHASE: 'ABORT' })
    await jobs.post(`/${id}/destruction`, { DESTRUCTION: '2020-01-01' })
    await sweepJobs(service.jobs)
    const refused = await call('POST', `/${id}/rerun`)
    assert.equal(refused.status, 400)
    assert.match(refused.text, /uploaded table 't' of this job is gone/)
  })

  it('deletes many: by id, by filter, and all only when all is said', async () => {
    const [a, b] = [await done(), await done()]
    await jobs.create({ QUERY, RUNID: 'batch' })
    await jobs.create({ QUERY, RUNID: 'batch' })
    await jobs.create({ QUERY })
    assert.deepEqual((await call<object>('POST', '/delete', { ids: [a, b] })).json, { deleted: 2 })
    assert.equal((await jobs.get(`/${a}`)).status, 404)
    assert.deepEqual((await call<object>('POST', '/delete', { runid: 'batch', phase: ['PENDING'] })).json, {
      deleted: 2,
    })
    for (const wrong of [{}, { colour: 'red' }, { ids: ['x'] }, { phase: 'x' }]) {
      assert.ok((await call('POST', '/delete', wrong)).status >= 400)
    }
    assert.equal(
      (
        await fetch(`${service.url}/jobs/delete`, {
          method: 'POST',
          body: '{"all": tr',
          headers: { 'Content-Type': 'application/json' },
        })
      ).status,
      400,
    )
    assert.deepEqual((await call<object>('POST', '/delete', { all: true })).json, { deleted: 1 })
    await sweepJobs(service.jobs)
    assert.equal((await service.db.query('SELECT FROM uws.job')).length, 0)
  })

  it('signs links that need nothing else, for this result and a short time', async () => {
    const id = await done()
    const { json } = await call<{ url: string; expires: string }>('POST', `/${id}/results/result/link`)
    assert.ok(Math.abs(Date.parse(json.expires) - Date.now() - 900_000) < 5000)
    assert.equal((await fetch(json.url)).status, 200)
    assert.match((await fetch(`${json.url}&RESPONSEFORMAT=csv`)).headers.get('content-type')!, /csv/)
    await service.db.query(`UPDATE uws.job SET owner = 'anna' WHERE job_id = $1`, [id])
    assert.equal((await fetch(json.url)).status, 200)
    assert.equal((await call('GET', `/${id}/results/result`)).status, 401)
    assert.equal((await jobs.get(`/${id}/results/result`)).status, 401)
    const url = new URL(json.url)
    const wrong = (name: string, value: string) => {
      const changed = new URL(url)
      changed.searchParams.set(name, value)
      return fetch(changed)
    }
    assert.equal((await wrong('expires', String(Number(url.searchParams.get('expires')) + 1))).status, 403)
    assert.equal((await wrong('signature', 'AAAA')).status, 403)
    assert.equal((await fetch(json.url.replace('/result?', '/other?'))).status, 403)
    assert.equal((await call('POST', `/${await jobs.create({})}/results/result/link`)).status, 404)
  })

  it('tells of changes as they happen: of one job until it has ended, of all', async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY })
    const all = new AbortController()
    const stream = await fetch(`${service.url}/jobs/events`, { signal: all.signal })
    assert.match(stream.headers.get('content-type')!, /^text\/event-stream/)
    const one = fetch(`${service.url}/jobs/${id}/events`).then(response => response.text())
    await sleep(200)
    await jobs.post(`/${id}/phase`, { PHASE: 'RUN' })
    const events = [...(await one).matchAll(/event: job\ndata: (.*)\n/g)].map(
      match => JSON.parse(match[1]!) as View,
    )
    assert.equal(events[0]!.phase, 'PENDING')
    assert.equal(events.at(-1)!.phase, 'COMPLETED')
    const other = await jobs.create({ QUERY })
    await fetch(`${service.url}/tap/async/${other}`, { method: 'DELETE', redirect: 'manual' })
    let told = ''
    for await (const chunk of stream.body!) {
      told += Buffer.from(chunk).toString()
      if (told.includes(`event: gone\ndata: {"id":"${other}"}`)) break
    }
    assert.ok(told.includes(id))
    all.abort()
  })

  it('holds what runs; it is run again by PHASE=RUN, and followed all the while', async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY: ENDLESS, PHASE: 'RUN' })
    while ((await jobs.phase(id)) !== 'EXECUTING') await sleep(10)
    let told = ''
    const events = fetch(`${service.url}/jobs/${id}/events`).then(async ({ body }) => {
      for await (const chunk of body!) told += Buffer.from(chunk).toString()
    })
    // Phases that pass quickly may be told as one.
    const hears = async (phase: string) => {
      while (!told.includes(`"phase":"${phase}"`)) await sleep(10)
    }
    await hears('EXECUTING')
    const held = await call('POST', `/${id}/hold`)
    assert.equal(held.json.phase, 'SUSPENDED')
    await hears('SUSPENDED')
    const again = await call('POST', `/${id}/hold`)
    assert.equal(again.status, 400)
    assert.match(again.text, /The job is SUSPENDED; one that is QUEUED or EXECUTING can be held/)
    assert.match((await jobs.get(`/${id}?WAIT=30`)).text, /<uws:phase>SUSPENDED</)
    assert.equal((await jobs.post(`/${id}/executionduration`, { EXECUTIONDURATION: '77' })).status, 303)
    await jobs.post(`/${id}/phase`, { PHASE: 'RUN' })
    while ((await jobs.phase(id)) !== 'EXECUTING') await sleep(10)
    assert.match((await jobs.get(`/${id}`)).text, /<uws:executionDuration>77</)
    await jobs.post(`/${id}/phase`, { PHASE: 'ABORT' })
    await events
    const phases = [...told.matchAll(/"phase":"(\w+)"/g)].map(([, phase]) => phase)
    assert.deepEqual([phases[0], phases.at(-1)], ['EXECUTING', 'ABORTED'])
  })

  it('shows nobody the jobs of others', async () => {
    const id = await done()
    await service.db.query(`UPDATE uws.job SET owner = 'anna' WHERE job_id = $1`, [id])
    assert.deepEqual((await call<{ jobs: View[] }>('GET', '')).json.jobs, [])
    for (const [method, path, body] of [
      ['GET', `/${id}`],
      ['PATCH', `/${id}`, { runId: 'x' }],
      ['DELETE', `/${id}`],
      ['POST', `/${id}/rerun`],
      ['POST', `/${id}/copy`, {}],
      ['POST', '/delete', { ids: [id] }],
      ['GET', `/${id}/events`],
      ['POST', `/${id}/results/result/link`],
    ] as const) {
      assert.equal((await call(method, path, body)).status, 401, path)
    }
    for (const path of ['', '/phase', '/parameters', '/results/result']) {
      assert.equal((await jobs.get(`/${id}${path}`)).status, 401)
    }
    assert.equal((await jobs.post(`/${id}/phase`, { PHASE: 'ABORT' })).status, 401)
    assert.equal(
      (await fetch(`${service.url}/tap/async/${id}`, { method: 'DELETE', redirect: 'manual' })).status,
      401,
    )
  })

  /** How PostgreSQL reads a page in the middle of the list. */
  const planOfPage = async () => {
    let plan = ''
    const explaining: Client = {
      ...service.db,
      async query<Row extends object>(text: string, values?: readonly unknown[]) {
        const rows = await service.db.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values)
        plan = rows.map(row => row['QUERY PLAN']).join('\n')
        return service.db.query<Row>(text, values)
      },
    }
    const none = { text: undefined, runId: undefined, kind: undefined, after: undefined, until: undefined }
    const cursor = `${Date.now() - 50_000_000}_00000000-0000-4000-8000-000000000000`
    const { jobs } = await searchJobs(explaining, 'anonymous', { ...none, phases: [], limit: 50, cursor })
    assert.equal(jobs.length, 50)
    return plan
  }

  it('lists 100,000 jobs: a page at once, the whole of them as UWS wants it', async () => {
    await service.db.query(
      `INSERT INTO uws.job (job_id, kind, identity, title, parameters, phase, creation_time, execution_duration, destruction)
       SELECT gen_random_uuid(), 'tap', '{"groups":[],"role":"almagest_public"}', 'SELECT ' || n, '[]', 'COMPLETED',
              now() - n * interval '1 second', 3600, now() + interval '7 days' FROM generate_series(1, 100000) AS n`,
    )
    await service.db.query('ANALYZE uws.job')
    const page = await call<{ jobs: View[]; next: string }>('GET', '?limit=50')
    assert.equal(page.json.jobs.length, 50)
    assert.match(await planOfPage(), /Limit.*\n *-> +Index Scan using job_by_owner/)
    assert.doesNotMatch(await planOfPage(), /Sort.*\n.*(job_by_owner|Seq Scan on job)/)
    assert.equal((await jobs.get('')).text.match(/<uws:jobref /g)!.length, 100_000)
    assert.equal((await jobs.get('?LAST=5')).text.match(/<uws:jobref /g)!.length, 5)
  })
})

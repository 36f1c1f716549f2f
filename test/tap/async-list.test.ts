/** Lists of jobs, and where redirects lead. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const QUERY = 'SELECT TOP 7 ID, ra FROM sample.stars WHERE id > 20 AND id < 900 ORDER BY id'

describe('lists of jobs', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>

  before(async () => {
    service = await startTestService({ database, fill: fillSample, jobs: { waitSeconds: 3 } })
    jobs = jobClient(service)
  })
  after(() => service.close())

  it('lists jobs by PHASE, AFTER and LAST together, the newest first', async () => {
    await service.db.query('DELETE FROM uws.job')
    const ids: string[] = []
    for (const runId of ['a', 'b', 'c', 'd']) {
      ids.push(await jobs.create({ LANG: 'ADQL', QUERY, RUNID: runId }))
      await sleep(5)
    }
    await jobs.post(`/${ids[1]}/phase`, { PHASE: 'ABORT' })
    await jobs.post(`/${ids[2]}/phase`, { PHASE: 'RUN' })
    await jobs.ended(ids[2]!)
    const listed = async (query: string) =>
      [...(await jobs.get(query)).text.matchAll(/<uws:runId>(\w)</g)].map(match => match[1]).join('')
    assert.equal(await listed(''), 'dcba')
    assert.equal(await listed('?LAST=2'), 'dc')
    assert.equal(await listed('?PHASE=PENDING'), 'da')
    assert.equal(await listed('?PHASE=ABORTED&PHASE=completed'), 'cb')
    assert.equal(await listed('?PHASE=UNKNOWN'), '')
    const time = /<uws:creationTime>([^<]+)</.exec((await jobs.get(`/${ids[1]}`)).text)![1]!
    assert.equal(await listed(`?AFTER=${time}`), 'dc')
    assert.equal(await listed(`?AFTER=${time}&PHASE=PENDING&LAST=5`), 'd')
    assert.equal(await listed('?AFTER=2999-01-01'), '')
    await jobs.post(`/${ids[2]}/phase`, { PHASE: 'ARCHIVE' })
    assert.equal(await listed(''), 'dba')
    assert.equal(await listed('?PHASE=ARCHIVED'), 'c')
    const archived = (await jobs.get(`/${ids[2]}`)).text
    assert.match(archived, /<uws:phase>ARCHIVED<[\s\S]*<endedAs>COMPLETED</)
    assert.match(archived, /<uws:results\/>/)
  })

  it('redirects follow PUBLIC_URL and X-Forwarded-* of trusted proxies', async () => {
    const behind = await startTestService({
      database,
      config: { trustedProxies: ['loopback'] },
      runner: false,
    })
    const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'sky.example.org' }
    const create = (url: string) => fetch(`${url}/tap/async`, { method: 'POST', headers, redirect: 'manual' })
    const response = await create(behind.url)
    assert.match(response.headers.get('location')!, /^https:\/\/sky\.example\.org\/tap\/async\//)
    assert.match(response.headers.get('set-cookie')!, /Secure/)
    await behind.close()
    assert.match((await create(service.url)).headers.get('location')!, /^http:\/\/127\.0\.0\.1/)
    const named = await startTestService({
      database,
      config: { publicUrl: 'https://survey.org/vo' },
      runner: false,
    })
    assert.match(
      (await create(named.url)).headers.get('location')!,
      /^https:\/\/survey\.org\/vo\/tap\/async\//,
    )
    await named.close()
  })

  it('anonymous lists show a browser’s own jobs where listAnonymous is off', async () => {
    const shy = await startTestService({ database, jobs: { listAnonymous: false }, runner: false })
    const post = (cookie: string) =>
      fetch(`${shy.url}/tap/async`, { method: 'POST', redirect: 'manual', headers: { Cookie: cookie } })
    const first = await post('')
    const cookie = first.headers.get('set-cookie')!.split(';')[0]!
    assert.equal((await post(`other=1; ${cookie}`)).headers.get('set-cookie'), null)
    await post('')
    const count = async (headers: Record<string, string>) =>
      (await (await fetch(`${shy.url}/tap/async`, { headers })).text()).match(/<uws:jobref/g)?.length ?? 0
    assert.equal(await count({}), 0)
    assert.equal(await count({ Cookie: cookie }), 2)
    assert.equal(await count({ Cookie: 'almagest_session=00000000-0000-4000-8000-000000000000' }), 0)
    const id = first.headers.get('location')!
    assert.equal((await fetch(id)).status, 200)
    await shy.close()
  })
})

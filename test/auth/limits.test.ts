/** What each may use: by role, counted in the database, refused with 429, shown, and changed for a time. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { roleLimits } from '../../src/auth/limits.ts'
import { removeOverride, setOverride } from '../../src/auth/override.ts'
import { createToken } from '../../src/auth/tokens.ts'
import { setAccount } from '../../src/auth/users.ts'
import { testDatabase } from '../support/database.ts'
import { ENDLESS } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const OPERATOR = { name: 'operator of the test' }
const database = await testDatabase()
let service: TestService
const tokens: Record<string, string> = {}

before(async () => {
  service = await startTestService({
    database,
    fill: fillSample,
    jobs: { slowSlots: 4 },
    config: {
      auth: {},
      roleLimits: {
        anonymous: { maxrec: 50, uploadBytes: 100 },
        authenticated: { maxrec: 200 },
        small: { rowsPerDay: 120, maxrec: 1000 },
        few: { requestsPerMinute: 5 },
        jobs: { concurrentJobs: 1, queuedJobs: 2, storageBytes: 30_000 },
        large: { concurrentJobs: Number.POSITIVE_INFINITY, queuedJobs: 50 },
        bytes: { bytesPerDay: 2000 },
        none: { requestsPerMinute: 0 },
      },
    },
  })
  const groups = {
    sam: ['small'],
    fay: ['few'],
    jo: ['jobs'],
    lou: ['jobs', 'large'],
    bea: ['bytes'],
    no: ['none'],
    ann: [],
  }
  for (const [name, mine] of Object.entries(groups)) {
    await setAccount(service.db, name, mine)
    const scopes = ['read:tap', 'write:jobs'] as const
    tokens[name] = (await createToken(service.db, name, { name: 't', scopes, expires: null }, OPERATOR)).token
  }
})
after(() => service.close())

function ask(who: string | undefined, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = {
    ...(init.headers as Record<string, string>),
    ...(who && { Authorization: `Bearer ${tokens[who]}` }),
  }
  return fetch(`${service.url}${path}`, { redirect: 'manual', ...init, headers })
}
const sync = (who: string | undefined, query: string, more: Record<string, string> = {}) =>
  ask(who, '/tap/sync', {
    method: 'POST',
    body: new URLSearchParams({ LANG: 'ADQL', FORMAT: 'csv', QUERY: query, ...more }),
  })
const rows = async (response: Response) => (await response.text()).trim().split('\n').length - 1
const STARS = 'SELECT flag FROM sample.stars'

/** Usage is written after the answer. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200 && !(await holds()); i++) await new Promise(resolve => setTimeout(resolve, 25))
  assert.ok(await holds())
}

it('MAXREC is at most what the role may, the largest of several groups', async () => {
  assert.equal(await rows(await sync(undefined, STARS)), 50)
  assert.equal(await rows(await sync(undefined, STARS, { MAXREC: '500' })), 50)
  assert.equal(await rows(await sync('ann', STARS, { MAXREC: '500' })), 200)
  const xml = await (await sync('ann', STARS, { FORMAT: 'votable/td' })).text()
  assert.match(xml, /OVERFLOW/)
})

it('uploads are at most what the role may', async () => {
  const form = () => {
    const made = new FormData()
    for (const [name, value] of Object.entries({
      LANG: 'ADQL',
      QUERY: 'SELECT * FROM TAP_UPLOAD.t',
      UPLOAD: 't,param:t',
    }))
      made.set(name, value)
    made.set('t', new Blob([`a\n${'1\n'.repeat(100)}`]), 't.csv')
    return made
  }
  for (const path of ['/tap/sync', '/tap/async', '/tap/check']) {
    assert.equal((await ask(undefined, path, { method: 'POST', body: form() })).status, 413, path)
    assert.ok((await ask('ann', path, { method: 'POST', body: form() })).status < 400, path)
  }
})

it('rows of a day are used up by queries and jobs; the last query is cut, then 429 until midnight', async () => {
  assert.equal(await rows(await sync('sam', STARS, { MAXREC: '70' })), 70)
  const used = async () => {
    const [row] = await service.db.query<{ n: number }>(
      `SELECT row_count::int AS n FROM almagest.usage WHERE who = 'sam'`,
    )
    return row?.n ?? 0
  }
  await until(async () => (await used()) === 70)
  const body = new URLSearchParams({ LANG: 'ADQL', QUERY: STARS, PHASE: 'RUN' })
  const created = await ask('sam', '/tap/async', { method: 'POST', body })
  const job = new URL(created.headers.get('location')!).pathname
  const xml = await (await ask('sam', `${job}?WAIT=20`)).text()
  assert.match(xml, /COMPLETED/)
  assert.match(xml, /<rows>50<\/rows>/)
  await until(async () => (await used()) === 120)
  const refused = await sync('sam', STARS)
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  assert.match(await refused.text(), /120 rows of today are used up/)
  assert.match(refused.headers.get('cache-control') ?? '', /no-store/)
  assert.equal((await ask('sam', '/tap/capabilities')).status, 200, 'open resources go on')
  assert.equal((await sync('ann', STARS)).status, 200)
})

it('an administrator gives more for a time, and every process knows at once', async () => {
  await setOverride(
    service.db,
    'sam',
    { rowsPerDay: Number.POSITIVE_INFINITY, maxrec: 300 },
    new Date(Date.now() + 60_000),
    OPERATOR,
  )
  await until(async () => (await sync('sam', STARS)).status === 200)
  assert.equal(await rows(await sync('sam', STARS, { MAXREC: '999' })), 300)
  const shown = (await (await ask('sam', '/auth/limits')).json()) as {
    limits: { name: string; limit: number | null }[]
    overrideUntil: string | null
  }
  assert.equal(shown.limits.find(one => one.name === 'rowsPerDay')!.limit, null)
  assert.ok(shown.overrideUntil)
  await removeOverride(service.db, 'sam', OPERATOR)
  await until(async () => (await sync('sam', STARS)).status === 429)
  await setOverride(service.db, 'sam', { rowsPerDay: 1e9 }, new Date(Date.now() - 1000), OPERATOR)
  assert.equal((await sync('sam', STARS)).status, 429, 'over')
  const acts = await service.db.query<{ action: string }>(
    `SELECT action FROM auth.audit WHERE object = 'sam' ORDER BY audit_id`,
  )
  assert.deepEqual(
    acts.map(({ action }) => action),
    ['limit.set', 'limit.remove', 'limit.set'],
  )
})

it('bytes of a day', async () => {
  assert.equal((await sync('bea', 'SELECT * FROM sample.stars', { MAXREC: '100' })).status, 200)
  await until(async () => (await sync('bea', 'SELECT TOP 1 flag FROM sample.stars')).status === 429)
})

it('requests a minute: headers on each answer, then 429 with Retry-After', async () => {
  for (let i = 1; i <= 5; i++) {
    const response = await ask('fay', '/tap/tables?detail=min')
    assert.equal(response.status, 200)
    const header = (name: string) => response.headers.get(`x-ratelimit-${name}`)
    assert.deepEqual(
      [header('limit'), header('remaining'), header('used'), header('resource')],
      ['5', String(5 - i), String(i), 'requests'],
    )
    assert.ok(Number(header('reset')) > Date.now() / 1000 - 1)
  }
  for (const [path, type] of [
    ['/tap/sync', /votable/],
    ['/cutout/sync', /text\/plain/],
    ['/tap/check', /json/],
  ] as const) {
    const response = await ask('fay', path)
    const text = await response.text()
    if (path === '/cutout/sync') continue // its scope is refused first
    assert.equal(response.status, 429, text)
    assert.match(response.headers.get('content-type') ?? '', type)
    assert.ok(Number(response.headers.get('retry-after')) > 0)
    assert.equal(response.headers.get('x-ratelimit-remaining'), '0')
    assert.match(text, /More than 5 requests in a minute/)
  }
  assert.equal((await ask('fay', '/auth/limits')).status, 200)
  assert.equal((await ask('ann', '/tap/tables?detail=min')).status, 200)
  assert.equal((await ask('ann', '/tap/tables?detail=min')).headers.get('x-ratelimit-limit'), null)
  assert.equal((await ask('no', '/tap/tables?detail=min')).status, 403, 'a role of 0 is blocked')
})

it('jobs at once, in the queue, and what they take in the storage', async () => {
  const create = (who: string, query: string) =>
    ask(who, '/tap/async', {
      method: 'POST',
      body: new URLSearchParams({ LANG: 'ADQL', QUERY: query, PHASE: 'RUN' }),
    })
  const phases = async (who: string) => {
    const [row] = await service.db.query<{ executing: number; queued: number }>(
      `SELECT count(*) FILTER (WHERE phase = 'EXECUTING')::int AS executing, count(*) FILTER (WHERE phase = 'QUEUED')::int AS queued
         FROM uws.job WHERE owner = $1`,
      [who],
    )
    return row!
  }
  assert.equal((await create('jo', ENDLESS)).status, 303)
  await until(async () => (await phases('jo')).executing === 1)
  assert.equal((await create('jo', ENDLESS)).status, 303)
  assert.equal((await create('jo', STARS)).status, 303)
  const refused = await create('jo', STARS)
  assert.equal(refused.status, 429)
  assert.match(await refused.text(), /2 jobs in the queue, and may have 2/)
  await new Promise(resolve => setTimeout(resolve, 600))
  assert.deepEqual(await phases('jo'), { executing: 1, queued: 2 })

  assert.equal((await create('lou', ENDLESS)).status, 303)
  assert.equal((await create('lou', ENDLESS)).status, 303)
  await until(async () => (await phases('lou')).executing === 2)

  const all = (await (await ask('jo', '/jobs')).json()) as { jobs: { id: string }[] }
  for (const { id } of all.jobs.slice(1)) await ask('jo', `/jobs/${id}`, { method: 'DELETE' })
  await until(async () => (await phases('jo')).executing + (await phases('jo')).queued <= 1)

  const body = new URLSearchParams({
    LANG: 'ADQL',
    QUERY: 'SELECT * FROM sample.stars',
    PHASE: 'RUN',
    MAXREC: '100',
  })
  const ends = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const created = await ask('jo', '/tap/async', { method: 'POST', body })
    const job = new URL(created.headers.get('location')!).pathname
    let xml = ''
    await until(async () => {
      xml = await (await ask('jo', job)).text()
      return /<uws:phase>(COMPLETED|ERROR)/.test(xml)
    })
    ends.add(/take the 30,000 bytes/.test(xml) ? 'full' : /COMPLETED/.test(xml) ? 'done' : xml)
  }
  assert.deepEqual([...ends].sort(), ['done', 'full'], 'what does not fit is not kept')
  await setOverride(service.db, 'jo', { storageBytes: 100 }, new Date(Date.now() + 60_000), OPERATOR)
  await until(async () => {
    const created = await ask('jo', '/tap/async', { method: 'POST', body })
    return created.status === 429 && /take the 100 bytes/.test(await created.text())
  })
  for (const who of ['jo', 'lou'])
    await ask(who, '/jobs/delete', {
      method: 'POST',
      body: '{"all":true}',
      headers: { 'Content-Type': 'application/json' },
    })
})

it('shows limits as a page and as JSON', async () => {
  const page = await ask(undefined, '/auth/limits', { headers: { Accept: 'text/html' } })
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  assert.match(await page.text(), /rows of one result<\/td><td class="number">50</)
  const json = (await (await ask('jo', '/auth/limits')).json()) as {
    user: string
    limits: { name: string; limit: number }[]
  }
  assert.equal(json.user, 'jo')
  assert.equal(json.limits.find(one => one.name === 'queuedJobs')!.limit, 2)
})

it('tells what is wrong with the key limits.roles', () => {
  for (const [given, words] of [
    [[], /must be a mapping of roles/],
    [{ a: 5 }, /limits\.roles\.a: must be a mapping/],
    [{ a: { maxrecs: 5 } }, /limits\.roles\.a\.maxrecs: unknown/],
    [{ a: { maxrec: 0 } }, /from 1/],
    [{ a: { rowsPerDay: '5' } }, /whole number from 0/],
  ] as const) {
    assert.throws(() => roleLimits(given), words)
  }
  assert.equal(roleLimits(undefined).size, 0)
})

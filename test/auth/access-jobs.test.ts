/** Jobs, their results and uploads belong to their owner, who may share them with groups or by a link for a time. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setRule } from '../../src/auth/access-rules.ts'
import { createToken } from '../../src/auth/tokens.ts'
import { setAccount } from '../../src/auth/users.ts'
import { testDatabase } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const OPERATOR = { name: 'operator of the test' }
const database = await testDatabase()
let service: TestService
const tokens: Record<string, string> = {}

before(async () => {
  service = await startTestService({ database, config: { auth: {} }, fill: fillSample })
  for (const [name, groups] of Object.entries({ ann: ['desc', 'lsst'], bob: ['lsst'], cyd: ['others'] })) {
    await setAccount(service.db, name, groups)
    const wish = { name: 't', scopes: ['read:tap', 'write:jobs'] as const, expires: null }
    tokens[name] = (await createToken(service.db, name, wish, OPERATOR)).token
  }
  await setRule(
    service.db,
    { kind: 'table', name: 'sample.stars', groups: ['desc'], announced: false, opensAt: undefined },
    OPERATOR,
  )
})
after(() => service.close())

type Who = 'ann' | 'bob' | 'cyd' | undefined

function ask(who: Who, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = {
    ...(init.headers as Record<string, string>),
    ...(who && { Authorization: `Bearer ${tokens[who]}` }),
  }
  return fetch(path.startsWith('http') ? path : `${service.url}${path}`, {
    redirect: 'manual',
    ...init,
    headers,
  })
}
const json = (method: string, body: object): RequestInit => ({
  method,
  body: JSON.stringify(body),
  headers: { 'Content-Type': 'application/json' },
})

/** A finished job of ann's over the closed table, with an upload. */
async function job(): Promise<{ id: string; path: string }> {
  const form = new FormData()
  for (const [name, value] of Object.entries({
    LANG: 'ADQL',
    QUERY: 'SELECT s."ID", u.w FROM sample.stars AS s JOIN TAP_UPLOAD.mine AS u ON s."ID" = u.id',
    UPLOAD: 'mine,param:part',
    PHASE: 'RUN',
  }))
    form.set(name, value)
  form.set('part', new Blob(['id,w\n5,zzprivate\n6,zzprivate\n']), 'x.csv')
  const created = await ask('ann', '/tap/async', { method: 'POST', body: form })
  assert.equal(created.status, 303, await created.text())
  const path = new URL(created.headers.get('location')!).pathname
  assert.match(await (await ask('ann', `${path}?WAIT=30`)).text(), /COMPLETED/)
  return { path, id: path.split('/').at(-1)! }
}

const pathsOf = ({ path, id }: { path: string; id: string }) => [
  path,
  `${path}/results`,
  `${path}/results/result`,
  `${path}/parameters`,
  `${path}/parameters/QUERY`,
  `${path}/phase`,
  `${path}/owner`,
  `/jobs/${id}`,
  `/jobs/${id}/results/result`,
]

it('nobody else reads, changes, copies or uploads a job, nor finds it in a list', async () => {
  const made = await job()
  const uploads = pathsOf(made).concat(
    `${made.path}/parameters/part`,
    `${made.path}/error`,
    `/jobs/${made.id}/messages`,
    `/jobs/${made.id}/events`,
    `/jobs/${made.id}/share`,
  )
  for (const who of [undefined, 'bob', 'cyd'] as const) {
    const refused = who === undefined ? 401 : 403
    for (const path of uploads) {
      const response = await ask(who, path)
      assert.equal(response.status, refused, `${who} ${path}`)
      assert.equal(response.headers.has('www-authenticate'), who === undefined)
      assert.doesNotMatch(await response.text(), /zzprivate|sample\.stars/)
    }
    for (const [path, init] of [
      [`${made.path}/phase`, { method: 'POST', body: new URLSearchParams({ PHASE: 'ABORT' }) }],
      [
        `${made.path}/destruction`,
        { method: 'POST', body: new URLSearchParams({ DESTRUCTION: '2030-01-01' }) },
      ],
      [made.path, { method: 'POST', body: new URLSearchParams({ ACTION: 'DELETE' }) }],
      [made.path, { method: 'DELETE' }],
      [`/jobs/${made.id}`, { method: 'DELETE' }],
      [`/jobs/${made.id}`, json('PATCH', { runId: 'x' })],
      [`/jobs/${made.id}/copy`, json('POST', {})],
      [`/jobs/${made.id}/rerun`, { method: 'POST' }],
      [`/jobs/${made.id}/share`, json('PUT', { groups: ['lsst'] })],
      [`/jobs/${made.id}/results/result/link`, { method: 'POST' }],
      ['/jobs/delete', json('POST', { ids: [made.id] })],
    ] as const) {
      assert.equal((await ask(who, path, init as RequestInit)).status, refused, `${who} ${path}`)
    }
    for (const list of ['/tap/async', '/jobs', '/jobs?shared=true', `/jobs?search=zz`]) {
      assert.doesNotMatch(await (await ask(who, list)).text(), new RegExp(made.id), `${who} ${list}`)
    }
    const url = `${service.url}${made.path}/results/result`
    const body = new URLSearchParams({
      LANG: 'ADQL',
      QUERY: 'SELECT * FROM TAP_UPLOAD.t',
      UPLOAD: `t,${url}`,
    })
    const uploaded = await ask(who, '/tap/sync', { method: 'POST', body })
    assert.equal(uploaded.status, refused)
    const curves = await ask(who, `/datalink/timeseries?JOB=${made.id}`)
    assert.equal(curves.status, refused)
  }
  assert.match(await (await ask('ann', `/jobs/${made.id}`)).text(), /COMPLETED/)
})

it('conditional requests for a result answer no 304 to others', async () => {
  const made = await job()
  const etag = (await ask('ann', `${made.path}/results/result`)).headers.get('etag')!
  const headers = { 'If-None-Match': etag }
  assert.equal((await ask('ann', `${made.path}/results/result`, { headers })).status, 304)
  for (const who of [undefined, 'bob'] as const) {
    const refused = who === undefined ? 401 : 403
    assert.equal((await ask(who, `${made.path}/results/result`, { headers })).status, refused)
  }
})

it('a group that it is shared with reads it, and changes nothing', async () => {
  const made = await job()
  const shared = await ask('ann', `/jobs/${made.id}/share`, json('PUT', { groups: ['lsst'] }))
  assert.deepEqual(await shared.json(), { groups: ['lsst'] })
  for (const path of pathsOf(made)) {
    assert.equal((await ask('bob', path)).status, 200, path)
    assert.equal((await ask('cyd', path)).status, 403, path)
    assert.equal((await ask(undefined, path)).status, 401, path)
  }
  assert.match(await (await ask('bob', '/jobs?shared=true')).text(), new RegExp(made.id))
  assert.doesNotMatch(await (await ask('bob', '/jobs')).text(), new RegExp(made.id))
  for (const path of [`/jobs/${made.id}/messages`, `/jobs/${made.id}/share`]) {
    assert.equal((await ask('bob', path)).status, 403, path)
  }
  assert.equal((await ask('bob', made.path, { method: 'DELETE' })).status, 403)
  assert.equal((await ask('bob', `/jobs/${made.id}/results/result/link`, { method: 'POST' })).status, 403)
  const url = `${service.url}${made.path}/results/result`
  const body = new URLSearchParams({
    LANG: 'ADQL',
    FORMAT: 'csv',
    QUERY: 'SELECT * FROM TAP_UPLOAD.t',
    UPLOAD: `t,${url}`,
  })
  assert.match(await (await ask('bob', '/tap/sync', { method: 'POST', body })).text(), /zzprivate/)

  await setAccount(service.db, 'bob', [])
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.equal((await ask('bob', made.path)).status, 403, 'no longer in the group')
  await setAccount(service.db, 'bob', ['lsst'])
  await ask('ann', `/jobs/${made.id}/share`, json('PUT', { groups: [] }))
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.equal((await ask('bob', made.path)).status, 403, 'no longer shared')
  const strange = await ask('ann', `/jobs/${made.id}/share`, json('PUT', { groups: ['others'] }))
  assert.equal(strange.status, 400)
  const [row] = await service.db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM auth.audit WHERE action = 'grant.job'`,
  )
  assert.ok(row!.n >= 2)
})

it('a signed link opens one result for a time, and nothing else', async () => {
  const made = await job()
  const link = async (body: object) => ask('ann', `/jobs/${made.id}/results/result/link`, json('POST', body))
  const { url } = (await (await link({ seconds: 3600 })).json()) as { url: string }
  assert.match(await (await ask(undefined, url)).text(), /VOTABLE/)
  assert.equal((await link({ seconds: 8 * 86_400 })).status, 400)
  assert.equal((await link({ seconds: 0 })).status, 400)
  const other = await job()
  for (const forged of [
    url.replace(made.id, other.id),
    url.replace('/results/result', '/results/other'),
    url.replace(/signature=.{3}/, 'signature=AAA'),
    url.replace(/expires=\d+/, 'expires=99999999999'),
    url.replace('/jobs/', '/tap/async/'),
    url.replace(/\/results\/result/, ''),
  ]) {
    assert.match(String((await ask(undefined, forged)).status), /^40[13]$/, forged)
  }
  await ask('ann', made.path, { method: 'DELETE' })
  assert.equal((await ask(undefined, url)).status, 404, 'deleted')
})

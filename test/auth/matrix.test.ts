/**
 * Every route of the service, as express has them, for nobody, a wrong token, an expired one, one without the scope,
 * somebody of another group, and somebody of the right one. A table, a collection, a HiPS and jobs are closed; a new
 * route without a rule, or with a parameter that has no sample here, fails.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { setRule } from '../../src/auth/access-rules.ts'
import { SCOPES, type Scope } from '../../src/auth/identity.ts'
import { needsOf, ruleFor } from '../../src/auth/routes.ts'
import { createToken, revokeToken } from '../../src/auth/tokens.ts'
import { setAccount } from '../../src/auth/users.ts'
import { ingestImages } from '../../src/ingest/images/index.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'
import { routesOf } from '../support/routes.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService } from '../support/service.ts'
import { SMALL_IMAGES } from '../support/small-images.ts'

const OPERATOR = { name: 'operator of the test' }
const skip = withoutPython('astropy')

interface Sample {
  readonly path: string
  /** Status for somebody who may not, for nobody known where that is another one, and for whom it is. */
  readonly outsider: number
  readonly nobody?: number
  readonly right: number
  readonly body?: object
}

describe('every route', { skip }, async () => {
  if (skip) return
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-matrix-'))
  mkdirSync(path.join(folder, 'images'))
  python(SMALL_IMAGES, '', [path.join(folder, 'images')])
  const tree = path.join(folder, 'site/hips/zztree')
  mkdirSync(tree, { recursive: true })
  writeFileSync(
    path.join(tree, 'properties'),
    'creator_did = ivo://x/z\nhips_order = 0\nhips_tile_format = png\ndataproduct_type = image\n',
  )
  const service = await startTestService({
    database: await testDatabase(),
    config: { auth: {}, dir: path.join(folder, 'site'), authority: 'test.example' },
    async fill(db) {
      await fillSample(db)
      await ingestImages(
        db,
        {
          sources: [path.join(folder, 'images')],
          collection: 'zz',
          authority: 'test.example',
          complain() {},
        },
        () => {},
        new AbortController().signal,
      )
    },
  })
  after(async () => {
    await service.close()
    rmSync(folder, { recursive: true })
  })
  const rules = [
    ['table', 'sample.stars'],
    ['collection', 'zz'],
    ['hips', 'zztree'],
  ] as const
  for (const [kind, name] of rules) {
    await setRule(
      service.db,
      { kind, name, groups: ['desc'], announced: false, opensAt: undefined },
      OPERATOR,
    )
  }
  const token = async (user: string, scopes: readonly Scope[] = SCOPES) => {
    const name = `${scopes.join(' ')}`
    return createToken(service.db, user, { name, scopes, expires: null }, OPERATOR)
  }
  await setAccount(service.db, 'ann', ['desc'])
  await setAccount(service.db, 'bob', ['others'])
  const right = (await token('ann')).token
  const revoked = await token('ann', ['read:tap'])
  await revokeToken(service.db, 'ann', revoked.description.key, OPERATOR)
  const expired = await token('ann', ['read:image'])
  await service.db.query(`UPDATE auth.token SET expires_at = now() - interval '1 s' WHERE token_key = $1`, [
    expired.description.key,
  ])
  const callers = {
    nobody: undefined,
    wrong: `${right.slice(0, -4)}AAAA`,
    expired: expired.token,
    revoked: revoked.token,
    noScope: (await token('ann', ['write:tables'])).token,
    other: (await token('bob')).token,
    right,
  }
  type Caller = keyof typeof callers

  async function ask(caller: Caller, method: string, to: string, body?: object) {
    const controller = new AbortController()
    const bearer = callers[caller]
    const response = await fetch(`${service.url}${to}`, {
      method,
      redirect: 'manual',
      signal: controller.signal,
      headers: {
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
        ...(body && { 'Content-Type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (response.headers.get('content-type') === 'text/event-stream')
      controller.abort() // it never ends
    else await response.arrayBuffer()
    return response
  }

  const ofAnn = async (to: string) => {
    const created = await fetch(`${service.url}${to}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { Authorization: `Bearer ${right}` },
      body: new URLSearchParams({ LANG: 'ADQL', QUERY: 'SELECT 1 AS one FROM sample.stars', ID: '1' }),
    })
    assert.equal(created.status, 303, to)
    return created.headers.get('location')!.split('/').at(-1)!
  }
  const job = await ofAnn('/tap/async')
  const did = 'ivo://test.example/zz?plain.fits'
  const query = new URLSearchParams({ LANG: 'ADQL', QUERY: 'SELECT TOP 1 ra FROM sample.stars' })

  const open = (at: string, status = 200): Sample => ({ path: at, outsider: status, right: status })
  /** Nobody known is asked to log in. */
  const mine = (at: string, status = 200, body?: object): Sample => ({
    path: at,
    nobody: 401,
    outsider: 403,
    right: status,
    ...(body && { body }),
  })
  const closed = (at: string, outsider = 404, status = 200): Sample => ({ path: at, outsider, right: status })

  const samples: Record<string, Sample> = {
    'GET /': open('/'),
    'GET /tap': open('/tap'),
    'GET /sky': open('/sky'),
    'GET /healthz': open('/healthz'),
    'GET /assets/aladin.js': open('/assets/aladin.js'),
    'GET /assets/*rest': open('/assets/almagest.css'),
    'GET /auth/whoami': open('/auth/whoami'),
    'GET /auth/limits': open('/auth/limits'),
    'GET /auth/connect': open('/auth/connect'),
    'GET /tap/sync': closed(`/tap/sync?${query}`, 400),
    'GET /tap/check': open(`/tap/check?${query}`), // its answer tells: test/auth/access.test.ts
    'GET /tap/tables': open('/tap/tables'),
    'GET /tap/tables/:name': closed('/tap/tables/sample.stars'),
    'GET /tap/examples': open('/tap/examples'),
    'GET /scs/:table': closed('/scs/sample.stars?RA=0&DEC=0&SR=0.1'),
    'GET /scs/:table/capabilities': closed('/scs/sample.stars/capabilities'),
    'GET /scs/:table/availability': closed('/scs/sample.stars/availability'),
    'GET /sia1/query': open('/sia1/query?POS=150,2&SIZE=1'),
    'GET /sia2/query': open('/sia2/query?POS=CIRCLE+150+2+1'),
    'GET /datalink/links': open(`/datalink/links?${new URLSearchParams({ ID: did })}`), // faults are rows
    'GET /datalink/timeseries': mine(`/datalink/timeseries?JOB=${job}`, 400),
    'GET /cutout/sync': closed(`/cutout/sync?${new URLSearchParams({ ID: did, CIRCLE: '150 2 0.002' })}`),
    'GET /files/*rest': closed('/files/zz/plain.fits'),
    'GET /preview/:collection/*key': closed('/preview/zz/plain.fits'),
    'GET /moc/:name': closed('/moc/zz'),
    'GET /moc/hips/:name': closed('/moc/hips/zztree', 404, 404), // this one has no coverage
    'GET /hips': open('/hips'),
    'GET /hips/list': open('/hips/list'),
    'GET /hips/:name': closed('/hips/zztree', 404, 301),
    'GET /hips/:name/{*path}': closed('/hips/zztree/properties'),
    'GET /hips/:name/cutout': closed('/hips/zztree/cutout?ra=x', 404, 400),
    'GET /jobs': open('/jobs'),
    'GET /jobs/events': open('/jobs/events'),
    'GET /jobs/:id': mine(`/jobs/${job}`),
    'PATCH /jobs/:id': mine(`/jobs/${job}`, 200, { runId: 'x' }),
    'DELETE /jobs/:id': mine(`/jobs/${await ofAnn('/tap/async')}`),
    'GET /jobs/:id/messages': mine(`/jobs/${job}/messages`),
    'GET /jobs/:id/events': mine(`/jobs/${job}/events`),
    'GET /jobs/:id/share': mine(`/jobs/${job}/share`),
    'PUT /jobs/:id/share': mine(`/jobs/${job}/share`, 200, { groups: [] }),
    'POST /jobs/:id/hold': mine(`/jobs/${job}/hold`, 400),
    'POST /jobs/:id/rerun': mine(`/jobs/${job}/rerun`, 201),
    'POST /jobs/:id/copy': mine(`/jobs/${job}/copy`, 201, {}),
    'GET /jobs/:id/results/:name': mine(`/jobs/${job}/results/result`, 404),
    'POST /jobs/:id/results/:name/link': mine(`/jobs/${job}/results/result/link`, 404),
    'POST /auth/link': {
      path: '/auth/link',
      nobody: 401,
      outsider: 201,
      right: 201,
      body: { url: '/tap/tables' },
    },
    'POST /jobs/delete': mine('/jobs/delete', 200, { ids: [await ofAnn('/tap/async')] }),
  }
  for (const base of ['/tap', '/datalink', '/cutout', '/sia1', '/sia2']) {
    for (const of of ['capabilities', 'availability']) samples[`GET ${base}/${of}`] = open(`${base}/${of}`)
  }
  for (const base of ['/tap/async', '/datalink/async', '/cutout/async', '/cutout/batch']) {
    const id = await ofAnn(base)
    samples[`GET ${base}`] = open(base)
    samples[`GET ${base}/:id`] = mine(`${base}/${id}`)
    for (const of of ['phase', 'executionduration', 'destruction', 'quote', 'owner', 'parameters', 'results'])
      samples[`GET ${base}/:id/${of}`] = mine(`${base}/${id}/${of}`)
    samples[`GET ${base}/:id/error`] = mine(`${base}/${id}/error`, 404)
    samples[`GET ${base}/:id/parameters/:name`] = mine(`${base}/${id}/parameters/ID`)
    samples[`GET ${base}/:id/results/:name`] = mine(`${base}/${id}/results/result`, 404)
  }
  /** Pages of people: test/auth/login.test.ts and tokens. */
  const pages = /^\/auth\/(login|logout|callback|cookie|tokens)/

  const routes = routesOf(service.app).flatMap(({ path: at, methods }) =>
    methods
      .flatMap(method => (method === '*' ? ['GET', 'POST'] : method === 'HEAD' ? [] : [method]))
      .map(method => ({ at, method })),
  )
  const plain = (at: string) => at.replace(/\{?\/\*\w+\}?/, '/a/b.c').replace(/:\w+/g, 'some~thing')

  it('has a sample here', () => {
    const seen = new Set<string>()
    for (const { at, method } of routes) {
      if (method === 'POST' || pages.test(at)) continue
      seen.add(`${method} ${at}`)
    }
    const without = [...seen].filter(route => samples[route] === undefined)
    assert.deepEqual(without, [])
    const posts = routes.filter(
      ({ at, method }) => method === 'POST' && !samples[`GET ${at}`] && !pages.test(at),
    )
    assert.deepEqual(
      posts.filter(({ at }) => !samples[`POST ${at}`]),
      [],
    )
  })

  it('refuses bad tokens, and tokens without its scope, by whatever method, before it does anything', async () => {
    for (const { at, method } of routes) {
      const to = plain(at)
      const rule = ruleFor(to)
      assert.ok(rule, `${at} has no rule in src/auth/routes.ts`)
      const needs = needsOf(rule, method)
      if (needs === 'open') continue
      for (const caller of ['wrong', 'expired', 'revoked'] as const) {
        const response = await ask(caller, method, to)
        const label = `${caller}: ${method} ${to}`
        assert.equal(response.status, 401, label)
        assert.match(
          response.headers.get('www-authenticate') ?? '',
          /Basic realm=.*error="invalid_token"/,
          label,
        )
        assert.match(response.headers.get('cache-control') ?? '', /no-store/, label)
        assert.equal(response.headers.get('x-vo-authenticated'), null, label)
      }
      const response = await ask('noScope', method, to)
      if (Array.isArray(needs) && needs.length === 0) {
        assert.doesNotMatch(String(response.status), /^40[13]$/, `noScope: ${method} ${to}`)
        continue
      }
      assert.equal(response.status, 403, `noScope: ${method} ${to}`)
      assert.match(response.headers.get('cache-control') ?? '', /no-store/)
      if (needs === 'session') continue
      const challenge = response.headers.get('www-authenticate') ?? ''
      assert.match(challenge, /error="insufficient_scope"/)
      assert.ok(challenge.includes(`scope="${needs.join(' ')}"`), challenge)
    }
  })

  it('answers nobody, others and whom it is for as the table says', async () => {
    for (const [route, { path: to, outsider, nobody = outsider, right: served, body }] of Object.entries(
      samples,
    )) {
      const [method = ''] = route.split(' ')
      const needs = needsOf(ruleFor(to.split('?')[0]!)!, method)
      for (const [caller, user] of [
        ['nobody', null],
        ['other', 'bob'],
        ['right', 'ann'],
      ] as const) {
        const response = await ask(caller, method, to, body)
        const label = `${caller}: ${method} ${to}`
        const expected = caller === 'right' ? served : caller === 'nobody' ? nobody : outsider
        if (expected === 401)
          assert.match(response.headers.get('www-authenticate') ?? '', /Basic realm/, label)
        assert.equal(response.status, expected, label)
        assert.equal(response.headers.get('x-vo-authenticated'), user, label)
        const cache = response.headers.get('cache-control') ?? ''
        if (user !== null) assert.doesNotMatch(cache, /public/, label)
        if (caller === 'right' && method === 'GET' && served === 200) {
          const head = await ask(caller, 'HEAD', to)
          assert.equal(head.status, 200, `HEAD ${to}`)
        }
      }
      if (needs !== 'open') continue
      for (const caller of ['wrong', 'expired', 'noScope'] as const) {
        const response = await ask(caller, method, to, body)
        const expected = caller === 'noScope' ? served : outsider
        assert.equal(response.status, expected, `open to ${caller}: ${method} ${to}`)
      }
    }
  })
})

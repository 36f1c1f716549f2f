/** The cookie of a token (`ivoa_cookie`), the tokens of a person as JSON, and headers that are too much. */
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { after, before, describe, it } from 'node:test'
import type { Scope } from '../../src/auth/identity.ts'
import { createToken, revokeToken } from '../../src/auth/tokens.ts'
import { setAccount } from '../../src/auth/users.ts'
import { logIn, type TestBrowser, testBrowser } from '../support/browser.ts'
import { testDatabase } from '../support/database.ts'
import { startProvider, type TestProvider } from '../support/provider.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
let provider: TestProvider
let service: TestService

before(async () => {
  provider = await startProvider()
  const auth = { providers: [provider.settings], admins: ['curators'], tokenDays: 30 }
  service = await startTestService({ database, runner: false, config: { auth } })
  provider.register(service.url)
  await setAccount(service.db, 'tycho', ['observers'])
})
after(async () => {
  await service.close()
  await provider.close()
})

const make = (name: string, scopes: readonly Scope[]) =>
  createToken(service.db, 'tycho', { name, scopes, expires: null }, { name: 'test' })

const cookieFor = (
  browser: TestBrowser,
  form: Record<string, string>,
  headers: Record<string, string> = {},
) => browser.once(`${service.url}/auth/cookie`, { method: 'POST', body: new URLSearchParams(form), headers })

describe('a cookie for a token', () => {
  it('may do what the token may, no more and no longer', async () => {
    const { token, description } = await make('cookie', ['read:tap'])
    const browser = testBrowser()
    const answer = await cookieFor(browser, { username: 'x-oauth-basic', password: token })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('x-vo-authenticated'), 'tycho')
    const status = async (path: string) => (await browser.once(service.url + path)).status
    assert.equal(await status('/tap/tables'), 200)
    assert.equal(await status('/sia2/query'), 403)
    assert.equal(await status('/auth/tokens'), 403)
    const who = await (await browser.once(`${service.url}/auth/whoami`)).json()
    assert.equal((who as { token: string }).token, description.key)
    await revokeToken(service.db, 'tycho', description.key, { name: 'test' })
    await new Promise(resolve => setTimeout(resolve, 500))
    const after = (await (await browser.once(`${service.url}/auth/whoami`)).json()) as { user: string | null }
    assert.equal(after.user, null)
  })

  it('is not given for anything else', async () => {
    for (const form of [
      {},
      { username: 'tycho', password: 'x' },
      { password: 'alm-x.y' },
      { username: '', password: '' },
    ]) {
      const answer = await cookieFor(testBrowser(), form as Record<string, string>)
      assert.equal(answer.status, 401)
      assert.deepEqual(answer.headers.getSetCookie(), [])
      assert.match(answer.headers.get('www-authenticate')!, /ivoa_cookie/)
    }
  })

  it('is not given to a page of another site', async () => {
    const { token } = await make('login forgery', ['read:tap'])
    const answer = await cookieFor(
      testBrowser(),
      { username: 'x', password: token },
      { origin: 'https://evil.example' },
    )
    assert.equal(answer.status, 403)
  })
})

describe('tokens as JSON', () => {
  let browser: TestBrowser
  let csrf: string
  const call = async (method: string, path: string, body?: object) => {
    const answer = await browser.once(`${service.url}/auth/tokens${path}`, {
      method,
      headers: { 'x-csrf-token': csrf, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, said: text && JSON.parse(text), headers: answer.headers }
  }
  before(async () => {
    browser = testBrowser()
    await logIn(browser, `${service.url}/auth/login`, 'alice')
    csrf = ((await (await browser.once(`${service.url}/auth/tokens`)).json()) as { csrf: string }).csrf
  })

  it('are made, listed, renamed, shortened, revoked, with a history', async () => {
    const made = await call('POST', '', { name: 'laptop', scopes: ['read:hips', 'read:tap'] })
    assert.equal(made.status, 201)
    assert.match(made.headers.get('location')!, new RegExp(`/auth/tokens/${made.said.key}$`))
    assert.deepEqual(made.said.scopes, ['read:tap', 'read:hips'])
    assert.ok(new Date(made.said.expires).getTime() <= Date.now() + 30 * 86_400_000)
    const { key } = made.said
    const soon = new Date(Date.now() + 86_400_000).toISOString()
    const edited = await call('PATCH', `/${key}`, { name: 'old laptop', expires: soon, scopes: ['read:tap'] })
    assert.deepEqual(
      [edited.said.name, edited.said.expires, edited.said.scopes],
      ['old laptop', soon, ['read:tap']],
    )
    assert.equal((await call('DELETE', `/${key}`)).status, 204)
    assert.equal((await call('DELETE', `/${key}`)).status, 204)
    assert.equal((await call('PATCH', `/${key}`, { name: 'x' })).status, 400)
    const { said } = await call('GET', `/${key}`)
    assert.deepEqual(
      said.history.map(({ action, name, actor, address }: Record<string, string>) => [
        action,
        name,
        actor,
        address,
      ]),
      [
        ['create', 'laptop', 'alice', '127.0.0.1'],
        ['edit', 'old laptop', 'alice', '127.0.0.1'],
        ['revoke', 'old laptop', 'alice', '127.0.0.1'],
      ],
    )
    const list = await call('GET', '')
    assert.ok(!JSON.stringify(list.said).includes(made.said.token), 'the token is shown again')
    assert.ok(list.said.tokens.some((one: { key: string }) => one.key === key))
    const acts = await service.db.query<{ action: string }>(
      'SELECT action FROM auth.audit WHERE object = $1 ORDER BY audit_id',
      [key],
    )
    assert.deepEqual(
      acts.map(({ action }) => action),
      ['token.create', 'token.edit', 'token.revoke'],
    )
  })

  it('say what is wrong with a wish', async () => {
    await call('POST', '', { name: 'taken', scopes: ['read:tap'] })
    for (const [wish, why] of [
      [{ name: 'taken' }, /token named taken already/],
      [{}, /needs a name/],
      [{ name: '' }, /1 to 80 characters/],
      [{ name: 'a\nb' }, /control character/],
      [{ name: 'x', scopes: ['everything'] }, /everything is no scope/],
      [{ name: 'x', scopes: [] }, /one or more of the scopes/],
      [{ name: 'x', expires: '2020-01-01T00:00:00Z' }, /in the future/],
      [{ name: 'x', expires: 'soon' }, /in the future/],
      [{ name: 'x', expires: null }, /30 days at most/],
      [{ name: 'x', expires: '2999-01-01T00:00:00Z' }, /30 days at most/],
      [{ name: 'x', color: 'blue' }, /no color/],
      [[], /Send JSON/],
    ] as const) {
      const { status, said } = await call('POST', '', wish)
      assert.equal(status, 400, JSON.stringify(wish))
      assert.match(said.error.message, why)
    }
  })

  it('have the scope admin for administrators only', async () => {
    assert.equal((await call('POST', '', { name: 'root', scopes: ['admin'] })).status, 201)
    provider.people.set('carol', { groups: [] })
    const other = testBrowser()
    await logIn(other, `${service.url}/auth/login`, 'carol')
    const token = ((await (await other.once(`${service.url}/auth/tokens`)).json()) as { csrf: string }).csrf
    const answer = await other.once(`${service.url}/auth/tokens`, {
      method: 'POST',
      headers: { 'x-csrf-token': token, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'root', scopes: ['admin'] }),
    })
    assert.equal(answer.status, 403)
  })

  it('are nobody else’s', async () => {
    const { description } = await make('of tycho', ['read:tap'])
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { name: 'mine' }],
      ['DELETE', undefined],
    ] as const) {
      assert.equal((await call(method, `/${description.key}`, body)).status, 404, method)
    }
    const anonymous = await fetch(`${service.url}/auth/tokens`)
    assert.equal(anonymous.status, 401)
    assert.match(anonymous.headers.get('cache-control')!, /no-store/)
  })
})

describe('too much', () => {
  const status = (headers: Record<string, string | string[]>) =>
    new Promise<number>((resolve, reject) => {
      const asked = httpRequest(`${service.url}/auth/whoami`, { headers }, response => {
        response.resume()
        resolve(response.statusCode!)
      })
      asked.once('error', reject)
      asked.end()
    })

  it('cookies: hundreds of our name, or thousands of others, are nobody, or more than HTTP takes', async () => {
    const many = Array.from({ length: 150 }, (_, i) => `almagest_login=s%3A${'A'.repeat(43)}.${i}`).join('; ')
    assert.equal(await status({ cookie: many }), 200)
    assert.equal(await status({ cookie: `almagest_login=${'s%3A'.repeat(3000)}` }), 200)
    assert.equal(await status({ cookie: 'a=b; '.repeat(10_000) }), 431)
  })

  it('a token of a megabyte', async () => {
    assert.equal(await status({ authorization: `Bearer ${'A'.repeat(1_000_000)}` }), 431)
    assert.equal(await status({ authorization: `Bearer ${'A'.repeat(10_000)}` }), 401)
    assert.equal(await status({ authorization: `Basic ${'A'.repeat(10_000)}` }), 400)
  })

  it('a Host that is none', async () => {
    for (const host of ['[', 'a b', '"', 'x<y>']) {
      const answered = [await status({ host }), await status({ host, authorization: 'Bearer alm-x' })]
      assert.ok(answered[0] === 400 || answered[0] === 200, `${host}: ${answered}`)
      assert.equal(answered[1], 401, host)
    }
  })

  it('a form of a megabyte', async () => {
    const answer = await cookieFor(testBrowser(), { username: 'x', password: 'A'.repeat(1_000_000) })
    assert.equal(answer.status, 413)
  })
})

/** Links with a ticket: what their maker may read, at one URL, for a time. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { removeRule, setRule } from '../../src/auth/access-rules.ts'
import type { Scope } from '../../src/auth/identity.ts'
import { ticketOf, withTicket } from '../../src/auth/ticket.ts'
import { createToken, revokeToken } from '../../src/auth/tokens.ts'
import { setAccount, setBlocked } from '../../src/auth/users.ts'
import { closes } from '../support/closes.ts'
import { testDatabase } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const SECRET = 'the secret of this site, which is long enough'
const OPERATOR = { name: 'test' }
const QUERY = '/tap/sync?LANG=ADQL&RESPONSEFORMAT=csv&QUERY=SELECT%20TOP%202%20ID%20FROM%20sample.stars'
let service: TestService
let token: string
let key: string

before(async () => {
  service = await startTestService({
    database,
    runner: false,
    fill: fillSample,
    config: { auth: {}, secret: SECRET },
  })
  await setAccount(service.db, 'tycho', ['observers'])
  ;({ token, key } = await make('all', ['read:tap']))
  const rule = {
    kind: 'table',
    name: 'sample.stars',
    groups: ['observers'],
    opensAt: undefined,
    announced: true,
  } as const
  await setRule(service.db, rule, OPERATOR)
  await closes(service.url + QUERY)
})
after(async () => {
  await removeRule(service.db, 'table', 'sample.stars', OPERATOR)
  await service.close()
})

async function make(name: string, scopes: readonly Scope[]) {
  const made = await createToken(service.db, 'tycho', { name, scopes, expires: null }, OPERATOR)
  return { token: made.token, key: made.description.key }
}

async function link(body: unknown, by: string | undefined = token) {
  const answer = await fetch(`${service.url}/auth/link`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(by && { authorization: `Bearer ${by}` }) },
    body: JSON.stringify(body),
  })
  return { status: answer.status, said: (await answer.json()) as { url: string; expires: string } }
}

const soon = () => Math.floor(Date.now() / 1000) + 60

it('opens to whoever has it what its maker may read, and names nobody', async () => {
  assert.equal((await fetch(service.url + QUERY)).status, 401)
  for (const url of [QUERY, service.url + QUERY]) {
    const { status, said } = await link({ url, seconds: 60 })
    assert.equal(status, 201)
    assert.ok(Math.abs(new Date(said.expires).getTime() - Date.now() - 60_000) < 5000)
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(said.url, { method })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers.get('x-vo-authenticated'), null)
      assert.equal(answer.headers.get('cache-control'), 'private')
      if (method === 'GET') assert.equal((await answer.text()).trim().split('\n').length, 3)
    }
  }
  const [line] = await service.db.query<{ object: string }>(
    `SELECT object FROM auth.audit WHERE action = 'link.create'`,
  )
  assert.equal(line?.object, key)
})

it('is good for its one URL, unchanged, and for reading', async () => {
  const { said } = await link({ url: QUERY })
  const ticket = said.url.slice(said.url.indexOf('&ticket='))
  const forged = withTicket('another secret', QUERY, { user: 'tycho', key: null, expires: soon() })
  for (const url of [
    `${service.url}${QUERY.replace('TOP%202', 'TOP%203')}${ticket}`,
    `${service.url}/tap/tables?${ticket.slice(1)}`,
    `${said.url.slice(0, -3)}AAA`,
    said.url.replace(/ticket=.{9}/, 'ticket=AAAAAAAAA'),
    service.url + forged,
  ]) {
    const answer = await fetch(url)
    assert.equal(answer.status, 403, url)
    assert.match(await answer.text(), /This link is no longer good, or has been changed/)
  }
  const posted = await fetch(said.url, { method: 'POST', body: new URLSearchParams({ MAXREC: '1' }) })
  assert.equal(posted.status, 403)
  // What stands behind it is no part of it, and so there is no ticket.
  assert.equal((await fetch(`${said.url}&MAXREC=1`)).status, 401)
})

it('ends at its time, with the token that it was made with, and with its maker', async () => {
  const status = async (ticket: { user: string; key: string | null; expires: number }) =>
    (await fetch(service.url + withTicket(SECRET, QUERY, ticket))).status
  const wait = () => new Promise(resolve => setTimeout(resolve, 500))
  assert.equal(await status({ user: 'tycho', key: null, expires: soon() }), 200)
  assert.equal(await status({ user: 'tycho', key: null, expires: soon() - 61 }), 403)
  assert.equal(await status({ user: 'nobody', key: null, expires: soon() }), 403)
  const brief = await make('brief', ['read:tap'])
  const other = await make('other', ['read:image'])
  assert.equal(await status({ user: 'tycho', key: brief.key, expires: soon() }), 200)
  assert.equal(await status({ user: 'tycho', key: other.key, expires: soon() }), 403)
  await revokeToken(service.db, 'tycho', brief.key, OPERATOR)
  await wait()
  assert.equal(await status({ user: 'tycho', key: brief.key, expires: soon() }), 403)
  await setAccount(service.db, 'tycho', [])
  await wait()
  assert.equal(await status({ user: 'tycho', key: null, expires: soon() }), 403)
  await setAccount(service.db, 'tycho', ['observers'])
  await setBlocked(service.db, 'tycho', true, OPERATOR)
  await wait()
  assert.equal(await status({ user: 'tycho', key: null, expires: soon() }), 403)
  await setBlocked(service.db, 'tycho', false, OPERATOR)
  await wait()
})

it('is not made for what needs none, for other sites, for ever, or by nobody', async () => {
  for (const [body, expected] of [
    [{ url: 'https://evil.example/files/x' }, 400],
    [{ url: '//evil.example/files/x' }, 400],
    [{ url: '/auth/tokens' }, 400],
    [{ url: '/tap/capabilities' }, 400],
    [{ url: '/nothing' }, 400],
    [{ url: `${QUERY}#x` }, 400],
    [{ url: `${QUERY}&ticket=a.b` }, 400],
    [{ url: QUERY, seconds: 0 }, 400],
    [{ url: QUERY, seconds: 700_000 }, 400],
    [{ url: QUERY, seconds: 'long' }, 400],
    [{}, 400],
    [{ url: '/files/a/b' }, 403],
  ] as const) {
    assert.equal((await link(body)).status, expected, JSON.stringify(body))
  }
  assert.equal((await link({ url: QUERY }, '')).status, 401)
})

it('is read from the end of a URL only', () => {
  const secret = () => SECRET
  assert.equal(ticketOf(secret, '/a?b=1'), undefined)
  assert.equal(ticketOf(secret, '/a?ticket=x'), undefined)
  const ticket = { user: 'tycho', key: null, expires: 1 }
  for (const url of ['/a', '/a?b=1', '/a?ticket=x']) {
    assert.deepEqual(ticketOf(secret, withTicket(SECRET, url, ticket)), { url, ticket })
  }
})

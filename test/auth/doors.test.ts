/** The ways in with a token, as clients use them, and what is answered to those who do not get in. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { removeRule, setRule } from '../../src/auth/access-rules.ts'
import { SCOPES } from '../../src/auth/identity.ts'
import { createToken, revokeToken } from '../../src/auth/tokens.ts'
import { setAccount } from '../../src/auth/users.ts'
import { closes } from '../support/closes.ts'
import { testDatabase } from '../support/database.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'

const database = await testDatabase()
let service: TestService
let token: string
let other: string
let imagesOnly: string
let expired: string
let revoked: string

before(async () => {
  service = await startTestService({ database, fill: fillSample, config: { auth: {} } })
  const { db } = service
  await setAccount(db, 'tycho', ['observers'])
  const make = async (name: string, scopes: readonly (typeof SCOPES)[number][]) =>
    createToken(db, 'tycho', { name, scopes, expires: null }, { name: 'test' })
  token = (await make('all', SCOPES)).token
  other = (await make('other', SCOPES)).token
  imagesOnly = (await make('images', ['read:image'])).token
  const old = await make('old', SCOPES)
  expired = old.token
  await db.query(`UPDATE auth.token SET expires_at = now() - interval '1 s' WHERE token_key = $1`, [
    old.description.key,
  ])
  const gone = await make('gone', SCOPES)
  revoked = gone.token
  await revokeToken(db, 'tycho', gone.description.key, { name: 'test' })
})
after(() => service.close())

const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})
const QUERY = '/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+1+table_name+FROM+tap_schema.tables'
const get = (path: string, headers: Record<string, string>) => fetch(service.url + path, { headers })

it('takes a token as Bearer, as Basic password and as Basic user', async () => {
  for (const [door, headers] of [
    ['bearer', bearer(token)],
    ['bearer', { authorization: `bearer   ${token}` }],
    ['basic', basic('x-oauth-basic', token)],
    ['basic', basic(token, 'x-oauth-basic')],
    ['basic', basic(token, '')],
    ['basic', basic(token, token)],
    ['basic', basic('alice', token)],
  ] as const) {
    const answer = await get('/auth/whoami', headers)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('x-vo-authenticated'), 'tycho')
    const { user, groups, door: seen, scopes } = (await answer.json()) as Record<string, unknown>
    assert.deepEqual([user, groups, seen, scopes], ['tycho', ['observers'], door, [...SCOPES]])
    const query = await get(QUERY, headers)
    assert.equal(query.status, 200)
    assert.equal(query.headers.get('cache-control'), 'private')
  }
})

it('leaves anonymous requests alone, and says on capabilities that one can log in', async () => {
  const query = await get(QUERY, {})
  assert.equal(query.status, 200)
  for (const name of ['x-vo-authenticated', 'www-authenticate', 'cache-control']) {
    assert.equal(query.headers.get(name), null, name)
  }
  for (const method of ['GET', 'HEAD']) {
    for (const base of ['tap', 'sia1', 'sia2', 'cutout', 'datalink', 'scs/sample.stars']) {
      const answer = await fetch(`${service.url}/${base}/capabilities`, { method })
      assert.equal(answer.status, 200)
      const challenge = answer.headers.get('www-authenticate') ?? ''
      assert.match(challenge, /^Basic realm="127\.0\.0\.1:\d+"/, base)
      assert.match(challenge, /Bearer realm=/)
      assert.match(
        challenge,
        /ivoa_cookie standard_id="ivo:\/\/ivoa.net\/sso#tls-with-password", access_url="http/,
      )
    }
  }
})

describe('refuses', () => {
  const refused = async (
    headers: Record<string, string>,
    status: number,
    challenge: RegExp,
    path = QUERY,
  ) => {
    const answer = await get(path, headers)
    const text = await answer.text()
    assert.equal(answer.status, status, text)
    assert.match(answer.headers.get('www-authenticate') ?? '', challenge)
    assert.match(answer.headers.get('cache-control') ?? '', /no-store/)
    assert.equal(answer.headers.get('x-vo-authenticated'), null)
    return { text, type: answer.headers.get('content-type') ?? '' }
  }

  it('tokens that are unknown, expired, revoked, cut off, too long or of somebody else by 401', async () => {
    const wrong = `${token.slice(0, -22)}${'A'.repeat(22)}`
    for (const one of [
      wrong,
      expired,
      revoked,
      token.slice(0, -1),
      `${token}A`,
      'x',
      'A'.repeat(12_000),
      'gt-a.b',
    ]) {
      for (const headers of [bearer(one), basic('x-oauth-basic', one), basic(one, '')]) {
        const { text, type } = await refused(headers, 401, /Bearer realm="[^"]+", error="invalid_token"/)
        assert.match(type, /votable/)
        assert.match(text, /QUERY_STATUS" value="ERROR"/)
        assert.ok(!text.includes(one) || one === 'x', 'the answer repeats the token')
      }
    }
  })

  it('headers that are malformed, of another scheme, or with two tokens by 400', async () => {
    for (const authorization of [
      'Bearer',
      'Bearer a b',
      'Basic ???',
      `Basic ${Buffer.from('nocolon').toString('base64')}`,
      'Negotiate abc',
      'Digest username="a"',
      '=',
      token,
      basic(token, other).authorization,
    ]) {
      await refused({ authorization }, 400, /error="invalid_request"/)
    }
  })

  it('tokens without the scope by 403, and says which', async () => {
    const { text } = await refused(bearer(imagesOnly), 403, /error="insufficient_scope".*scope="read:tap"/)
    assert.match(text, /lacks the scope read:tap; it has read:image/)
    const soda = await refused(bearer(expired), 401, /invalid_token/, '/cutout/sync?ID=x')
    assert.match(soda.text, /^AuthenticationError: /)
    assert.equal((await get('/cutout/sync?ID=x', bearer(imagesOnly))).status, 404)
    assert.equal((await get('/auth/tokens', bearer(token))).status, 403)
  })

  it('scripts by 403 in place of 401, so that browsers ask for no password', async () => {
    await refused({ ...bearer(expired), 'x-requested-with': 'XMLHttpRequest' }, 403, /invalid_token/)
  })
})

it('answers capabilities and availability whatever is wrong with the credentials', async () => {
  for (const headers of [bearer(expired), basic('a', 'b'), { authorization: '=' }]) {
    for (const path of ['/tap/capabilities', '/tap/availability', '/healthz', '/']) {
      const answer = await get(path, headers)
      assert.equal(answer.status, 200, path)
      assert.equal(answer.headers.get('x-vo-authenticated'), null)
    }
  }
})

it('asks for nothing at a site without the key auth, where tokens count all the same', async () => {
  const plain = await startTestService({ database, runner: false })
  try {
    const capabilities = await fetch(`${plain.url}/tap/capabilities`)
    assert.equal(capabilities.headers.get('www-authenticate'), null)
    assert.doesNotMatch(await capabilities.text(), /securityMethod/)
    for (const headers of [
      basic('somebody', 'of another service'),
      { authorization: 'Negotiate x' },
      { authorization: '=' },
    ]) {
      const answer = await fetch(plain.url + QUERY, { headers })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers.get('x-vo-authenticated'), null)
    }
    for (const headers of [bearer(token), basic('x-oauth-basic', token)]) {
      const answer = await fetch(plain.url + QUERY, { headers })
      assert.equal(answer.headers.get('x-vo-authenticated'), 'tycho')
    }
    assert.equal((await fetch(plain.url + QUERY, { headers: bearer(expired) })).status, 401)
    assert.equal((await fetch(`${plain.url}/auth/login`)).status, 404)
    assert.equal((await fetch(`${plain.url}/auth/connect`)).status, 200)
  } finally {
    await plain.close()
  }
})

it('asks browsers by no prompt for a password', async () => {
  // fetch says of itself that it is no navigation.
  const headers = { ...bearer(expired), 'sec-fetch-mode': 'navigate' }
  const [answer] = (await once(httpGet(service.url + QUERY, { headers }), 'response')) as [IncomingMessage]
  answer.resume()
  assert.equal(answer.statusCode, 401)
  assert.doesNotMatch(answer.headers['www-authenticate']!, /Basic/)
  const script = await get('/auth/tokens', { 'x-requested-with': 'XMLHttpRequest' })
  assert.equal(script.status, 403)
})

it('forgets a token within a second of its revocation, in every process', async () => {
  const { token: brief, description } = await createToken(
    service.db,
    'tycho',
    { name: 'brief', scopes: ['read:tap'], expires: null },
    { name: 'test' },
  )
  const second = await startTestService({ database, runner: false, config: { auth: {} } })
  try {
    const both = () =>
      Promise.all(
        [service, second].map(
          async ({ url }) => (await fetch(url + QUERY, { headers: bearer(brief) })).status,
        ),
      )
    assert.deepEqual(await both(), [200, 200])
    await service.db.query(`UPDATE auth.user SET groups = '{observers,curators}' WHERE name = 'tycho'`)
    await revokeToken(service.db, 'tycho', description.key, { name: 'test' })
    await new Promise(resolve => setTimeout(resolve, 1000))
    assert.deepEqual(await both(), [401, 401])
    const { groups } = (await (await get('/auth/whoami', bearer(token))).json()) as { groups: string[] }
    assert.deepEqual(groups, ['observers', 'curators'])
  } finally {
    await second.close()
  }
})

it('pyvo with a requests session: queries, jobs, uploads, tables', {
  skip: withoutPython('pyvo'),
}, async () => {
  const output = await pythonClient(
    `
import sys, pyvo, requests
from astropy.table import Table
url, token = sys.argv[1:]
session = requests.Session()
session.headers['Authorization'] = 'Bearer ' + token
tap = pyvo.dal.TAPService(url + '/tap', session=session)
print(len(tap.search('SELECT TOP 3 * FROM sample.stars')))
job = tap.submit_job('SELECT TOP 2 * FROM sample.stars')
job.run(); job.wait(timeout=60)
print(job.phase, len(job.fetch_result()), job.owner)
job.delete()
up = Table({'n': [1, 2, 3, 4]})
print(len(tap.search('SELECT * FROM TAP_UPLOAD.up', uploads={'up': up})))
print('sample.stars' in tap.tables.keys())
`,
    service.url,
    token,
  )
  assert.deepEqual(output.trim().split('\n'), ['3', 'COMPLETED 2 tycho', '4', 'True'])
})

it('pyvo by the security methods of capabilities', { skip: withoutPython('pyvo') }, async () => {
  const output = await pythonClient(
    `
import sys, pyvo
from pyvo.auth import AuthSession
url, token = sys.argv[1:]
session = AuthSession()
session.credentials.set_password('x-oauth-basic', token)
tap = pyvo.dal.TAPService(url + '/tap', session=session)
session.update_from_capabilities(tap.capabilities)
job = tap.submit_job('SELECT TOP 2 * FROM sample.stars')
job.run(); job.wait(timeout=60)
print(job.owner, len(job.fetch_result()))
job.delete()
`,
    service.url,
    token,
  )
  assert.equal(output.trim(), 'tycho 2')
})

describe('a table that is not for everybody', () => {
  /** stilts 3.4.7 takes them by these names, later ones by auth.username and auth.password. */
  const withPassword = (user: string, password: string, ...args: string[]) =>
    stilts(`-Dstar.basicauth.user=${user}`, `-Dstar.basicauth.password=${password}`, ...args)
  const rule = { kind: 'table', name: 'sample.stars', opensAt: undefined, announced: true } as const
  const query = 'SELECT TOP 2 ID FROM sample.stars'
  before(async () => {
    await setRule(service.db, { ...rule, groups: ['observers'] }, { name: 'test' })
    await closes(`${service.url}/tap/sync?LANG=ADQL&QUERY=${encodeURIComponent(query)}`)
  })
  after(() => removeRule(service.db, 'table', 'sample.stars', { name: 'test' }))

  it('asks for a password by 401, and opens to stilts, by sync and async', {
    skip: withoutStilts(),
  }, async () => {
    for (const [user, password] of [
      ['x-oauth-basic', token],
      [token, 'x'],
    ] as const) {
      for (const sync of ['true', 'false']) {
        const output = await withPassword(
          user,
          password,
          ...['tapquery', `tapurl=${service.url}/tap`],
          ...[`sync=${sync}`, `adql=${query}`, 'ofmt=csv'],
        )
        assert.equal(output.trim().split('\n').length, 3, output)
      }
    }
    await assert.rejects(
      withPassword('x', expired, 'tapquery', `tapurl=${service.url}/tap`, 'sync=true', `adql=${query}`),
      /401/,
    )
  })

  it('opens to curl that waits for the challenge', async () => {
    const { stdout } = await promisify(execFile)('curl', [
      ...['-sS', '--anyauth', '-u', `x-oauth-basic:${token}`, `${service.url}/tap/sync`],
      ...['-d', 'LANG=ADQL', '-d', 'FORMAT=csv', '-d', `QUERY=${query}`],
    ])
    assert.equal(stdout.trim().split(/\r?\n/).length, 3, stdout)
  })
})

it('curl in the three spellings, also where an answer sends it elsewhere', async () => {
  const curl = promisify(execFile)
  for (const spelling of [
    ['-H', `Authorization: Bearer ${token}`],
    ['-u', `x-oauth-basic:${token}`],
    ['-u', `${token}:x-oauth-basic`],
  ]) {
    const { stdout } = await curl('curl', [
      ...['-sS', '-L', ...spelling, `${service.url}/tap/async`],
      ...['-d', 'LANG=ADQL', '-d', 'PHASE=RUN', '-d', 'QUERY=SELECT TOP 1 * FROM sample.stars'],
    ])
    assert.match(stdout, /<uws:ownerId>tycho</)
  }
})

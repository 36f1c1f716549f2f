/** ID tokens that must not be believed, sent by a provider that is not what it seems. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, it } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { testBrowser } from '../support/browser.ts'
import { testDatabase } from '../support/database.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const SECRET = 'the secret of the client, long enough for HS256'
let server: Server
let issuer: string
let service: TestService
let key: CryptoKey
let otherKey: CryptoKey
/** What the token endpoint sends for the nonce of the login. */
let idToken: (claims: JWTPayload) => Promise<string>
let userinfo: Record<string, unknown>
let discovery: Record<string, unknown> = {}
let nonce: string
/** What the token endpoint was last sent. */
let exchange: { authorization: string | undefined; form: URLSearchParams }

const sign = (claims: JWTPayload, by = key, alg = 'ES256') =>
  new SignJWT(claims).setProtectedHeader({ alg, kid: 'k' }).sign(by)

before(async () => {
  const pair = await generateKeyPair('ES256')
  key = pair.privateKey
  otherKey = (await generateKeyPair('ES256')).privateKey
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  server = createServer(async (request, response) => {
    const now = Math.floor(Date.now() / 1000)
    const good = {
      iss: issuer,
      sub: '42',
      aud: 'almagest',
      nonce,
      iat: now,
      exp: now + 300,
      preferred_username: 'eve',
    }
    const answers: Record<string, () => unknown> = {
      '/.well-known/openid-configuration': () => ({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/keys`,
        ...discovery,
      }),
      '/keys': () => ({ keys: [jwk] }),
      '/token': async () => ({ access_token: 'opaque', token_type: 'Bearer', id_token: await idToken(good) }),
      '/userinfo': () => userinfo,
    }
    if (request.url === '/token') {
      let body = ''
      for await (const chunk of request) body += chunk
      exchange = { authorization: request.headers.authorization, form: new URLSearchParams(body) }
    }
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(await answers[request.url!]?.()))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  service = await startTestService({ database, runner: false, config: { auth: auth() } })
})
after(async () => {
  await service.close()
  server.closeAllConnections()
  server.close()
})

const auth = () => ({
  providers: [{ name: 'odd', title: 'Odd', issuer, clientId: 'almagest', clientSecret: SECRET }],
})

async function login(url = service.url) {
  const browser = testBrowser()
  const begun = await browser.once(`${url}/auth/login`)
  const asked = new URL(begun.headers.get('location')!).searchParams
  nonce = asked.get('nonce')!
  const page = await browser.get(`${url}/auth/callback?code=x&state=${asked.get('state')}`)
  const { user } = (await (await browser.once(`${url}/auth/whoami`)).json()) as { user: string | null }
  return { status: page.status, text: page.text, user }
}

it('believes a good one', async () => {
  userinfo = { sub: '42' }
  idToken = sign
  assert.equal((await login()).user, 'eve')
})

it('bears a clock that is half a minute off, in both directions', async () => {
  for (const off of [-30, 30]) {
    idToken = claims => sign({ ...claims, iat: claims.iat! + off, exp: claims.iat! + off })
    assert.equal((await login()).user, 'eve', `${off} s`)
  }
})

const CASES: readonly [string, RegExp, (claims: JWTPayload) => Promise<string>][] = [
  ['expired', /has expired/, claims => sign({ ...claims, iat: claims.iat! - 900, exp: claims.iat! - 600 })],
  [
    'of the future',
    /of the future/,
    claims => sign({ ...claims, iat: claims.iat! + 600, exp: claims.exp! + 600 }),
  ],
  ['not valid yet', /claim nbf/, claims => sign({ ...claims, nbf: claims.iat! + 600 })],
  ['signed by somebody else', /signature .* not right/, claims => sign(claims, otherKey)],
  [
    'signed by nobody',
    /not signed as it should be|no token|signature/,
    async claims => new UnsecuredJWT(claims).encode(),
  ],
  [
    'signed with the secret of the client',
    /not signed as it should be/,
    claims => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET)),
  ],
  ['changed after it was signed', /signature/, async claims => changed(await sign(claims))],
  ['for another client', /claim aud/, claims => sign({ ...claims, aud: 'somebody-else' })],
  [
    'for two, issued to the other',
    /another client/,
    claims => sign({ ...claims, aud: ['almagest', 'b'], azp: 'b' }),
  ],
  ['for two, issued to nobody', /another client/, claims => sign({ ...claims, aud: ['almagest', 'b'] })],
  ['of another issuer', /claim iss/, claims => sign({ ...claims, iss: 'https://evil.example' })],
  ['of another login', /nonce is wrong/, claims => sign({ ...claims, nonce: 'replayed' })],
  ['without a nonce', /claim nonce/, ({ nonce: _, ...claims }) => sign(claims)],
  ['without an end', /claim exp/, ({ exp: _, ...claims }) => sign(claims)],
  ['without a subject', /claim sub/, ({ sub: _, ...claims }) => sign(claims)],
  [
    'with another access token',
    /access token is not the one/,
    claims => sign({ ...claims, at_hash: 'AAAA' }),
  ],
  ['that is none', /no token/, async () => 'x.y.z'],
  ['whose person has no name', /gives no name/, ({ preferred_username: _, ...claims }) => sign(claims)],
  [
    'whose person has a name like a header',
    /cannot be the name/,
    claims => sign({ ...claims, preferred_username: 'a\r\nb' }),
  ],
]

for (const [what, why, make] of CASES) {
  it(`does not believe one ${what}`, async () => {
    userinfo = { sub: '42' }
    idToken = make
    const { status, text, user } = await login()
    assert.equal(status, 403, text)
    assert.match(text, why)
    assert.equal(user, null)
  })
}

it('does not believe userinfo of another person', async () => {
  idToken = sign
  userinfo = { sub: '43', groups: ['curators'] }
  const { status, text } = await login()
  assert.equal(status, 403)
  assert.match(text, /userinfo is of another person/)
})

it('trusts the ID token over userinfo, and takes groups from either', async () => {
  idToken = claims => sign({ ...claims, email: 'signed@example.org' })
  userinfo = { sub: '42', groups: 'observers, curators', email: 'other@example.org' }
  await login()
  const [row] = await service.db.query(`SELECT email, groups FROM auth.user WHERE name = 'eve'`)
  assert.deepEqual(row, { email: 'signed@example.org', groups: ['curators', 'observers'] })
})

it('does not log in by a provider that gives itself another name, or sends by http', async () => {
  for (const wrong of [
    { issuer: 'https://evil.example' },
    { token_endpoint: 'ftp://x' },
    { jwks_uri: undefined },
  ]) {
    discovery = wrong
    const fresh = await startTestService({ database, runner: false, config: { auth: auth() } })
    try {
      const page = await testBrowser().get(`${fresh.url}/auth/login`)
      assert.equal(page.status, 503)
      assert.match(page.text, /Login by Odd does not work now/)
    } finally {
      await fresh.close()
      discovery = {}
    }
  }
})

it('shows its secret as the provider wants it, and the verifier of PKCE', async () => {
  idToken = sign
  userinfo = { sub: '42' }
  await login()
  const encoded = encodeURIComponent(SECRET)
  assert.equal(exchange.authorization, `Basic ${Buffer.from(`almagest:${encoded}`).toString('base64')}`)
  assert.equal(exchange.form.get('client_secret'), null)
  assert.match(exchange.form.get('code_verifier')!, /^[\w-]{43}$/)
  discovery = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
  const fresh = await startTestService({ database, runner: false, config: { auth: auth() } })
  try {
    assert.equal((await login(fresh.url)).user, 'eve')
    assert.equal(exchange.authorization, undefined)
    assert.equal(exchange.form.get('client_secret'), SECRET)
  } finally {
    await fresh.close()
    discovery = {}
  }
})

it('keeps apart two people of the same name', async () => {
  idToken = claims => sign({ ...claims, sub: '77' })
  userinfo = { sub: '77' }
  assert.equal((await login()).user, 'eve@odd')
})

function changed(token: string): string {
  const [header, body, signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(body!, 'base64url').toString())
  return `${header}.${Buffer.from(JSON.stringify({ ...claims, sub: '1' })).toString('base64url')}.${signature}`
}

/** Nothing that opens a door is in a copy of the database, or in the log. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { siteSecret } from '../../src/auth/secret.ts'
import { logIn, testBrowser } from '../support/browser.ts'
import { testDatabase } from '../support/database.ts'
import { startProvider, type TestProvider } from '../support/provider.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
let provider: TestProvider
let service: TestService
const dir = mkdtempSync(join(tmpdir(), 'almagest-secrets-'))
const lines: string[] = []

before(async () => {
  provider = await startProvider()
  const auth = { providers: [provider.settings] }
  service = await startTestService({
    database,
    fill: fillSample,
    config: { auth, dir },
    log: line => lines.push(line),
  })
  provider.register(service.url)
})
after(async () => {
  await service.close()
  await provider.close()
  rmSync(dir, { recursive: true, force: true })
})

it('has no token, cookie, ID token, verifier, key of links or client secret in a dump or in the log', async () => {
  const browser = testBrowser()
  const cookie = () => browser.cookies.get(service.url)!.get('almagest_login')!
  // A login that is under way, in another browser: state, nonce and verifier are in its session.
  const waiting = testBrowser()
  const begun = await waiting.once(`${service.url}/auth/login`)
  const asked = new URL(begun.headers.get('location')!).searchParams
  await logIn(browser, `${service.url}/auth/login`, 'alice')
  const page = await browser.get(`${service.url}/auth/tokens`)
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)![1]!
  const made = await browser.post(`${service.url}/auth/tokens`, { csrf, name: 'dump', scopes: 'read:tap' })
  const token = /alm-[\w-]{22}\.[\w-]{22}/.exec(made.text)![0]
  const authorization = `Bearer ${token}`
  const forCookie = await testBrowser().once(`${service.url}/auth/cookie`, {
    method: 'POST',
    body: new URLSearchParams({ username: 'x', password: token }),
  })
  const tokenCookie = /almagest_login=([^;]+)/.exec(forCookie.headers.getSetCookie()[0]!)![1]!
  const job = await fetch(`${service.url}/tap/async`, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ LANG: 'ADQL', PHASE: 'RUN', QUERY: 'SELECT TOP 1 ID FROM sample.stars' }),
  })
  const id = job.url.slice(job.url.lastIndexOf('/') + 1)
  await fetch(`${job.url}?WAIT=10`, { headers: { authorization } })
  const link = await fetch(`${service.url}/jobs/${id}/results/result/link`, {
    method: 'POST',
    headers: { authorization },
  })
  // (read:tap alone may not: only its link is looked for below)
  assert.equal(link.status, 403)
  const anonymous = await fetch(`${service.url}/tap/async`, {
    method: 'POST',
    body: new URLSearchParams({ LANG: 'ADQL', QUERY: 'SELECT TOP 1 ID FROM sample.stars' }),
    redirect: 'manual',
  })
  const anonymousCookie = /almagest_session=([^;]+)/.exec(anonymous.headers.getSetCookie()[0]!)![1]!

  const secrets: Record<string, string> = {
    'the secret of the token': token.slice(token.indexOf('.') + 1),
    'the session of the login': decodeURIComponent(cookie()).slice(2, 45),
    'the session of the token': decodeURIComponent(tokenCookie).slice(2, 45),
    'the state of a login': asked.get('state')!,
    'the nonce of a login': asked.get('nonce')!,
    'the cookie of an anonymous browser': anonymousCookie,
    'the secret of the site': siteSecret({ secret: undefined, dir }),
    'the secret of the client': String(provider.settings.clientSecret),
    'an ID token': 'eyJhbGciOi',
  }
  const dump = await pgDump()
  assert.match(dump, /COPY auth\.token /)
  assert.ok(dump.includes(token.slice(4, 26)), 'the public key of the token is there')
  const log = lines.join('\n')
  assert.ok(log.includes(`"token":"${token.slice(4, 26)}"`), 'the log names the public key')
  assert.match(log, /"user":"alice"/)
  for (const [what, secret] of Object.entries(secrets)) {
    assert.ok(secret.length >= 3 && !dump.includes(secret), `the dump has ${what}`)
    assert.ok(!log.includes(secret), `the log has ${what}`)
    // Nor as PostgreSQL writes bytes.
    assert.ok(!dump.includes(Buffer.from(secret).toString('hex')), `the dump has ${what} in hexadecimal`)
  }
})

it('keeps the secret of the site to the user who runs it', () => {
  assert.equal(statSync(join(dir, 'secret')).mode & 0o777, 0o600)
  assert.match(siteSecret({ secret: undefined, dir }), /^[\w-]{43}$/)
  assert.equal(siteSecret({ secret: undefined, dir }), siteSecret({ secret: undefined, dir }))
  assert.equal(siteSecret({ secret: 'of the site', dir }), 'of the site')
})

function pgDump(): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('pg_dump', ['--dbname', database], { stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    child.stderr.on('data', chunk => {
      errors += chunk
    })
    child.once('error', reject)
    child.once('close', status => (status === 0 ? resolve(text) : reject(new Error(errors))))
  })
}

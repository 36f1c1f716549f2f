/** Tokens go by TLS, or stay on the machine. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, before, describe, it } from 'node:test'
import express from 'express'
import { createToken } from '../../src/auth/tokens.ts'
import { isPrivate } from '../../src/auth/transport.ts'
import { setAccount } from '../../src/auth/users.ts'
import { testDatabase } from '../support/database.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()

describe('a connection is private', () => {
  const cases: readonly [
    string,
    boolean,
    { trusted?: string; publicUrl?: string; headers?: Record<string, string> },
  ][] = [
    ['from this machine', true, {}],
    ['from this machine, at a site that is seen by https', true, { publicUrl: 'https://sky.example' }],
    ['not when somebody passed it on', false, { headers: { 'x-forwarded-for': '192.0.2.7' } }],
    [
      'not when somebody passed it on, in the standard header',
      false,
      { headers: { forwarded: 'for=192.0.2.7;proto=https' } },
    ],
    [
      'not when a stranger says that it was https',
      false,
      { headers: { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' } },
    ],
    [
      'when a trusted proxy says that it was https',
      true,
      { trusted: 'loopback', headers: { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' } },
    ],
    [
      'not when a trusted proxy says that it was http, whatever PUBLIC_URL says',
      false,
      {
        trusted: 'loopback',
        publicUrl: 'https://sky.example',
        headers: { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'http' },
      },
    ],
    [
      'when PUBLIC_URL says so of a proxy that says nothing',
      true,
      { publicUrl: 'https://sky.example', headers: { 'x-forwarded-for': '192.0.2.7' } },
    ],
    [
      'not by a PUBLIC_URL with http',
      false,
      { publicUrl: 'http://sky.example', headers: { 'x-forwarded-for': '192.0.2.7' } },
    ],
  ]
  for (const [what, expected, { trusted, publicUrl, headers = {} }] of cases) {
    it(what, async () => assert.equal(await asked('127.0.0.1', trusted, publicUrl, headers), expected))
  }

  const outside = Object.values(networkInterfaces())
    .flat()
    .find(one => one && !one.internal && one.family === 'IPv4')
  it('not from elsewhere', { skip: outside ? false : 'this machine has no other address' }, async () => {
    assert.equal(await asked(outside!.address, undefined, undefined, {}), false)
    assert.equal(await asked(outside!.address, undefined, 'https://sky.example', {}), true)
  })
})

async function asked(
  host: string,
  trusted: string | undefined,
  publicUrl: string | undefined,
  headers: Record<string, string>,
): Promise<boolean> {
  const app = express()
  app.set('trust proxy', trusted ?? false)
  app.get('/', (request, response) => {
    response.json(isPrivate(request, publicUrl))
  })
  const server = app.listen(0, host)
  await new Promise(resolve => server.once('listening', resolve))
  try {
    const answer = await fetch(`http://${host}:${(server.address() as AddressInfo).port}/`, { headers })
    return (await answer.json()) as boolean
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('behind a proxy', () => {
  let service: TestService
  let token: string
  const config = { auth: {}, trustedProxies: ['loopback'], publicUrl: 'https://sky.example/survey' }
  before(async () => {
    service = await startTestService({ database, runner: false, config })
    await setAccount(service.db, 'tycho', [])
    const wish = { name: 'a', scopes: ['read:tap'], expires: null } as const
    token = (await createToken(service.db, 'tycho', wish, { name: 'test' })).token
  })
  after(() => service.close())

  const by = (proto: string, headers: Record<string, string> = {}) => ({
    'x-forwarded-proto': proto,
    'x-forwarded-for': '192.0.2.7',
    ...headers,
  })

  it('refuses a token that came by http before it looks at it, on every path', async () => {
    for (const text of [token, 'alm-unknown']) {
      for (const authorization of [`Bearer ${text}`, `Basic ${btoa(`x:${text}`)}`]) {
        for (const path of ['/tap/tables', '/tap/capabilities', '/auth/whoami']) {
          const answer = await fetch(service.url + path, { headers: by('http', { authorization }) })
          assert.equal(answer.status, 403, path)
          assert.match(
            await answer.text(),
            /came over plain http, where others can read it.*revoke the token/s,
          )
          assert.match(answer.headers.get('cache-control')!, /no-store/)
        }
      }
    }
    const [row] = await service.db.query<{ used_at: Date | null }>('SELECT used_at FROM auth.token')
    assert.equal(row!.used_at, null)
    const form = { method: 'POST', body: new URLSearchParams({ username: 'x', password: token }) }
    assert.equal((await fetch(`${service.url}/auth/cookie`, { ...form, headers: by('http') })).status, 403)
  })

  it('takes it by https, and notes where from', async () => {
    const answer = await fetch(`${service.url}/auth/whoami`, {
      headers: by('https', { authorization: `Bearer ${token}` }),
    })
    const { user, address, connection } = (await answer.json()) as Record<string, string>
    assert.deepEqual([user, address, connection], ['tycho', '192.0.2.7', 'private'])
  })

  it('makes cookies Secure, and names itself as clients see it', async () => {
    const answer = await fetch(`${service.url}/auth/cookie`, {
      method: 'POST',
      body: new URLSearchParams({ username: 'x', password: token }),
      headers: by('https'),
    })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.getSetCookie()[0]!, /; HttpOnly; Secure; SameSite=Lax$/)
    const { headers } = await fetch(`${service.url}/tap/capabilities`)
    assert.match(
      headers.get('www-authenticate')!,
      /Basic realm="sky\.example".*access_url="https:\/\/sky\.example\/survey\/auth\/cookie"/,
    )
  })
})

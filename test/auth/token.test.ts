import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { it } from 'node:test'
import { challenges } from '../../src/auth/challenges.ts'
import { credentialsOf, namesToken } from '../../src/auth/credentials.ts'
import { hashSecret, isSecret, newToken, parseToken, tokenText } from '../../src/auth/token.ts'

const headers = (given: Record<string, string>) => ({ headers: given }) as unknown as IncomingMessage

it('tokens are 128 random bits beside a public key of as many, and read back', () => {
  const made = Array.from({ length: 1000 }, newToken)
  assert.equal(new Set(made.flatMap(({ key, secret }) => [key, secret])).size, 2000)
  for (const token of made.slice(0, 50)) {
    assert.match(tokenText(token), /^alm-[\w-]{22}\.[\w-]{22}$/)
    assert.deepEqual(parseToken(tokenText(token)), token)
    assert.equal(parseToken(`${tokenText(token)} `), undefined)
    assert.equal(parseToken(tokenText(token).slice(1)), undefined)
    assert.equal(parseToken(`${tokenText(token)}\n`), undefined)
  }
})

it('a secret is compared by its hash, whatever its length', () => {
  const hash = hashSecret('right')
  assert.ok(isSecret('right', hash))
  for (const wrong of ['', 'righ', 'wrong', 'right ', 'x'.repeat(100_000)])
    assert.ok(!isSecret(wrong, hash), wrong.slice(0, 9))
  assert.ok(!isSecret('right', new Uint8Array(0)))
})

it('Basic is read as RFC 7617 has it: colons and other letters in a password, padding or none', () => {
  const token = newToken()
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const seen = (authorization: string) => credentialsOf(headers({ authorization })).kind
  assert.equal(seen(basic(`x:${tokenText(token)}`)), 'token')
  assert.equal(seen(basic(`x:${tokenText(token)}`).replace(/=+$/, '')), 'token')
  assert.equal(seen(basic(`${tokenText(token)}:`)), 'token')
  assert.equal(seen(basic('a:b:c')), 'unknown')
  assert.equal(seen(basic('tÿcho:påss')), 'unknown')
  assert.equal(seen(basic(':')), 'unknown')
  assert.equal(seen('Basic Zm9v YmFy'), 'malformed')
  assert.equal(seen('Basic'), 'malformed')
  assert.equal(seen(''), 'malformed')
})

it('the header counts before the cookie, and of cookies only ours', () => {
  const id = 'A'.repeat(43)
  const cookie = `other=1; almagest_login=s%3A${id}.sig%2F; almagest_login=s%3A${'B'.repeat(43)}.x`
  assert.deepEqual(credentialsOf(headers({ cookie })), { kind: 'session', id })
  assert.equal(credentialsOf(headers({ cookie, authorization: 'Bearer x' })).kind, 'unknown')
  for (const strange of [
    'almagest_login=',
    'almagest_login=s%3Ashort.x',
    `xalmagest_login=s%3A${id}.x`,
    `almagest_login=${id}`,
  ]) {
    assert.equal(credentialsOf(headers({ cookie: strange })).kind, 'none', strange)
  }
})

it('a site without logins looks at headers that name a token of ours', () => {
  assert.ok(namesToken(headers({ authorization: 'Bearer alm-x' })))
  assert.ok(namesToken(headers({ authorization: `Basic ${btoa('x-oauth-basic:alm-x')}` })))
  for (const authorization of ['Bearer gt-x', `Basic ${btoa('a:b')}`, 'alm-x', 'Negotiate x']) {
    assert.ok(!namesToken(headers({ authorization })), authorization)
  }
  assert.ok(!namesToken(headers({})))
})

it('challenges quote what they repeat', () => {
  const refusal = { error: 'invalid_request', description: 'a "quoted" é \r\n word' } as const
  const lines = challenges('https://sky.example:8443/survey', { basic: true, cookie: true }, refusal)
  assert.deepEqual(lines, [
    'Basic realm="sky.example:8443", charset="UTF-8"',
    'Bearer realm="sky.example:8443", error="invalid_request", error_description="a \\"quoted\\" ? ?? word"',
    'ivoa_cookie standard_id="ivo://ivoa.net/sso#tls-with-password", access_url="https://sky.example:8443/survey/auth/cookie"',
  ])
  assert.equal(challenges('http://[::1]:80', { basic: false, cookie: false })[0], 'Bearer realm="[::1]:80"')
})

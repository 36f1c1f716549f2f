import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { parse } from 'yaml'
import { personOf } from '../../src/auth/person.ts'
import { authSettings } from '../../src/auth/settings.ts'
import { ConfigError, loadConfig } from '../../src/config.ts'

const PROVIDER = { name: 'op', issuer: 'https://op.example', clientId: 'a', clientSecret: 'b' }

it('has defaults, and takes the secret from a file', () => {
  assert.equal(authSettings(undefined), undefined)
  assert.deepEqual(authSettings(parse('auth:').auth), {
    ...{ providers: [], sessionHours: 12, tokenDays: 365, clockSkewSeconds: 60, admins: [] },
  })
  const dir = mkdtempSync(join(tmpdir(), 'almagest-settings-'))
  try {
    writeFileSync(join(dir, 'secret'), 'from a file\n')
    const { clientSecret: _, ...rest } = PROVIDER
    const settings = authSettings({ providers: [{ ...rest, clientSecretFile: join(dir, 'secret') }] })!
    assert.equal(settings.providers[0]!.clientSecret, 'from a file')
    assert.equal(settings.providers[0]!.groupsClaim, 'groups')
    assert.throws(
      () => authSettings({ providers: [{ ...rest, clientSecretFile: join(dir, 'none') }] }),
      /ENOENT/,
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
})

it('names the key that is wrong', () => {
  const provider = (changes: object) => ({ providers: [{ ...PROVIDER, ...changes }] })
  for (const [given, message] of [
    ['yes', /^auth: must be a mapping/],
    [{ provider: [] }, /^auth\.provider: unknown; known are/],
    [{ providers: {} }, /^auth\.providers: must be a list/],
    [{ sessionHours: 0 }, /^auth\.sessionHours: must be a positive integer/],
    [{ admins: 'a' }, /^auth\.admins: must be a list of texts/],
    [provider({ name: 'A B' }), /^auth\.providers\[0\]\.name: must be of lower case/],
    [provider({ issuer: 'http://op.example' }), /^auth\.providers\[0\]\.issuer: must be an https URL/],
    [provider({ issuer: 'op.example' }), /issuer: must be an https URL/],
    [provider({ issuer: undefined }), /issuer: must be a text/],
    [provider({ clientSecret: undefined }), /\[0\]: needs either clientSecret or clientSecretFile/],
    [provider({ clientSecretFile: '/x' }), /\[0\]: needs either clientSecret or clientSecretFile/],
    [provider({ groups: ['a'] }), /groups: must be a mapping/],
    [provider({ groups: { a: 1 } }), /groups\['a'\]: must be a text/],
    [provider({ scope: [] }), /\.scope: unknown/],
    [{ providers: [PROVIDER, PROVIDER] }, /two of them are named op/],
  ] as const) {
    assert.throws(
      () => authSettings(given),
      error => error instanceof ConfigError && message.test(error.message),
      JSON.stringify(given),
    )
  }
  assert.throws(() => loadConfig({ ALMAGEST_SECRET: 'short' }), /ALMAGEST_SECRET: must have 32 characters/)
})

it('takes a provider on this machine by http, with a path and a slash', () => {
  for (const issuer of [
    'http://127.0.0.1:9/realms/x',
    'http://localhost',
    'http://[::1]:8080/',
    'https://a.example/x/',
  ]) {
    assert.equal(authSettings({ providers: [{ ...PROVIDER, issuer }] })!.providers[0]!.issuer, issuer)
  }
})

it('reads groups as providers write them', () => {
  const groups = (claims: object, more: object = {}) => {
    const { providers } = authSettings({ providers: [{ ...PROVIDER, ...more }] })!
    return personOf({ sub: '1', preferred_username: 'tycho', ...claims }, providers[0]!).groups
  }
  assert.deepEqual(groups({}), [])
  assert.deepEqual(groups({ groups: ['b', 'a', 'a', 7, null] }), ['a', 'b'])
  assert.deepEqual(groups({ groups: 'a b,c' }), ['a', 'b', 'c'])
  assert.deepEqual(groups({ groups: [{ name: 'a', id: 1 }] }), ['a'])
  assert.deepEqual(groups({ realm_access: { roles: ['r'] } }, { groupsClaim: 'realm_access.roles' }), ['r'])
  assert.deepEqual(groups({ 'https://x.example/g': ['u'] }, { groupsClaim: 'https://x.example/g' }), ['u'])
  assert.deepEqual(groups({}, { groupsClaim: 'constructor.name' }), [])
  assert.deepEqual(
    groups({ groups: ['/vo/curators', '/other'] }, { groups: { '/vo/curators': 'curators' } }),
    ['curators'],
  )
  assert.throws(() => groups({ groups: 7 }), /claim groups is no list/)
  assert.throws(
    () => groups({ groups: ['b'] }, { admit: ['a'] }),
    /in none of the groups that are let in \(a\)/,
  )
  assert.deepEqual(groups({ groups: ['/g'] }, { groups: { '/g': 'a' }, admit: ['a'] }), ['a'])
})

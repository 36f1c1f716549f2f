import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { after, it } from 'node:test'
import { UsageError } from '../../src/command.ts'
import { loadConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { ServiceError } from '../../src/error.ts'
import { openLog } from '../../src/log.ts'
import { tokenCreateCommand, tokenListCommand, tokenRevokeCommand } from '../../src/token-command.ts'
import { userBlockCommand, userListCommand, userUnblockCommand } from '../../src/user-command.ts'
import { testDatabase } from '../support/database.ts'

const url = await testDatabase()
const log = openLog('silent')
const db = await openDatabase({ url, log })
after(() => db.close())

const VERBS = {
  create: tokenCreateCommand,
  list: tokenListCommand,
  revoke: tokenRevokeCommand,
  users: userListCommand,
  block: userBlockCommand,
  unblock: userUnblockCommand,
}

/** As cli.ts runs a verb, without the second that a process takes. */
async function almagest(verb: keyof typeof VERBS, ...args: readonly string[]) {
  let output = ''
  const stdout = new Writable({
    write(chunk, _coding, done) {
      output += chunk
      done()
    },
  })
  const site = { db, url, embedded: false, migrated: [], close: async () => {} }
  const setting = {
    config: loadConfig({}),
    log,
    stdout,
    stderr: new Writable({ write: (_chunk, _coding, done) => done() }),
    database: async () => site,
  }
  try {
    return { status: await VERBS[verb].run(args, setting), output, errors: '' }
  } catch (error) {
    if (!(error instanceof ServiceError)) assert.ok(error instanceof UsageError || 'code' in (error as Error))
    return { status: error instanceof ServiceError ? 1 : 2, output, errors: (error as Error).message }
  }
}

it('makes, lists and revokes tokens', async () => {
  const unknown = await almagest('create', '--user', 'tycho')
  assert.equal(unknown.status, 2)
  assert.match(unknown.errors, /nobody named tycho has logged in; --groups makes an account/)
  const words = [
    '--groups',
    'observers,curators',
    '--scope',
    'read:tap,read:image',
    '--days',
    '7',
    '--name',
    'robot',
  ]
  const made = await almagest('create', '--user', 'tycho', ...words, '--json')
  assert.equal(made.status, 0, made.errors)
  const { token, key, scopes, expires } = JSON.parse(made.output)
  assert.match(token, new RegExp(`^alm-${key}\\.`))
  assert.deepEqual(scopes, ['read:tap', 'read:image'])
  assert.ok(Math.abs(new Date(expires).getTime() - Date.now() - 7 * 86_400_000) < 600_000)
  const bare = await almagest('create', '--user', 'tycho')
  assert.match(bare.output, /^alm-[\w-]{22}\.[\w-]{22}\n$/)
  const list = await almagest('list')
  assert.match(list.output, new RegExp(`${key}  tycho  robot  read:tap read:image  until .*never used`))
  assert.ok(!list.output.includes(token))
  const revoked = await almagest('revoke', token, '--json')
  assert.deepEqual(
    JSON.parse(revoked.output).map((one: { key: string }) => one.key),
    [key],
  )
  const all = await almagest('revoke', '--user', 'tycho')
  assert.equal(all.output.trim().split('\n').length, 1)
  assert.match((await almagest('list')).output, /robot .*revoked 20/)
})

it('blocks users and lets them in again', async () => {
  await almagest('create', '--user', 'robot', '--groups', 'a')
  assert.match((await almagest('users')).output, /^robot {2}groups a {2}account for a program {2}1 token$/m)
  assert.equal((await almagest('block', 'robot')).output, 'robot: blocked\n')
  assert.match((await almagest('users')).output, /^robot {2}BLOCKED {2}groups a/m)
  assert.equal((await almagest('unblock', 'robot')).status, 0)
  const [user] = JSON.parse((await almagest('users', '--json')).output)
  assert.deepEqual([user.name, user.blocked, user.groups, user.tokens], ['robot', false, ['a'], 1])
  assert.equal((await almagest('block', 'nobody')).status, 1)
  assert.equal((await almagest('block')).status, 2)
  const acts = await db.query<{ action: string }>(`SELECT action FROM auth.audit WHERE object = 'robot'`)
  assert.deepEqual(
    acts.map(({ action }) => action),
    ['user.block', 'user.unblock'],
  )
})

it('says what is wrong', async () => {
  for (const [args, status, why] of [
    [['create'], 2, /say whose token it is/],
    [['create', '--user', 'a b'], 1, /cannot be the name of a user/],
    [['create', '--user', 'x', '--scope', 'all'], 1, /all is no scope/],
    [['create', '--user', 'x', '--days', '-1'], 2, /days/],
    [['revoke'], 2, /name keys of tokens/],
    [['revoke', 'nothing'], 1, /no token nothing/],
    [['create', '--color'], 2, /--color/],
  ] as const) {
    const run = await almagest(args[0], ...args.slice(1))
    assert.equal(run.status, status, run.errors)
    assert.match(run.errors, why)
  }
})

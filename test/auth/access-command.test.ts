import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { after, it } from 'node:test'
import { accessListCommand, accessRemoveCommand, accessSetCommand } from '../../src/access-command.ts'
import { UsageError } from '../../src/command.ts'
import { loadConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { ServiceError } from '../../src/error.ts'
import { limitsListCommand, limitsRemoveCommand, limitsSetCommand } from '../../src/limits-command.ts'
import { openLog } from '../../src/log.ts'
import { testDatabase } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'

const url = await testDatabase()
const log = openLog('silent')
const db = await openDatabase({ url, log })
await fillSample(db)
after(() => db.close())

const VERBS = {
  'access set': accessSetCommand,
  'access list': accessListCommand,
  'access remove': accessRemoveCommand,
  'limits set': limitsSetCommand,
  'limits list': limitsListCommand,
  'limits remove': limitsRemoveCommand,
}

/** As cli.ts runs a verb. */
async function almagest(verb: keyof typeof VERBS, ...args: readonly string[]) {
  const texts = { stdout: '', stderr: '' }
  const into = (name: keyof typeof texts) =>
    new Writable({
      write(chunk, _coding, done) {
        texts[name] += chunk
        done()
      },
    })
  const site = { db, url, embedded: false, migrated: [], close: async () => {} }
  const setting = {
    config: loadConfig({}),
    log,
    stdout: into('stdout'),
    stderr: into('stderr'),
    database: async () => site,
  }
  try {
    return { status: await VERBS[verb].run(args, setting), ...texts, errors: '' }
  } catch (error) {
    const isOurs = error instanceof ServiceError || error instanceof UsageError || 'code' in (error as Error)
    assert.ok(isOurs, String(error))
    return { status: error instanceof ServiceError ? 1 : 2, ...texts, errors: (error as Error).message }
  }
}

it('sets, lists and lifts access rules', async () => {
  const set = await almagest(
    'access set',
    'table',
    'Sample.Stars',
    '--groups',
    'a b,desc',
    '--opens',
    '2099-06-30',
    '--announce',
  )
  assert.equal(set.status, 0, set.errors)
  assert.equal(set.stdout, 'table       sample.stars  a b, desc  opens 2099-06-30T00:00Z  announced\n')
  assert.equal(set.stderr, '')
  const [row] = await db.query<{ public: boolean }>(
    `SELECT has_table_privilege('almagest_public', 'sample.stars', 'SELECT') AS public`,
  )
  assert.equal(row!.public, false)
  const later = await almagest('access set', 'schema', 'dr9', '--groups', 'desc', '--groups', 'authenticated')
  assert.match(later.stderr, /no schema dr9 yet/)
  const json = JSON.parse((await almagest('access list', '--json')).stdout) as {
    kind: string
    groups: string[]
    open: boolean
  }[]
  assert.deepEqual(
    json.map(({ kind, groups, open }) => [kind, groups, open]),
    [
      ['schema', ['desc', 'authenticated'], false],
      ['table', ['a b', 'desc'], false],
    ],
  )
  assert.equal((await almagest('access set', 'table', 'sample.stars', '--groups', 'public')).status, 0)
  assert.match((await almagest('access list')).stdout, /sample\.stars {2}public {2}open\n$/)
  assert.equal((await almagest('access remove', 'table', 'SAMPLE.STARS')).status, 0)
  const gone = await almagest('access remove', 'table', 'sample.stars')
  assert.deepEqual([gone.status, gone.errors], [1, 'There is no access rule for table sample.stars.'])
})

it('says what is wrong with the words of access', async () => {
  for (const [args, words] of [
    [['tables', 'x', '--groups', 'a'], /say what it is about/],
    [['table', '--groups', 'a'], /say what it is about/],
    [['table', 'a.b', 'c', '--groups', 'a'], /say what it is about/],
    [['table', 'a.b'], /--groups A,B/],
    [['table', 'a.b', '--groups', 'x', '--opens', 'tomorrow'], /--opens is a time/],
    [['table', 'a.b', '--groups', 'x', '--opens', '2027-02-30'], /--opens is a time/],
  ] as const) {
    const { status, errors } = await almagest('access set', ...args)
    assert.equal(status, 2)
    assert.match(errors, words)
  }
  assert.equal((await almagest('access set', 'table', 'b', '--groups', 'x')).status, 1)
})

it('sets, lists and ends limits of a user', async () => {
  const set = await almagest(
    'limits set',
    'tycho',
    'rowsPerDay=unlimited',
    'concurrentJobs=50',
    '--days',
    '14',
    '--json',
  )
  assert.equal(set.status, 0, set.errors)
  const made = JSON.parse(set.stdout) as { limits: object; until: string; setBy: string }
  assert.deepEqual(made.limits, { rowsPerDay: 'unlimited', concurrentJobs: 50 })
  assert.ok(Math.abs(Date.parse(made.until) - Date.now() - 14 * 86_400_000) < 60_000)
  assert.match(made.setBy, /^operator /)
  assert.match(
    (await almagest('limits list')).stdout,
    /^tycho {2}rowsPerDay=unlimited {2}concurrentJobs=50 {2}until /,
  )
  assert.equal((await almagest('limits remove', 'tycho')).status, 0)
  assert.equal((await almagest('limits list')).stdout, '')
  assert.equal((await almagest('limits remove', 'tycho')).status, 1)
  for (const args of [
    ['tycho', '--days', '1'],
    ['tycho', 'rowsPerDay=5'],
    ['tycho', 'rowsPerDay=-5', '--days', '1'],
    ['tycho', 'maxrec=0', '--days', '1'],
    ['tycho', 'rows=5', '--days', '1'],
    ['tycho', 'rowsPerDay=5', '--days', 'x'],
  ]) {
    assert.equal((await almagest('limits set', ...args)).status, 2, args.join(' '))
  }
})

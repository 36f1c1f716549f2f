/** A database whose user is no superuser: what its DBA is asked to run, and that it is enough. */
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { grantRights } from '../../src/db/rights.ts'
import { openLog } from '../../src/log.ts'
import { testDatabase, withClient } from '../support/database.ts'

const superuser = await testDatabase()
const user = `site_${process.pid}`
const log = openLog('silent')
/** The same database with another current user. */
const url = `${superuser}&options=${encodeURIComponent(`-c role=${user}`)}`

after(() => withClient(superuser, client => client.query(`DROP OWNED BY ${user} CASCADE; DROP ROLE ${user}`)))

it('a user without rights is told what a DBA must run; after that the database serves', async () => {
  await withClient(superuser, async client => {
    await client.query(`CREATE ROLE ${user}`)
    for (const schema of ['almagest', 'tap_schema', 'adql', 'uws', 'auth', 'pgsphere']) {
      await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    }
    await client.query('DROP EXTENSION IF EXISTS pg_sphere CASCADE')
  })
  await assert.rejects(migrate(url, log), (error: Error & { detail?: string }) => {
    assert.match(error.message, new RegExp(`user ${user} lacks rights`))
    assert.match(error.detail ?? '', /CREATE EXTENSION pg_sphere/)
    assert.match(error.detail ?? '', /GRANT CREATE ON DATABASE/)
    return true
  })
  await grantRights(superuser, user)
  assert.ok((await migrate(url, log)).length > 0)
  assert.deepEqual(await migrate(url, log), [])
  const db = await openDatabase({ url, log })
  const stream = await db.stream({
    text: `SELECT count(*) FROM tap_schema.columns WHERE spoint(0, 0) <@ scircle(spoint(0, 0), 1)`,
    values: [],
    fields: [{ name: 'n', datatype: 'long' }],
    wire: 'binary',
    role: 'almagest_public',
    timeoutMs: 5000,
    stallMs: 5000,
    signal: new AbortController().signal,
  })
  let rows = 0
  for await (const batch of stream) rows += batch.count
  assert.equal(rows, 1)
  await db.close()
})

/** Roles of groups on a database whose owner is no superuser, and grants that follow the rules. */
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { openAccess } from '../../src/auth/access.ts'
import { removeRule, setRule } from '../../src/auth/access-rules.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { grantRights } from '../../src/db/rights.ts'
import { openLog } from '../../src/log.ts'
import { publishSchema, publishTable } from '../../src/tap/publish.ts'
import { testDatabase, withClient } from '../support/database.ts'

const OPERATOR = { name: 'operator of the test' }
const log = openLog('silent')
const superuser = await testDatabase()
const user = `owner_${process.pid}`
/** The same database with another current user. */
const url = `${superuser}&options=${encodeURIComponent(`-c role=${user}`)}`
/** Groups of this test alone: roles belong to the whole server. */
const [GROUP, OTHER] = [`g ${process.pid} ü`, `h ${process.pid}`]

after(() =>
  withClient(superuser, async client => {
    const { rows } = await client.query<{ role: string }>(
      `SELECT rolname AS role FROM pg_roles WHERE rolname LIKE 'almagest\\_group%${process.pid}%'
        UNION SELECT r.rolname FROM pg_roles AS r JOIN pg_auth_members AS m ON m.member = r.oid
                JOIN pg_roles AS o ON o.oid = m.roleid
               WHERE r.rolname LIKE 'almagest\\_groups\\_%' AND o.rolname LIKE 'almagest\\_group%${process.pid}%'`,
    )
    for (const { role } of rows) await client.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`)
    await client.query(`DROP OWNED BY ${user} CASCADE; DROP ROLE ${user}`)
  }),
)

it('an owner without CREATEROLE is told what a DBA must run, and then can close a table', async () => {
  await withClient(superuser, async client => {
    await client.query(`CREATE ROLE ${user}`)
    for (const schema of ['almagest', 'tap_schema', 'adql', 'uws', 'auth', 'pgsphere'])
      await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await client.query('DROP EXTENSION IF EXISTS pg_sphere CASCADE')
  })
  await grantRights(superuser, user)
  await migrate(url, log)
  const db = await openDatabase({ url, log })
  const access = await openAccess(db, log)
  try {
    await db.transaction(async client => {
      await client.query('CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS n')
      await publishSchema(client, { name: 's' })
      const columns = [{ field: { name: 'n', datatype: 'int' as const }, sqlName: 'n' }]
      await publishTable(client, { schema: 's', name: 't', sqlSchema: 's', sqlTable: 't', columns })
    })
    const readers = async () => {
      const rows = await db.query<{ role: string }>(
        `SELECT x.grantee::regrole::text AS role FROM pg_class AS c, aclexplode(c.relacl) AS x
          WHERE c.oid = 's.t'::regclass AND x.privilege_type = 'SELECT' AND x.grantee <> c.relowner ORDER BY 1`,
      )
      return rows.map(row => row.role.replaceAll('"', ''))
    }
    const close = (groups: string[]) =>
      setRule(db, { kind: 'table', name: 's.t', groups, announced: false, opensAt: undefined }, OPERATOR)
    assert.deepEqual(await readers(), ['almagest_public'])

    await assert.rejects(close([GROUP]), (error: Error & { detail?: string }) => {
      assert.match(error.message, /lacks rights/)
      assert.match(error.detail ?? '', /CREATEROLE/)
      assert.match(error.detail ?? '', /WITH ADMIN OPTION/)
      return true
    })
    assert.deepEqual(await readers(), ['almagest_public'], 'nothing is half done')
    assert.equal((await db.query('SELECT FROM almagest.access_rule')).length, 0)

    await withClient(superuser, client =>
      client.query(`ALTER ROLE ${user} CREATEROLE; GRANT almagest_public TO ${user} WITH ADMIN OPTION`),
    )
    await close([GROUP, OTHER])
    const [row] = await db.query<{ roles: string[] }>(
      'SELECT ARRAY[almagest.group_role($1), almagest.group_role($2)] AS roles',
      [GROUP, OTHER],
    )
    const [one, other] = row!.roles as [string, string]
    assert.match(one, /^almagest_group_g_\d+_[0-9a-f]{12}$|^almagest_group_g_\d+__[0-9a-f]{12}$/)
    assert.notEqual(one, other)
    assert.deepEqual(await readers(), [one, other].sort())

    assert.equal(await access.roleFor([]), 'almagest_public')
    for (let i = 0; i < 100 && access.rules().closed.length === 0; i++)
      await new Promise(resolve => setTimeout(resolve, 20))
    const both = await access.roleFor([OTHER, GROUP, 'unknown'])
    assert.match(both, /^almagest_groups_/)
    assert.equal(await access.roleFor([GROUP, OTHER]), both)
    assert.equal(await access.roleFor([GROUP]), one)
    const reads = async (role: string) => {
      try {
        return await db.transaction(async client => {
          await client.query(`SET LOCAL ROLE "${role}"`)
          return (await client.query<{ n: number }>('SELECT n FROM s.t'))[0]!.n
        })
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    assert.deepEqual(
      [await reads(one), await reads(other), await reads(both), await reads('almagest_public')],
      [1, 1, 1, '42501'],
    )
    await withClient(superuser, async client => {
      const { rows } = await client.query('SELECT rolcanlogin FROM pg_roles WHERE rolname = ANY($1)', [
        [one, other, both],
      ])
      assert.deepEqual(rows, Array(3).fill({ rolcanlogin: false }))
    })

    await db.query('ALTER TABLE s.t RENAME TO old; CREATE TABLE s.t AS SELECT 2 AS n') // as --replace does
    await db.transaction(client =>
      publishTable(client, {
        schema: 's',
        name: 't',
        sqlSchema: 's',
        sqlTable: 't',
        columns: [{ field: { name: 'n', datatype: 'int' }, sqlName: 'n' }],
      }),
    )
    assert.deepEqual(await readers(), [one, other].sort())

    await close([OTHER])
    assert.deepEqual(await readers(), [other])
    await removeRule(db, 'table', 'S.T', OPERATOR)
    assert.deepEqual(await readers(), ['almagest_public'])
    await assert.rejects(removeRule(db, 'table', 's.t', OPERATOR), /There is no access rule/)
  } finally {
    await access.close()
    await db.close()
  }
})

it('refuses rules about what can have none', async () => {
  const db = await openDatabase({ url, log })
  try {
    for (const [kind, name, groups, words] of [
      ['table', 'stars', ['g'], /say schema\.table/],
      ['table', 'a.b.c', ['g'], /say schema\.table/],
      ['schema', 'a.b', ['g'], /for one table/],
      ['schema', 'TAP_SCHEMA', ['g'], /for everybody/],
      ['table', 'tap_schema.tables', ['g'], /for everybody/],
      ['collection', '', ['g'], /is no name/],
      ['hips', 'x', [], /for which groups/],
      ['hips', 'x', [' '], /for which groups/],
      ['hips', 'x', ['a\nb'], /no name of a group/],
    ] as const) {
      await assert.rejects(
        setRule(db, { kind, name, groups, announced: false, opensAt: undefined }, OPERATOR),
        words,
        `${kind} ${name}`,
      )
    }
  } finally {
    await db.close()
  }
})

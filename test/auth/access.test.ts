/** What outsiders, members and others see of closed tables: by TAP, and in PostgreSQL itself. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { RuleKind } from '../../src/auth/access.ts'
import { removeRule, setRule } from '../../src/auth/access-rules.ts'
import { createToken } from '../../src/auth/tokens.ts'
import { setAccount } from '../../src/auth/users.ts'
import { publishKey, publishSchema, publishTable } from '../../src/tap/publish.ts'
import { testDatabase, withClient } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const OPERATOR = { name: 'operator of the test' }
/** Marks names that must not leave the service. */
const SECRET = 'zzsecret'

const database = await testDatabase()
let service: TestService
const tokens: Record<string, string> = {}

before(async () => {
  service = await startTestService({
    database,
    config: { auth: {} },
    async fill(db) {
      await fillSample(db)
      await db.transaction(async client => {
        await client.query(`CREATE SCHEMA ${SECRET}`)
        await publishSchema(client, { name: SECRET, description: `The ${SECRET} survey` })
        for (const table of ['object', 'source']) {
          await client.query(
            `CREATE TABLE ${SECRET}.${table} AS SELECT i::bigint AS id, i * 10.0::float8 AS ra, i * 5.0::float8 AS dec,
                    'word' || i AS word FROM generate_series(1, 7) AS g(i)`,
          )
          await publishTable(client, {
            schema: SECRET,
            name: table,
            sqlSchema: SECRET,
            sqlTable: table,
            position: { ra: 'ra', dec: 'dec' },
            rows: 7,
            columns: [
              {
                field: { name: 'id', datatype: 'long', ucd: 'meta.id;meta.main' },
                sqlName: 'id',
                principal: true,
              },
              {
                field: { name: 'ra', datatype: 'double', unit: 'deg', ucd: 'pos.eq.ra;meta.main' },
                sqlName: 'ra',
                principal: true,
              },
              {
                field: { name: 'dec', datatype: 'double', unit: 'deg', ucd: 'pos.eq.dec;meta.main' },
                sqlName: 'dec',
                principal: true,
              },
              { field: { name: 'word', datatype: 'char', arraysize: '*' }, sqlName: 'word', principal: true },
            ],
          })
        }
        await publishKey(client, {
          id: 'k1',
          from: `${SECRET}.source`,
          target: `${SECRET}.object`,
          columns: [{ from: 'id', target: 'id' }],
        })
        await publishKey(client, {
          id: 'k2',
          from: 'sample.stars',
          target: `${SECRET}.object`,
          columns: [{ from: 'ID', target: 'id' }],
        })
      })
    },
  })
  for (const [name, groups] of Object.entries({ ann: ['desc'], bob: ['others'], cyd: ['desc', 'others'] })) {
    await setAccount(service.db, name, groups)
    const wish = { name: 't', scopes: ['read:tap', 'write:jobs'] as const, expires: null }
    tokens[name] = (await createToken(service.db, name, wish, OPERATOR)).token
  }
})
after(() => service.close())

async function close(
  kind: RuleKind,
  name: string,
  groups: string[],
  more: { announced?: boolean; opensAt?: Date } = {},
) {
  await setRule(
    service.db,
    { kind, name, groups, announced: more.announced ?? false, opensAt: more.opensAt },
    OPERATOR,
  )
  await settled()
}

async function lift(kind: RuleKind, name: string) {
  await removeRule(service.db, kind, name, OPERATOR)
  await settled()
}

/** A notification that was sent later has come: so have those before it. */
async function settled(): Promise<void> {
  await new Promise<void>(resolve => {
    void service.db
      .listen('access', () => setTimeout(resolve, 150))
      .then(() => service.db.query('NOTIFY access'))
  })
}

type Who = 'ann' | 'bob' | 'cyd' | undefined

function ask(who: Who, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = {
    ...(init.headers as Record<string, string>),
    ...(who && { Authorization: `Bearer ${tokens[who]}` }),
  }
  return fetch(`${service.url}${path}`, { redirect: 'manual', ...init, headers })
}

async function query(who: Who, adql: string, path = '/tap/sync'): Promise<{ status: number; text: string }> {
  const body = new URLSearchParams({ LANG: 'ADQL', FORMAT: 'csv', QUERY: adql })
  const response = await ask(who, path, { method: 'POST', body })
  return { status: response.status, text: await response.text() }
}

/** What must look as it does when nothing is there. */
async function assertUnknown(who: Who, adql: string): Promise<void> {
  const { status, text } = await query(who, adql)
  assert.equal(status, 400, text)
  const lines = text.split('\n').filter(line => !line.includes(adql.slice(0, 20)))
  assert.doesNotMatch(
    lines.join('\n').replaceAll(/there is no table \S+/g, ''),
    new RegExp(`needs|open to|${SECRET}`),
  )
}

async function assertRefused(who: Who, adql: string): Promise<void> {
  const { status, text } = await query(who, adql)
  assert.equal(status, 400)
  assert.match(text, /there is no table/)
}

it('without rules everybody reads everything under the public role', async () => {
  for (const who of [undefined, 'bob'] as const) {
    assert.equal((await query(who, `SELECT COUNT(*) AS n FROM ${SECRET}.object`)).text.trim(), 'n\r\n7')
  }
  assert.match(await (await ask('ann', '/auth/whoami')).text(), /"ann"/)
})

it('hides a closed schema from outsiders in queries, sub-queries, joins, unions and WITH', async () => {
  await close('schema', SECRET.toUpperCase(), ['desc'])
  assert.equal((await query('ann', `SELECT COUNT(*) AS n FROM ${SECRET}.object`)).text.trim(), 'n\r\n7')
  assert.equal((await query('cyd', `SELECT COUNT(*) AS n FROM ${SECRET}.object`)).status, 200)
  const t = `${SECRET}.object`
  for (const who of [undefined, 'bob'] as const) {
    for (const adql of [
      `SELECT * FROM ${t}`,
      `SELECT * FROM object`,
      `SELECT s.id FROM sample.stars AS s JOIN ${t} AS o ON s.id = o.id`,
      `SELECT id FROM sample.stars WHERE id IN (SELECT id FROM ${t})`,
      `SELECT id FROM sample.stars AS s WHERE EXISTS (SELECT 1 FROM ${t} AS o WHERE o.id = s.id)`,
      `SELECT id FROM sample.stars UNION ALL SELECT id FROM ${t}`,
      `WITH x AS (SELECT * FROM ${t}) SELECT * FROM x`,
      `SELECT (SELECT MAX(id) FROM ${t}) AS m FROM sample.stars`,
      `SELECT "ID" FROM "${SECRET}"."object"`,
    ]) {
      await assertUnknown(who, adql)
    }
  }
})

it('suggests no closed table', async () => {
  for (const adql of [
    `SELECT * FROM ${SECRET}.objct`,
    'SELECT * FROM objec',
    'SELECT * FROM sample.object',
    `SELECT * FROM ${SECRET}x.source`,
  ]) {
    const { status, text } = await query(undefined, adql)
    assert.equal(status, 400)
    assert.doesNotMatch(text, /Did you mean/, text)
    assert.match((await query('ann', adql)).text, /Did you mean/)
  }
})

it('shows TAP_SCHEMA, /tables, /examples, pages and cone searches as each may see them', async () => {
  const listed = async (who: Who) => {
    const texts = await Promise.all([
      query(who, 'SELECT schema_name FROM tap_schema.schemas'),
      query(who, 'SELECT table_name FROM tap_schema.tables'),
      query(who, 'SELECT table_name, column_name FROM tap_schema.columns'),
      query(who, 'SELECT * FROM tap_schema.keys'),
      query(who, 'SELECT * FROM tap_schema.key_columns'),
    ])
    const pages = ['/tap/tables', '/tap/tables?detail=min', '/tap/examples', '/', '/tap/tables/sample.stars']
    const bodies = await Promise.all(pages.map(async page => (await ask(who, page)).text()))
    return [...texts.map(({ text }) => text), ...bodies].map(
      text => text.includes(SECRET) || text.includes('k1'),
    )
  }
  assert.deepEqual(await listed(undefined), Array(10).fill(false))
  assert.deepEqual(await listed('bob'), Array(10).fill(false))
  const seen = await listed('ann')
  assert.deepEqual(seen.slice(0, 7), [true, true, true, true, true, true, true])
  for (const who of [undefined, 'bob'] as const) {
    assert.equal((await ask(who, `/tap/tables/${SECRET}.object`)).status, 404)
    for (const below of ['?RA=10&DEC=5&SR=1', '/capabilities', '/availability']) {
      const response = await ask(who, `/scs/${SECRET}.object${below}`)
      assert.doesNotMatch((await response.text()).replaceAll(`${SECRET}.object`, ''), /open to|login|row/)
    }
  }
  assert.equal((await ask('ann', `/tap/tables/${SECRET}.object`)).status, 200)
  assert.match(await (await ask('ann', `/scs/${SECRET}.object?RA=10&DEC=5&SR=1`)).text(), /word1/)
})

it('TAP_SCHEMA and /tables agree for everybody', async () => {
  for (const who of [undefined, 'ann', 'bob', 'cyd'] as const) {
    const rows = (await query(who, 'SELECT table_name FROM tap_schema.tables')).text
      .trim()
      .split(/\r?\n/)
      .slice(1)
    const xml = await (await ask(who, '/tap/tables?detail=min')).text()
    const names = [...xml.matchAll(/<table[^>]*>\s*<name>([^<]*)<\/name>/g)].map(match => match[1]!)
    assert.deepEqual(rows.sort(), names.sort(), String(who))
  }
})

it('leaks nothing by conditions that fail on hidden rows of TAP_SCHEMA', async () => {
  for (const adql of [
    'SELECT table_name FROM tap_schema.tables WHERE CAST(table_name AS INTEGER) > 0',
    `SELECT table_name FROM tap_schema.tables WHERE 1 / (CASE WHEN table_name = '${SECRET}.object' THEN 0 ELSE 1 END) = 1`,
    `SELECT column_name FROM tap_schema.columns WHERE 1 / (CASE WHEN table_name = '${SECRET}.object' THEN 0 ELSE 1 END) = 1`,
    `SELECT COUNT(*) AS n FROM tap_schema.schemas WHERE LOG10(CASE WHEN schema_name = '${SECRET}' THEN -1 ELSE 1 END) = 0`,
  ]) {
    const outsider = await query(undefined, adql)
    if (adql.includes('CAST')) assert.doesNotMatch(outsider.text.replace(adql, ''), new RegExp(SECRET))
    else {
      assert.equal(outsider.status, 200, outsider.text)
      assert.equal((await query('ann', adql)).status, 400)
    }
  }
})

it('/tap/check tells outsiders neither names nor rows nor SQL', async () => {
  const check = async (who: Who) => {
    const body = new URLSearchParams({ QUERY: `SELECT id FROM ${SECRET}.object` })
    const response = await ask(who, '/tap/check', {
      method: 'POST',
      body,
      headers: { Accept: 'application/json' },
    })
    return (await response.json()) as {
      ok: boolean
      sql: unknown
      estimate: unknown
      plan: unknown
      fields: unknown[]
    }
  }
  const outsider = await check(undefined)
  assert.deepEqual(
    [outsider.ok, outsider.sql, outsider.estimate, outsider.plan, outsider.fields],
    [false, null, null, null, []],
  )
  assert.equal((await check('ann')).ok, true)
})

it('refuses the public role in PostgreSQL itself, and lets the group in', async () => {
  const [ann] = await service.db.query<{ role: string }>(`SELECT almagest.group_role('desc') AS role`)
  await withClient(database, async client => {
    const count = async (role: string, table: string) => {
      await client.query('BEGIN READ ONLY')
      try {
        await client.query(`SET LOCAL ROLE ${pg.escapeIdentifier(role)}`)
        return (await client.query(`SELECT count(*)::int AS n FROM ${table}`)).rows[0].n
      } catch (error) {
        return (error as { code: string }).code
      } finally {
        await client.query('ROLLBACK')
      }
    }
    assert.equal(await count('almagest_public', `${SECRET}.object`), '42501')
    assert.equal(await count(ann!.role, `${SECRET}.object`), 7)
    assert.equal(await count(ann!.role, 'sample.stars'), 1000)
    const [bob] = await service.db.query<{ role: string }>(`SELECT almagest.group_role('others') AS role`)
    assert.match(String(await count(bob!.role, `${SECRET}.object`)), /^(42501|22023)$/)
    for (const table of ['almagest.access_rule', 'almagest.published_table', 'auth.token', 'uws.job']) {
      assert.equal(await count(ann!.role, table), '42501', table)
    }
  })
})

it('a table of its own rule is open in a closed schema, and closed in an open one', async () => {
  await close('table', `${SECRET}.source`, ['public'])
  assert.equal((await query(undefined, `SELECT COUNT(*) AS n FROM ${SECRET}.source`)).text.trim(), 'n\r\n7')
  await assertRefused(undefined, `SELECT * FROM ${SECRET}.object`)
  const keys = (await query(undefined, 'SELECT key_id FROM tap_schema.keys')).text
  assert.doesNotMatch(keys, /k1|k2/)
  await lift('table', `${SECRET}.source`)
  await assertUnknown(undefined, `SELECT * FROM ${SECRET}.source`)
})

it('says who may read an announced table: 401 with a challenge, or 403', async () => {
  await close('table', `${SECRET}.object`, ['desc'], {
    announced: true,
    opensAt: new Date('2099-01-02T03:04:00Z'),
  })
  const body = new URLSearchParams({ LANG: 'ADQL', QUERY: `SELECT * FROM ${SECRET}.object` })
  const anonymous = await ask(undefined, '/tap/sync', { method: 'POST', body })
  assert.equal(anonymous.status, 401)
  assert.match(anonymous.headers.get('www-authenticate') ?? '', /Basic/)
  assert.match(
    await anonymous.text(),
    /needs login: it is open to the group desc, public from 2099-01-02 03:04 UTC/,
  )
  const other = await query('bob', `SELECT * FROM ${SECRET}.object`)
  assert.equal(other.status, 403)
  assert.match(other.text, /open to the group desc/)
  assert.equal((await ask(undefined, `/tap/tables/${SECRET}.object`)).status, 401)
  assert.equal((await ask('bob', `/scs/${SECRET}.object?RA=1&DEC=1&SR=1`)).status, 403)
  assert.doesNotMatch(
    (await query('bob', 'SELECT table_name FROM tap_schema.tables')).text,
    new RegExp(SECRET),
  )
  await assertUnknown('bob', `SELECT * FROM ${SECRET}.source`)
  await lift('table', `${SECRET}.object`)
})

it('gives several groups one role that is a member of each', async () => {
  await close('table', 'sample.stars', ['others'])
  const both = `SELECT COUNT(*) AS n FROM sample.stars AS s JOIN ${SECRET}.object AS o ON s."ID" = o.id`
  assert.equal((await query('cyd', both)).status, 200)
  assert.equal((await query('ann', both)).status, 400)
  assert.equal((await query('bob', both)).status, 400)
  assert.equal((await query(undefined, 'SELECT COUNT(*) AS n FROM sample.stars')).status, 400)
  await lift('table', 'sample.stars')
  assert.equal((await query(undefined, 'SELECT COUNT(*) AS n FROM sample.stars')).status, 200)
})

it("'authenticated' is everybody who is logged in", async () => {
  await close('table', 'sample.stars', ['authenticated'], { announced: true })
  assert.equal((await query('bob', 'SELECT COUNT(*) AS n FROM sample.stars')).status, 200)
  const outsider = await query(undefined, 'SELECT COUNT(*) AS n FROM sample.stars')
  assert.deepEqual([outsider.status, /needs login/.test(outsider.text)], [401, true])
  await lift('table', 'sample.stars')
})

it('a table that comes, or is replaced, in a closed schema is closed from its first moment', async () => {
  await service.db.transaction(async client => {
    await client.query(`CREATE TABLE ${SECRET}.fresh AS SELECT 1 AS n`)
    await publishTable(client, {
      schema: SECRET,
      name: 'fresh',
      sqlSchema: SECRET,
      sqlTable: 'fresh',
      columns: [{ field: { name: 'n', datatype: 'int' }, sqlName: 'n' }],
    })
    const [acl] = await client.query<{ public: boolean }>(
      `SELECT has_table_privilege('almagest_public', '${SECRET}.fresh', 'SELECT') AS public`,
    )
    assert.equal(acl!.public, false)
  })
})

it('a release date opens by itself, in the resolver and in PostgreSQL', async () => {
  await close('schema', SECRET, ['desc'], { opensAt: new Date(Date.now() + 1500) })
  await assertUnknown(undefined, `SELECT * FROM ${SECRET}.object`)
  const until = Date.now() + 10_000
  let status = 400
  while (status !== 200 && Date.now() < until) {
    await new Promise(resolve => setTimeout(resolve, 100))
    status = (await query(undefined, `SELECT * FROM ${SECRET}.object`)).status
    assert.ok(status === 400 || status === 200, `status ${status} while it opens`)
  }
  assert.equal(status, 200)
  assert.match((await query(undefined, 'SELECT table_name FROM tap_schema.tables')).text, new RegExp(SECRET))
})

it('a rule that was written by hand counts, too, in every process', { timeout: 60_000 }, async () => {
  await service.db.query(`DELETE FROM almagest.access_rule`)
  await service.db.query(
    `INSERT INTO almagest.access_rule (kind, name, groups) VALUES ('schema', '${SECRET}', '{desc}')`,
  )
  await settled()
  await assertUnknown(undefined, `SELECT * FROM ${SECRET}.object`)
  // The grants follow what the resolver knows already.
  for (let isPublic = true; isPublic; await sleep(20)) {
    const [acl] = await service.db.query<{ public: boolean }>(
      `SELECT has_table_privilege('almagest_public', '${SECRET}.object', 'SELECT') AS public`,
    )
    isPublic = acl!.public
  }
})

it('a group that somebody loses closes at once, for tokens that they hold and jobs that wait', async () => {
  const body = new URLSearchParams({ LANG: 'ADQL', QUERY: `SELECT * FROM ${SECRET}.object` })
  const created = await ask('ann', '/tap/async', { method: 'POST', body })
  const job = new URL(created.headers.get('location')!).pathname
  await setAccount(service.db, 'ann', [])
  await settled()
  await assertUnknown('ann', `SELECT * FROM ${SECRET}.object`)
  await ask('ann', `${job}/phase`, { method: 'POST', body: new URLSearchParams({ PHASE: 'RUN' }) })
  let xml = ''
  do xml = await (await ask('ann', `${job}?WAIT=20`)).text()
  while (/<uws:phase>(QUEUED|EXECUTING)</.test(xml)) // WAIT ends at every change
  assert.match(xml, /ERROR/)
  assert.doesNotMatch(await (await ask('ann', `${job}/error`)).text(), /word1/)
  await setAccount(service.db, 'ann', ['desc'])
  await settled()
})

/** `/tap/check` over HTTP. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { fillCrowd } from './crowd.ts'

const url = await testDatabase()
let service: TestService

before(async () => {
  service = await startTestService({
    database: url,
    fill: async db => {
      await fillCrowd(db)
      await fillSample(db)
      // What nobody may see: in no published schema, in a published one, and one whose grant is missing.
      await db.query('CREATE SCHEMA hidden')
      await db.query(
        'CREATE TABLE hidden.secret AS SELECT 1 AS n; CREATE TABLE sample.draft AS SELECT 1 AS n',
      )
    },
  })
})

after(() => service.close())

interface Json {
  ok: boolean
  problems: { message: string; line: number; column: number; start: number; end: number; hint?: string }[]
  infos: string[]
  sql: string | null
  fields: { name: string; datatype: string }[]
  estimate: { rows: number; bytes: number; seconds: number } | null
  plan: { class: string; index: string | null; shards: number | null } | null
  suggestions: { message: string; hint?: string; replacement?: string; start: number; end: number }[]
}

const get = (parameters: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${service.url}/tap/check?${new URLSearchParams(parameters)}`, { headers })

async function check(query: string): Promise<Json> {
  const response = await get({ QUERY: query })
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  return (await response.json()) as Json
}

const CONE = 'SELECT id, ra FROM crowd.Object WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 0.3))'

describe('a good query', () => {
  it('has everything that can be known without running it', async () => {
    const answer = await check(CONE)
    assert.deepEqual(Object.keys(answer), [
      'ok',
      'problems',
      'infos',
      'sql',
      'fields',
      'estimate',
      'plan',
      'suggestions',
    ])
    assert.equal(answer.ok, true)
    assert.deepEqual(answer.problems, [])
    assert.deepEqual(
      answer.fields.map(f => [f.name, f.datatype]),
      [
        ['id', 'long'],
        ['ra', 'double'],
      ],
    )
    assert.match(
      answer.sql ?? '',
      /^SELECT object\."id", object\."ra" FROM "crowd"\."object" AS object WHERE .* LIMIT 100001$/,
    )
    assert.ok(answer.estimate!.rows > 1000 && answer.estimate!.rows < 20_000)
    assert.ok(answer.estimate!.bytes > answer.estimate!.rows * 16)
    assert.ok(answer.estimate!.seconds > 0 && answer.estimate!.seconds < 1)
    assert.deepEqual(answer.plan, { class: 'index', index: 'crowd.Object (ra, dec)', shards: null })
    assert.deepEqual(answer.suggestions, [])
  })

  it('is not run', async () => {
    // It would take hours.
    const { ok, plan } = await check(
      'SELECT COUNT(*) AS n FROM crowd.Object AS a, crowd.Object AS b, crowd.Object AS c WHERE a.mag < b.mag AND b.mag < c.mag',
    )
    assert.ok(ok)
    assert.equal(plan?.class, 'nested scan')
  })

  it('its SQL has the strings in it', async () => {
    const { sql } = await check(`SELECT id FROM sample.stars WHERE name = 'it''s $1' AND "2mass id" <> 'x'`)
    assert.match(sql ?? '', /= 'it''s \$1'::text\) AND .*<> 'x'::text/)
  })

  it('its plan: full scan, an index by name, small tables, no table, the first rows of a large one', async () => {
    const plans: readonly [string, string, string | null][] = [
      ['SELECT mag FROM crowd.Object WHERE kind = 3', 'full scan', null],
      ['SELECT mag FROM crowd.Object WHERE id = 3', 'index', 'crowd.Object (id)'],
      ['SELECT name FROM sample.stars', 'small', null],
      ['SELECT TOP 5 mag FROM crowd.Object', 'small', null],
      ['SELECT TOP 5 mag FROM crowd.Object ORDER BY mag', 'full scan', null],
      ['SELECT COUNT(*) AS n FROM crowd.epoch', 'full scan', null],
      [
        'SELECT a.id FROM crowd.Object AS a JOIN crowd.Object AS b ON DISTANCE(POINT(a.ra, a.dec), POINT(b.ra, b.dec)) < 0.0003',
        'full scan',
        'crowd.Object (ra, dec)',
      ],
    ]
    for (const [query, kind, index] of plans) {
      const { plan } = await check(query)
      assert.deepEqual(plan, { class: kind, index, shards: null }, query)
    }
  })

  it('is rewritten with its own values, and the rewritten one takes the index', async () => {
    const query =
      'SELECT id FROM crowd.Object WHERE ACOS(SIN(RADIANS(dec))*SIN(RADIANS(0.2)) + COS(RADIANS(dec))*COS(RADIANS(0.2))*COS(RADIANS(ra-0.3))) < RADIANS(0.2)'
    const first = await check(query)
    assert.equal(first.plan?.class, 'full scan')
    const [{ start, end, replacement } = assert.fail('no suggestion')] = first.suggestions
    assert.equal(replacement, '1 = CONTAINS(POINT(ra, dec), CIRCLE(0.3, 0.2, 0.2))')
    const second = await check(query.slice(0, start) + replacement + query.slice(end))
    assert.equal(second.plan?.class, 'index')
    assert.deepEqual(second.suggestions, [])
  })

  it('tells what the rewritten one saves', async () => {
    const query =
      'SELECT e.mjd, COUNT(*) AS n FROM crowd.Object AS o JOIN crowd.epoch AS e ON o.id = e.id JOIN crowd.epoch AS f ON o.id = f.id WHERE DEGREES(ACOS(SIN(RADIANS(o.dec))*SIN(RADIANS(0.2)) + COS(RADIANS(o.dec))*COS(RADIANS(0.2))*COS(RADIANS(o.ra-0.3)))) < 0.01 GROUP BY e.mjd'
    const { suggestions, estimate } = await check(query)
    const [, then, now] = /take about ([\d.]+) s instead of ([\d.]+) s/.exec(suggestions[0]?.hint ?? '') ?? []
    assert.equal(Number(now), estimate?.seconds)
    assert.ok(Number(then) < Number(now) / 2)
  })

  it('with an upload, which is joined by the index of the table here', async () => {
    const rows = Array.from({ length: 500 }, (_, i) => `<TR><TD>${359.1 + i / 300}</TD><TD>0.1</TD></TR>`)
    const body = new FormData()
    body.set(
      'QUERY',
      'SELECT u.ra, o.id FROM TAP_UPLOAD.mine AS u JOIN crowd.Object AS o ON DISTANCE(POINT(u.ra, u.dec), POINT(o.ra, o.dec)) < 1/3600.',
    )
    body.set('UPLOAD', 'mine,param:file')
    const fields = ['ra', 'dec'].map(name => `<FIELD name="${name}" datatype="double" unit="deg"/>`)
    const table = `<TABLE>${fields.join('')}<DATA><TABLEDATA>${rows.join('')}</TABLEDATA></DATA></TABLE>`
    body.set('file', new Blob([`<VOTABLE version="1.4"><RESOURCE>${table}</RESOURCE></VOTABLE>`]), 'mine.xml')
    const response = await fetch(`${service.url}/tap/check`, { method: 'POST', body })
    const { ok, plan, estimate, infos } = (await response.json()) as Json
    assert.equal(ok, true)
    assert.deepEqual([plan?.class, plan?.index], ['index', 'crowd.Object (ra, dec)'])
    assert.ok(estimate!.rows >= 400 && estimate!.rows < 700, `${estimate!.rows} rows`)
    assert.deepEqual(infos, [])
  })

  it('notes what was accepted and what MAXREC cuts', async () => {
    const { infos } = await check('SELECT id FROM crowd.epoch LIMIT 200000')
    assert.match(infos.join('\n'), /LIMIT/)
    assert.match(infos.join('\n'), /MAXREC lets the first 100,000/)
  })
})

describe('a wrong query', () => {
  it('has all its problems, each with its place and what is meant', async () => {
    const query = 'SELECT rra, dec,\n  magg FROM crowd.Object'
    const answer = await check(query)
    assert.equal(answer.ok, false)
    assert.deepEqual(
      answer.problems.map(p => [p.line, p.column, query.slice(p.start, p.end)]),
      [
        [1, 8, 'rra'],
        [2, 3, 'magg'],
      ],
    )
    assert.match(answer.problems[0]?.hint ?? '', /ra/)
    for (const problem of answer.problems)
      assert.deepEqual(Object.keys(problem), ['message', 'line', 'column', 'start', 'end', 'hint'])
    assert.deepEqual([answer.sql, answer.fields, answer.estimate, answer.plan], [null, [], null, null])
  })

  it('that only PostgreSQL sees points into the text, too', async () => {
    const query = 'SELECT id FROM sample.stars WHERE id > 1/0'
    const { ok, problems } = await check(query)
    assert.equal(ok, false)
    assert.match(problems[0]?.message ?? '', /division by zero/)
    assert.ok(problems[0]!.start >= 0 && problems[0]!.end <= query.length)
  })

  it('does not tell of tables that are not published', async () => {
    for (const table of [
      'hidden.secret',
      'sample.draft',
      'pg_catalog.pg_class',
      'almagest.published_table',
    ]) {
      const { ok, problems } = await check(`SELECT * FROM ${table}`)
      assert.equal(ok, false)
      assert.match(problems[0]?.message ?? '', /^there is no table/)
    }
  })
})

describe('the request', () => {
  it('is GET or POST, with names in any case, with or without LANG', async () => {
    const body = new URLSearchParams({ query: CONE, lang: 'ADQL-2.1' })
    const posted = await fetch(`${service.url}/tap/check`, { method: 'POST', body })
    assert.deepEqual(((await posted.json()) as Json).plan, (await check(CONE)).plan)
    const head = await fetch(`${service.url}/tap/check?${new URLSearchParams({ QUERY: CONE })}`, {
      method: 'HEAD',
    })
    assert.equal(head.status, 200)
    assert.equal((await fetch(`${service.url}/tap/check`, { method: 'DELETE' })).status, 405)
  })

  it('with wrong parameters is 400, in words', async () => {
    for (const wrong of [
      {},
      { QUERY: ' ' },
      { QUERY: CONE, LANG: 'SQL' },
      { QUERY: CONE, MAXREC: '-1' },
      { QUERY: CONE, RESPONSEFORMAT: 'fits' },
    ]) {
      const response = await get(wrong as Record<string, string>)
      assert.equal(response.status, 400)
      assert.ok(((await response.json()) as { error: string }).error.length > 10)
    }
    const twice = await fetch(`${service.url}/tap/check?QUERY=a&query=b`)
    assert.equal(twice.status, 400)
  })

  it('of curl, and of who asks for it, is answered in text', async () => {
    const asked: readonly [Record<string, string>, Record<string, string>, RegExp][] = [
      [{}, { 'User-Agent': 'curl/7.88.1', Accept: '*/*' }, /^text\/plain/],
      [{}, { 'User-Agent': 'curl/7.88.1', Accept: 'application/json' }, /^application\/json/],
      [{}, { Accept: 'text/plain' }, /^text\/plain/],
      [{ RESPONSEFORMAT: 'text' }, {}, /^text\/plain/],
      [{ RESPONSEFORMAT: 'json' }, { 'User-Agent': 'curl/7.88.1' }, /^application\/json/],
    ]
    for (const [parameters, headers, type] of asked) {
      const response = await get({ QUERY: CONE, ...parameters }, headers)
      assert.match(response.headers.get('content-type') ?? '', type, JSON.stringify([parameters, headers]))
    }
    const text = await (await get({ QUERY: CONE, RESPONSEFORMAT: 'text' })).text()
    assert.match(
      text,
      /^OK: this query can run\.\n\n {2}rows {4}about [\d,]+\n {2}size .*\n {2}time .*\n {2}plan {4}index, by the index on crowd\.Object \(ra, dec\)/,
    )
    const wrong = await (await get({ QUERY: 'SELECT x FROM crowd.Object', RESPONSEFORMAT: 'text' })).text()
    assert.match(
      wrong,
      /^A problem in this query\.\n\nline 1, column 8: .*\n {2}SELECT x FROM crowd\.Object\n {9}\^\n/,
    )
  })
})

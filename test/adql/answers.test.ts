import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type pg from 'pg'
import { compile, statementError } from '../../src/adql/index.ts'
import { ServiceError } from '../../src/error.ts'
import { testDatabase } from '../support/database.ts'
import { answer, CREATE, connect, execute, run, tables } from './catalog.ts'
import { adqlCorpus } from './corpus.ts'
import { createSql, stubTables } from './stubs.ts'

let client: pg.Client
after(() => client.end())
const url = await testDatabase()
before(async () => {
  client = await connect(url)
  await client.query(CREATE)
})

const ids = async (adql: string, maxrec?: number) =>
  (await run(client, adql, tables, maxrec)).map(r => Number(r[0]))

test('every mixture of types is described as PostgreSQL makes it', async () => {
  const operands = [
    'flag',
    'n',
    'id',
    'mag',
    'ra',
    '1',
    '1.5',
    '3000000000',
    'NULL',
    '-flag',
    'ABS(mag)',
    'SUM(n) OVER ()',
  ]
  for (const a of operands) {
    const columns = operands.flatMap(b => [
      ...['+', '-', '*'].map(operator => `${a} ${operator} ${b}`),
      `COALESCE(${a}, ${b})`,
      `CASE WHEN good = TRUE THEN ${a} ELSE ${b} END`,
      `GREATEST(${a}, ${b})`,
    ])
    assert.equal((await run(client, `SELECT ${columns.join(', ')} FROM star WHERE id = 1`)).length, 1)
    for (const b of operands) {
      await run(client, `SELECT ${a} FROM star WHERE id = 1 UNION ALL SELECT ${b} FROM star WHERE id = 1`)
      await run(client, `SELECT q.x FROM (SELECT ${a} AS x FROM star EXCEPT SELECT ${b} FROM star) AS q`)
    }
    await run(
      client,
      `SELECT MIN(${a}), MAX(${a}), SUM(${a}), AVG(${a}), COUNT(${a}) FROM star`.replace(
        /\(SUM\(n\) OVER \(\)\)/g,
        '(n)',
      ),
    )
  }
  await run(
    client,
    'SELECT COALESCE(observed, observed), MIN(observed), MAX(Name), COALESCE(POINT(ra, dec), POINT(1, 2)) FROM star GROUP BY observed, ra, dec',
  )
  await run(client, "SELECT CASE WHEN n = 1 THEN observed ELSE '2024-01-01T00:00:00' END FROM star")
  await run(client, "SELECT observed FROM star UNION SELECT '2024-01-01' FROM star")
})

describe('limits and order', () => {
  test('TOP, OFFSET, maxrec', async () => {
    assert.deepEqual(await ids('SELECT TOP 3 id FROM star ORDER BY id'), [1, 2, 3])
    assert.deepEqual(await ids('SELECT TOP 3 id FROM star ORDER BY id OFFSET 2'), [3, 4, 5])
    assert.deepEqual(await ids('SELECT TOP 0 id FROM star'), [])
    assert.equal((await ids('SELECT id FROM star', 10)).length, 11)
    assert.equal((await ids('SELECT TOP 10 id FROM star', 10)).length, 10)
    assert.equal((await ids('SELECT id FROM star', 0)).length, 1)
  })

  test('set operations', async () => {
    assert.deepEqual(
      await ids('SELECT TOP 2 id FROM star UNION ALL SELECT TOP 2 id FROM star').then(r => r.length),
      4,
    )
    assert.deepEqual(
      await ids('SELECT id FROM star WHERE id < 4 UNION SELECT id FROM star WHERE id < 3 ORDER BY id DESC'),
      [3, 2, 1],
    )
    assert.deepEqual(
      await ids('SELECT id FROM star WHERE id < 6 EXCEPT SELECT id FROM star WHERE id < 3 ORDER BY 1'),
      [3, 4, 5],
    )
    // INTERSECT binds tighter than UNION.
    assert.deepEqual(
      await ids('SELECT 1 AS i FROM star UNION SELECT 2 FROM star INTERSECT SELECT 3 FROM star'),
      [1],
    )
    assert.deepEqual(
      await ids(
        '(SELECT TOP 1 id FROM star ORDER BY id DESC) UNION (SELECT TOP 1 id FROM star ORDER BY id) ORDER BY id - 5000',
      ),
      [1, 3000],
    )
    assert.deepEqual(
      await run(
        client,
        "SELECT n, 'a' AS t FROM star WHERE id = 1 UNION ALL SELECT 2.5, NULL FROM star WHERE id = 1 ORDER BY 1",
      ),
      [
        [1, 'a'],
        [2.5, null],
      ],
    )
    assert.deepEqual(
      await run(
        client,
        'SELECT observed FROM star WHERE id = 1 UNION SELECT observed FROM star WHERE id = 1',
      ),
      [['2024-01-01T01:00:00.5']],
    )
  })

  test('ORDER BY and GROUP BY', async () => {
    assert.deepEqual(await ids('SELECT id, -id AS id2 FROM star WHERE id < 4 ORDER BY id2'), [3, 2, 1])
    assert.deepEqual(await ids('SELECT id FROM star WHERE id < 4 ORDER BY MOD(id, 3), id'), [3, 1, 2])
    assert.deepEqual(
      await run(client, 'SELECT MOD(id, 3) AS rest, COUNT(*) FROM star GROUP BY rest ORDER BY rest'),
      [
        [0n, 1000n],
        [1n, 1000n],
        [2n, 1000n],
      ],
    )
    assert.deepEqual(
      await run(
        client,
        "SELECT Name || '!' AS x, COUNT(*) FROM star WHERE id < 3 GROUP BY Name || '!' ORDER BY x",
      ),
      [
        ['Star 1!', 1n],
        ['Star 2!', 1n],
      ],
    )
    assert.deepEqual(await run(client, 'SELECT DISTINCT flag FROM star ORDER BY flag DESC'), [[2], [1], [0]])
    assert.deepEqual(await run(client, 'SELECT flag FROM star GROUP BY flag HAVING MAX(id) = 3000'), [[0]])
  })
})

describe('conditions', () => {
  test('NULL, BETWEEN, IN, EXISTS, truth values, times', async () => {
    const count = async (condition: string) =>
      Number((await answer(client, `SELECT COUNT(*) FROM star WHERE ${condition}`))[0])
    assert.equal(await count('n IS NULL'), 300)
    assert.equal(await count('n = NULL'), 0)
    assert.equal(await count('NOT n = 1'), 2400)
    assert.equal(await count('n BETWEEN 2 AND 4'), 900)
    assert.equal(await count('n NOT BETWEEN 2 AND 4'), 1800)
    assert.equal(await count('n IN (1, 2.0)'), 600)
    assert.equal(await count('n NOT IN (SELECT MAX(n) FROM star)'), 2400)
    assert.equal(
      await count('EXISTS (SELECT id FROM source WHERE source.id = star.id + 100000 AND flux > 1000)'),
      2990,
    )
    for (const condition of ['good = 1', "good = 'true'", 'good = TRUE', 'NOT good = 0'])
      assert.equal(await count(condition), 1500, condition)
    assert.equal(await count("observed < '2024-01-01T03:00:00'"), 2)
    assert.equal(await count("observed BETWEEN '2024-01-01' AND '2024-01-02T00:00:00Z'"), 23)
    assert.equal(await count("Name = 'star 1'"), 0)
    assert.equal(await count('mag = 10.1'), 0) // a real is not the double 10.1, in SQL as everywhere
    assert.equal(await count('ABS(mag - 10.1) < 1e-5'), 30)
  })

  test('long lists of strings are one parameter', async () => {
    const names = Array.from({ length: 70_000 }, (_, i) => `'Star ${i * 3}'`).concat([
      "'a\\b\"c'",
      "'it''s, {x}'",
    ])
    const compiled = compile(`SELECT COUNT(*) FROM star WHERE Name IN (${names.join(', ')})`, tables, {
      maxrec: 5,
    })
    assert.equal(compiled.values.length, 1)
    assert.deepEqual(await execute(client, compiled), [[1000n]])
    const not = compile(`SELECT COUNT(*) FROM star WHERE Name NOT IN (${names.join(', ')})`, tables, {
      maxrec: 5,
    })
    assert.deepEqual(await execute(client, not), [[2000n]])
  })

  test('LIKE is with case, ILIKE without, and a backslash is a backslash', async () => {
    const rows = async (condition: string) =>
      (await run(client, `SELECT k FROM shapes WHERE ${condition} ORDER BY k`)).map(r => r[0])
    assert.deepEqual(await rows(`"2MASS ""id""" LIKE 'A%'`), [])
    assert.deepEqual(await rows(`"2MASS ""id""" ILIKE 'A%'`), [1])
    assert.deepEqual(await rows(`"2MASS ""id""" LIKE 'back\\s%'`), [5])
    assert.deepEqual(await rows(`"2MASS ""id""" LIKE '%\\%'`), [5])
    assert.deepEqual(await rows(`"2MASS ""id""" NOT LIKE '_#_' AND k < 5`), [2, 4])
  })

  test('joins', async () => {
    assert.deepEqual(
      await answer(
        client,
        'SELECT COUNT(*), COUNT(s.id), COUNT(t.id) FROM star s FULL JOIN source t ON t.id = s.id + 102990',
      ),
      [8990n, 3000n, 6000n],
    )
    assert.deepEqual(
      await ids(
        'SELECT id FROM (SELECT id + 100000 AS id FROM star WHERE id < 3) AS a JOIN source USING (id) ORDER BY id',
      ),
      [100001, 100002],
    )
    assert.equal(
      (await run(client, 'SELECT * FROM star NATURAL JOIN (SELECT id, n AS m FROM star) AS b WHERE id < 5'))
        .length,
      4,
    )
    assert.deepEqual(
      await ids(
        'WITH a AS (SELECT id FROM star WHERE id < 3), b AS (SELECT id FROM a WHERE id > 1) SELECT b.id FROM a, b',
      ),
      [2, 2],
    )
  })

  test('values of the largest and of odd types', async () => {
    assert.deepEqual(
      await answer(
        client,
        'SELECT 9223372036854775807, -9223372036854775807, 9223372036854775808, big, "values" FROM shapes WHERE k = 1',
      ),
      [9223372036854775807n, -9223372036854775807n, 2 ** 63, 1000, [1, 2, 3]],
    )
    assert.deepEqual(await answer(client, "SELECT NULL, '', 'Ω', 1e-300, TRUE, 0x1F FROM star"), [
      null,
      '',
      'Ω',
      1e-300,
      true,
      31,
    ])
  })
})

describe('indexes', () => {
  const plan = async (adql: string) => {
    const { text, values } = compile(adql, tables, { maxrec: 1000 })
    const { rows } = await client.query<{ 'QUERY PLAN': string }>({
      text: `EXPLAIN ${text}`,
      values: [...values],
    })
    return rows.map(r => r['QUERY PLAN']).join('\n')
  }
  before(() => client.query('SET enable_seqscan = off'))
  after(() => client.query('RESET enable_seqscan'))

  test('are used by every form of a cone', async () => {
    for (const condition of [
      '1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5))',
      'DISTANCE(ra, dec, 10, 20) < 0.5',
      '1 = CONTAINS(POINT(ra, dec), POLYGON(10, 10, 11, 10, 11, 11))',
      '1 = INTERSECTS(BOX(10, 10, 1, 1), POINT(ra, dec))',
      'mag < 12 AND (1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) OR DISTANCE(ra, dec, 50, 20) < 0.1)',
    ]) {
      assert.match(await plan(`SELECT id FROM star WHERE ${condition}`), /Index Cond: \(spoint/, condition)
    }
    assert.match(
      await plan(
        'SELECT q.i FROM (SELECT id AS i, ra AS a, dec AS d FROM star) AS q WHERE DISTANCE(q.a, q.d, 1, 2) < 1',
      ),
      /Index Cond/,
    )
    assert.match(
      await plan('WITH q AS (SELECT * FROM star) SELECT id FROM q WHERE DISTANCE(ra, dec, 1, 2) < 1'),
      /Index Cond/,
    )
  })

  test('are used by every form of a cross-match, whichever side has one', async () => {
    for (const from of [
      'star AS a JOIN source AS b ON DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000) < 0.01',
      'star AS a JOIN source AS b ON 1 = CONTAINS(POINT(b.ra2000, b.dec2000), CIRCLE(a.ra, a.dec, 0.01))',
      'star AS a, source AS b WHERE CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra2000, b.dec2000, b.radius)) = 1',
      'star AS a LEFT JOIN source AS b ON DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000) < 0.01',
      'source AS b LEFT JOIN star AS a ON DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000) < 0.01',
      'shapes AS s JOIN star AS a ON DISTANCE(s.x, s.y, a.ra, a.dec) < 0.01',
      'star AS a JOIN shapes AS s ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(s.x, s.y, 0.01))',
    ]) {
      const found = await plan(`SELECT a.id FROM ${from}`)
      assert.match(found, /Nested Loop[\s\S]*Index Cond: \(spoint/, `${from}\n${found}`)
    }
  })

  test('the side that is known drives the join', async () => {
    await client.query('RESET enable_seqscan')
    const one = await plan(
      'SELECT a.id FROM star AS a JOIN source AS b ON DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000) < 0.01 WHERE a.id = 7',
    )
    assert.match(one, /Index Cond: \(spoint\(radians\(ra2000\)/)
    const other = await plan(
      'SELECT a.id FROM star AS a JOIN source AS b ON DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000) < 0.01 WHERE b.id = 100007',
    )
    assert.match(other, /Index Cond: \(spoint\(radians\(ra\)/)
    await client.query('SET enable_seqscan = off')
  })
})

test('everything runs as the public role in a transaction that can only read', async () => {
  await client.query(
    'GRANT USAGE ON SCHEMA sky TO almagest_public; GRANT SELECT ON sky.star, sky.source TO almagest_public',
  )
  await client.query('BEGIN READ ONLY; SET LOCAL ROLE almagest_public')
  for (const adql of [
    'SELECT POINT(ra, dec), BOX(ra, dec, 1, 1), CENTROID(POLYGON(ra, 1, ra + 1, 1, ra, 2)), AREA(CIRCLE(n, 1, 1)) FROM star WHERE id < 5',
    'SELECT ivo_epoch_prop(ra, dec, 1, pmra, pmdec, 0, 2000, 2010), ivo_hms_to_degrees(Name), MOD(mag, 1), observed FROM star WHERE id < 5',
    'SELECT ivo_histogram(mag, 0, 20, 4), ivo_string_agg(Name, Name) FROM star WHERE id < 5',
    'SELECT COUNT(*) FROM star JOIN source ON DISTANCE(ra, dec, ra2000, dec2000) < radius',
  ]) {
    assert.ok((await run(client, adql)).length > 0, adql)
  }
  await client.query('ROLLBACK')
})

describe("PostgreSQL's errors", () => {
  const failure = async (adql: string): Promise<ServiceError> => {
    const compiled = compile(adql, tables, { maxrec: 10 })
    try {
      await execute(client, compiled)
    } catch (error) {
      const { code, message, position } = error as { code: string; message: string; position?: string }
      const failed = {
        sqlState: code,
        message,
        position: position === undefined ? undefined : Number(position) - 1,
      }
      return statementError(failed, compiled, adql, 60_000)
    }
    assert.fail(`no error: ${adql}`)
  }

  test('become the words of the service', async () => {
    const known: readonly (readonly [string, string, RegExp])[] = [
      ['SELECT 1 / (n - 1) FROM star', 'usage', /division by zero/],
      ['SELECT LOG(n - 1) FROM star', 'usage', /logarithm of 0/],
      ['SELECT SQRT(-n) FROM star', 'usage', /root or power/],
      ['SELECT CAST(Name AS INTEGER) FROM star', 'usage', /could not be converted/],
      ['SELECT CAST(id * 3000000000 AS INTEGER) FROM star', 'usage', /out of the range/],
      ['SELECT (SELECT n FROM star) AS x FROM star', 'usage', /several rows/],
      ['SELECT POINT(ra, dec + 90) FROM star', 'usage', /latitude .* is not within/],
      ['SELECT POLYGON(x, y, x + 1, y, x, y) FROM shapes WHERE k = 1', 'usage', /polygon/],
      ['SELECT 1 FROM (SELECT DISTINCT spot FROM shapes) AS q', 'usage', /made distinct in a sub-query/],
    ]
    for (const [adql, code, message] of known) {
      const error = await failure(adql)
      assert.equal(error.code, code, adql)
      assert.match(error.message, message)
    }
  })

  test('point at what can have failed, though PostgreSQL does not say', async () => {
    const at = async (adql: string) => (await failure(adql)).problems.map(p => adql.slice(p.start, p.end))
    assert.deepEqual(await at('SELECT n / 2, 1 / (n - 1) FROM star'), ['1 / (n - 1)'])
    assert.deepEqual(await at('SELECT 1 / (n - 1), 2 / flag FROM star'), ['1 / (n - 1)', '2 / flag'])
    assert.deepEqual(await at('SELECT id FROM star WHERE LOG10(n - 1) > 2'), ['LOG10(n - 1)'])
    assert.deepEqual(await at('SELECT CAST(Name AS INTEGER) FROM star'), ['CAST(Name AS INTEGER)'])
    assert.deepEqual(
      await at('SELECT id FROM star WHERE 1 = CONTAINS(POINT(ra, dec + 90), CIRCLE(0, 0, 1))'),
      ['POINT(ra, dec + 90)'],
    )
    assert.deepEqual(await at('SELECT (SELECT n FROM star) AS x FROM star'), ['(SELECT n FROM star)'])
    for (const call of [
      'POINT(ra, dec + 90)',
      'ACOS(id)',
      'SUBSTRING(Name, 1, -1)',
      'ivo_healpix_index(40, ra, dec)',
      'ivo_healpix_center(3, 5000)',
      'gaia_healpix_index(13, id)',
      'ivo_histogram(mag, 1, 1, 5)',
      'PERCENTILE(mag, 2)',
      "gavo_match('[', Name)",
    ])
      assert.deepEqual(await at(`SELECT ${call} FROM star`), [call])
    const words = async (adql: string) => (await failure(adql)).message
    assert.match(await words('SELECT ACOS(id) FROM star'), /range of this function/)
    assert.match(await words('SELECT ivo_healpix_index(40, ra, dec) FROM star'), /not within 0 and 29/)
  })

  test('point at the place, where PostgreSQL has one', () => {
    const adql = "SELECT id,\n  CAST('x' || Name AS INTEGER) FROM star"
    const compiled = compile(adql, tables, { maxrec: 10 })
    const position = compiled.text.indexOf(')::int4')
    const error = statementError({ sqlState: '22P02', message: 'invalid', position }, compiled, adql)
    assert.deepEqual([error.problems[0]!.line, error.problems[0]!.column], [2, 3])
  })

  test('of time, of the machine, and of ours', () => {
    const compiled = compile('SELECT id FROM star', tables, { maxrec: 10 })
    const code = (sqlState: string) =>
      statementError({ sqlState, message: 'x' }, compiled, 'SELECT id FROM star', 5000)
    assert.equal(code('57014').code, 'timeout')
    assert.match(code('57014').message, /longer than 5 s/)
    const [table] = code('57014').problems
    assert.deepEqual([table?.start, table?.end, table?.message], [15, 19, 'this table has 3,000 rows'])
    assert.equal(code('53200').code, 'unavailable')
    assert.equal(code('42501').code, 'forbidden')
    assert.equal(code('42703').code, 'internal')
  })
})

describe('queries from elsewhere', adqlCorpus.skip, () => {
  test('compile with tables made after them, and PostgreSQL runs them', async t => {
    const entries = adqlCorpus.read('adql-valid')
    const failed: string[] = []
    let foreign = 0
    for (const { query } of entries) {
      try {
        const { tables: stubs, all } = stubTables(query)
        await client.query('BEGIN')
        await client.query(createSql(all))
        await execute(client, compile(query, stubs, { maxrec: 100 }))
      } catch (error) {
        const text = error instanceof ServiceError ? `${error.message} ${error.detail}` : String(error)
        if (/there is no function/.test(text)) foreign++
        else failed.push(`${query.slice(0, 200)}\n  ${text}`)
        // Whatever is wrong is found before PostgreSQL sees it.
        assert.ok(error instanceof ServiceError, `${query}\n  ${text}`)
      }
      await client.query('ROLLBACK')
    }
    const passed = entries.length - foreign - failed.length
    t.diagnostic(`${passed} of ${entries.length} run; ${foreign} call functions of other services`)
    assert.ok(passed >= 0.9 * (entries.length - foreign), failed.join('\n'))
  })
})

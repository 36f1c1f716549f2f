/** Queries that once were answered with an internal error, by PostgreSQL instead of the compiler, or too slowly. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type pg from 'pg'
import { compile } from '../../src/adql/index.ts'
import { testDatabase } from '../support/database.ts'
import { answer, CREATE, connect, problems, run, tables } from './catalog.ts'

let client: pg.Client
after(() => client.end())
const url = await testDatabase()
before(async () => {
  client = await connect(url)
  await client.query(CREATE)
})

const complaint = (adql: string): string => problems(adql)[0]?.message ?? ''

test('the smallest integer is of the type of its digits', async () => {
  assert.deepEqual(await answer(client, 'SELECT TOP 1 -2147483648, - -2147483648 FROM sky.star'), [
    -2147483648n,
    2147483648n,
  ])
  await run(client, 'SELECT DISTINCT -2147483648 FROM sky.star')
  await run(client, 'SELECT id FROM sky.star ORDER BY - 2147483648')
})

test('constants order and group nothing', async () => {
  for (const constant of ['TRUE', 'NULL', "'x'", '-1', '- -1', '1.5', '+1']) {
    assert.equal((await run(client, `SELECT id FROM sky.star ORDER BY ${constant}`)).length, 3000)
    assert.deepEqual(await run(client, `SELECT COUNT(*) FROM sky.star GROUP BY ${constant}`), [[3000n]])
    await run(client, `SELECT COUNT(*) OVER (PARTITION BY ${constant} ORDER BY ${constant}) FROM sky.star`)
  }
})

test('what is compared in CASE, BETWEEN and IN becomes one type', async () => {
  const first = async (expression: string) =>
    (await answer(client, `SELECT TOP 1 ${expression} FROM sky.star WHERE id = 2`))[0]
  assert.equal(await first('CASE NULL WHEN 1 THEN id ELSE NULL END'), null)
  assert.equal(await first('CASE good WHEN 1 THEN id ELSE NULL END'), 2n)
  assert.equal(await first("CASE good WHEN 'true' THEN id ELSE NULL END"), 2n)
  assert.equal(await first('CASE 1 WHEN good THEN id END'), 2n)
  const hours = "CAST('2025-01-01T00:00:00' AS TIMESTAMP)"
  for (const [condition, count] of [
    [`'2024-01-02T00:00:00' BETWEEN '2024-01-01T00:00:00' AND ${hours}`, 3000n],
    [`'2024-01-02T00:00:00' BETWEEN ${hours} AND '2026-01-01'`, 0n],
    [`'2025-01-01' IN ('2024-01-01', ${hours})`, 3000n],
    ['good IN (TRUE, 1)', 1500n],
  ] as const) {
    assert.deepEqual(await answer(client, `SELECT COUNT(*) FROM sky.star WHERE ${condition}`), [count])
  }
  assert.match(complaint("SELECT id FROM sky.star WHERE 'x' BETWEEN '2024-01-01' AND observed"), /not a time/)
  assert.match(complaint("SELECT CASE id WHEN 'x' THEN 1 END FROM sky.star"), /compared/)
})

test('a polygon with a vertex that is NULL is NULL', async () => {
  assert.deepEqual(await run(client, 'SELECT POLYGON(0, 0, 1, k - NULL, 1, 1) FROM odd.shapes WHERE k = 1'), [
    [null],
  ])
  const odd = "SELECT COUNT(*) FROM sky.star WHERE CAST('1 2 3' AS POLYGON) IS NOT NULL"
  assert.deepEqual(await answer(client, odd), [0n])
})

test('a polygon whose edges touch, or with too many vertices, is refused', () => {
  assert.match(complaint('SELECT POLYGON(2,3, 3,0, 23,3, 3,0, 45,34) FROM sky.star'), /cross or touch/)
  const many = Array.from({ length: 16000 }, (_, i) => `${i / 100}, ${i % 2}`)
  assert.match(complaint(`SELECT POLYGON(${many}) FROM sky.star`), /at most 1000 vertices, not 16000/)
})

test('a FULL JOIN that PostgreSQL cannot make is refused', async () => {
  for (const on of [
    'a.ra < b.ra',
    'a.id = b.id AND a.ra > 3',
    'CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, 1)) = 1',
    'a.id = 1',
  ])
    assert.match(
      complaint(`SELECT a.id FROM sky.star AS a FULL JOIN sky.star AS b ON ${on}`),
      /a FULL JOIN takes only conditions of the form left = right/,
    )
  await run(
    client,
    'SELECT a.id FROM sky.star AS a FULL JOIN sky.star AS b ON b.id + 1 = a.id AND a.flag = b.flag',
  )
  await run(client, 'SELECT id FROM sky.star FULL JOIN sky.source USING (id)')
})

test('a thousand UNIONs are one statement', async () => {
  const union = Array.from({ length: 1000 }, (_, i) => `SELECT ${i % 2 ? '1.5' : '1'} AS x FROM sky.star`)
  assert.equal(compile(union.join(' UNION ALL '), tables, { maxrec: 10 }).fields[0]?.datatype, 'double')
})

test('a unit too far away is refused', () => {
  assert.match(complaint("SELECT IN_UNIT(pmra, '0arcsec/yr') FROM sky.star"), /no factor/)
})

describe('windows', () => {
  test('are made by window functions', async () => {
    const rows = await run(
      client,
      `SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC), RANK() OVER (ORDER BY flag), DENSE_RANK() OVER (ORDER BY flag),
       NTILE(3) OVER (ORDER BY id), LAG(id) OVER (ORDER BY id), LEAD(Name) OVER (ORDER BY id),
       FIRST_VALUE(flag) OVER (ORDER BY id), LAG(observed) OVER (ORDER BY id),
       PERCENT_RANK() OVER (ORDER BY id), CUME_DIST() OVER (ORDER BY id), LAG(NULL) OVER (ORDER BY id)
       FROM sky.star WHERE id < 4 ORDER BY id`,
    )
    assert.deepEqual(rows[1], [2n, 2n, 3n, 3n, 2, 1n, 'Star 3', 1, '2024-01-01T01:00:00.5', 0.5, 2 / 3, null])
  })

  test('reach over rows, with frames and defaults', async () => {
    const rows = await run(
      client,
      `SELECT id, LAG(id, 2) OVER (ORDER BY id), LEAD(id, 1, -1) OVER (ORDER BY id), LAG(flag, 1, 0.5) OVER (ORDER BY id),
       LEAD(Name, 1, 'none') OVER (ORDER BY id), SUM(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING),
       COUNT(*) OVER (ORDER BY id ROWS 1 PRECEDING), MAX(id) OVER (ORDER BY id RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING),
       COUNT(*) OVER (ORDER BY ra RANGE BETWEEN 1e9 PRECEDING AND 1e9 FOLLOWING),
       LAST_VALUE(id) OVER (ORDER BY id GROUPS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
       NTH_VALUE(id, 2) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
       FROM sky.star WHERE id < 4 ORDER BY id`,
    )
    assert.deepEqual(
      rows.map(row => row.map(value => (typeof value === 'bigint' ? Number(value) : value))),
      [
        [1, null, 2, 0.5, 'Star 2', 3, 1, 3, 3, 3, 2],
        [2, null, 3, 1, 'Star 3', 6, 2, 3, 3, 3, 2],
        [3, 1, -1, 2, 'none', 5, 2, 3, 3, 3, 2],
      ],
    )
  })

  for (const [expression, message] of [
    ['COUNT(*) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING)', /ends before it begins/],
    ['COUNT(*) OVER (ORDER BY id ROWS 1 FOLLOWING)', /ends before it begins/],
    ['COUNT(*) OVER (ORDER BY id ROWS 1.5 PRECEDING)', /ROWS counts in whole numbers/],
    ['COUNT(*) OVER (ORDER BY id, ra RANGE 1 PRECEDING)', /needs an ORDER BY of one value/],
    ['COUNT(*) OVER (ORDER BY Name RANGE 1 PRECEDING)', /needs an ORDER BY of numbers/],
    ['COUNT(*) OVER (GROUPS CURRENT ROW)', /GROUPS needs an ORDER BY/],
    ['COUNT(*) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING)', /AND and the end of the frame was expected/],
    ['ROW_NUMBER()', /OVER \(…\) must follow/],
    ['TRUNCATE(mag) OVER (PARTITION BY good)', /TRUNCATE is no aggregate or window function/],
    ["IN_UNIT(pmra, 'deg/yr') OVER ()", /IN_UNIT is no aggregate/],
    ['COUNT(DISTINCT id) OVER ()', /COUNT with DISTINCT takes no OVER/],
    ['MEDIAN(mag) OVER ()', /MEDIAN takes no OVER/],
    ['COUNT(*) OVER (ORDER BY POINT(ra, dec))', /a window cannot be made by a point/],
    ['COUNT(*) OVER (PARTITION BY BOX(ra, dec, 1, 1))', /a window cannot be made by a polygon/],
    ['COUNT(*) OVER (ORDER BY mag, AVG(mag) DESC)', /mag stands beside an aggregate/],
    ['MAX(COUNT(*) OVER ())', /cannot be nested in MAX/],
  ] as const) {
    test(`refuse ${expression}`, () => assert.match(complaint(`SELECT ${expression} FROM sky.star`), message))
  }
})

test('an alias does not bring an aggregate where it cannot stand', async () => {
  for (const [adql, what] of [
    ['SELECT CORR(ra, dec) AS c FROM sky.star GROUP BY c', /c is the alias of an aggregate.*GROUP BY/],
    ['SELECT STDDEV(ra) FROM sky.star GROUP BY STDDEV', /the alias of an aggregate/],
    ['SELECT COUNT(*) AS c FROM sky.star HAVING MAX(c) > 1', /an aggregate, which cannot stand in MAX/],
    ['SELECT COUNT(*) OVER () AS c FROM sky.star GROUP BY c', /a window function/],
  ] as const) {
    assert.match(complaint(adql), what)
  }
  await run(client, 'SELECT flag, COUNT(*) AS c FROM sky.star GROUP BY flag HAVING c > 1 ORDER BY c')
})

test('an aggregate in a sub-query takes columns of its own', async () => {
  const inner = (aggregate: string) =>
    `SELECT TOP 1 (SELECT ${aggregate} FROM sky.source AS q WHERE q.id = p.id) AS x FROM sky.star AS p`
  assert.equal(complaint(inner('MAX(mag)')), 'mag is no column of q, but of a table outside this sub-query')
  for (const fine of ['MAX(flux)', 'MAX(flux - p.mag)', 'COUNT(*)', 'SUM(1)', 'MAX(flux) OVER ()'])
    await run(client, inner(fine))
})

test('large mistakes are refused before they are worked out', () => {
  const n = 16000
  const numbered = (make: (i: number) => string, between = ', ') =>
    Array.from({ length: n }, (_, i) => make(i)).join(between)
  for (const [adql, message] of [
    [`SELECT ${numbered(i => `unknown${i}`)} FROM sky.star`, /no column/],
    [`SELECT id FROM sky.star WHERE id IN (${numbered(i => `'x${i}'`)})`, /compared/],
    [`SELECT ${numbered(() => '*')} FROM sky.star`, /more than 1664 columns/],
    [`SELECT ${numbered(() => 'id')} FROM sky.star`, /more than 1664 columns/],
    [
      `WITH ${numbered(i => `w${i} AS (SELECT 1 AS x FROM sky.star)`)} SELECT x FROM w0`,
      /more than 200 WITH/,
    ],
    [`SELECT 1 FROM ${numbered(i => `sky.star AS s${i}`)}`, /more than 100 tables/],
    [`SELECT 1 FROM ${numbered(i => `sky.star AS s${i}`, ' NATURAL JOIN ')}`, /more than 100 tables/],
  ] as const) {
    assert.match(complaint(adql), message)
  }
})

test('a table that is not found makes no column ambiguous', () => {
  const found = problems('SELECT ra, foo FROM star AS s JOIN nosuch AS x ON s.id = x.id, nosuch2')
  assert.deepEqual(
    found.map(p => p.message),
    ['there is no table nosuch', 'there is no table nosuch2'],
  )
})

test('words of JavaScript mean nothing', () => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__x'])
    assert.match(complaint(`SELECT ${name}(1) FROM star`), /there is no function/)
  assert.match(complaint("SELECT id FROM star WHERE good = 'constructor'"), /a string is compared/)
  assert.match(complaint("SELECT IN_UNIT(ra, 'constructor') FROM star"), /not a unit/)
  assert.match(complaint("SELECT IN_UNIT(ra, 'mtoString') FROM star"), /not a unit/)
})

test('chains of && are as long as the text', async () => {
  const chain = `${'n > 0 && '.repeat(5000)}n > 0`
  assert.equal((await run(client, `SELECT id FROM star WHERE ${chain}`)).length, 2700)
  assert.match(complaint(`SELECT id FROM star WHERE ${'good && '.repeat(5000)}good`), /INTERSECTS/)
  assert.equal(
    (await run(client, 'SELECT id FROM star WHERE good && n > 0 && NOT good IS NULL')).length,
    // Every tenth n is NULL, and the even ones are good.
    1200,
  )
})

test('a sub-query of NULLs compares with anything', async () => {
  for (const operand of ['id', 'mag', 'Name', 'observed', 'good'])
    for (const query of ['SELECT NULL FROM source', 'SELECT NULL FROM source UNION SELECT NULL FROM star'])
      assert.deepEqual(await run(client, `SELECT id FROM star WHERE ${operand} IN (${query})`), [], operand)
  assert.deepEqual(await run(client, 'SELECT id FROM star WHERE (SELECT TOP 1 NULL FROM source) = id'), [])
})

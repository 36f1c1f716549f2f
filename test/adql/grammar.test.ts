import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkGrammar } from '../../src/adql/grammar.ts'

const good = [
  'SELECT a FROM t',
  'SELECT a FROM t;',
  "SELECT POINT('', ra, dec), POINT(NULL, ra, dec), POINT(ra, dec) FROM t",
  "SELECT CIRCLE('ICRS', ra, dec, 1), CIRCLE(ra, dec, 1), CIRCLE(POINT(ra, dec), 1), CIRCLE(p, 1), CIRCLE('', p, 1) FROM t",
  "SELECT BOX('', 1, 2, 3, 4), BOX(1, 2, 3, 4), BOX(p, 3, 4) FROM t",
  'SELECT POLYGON(1, 2, 3, 4, 5, 6), POLYGON(p, q, r), POLYGON(POINT(1, 2), p, q, r) FROM t',
  "SELECT POLYGON('ICRS', 1, 2, 3, 4, 5, 6, 7, 8), POLYGON('ICRS', p, q, r) FROM t",
  'SELECT DISTANCE(p, POINT(1, 2)), DISTANCE(1, 2, 3, 4) FROM t',
  "SELECT AREA(c), CENTROID(CIRCLE(1, 2, 3)), COORD1(p), COORD2(CENTROID(c)), COORDSYS(p), REGION('CIRCLE 1 2 3') FROM t",
  'SELECT a FROM t WHERE 1 = CONTAINS(p, c) AND INTERSECTS(b, c) = 0',
  'SELECT a FROM t WHERE POINT(1, 2) = p',
  'SELECT ROUND(a), ROUND(a, 2), TRUNCATE(a, -2), RAND(), RAND(5), PI(), ATAN2(a, b) FROM t',
  "SELECT LOWER(a), UPPER('x'), COALESCE(a), COALESCE(a, b, 1), IN_UNIT(a, 'deg') FROM t",
  "SELECT a || 'x' || 5, 'x' || COUNT(*), 'x' || (a + 1), CAST(a AS CHAR) || 'x', f(a) || 'x', NULL || 'x' FROM t",
  "SELECT a FROM t WHERE a || 'x' LIKE 'y' || b",
  "SELECT a FROM t WHERE LOWER(a) ILIKE 'x%'",
  'SELECT 2 * NULL, -a, +a, -(-a), 2 * (a - 1) FROM t',
  "SELECT f(), f(a, 1, 'x', POINT(1, 2)) FROM t",
  'SELECT CAST(a AS POINT) FROM t WHERE 1 = CONTAINS(CAST(a AS POINT), CAST(b AS CIRCLE))',
  'SELECT a FROM t JOIN u',
  'SELECT a FROM t WHERE NOT (NOT a = 1)',
  'WITH q AS (SELECT b FROM t), r AS (SELECT c FROM q) SELECT a FROM r',
]

for (const query of good)
  test(`strict accepts ${query}`, () => assert.deepEqual(checkGrammar(query), { ok: true }))

/** « stands before what is refused. */
const refused: readonly (readonly [query: string, message: RegExp])[] = [
  ["SELECT «'3' * 2 FROM t", /text stands where \* needs a number/],
  ['SELECT 2 + «POINT(1, 2) FROM t', /a geometry stands where \+ needs a number/],
  ["SELECT -«'a' FROM t", /text stands where - needs a number/],
  ['SELECT «CAST(a AS VARCHAR) * 2 FROM t', /text stands where/],
  ["SELECT «POINT(1, 2) || 'a' FROM t", /a geometry stands where \|\| needs text/],
  ["SELECT 'a' || «-1 FROM t", /a number stands where \|\| needs text/],
  ["SELECT 'a' || «b + 1 FROM t", /a number stands where/],
  ["SELECT «CAST('1' AS REAL) || 'a' FROM t", /a number stands where/],
  ["SELECT a FROM t WHERE «a + 1 LIKE 'x'", /LIKE needs text/],
  ['SELECT a FROM t WHERE a LIKE «POINT(1, 2)', /LIKE needs text/],
  ["SELECT ABS(«'a') FROM t", /ABS\(number\)/],
  ["SELECT ABS(«('a' || 'b')) FROM t", /ABS\(number\)/],
  ['SELECT «ABS(a, b) FROM t', /ABS\(number\)/],
  ['SELECT «ABS() FROM t', /ABS\(number\)/],
  ['SELECT «PI(1) FROM t', /PI\(\)/],
  ['SELECT RAND(«a) FROM t', /RAND/],
  ['SELECT ROUND(a, «1.5) FROM t', /ROUND/],
  ['SELECT IN_UNIT(a, «5) FROM t', /IN_UNIT\(number, 'unit'\)/],
  ['SELECT IN_UNIT(a, «b) FROM t', /IN_UNIT/],
  ["SELECT POINT(«a || 'b', 1, 2) FROM t", /POINT\(\['coordsys',\]/],
  ['SELECT POINT(«a, 1, 2) FROM t', /POINT/],
  ["SELECT POINT(1, «'b') FROM t", /POINT/],
  ["SELECT «CIRCLE('ICRS', 1, 2) FROM t", /CIRCLE/],
  ['SELECT «POLYGON(1, 2, 3, 4) FROM t', /POLYGON/],
  ["SELECT «POLYGON('ICRS', 1, 2, 3, 4, 5, 6, 7) FROM t", /POLYGON/],
  ['SELECT «POLYGON(POINT(1, 2), POINT(3, 4), 5, 6) FROM t', /POLYGON/],
  ['SELECT CENTROID(«3) FROM t', /CENTROID\(geometry\)/],
  ['SELECT AREA(«MAX(a)) FROM t', /AREA\(geometry\)/],
  ['SELECT COORD1(«CIRCLE(1, 2, 3)) FROM t', /COORD1\(point\)/],
  ['SELECT REGION(«a) FROM t', /REGION\('text'\)/],
  ['SELECT «- + a FROM t', /one sign/],
  ['SELECT a FROM t WHERE «NOT NOT a = 1', /NOT NOT/],
  ['SELECT a FROM t WHERE «CONTAINS(p, c)', /a number, 1 or 0/],
  ['SELECT a FROM t WHERE «a + 1 IS NULL', /columns only/],
  // extensions and repairs
  ['SELECT «CASE WHEN a = 1 THEN 1 END FROM t', /CASE/],
  ['SELECT a FROM t «LIMIT 5', /LIMIT/],
  ['SELECT a «& b FROM t', /&/],
  ['SELECT «0x1F FROM t', /hexadecimal/],
  ['SELECT «size FROM t', /reserved word/],
  ['SELECT a AS «distance FROM t', /reserved word/],
  ['SELECT a FROM t «CROSS JOIN u', /CROSS JOIN/],
  ['SELECT a FROM t «/* x */', /comment/],
  ['SELECT CAST(a AS «INT) FROM t', /INTEGER/],
  ['SELECT a, «* FROM t', /stands alone/],
  ['SELECT a FROM t WHERE a > «180AND b = 1', /space/],
  ['SELECT a FROM t WHERE 1 = «(SELECT b FROM u)', /not as a value/],
  // syntax
  ['SELECT a FROM t WHERE «', /condition after WHERE/],
]

for (const [marked, message] of refused) {
  test(`strict refuses ${marked}`, () => {
    const verdict = checkGrammar(marked.replace('«', ''))
    assert.ok(!verdict.ok)
    assert.match(verdict.error, message)
    const column = Number(/line 1, column (\d+)/.exec(verdict.error)?.[1])
    assert.ok(column === marked.indexOf('«') + 1 || marked.endsWith('«'), verdict.error)
  })
}

test('the first of several violations is the one that is told', () => {
  const verdict = checkGrammar("SELECT ABS('a'), 'b' * 2 FROM t WHERE PI(1) = 2 ORDER BY 'c' * 3")
  assert.ok(!verdict.ok && /line 1, column 12/.test(verdict.error))
})

test('violations are found wherever an expression can stand', () => {
  for (const query of [
    "SELECT 1 FROM (SELECT ABS('x') AS a FROM t) AS q",
    "SELECT 1 FROM t JOIN u ON ABS('x') = 1",
    "SELECT 1 FROM t WHERE a IN (1, ABS('x'))",
    "SELECT 1 FROM t WHERE a IN (SELECT ABS('x') FROM u)",
    "SELECT 1 FROM t WHERE EXISTS (SELECT ABS('x') FROM u)",
    "SELECT 1 FROM t WHERE a BETWEEN 1 AND ABS('x')",
    "SELECT 1 FROM t WHERE NOT (a = 1 OR b = f(ABS('x')))",
    "SELECT MAX(ABS('x')) FROM t",
    "SELECT CAST(ABS('x') AS REAL) FROM t",
    "SELECT a FROM t GROUP BY ABS('x')",
    "SELECT a FROM t HAVING ABS('x') = 1",
    "SELECT a FROM t ORDER BY ABS('x')",
    "SELECT a FROM t UNION SELECT ABS('x') FROM t",
    "WITH q AS (SELECT ABS('x') AS a FROM t) SELECT a FROM q",
  ]) {
    const verdict = checkGrammar(query)
    assert.ok(!verdict.ok && /ABS\(number\)/.test(verdict.error), query)
  }
})

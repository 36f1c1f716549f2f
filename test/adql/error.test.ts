import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adqlError, excerpt, locate } from '../../src/adql/error.ts'
import { parse } from '../../src/adql/parser.ts'
import { ServiceError } from '../../src/error.ts'

/** In each query « stands before what the complaint points at; then the message and the hint. */
const complaints: readonly (readonly [query: string, message: RegExp, hint?: RegExp])[] = [
  // beginnings and ends
  ['«', /the query is empty/],
  ['«-- nothing', /the query is empty/],
  ['«SELCT a FROM t', /SELCT is not a word/, /mean SELECT/],
  ['«W00T', /found the name W00T where SELECT/],
  ['«insert into t values (1)', /only SELECT queries .* not INSERT/],
  ['«DROP TABLE t', /only SELECT queries .* not DROP/],
  ['«EXPLAIN SELECT a FROM t', /EXPLAIN is not ADQL/, /TAP_SCHEMA/],
  ['SELECT a FROM t; «SELECT b FROM t', /after the ;/, /one query at a time/],
  ['SELECT a FROM t«)', /no \( for this \)/],
  ['SELECT a FROM t «SELECT b FROM u', /second SELECT/, /UNION/],
  // the list of columns
  ['SELECT «FROM t', /list of columns/],
  ['SELECT a«', /found the end of the query where FROM/],
  ['SELECT a« -- FROM t', /found the end of the query where FROM/],
  ['SELECT a«, FROM t', /comma too many/],
  ['SELECT a b «c FROM t', /a comma or FROM/, /missing before b\?/],
  ['SELECT t.a p«.b FROM t', /a comma or FROM/, /missing before p\?/],
  ['SELECT a «FORM t', /FORM is not a word/, /FROM/],
  ['SELECT COUNT(*) «FORM t', /FORM is not a word/, /FROM/],
  ['SELECT «TPO 5 a FROM t', /TPO is not a word/, /TOP/],
  ['SELECT TOP 10 «DISTINCT a FROM t', /DISTINCT stands before TOP/, /SELECT DISTINCT TOP 10/],
  ['SELECT TOP «PERCENT 10 a FROM t', /the number of TOP/],
  ['SELECT TOP 10 «PERCENT a FROM t', /rows, not PERCENT/, /TABLESAMPLE \(10\)/],
  ['SELECT TOP 10«, a FROM t', /no comma follows TOP/, /SELECT TOP 10 a/],
  ['SELECT DISTINCT «ON (a) b FROM t', /DISTINCT ON is not ADQL/, /GROUP BY/],
  ['SELECT TOP «-1 a FROM t', /not negative/],
  ['SELECT TOP «1.5 a FROM t', /whole number/],
  ['SELECT TOP «a FROM t', /the number of TOP/],
  ["SELECT a AS «'' FROM t", /alias is a name/],
  ['SELECT a AS «J-H FROM t', /J-H is no regular name/, /"J-H"/],
  ['SELECT a AS «from FROM t', /a name after AS/, /double quotes, "from"/],
  ['SELECT «group FROM t', /found GROUP where a column/],
  ['SELECT «a = 1 FROM t', /condition stands where a value/, /CASE WHEN/],
  ['SELECT «.* FROM t', /found \. where a column/],
  ['SELECT a + «* FROM t', /found \* where a column/, /COUNT\(\*\)/],
  ['SELECT a «INTO b FROM t', /INTO is not ADQL/],
  // names
  ['SELECT «_ä FROM t', /not allowed in one/, /"_ä"/],
  ['SELECT «2mass_id FROM t', /neither a number nor a name/, /"2mass_id"/],
  ['SELECT «grégory FROM t', /not allowed/, /"grégory"/],
  ['SELECT «`a` FROM t', /does not quote/, /write a;/],
  ['SELECT «`a b` FROM t', /does not quote/, /"a b"/],
  ['SELECT «[a b] FROM t', /does not quote/, /"a b"/],
  ['SELECT «"a FROM t', /no closing "/],
  ['SELECT «a.b.c.d.e FROM t', /more than 4 parts/],
  ['SELECT a FROM «a.b.c.d', /more than 3 parts/],
  ['SELECT a FROM «I/239/hip_main', /no regular name/, /"I\/239\/hip_main"/],
  ['SELECT a FROM t CROSS «APPLY f(1)', /CROSS APPLY is not ADQL/],
  ['SELECT a FROM «dbo.fGetNearbyObjEq(1, 2, 3)', /used as tables/, /CONTAINS/],
  ['SELECT «sky.f(a) FROM t', /functions have no schema/, /f\(…\)/],
  ['SELECT «dbo.fPhotoFlags(a) FROM t', /no function dbo.fPhotoFlags/, /the bit as a number/],
  ['SELECT «"f"(a) FROM t', /no function/],
  // FROM
  ['SELECT a FROM«', /found the end of the query where a table/],
  ['SELECT a FROM «WHERE a = 1', /found WHERE where a table/],
  ["SELECT a FROM «'t'", /where a table/, /double quotes/],
  ['SELECT a FROM (SELECT b FROM u«)', /needs a name/, /AS q/],
  ['SELECT a FROM «SELECT b FROM u', /where a table/, /in parentheses/],
  ['SELECT a FROM «f(1)', /functions cannot be used as tables/],
  ['SELECT a FROM t «OUTER JOIN u ON a = b', /OUTER needs a side/, /LEFT OUTER JOIN/],
  ['SELECT a FROM t «JION u ON a = b', /JION is not a word/, /JOIN/],
  ['SELECT a FROM t INNER «u ON a = b', /where JOIN/],
  ['SELECT a FROM t, u «ON a = b', /ON belongs to a JOIN/, /WHERE/],
  ['SELECT a FROM t NATURAL JOIN u «ON a = b', /NATURAL JOIN takes no ON/],
  ['SELECT a FROM t JOIN u USING («t.a)', /no table before them/],
  ['SELECT a FROM t JOIN u USING («1)', /a column that both tables have/],
  // conditions
  ['SELECT a FROM t WHERE«', /a condition after WHERE/],
  ['SELECT a FROM t WHERE «a + 1', /a \+ 1 is a value where a condition/, /a \+ 1 = 1/],
  ["SELECT a FROM t WHERE a = 'x' OR «'y'", /'y' is a value/, /IN \(1, 2\)/],
  ['SELECT a FROM t WHERE a > 1 AND «<= 2', /a whole condition/, /x >= 10 AND x <= 20/],
  ['SELECT a FROM t WHERE a «CONTAINS POINT(1, 2)', /comparison/, /1 = CONTAINS/],
  ["SELECT a FROM t WHERE a «REGEXP 'x'", /comparison/, /gavo_match/],
  ["SELECT a FROM t WHERE band«~'x'", /comparison/, /LIKE/],
  ['SELECT a FROM t WHERE a «b 2', /found the name b where a comparison/],
  ["SELECT a FROM t WHERE a «LIEK 'x'", /LIEK is not a word/, /LIKE/],
  ['SELECT a FROM t WHERE a «== 1', /== is not ADQL/, /single =/],
  ['SELECT a FROM t WHERE a = 1 || b «= 2', /cannot be chained/, /joined by OR/],
  ['SELECT a FROM t WHERE a < b «< c', /cannot be chained/, /a < b AND b < c/],
  ['SELECT a FROM t WHERE a IN «5', /list or a sub-query in parentheses/],
  ['SELECT a FROM t WHERE a IN («)', /parentheses are empty|an expression/],
  ['SELECT a FROM t WHERE a IS «5', /NULL or NOT NULL/],
  ['SELECT a FROM t WHERE a NOT «NULL', /after NOT/, /IS NOT NULL/],
  ['SELECT a FROM t WHERE EXISTS «u', /sub-query in parentheses/],
  ['SELECT a FROM t WHERE EXISTS «(b)', /no query in these parentheses/],
  ['SELECT a FROM t WHERE a BETWEEN 1 «OR 2', /AND and the upper limit/],
  ["SELECT a FROM t WHERE a LIKE 'x' «ESCAPE '!'", /ESCAPE is not ADQL/],
  ['SELECT a FROM t WHERE a = «ANY (SELECT b FROM u)', /ANY is not ADQL/, /IN \(SELECT/],
  ["SELECT a FROM t WHERE a = ''«image", /two single ', not between two doubled ones: 'image'/],
  ["SELECT a FROM t WHERE a = «'x", /no closing '/],
  ['SELECT a FROM t WHERE a = «‘x’', /‘ is not ADQL/, /plain '/],
  ['SELECT a FROM t WHERE a = «?', /\? is not ADQL/, /no parameters/],
  ['SELECT a FROM t WHERE a = «:x', /: is not ADQL/, /no parameters/],
  ["SELECT a FROM t WHERE a > «DATE '2020-01-01'", /DATE '…' is not ADQL/, /CAST/],
  ['SELECT a FROM t WHERE (a«, b) IN (SELECT c, d FROM u)', /found , where a \)/, /only after IN/],
  // values
  ['SELECT a«::int FROM t', /:: is not ADQL/, /CAST/],
  ['SELECT a«**2 FROM t', /\*\* is not ADQL/, /POWER/],
  ['SELECT CAST(a AS «blob) FROM t', /blob is not a type/, /DOUBLE PRECISION/],
  ['SELECT CAST(a AS REAL«(5)) FROM t', /REAL has no length/],
  ['SELECT CAST(a«, REAL) FROM t', /AS and a type/],
  ['SELECT CIRCLE(1, 2 «3) FROM t', /a comma or the \) of CIRCLE/, /missing before 3/],
  ['SELECT CIRCLE(1, 2, 3 «arcmin) FROM t', /./, /3 arcmin is 3.\/60/],
  ['SELECT CIRCLE(1, 2, 3«°) FROM t', /° is not ADQL/, /degrees/],
  ['SELECT «12h30m FROM t', /neither a number/, /ivo_hms_to_degrees\('12h30m'\)/],
  ['SELECT CIRCLE(1, 2, 3«") FROM t', /no closing "/, /degrees/],
  ['SELECT SUM(«) FROM t', /something to aggregate/],
  ['SELECT COUNT(DISTINCT a«, b) FROM t', /the \) of COUNT/, /SELECT DISTINCT a, b/],
  ['SELECT COUNT(a«, b) FROM t', /one argument/],
  ['SELECT CASE a «END FROM t', /where WHEN/],
  ['SELECT a FROM t «/* open', /no closing \*\//],
  // parentheses
  ['SELECT ABS«(a FROM t', /never closed/, /before FROM/],
  ['SELECT a FROM t WHERE «(a = 1 OR b = 2', /never closed/, /the end of the query/],
  ['SELECT a FROM t WHERE «(a = 1 ORDER BY a', /never closed/, /before ORDER/],
  ['SELECT a FROM «(SELECT b FROM u', /never closed/],
  [
    'SELECT a FROM t WHERE a IN (SELECT b FROM u GROUP BY b «WHERE b = 1)',
    /WHERE is out of place/,
    /the order is/,
  ],
  // order of clauses
  ['SELECT a FROM t GROUP BY a «WHERE a = 1', /WHERE is out of place/, /the order is/],
  ['SELECT a FROM t ORDER BY a «GROUP BY a', /GROUP is out of place/, /the order is/],
  ['SELECT a FROM t ORDER BY a «UNION SELECT b FROM u', /cannot follow ORDER BY/, /parentheses/],
  ['SELECT a FROM t ORDER «a', /BY after ORDER/],
  ['SELECT a FROM t «WEHRE a = 1', /WEHRE is not a word/, /WHERE/],
  ['SELECT a FROM t WHERE a = 1 «ODER BY a', /ODER is not a word/, /ORDER/],
  ['SELECT a FROM t «GRUOP BY a', /GRUOP is not a word/, /GROUP/],
  ['SELECT a FROM t «TOP 5', /TOP is out of place/, /SELECT TOP n/],
  ['SELECT a FROM t FETCH «5 ROWS ONLY', /where FIRST/, /TOP n/],
  // WITH
  ['WITH q «(a) AS (SELECT b FROM t) SELECT a FROM q', /no list of columns/],
  ['WITH «RECURSIVE q AS (SELECT b FROM t) SELECT a FROM q', /no recursive WITH/],
  ['WITH q AS «SELECT b FROM t SELECT a FROM q', /a query in parentheses/],
  ['SELECT a FROM («WITH q AS (SELECT b FROM t) SELECT a FROM q) AS r', /beginning of the whole query/],
  ['WITH q AS (SELECT b FROM t) «SLECT a FROM q', /SLECT is not a word/, /SELECT/],
]

for (const [marked, message, hint] of complaints) {
  test(`complaint about ${marked}`, () => {
    const text = marked.replace('«', '')
    assert.throws(
      () => parse(text),
      (error: unknown) => {
        assert.ok(error instanceof ServiceError)
        assert.equal(error.code, 'usage')
        const [problem] = error.problems
        assert.ok(problem)
        assert.match(problem.message, message)
        assert.equal(problem.start, marked.indexOf('«'))
        if (hint) assert.match(problem.hint ?? '', hint)
        return true
      },
    )
  })
}

test('line and column count from 1, after any kind of line end', () => {
  const text = 'ab\ncd\r\nef\rgh'
  assert.deepEqual(
    [0, 1, 3, 7, 8, 10, 12].map(offset => locate(text, offset)),
    [
      { line: 1, column: 1 },
      { line: 1, column: 2 },
      { line: 2, column: 1 },
      { line: 3, column: 1 },
      { line: 3, column: 2 },
      { line: 4, column: 1 },
      { line: 4, column: 3 },
    ],
  )
})

test('an excerpt shows the line with carets under the span', () => {
  assert.equal(excerpt('SELECT a\n\tFROM tt WHERE', { start: 15, end: 17 }), ' FROM tt WHERE\n      ^^')
  assert.equal(excerpt('\nSELECT', { start: 0, end: 0 }), '\n^')
  assert.equal(excerpt('SELECT', { start: 6, end: 6 }), 'SELECT\n      ^')
  const long = `SELECT ${'abcdefghi '.repeat(40)}`
  const [line, carets] = excerpt(long, { start: 207, end: 216 }).split('\n')
  assert.equal(line!.slice(carets!.indexOf('^'), carets!.lastIndexOf('^') + 1), 'abcdefghi')
  assert.ok(line!.length < 130)
})

test('the error gives place, excerpt and hint; several complaints stand together', () => {
  const text = 'SELECT a\nFROM t\nWHERE a == 1'
  const one = adqlError(text, [{ start: 24, end: 26, message: 'wrong', hint: 'do this' }])
  assert.equal(one.message, 'ADQL error at line 3, column 9: wrong')
  assert.equal(one.detail, 'WHERE a == 1\n        ^^\ndo this')
  const two = adqlError(text, [
    { start: 7, end: 8, message: 'first' },
    { start: 14, end: 15, message: 'second' },
  ])
  assert.equal(two.message, 'ADQL: 2 problems in this query')
  assert.equal(
    two.detail,
    'line 1, column 8: first\nSELECT a\n       ^\nline 2, column 6: second\nFROM t\n     ^',
  )
  assert.deepEqual(
    two.problems.map(p => [p.line, p.column]),
    [
      [1, 8],
      [2, 6],
    ],
  )
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compile } from '../../src/adql/index.ts'
import { tablesOf } from '../../src/adql/tables.ts'
import { ServiceError } from '../../src/error.ts'
import { otherStar, problems, source, star, tables } from './catalog.ts'

const names = (adql: string) => compile(adql, tables, { maxrec: undefined }).fields.map(f => f.name)
const field = (adql: string) => compile(adql, tables, { maxrec: undefined }).fields[0]!
const sources = (adql: string) =>
  compile(adql, tables, { maxrec: undefined }).sources.map(s => s && `${s.schema}.${s.table}.${s.column}`)

/** One problem: what it says and where. */
function complains(adql: string, message: RegExp, at: string, hint?: RegExp): void {
  const found = problems(adql)
  assert.equal(found.length, 1, `${adql}: ${JSON.stringify(found)}`)
  assert.match(found[0]!.message, message)
  assert.equal(found[0]!.at, at)
  if (hint) assert.match(found[0]!.hint ?? '', hint)
}

describe('names', () => {
  test('match without case, or exactly in quotes', () => {
    assert.deepEqual(names('SELECT RA, name, "Name" FROM SKY.star'), ['ra', 'Name', 'Name'])
    complains(
      'SELECT "name" FROM sky.star',
      /no column "name"/,
      '"name"',
      /must have the same case: it is Name/,
    )
    complains('SELECT * FROM sky."star"', /no table sky.star/, 'sky."star"', /Did you mean sky.Star\?/)
    assert.deepEqual(names('SELECT "2MASS ""id""" FROM shapes'), ['2MASS "id"'])
  })

  test('tables need no schema where they are unique', () => {
    assert.deepEqual(names('SELECT Star.ra, sky.star.dec FROM star'), ['ra', 'dec'])
    const two = tablesOf([star, otherStar])
    const [problem] = problems('SELECT ra FROM STAR', two)
    assert.match(problem!.message, /2 tables named STAR/)
    assert.match(problem!.hint!, /sky\.Star or old\.star/)
    assert.equal(problems('SELECT ra FROM "Star"', two).length, 0)
  })

  test('scopes: aliases, sub-queries, correlation, WITH', () => {
    assert.deepEqual(names('SELECT a.id, b.id AS other FROM star a, source AS b'), ['id', 'other'])
    assert.deepEqual(names('SELECT q.m FROM (SELECT mag AS m FROM star) AS q'), ['m'])
    assert.deepEqual(names('WITH star AS (SELECT flux FROM source) SELECT * FROM star'), ['flux'])
    assert.equal(
      problems('SELECT id FROM star s WHERE EXISTS (SELECT 1 FROM source WHERE source.id = s.id)').length,
      0,
    )
    complains('SELECT star.id FROM star AS s', /star cannot be used here/, 'star', /sky.Star is called s/)
    complains('SELECT id FROM star, (SELECT star.n AS m FROM source) AS q', /no table star in FROM/, 'star')
    complains('SELECT s.id FROM star s, source t JOIN shapes u ON s.id = u.k', /no table s in FROM/, 's')
  })

  test('ambiguous columns and doubled tables', () => {
    complains(
      'SELECT id FROM star, source',
      /ambiguous: it is in Star and source/,
      'id',
      /Star\.id or source\.id/,
    )
    complains(
      'SELECT 1 AS one FROM star AS a, source AS a',
      /two tables in FROM are called a/,
      'star AS a, source AS a',
    )
  })

  test('* in the order of FROM, columns of USING and NATURAL once', () => {
    const all = [...star.columns, ...source.columns].map(c => c.field.name)
    assert.deepEqual(names('SELECT * FROM star, source'), all)
    assert.deepEqual(names('SELECT source.*, star.n FROM star, source'), [
      ...source.columns.map(c => c.field.name),
      'n',
    ])
    const once = ['id', ...all.filter(n => n !== 'id')]
    assert.deepEqual(names('SELECT * FROM star JOIN source USING (id)'), once)
    assert.deepEqual(names('SELECT * FROM star NATURAL JOIN source'), once)
    assert.deepEqual(names('SELECT id FROM star RIGHT JOIN source USING (id)'), ['id'])
  })

  test('expressions without a name get one of their own', () => {
    assert.deepEqual(
      names('SELECT COUNT(*), COUNT(n), n + 1, MAX(n), n - 1, mag AS count FROM star GROUP BY n, mag'),
      ['count_2', 'count_3', 'expression', 'max', 'expression_2', 'count'],
    )
    assert.deepEqual(names('SELECT ra, ra FROM star'), ['ra', 'ra'])
  })
})

describe('metadata', () => {
  test('a plain column keeps all of it, through sub-queries, WITH and joins', () => {
    const ra = star.columns[1]!.field
    for (const adql of [
      'SELECT ra FROM star',
      'SELECT q.ra FROM (SELECT ra FROM star) AS q',
      'WITH w AS (SELECT * FROM star) SELECT ra FROM w',
      'SELECT ra FROM star UNION SELECT ra FROM star',
      'SELECT ra FROM star JOIN source USING (id)',
    ]) {
      assert.deepEqual(field(adql), ra)
      assert.deepEqual(sources(adql), ['sky.Star.ra'])
    }
    assert.deepEqual(field('SELECT ra AS alpha FROM star'), { ...ra, name: 'alpha' })
    assert.deepEqual(sources('SELECT ra + 1, id AS x FROM star'), [undefined, 'sky.Star.id'])
  })

  test('of aggregates and functions', () => {
    assert.deepEqual(field('SELECT MAX(mag) AS m FROM star'), {
      name: 'm',
      datatype: 'float',
      unit: 'mag',
      ucd: 'stat.max;phot.mag;em.opt.V',
    })
    assert.deepEqual(field('SELECT COUNT(*) AS c FROM star'), {
      name: 'c',
      datatype: 'long',
      ucd: 'meta.number',
    })
    assert.equal(field('SELECT DISTANCE(ra, dec, 0, 0) FROM star').unit, 'deg')
    assert.equal(field('SELECT mag * 2 FROM star').unit, 'mag')
    assert.deepEqual(field('SELECT CAST(Name AS CHAR(8)) FROM star'), {
      name: 'Name',
      datatype: 'char',
      arraysize: '8',
    })
    assert.equal(field("SELECT IN_UNIT(ra, 'arcsec') AS a FROM star").unit, 'arcsec')
  })

  test('types of expressions (ADQL 2.1 §3)', () => {
    const type = (expression: string) => {
      const { datatype, arraysize, xtype } = field(`SELECT ${expression} AS x FROM star`)
      return [datatype, arraysize, xtype].filter(Boolean).join(' ')
    }
    assert.equal(type('flag + flag'), 'short')
    assert.equal(type('flag + n'), 'int')
    assert.equal(type('n * id'), 'long')
    assert.equal(type('mag + mag'), 'float')
    assert.equal(type('mag + n'), 'double')
    assert.equal(type('n / 2'), 'int')
    assert.equal(type('n / 2.0'), 'double')
    assert.equal(type('3000000000'), 'long')
    assert.equal(type("'a' || 1"), 'char *')
    assert.equal(type('observed'), 'char * timestamp')
    assert.equal(type('POINT(ra, dec)'), 'double 2 point')
    assert.equal(type('CIRCLE(ra, dec, 1)'), 'double 3 circle')
    assert.equal(type('BOX(ra, dec, 1, 1)'), 'double * polygon')
    assert.equal(type('CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 1))'), 'int')
    assert.equal(type('COALESCE(n, 1.5)'), 'double')
    assert.equal(type('NULL'), 'char *')
    assert.equal(type('SUM(n)'), 'long')
    assert.equal(type('SUM(id)'), 'double')
    assert.equal(type('AVG(n)'), 'double')
    assert.equal(type('good'), 'boolean')
  })
})

describe('what is wrong', () => {
  test('all unknown names at once, each with its place and a suggestion', () => {
    const found = problems('SELECT raa, s.magg, foo(n) FROM Star AS s WHERE flux > 1')
    assert.deepEqual(
      found.map(f => [f.at, f.hint]),
      [
        ['raa', 'Did you mean ra?'],
        ['magg', 'Did you mean mag?'],
        ['foo', 'The capabilities of this service list its functions.'],
        ['flux', 'A column of this name is in sky.source.'],
      ],
    )
    try {
      compile('SELECT raa,\n  decc FROM Star', tables, { maxrec: 1 })
      assert.fail('it compiled')
    } catch (error) {
      assert.ok(error instanceof ServiceError)
      assert.equal(error.code, 'usage')
      assert.match(
        error.detail!,
        /line 2, column 3: there is no column decc\n {2}decc FROM Star\n {2}\^\^\^\^\nDid you mean dec\?/,
      )
      assert.deepEqual([error.problems[1]!.line, error.problems[1]!.column], [2, 3])
    }
  })

  test('tables', () => {
    complains('SELECT * FROM sky.stars', /no table sky.stars/, 'sky.stars', /sky\.Star/)
    complains(
      'SELECT * FROM cat.sky.star',
      /no table cat.sky.star/,
      'cat.sky.star',
      /no catalogs here; write sky.Star/,
    )
    complains('SELECT * FROM ski.star', /no table ski.star/, 'ski.star', /sky\.Star/)
    // What hangs on a table that is not there is no second mistake.
    complains('SELECT a.x, y FROM nothing AS a WHERE a.z > 3 AND y = 1', /no table nothing/, 'nothing')
  })

  test('aliases in WHERE', () => {
    complains(
      'SELECT mag - 1 AS m FROM star WHERE m > 3',
      /alias m cannot be used in WHERE/,
      'm',
      /repeat the expression/,
    )
  })

  test('text in double quotes', () => {
    complains(
      'SELECT ra FROM star WHERE Name = "M 31"',
      /no column "M 31"/,
      '"M 31"',
      /single quotes: 'M 31'/,
    )
  })

  test('types that do not go together, pointing at the literal', () => {
    complains(
      "SELECT ra FROM star WHERE mag < '15'",
      /a string is compared with a number \(mag\)/,
      "'15'",
      /Write 15 without quotes/,
    )
    complains(
      'SELECT ra FROM star WHERE Name = 5',
      /a number is compared with a string \(Name\)/,
      '5',
      /single quotes/,
    )
    complains("SELECT ra FROM star WHERE n IN (1, 'x')", /a string is compared/, "'x'")
    complains('SELECT Name + 1 FROM star', /\+ needs numbers/, 'Name', /CAST/)
    complains("SELECT ra FROM star WHERE mag LIKE '1%'", /LIKE compares strings/, 'mag')
    complains(
      "SELECT ra FROM star WHERE observed > 'yesterday'",
      /'yesterday' is not a time/,
      "'yesterday'",
      /2025-03-01T22:15:00/,
    )
    complains('SELECT ra FROM star WHERE n', /a condition is needed here, not a number/, 'n', /x = 1/)
    complains('SELECT ra FROM shapes, star WHERE spot > spot', /does not order shapes/, 'spot > spot')
    complains('SELECT k FROM shapes WHERE "values" = "values"', /an array is compared/, '"values"')
  })

  test('arguments, with the signature', () => {
    complains(
      'SELECT SQRT(Name) FROM star',
      /argument 1 \(x\) of SQRT cannot be a string/,
      'Name',
      /SQRT\(x DOUBLE\) -> DOUBLE/,
    )
    complains(
      'SELECT POWER(2) FROM star',
      /POWER does not take 1 argument/,
      'POWER(2)',
      /POWER\(x DOUBLE, y DOUBLE\)/,
    )
    complains('SELECT SQRRT(2) FROM star', /no function SQRRT/, 'SQRRT', /Did you mean SQRT\?/)
    complains(
      "SELECT ivo_simbadpoint('M31') FROM star",
      /not offered: object names are not resolved/,
      'ivo_simbadpoint',
    )
    complains(
      'SELECT POLYGON(1, 2, 3, 4, 5, 6, 7) FROM star',
      /come in pairs/,
      'POLYGON(1, 2, 3, 4, 5, 6, 7)',
    )
  })

  test('aggregates and groups', () => {
    complains('SELECT n, mag FROM star GROUP BY n', /mag is not in GROUP BY/, 'mag', /MIN\(mag\)/)
    complains('SELECT mag, COUNT(*) FROM star', /mag stands beside an aggregate/, 'mag')
    complains(
      'SELECT n FROM star WHERE COUNT(*) > 1 GROUP BY n',
      /COUNT cannot stand in WHERE/,
      'COUNT(*)',
      /HAVING/,
    )
    complains('SELECT MAX(MIN(n)) FROM star', /MIN cannot be nested in MAX/, 'MIN(n)')
    for (const fine of [
      'SELECT n + 1 AS m, COUNT(*) FROM star GROUP BY n',
      'SELECT FLOOR(mag) AS bin, COUNT(*) FROM star GROUP BY bin ORDER BY bin',
      'SELECT FLOOR(mag) + 1, COUNT(*) FROM star GROUP BY FLOOR(mag) HAVING MAX(n) > 1 ORDER BY COUNT(*) DESC',
      'SELECT COUNT(*) FROM star HAVING COUNT(*) > 1',
      'SELECT s.id FROM star s WHERE s.n = (SELECT MAX(t.n) FROM star t WHERE t.flag = s.flag)',
    ]) {
      assert.deepEqual(problems(fine), [], fine)
    }
  })

  test('ORDER BY and set operations', () => {
    complains('SELECT ra, dec FROM star ORDER BY 3', /no column 3 to order by/, '3')
    complains('SELECT DISTINCT n FROM star ORDER BY mag', /with DISTINCT/, 'mag')
    complains(
      'SELECT ra, dec FROM star UNION SELECT id FROM source',
      /2 and 1 columns/,
      'SELECT id FROM source',
    )
    complains(
      'SELECT ra FROM star UNION SELECT Name FROM star',
      /column 1 of UNION is ra \(double\)/,
      'SELECT Name FROM star',
    )
  })

  test('joins', () => {
    complains('SELECT * FROM star JOIN source USING (ra)', /right of this join has no column ra/, 'ra')
  })

  test('units', () => {
    complains("SELECT IN_UNIT(ra, 'kg') FROM star", /'deg' cannot be converted into 'kg'/, "'kg'")
    complains("SELECT IN_UNIT(n, 'deg') FROM star", /unit of this value is not known/, 'n')
    complains("SELECT IN_UNIT(ra, 'fooz') FROM star", /'fooz' is not a unit/, "'fooz'")
    complains('SELECT IN_UNIT(ra, Name) FROM star', /a unit in single quotes/, 'Name')
  })
})

test('nothing of the query but plain words reaches the SQL', () => {
  const evil = `x"; DROP TABLE t; --`
  const quoted = `"${evil.replaceAll('"', '""')}"`
  const compiled = compile(
    `WITH ${quoted} AS (SELECT ra AS ${quoted} FROM star) SELECT ${quoted}.${quoted} AS ${quoted}, 'it''s; --' FROM ${quoted} AS ${quoted}`,
    tables,
    { maxrec: 5 },
  )
  assert.doesNotMatch(compiled.text, /DROP|it's|;/)
  assert.deepEqual(compiled.values, ["it's; --"])
  assert.equal(compiled.fields[0]!.name, evil)
})

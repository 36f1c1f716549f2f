import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compile } from '../../src/adql/index.ts'
import { problems, tables } from './catalog.ts'

const sql = (adql: string, maxrec?: number) => compile(adql, tables, { maxrec }).text
/** What follows WHERE, for conditions on star. */
const where = (condition: string) => sql(`SELECT id FROM star WHERE ${condition}`).replace(/^.* WHERE /, '')

const POSITION = 'spoint(radians(star."ra"), radians(star."dec"))'
/** Where NaN must be NULL, and a wrong latitude an error. */
const CHECKED = 'adql.point(star."ra", star."dec")'
const CONE = `(${POSITION} <@ scircle(spoint(radians(10), radians(20)), radians(0.5)))`

describe('cones', () => {
  test('on the indexed position print the expression of the index', () => {
    for (const condition of [
      'CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) = 1',
      "1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 10, 20, 0.5))",
      "1 = CONTAINS(POINT('', star.ra, sky.star.dec), CIRCLE(POINT(10, 20), 0.5))",
      "0 < CONTAINS(POINT('J2000', ra, dec), CIRCLE('FK5', 10, 20, 1/2.0))",
      'CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) != 0',
      'INTERSECTS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) = 1',
      '1 = INTERSECTS(CIRCLE(10, 20, 0.5), POINT(ra, dec))',
      '1 = CONTAINS(POINT(10, 20), CIRCLE(ra, dec, 0.5))',
      'DISTANCE(POINT(ra, dec), POINT(10, 20)) < 0.5',
      'DISTANCE(ra, dec, 10, 20) <= 0.5',
      '0.5 > DISTANCE(10, 20, ra, dec)',
      'DISTANCE(ra, dec, 10, 20) * 3600 < 1800',
      '60 * DISTANCE(ra, dec, 10, 20) < 30.0',
      "CONTAINS(POINT(ra, dec), REGION('Circle ICRS 10 20 0.5')) = 1",
    ]) {
      assert.equal(where(condition).replace('(30.0::float8 / 60::float8)', '0.5'), CONE, condition)
    }
  })

  test('without the value 1 are turned round, and NULL stays NULL', () => {
    const turned = `(NOT ${CONE.replace(POSITION, CHECKED)})`
    for (const condition of [
      '0 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5))',
      'CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) <> 1',
      'NOT CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) = 1',
    ]) {
      assert.equal(where(condition), turned, condition)
    }
    assert.equal(
      where('n = 1 OR (mag < 3 AND 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)))'),
      `((star."n" = 1) OR ((star."mag" < 3) AND ${CONE}))`,
    )
    assert.match(
      sql('SELECT CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) FROM star'),
      /^SELECT \(\(adql\.point.*\)\)::int4 AS "contains"/,
    )
  })

  test('through sub-queries and WITH, too', () => {
    const inner = sql(
      'SELECT q.a FROM (SELECT ra AS a, dec AS d FROM star) AS q WHERE DISTANCE(q.a, q.d, 10, 20) < 0.5',
    )
    assert.match(inner, /spoint\(radians\(q\."a"\), radians\(q\."d"\)\) <@ scircle/)
  })

  test('over 90 degrees by distance; other positions are checked', () => {
    assert.equal(
      where('1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 120))'),
      `((${CHECKED} <-> spoint(radians(10), radians(20))) <= radians(120) + 1e-9)`,
    )
    assert.equal(
      where('1 = CONTAINS(POINT(dec, ra), CIRCLE(10, 20, 0.5))'),
      '(adql.point(star."dec", star."ra") <@ scircle(spoint(radians(10), radians(20)), radians(0.5)))',
    )
  })

  test('an annulus is within a cone', () => {
    assert.equal(
      where('DISTANCE(ra, dec, 10, 20) BETWEEN 0.1 AND 0.5'),
      `(${CONE} AND (degrees(${CHECKED} <-> spoint(radians(10), radians(20))) BETWEEN 0.1::float8 AND 0.5::float8))`,
    )
  })

  test('a distance that is not below a limit stays a distance', () => {
    for (const condition of [
      'DISTANCE(ra, dec, 10, 20) > 0.5',
      'DISTANCE(ra, dec, 10, 20) < 0',
      'NOT DISTANCE(ra, dec, 10, 20) < 0.5',
      'DISTANCE(ra, dec, 10, 20) < 500',
    ]) {
      assert.match(where(condition), /degrees\(adql\.point.* <-> spoint/, condition)
    }
  })
})

describe('cross-matches', () => {
  const A = 'spoint(radians(a."ra"), radians(a."dec"))'
  const B = 'spoint(radians(b."ra2000"), radians(b."dec2000"))'
  const [FROM_A, FROM_B] = ['adql.point(a."ra", a."dec")', 'adql.point(b."ra2000", b."dec2000")']
  const on = (condition: string, from = 'star AS a JOIN source AS b') =>
    sql(`SELECT a.id FROM ${from} ON ${condition}`)
      .replace(/^.* ON /, '')
      .replace(/\)$/, '')

  test('in any spelling; with two indexes both ways are said', () => {
    const both = `((${A} <@ scircle(${FROM_B}, radians(0.01))) AND (${B} <@ scircle(${FROM_A}, radians(0.01))))`
    const touching = on('1 = INTERSECTS(CIRCLE(a.ra, a.dec, 0.005), CIRCLE(b.ra2000, b.dec2000, 0.005))')
    assert.equal(touching, both)
    const swapped = `((${B} <@ scircle(${FROM_A}, radians(0.01))) AND (${A} <@ scircle(${FROM_B}, radians(0.01))))`
    for (const condition of [
      'DISTANCE(POINT(a.ra, a.dec), POINT(b.ra2000, b.dec2000)) < 0.01',
      'DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000) <= 0.01',
      '0.01 >= DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000)',
      '1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra2000, b.dec2000, 0.01))',
      "CONTAINS(POINT('ICRS', a.ra, a.dec), CIRCLE('ICRS', b.ra2000, b.dec2000, 0.01)) = 1",
    ]) {
      assert.equal(on(condition), both, condition)
    }
    assert.equal(on('1 = CONTAINS(POINT(b.ra2000, b.dec2000), CIRCLE(a.ra, a.dec, 0.01))'), swapped)
    assert.match(
      sql('SELECT a.id FROM star a, source b WHERE DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000) < 0.01'),
      /WHERE \(\(spoint/,
    )
  })

  test('with one index that one is on the left', () => {
    const from = 'shapes AS a JOIN source AS b'
    const expected = `(${B} <@ scircle(adql.point(a."x", a."y"), radians(0.01)))`
    const shapes = (condition: string) =>
      sql(`SELECT a.k FROM ${from} ON ${condition}`)
        .replace(/^.* ON /, '')
        .replace(/\)$/, '')
    assert.equal(shapes('DISTANCE(a.x, a.y, b.ra2000, b.dec2000) < 0.01'), expected)
    assert.equal(shapes('1 = CONTAINS(POINT(a.x, a.y), CIRCLE(b.ra2000, b.dec2000, 0.01))'), expected)
  })

  test('a radius from a row stands on the side of its own row', () => {
    const expected = `(${A} <@ adql.circle(${FROM_B}, b."radius"))`
    assert.equal(on('DISTANCE(a.ra, a.dec, b.ra2000, b.dec2000) < b.radius'), expected)
    assert.equal(on('DISTANCE(b.ra2000, b.dec2000, a.ra, a.dec) < b.radius'), expected)
    assert.equal(on('1 = CONTAINS(POINT(b.ra2000, b.dec2000), CIRCLE(a.ra, a.dec, b.radius))'), expected)
  })
})

describe('limits', () => {
  test('of the result are the smaller of TOP and maxrec + 1', () => {
    assert.match(sql('SELECT TOP 5 id FROM star', 100), / LIMIT 5$/)
    assert.match(sql('SELECT TOP 500 id FROM star', 100), / LIMIT 101$/)
    assert.match(sql('SELECT id FROM star', 100), / LIMIT 101$/)
    assert.match(sql('SELECT TOP 0 id FROM star', 100), / LIMIT 0$/)
    assert.match(sql('SELECT TOP 5 id FROM star ORDER BY id OFFSET 2', 100), / ORDER BY 1 LIMIT 5 OFFSET 2$/)
    assert.doesNotMatch(sql('SELECT id FROM star'), /LIMIT/)
  })

  test('of operands stay with them', () => {
    assert.equal(
      sql('SELECT TOP 2 id FROM star UNION ALL SELECT TOP 2 id FROM source', 10),
      '(SELECT star."id" FROM "sky"."star" AS star LIMIT 2) UNION ALL (SELECT source."id" FROM "sky"."source" AS source LIMIT 2) LIMIT 11',
    )
    assert.match(
      sql('SELECT q.id FROM (SELECT TOP 3 id FROM star) AS q', 10),
      /\(SELECT star."id" FROM "sky"."star" AS star LIMIT 3\) AS q LIMIT 11$/,
    )
  })
})

describe('the rest of the language', () => {
  test('strings are parameters, one for each text', () => {
    const compiled = compile(
      "SELECT 'a' || Name || 'a' FROM star WHERE Name LIKE 'S_a%' OR Name = 'S_a%'",
      tables,
      { maxrec: 1 },
    )
    assert.deepEqual(compiled.values, ['a', 'S_a%'])
    assert.match(compiled.text, /LIKE \$2::text ESCAPE ''\) OR \(star\."name" = \$2::text\)/)
  })

  test('ORDER BY takes an alias before a column, and an expression', () => {
    assert.match(sql('SELECT mag AS n, id FROM star ORDER BY n, id DESC'), / ORDER BY 1, 2 DESC$/)
    assert.match(sql('SELECT id FROM star ORDER BY mag - n'), / ORDER BY \(star\."mag" - star\."n"\)$/)
    assert.match(sql('SELECT DISTINCT n + 1 FROM star ORDER BY n + 1'), / ORDER BY 1$/)
    assert.match(
      sql('SELECT id FROM star UNION SELECT id FROM source ORDER BY id OFFSET 3'),
      /\) ORDER BY 1 OFFSET 3$/,
    )
    assert.match(
      sql('SELECT id FROM star UNION SELECT id FROM source ORDER BY -id'),
      /^SELECT united\."id" FROM \(.*\) AS united ORDER BY \(- united\."id"\)$/,
    )
  })

  test('USING becomes ON, FULL joins coalesce', () => {
    assert.equal(
      sql('SELECT id FROM star FULL OUTER JOIN source USING (id)'),
      'SELECT coalesce(star."id", source."id") AS "id" FROM ("sky"."star" AS star FULL JOIN "sky"."source" AS source ON (star."id" = source."id"))',
    )
  })

  test('times travel as ISO text, shapes as arrays of degrees', () => {
    assert.match(
      sql('SELECT observed FROM star'),
      /^SELECT btrim\(to_json\(star\."observed"\)::text, '"'\) AS "observed"/,
    )
    assert.match(
      sql('SELECT POINT(10, 20), CIRCLE(1, 2, 3), POLYGON(1, 2, 3, 4, 5, 7) FROM star'),
      /^SELECT ARRAY\[10,20\]::float8\[\] AS "point", ARRAY\[1,2,3\]::float8\[\] AS "circle", ARRAY\[1,2,3,4,5,7\]/,
    )
    assert.match(
      sql('SELECT spot, ring, area, pair FROM shapes'),
      /adql\.degrees\(shapes\."spot"\).*adql\.degrees\(shapes\."area"\) AS "area", shapes\."pair" FROM/,
    )
  })

  test('numbers and names that PostgreSQL would read otherwise', () => {
    assert.match(sql('SELECT n FROM star GROUP BY n, 1'), / GROUP BY star\."n", \(1\)::int4$/)
    assert.match(
      sql('SELECT "user".id FROM star AS "user"'),
      /^SELECT user_\."id" FROM "sky"\."star" AS user_$/,
    )
    assert.match(sql('SELECT big FROM shapes'), /\(shapes\."big"::float8\)/)
  })

  test('advice and extensions are said', () => {
    const infos = (adql: string) => compile(adql, tables, { maxrec: 1 }).infos
    assert.match(
      infos('SELECT id FROM star WHERE DISTANCE(ra, dec, 1, 2) < 5/3600')[0]!,
      /5\/3600 divides integers and gives 0; write 5\.0\/3600/,
    )
    assert.deepEqual(infos('SELECT id FROM star WHERE DISTANCE(ra, dec, 1, 2) < 5./3600'), [])
    assert.match(infos('SELECT RAND(3) FROM star')[0]!, /seed of RAND has no effect/)
  })
})

test('origins lead from every piece of the SQL to the query', () => {
  const adql = "SELECT SQRT(mag) + 1, CAST(Name AS INTEGER) FROM star WHERE Name = 'x'"
  const { text, origins } = compile(adql, tables, { maxrec: 5 })
  const pairs = origins.map(o => [text.slice(o.sqlStart, o.sqlEnd), adql.slice(o.span.start, o.span.end)])
  for (const expected of [
    ['star."mag"', 'mag'],
    ['sqrt(star."mag"::float8)', 'SQRT(mag)'],
    ['(sqrt(star."mag"::float8) + 1)', 'SQRT(mag) + 1'],
    ['(star."name")::int4', 'CAST(Name AS INTEGER)'],
    ['$1::text', "'x'"],
  ]) {
    assert.ok(
      pairs.some(p => p[0] === expected[0] && p[1] === expected[1]),
      `${expected} in ${JSON.stringify(pairs)}`,
    )
  }
})

describe('constant shapes are checked in the query', () => {
  const complains = (condition: string, message: RegExp, at: string) => {
    const found = problems(`SELECT id FROM star WHERE ${condition}`)
    assert.equal(found.length, 1, JSON.stringify(found))
    assert.match(found[0]!.message, message)
    assert.equal(found[0]!.at, at)
  }
  test('positions, radii, boxes, polygons, frames', () => {
    complains('1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 95, 1))', /latitude 95 is not within/, '95')
    complains('1 = CONTAINS(POINT(ra, 91), CIRCLE(10, 5, 1))', /latitude 91/, '91')
    complains('1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 5, -1))', /radius -1 is not within 0 and 180/, '-1')
    complains('1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 5, 181))', /radius 181/, '181')
    complains('1 = INTERSECTS(CIRCLE(10, 5, 100), BOX(ra, dec, 1, 1))', /more than 90 degrees/, '100')
    complains('1 = CONTAINS(POINT(ra, dec), BOX(10, 5, 0, 1))', /BOX cannot be 0 degrees/, '0')
    complains(
      '1 = CONTAINS(POINT(ra, dec), POLYGON(0,0, 1,1, 1,0, 0,1))',
      /this POLYGON has edges that cross/,
      'POLYGON(0,0, 1,1, 1,0, 0,1)',
    )
    complains(
      '1 = CONTAINS(POINT(ra, dec), POLYGON(0,0, 1,1, 0,0))',
      /three different vertices/,
      'POLYGON(0,0, 1,1, 0,0)',
    )
    complains(
      '1 = CONTAINS(POINT(ra, dec), POLYGON(0,0, 180,0, 90,45))',
      /edge between opposite points/,
      'POLYGON(0,0, 180,0, 90,45)',
    )
    complains("1 = CONTAINS(POINT('MARS', ra, dec), CIRCLE(10, 5, 1))", /'MARS' is not known/, "'MARS'")
    complains(
      "1 = CONTAINS(POINT(ra, dec), REGION('Ellipse ICRS 1 2 3 4 5'))",
      /ELLIPSE is not offered/,
      "'Ellipse ICRS 1 2 3 4 5'",
    )
    complains(
      "1 = CONTAINS(POINT(ra, dec), REGION('circle 1 2'))",
      /CIRCLE does not take 2 numbers/,
      "'circle 1 2'",
    )
  })
})

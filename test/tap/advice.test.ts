/** Each piece of advice, on a query that needs it and on one like it that does not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from '../../src/adql/parser.ts'
import { resolve } from '../../src/adql/resolve.ts'
import { type TableMeta, tablesOf } from '../../src/adql/tables.ts'
import { type Advised, advise, type Suggestion } from '../../src/tap/advice.ts'
import type { Field } from '../../src/votable/field.ts'

const column = (name: string, datatype: Field['datatype'], indexed = false, principal = true) => ({
  field: { name, datatype },
  sqlName: name.toLowerCase(),
  indexed,
  principal,
})

const object: TableMeta = {
  schema: 'demo',
  name: 'object',
  sqlSchema: 'demo',
  sqlName: 'object',
  columns: [
    column('objectid', 'long', true),
    column('ra', 'double', true),
    column('dec', 'double', true),
    column('l', 'double'),
    column('b', 'double'),
    column('flux', 'double', true),
    ...Array.from({ length: 25 }, (_, i) => column(`extra${i}`, 'float', false, false)),
  ],
  position: { ra: 'ra', dec: 'dec' },
  rows: 5_000_000,
}
const source: TableMeta = {
  ...object,
  name: 'source',
  sqlName: 'source',
  columns: object.columns.slice(0, 6),
  rows: 80_000_000,
}
const tables = tablesOf([object, source])

function advice(text: string, given: Partial<Advised> = {}): readonly Suggestion[] {
  const parsed = parse(text).query
  const resolution = resolve(parsed, tables)
  assert.deepEqual(resolution.complaints, [], text)
  return advise({
    text,
    query: resolution.query,
    isSet: parsed.body.kind === 'set',
    estimate: { rows: 10, bytes: 1000, seconds: 0.1 },
    facts: { class: 'full scan', index: null, scanned: [] },
    maxrec: 100_000,
    syncSeconds: 300,
    uncounted: [],
    ...given,
  }).suggestions
}

/** What the query becomes with its one suggestion. */
function rewritten(text: string): string {
  const found = advice(text)
  assert.equal(found.length, 1, `${text}\n${JSON.stringify(found, null, 1)}`)
  const { start, end, replacement } = found[0]!
  assert.ok(replacement !== undefined, found[0]!.message)
  const made = text.slice(0, start) + replacement + text.slice(end)
  assert.deepEqual(resolve(parse(made).query, tables).complaints, [], made)
  return made
}

const WHERE = 'SELECT objectid FROM demo.object WHERE '

describe('a cone without CONTAINS', () => {
  const spellings = [
    'ACOS(SIN(RADIANS(dec))*SIN(RADIANS(2.2)) + COS(RADIANS(dec))*COS(RADIANS(2.2))*COS(RADIANS(ra-150.1))) < RADIANS(0.5)',
    'DEGREES(ACOS(SIN(RADIANS(2.2))*SIN(RADIANS(dec)) + COS(RADIANS(2.2))*COS(RADIANS(dec))*COS(RADIANS(150.1-ra)))) <= 0.5',
    'ACOS(SIN(dec*PI()/180)*SIN(2.2*PI()/180) + COS(dec*PI()/180)*COS(2.2*PI()/180)*COS((ra-150.1)*PI()/180))*180/PI() < 0.5',
    'SIN(RADIANS(dec))*SIN(RADIANS(2.2)) + COS(RADIANS(dec))*COS(RADIANS(2.2))*COS(RADIANS(ra)-RADIANS(150.1)) > COS(RADIANS(0.5))',
    '2*DEGREES(ASIN(SQRT(POWER(SIN(RADIANS(dec-2.2)/2),2) + COS(RADIANS(dec))*COS(RADIANS(2.2))*POWER(SIN(RADIANS(ra-150.1)/2),2)))) < 0.5',
    '0.5 > DEGREES(ACOS(SIN(RADIANS(dec))*SIN(0.03839724354387525) + COS(RADIANS(dec))*COS(0.03839724354387525)*COS(RADIANS(ra-150.1))))',
  ]
  for (const spelling of spellings) {
    it(spelling.slice(0, 60), () => {
      assert.equal(
        rewritten(WHERE + spelling),
        `${WHERE}1 = CONTAINS(POINT(ra, dec), CIRCLE(150.1, 2.2, 0.5))`,
      )
    })
  }

  it('has its radius as it is written: arcseconds over 3600', () => {
    const formula = spellings[0]!.replace('RADIANS(0.5)', 'RADIANS(5/3600.)')
    assert.equal(
      rewritten(WHERE + formula),
      `${WHERE}1 = CONTAINS(POINT(ra, dec), CIRCLE(150.1, 2.2, 5/3600.))`,
    )
  })

  it('as if ra and dec were flat is a cone, with a word on cos(dec)', () => {
    for (const flat of [
      'SQRT(POWER(ra - 150.1, 2) + POWER(dec - 60, 2)) < 0.1',
      '(ra-150.1)*(ra-150.1) + (dec-60)*(dec-60) < 0.01',
    ]) {
      const [found] = advice(WHERE + flat)
      assert.equal(found?.replacement, '1 = CONTAINS(POINT(ra, dec), CIRCLE(150.1, 60, 0.1))', flat)
      assert.match(found?.hint ?? '', /cos\(dec\)/)
    }
    const right = 'POWER((ra-150.1)*COS(RADIANS(60)), 2) + POWER(dec-60, 2) < 0.01'
    const [found] = advice(WHERE + right)
    assert.equal(found?.replacement, '1 = CONTAINS(POINT(ra, dec), CIRCLE(150.1, 60, 0.1))')
  })

  it('in a sub-query and with an alias', () => {
    const text = `SELECT COUNT(*) AS n FROM (SELECT o.ra FROM demo.object AS o JOIN demo.source AS s ON o.objectid = s.objectid WHERE ${spellings[0]!.replaceAll('dec', 'o.dec').replaceAll('ra-', 'o.ra-')}) AS q`
    assert.match(
      rewritten(text),
      /WHERE 1 = CONTAINS\(POINT\(o\.ra, o\.dec\), CIRCLE\(150\.1, 2\.2, 0\.5\)\)\) AS q$/,
    )
  })

  it('is not seen in other conditions on ra and dec', () => {
    for (const other of [
      'ra * dec < 5',
      'ra + dec > 100',
      'ABS(ra - 150) < dec',
      'SIN(RADIANS(dec)) > COS(RADIANS(ra))',
    ])
      assert.deepEqual(advice(WHERE + other), [], other)
  })
})

describe('a box of ranges', () => {
  it('gets a circle around it', () => {
    assert.equal(
      rewritten(`${WHERE}ra BETWEEN 149.8 AND 150.2 AND dec BETWEEN -0.1 AND 0.1`),
      `${WHERE}ra BETWEEN 149.8 AND 150.2 AND 1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 0, 0.22363)) AND dec BETWEEN -0.1 AND 0.1`,
    )
    assert.match(
      rewritten(`${WHERE}ra > 149.8 AND ra < 150.2 AND dec > -0.1 AND 0.1 >= dec`),
      /CIRCLE\(150, 0, 0\.22363\)/,
    )
  })

  it('is told that ra begins anew', () => {
    assert.equal(
      rewritten(`${WHERE}ra BETWEEN 359 AND 1 AND dec BETWEEN -1 AND 1`),
      `${WHERE}(ra >= 359 OR ra <= 1) AND dec BETWEEN -1 AND 1`,
    )
  })

  it('is left alone beside a region, without all four bounds, and where it is most of the sky', () => {
    for (const fine of [
      'ra BETWEEN 1 AND 2 AND dec BETWEEN 1 AND 2 AND 1 = CONTAINS(POINT(ra, dec), CIRCLE(1.5, 1.5, 1))',
      'ra BETWEEN 1 AND 2 AND dec > 1',
      'ra BETWEEN 0 AND 360 AND dec BETWEEN -90 AND 90',
    ])
      assert.deepEqual(advice(WHERE + fine), [], fine)
  })
})

describe('an index that is not used', () => {
  it('solves for the column', () => {
    const cases: readonly [string, string][] = [
      ['objectid + 0 = 5', 'objectid = 5'],
      ['LOG10(flux) > 3', 'flux > 1000'],
      ['31.4 - 2.5 * LOG10(flux) < 21.4', 'flux > 10000'],
      ['10 >= flux / 2.0', 'flux <= 20'],
      ['-flux < -1', 'flux > 1'],
    ]
    for (const [condition, better] of cases) assert.equal(rewritten(WHERE + condition), WHERE + better)
  })

  it('says so where it cannot', () => {
    for (const condition of ['ABS(flux) < 3', 'FLOOR(flux) = 3', 'MOD(objectid, 7) = 1', 'objectid * 2 = 4'])
      assert.match(
        advice(WHERE + condition)[0]?.message ?? '',
        /^the index on (flux|objectid) of demo\.object/,
      )
  })

  it('is content with the bare column, other columns, and other tables on the other side', () => {
    for (const fine of ['objectid = 5', 'flux > 2 * 3', 'l + 1 = 5', 'objectid IN (1, 2)'])
      assert.deepEqual(advice(WHERE + fine), [], fine)
    const join = 'SELECT o.l FROM demo.object o JOIN demo.source s ON o.objectid = s.objectid + 1'
    assert.deepEqual(advice(join), [])
  })

  it('is that of the position: coordinates exchanged, or in another frame', () => {
    assert.equal(
      rewritten(`${WHERE}1 = CONTAINS(POINT(dec, ra), CIRCLE(150, 2, 1))`),
      `${WHERE}1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 1))`,
    )
    const [found] = advice(`${WHERE}1 = CONTAINS(POINT('GALACTIC', l, b), CIRCLE('GALACTIC', 0, 90, 1))`)
    assert.match(found?.hint ?? '', /CONTAINS\(POINT\(ra, dec\), CIRCLE\(192\.859\d+, 27\.128\d+, 1\)\)/)
    assert.match(advice(`${WHERE}DISTANCE(POINT(l, b), POINT(1, 2)) < 1`)[0]?.message ?? '', /has no index/)
    assert.deepEqual(advice(`${WHERE}DISTANCE(POINT(ra, dec), POINT(1, 2)) < 1`), [])
  })
})

describe('values', () => {
  it('DISTANCE and CIRCLE are in degrees', () => {
    const join =
      'SELECT o.l FROM demo.object o JOIN demo.source s ON DISTANCE(POINT(o.ra, o.dec), POINT(s.ra, s.dec)) < '
    assert.equal(rewritten(`${join}2`), `${join}2/3600.`)
    assert.deepEqual(advice(`${join}2/3600.`), [])
    assert.match(
      rewritten(`${WHERE}1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 30))`),
      /CIRCLE\(150, 2, 30\/3600\.\)/,
    )
    assert.deepEqual(advice(`${WHERE}1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 3))`), [])
  })

  it('NOT IN a sub-query', () => {
    const found = advice(`${WHERE}objectid NOT IN (SELECT objectid FROM demo.source)`)
    assert.match(found[0]?.hint ?? '', /NOT EXISTS .* = objectid/)
    assert.deepEqual(advice(`${WHERE}objectid IN (SELECT objectid FROM demo.source)`), [])
  })
})

describe('the result', () => {
  const large = { estimate: { rows: 4_000_000, bytes: 4e8, seconds: 20 } }

  it('ORDER BY without TOP', () => {
    const [found] = advice('SELECT objectid FROM demo.object ORDER BY flux', large)
    assert.equal(found?.replacement, 'SELECT TOP 1000')
    const [distinct] = advice('select distinct flux from demo.object order by flux', large)
    assert.equal(distinct?.replacement, 'select distinct TOP 1000')
    assert.deepEqual(advice('SELECT TOP 10 objectid FROM demo.object ORDER BY flux', large), [])
    assert.deepEqual(advice('SELECT objectid FROM demo.object ORDER BY flux'), [])
  })

  it('* of many columns', () => {
    const [found] = advice('SELECT o.* FROM demo.object AS o', large)
    assert.match(found?.message ?? '', /31 columns/)
    assert.equal(found?.replacement, 'objectid, ra, dec, l, b, flux')
    assert.deepEqual(advice('SELECT * FROM demo.source', large), [])
    assert.deepEqual(advice('SELECT * FROM demo.object'), [])
  })

  it('COUNT(*) of a whole table', () => {
    assert.match(advice('SELECT COUNT(*) FROM demo.object')[0]?.message ?? '', /has 5,000,000 rows/)
    assert.deepEqual(advice('SELECT COUNT(*) FROM demo.object WHERE flux > 1'), [])
    assert.deepEqual(advice('SELECT COUNT(flux) FROM demo.object'), [])
  })

  it('too long for sync, and every row against every row', () => {
    const slow = { estimate: { rows: 1, bytes: 1, seconds: 900 } }
    assert.match(advice('SELECT AVG(flux) AS f FROM demo.source', slow)[0]?.hint ?? '', /\/tap\/async/)
    const facts = { class: 'nested scan', index: null, scanned: [] } as const
    const cross = 'SELECT a.l FROM demo.object AS a, demo.object AS b WHERE a.flux < b.flux'
    assert.match(advice(cross, { facts })[0]?.message ?? '', /every row of one table/)
  })

  it('says where MAXREC cuts, and what is a guess', () => {
    const resolution = resolve(parse('SELECT objectid FROM demo.object').query, tables)
    const { infos } = advise({
      text: 'SELECT objectid FROM demo.object',
      query: resolution.query,
      isSet: false,
      ...large,
      facts: { class: 'full scan', index: null, scanned: [object] },
      maxrec: 100_000,
      syncSeconds: 300,
      uncounted: [source],
    })
    assert.match(infos[0] ?? '', /4,000,000 rows, of which MAXREC lets the first 100,000/)
    assert.match(infos[1] ?? '', /demo\.source/)
  })
})

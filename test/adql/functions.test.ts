import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type pg from 'pg'
import { declaredFeatures } from '../../src/adql/features.ts'
import { FORMS } from '../../src/adql/functions.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'
import { answer, CREATE, connect, problems, run } from './catalog.ts'

let client: pg.Client
after(() => client.end())
const url = await testDatabase()
before(async () => {
  client = await connect(url)
  await client.query(CREATE)
})

/** Values of expressions over one row: star 1 has n = 1, mag = 10.1, flag = 1, name 'Star 1'. */
const values = (expressions: string) => answer(client, `SELECT ${expressions} FROM star WHERE id = 1`)

function near(actual: unknown, expected: number, relative = 1e-12): void {
  const difference = Math.abs((actual as number) - expected)
  assert.ok(difference <= relative * Math.max(1, Math.abs(expected)), `${actual} instead of ${expected}`)
}

/** Each expression with its known answer. */
const KNOWN: readonly (readonly [expression: string, expected: number | string | bigint | null])[] = [
  // ADQL 2.1 §2.3
  ['ABS(-3)', 3],
  ['ABS(-2.5)', 2.5],
  ['CEILING(1.2)', 2],
  ['CEILING(-1.2)', -1],
  ['FLOOR(-1.2)', -2],
  ['DEGREES(PI())', 180],
  ['RADIANS(180)', Math.PI],
  ['EXP(1)', Math.E],
  ['LOG(EXP(2))', 2],
  ['LOG(10)', Math.LN10],
  ['LOG10(1000)', 3],
  ['MOD(7, 3)', 1],
  ['MOD(-7, 3)', -1],
  ['MOD(7, -3)', 1],
  ['MOD(7.5, 2)', 1.5],
  ['MOD(-7.5, 2)', -1.5],
  ['MOD(0.3, 0.1)', 0.3 % 0.1],
  ['7 % 3', 1],
  ['POWER(2, 10)', 1024],
  ['POWER(2, -1)', 0.5],
  ['SQRT(2)', Math.SQRT2],
  ['ROUND(2.5)', 3],
  ['ROUND(-2.5)', -3],
  ['ROUND(2.4999)', 2],
  ['ROUND(1234.5678, 2)', 1234.57],
  ['ROUND(1234.5678, -2)', 1200],
  ['ROUND(1250, -2)', 1300],
  ['TRUNCATE(1234.5678)', 1234],
  ['TRUNCATE(-1234.5678, 1)', -1234.5],
  ['TRUNCATE(1299.9, -2)', 1200],
  ['ROUND(mag, 3)', 10.1],
  ['ACOS(0)', Math.PI / 2],
  ['ASIN(1)', Math.PI / 2],
  ['ATAN(1)', Math.PI / 4],
  ['ATAN2(1, -1)', (3 * Math.PI) / 4],
  ['ATAN2(-1, 0)', -Math.PI / 2],
  ['COS(PI())', -1],
  ['COT(1)', 1 / Math.tan(1)],
  ['SIN(1)', Math.sin(1)],
  ['TAN(1)', Math.tan(1)],
  // arithmetic as SQL has it
  ['7 / 2', 3],
  ['-7 / 2', -3],
  ['7 / 2.', 3.5],
  ['2 + 3 * 4 - 6 / 3', 12],
  ['(2 + 3) * 4', 20],
  ['-(-3)', 3],
  ['- -3', 3],
  ['1.5e-3 * 2', 0.003],
  // strings
  ["'a' || 'b' || 1", 'ab1'],
  ["UPPER('aß') || LOWER('ÀB')", 'Aßàb'],
  ["'it''s'", "it's"],
  ['COALESCE(NULL, n + 1, 3)', 2],
  ["COALESCE(NULL, 'x')", 'x'],
  ["LENGTH('äöü')", 3],
  // CAST, ADQL 2.1 §4.7
  ["CAST('12' AS INTEGER)", 12],
  ["CAST('1e3' AS DOUBLE PRECISION)", 1000],
  ["CAST('1.5' AS REAL)", 1.5],
  ['CAST(3000000000 AS BIGINT)', 3000000000n],
  ['CAST(7.0 AS SMALLINT)', 7],
  ["CAST('abcdef' AS CHAR(3))", 'abc'],
  ["CAST('ab' AS CHAR(3)) || '|'", 'ab |'],
  ["CAST('abcdef' AS VARCHAR(4))", 'abcd'],
  ['CAST(12 AS VARCHAR)', '12'],
  ["CAST('2024-02-29T12:00:00' AS TIMESTAMP)", '2024-02-29T12:00:00'],
  ["CAST('2024-02-29' AS TIMESTAMP)", '2024-02-29T00:00:00'],
  ["CAST('2024-02-29T12:00:00.25Z' AS TIMESTAMP)", '2024-02-29T12:00:00.25'],
  ['CAST(observed AS VARCHAR(16))', '2024-01-01T01:00'],
  ['CAST(NULL AS INTEGER)', null],
  ['observed', '2024-01-01T01:00:00.5'],
  // IN_UNIT, ADQL 2.1 §4.9
  ["IN_UNIT(pmra, 'arcsec/yr')", -0.002],
  ["IN_UNIT(SQRT(POWER(pmra, 2) + POWER(pmdec, 2)), 'rad/yr')", (Math.sqrt(5) * Math.PI) / 180 / 3.6e6],
  // user defined
  ["ivo_to_jd('2000-01-02T12:00:00')", 2451546],
  ["ivo_to_jd('1910-12-31T06:00:00')", 2419036.75],
  ["ivo_to_mjd('2000-01-02T12:00:00')", 51545.5],
  ['ivo_to_jd(NULL)', null],
  ["ivo_hms_to_degrees('3:34:45.4')", 53.68916666666667],
  ["ivo_hms_to_degrees('033445.4')", 53.68916666666667],
  ["ivo_hms_to_degrees('3h34m45.4s')", 53.68916666666667],
  ["ivo_hms_to_degrees('nonsense')", null],
  ["ivo_dms_to_degrees('42:9:6.768')", 42.15188],
  ["ivo_dms_to_degrees('-00:30:00')", -0.5],
  ["ivo_dms_to_degrees('-1d30m')", -1.5],
  ["ivo_nocasematch('ABcabc', 'ab__bc')", 1],
  ["ivo_nocasematch('abcabc', 'abcab')", 0],
  ["ivo_hasword('Miller and Urey have', 'miller')", 1],
  ["ivo_hasword('shown that a primordial', 'shown primordial')", 1],
  ["ivo_hasword('shown that a primordial', 'shown soup')", 0],
  ["ivo_hashlist_has('Red#green#blue', 'red')", 1],
  ["ivo_hashlist_has('red#green#blue', 're')", 0],
  ["ivo_hashlist_has('red#green#blue', 'red#green')", 0],
  ['ivo_interval_overlaps(-3, -2, 2, 3)', 0],
  ['ivo_interval_overlaps(-2, 55.3, 2, 3)', 1],
  ['ivo_interval_overlaps(-2, 55.3, 3, 2)', 0],
  ['ivo_interval_overlaps(-2, 2, 2, 3)', 1],
  ['ivo_interval_overlaps(-2, NULL, 2, 3)', null],
  ['scisql_nanojanskyToAbMag(3630780547.7010)', 7.5],
  ['scisql_nanojanskyToAbMag(1000)', 23.9],
  ['scisql_nanojanskyToAbMag(-1)', null],
  ['scisql_abMagToNanojansky(31.4)', 1],
  ['scisql_nanojanskyToAbMagSigma(100, 1)', 2.5 / Math.LN10 / 100],
  ['scisql_fluxToAbMag(3.630780547701e-20)', 0],
  ['SIGN(-3)', -1],
  ['GREATEST(1, 3, 2)', 3],
  ['LEAST(1.5, 3, 2)', 1.5],
  ['CBRT(27)', 3],
  ['WIDTH_BUCKET(5.5, 0, 10, 10)', 6],
  ['gaia_healpix_index(0, 4295806720)', 0n],
]

describe('functions with known answers', () => {
  for (const [expression, expected] of KNOWN) {
    test(expression, async () => {
      const [actual] = await values(expression)
      if (typeof expected === 'number' && typeof actual === 'number') near(actual, expected)
      else assert.equal(actual, expected)
    })
  }

  test('every function of the table can be called, and its columns are of the declared type', async () => {
    const sample: Record<string, string> = {
      INTEGER: '3',
      BIGINT: '5',
      DOUBLE: '0.5',
      NUMERIC: '0.5',
      VARCHAR: "'1:2:3'",
      TIMESTAMP: "'2024-01-01'",
      POINT: 'POINT(1, 2)',
      GEOMETRY: 'CIRCLE(1, 2, 3)',
      ANY: '1',
    }
    for (const form of FORMS) {
      if (['POLYGON', 'REGION', 'COUNT', 'ivo_geom_transform', 'gavo_transform'].includes(form.name)) continue
      const args = form.parameters.map(p => sample[p.type])
      if (form.name === 'WIDTH_BUCKET' || form.name.endsWith('_histogram'))
        args.splice(0, 4, '0.5', '0', '1', '2')
      const over = form.kind === 'window' ? ' OVER ()' : ''
      const rows = await run(client, `SELECT ${form.name}(${args.join(', ')})${over} FROM star WHERE id = 1`)
      assert.equal(rows.length, 1, form.signature)
    }
  })

  test('RAND and ivo_normal_random differ from row to row', async () => {
    const rows = await run(client, 'SELECT RAND(), RAND(5), ivo_normal_random(100, 1) FROM star')
    for (const column of [0, 1]) {
      const found = rows.map(r => r[column] as number)
      assert.ok(new Set(found).size > 2900 && found.every(x => x >= 0 && x < 1))
    }
    const normal = rows.map(r => r[2] as number)
    const mean = normal.reduce((a, b) => a + b) / normal.length
    const sigma = Math.sqrt(normal.reduce((s, x) => s + (x - mean) ** 2, 0) / normal.length)
    assert.ok(Math.abs(mean - 100) < 0.15 && Math.abs(sigma - 1) < 0.1, `${mean} ${sigma}`)
  })
})

describe('aggregates', () => {
  test('agree with the same in JavaScript', async () => {
    const rows = (await run(client, 'SELECT n, mag, id, flag FROM star')) as [
      number | null,
      number,
      bigint,
      number,
    ][]
    const n = rows.flatMap(r => (r[0] === null ? [] : [r[0]]))
    const mag = rows.map(r => Math.fround(r[1]))
    const sum = (list: number[]) => list.reduce((a, b) => a + b, 0)
    const [count, countN, distinct, sumN, avgN, avgMag, minMag, maxId, sumId, stddev, median] = await answer(
      client,
      `SELECT COUNT(*), COUNT(n), COUNT(DISTINCT n), SUM(n), AVG(n), AVG(mag), MIN(mag), MAX(id), SUM(id), STDDEV(mag),
       MEDIAN(n) FROM star`,
    )
    assert.deepEqual([count, countN, distinct, sumN], [3000n, BigInt(n.length), 9n, BigInt(sum(n))])
    near(avgN, sum(n) / n.length)
    near(avgMag, sum(mag) / mag.length)
    assert.equal(Math.fround(minMag as number), Math.min(...mag))
    assert.equal(maxId, 3000n)
    assert.equal(sumId, (3000 * 3001) / 2)
    const mean = sum(mag) / mag.length
    near(stddev, Math.sqrt(sum(mag.map(m => (m - mean) ** 2)) / (mag.length - 1)), 1e-9)
    assert.equal(median, 5)
  })

  test('a sum of real is double: no digits are lost on the way', async () => {
    const [sum] = await answer(client, 'SELECT SUM(mag) FROM star, source')
    near(sum, ((await answer(client, 'SELECT SUM(mag) FROM star'))[0] as number) * 6000, 1e-12)
  })

  test('ivo_string_agg and ivo_histogram', async () => {
    assert.deepEqual(await answer(client, "SELECT ivo_string_agg(Name, '; ') FROM star WHERE id < 3"), [
      'Star 1; Star 2',
    ])
    // n is 1…9 and NULL, 300 times each; NULL counts as below (UDF catalogue 1.2).
    assert.deepEqual(await answer(client, 'SELECT ivo_histogram(n, 2, 8, 3) FROM star'), [
      [600, 600, 600, 600, 600],
    ])
  })

  test('windows', async () => {
    const rows = await run(
      client,
      'SELECT id, AVG(n) OVER (PARTITION BY flag) FROM star ORDER BY id',
      undefined,
      3,
    )
    assert.equal(rows.length, 4)
  })
})

describe('positions against astropy and healpy', { skip: withoutPython('astropy', 'healpy') }, () => {
  test('ivo_healpix_index and ivo_healpix_center at every order', async () => {
    const script = `
import healpy, json
at = [(23.4, 56.7), (10, 89.99), (200, -89.999), (359.999, 0.001), (45, 41.8), (180.1, 0)]
print(json.dumps([[[str(healpy.ang2pix(2**k, lon, lat, nest=True, lonlat=True)) for lon, lat in at],
  list(map(float, healpy.pix2ang(2**k, 11 * 4**k + 4**k // 3, nest=True, lonlat=True)))] for k in range(30)]))`
    const expected = JSON.parse(python(script).toString()) as [string[], [number, number]][]
    for (const [order, [cells, center]] of expected.entries()) {
      const at = ['23.4, 56.7', '10, 89.99', '200, -89.999', '359.999, 0.001', '45, 41.8', '180.1, 0']
      const found = await values(at.map(p => `ivo_healpix_index(${order}, ${p})`).join(', '))
      assert.deepEqual(found.map(String), cells, `order ${order}`)
      const cell = 11n * 4n ** BigInt(order) + 4n ** BigInt(order) / 3n
      const [position] = (await values(`ivo_healpix_center(${order}, ${cell})`)) as [number[]]
      near(position[0], center[0], 1e-11)
      near(position[1], center[1], 1e-11)
    }
  })

  test('ivo_epoch_prop_pos and ivo_epoch_prop', async () => {
    const args = '7.606083572, 11.79044105, 125, 300, -428.8, 52.51, 2016.0, 1992.25'
    const [position] = (await values(`ivo_epoch_prop_pos(${args})`)) as [number[]]
    near(position[0], 7.604061404627978)
    near(position[1], 11.7932703828279)
    const script = `
from astropy.coordinates import SkyCoord, Distance
import astropy.units as u, json
from astropy.time import Time
c = SkyCoord(ra=7.606083572*u.deg, dec=11.79044105*u.deg, distance=Distance(parallax=125*u.mas), pm_ra_cosdec=300*u.mas/u.yr,
  pm_dec=-428.8*u.mas/u.yr, radial_velocity=52.51*u.km/u.s, obstime=Time(2016.0, format='jyear', scale='tdb'))
d = c.apply_space_motion(new_obstime=Time(1992.25, format='jyear', scale='tdb'))
print(json.dumps([d.ra.deg, d.dec.deg, d.distance.parallax.to_value('mas'), d.pm_ra_cosdec.to_value('mas/yr'), d.pm_dec.to_value('mas/yr'), d.radial_velocity.to_value('km/s')]))`
    const expected = JSON.parse(python(script).toString()) as number[]
    const [all] = (await values(`ivo_epoch_prop(${args})`)) as [number[]]
    for (const [i, value] of expected.entries()) near(all[i], value, 3e-8)
    const [still] = (await values('ivo_epoch_prop(1, 2, NULL, NULL, NULL, NULL, 2000, 2010)')) as [number[]]
    near(still[0], 1)
    assert.deepEqual(still.slice(2), [null, null, null, null])
    await assert.rejects(values('ivo_epoch_prop_pos(NULL, 1, 1, 1, 1, 1, 2000, 2010)'), /one of them is NULL/)
  })

  test('ivo_geom_transform and coordinate systems', async () => {
    const script = `
from astropy.coordinates import SkyCoord, FK4NoETerms, FK5, BarycentricMeanEcliptic
import json
def at(c): return [c.spherical.lon.deg, c.spherical.lat.deg]
lon, lat = 120, -23
frames = {'ICRS': 'icrs', 'FK5': FK5(equinox='J2000'), 'GALACTIC': 'galactic', 'FK4': FK4NoETerms(equinox='B1950', obstime='B1950')}
print(json.dumps({a + ' ' + b: at(SkyCoord(lon, lat, unit='deg', frame=frames[a]).transform_to(frames[b])) for a in frames for b in frames}))`
    const expected = JSON.parse(python(script).toString()) as Record<string, [number, number]>
    for (const [frames, [lon, lat]] of Object.entries(expected)) {
      const [from, to] = frames.split(' ')
      const [constant, row] = (await values(
        `ivo_geom_transform('${from}', '${to}', POINT(120, -23)), ivo_geom_transform('${from}', '${to}', POINT(119 + n, -24 + n))`,
      )) as number[][]
      for (const found of [constant!, row!]) {
        near(found[0], lon, 1e-10)
        near(found[1], lat, 1e-10)
      }
      if (to !== 'ICRS' || from === 'FK5') continue
      const [folded, perRow] = (await values(
        `POINT('${from}', 120, -23), POINT('${from} GEOCENTER', 119 + n, -24 + n)`,
      )) as number[][]
      for (const found of [folded!, perRow!]) near(found[0], lon, 1e-10)
    }
    const [circle] = (await values(
      "ivo_geom_transform('FK4', 'GALACTIC', CIRCLE(189.70303055, 22.96240006, 3))",
    )) as number[][]
    near(circle![0], 275.00025405, 1e-10)
    near(circle![1], 84.99996154, 1e-10)
  })
})

test('errors of the domain come from PostgreSQL, and are errors', async () => {
  for (const [expression, message] of [
    ['LOG(0)', /logarithm of zero/],
    ['SQRT(-1)', /square root of a negative/],
    ['ACOS(2)', /out of range/],
    ['1 / (n - 1)', /division by zero/],
    ['MOD(1.5, 0)', /division by zero/],
    ['CAST(Name AS INTEGER)', /invalid input syntax/],
    ['CAST(n + 99999 AS SMALLINT)', /out of range/],
  ] as const) {
    await assert.rejects(values(expression), message, expression)
  }
})

test('capabilities declare what calls accept', () => {
  const features = declaredFeatures()
  const udfs = features.find(f => f.type.endsWith('features-udf'))!.features.map(f => f.form)
  assert.ok(udfs.includes('ivo_healpix_index(hpxOrder INTEGER, ra DOUBLE, dec DOUBLE) -> BIGINT'))
  for (const form of udfs)
    assert.match(form, /^\w+\((\w+ [A-Z]+(, \w+ [A-Z]+)*(, \.\.\.)?)?\) -> [A-Z]+(\[\])?$/)
  const geometry = features.find(f => f.type.endsWith('features-adqlgeo'))!.features.map(f => f.form)
  assert.deepEqual([...geometry].sort(), [
    'AREA',
    'BOX',
    'CENTROID',
    'CIRCLE',
    'CONTAINS',
    'COORD1',
    'COORD2',
    'COORDSYS',
    'DISTANCE',
    'INTERSECTS',
    'POINT',
    'POLYGON',
    'REGION',
  ])
  assert.deepEqual(problems('SELECT IVO_HASWORD(Name, Name) FROM star'), [])
})

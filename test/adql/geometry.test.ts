import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type pg from 'pg'
import { compile } from '../../src/adql/index.ts'
import { type TableMeta, tablesOf } from '../../src/adql/tables.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'
import { answer, CREATE, connect, problems, run, tables } from './catalog.ts'

let client: pg.Client
after(() => client.end())
const url = await testDatabase()
before(async () => {
  client = await connect(url)
  await client.query(CREATE)
})

/** Values over a single row. */
const values = (expressions: string) => answer(client, `SELECT ${expressions} FROM star WHERE id = 1`)

function near(actual: unknown, expected: number, absolute = 1e-10): void {
  assert.ok(Math.abs((actual as number) - expected) <= absolute, `${actual} instead of ${expected}`)
}

/**
 * Whether a position is in a shape, said three ways: of literals, of a row's values, and in a condition. `k` is 1
 * in every row, so that `k * x` is not known before the query runs.
 */
async function inside(
  lon: number,
  lat: number,
  shape: (k: string) => string,
  expected: number | null,
): Promise<void> {
  const point = (k: string) => `POINT(${k}${lon}, ${k}${lat})`
  const k = 'flag * '
  const found = await values(
    [
      `CONTAINS(${point('')}, ${shape('')})`,
      `CONTAINS(${point(k)}, ${shape('')})`,
      `CONTAINS(${point(k)}, ${shape(k)})`,
      `INTERSECTS(${shape(k)}, ${point('')})`,
    ].join(', '),
  )
  assert.deepEqual(found, [expected, expected, expected, expected], `${lon} ${lat} in ${shape('')}: ${found}`)
  const rows = await run(
    client,
    `SELECT id FROM star WHERE id = 1 AND ${expected} = CONTAINS(${point(k)}, ${shape('')})`,
  )
  assert.equal(rows.length, 1)
}

const circle = (lon: number, lat: number, r: number) => (k: string) =>
  `CIRCLE(${k}${lon}, ${k}${lat}, ${k}${r})`
const polygon =
  (...c: number[]) =>
  (k: string) =>
    `POLYGON(${c.map(x => `${k}${x}`).join(', ')})`
const box =
  (...c: number[]) =>
  (k: string) =>
    `BOX(${c.map(x => `${k}${x}`).join(', ')})`

describe('CONTAINS', () => {
  test('circles: border, RA 0, poles', async () => {
    await inside(10, 20, circle(10, 20, 0), 1)
    await inside(10, 20.001, circle(10, 20, 0), 0)
    await inside(10, 21, circle(10, 20, 1), 1)
    await inside(10, 21.00001, circle(10, 20, 1), 0)
    await inside(359.5, 0, circle(0.4, 0, 1), 1)
    await inside(0.4, 0, circle(359.5, 0, 1), 1)
    await inside(0, 0, circle(360, 0, 0.1), 1)
    await inside(358, 0, circle(0.4, 0, 1), 0)
    await inside(180, 89.5, circle(0, 89.6, 1), 1)
    await inside(123, 90, circle(0, 89.6, 0.5), 1)
    await inside(123, -90, circle(0, -89, 0.5), 0)
  })

  test('circles from 90 to 180 degrees', async () => {
    await inside(100, 0, circle(10, 0, 90), 1)
    await inside(101, 0, circle(10, 0, 90), 0)
    for (const r of [120, 179]) {
      await inside(10 + r - 0.01, 0, circle(10, 0, r), 1)
      await inside(10 + r + 0.01, 0, circle(10, 0, r), 0)
    }
    await inside(190, 0, circle(10, 0, 180), 1)
    await inside(190, 0, circle(10, 0, 179.999), 0)
    await inside(0, -90, circle(0, 90, 180), 1)
  })

  test('polygons: both windings, RA 0, poles, concave', async () => {
    for (const corners of [
      [350, -10, 10, -10, 10, 10, 350, 10],
      [350, 10, 10, 10, 10, -10, 350, -10],
    ]) {
      await inside(0, 0, polygon(...corners), 1)
      await inside(355, 9, polygon(...corners), 1)
      await inside(180, 0, polygon(...corners), 0)
      await inside(11, 0, polygon(...corners), 0)
    }
    for (const corners of [
      [0, 60, 120, 60, 240, 60],
      [240, 60, 120, 60, 0, 60],
    ]) {
      await inside(77, 90, polygon(...corners), 1)
      await inside(77, -90, polygon(...corners), 0)
      await inside(0, 61, polygon(...corners), 1)
      // Great circles between the corners run nearer to the pole than the parallel.
      await inside(60, 61, polygon(...corners), 0)
    }
    await inside(2, 3, polygon(0, 0, 4, 0, 4, 4, 2, 1, 0, 4), 0)
    await inside(2, 0.5, polygon(0, 0, 4, 0, 4, 4, 2, 1, 0, 4), 1)
    // A corner repeated, and one on an edge, change nothing.
    await inside(1, 1, polygon(0, 0, 1, 0, 2, 0, 2, 2, 2, 2, 0, 2, 0, 0), 1)
  })

  test('boxes: sides at right angles to the arms (ADQL 2.1 §4.2.9)', async () => {
    await inside(10, 20.99, box(10, 20, 2, 2), 1)
    await inside(10, 21.01, box(10, 20, 2, 2), 0)
    // The arm of 1 degree along the great circle is longer in RA by 1 / cos(dec).
    await inside(10 + 0.99 / Math.cos((60 * Math.PI) / 180), 60, box(10, 60, 2, 2), 1)
    await inside(10 + 1.01 / Math.cos((60 * Math.PI) / 180), 60, box(10, 60, 2, 2), 0)
    await inside(123, 90, box(0, 89.5, 2, 2), 1)
    await inside(359.2, 0, box(0, 0, 2, 2), 1)
    await inside(300, 0, box(0, 0, 130, 10), 1)
    await inside(290, 0, box(0, 0, 130, 10), 0)
  })

  test('shapes in shapes', async () => {
    const known: readonly (readonly [string, number])[] = [
      ['CONTAINS(CIRCLE(10, 0, 1), CIRCLE(10.5, 0, 2))', 1],
      ['CONTAINS(CIRCLE(10, 0, 1), CIRCLE(11.5, 0, 2))', 0],
      ['INTERSECTS(CIRCLE(10, 0, 1), CIRCLE(12.9, 0, 2))', 1],
      ['INTERSECTS(CIRCLE(10, 0, 1), CIRCLE(13.1, 0, 2))', 0],
      ['CONTAINS(CIRCLE(1, 1, 0.5), POLYGON(0,0, 2,0, 2,2, 0,2))', 1],
      ['CONTAINS(POLYGON(0,0, 2,0, 2,2, 0,2), CIRCLE(1, 1, 1.5))', 1],
      ['CONTAINS(POLYGON(0,0, 2,0, 2,2, 0,2), CIRCLE(1, 1, 1.2))', 0],
      ['CONTAINS(POLYGON(0.5,0.5, 1,0.5, 1,1), POLYGON(0,0, 2,0, 2,2, 0,2))', 1],
      ['INTERSECTS(POLYGON(0.5,0.5, 1,0.5, 1,1), POLYGON(0,0, 2,0, 2,2, 0,2))', 1],
      ['INTERSECTS(BOX(0, 0, 2, 2), BOX(359, 0, 1, 1))', 1],
      ['INTERSECTS(BOX(0, 0, 2, 2), BOX(358, 0, 1, 1))', 0],
      ['CONTAINS(POLYGON(0,0, 2,0, 2,2, 0,2), CIRCLE(180, 0, 170))', 0],
      ['CONTAINS(POLYGON(0,0, 2,0, 2,2, 0,2), CIRCLE(100, 0, 170))', 1],
      ['INTERSECTS(POLYGON(0,0, 2,0, 2,2, 0,2), CIRCLE(180, 0, 170))', 0],
      ['INTERSECTS(POLYGON(0,0, 2,0, 2,2, 0,2), CIRCLE(180, 0, 179))', 1],
      ['CONTAINS(CIRCLE(1, 2, 3), POINT(1, 2))', 0],
      ['CONTAINS(POINT(1, 2), POINT(1, 2))', 1],
      ['CONTAINS(POINT(1, 2), POINT(1, 2.1))', 0],
    ]
    const found = await values(known.map(([expression]) => expression).join(', '))
    assert.deepEqual(
      found,
      known.map(([, expected]) => expected),
    )
  })
})

test('every star of the sky: pgSphere, distances and a condition agree', async () => {
  for (const [lon, lat, r] of [
    [0, 0, 10],
    [0, 90, 20],
    [359.9, -89, 5],
    [77, 33, 89.9],
    [77, 33, 90.1],
    [200, -45, 150],
  ] as const) {
    const [cone, distance, negated, clause] = await answer(
      client,
      `SELECT SUM(CONTAINS(POINT(ra, dec), CIRCLE(${lon}, ${lat}, ${r}))), SUM(CASE WHEN DISTANCE(ra, dec, ${lon}, ${lat}) <= ${r} THEN 1 ELSE 0 END),
       3000 - SUM(CASE WHEN 0 = CONTAINS(POINT(ra, dec), CIRCLE(${lon}, ${lat}, ${r})) THEN 1 ELSE 0 END),
       (SELECT COUNT(*) FROM star WHERE DISTANCE(ra, dec, ${lon}, ${lat}) < ${r}) FROM star`,
    )
    assert.ok((cone as bigint) > 0n)
    assert.deepEqual([distance, negated, clause], [cone, cone, cone])
    // A Fibonacci lattice has very nearly the area's share of its points.
    near(Number(cone) / 3000, (1 - Math.cos((r * Math.PI) / 180)) / 2, 0.002)
  }
})

test('NaN and NULL in the indexed columns are no position anywhere', async () => {
  await client.query(`BEGIN; INSERT INTO sky.star (id, ra, dec, flag) VALUES
    (-1, 'NaN', 0, 1), (-2, 0, 'NaN', 1), (-3, NULL, 0, 1), (-4, 'Infinity', 0, 1), (-5, 'NaN', 'NaN', 1)`)
  const shapes = [
    'CIRCLE(0, 0, 90)',
    'CIRCLE(10, 10, 5)',
    'CIRCLE(0, 0, 170)',
    'BOX(0, 0, 5, 5)',
    'POLYGON(0, 0, 120, 0, 240, 0)',
    "REGION('Not (Circle 10 20 3)')",
  ]
  for (const shape of shapes) {
    for (const truth of ['1 =', '0 =', 'NOT 1 ='])
      for (const own of ['CONTAINS(POINT(ra, dec), ', 'INTERSECTS(CIRCLE(ra, dec, 1), '])
        if (!(own.startsWith('INTERSECTS') && shape.includes('170')))
          assert.deepEqual(
            await run(client, `SELECT id FROM star WHERE id < 0 AND ${truth} ${own}${shape})`),
            [],
          )
  }
  const values = [
    'CIRCLE(ra, dec, 1)',
    'BOX(ra, dec, 1, 1)',
    'POLYGON(POINT(ra, dec), POINT(1, 1), POINT(1, 2))',
    'POINT(ra, dec)',
    'DISTANCE(ra, dec, 0, 0)',
    'AREA(CIRCLE(ra, dec, 1))',
    'COORD1(POINT(ra, dec))',
    'ivo_healpix_index(5, POINT(ra, dec))',
    'CONTAINS(POINT(ra, dec), CIRCLE(10, 10, 5))',
    'CONTAINS(POINT(10, 10), CIRCLE(ra, dec, 5))',
  ]
  for (const row of await run(client, `SELECT ${values.join(', ')} FROM star WHERE id < 0`))
    assert.deepEqual(
      row,
      values.map(() => null),
    )
  assert.deepEqual(await run(client, 'SELECT id FROM star WHERE id < 0 AND DISTANCE(ra, dec, 1, 1) > 5'), [])
  assert.deepEqual(await run(client, 'SELECT COUNT(*) FROM star WHERE DISTANCE(ra, dec, 1, 1) < 500'), [
    [3000n],
  ])
  await client.query('ROLLBACK')
})

test('stars within great-circle polygons, against half-space arithmetic', async () => {
  for (const corners of [
    [
      [10, 10],
      [50, 20],
      [30, 60],
    ],
    [
      [350, -50],
      [30, -60],
      [60, -30],
      [0, -10],
    ],
    [
      [0, 70],
      [90, 72],
      [200, 65],
      [280, 70],
    ],
  ] as const) {
    const vector = ([lon, lat]: readonly [number, number]) => {
      const [l, b] = [(lon * Math.PI) / 180, (lat * Math.PI) / 180]
      return [Math.cos(b) * Math.cos(l), Math.cos(b) * Math.sin(l), Math.sin(b)] as const
    }
    const triple = (a: readonly number[], b: readonly number[], c: readonly number[]) =>
      a[0]! * (b[1]! * c[2]! - b[2]! * c[1]!) +
      a[1]! * (b[2]! * c[0]! - b[0]! * c[2]!) +
      a[2]! * (b[0]! * c[1]! - b[1]! * c[0]!)
    const points = corners.map(c => vector(c))
    const rows = (await run(client, 'SELECT id, ra, dec FROM star')) as [bigint, number, number][]
    const expected = rows
      .filter(([, ra, dec]) => {
        const signs = points.map((p, i) =>
          Math.sign(triple(p, points[(i + 1) % points.length]!, vector([ra, dec]))),
        )
        return (
          Math.abs(signs.reduce((a, b) => a + b)) === points.length &&
          triple(points[0]!, points[1]!, points[2]!) * signs[0]! > 0
        )
      })
      .map(([id]) => id)
    const flat = corners.flat().join(', ')
    const reversed = [...corners].reverse().flat().join(', ')
    for (const list of [flat, reversed]) {
      const found = await run(
        client,
        `SELECT id FROM star WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON(${list})) ORDER BY id`,
      )
      assert.deepEqual(
        found.map(r => r[0]),
        expected,
      )
    }
  }
})

describe('DISTANCE', () => {
  test('is exact for near and for opposite points', { skip: withoutPython('astropy') }, async () => {
    const pairs = [
      [10, 20, 10, 20.0000001],
      [359.9999999, 0, 0.0000001, 0],
      [0, 90, 180, 89.9999],
      [10, 20, 190, -20],
      [10, 20, 190, -19.999999],
      [1, 2, 3, 4],
      [123.456, -78.9, 12.3, 45.6],
    ]
    const script = `
import json, sys
from astropy.coordinates import angular_separation
import numpy as np
print(json.dumps([float(np.degrees(angular_separation(*np.radians(p)))) for p in json.load(sys.stdin)]))`
    const expected = JSON.parse(python(script, JSON.stringify(pairs)).toString()) as number[]
    for (const [i, [a, b, c, d]] of pairs.entries()) {
      const [four, two] = await values(
        `DISTANCE(${a}, ${b}, ${c}, ${d}), DISTANCE(POINT(flag * ${a}, ${b}), POINT(${c}, ${d}))`,
      )
      near(four, expected[i]!, 1e-13)
      near(two, expected[i]!, 1e-13)
    }
  })
})

describe('values of shapes', () => {
  test('come back as they were written (DALI 1.1 §3.3.5–7)', async () => {
    assert.deepEqual(
      await values(
        "POINT(10.1, -20.2), CIRCLE(10.1, 20.2, 0.3), POLYGON(10.1, 10, 10.2, 10, 10.2, 10.2, 10.1, 10.2), REGION('Position 1.5 2.5')",
      ),
      [
        [10.1, -20.2],
        [10.1, 20.2, 0.3],
        [10.1, 10, 10.2, 10, 10.2, 10.2, 10.1, 10.2],
        [1.5, 2.5],
      ],
    )
    const [point, ring, area] = (await values(
      'POINT(flag * 10.1, 20.2), CIRCLE(flag * 10.1, 20.2, 0.3), POLYGON(flag * 10.1, 10, 10.2, 10, 10.2, 10.2)',
    )) as number[][]
    assert.deepEqual(point, [10.1, 20.2])
    for (const [i, expected] of [10.1, 20.2, 0.3].entries()) near(ring![i], expected, 1e-13)
    assert.deepEqual(area, [10.1, 10, 10.2, 10, 10.2, 10.2])
    assert.deepEqual(await values('POINT(-10, 5), POINT(370 * flag, 5)'), [
      [350, 5],
      [10, 5],
    ])
  })

  test('CAST to and from strings (ADQL 2.1 §4.7)', async () => {
    assert.deepEqual(
      await values("CAST('10  20' AS POINT), CAST('10 20 3' AS CIRCLE), CAST('0 0 2 0 2 2' AS POLYGON)"),
      [
        [10, 20],
        [10, 20, 3],
        [0, 0, 2, 0, 2, 2],
      ],
    )
    assert.deepEqual(
      await values("CAST(POINT(10, 20) AS VARCHAR), CONTAINS(POINT(1, 0.5), CAST('0 0 2 0 2 2' AS POLYGON))"),
      ['10 20', 1],
    )
  })

  test('AREA, from a hair to the whole sky', async () => {
    const squareDegrees = (180 / Math.PI) ** 2
    const cap = (r: number) => 4 * Math.PI * Math.sin((r * Math.PI) / 360) ** 2 * squareDegrees
    for (const r of [1e-6, 0.5, 89, 120, 180]) {
      const row = r > 90 ? `AREA(CIRCLE(flag, 2, ${r}))` : `AREA(CIRCLE(flag, 2, flag * ${r}))`
      for (const found of await values(`AREA(CIRCLE(1, 2, ${r})), ${row}`))
        near(found, cap(r), cap(r) * 1e-12)
    }
    const octant = 'POLYGON(flag * 0, 0, 90, 0, 0, 90)'
    for (const found of await values(
      `AREA(POLYGON(0, 0, 90, 0, 0, 90)), AREA(${octant}), AREA(POLYGON(0, 90, 90, 0, 0, 0))`,
    )) {
      near(found, (Math.PI / 2) * squareDegrees, 1e-8)
    }
    // A square of 0.36" side at the equator, where pgSphere's own area is 0.
    const side = 1e-4
    const tiny = `10, 0, 10.0001, 0, 10.0001, 0.0001, 10, 0.0001`
    for (const found of await values(`AREA(POLYGON(${tiny})), AREA(POLYGON(flag * ${tiny}))`))
      near(found, side * side, 1e-8 * side * side)
    assert.deepEqual(await values('AREA(POINT(ra, dec)), AREA(POINT(1, 2))'), [0, 0])
  })

  test('CENTROID, COORD1, COORD2, COORDSYS', async () => {
    const [circleCenter, triangle, square] = (await values(
      'CENTROID(CIRCLE(10, 20, 3)), CENTROID(POLYGON(0, 0, 90, 0, 0, 90)), CENTROID(POLYGON(359, -1, 359, 1, 1, 1, 1, -1))',
    )) as number[][]
    near(circleCenter![0], 10)
    near(circleCenter![1], 20)
    // The centre of the octant is where x = y = z.
    near(triangle![0], 45)
    near(triangle![1], (Math.asin(1 / Math.sqrt(3)) * 180) / Math.PI)
    assert.ok(square![0]! < 1e-9 || square![0]! > 360 - 1e-9)
    near(square![1], 0)
    assert.deepEqual(
      await values('COORD1(POINT(10, 20)), ROUND(COORD2(POINT(10, 20)), 10), COORDSYS(POINT(1, 2))'),
      [10, 20, 'ICRS'],
    )
  })
})

test('MOCs are told in ASCII, hold positions and other MOCs, and have an area', async () => {
  await client.query(`CREATE TABLE odd.coverage (n int, moc smoc);
    INSERT INTO odd.coverage VALUES (1, '0/4'), (2, '1/16 2/5'), (3, NULL)`)
  const field = { name: 'moc', datatype: 'char', arraysize: '*', xtype: 'moc' } as const
  const coverage: TableMeta = {
    schema: 'odd',
    name: 'coverage',
    sqlSchema: 'odd',
    sqlName: 'coverage',
    columns: [
      { field: { name: 'n', datatype: 'int' }, sqlName: 'n', indexed: false, principal: true },
      { field, sqlName: 'moc', sqlType: 'smoc', indexed: false, principal: true },
    ],
  }
  const using = tablesOf([...tables.all, coverage])
  const rows = (adql: string) => run(client, adql, using)
  const compiled = compile('SELECT moc FROM coverage', using, { maxrec: 10 })
  assert.deepEqual(compiled.fields, [field])
  assert.deepEqual(await rows('SELECT moc FROM coverage ORDER BY n'), [['0/4'], ['1/16 2/5'], [null]])
  const areas = await rows('SELECT AREA(moc), COORDSYS(moc), CAST(moc AS VARCHAR) FROM coverage ORDER BY n')
  near(areas[0]![0], 129600 / Math.PI / 12, 1e-9)
  near(areas[1]![0], (129600 / Math.PI / 12) * (1 / 4 + 1 / 16), 1e-9)
  assert.deepEqual(
    [areas[0]!.slice(1), areas[2]],
    [
      ['ICRS', '0/4'],
      [null, null, null],
    ],
  )
  // Cell 0/4 is around (0, 0), its quarter 1/16 at the bottom.
  const asked = 'CONTAINS(POINT(0, 1), moc), CONTAINS(POINT(0, -30), moc), INTERSECTS(moc, POINT(ra, dec))'
  assert.deepEqual(
    (await rows(`SELECT ${asked} FROM coverage, star WHERE id = 1 ORDER BY coverage.n`)).map(r =>
      r.slice(0, 2),
    ),
    [
      [1, 1],
      [0, 1],
      [null, null],
    ],
  )
  assert.deepEqual(
    await rows(
      'SELECT a.n, b.n FROM coverage AS a, coverage AS b WHERE 1 = CONTAINS(a.moc, b.moc) AND a.n < 3',
    ),
    [
      [1, 1],
      [2, 2],
    ],
  )
  const hits =
    'FROM coverage JOIN star ON 1 = CONTAINS(POINT(ra, dec), moc) GROUP BY coverage.n ORDER BY coverage.n'
  const [[, all], [, part]] = (await rows(`SELECT coverage.n, COUNT(*) ${hits}`)) as [
    [1, bigint],
    [2, bigint],
  ]
  assert.ok(Math.abs(Number(all) - 250) < 10 && Math.abs(Number(part) - 78) < 10, `${all} ${part}`)
  for (const [expression, message] of [
    ['CONTAINS(moc, CIRCLE(1, 2, 3))', /CONTAINS compares a MOC with positions and MOCs/],
    ['INTERSECTS(BOX(1, 2, 3, 4), moc)', /INTERSECTS compares a MOC with positions and MOCs/],
    ['CENTROID(moc)', /no CENTROID/],
    ["ivo_geom_transform('ICRS', 'GALACTIC', moc)", /another frame/],
  ] as const)
    assert.match(problems(`SELECT ${expression} FROM coverage`, using)[0]?.message ?? '', message)
})

describe('stored shapes', () => {
  test('of every kind come out in degrees and can be asked', async () => {
    const rows = await run(client, 'SELECT spot, ring, area, pair FROM shapes ORDER BY k')
    assert.deepEqual(rows[0], [
      [0, 0],
      [0, 0, 1],
      [0, 0, 2, 0, 2, 2, 0, 2],
      [0, 0],
    ])
    near((rows[1]![0] as number[])[0], 359.5)
    assert.deepEqual(rows[1]![2], [359, 0, 1, 0, 0, 1])
    assert.deepEqual(rows[3], [null, null, null, null])
    assert.deepEqual(
      await run(
        client,
        'SELECT k FROM shapes WHERE 1 = CONTAINS(POINT(0, 0.5), ring) AND 1 = INTERSECTS(ring, area) ORDER BY k',
      ),
      [[1], [2]],
    )
    assert.deepEqual(await run(client, 'SELECT k FROM shapes WHERE DISTANCE(spot, pair) < 1e-9 ORDER BY k'), [
      [1],
      [2],
      [3],
    ])
    assert.deepEqual(
      await run(client, 'SELECT k FROM shapes WHERE 1 = CONTAINS(pair, CIRCLE(0, 0, 1)) ORDER BY k'),
      [[1], [2]],
    )
    assert.deepEqual(
      await run(
        client,
        'SELECT DISTINCT spot FROM shapes WHERE k = 1 UNION SELECT pair FROM shapes WHERE k = 1',
      ),
      [[[0, 0]]],
    )
  })

  test('NULL and NaN are neither inside nor outside', async () => {
    for (const condition of [
      '1 = CONTAINS(POINT(x, y), CIRCLE(0, 0, 180))',
      '0 = CONTAINS(POINT(x, y), CIRCLE(0, 0, 180))',
      '1 = CONTAINS(POINT(x, y), CIRCLE(0, 0, 20))',
      '0 = CONTAINS(POINT(x, y), CIRCLE(0, 0, 20))',
      'NOT CONTAINS(spot, ring) = 1',
      '0 = INTERSECTS(ring, area)',
    ]) {
      const rows = await run(client, `SELECT k FROM shapes WHERE k > 3 AND ${condition}`)
      assert.deepEqual(rows, [], condition)
    }
    assert.deepEqual(
      await run(
        client,
        'SELECT CONTAINS(POINT(x, y), CIRCLE(0, 0, 1)), POINT(x, y), DISTANCE(x, y, 0, 0), AREA(area) FROM shapes WHERE k > 3',
      ),
      [
        [null, null, null, null],
        [null, null, null, null],
      ],
    )
  })

  test('a latitude out of range in a row is an error, never another place', async () => {
    await assert.rejects(
      run(client, 'SELECT k FROM shapes WHERE 1 = CONTAINS(POINT(x, y + 1), CIRCLE(0, 0, 1))'),
      /latitude 91 is not within/,
    )
    await assert.rejects(run(client, 'SELECT POINT(x, y + 1) FROM shapes'), /latitude 91 is not within/)
  })
})

describe('cross-matches', () => {
  /** Pairs of a star and the source 0.0002 degrees beside it in RA, and chance pairs of the two lattices. */
  const distance = (a: readonly number[], b: readonly number[]) => {
    const r = Math.PI / 180
    const h =
      Math.sin(((a[1]! - b[1]!) * r) / 2) ** 2 +
      Math.cos(a[1]! * r) * Math.cos(b[1]! * r) * Math.sin(((a[0]! - b[0]!) * r) / 2) ** 2
    return (2 * Math.asin(Math.sqrt(h))) / r
  }

  test('find the same pairs in every spelling, and use an index', async () => {
    const stars = (await run(client, 'SELECT id, ra, dec FROM star WHERE id <= 300')) as [
      bigint,
      number,
      number,
    ][]
    const sources = (await run(client, 'SELECT id, ra2000, dec2000 FROM source')) as [
      bigint,
      number,
      number,
    ][]
    const expected = stars
      .flatMap(s =>
        sources
          .filter(t => distance(s.slice(1) as number[], t.slice(1) as number[]) < 0.5)
          .map(t => `${s[0]} ${t[0]}`),
      )
      .sort()
    assert.ok(expected.length >= 300)
    for (const condition of [
      'DISTANCE(POINT(s.ra, s.dec), POINT(t.ra2000, t.dec2000)) < 0.5',
      '0.5 > DISTANCE(t.ra2000, t.dec2000, s.ra, s.dec)',
      '1 = CONTAINS(POINT(s.ra, s.dec), CIRCLE(t.ra2000, t.dec2000, 0.5))',
      'CONTAINS(POINT(t.ra2000, t.dec2000), CIRCLE(s.ra, s.dec, 0.5)) = 1',
      'DISTANCE(s.ra, s.dec, t.ra2000, t.dec2000) * 3600 <= 1800',
    ]) {
      for (const from of [
        `star AS s JOIN source AS t ON ${condition} WHERE s.id <= 300`,
        `star AS s, source AS t WHERE s.id <= 300 AND ${condition}`,
      ]) {
        const rows = await run(client, `SELECT s.id, t.id FROM ${from}`)
        assert.deepEqual(rows.map(r => `${r[0]} ${r[1]}`).sort(), expected, condition)
      }
    }
  })

  test('with a radius of each row, LEFT joins, and a table without index', async () => {
    const [own] = await answer(
      client,
      'SELECT COUNT(*) FROM star s JOIN source t ON DISTANCE(s.ra, s.dec, t.ra2000, t.dec2000) < t.radius WHERE t.id <= 103000',
    )
    const rows = (await run(
      client,
      'SELECT s.ra, s.dec, t.ra2000, t.dec2000, t.radius FROM star s JOIN source t ON t.id = s.id + 100000',
    )) as number[][]
    const expected = rows.filter(r => distance([r[0]!, r[1]!], [r[2]!, r[3]!]) < r[4]!).length
    assert.equal(own, BigInt(expected))
    assert.ok(expected > 100 && expected < 3000, String(expected))
    const [left] = await answer(
      client,
      'SELECT COUNT(*) FROM star s LEFT JOIN source t ON DISTANCE(s.ra, s.dec, t.ra2000, t.dec2000) < 1e-5',
    )
    assert.equal(left, 3000n)
    assert.deepEqual(
      await run(
        client,
        'SELECT k, COUNT(*) FROM shapes JOIN star ON DISTANCE(x, y, ra, dec) < 5 GROUP BY k ORDER BY k',
      ),
      await run(
        client,
        'SELECT k, COUNT(*) FROM shapes, star WHERE NOT DISTANCE(x, y, ra, dec) > 5 GROUP BY k ORDER BY k',
      ),
    )
  })
})

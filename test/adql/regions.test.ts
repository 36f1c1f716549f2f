/** Regions of REGION, and polygons beyond a hemisphere, against arithmetic of numpy and against each other. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type pg from 'pg'
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

const ids = async (where: string) =>
  (await run(client, `SELECT id FROM star WHERE ${where} ORDER BY id`)).map(r => r[0])
const inRegion = (stcs: string) => ids(`1 = CONTAINS(POINT(ra, dec), REGION('${stcs}'))`)
const value = async (expression: string) =>
  (await answer(client, `SELECT ${expression} FROM star WHERE id = 1`))[0]
const refused = (condition: string) => {
  const [problem] = problems(`SELECT id FROM star WHERE ${condition}`)
  return `${problem?.message}\n${problem?.hint ?? ''}`
}

const CIRCLE = 'Circle 150 10 40'
const POLYGON = 'Polygon 160 -20 220 -20 220 30 160 30'
const circle = '1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 10, 40))'
const polygon = '1 = CONTAINS(POINT(ra, dec), POLYGON(160,-20, 220,-20, 220,30, 160,30))'

describe('positions in compound regions', () => {
  test('are those that AND, OR and NOT of the parts find', async () => {
    for (const [stcs, condition] of [
      [`Union ICRS (${CIRCLE} ${POLYGON})`, `${circle} OR ${polygon}`],
      [`Intersection ICRS TOPOCENTER SPHERICAL2 (${CIRCLE} ${POLYGON})`, `${circle} AND ${polygon}`],
      [`NOT (${CIRCLE})`, `NOT ${circle}`],
      [`Not ICRS (Union (${CIRCLE} ${POLYGON}))`, `NOT (${circle} OR ${polygon})`],
      [`Difference ICRS (${CIRCLE} ${POLYGON})`, `${circle} AND NOT ${polygon}`],
      [
        `Union ICRS (Intersection (${CIRCLE} Not (${POLYGON})) Intersection (${POLYGON} Not (${CIRCLE})))`,
        `(${circle} AND NOT ${polygon}) OR (${polygon} AND NOT ${circle})`,
      ],
      ['AllSky ICRS', 'id > 0'],
      ['Not (AllSky)', 'id < 0'],
      [`Convex ICRS 0 0 1 0.5`, '1 = CONTAINS(POINT(ra, dec), CIRCLE(0, 90, 60))'],
      [`Convex 0 0 1 0.5 0 2 0 0`, 'dec >= 30 AND ra BETWEEN 0 AND 180'],
    ] as const) {
      const found = await inRegion(stcs)
      assert.deepEqual(found, await ids(condition), stcs)
      if (!/AllSky/.test(stcs)) assert.ok(found.length > 20 && found.length < 2980, stcs)
    }
  })

  test('in the frame of the compound, or of the part', async () => {
    const galactic = `1 = CONTAINS(POINT(ra, dec), CIRCLE('GALACTIC', 10, 60, 20))`
    assert.deepEqual(
      await inRegion(`Union Galactic (Circle 10 60 20 ${POLYGON.replace('Polygon', 'Polygon ICRS')})`),
      await ids(`${galactic} OR ${polygon}`),
    )
  })

  test('as numbers: NULL positions give NULL, either operand order', async () => {
    const union = `REGION('Union ICRS (${CIRCLE} ${POLYGON})')`
    assert.equal(await value(`CONTAINS(POINT(150, 10), ${union})`), 1)
    assert.equal(await value(`INTERSECTS(${union}, POINT(150, 10))`), 1)
    assert.equal(await value(`CONTAINS(POINT(flag * 330, -10), ${union})`), 0)
    assert.equal(await value(`CONTAINS(POINT(NULL, -10), ${union})`), null)
    assert.equal(await value(`CONTAINS(POINT(NULL, -10), REGION('Not (${CIRCLE})'))`), null)
    assert.equal(
      (await ids(`0 = CONTAINS(POINT(ra, dec), ${union})`)).length +
        (await ids(`1 = CONTAINS(POINT(ra, dec), ${union})`)).length,
      3000,
    )
  })

  test('use the index', async () => {
    const { compile } = await import('../../src/adql/index.ts')
    const { tables } = await import('./catalog.ts')
    const query =
      "SELECT id FROM star WHERE 1 = CONTAINS(POINT(ra, dec), REGION('Union (Circle 10 20 0.1 Circle 50 20 0.1)'))"
    const { text, values } = compile(query, tables, { maxrec: 10 })
    await client.query('SET enable_seqscan = off')
    const { rows } = await client.query(`EXPLAIN ${text}`, [...values])
    await client.query('RESET enable_seqscan')
    assert.match(rows.map(r => r['QUERY PLAN']).join('\n'), /BitmapOr/)
  })
})

test('shapes against compound regions', async () => {
  const two = "REGION('Union (Circle 10 0 2 Circle 20 0 2)')"
  const lens = "REGION('Intersection (Circle 10 0 2 Circle 12 0 2)')"
  const outside = "REGION('Not (Circle 10 0 2)')"
  for (const [expression, expected] of [
    [`INTERSECTS(CIRCLE(13, 0, 1.5), ${two})`, 1],
    [`INTERSECTS(${two}, CIRCLE(15, 0, 1.5))`, 0],
    [`CONTAINS(${two}, CIRCLE(15, 0, 8))`, 1],
    [`CONTAINS(${two}, CIRCLE(15, 0, 6))`, 0],
    [`CONTAINS(CIRCLE(11, 0, 0.9), ${lens})`, 1],
    [`CONTAINS(CIRCLE(11, 0, 1.1), ${lens})`, 0],
    [`CONTAINS(CIRCLE(20, 0, 1), ${outside})`, 1],
    [`CONTAINS(CIRCLE(12, 0, 1), ${outside})`, 0],
    [`INTERSECTS(CIRCLE(10, 0, 1.5), ${outside})`, 0],
    [`INTERSECTS(CIRCLE(10, 0, 2.5), ${outside})`, 1],
    [`INTERSECTS(${two}, ${outside})`, 1],
    [`CONTAINS(${two}, ${lens})`, 0],
  ] as const)
    assert.equal(await value(expression), expected, expression)
})

test('what cannot be told is refused with what can', () => {
  const two = "REGION('Union (Circle 10 0 2 Circle 20 0 2)')"
  assert.match(
    refused(`1 = CONTAINS(CIRCLE(ra, dec, 1), ${two})`),
    /REGION that is a union cannot be used here\nIt can be asked whether it contains a position, whether it touches/,
  )
  assert.match(refused(`AREA(${two}) > 1`), /a union cannot be used here/)
  assert.match(
    refused("1 = INTERSECTS(CIRCLE(ra, dec, 1), REGION('Intersection (Circle 1 2 3 Circle 2 3 4)'))"),
    /an intersection cannot be used here\nIt can be asked whether it contains a position or a shape/,
  )
  const inRegionOf = (stcs: string) => refused(`1 = CONTAINS(POINT(ra, dec), REGION('${stcs}'))`)
  assert.match(inRegionOf('Union (Circle 1 2 3)'), /UNION takes two shapes or more/)
  assert.match(inRegionOf('Union ICRS Circle 1 2 3'), /UNION takes its shapes in parentheses/)
  assert.match(inRegionOf('Union (Circle 1 2 3 Circle 1 2 3'), /parenthesis of UNION is not closed/)
  assert.match(inRegionOf('Not (Circle 1 2 3 Circle 1 2 3)'), /NOT takes one shape, not 2/)
  assert.match(inRegionOf('Circle 1 2 3)'), /'\)' is not understood/)
  assert.match(inRegionOf('Union (Circle 1 2 3 Circle 1 2 -3)'), /radius -3 is not within/)
  assert.match(inRegionOf('Union (Circle 1 2 3 Ellipse 1 2 3 4 5)'), /ELLIPSE is not offered/)
  assert.match(inRegionOf(`${'Not ('.repeat(30)}Circle 1 2 3${')'.repeat(30)}`), /nested more than 20/)
  assert.match(inRegionOf(`Union (${'Circle 1 2 3 '.repeat(1001)})`), /more than 1000 shapes/)
})

describe('polygons beyond a hemisphere', () => {
  /** Of some the great circle through all vertices is the border; one is concave, one is thin, one a hemisphere. */
  const POLYGONS = [
    [0, 0, 120, 0, 240, 0],
    [0, -5, 90, 5, 180, -5, 270, 5],
    [0, 10, 60, -10, 120, 10, 180, -10, 240, 10, 300, -10],
    [0, 0, 100, 0, 170, 10, 200, 60, 270, 0, 320, -30],
    [0, 0, 90, 0, 179, 1, 270, 2, 180, 80],
    [0, -20, 60, -20, 100, 60, 140, -20, 180, -20, 240, -20, 300, -20],
    [10, 0, 10, 80, 100, 85, 190, 80, 190, 5, 100, -80],
  ]
  /** Even-odd crossings of the stereographic projection, of edges in small steps. */
  const SCRIPT = `
import json, sys
import numpy as np
given = json.load(sys.stdin)
def xyz(lon, lat):
    l, b = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(b) * np.cos(l), np.cos(b) * np.sin(l), np.sin(b)], -1)
def project(v, away):
    z = np.asarray(away); x = np.cross(z, [0.12, 0.34, 0.93]); x /= np.linalg.norm(x); y = np.cross(z, x)
    d = 1 - v @ z
    return (v @ x) / d, (v @ y) / d
stars = xyz(*np.array(given['stars']).T)
answers = []
for flat in given['polygons']:
    v = xyz(np.array(flat[0::2]), np.array(flat[1::2]))
    edges = []
    for a, b in zip(v, np.roll(v, -1, 0)):
        t = np.linspace(0, 1, 2000)[:-1, None]
        w = np.arccos(np.clip(a @ b, -1, 1))
        edges.append((np.sin((1 - t) * w) * a + np.sin(t * w) * b) / np.sin(w))
    border = np.concatenate(edges)
    away = xyz(np.array([211.3]), np.array([-47.1]))[0]
    px, py = project(border, away)
    qx, qy = np.roll(px, -1), np.roll(py, -1)
    k = np.arange(2000)
    grid = xyz(k * 137.50776405, np.degrees(np.arcsin(1 - (2 * k + 1) / 2000)))
    def inside(points):
        out = []
        for x, y in zip(*project(points, away)):
            up = (py > y) != (qy > y)
            out.append(np.count_nonzero(up & (x < (qx - px) * (y - py) / np.where(qy == py, 1, qy - py) + px)) % 2 == 1)
        return np.array(out)
    within = inside(stars)
    share = inside(grid).mean()
    if share > 0.505: within = ~within
    near = np.array([np.max(border @ s) > np.cos(np.radians(0.1)) for s in stars])
    answers.append({'inside': within.tolist(), 'near': near.tolist(), 'half': bool(abs(share - 0.5) <= 0.005)})
print(json.dumps(answers))`

  test('hold the stars that numpy finds in them', { skip: withoutPython('numpy') }, async () => {
    const rows = (await run(client, 'SELECT id, ra, dec FROM star ORDER BY id')) as [bigint, number, number][]
    const stars = rows.map(([, ra, dec]) => [ra, dec])
    const answers = JSON.parse(python(SCRIPT, JSON.stringify({ stars, polygons: POLYGONS })).toString()) as {
      inside: boolean[]
      near: boolean[]
      half: boolean
    }[]
    for (const [i, vertices] of POLYGONS.entries()) {
      const { inside, near, half } = answers[i]!
      const reversed = vertices.map((_, k) => vertices[vertices.length - 2 - k + 2 * (k % 2)]!)
      for (const list of [vertices, reversed]) {
        const found = new Set(await ids(`1 = CONTAINS(POINT(ra, dec), POLYGON(${list.join(', ')}))`))
        const wrong = rows.filter(([id], k) => !near[k] && found.has(id) !== inside[k]).length
        const other = rows.filter(([id], k) => !near[k] && found.has(id) === inside[k]).length
        assert.equal(half ? Math.min(wrong, other) : wrong, 0, `${list}`)
      }
    }
  })

  test('halves of the sky lie to the left of their edges; areas, arrays, shapes that touch', async () => {
    assert.equal(await value('CONTAINS(POINT(0, 50), POLYGON(0,0, 120,0, 240,0))'), 1)
    assert.equal(await value('CONTAINS(POINT(0, 50), POLYGON(240,0, 120,0, 0,0))'), 0)
    const half = (await value('AREA(POLYGON(0,0, 120,0, 240,0))')) as number
    assert.ok(Math.abs(half - 360 ** 2 / Math.PI / 2) < 1e-8)
    assert.deepEqual(await value('POLYGON(0,0, 120,0, 240,0)'), [0, 0, 120, 0, 240, 0])
    assert.equal(await value('INTERSECTS(CIRCLE(0, -2, 3), POLYGON(0,0, 120,0, 240,0))'), 1)
    assert.equal(await value('INTERSECTS(CIRCLE(0, -4, 3), POLYGON(0,0, 120,0, 240,0))'), 0)
    assert.equal(await value('CONTAINS(POLYGON(0,0, 120,0, 240,0), CIRCLE(0, 90, 90.001))'), 1)
    assert.equal((await ids('1 = CONTAINS(POINT(ra, dec), BOX(0, 0, 179, 179))')).length > 1400, true)
  })

  test('are refused where a single value is needed, and edges between opposite points anywhere', () => {
    assert.match(
      refused('1 = CONTAINS(CIRCLE(ra, dec, 1), POLYGON(0,0, 120,0, 240,0))'),
      /reaches beyond a hemisphere cannot be used here/,
    )
    assert.match(
      refused('1 = CONTAINS(POINT(ra, dec), POLYGON(0,0, 180,0, 90,45))'),
      /this POLYGON has an edge between opposite points of the sky\n.*add a vertex between them/,
    )
    assert.match(refused('1 = CONTAINS(POINT(ra, dec), POLYGON(0,0, 120,0, 60,10, 60,-40))'), /cross/)
  })
})

/** The query doctor's estimates against what PostgreSQL counts. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { compile } from '../../src/adql/index.ts'
import { shapeArea } from '../../src/adql/shapes.ts'
import { ANONYMOUS } from '../../src/auth/identity.ts'
import { DEFAULT_LIMITS } from '../../src/config.ts'
import type { Database } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { openLog } from '../../src/log.ts'
import { CELL_DEG2 } from '../../src/tap/cell-counts.ts'
import { type Check, checkQuery } from '../../src/tap/check.ts'
import { coverage } from '../../src/tap/coverage.ts'
import { type Catalog, readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'
import { fillCrowd } from './crowd.ts'

const url = await testDatabase()
let db: Database
let catalog: Catalog

before(async () => {
  db = await openDatabase({ url, log: openLog('silent') })
  await fillCrowd(db)
  await fillSample(db)
  catalog = await readCatalog(db)
})

after(() => db.close())

function check(query: string, maxrec?: number): Promise<Check> {
  const deps = { db, catalog: async () => catalog, limits: DEFAULT_LIMITS }
  return checkQuery(
    deps,
    { query, maxrec, responseFormat: undefined },
    [],
    ANONYMOUS,
    new AbortController().signal,
  )
}

/** Rows that the query really has. */
async function rowsOf(query: string): Promise<number> {
  const { text, values } = compile(query, catalog.tables, { maxrec: undefined })
  const [row] = await db.query<{ n: string }>(`SELECT count(*) AS n FROM (${text}) AS q`, values)
  return Number(row!.n)
}

async function within(factor: number, query: string): Promise<void> {
  const [{ estimate }, rows] = [await check(query), await rowsOf(query)]
  const message = `${estimate?.rows} estimated, ${rows} true: ${query}`
  assert.ok(estimate && estimate.rows <= rows * factor && estimate.rows >= rows / factor, message)
}

describe('regions', () => {
  const where = (shape: string) => `SELECT id FROM crowd.Object WHERE 1 = CONTAINS(POINT(ra, dec), ${shape})`

  it('are estimated within a factor of two when they have over 1,000 rows, nearly always within a tenth', async () => {
    const shapes: string[] = []
    for (const [ra, dec] of [
      [0, 0],
      [0.3, 0.2],
      [359.2, 0.7],
      [0.95, -0.95],
      [0.7, 0.5],
      [123, -88.7],
    ] as const) {
      for (const size of [0.1, 0.2, 0.5, 1, 3, 20, 89]) {
        shapes.push(`CIRCLE(${ra}, ${dec}, ${size})`)
        if (size === 0.2 || size === 1) shapes.push(`BOX(${ra}, ${dec}, ${2 * size}, ${size})`)
        if (dec > -80 && (size === 0.2 || size === 1 || size === 3)) shapes.push(polygon(ra, dec, size))
      }
    }
    let large = 0
    let close = 0
    for (const shape of shapes) {
      const rows = await rowsOf(where(shape))
      if (rows <= 1000) continue
      large++
      const { estimate } = await check(where(shape))
      const ratio = estimate!.rows / rows
      assert.ok(ratio > 0.5 && ratio < 2, `${shape}: ${estimate!.rows} estimated, ${rows} true`)
      if (Math.abs(ratio - 1) < 0.1) close++
    }
    assert.ok(large > 40, `${large} shapes have over 1,000 rows`)
    assert.ok(close > 0.9 * large, `${close} of ${large} within a tenth`)
  })

  it('outside the survey have no rows, and tiny ones few', async () => {
    for (const shape of ['CIRCLE(180, 0, 5)', 'CIRCLE(0, 0, 0)', 'BOX(90, 45, 10, 10)'])
      assert.equal((await check(where(shape))).estimate?.rows, 0, shape)
    assert.ok((await check(where('CIRCLE(0, 0, 0.0003)'))).estimate!.rows <= 1)
  })

  it('join by AND, OR and NOT, in every spelling', async () => {
    const object = 'SELECT id FROM crowd.Object WHERE '
    await within(
      1.1,
      `${object}CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 0.5)) = 0 AND DISTANCE(POINT(ra, dec), POINT(0, 0)) < 0.9`,
    )
    await within(
      1.1,
      `${object}1 = CONTAINS(POINT(ra, dec), CIRCLE(0.3, 0.2, 0.2)) OR 1 = INTERSECTS(POINT(ra, dec), CIRCLE(120, -89, 1))`,
    )
    await within(
      1.1,
      `${object}1 = CONTAINS(POINT(ra, dec), BOX(0, 0, 1, 1)) AND 1 = CONTAINS(POINT(ra, dec), CIRCLE(0.5, 0.5, 0.6))`,
    )
    await within(1.1, `${object}NOT (CONTAINS(POINT(ra, dec), CIRCLE(0, -90, 5)) = 1)`)
  })

  function polygon(ra: number, dec: number, size: number): string {
    const stretch = size / Math.cos((dec * Math.PI) / 180)
    const corners = [
      [-1, -1],
      [1, -0.7],
      [0, 0],
      [0.5, 1],
    ].map(([x, y]) => `${ra + x! * Math.min(stretch, 40)}, ${Math.max(-89.9, dec + y! * size)}`)
    return `POLYGON(${corners.join(', ')})`
  }
})

describe('regions among other conditions', () => {
  const cone = '1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(0.3, 0.2, 0.3))'

  it('conditions on other columns, joins, sub-queries', async () => {
    await within(1.3, `SELECT o.id FROM crowd.Object AS o WHERE ${cone} AND o.kind = 3`)
    await within(1.3, `SELECT o.id FROM crowd.Object AS o WHERE ${cone} AND o.mag BETWEEN 10 AND 19.5`)
    await within(
      1.5,
      `SELECT o.id, e.mjd FROM crowd.Object AS o JOIN crowd.epoch AS e ON o.id = e.id WHERE ${cone}`,
    )
    await within(
      1.5,
      `SELECT o.id, e.mjd FROM crowd.Object AS o LEFT JOIN crowd.epoch AS e ON o.id = e.id WHERE ${cone}`,
    )
    await within(
      1.5,
      `SELECT q.id FROM (SELECT o.id, o.kind FROM crowd.Object AS o WHERE ${cone}) AS q WHERE q.kind < 5`,
    )
    await within(
      1.5,
      `WITH near AS (SELECT o.id FROM crowd.Object AS o WHERE ${cone}) SELECT e.mjd FROM crowd.epoch AS e JOIN near AS n ON n.id = e.id`,
    )
    await within(
      2,
      `SELECT e.mjd FROM crowd.epoch AS e WHERE e.id IN (SELECT o.id FROM crowd.Object AS o WHERE ${cone})`,
    )
    await within(
      1.3,
      `SELECT o.id FROM crowd.Object AS o WHERE ${cone} UNION ALL SELECT o.id FROM crowd.Object AS o WHERE o.kind = 1`,
    )
  })

  it('TOP, OFFSET, groups and aggregates', async () => {
    await within(1, `SELECT TOP 500 o.id FROM crowd.Object AS o WHERE ${cone}`)
    await within(1.01, `SELECT COUNT(*) AS n FROM crowd.Object AS o WHERE ${cone}`)
    await within(1.2, `SELECT o.kind, COUNT(*) AS n FROM crowd.Object AS o WHERE ${cone} GROUP BY o.kind`)
    await within(1.2, `SELECT DISTINCT o.mag FROM crowd.Object AS o WHERE ${cone}`)
    await within(1.3, `SELECT TOP 90000 o.id FROM crowd.Object AS o WHERE ${cone} ORDER BY o.mag`)
  })

  it('pairs within a distance', async () => {
    const pairs =
      'SELECT a.id, b.id AS other FROM crowd.Object AS a JOIN crowd.Object AS b ON DISTANCE(POINT(a.ra, a.dec), POINT(b.ra, b.dec))'
    await within(2, `${pairs} < 10/3600.`)
    await within(2, `${pairs} < 10/3600. WHERE a.id <> b.id`)
    await within(2, `${pairs} < 10/3600. AND 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(0.3, 0.2, 0.3))`)
  })

  it('MAXREC is not in the rows, but in the bytes and in a note', async () => {
    const [few, all] = [
      await check('SELECT id FROM crowd.Object', 100),
      await check('SELECT id FROM crowd.Object'),
    ]
    assert.equal(few.estimate?.rows, all.estimate?.rows)
    assert.ok(few.estimate!.bytes < all.estimate!.bytes / 50)
    assert.match(few.infos.join(), /MAXREC lets the first 100 through/)
  })

  it('a table that is not counted is told to be a guess', async () => {
    const { infos, ok } = await check(
      'SELECT id FROM sample.stars WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 10))',
    )
    assert.ok(ok)
    assert.match(infos.join(), /sample\.stars .* is a guess/)
  })
})

describe('what it takes', () => {
  it('seconds: more for more work (bench/estimate.ts compares them with the clock)', async () => {
    const queries = [
      'SELECT id FROM crowd.Object WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(0.3, 0.2, 0.01))',
      'SELECT a.kind, COUNT(*) AS n, AVG(e.mjd) AS m FROM crowd.Object AS a JOIN crowd.epoch AS e ON a.id = e.id GROUP BY a.kind',
      'SELECT COUNT(*) AS n FROM crowd.Object AS a, crowd.Object AS b WHERE a.mag < b.dec',
    ]
    const seconds: number[] = []
    for (const query of queries) seconds.push((await check(query)).estimate!.seconds)
    assert.ok(seconds[1]! > 3 * seconds[0]! && seconds[2]! > 100 * seconds[1]!, seconds.join(', '))
  })

  it('bytes: to a factor of one and a half', async () => {
    const query = 'SELECT id, ra, mag, kind FROM crowd.Object'
    const { estimate } = await check(query)
    const bytes = (71_000 * (1 + 8 + 8 + 8 + 4) * 4) / 3
    assert.ok(
      estimate!.bytes > bytes / 1.5 && estimate!.bytes < bytes * 1.5,
      `${estimate!.bytes} for ${bytes}`,
    )
  })
})

describe('coverage', () => {
  it('has the area of the region', () => {
    const shapes = [
      ...[1 / 3600, 0.1, 1, 30, 90, 150, 180].flatMap(radius =>
        (
          [
            [150, 2],
            [0, 90],
            [45, 41.8],
            [359.99, -30],
          ] as const
        ).map(center => ({ kind: 'circle', center, radius }) as const),
      ),
      {
        kind: 'polygon',
        vertices: [
          [0, 0],
          [10, 0],
          [10, 10],
          [5, 2],
        ],
      } as const,
      {
        kind: 'polygon',
        vertices: [
          [0, 80],
          [120, 80],
          [240, 80],
        ],
      } as const,
      {
        kind: 'polygon',
        vertices: [
          [240, 80],
          [120, 80],
          [0, 80],
        ],
      } as const,
      {
        kind: 'polygon',
        vertices: [
          [359, -1],
          [1, -1],
          [1, 1],
          [359, 1],
        ],
      } as const,
    ]
    for (const shape of shapes) {
      const area = coverage({ kind: 'shape', shape }).reduce(
        (sum, r) => sum + (r.last - r.first + 1) * r.part,
        0,
      )
      const ratio = (area * CELL_DEG2) / shapeArea(shape)
      assert.ok(Math.abs(ratio - 1) < 0.01, `${ratio} of the area of ${JSON.stringify(shape)}`)
    }
  })
})

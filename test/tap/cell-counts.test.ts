/** Counts of sparse catalogues in larger cells, against what PostgreSQL counts. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { openLog } from '../../src/log.ts'
import {
  addCells,
  CELL_DEG2,
  countCells,
  inLargerCells,
  meanDensity,
  pairsInCells,
  rowsInCells,
} from '../../src/tap/cell-counts.ts'
import { testDatabase } from '../support/database.ts'

const SKY_DEG2 = 12 * 4 ** 10 * CELL_DEG2
const sparse = { schema: 'x', table: 'sparse' }
const dense = { schema: 'x', table: 'dense' }
const url = await testDatabase()
let db: Database

/** `rows` at random over `part` of the sky. */
async function fill(table: string, rows: number, part: number): Promise<void> {
  await db.query(`CREATE TABLE public.${table} AS
    SELECT (random() * ${part} * 12 * 4::float8 ^ 29)::int8 AS hpx29 FROM generate_series(1, ${rows})`)
}

before(async () => {
  db = await openDatabase({ url, log: openLog('silent') })
  await fill('sparse', 200_000, 1)
  await fill('dense', 60_000, 1e-4)
  await countCells(db, sparse, 'public.sparse')
  await countCells(db, dense, 'public.dense')
})

after(() => db.close())

async function stored(table: string): Promise<Record<string, number>[]> {
  return db.query(
    `SELECT cell_order, count(*)::int AS cells, sum(row_count)::int AS rows
       FROM almagest.cell_count WHERE table_name = $1 GROUP BY 1`,
    [table],
  )
}

test('a catalogue with a cell for nearly every row is counted in larger cells, a dense one as ever', async () => {
  const [found, ...others] = await stored('x.sparse')
  assert.deepEqual(others, [])
  assert.equal(found!.rows, 200_000)
  assert.ok(found!.cells! <= 200_000 / 4 && found!.cell_order! < 10, JSON.stringify(found))
  assert.equal((await stored('x.dense'))[0]!.cell_order, 10)
})

test('estimates from larger cells are within a factor of two, edges of regions included', async () => {
  for (const [first, last] of [
    [1_000_001, 1_400_002],
    [77, 100_000],
    [5_000_003, 5_050_001],
  ] as const) {
    const [row] = await db.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM public.sparse WHERE hpx29 >> 38 BETWEEN $1 AND $2',
      [first, last],
    )
    const estimate = (await rowsInCells(db, sparse, [{ first, last, part: 1 }]))!
    assert.ok(estimate > row!.n / 1.5 && estimate < row!.n * 1.5, `${estimate} estimated, ${row!.n} true`)
  }
})

test('densities and pairs are of the same sky at any order', async () => {
  const density = (await meanDensity(db, sparse))!
  assert.ok(Math.abs(density / (200_000 / SKY_DEG2) - 1) < 0.05, String(density))
  // 60,000 rows in a ten thousandth of the sky, with 20 of the sparse ones among them: within 0.1° by chance.
  const near = 200_000 * 1e-4
  const pairs = (await pairsInCells(db, sparse, dense, 0.1, false))!
  const expected = (near * 60_000 * Math.PI * 0.01) / (1e-4 * SKY_DEG2)
  assert.ok(pairs > expected / 3 && pairs < expected * 3, `${pairs}, ${expected} expected`)
})

test('rows that are added are counted in cells of the order that is there', async () => {
  await addCells(db, sparse, 'public.sparse')
  const found = await stored('x.sparse')
  assert.deepEqual([found.length, found[0]!.rows], [1, 400_000])
  assert.equal(await rowsInCells(db, { schema: 'x', table: 'none' }, []), undefined)
})

test('stretches of small cells cover the same part of larger ones', () => {
  assert.deepEqual(inLargerCells([{ first: 0, last: 7, part: 1 }], 4), [{ first: 0, last: 1, part: 1 }])
  assert.deepEqual(
    inLargerCells(
      [
        { first: 1, last: 1, part: 0.5 },
        { first: 2, last: 9, part: 1 },
      ],
      4,
    ),
    [
      { first: 1, last: 1, part: 1 },
      { first: 0, last: 0, part: 0.5 + 0.125 },
      { first: 2, last: 2, part: 0.5 },
    ],
  )
})

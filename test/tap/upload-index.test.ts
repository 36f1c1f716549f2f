/** The plans of queries with uploads: PostgreSQL never tries all pairs, and an index is made only where it is used. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { compile } from '../../src/adql/index.ts'
import { type TableMeta, tablesOf } from '../../src/adql/tables.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { PUBLIC_ROLE } from '../../src/db/roles.ts'
import { openLog } from '../../src/log.ts'
import { readUploads } from '../../src/tap/upload.ts'
import { type PlanNode, triedOneByOne } from '../../src/tap/upload-index.ts'
import { testDatabase } from '../support/database.ts'

const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const ROWS = 4000
await db.query('CREATE SCHEMA sky')
for (const table of ['grid', 'plain']) {
  await db.query(`CREATE TABLE sky.${table} AS SELECT i AS id, (i * 7.31)::numeric % 360 + 0.0::float8 AS ra,
    degrees(asin(2.0 * i / 20000 - 1)) AS dec, 0.01::float8 AS rad FROM generate_series(1, 20000) AS i`)
  await db.query(`ALTER TABLE sky.${table} ALTER ra TYPE float8`)
}
await db.query('CREATE INDEX ON sky.grid USING gist (spoint(radians(ra), radians(dec)))')
await db.query('ANALYZE sky.grid, sky.plain')

const column = (name: string) => ({
  field: { name, datatype: 'double' as const },
  sqlName: name,
  indexed: false,
  principal: true,
})
const table = (name: string, placed: boolean): TableMeta => ({
  schema: 'sky',
  name,
  sqlSchema: 'sky',
  sqlName: name,
  rows: 20_000,
  columns: ['id', 'ra', 'dec', 'rad'].map(column),
  ...(placed && { position: { ra: 'ra', dec: 'dec' } }),
})

function list(name: string, shift: number): { name: string; path: string } {
  const lines = Array.from({ length: ROWS }, (_, i) => {
    const n = 5 * i + 5
    const dec = (Math.asin((2 * n) / 20_000 - 1) * 180) / Math.PI
    return `${n},${((n * 7.31) % 360) + shift},${dec},0.01,star ${n}`
  })
  writeFileSync(path.join(folder, name), `id,ra,dec,rad,name\n${lines.join('\n')}\n`)
  return { name, path: path.join(folder, name) }
}

const uploads = [list('u', 0), list('v', 0.0001)]
const limits = { uploadBytes: 1e7, uploadRows: 1e5, uploadColumns: 100 }
const DISTANCE = (a: string, b: string) => `DISTANCE(POINT(${a}.ra, ${a}.dec), POINT(${b}.ra, ${b}.dec))`

/** Queries with the uploads that get an index, and how many rows they have. */
const cases: readonly (readonly [query: string, indexed: string, rows: number])[] = [
  [`SELECT u.id FROM TAP_UPLOAD.u AS u JOIN sky.grid AS g ON ${DISTANCE('u', 'g')} < 0.001`, '', ROWS],
  [`SELECT u.id FROM sky.grid AS g JOIN TAP_UPLOAD.u AS u ON ${DISTANCE('g', 'u')} < 0.001`, '', ROWS],
  [
    'SELECT u.id FROM TAP_UPLOAD.u AS u, sky.grid AS g WHERE 1 = CONTAINS(POINT(g.ra, g.dec), CIRCLE(u.ra, u.dec, u.rad))',
    '',
    ROWS,
  ],
  [
    'SELECT u.id FROM TAP_UPLOAD.u AS u JOIN sky.grid AS g ON 1 = CONTAINS(POINT(u.ra, u.dec), CIRCLE(g.ra, g.dec, g.rad))',
    'upload_1',
    ROWS,
  ],
  [`SELECT u.id FROM TAP_UPLOAD.u AS u JOIN sky.grid AS g ON ${DISTANCE('u', 'g')} < u.rad`, '', ROWS],
  [
    `SELECT "U 1".id FROM TAP_UPLOAD.u AS "U 1" JOIN sky.grid AS g ON ${DISTANCE('"U 1"', 'g')} < g.rad AND "U 1".name LIKE 'st%'`,
    'upload_1',
    ROWS,
  ],
  [
    `SELECT u.id FROM TAP_UPLOAD.u AS u JOIN TAP_UPLOAD.v AS v ON ${DISTANCE('u', 'v')} < 0.001`,
    'upload_1 upload_2',
    ROWS,
  ],
  [
    `SELECT u.id FROM TAP_UPLOAD.u AS u JOIN TAP_UPLOAD.v AS v ON ${DISTANCE('u', 'v')} < v.rad`,
    'upload_1',
    ROWS,
  ],
  [
    `SELECT u.id FROM TAP_UPLOAD.u AS u JOIN TAP_UPLOAD.u AS v ON ${DISTANCE('u', 'v')} < 0.001`,
    'upload_1',
    ROWS,
  ],
  [
    `SELECT u.id FROM TAP_UPLOAD.u AS u JOIN sky.plain AS g ON ${DISTANCE('u', 'g')} < 0.001`,
    'upload_1',
    ROWS,
  ],
  [
    `SELECT u.id FROM TAP_UPLOAD.u AS u JOIN (SELECT ra + 0.00001 AS ra, dec FROM sky.grid) AS g ON ${DISTANCE('u', 'g')} < 0.001`,
    'upload_1',
    ROWS,
  ],
  [`SELECT u.id FROM TAP_UPLOAD.u AS u LEFT JOIN sky.grid AS g ON ${DISTANCE('u', 'g')} < 0.001`, '', ROWS],
  [
    `SELECT g.id FROM sky.grid AS g LEFT JOIN TAP_UPLOAD.u AS u ON ${DISTANCE('u', 'g')} < 0.001`,
    'upload_1',
    20_000,
  ],
  [
    `SELECT u.id FROM TAP_UPLOAD.u AS u WHERE NOT EXISTS (SELECT 1 FROM sky.grid AS g WHERE ${DISTANCE('u', 'g')} < 0.001)`,
    '',
    0,
  ],
  [
    `SELECT g.id FROM sky.grid AS g WHERE NOT EXISTS (SELECT 1 FROM TAP_UPLOAD.u AS u WHERE ${DISTANCE('u', 'g')} < 0.001)`,
    'upload_1',
    16_000,
  ],
  ['SELECT id FROM TAP_UPLOAD.u WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 0, 1))', '', -1],
]

for (const [query, indexed, rows] of cases) {
  test(query, async () => {
    const uploaded = await readUploads(uploads, limits, new AbortController().signal)
    try {
      const tables = tablesOf([table('grid', true), table('plain', false), ...uploaded.metas])
      const { text, values } = compile(query, tables, { maxrec: undefined })
      await db.transaction(async client => {
        await uploaded.create(client, PUBLIC_ROLE, text)
        const made = await client.query<{ tablename: string }>(
          `SELECT DISTINCT tablename FROM pg_indexes WHERE tablename LIKE 'upload\\_%' ORDER BY 1`,
        )
        assert.equal(made.map(({ tablename }) => tablename).join(' '), indexed)
        const [row] = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
          `EXPLAIN (FORMAT JSON, VERBOSE) ${text}`,
          values,
        )
        const { Plan } = row!['QUERY PLAN'][0]
        assert.deepEqual(triedOneByOne(Plan, 1, uploaded.metas), [], JSON.stringify(Plan, null, 1))
        const [count] = await client.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM (${text}) AS q`,
          values,
        )
        if (rows >= 0) assert.equal(count!.n, rows)
      })
    } finally {
      await uploaded.close()
    }
  })
}

/** Neighbour tables: pairs through them are the pairs that pgSphere finds among the rows themselves. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { compile } from '../../src/adql/index.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { type IngestOptions, ingestTable } from '../../src/ingest/table.ts'
import { openLog } from '../../src/log.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'

const url = await testDatabase()
const db = await openDatabase({ url, log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const ARCSEC = 1 / 3600
let seed = 7
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2 ** 31
  return seed / 2 ** 31
}

/** Crowded patches where cells are odd: the wrap of RA, the poles, the corner of base cells, |z| = 2/3. */
const PATCHES = [
  [0, 0],
  [45, 41.8103],
  [123, 90],
  [10, -90],
  [90, 0],
  [200.3, 33.3],
] as const

function patchRows(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const [ra0, dec0] = PATCHES[i % PATCHES.length]!
    const r = 90 * ARCSEC * Math.sqrt(random())
    const t = 2 * Math.PI * random()
    const pole = Math.abs(dec0) === 90
    const dec = pole ? Math.sign(dec0) * (90 - r) : dec0 + r * Math.sin(t)
    const ra = pole ? (t * 180) / Math.PI : ra0 + (r * Math.cos(t)) / Math.cos((dec * Math.PI) / 180)
    return `${first + i},${(ra + 360) % 360},${dec},${i % 7}`
  })
}

async function ingest(name: string, rows: string[], options: Partial<IngestOptions> = {}) {
  const file = path.join(folder, `${name}.csv`)
  writeFileSync(file, `id,ra,dec,kind\n${rows.join('\n')}\n`)
  return ingestTable(
    db,
    { files: [file], table: 'near.star', mode: 'create', id: 'id', ...options },
    () => {},
    new AbortController().signal,
  )
}

async function answer(adql: string): Promise<{ text: string; pairs: string[] }> {
  const { tables } = await readCatalog(db)
  const { text, values } = compile(adql, tables, { maxrec: undefined })
  const rows = await db.query<Record<string, unknown>>(text, values)
  return { text, pairs: rows.map(row => Object.values(row).join(' ')).sort() }
}

async function truth(radius: number, condition = 'true', join = 'JOIN'): Promise<string[]> {
  const [published] = await db.query<{ name: string }>(
    `SELECT sql_table AS name FROM almagest.published_table WHERE table_name = 'near.star'`,
  )
  const star = `near."${published!.name}"`
  const point = (t: string) => `spoint(radians(${t}.ra), radians(${t}.dec))`
  const rows = await db.query<{ a: string | null; b: string | null }>(
    `SELECT a.id AS a, b.id AS b FROM ${star} AS a ${join} ${star} AS b
         ON ${point('b')} <@ scircle(${point('a')}, radians(${radius})) AND a.id <> b.id WHERE ${condition}`,
  )
  return rows.map(({ a, b }) => `${a ?? ''} ${b ?? ''}`).sort()
}

const pairsAdql = (radius: string, join = 'JOIN', where = '') =>
  `SELECT a.id, b.id FROM near.star AS a ${join} near.star AS b
       ON DISTANCE(a.ra, a.dec, b.ra, b.dec) <= ${radius} AND a.id <> b.id ${where}`

test('pairs are those among the rows themselves, also after more rows came and at every odd place', async () => {
  await ingest('first', patchRows(0, 1500), { neighbours: 5 })
  for (const arcsec of [5, 2, 0.3]) {
    const { text, pairs } = await answer(pairsAdql(`${arcsec} / 3600.0`))
    assert.match(text, /"star~near"/)
    const expected = await truth(arcsec * ARCSEC)
    assert.ok(expected.length > 2, `${expected.length} pairs within ${arcsec}"`)
    assert.deepEqual(pairs, expected, `within ${arcsec}"`)
  }
  await ingest('more', patchRows(10_000, 600), { mode: 'append' })
  const { pairs } = await answer(pairsAdql('5 / 3600.0'))
  assert.deepEqual(pairs, await truth(5 * ARCSEC))
})

test('with conditions, groups and outer joins, too', async () => {
  const where = await answer(pairsAdql('5 / 3600.0', 'JOIN', 'WHERE a.kind = 1 AND b.kind = 2'))
  assert.deepEqual(where.pairs, await truth(5 * ARCSEC, 'a.kind = 1 AND b.kind = 2'))
  const left = await answer(pairsAdql('1 / 3600.0', 'LEFT JOIN'))
  assert.match(left.text, /"star~near" AS b/)
  assert.deepEqual(left.pairs, await truth(ARCSEC, 'true', 'LEFT JOIN'))
  const right = await answer(pairsAdql('1 / 3600.0', 'RIGHT JOIN'))
  assert.deepEqual(right.pairs, await truth(ARCSEC, 'true', 'RIGHT JOIN'))
  const cone = `WHERE DISTANCE(a.ra, a.dec, 45, 41.8103) < 0.01`
  const inCone = await answer(pairsAdql('5 / 3600.0', 'JOIN', cone))
  const all = await truth(
    5 * ARCSEC,
    'spoint(radians(a.ra), radians(a.dec)) <@ scircle(spoint(radians(45), radians(41.8103)), radians(0.01))',
  )
  assert.ok(all.length > 0)
  assert.deepEqual(inCone.pairs, all)
})

test('larger radii go another way, and are right', async () => {
  const { text, pairs } = await answer(pairsAdql('8 / 3600.0'))
  assert.doesNotMatch(text, /~near/)
  assert.deepEqual(pairs, await truth(8 * ARCSEC))
})

test('a table that is built anew keeps its neighbours', async () => {
  await ingest('anew', patchRows(0, 400), { mode: 'replace' })
  const { text, pairs } = await answer(pairsAdql('5 / 3600.0'))
  assert.match(text, /~near"/)
  assert.deepEqual(pairs, await truth(5 * ARCSEC))
})

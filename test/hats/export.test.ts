/** A HATS catalogue of a table: read by DuckDB, its cells and margins by healpy. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { openDatabase } from '../../src/db/postgres.ts'
import { exportHats } from '../../src/hats/export.ts'
import { ingestTable } from '../../src/ingest/table.ts'
import { openLog } from '../../src/log.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'

const url = await testDatabase()
const db = await openDatabase({ url, log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
const out = path.join(folder, 'hats')
const MARGIN = 120
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const still = new AbortController().signal
const skip = withoutPython('healpy', 'numpy')

/** Many rows in three patches across borders of base cells, some anywhere. */
function rows(): string[] {
  let seed = 11
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return seed / 2 ** 31
  }
  return Array.from({ length: 4000 }, (_, i) => {
    const [ra0, dec0] = [
      [0, 0],
      [90, 41.8],
      [45, 89.5],
    ][i % 3] as [number, number]
    const [ra, dec] =
      i % 10 === 0
        ? [359.9 * random() + Math.PI / 100, (180 / Math.PI) * Math.asin(2 * random() - 1)]
        : [(ra0 + 3 * (random() - 0.5) + 360) % 360, 90 - Math.abs(90 - dec0 - 1.5 * (random() - 0.5))]
    return `${i},${ra},${dec},${random()}`
  })
}

async function read(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const found = await connection.runAndReadAll(sql)
  return found.getRowObjects()
}

before(async () => {
  const file = path.join(folder, 'star.csv')
  writeFileSync(file, `id,ra,dec,mag\n${rows().join('\n')}\n`)
  await ingestTable(db, { files: [file], table: 'sky.star', mode: 'create', id: 'id' }, () => {}, still)
  const { tables } = await readCatalog(db)
  const table = tables.all.find(t => t.name === 'star')!
  await exportHats(db, { table, tables, out, mostRows: 500, margin: MARGIN }, () => {}, still)
})

const catalogue = path.join(out, 'sky_star')
const partitions = (of: string): [number, number][] =>
  readFileSync(path.join(out, of, 'partition_info.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split(',').map(Number) as [number, number])

test('has every row once, sorted, in the partition that healpy finds', { skip }, async () => {
  const files = `'${catalogue}/dataset/Norder=*/Dir=*/Npix=*.parquet'`
  const all = await read(
    `SELECT id, ra, dec, _healpix_29 AS cell, regexp_extract(filename, 'Norder=(\\d+)', 1)::int AS k,
            regexp_extract(filename, 'Npix=(\\d+)', 1)::int AS p FROM read_parquet(${files}, filename = true, hive_partitioning = false)`,
  )
  assert.equal(all.length, 4000)
  assert.equal(new Set(all.map(row => row.id)).size, 4000)
  const found = JSON.parse(
    python(
      `import sys, json, healpy as hp
out = []
for k, ra, dec in json.load(sys.stdin):
    out.append([int(hp.ang2pix(2**k, ra, dec, nest=True, lonlat=True)), int(hp.ang2pix(2**20, ra, dec, nest=True, lonlat=True))])
print(json.dumps(out))`,
      JSON.stringify(all.map(({ k, ra, dec }) => [k, ra, dec])),
    ).toString(),
  ) as [number, number][]
  const wrong = all.filter(
    ({ p, cell }, i) => p !== found[i]![0] || Number((cell as bigint) >> 18n) !== found[i]![1],
  )
  // A position within 1e-15 of a border of cells may be rounded to the other side.
  assert.ok(
    wrong.length <= 2,
    `${wrong.length} rows are elsewhere, such as ${JSON.stringify(wrong.slice(0, 3), (_, v) => (typeof v === 'bigint' ? String(v) : v))}`,
  )
  for (const [order, npix] of partitions('sky_star')) {
    const dir = Math.floor(npix / 10_000) * 10_000
    const [file] = await read(
      `SELECT count(*)::int AS n, bool_and(cell >= before) AS sorted FROM (SELECT _healpix_29 AS cell, lag(_healpix_29, 1, 0) OVER () AS before
         FROM read_parquet('${catalogue}/dataset/Norder=${order}/Dir=${dir}/Npix=${npix}.parquet'))`,
    )
    assert.ok((file!.n as number) <= 500 && file!.sorted, `${order}/${npix}`)
  }
})

test('has the metadata of all partitions in one file, and properties', async () => {
  const [groups] = await read(
    `SELECT count(DISTINCT row_group_id)::int AS n FROM parquet_metadata('${catalogue}/dataset/_metadata')`,
  )
  assert.ok((groups!.n as number) >= partitions('sky_star').length)
  const schema = (file: string) =>
    read(`SELECT name, type FROM parquet_schema('${catalogue}/dataset/${file}')`)
  assert.deepEqual(await schema('_common_metadata'), await schema('_metadata'))
  const names = (await schema('_metadata')).map(row => row.name)
  assert.deepEqual(names.slice(1), ['_healpix_29', 'id', 'ra', 'dec', 'mag'])
  const properties = new Map(
    readFileSync(path.join(catalogue, 'hats.properties'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map(line => line.split('=') as [string, string]),
  )
  assert.equal(properties.get('hats_nrows'), '4000')
  assert.equal(properties.get('hats_col_ra'), 'ra')
  assert.equal(properties.get('hats_order'), String(Math.max(...partitions('sky_star').map(([k]) => k))))
  assert.match(
    readFileSync(path.join(out, 'collection.properties'), 'utf8'),
    /default_margin=sky_star_margin/,
  )
})

test('has a map of the counts that healpy reads and agrees with', { skip }, async () => {
  const all = await read(
    `SELECT ra, dec FROM read_parquet('${catalogue}/dataset/Norder=*/Dir=*/Npix=*.parquet', hive_partitioning = false)`,
  )
  const [order, total, elsewhere] = JSON.parse(
    python(
      `import sys, json, healpy as hp, numpy as np
file, positions = json.load(sys.stdin)
sky, header = hp.read_map(file, nest=None, dtype=None, h=True)
assert dict(header)['ORDERING'] == 'NESTED' and sky.dtype.kind == 'i'
ra, dec = np.array(positions).T
nside = hp.npix2nside(len(sky))
found = np.bincount(hp.ang2pix(nside, ra, dec, nest=True, lonlat=True), minlength=len(sky))
print(json.dumps([int(np.log2(nside)), int(sky.sum()), int(np.abs(found - sky).sum())]))`,
      JSON.stringify([path.join(catalogue, 'skymap.fits'), all.map(({ ra, dec }) => [ra, dec])]),
    ).toString(),
  ) as [number, number, number]
  assert.deepEqual([order, total], [8, 4000])
  assert.ok(elsewhere <= 4, `${elsewhere} rows differ, of positions at a border`)
  assert.match(readFileSync(path.join(catalogue, 'hats.properties'), 'utf8'), /hats_skymap_order=8/)
})

test('has in the margin of a partition what is near it', { skip }, async () => {
  const files = `'${out}/sky_star_margin/dataset/Norder=*/Dir=*/Npix=*.parquet'`
  const found = await read(
    `SELECT id, regexp_extract(filename, 'Norder=(\\d+)', 1) || '/' || regexp_extract(filename, 'Npix=(\\d+)', 1) AS partition
       FROM read_parquet(${files}, filename = true, hive_partitioning = false)`,
  )
  const positions = await db.query<{ id: string; ra: number; dec: number }>(
    'SELECT id, ra, dec FROM sky.star',
  )
  // Within a radius of a position are the cells, 26" across, that healpy finds.
  const truth = (radius: number) =>
    new Set(
      JSON.parse(
        python(
          `import sys, json, healpy as hp, numpy as np
rows, parts, radius = json.load(sys.stdin)
by_order = {}
for k, p in parts: by_order.setdefault(k, set()).add(p)
out = []
for id, ra, dec in rows:
    v = hp.ang2vec(ra, dec, lonlat=True)
    near = hp.query_disc(2**13, v, np.radians(radius / 3600), inclusive=True, fact=2, nest=True)
    for k, pixels in by_order.items():
        own = int(hp.ang2pix(2**k, ra, dec, nest=True, lonlat=True))
        for p in {int(x) for x in near >> (2 * (13 - k))} & pixels:
            if p != own: out.append(f'{id} {k}/{p}')
print(json.dumps(out))`,
          JSON.stringify([positions.map(({ id, ra, dec }) => [id, ra, dec]), partitions('sky_star'), radius]),
        ).toString(),
      ) as string[],
    )
  const have = new Set(found.map(row => `${row.id} ${row.partition}`))
  assert.ok(have.size > 100, `${have.size} rows in margins`)
  for (const row of truth(MARGIN - 45)) assert.ok(have.has(row), `${row} is missing`)
  const outer = truth(MARGIN + 60)
  for (const row of have) assert.ok(outer.has(row), `${row} is not near`)
})

/** The demo survey in a real PostgreSQL, and read again by programs that are not ours. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { openDatabase } from '../../src/db/postgres.ts'
import { readDescription } from '../../src/demo/description.ts'
import { demoState, fillBench, fillDemo } from '../../src/demo/index.ts'
import { openLog } from '../../src/log.ts'
import type { Progress } from '../../src/progress.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'

const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
const SIZE = { objects: 8000, areaDeg2: 0.27, seed: 5 }
const FORCED = 5 * (400 * 64 + 7600 * 2)
const never = new AbortController().signal
const silent = () => {}

after(() => db.close())

/** The values of one row, which may have columns of the same name. */
async function numbers(list: string, from = ''): Promise<number[]> {
  const [row] = await db.query<{ list: number[] }>(`SELECT json_build_array(${list}) AS list ${from}`)
  return row!.list
}

describe('the demo survey', () => {
  const heard: Progress[] = []
  let announced = 0

  before(async () => {
    assert.equal(await demoState(db), 'absent')
    const quiet = await db.listen('tap_schema', () => announced++)
    const result = await fillDemo(db, SIZE, progress => heard.push(progress), never)
    assert.deepEqual(result.rows, { object: 8000, forcedsource: FORCED, visit: 320, variable: 200 })
    for (let n = 0; announced === 0 && n < 100; n++) await setTimeout(10)
    await quiet()
  })

  it('is announced, complete, and reports its progress to the end', async () => {
    assert.equal(await demoState(db), 'complete')
    assert.equal(announced, 1)
    for (const phase of ['demo.object', 'demo.forcedsource', 'demo.visit', 'demo.variable', 'indexes']) {
      const last = heard.findLast(progress => progress.phase === phase)!
      assert.equal(last.done, last.total, phase)
    }
  })

  it('holds the rows that it says, with identifiers that say where they are', async () => {
    assert.deepEqual(
      await numbers(
        `count(*), count(DISTINCT objectid), count(*) FILTER (WHERE hpx_shard = objectid >> 45),
         count(*) FILTER (WHERE hpx_shard = hpx29 >> 44), count(*) FILTER (WHERE hpx29 >> 34 = objectid >> 35)`,
        'FROM demo.object',
      ),
      [8000, 8000, 8000, 8000, 8000],
    )
    assert.deepEqual(
      await numbers(
        `count(*), count(DISTINCT forcedsourceid), count(*) FILTER (WHERE hpx_shard = objectid >> 45),
         count(*) FILTER (WHERE hpx_shard = forcedsourceid >> 45)`,
        'FROM demo.forcedsource',
      ),
      [FORCED, FORCED, FORCED, FORCED],
    )
    const [gaps] = await numbers(
      'count(*)',
      `FROM (SELECT max(objectid & 34359738367) + 1 - count(*) AS missing FROM demo.object GROUP BY objectid >> 35) c
       WHERE missing <> 0`,
    )
    assert.equal(gaps, 0)
  })

  it('refers to objects and visits that are there, in the band of the visit', async () => {
    assert.deepEqual(
      await numbers(
        'count(*)',
        `FROM demo.forcedsource f JOIN demo.visit v USING (visitid) JOIN demo.object o USING (objectid)
         WHERE f.band = v.band AND f.hpx_shard = o.hpx_shard`,
      ),
      [FORCED],
    )
    assert.deepEqual(await numbers('count(*)', 'FROM demo.variable JOIN demo.object USING (objectid)'), [200])
  })

  it('watches variables and as many constant stars at 64 visits in every band, over three years', async () => {
    const [stars, variables, least, shortest] = await numbers(
      'count(DISTINCT c.objectid), count(DISTINCT v.objectid), min(n), min(days)',
      `FROM (SELECT objectid, band, count(*) AS n, max(expmidptmjd) - min(expmidptmjd) AS days
               FROM demo.forcedsource JOIN demo.visit USING (visitid, band)
              GROUP BY objectid, band HAVING count(*) > 2) c LEFT JOIN demo.variable v USING (objectid)`,
    )
    assert.deepEqual([stars, variables, least], [400, 200, 64])
    assert.ok(shortest! > 3 * 365.25)
  })

  it('lies in the order of the sky and of light curves', async () => {
    const [objects, measurements] =
      await numbers(`(SELECT count(*) FROM (SELECT hpx29 < lag(hpx29) OVER (ORDER BY ctid) AS back FROM demo.object) o WHERE back),
      (SELECT count(*) FROM (SELECT (hpx_shard, objectid, expmidptmjd) < lag((hpx_shard, objectid, expmidptmjd))
         OVER (ORDER BY f.ctid) AS back FROM demo.forcedsource f JOIN demo.visit USING (visitid)) f WHERE back)`)
    assert.deepEqual([objects, measurements], [0, 0])
  })

  it('answers regions and light curves from its indexes', async () => {
    const plan = async (sql: string) => JSON.stringify(await db.query(`EXPLAIN ${sql}`))
    const cone = `FROM demo.object WHERE spoint(radians(ra), radians(dec)) <@ scircle(spoint(radians(150), radians(2)), radians(0.05))`
    assert.match(await plan(`SELECT * ${cone}`), /Index Scan.*object_spoint/)
    assert.match(
      await plan('SELECT * FROM demo.forcedsource WHERE objectid = 1'),
      /idx_forcedsource_objectid/,
    )
    const [found, counted] = await numbers(`(SELECT count(*) ${cone}), (SELECT count(*) FROM demo.object
      WHERE sind(dec) * sind(2) + cosd(dec) * cosd(2) * cosd(ra - 150) > cosd(0.05))`)
    assert.ok(found! > 20)
    assert.equal(found, counted)
  })

  it('is described in TAP_SCHEMA to the last column, and readable by everybody', async () => {
    const columns = await db.query<Record<string, unknown>>(
      `SELECT * FROM tap_schema.columns WHERE table_name LIKE 'demo.%'`,
    )
    assert.equal(columns.length, 16 + 8 + 7 + 3)
    for (const column of columns) assert.ok(column.description && column.ucd, `${column.column_name}`)
    const stored = await db.query<{ table_name: string; column_name: string }>(
      `SELECT 'demo.' || table_name AS table_name, column_name FROM information_schema.columns WHERE table_schema = 'demo'
       ORDER BY table_name, ordinal_position`,
    )
    const described = await db.query(
      `SELECT table_name, column_name FROM tap_schema.columns WHERE table_name LIKE 'demo.%' ORDER BY table_name, column_index`,
    )
    assert.deepEqual(described, stored)
    const keys = await db.query(
      `SELECT from_table, from_column, target_table, target_column FROM tap_schema.keys JOIN tap_schema.key_columns
       USING (key_id) WHERE from_table LIKE 'demo.%' ORDER BY 1, 2`,
    )
    assert.deepEqual(
      keys.map(key => Object.values(key as object).join(' ')),
      [
        'demo.forcedsource objectid demo.object objectid',
        'demo.forcedsource visitid demo.visit visitid',
        'demo.variable objectid demo.object objectid',
      ],
    )
    const tables = await db.query(
      `SELECT sql_table, ra_column, dec_column, shard_order, row_count::int FROM almagest.published_table
       WHERE schema_name = 'demo' ORDER BY table_index`,
    )
    assert.deepEqual(
      tables.map(table => Object.values(table as object)),
      [
        ['object', 'ra', 'dec', 7, 8000],
        ['forcedsource', null, null, 7, FORCED],
        ['visit', 'ra', 'dec', null, 320],
        ['variable', null, null, null, 200],
      ],
    )
    const [cells] = await numbers(
      'sum(row_count)',
      `FROM almagest.cell_count WHERE table_name = 'demo.object'`,
    )
    assert.equal(cells, 8000)
    await db.transaction(async client => {
      await client.query('SET LOCAL ROLE almagest_public')
      for (const { name } of readDescription('demo.yaml').tables)
        await client.query(`SELECT 1 FROM demo.${name} LIMIT 1`)
    })
  })

  it('is not made twice, and another one takes its place whole or not at all', async () => {
    const again = await fillDemo(db, SIZE, silent, never)
    assert.equal(again.filled, false)
    assert.equal(again.rows.object, 8000)

    const stop = new AbortController()
    const stopHalfway = ({ phase, done }: Progress) => {
      if (phase === 'demo.forcedsource' && done > 20_000) stop.abort(new Error('enough'))
    }
    await assert.rejects(fillDemo(db, { ...SIZE, seed: 6 }, stopHalfway, stop.signal), /enough/)
    assert.deepEqual(await numbers('count(*)', 'FROM demo.forcedsource'), [FORCED])
    assert.deepEqual(await numbers('count(*)', `FROM pg_namespace WHERE nspname = 'demo_filling'`), [0])
    assert.equal(await demoState(db), 'complete')
  })

  it('agrees with healpy on every cell', { skip: withoutPython('healpy') }, async () => {
    const rows = await db.query('SELECT hpx29::text, ra, dec FROM demo.object')
    const script = `
import json, sys, healpy
rows = json.load(sys.stdin)
cells = healpy.ang2pix(2**29, [r['ra'] for r in rows], [r['dec'] for r in rows], nest=True, lonlat=True)
print(sum(int(c) == int(r['hpx29']) for c, r in zip(cells, rows)))`
    // A position can be so close to a border that the last bit of a sine decides.
    assert.ok(Number(python(script, JSON.stringify(rows))) >= 7999)
  })

  it('uses units and UCDs that astropy knows', { skip: withoutPython('astropy') }, async () => {
    const schemas = ['demo.yaml', 'bench.yaml'].map(readDescription)
    const columns = schemas.flatMap(schema => schema.tables.flatMap(table => table.columns.map(c => c.field)))
    const script = `
import json, sys
from astropy.io.votable.ucd import check_ucd
from astropy import units
for c in json.load(sys.stdin):
    if not check_ucd(c['ucd'], check_controlled_vocabulary=True): print('UCD', c)
    if 'unit' in c: units.Unit(c['unit'], format='vounit')`
    assert.equal(python(script, JSON.stringify(columns)).toString(), '')
  })

  it('shows its periods to a periodogram', { skip: withoutPython('astropy') }, async () => {
    const points =
      await db.query(`SELECT objectid::text, period, expmidptmjd AS t, psfflux AS y, psffluxerr AS dy
      FROM demo.variable JOIN demo.forcedsource USING (objectid) JOIN demo.visit USING (visitid)
      WHERE class IN ('RRab', 'RRc', 'DCEP') AND forcedsource.band = 'g' AND pixelflags = 0 AND psfflux IS NOT NULL`)
    const script = `
import json, sys, collections, numpy as np
from astropy.timeseries import LombScargle
stars = collections.defaultdict(list)
for p in json.load(sys.stdin): stars[p['objectid']].append((p['t'], p['y'], p['dy'], p['period']))
right = 0
for points in stars.values():
    t, y, dy, period = np.array(points).T
    frequency = np.arange(0.02, 5, 0.1 / (t.max() - t.min()))
    best = frequency[np.argmax(LombScargle(t, y, dy).power(frequency, assume_regular_frequency=True))]
    right += abs(best * period[0] - 1) < 1e-3
print(right / len(stars))`
    const found = Number(python(script, JSON.stringify(points)))
    assert.ok(found > 0.9, `${found} of the periods are found`)
  })
})

it('leaves a table alone that somebody else made under its name', async () => {
  await db.query('CREATE SCHEMA bench')
  await db.query('CREATE TABLE bench.wide (mine int)')
  await assert.rejects(
    fillBench(db, { rows: 10 }, silent, never),
    /bench.wide exists and was not made by almagest/,
  )
  await db.query('DROP TABLE bench.wide')
})

it('makes bench.wide of 14 columns in every usual type', async () => {
  const result = await fillBench(db, { rows: 20_000, seed: 1 }, silent, never)
  assert.deepEqual(result.rows, { wide: 20_000 })
  const types = await db.query<{ data_type: string }>(
    `SELECT data_type FROM information_schema.columns WHERE table_schema = 'bench' ORDER BY ordinal_position`,
  )
  assert.deepEqual(
    types.map(column => column.data_type),
    ['bigint', ...Array(2).fill('double precision'), ...Array(8).fill('real'), 'integer', 'smallint', 'text'],
  )
  const [ids, nulls, south, bands] = await numbers(
    'count(DISTINCT id), count(*) - count(n), count(*) FILTER (WHERE dec < -30), count(DISTINCT band)',
    'FROM bench.wide',
  )
  assert.equal(ids, 20_000)
  assert.equal(bands, 5)
  assert.ok(Math.abs(nulls! - 2000) < 200)
  assert.ok(Math.abs(south! - 5000) < 100, 'a quarter of the sphere is south of −30°')
  assert.equal((await fillBench(db, { rows: 20_000, seed: 1 }, silent, never)).filled, false)
})

/** Loads of every format, and what is worked out on the way: types, systems, positions. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { openDatabase } from '../../src/db/postgres.ts'
import type { IngestOptions } from '../../src/ingest/table.ts'
import { ingestTable } from '../../src/ingest/table.ts'
import { openLog } from '../../src/log.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'
import { python, shared, withoutPython, withoutShared } from '../support/python.ts'

const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(path.join(folder, name), content)
  return path.join(folder, name)
}

function ingest(files: string[], table: string, options: Partial<IngestOptions> = {}) {
  const all: IngestOptions = {
    files,
    table,
    mode: 'create',
    rejectFile: path.join(folder, 'rejects.csv'),
    ...options,
  }
  return ingestTable(db, all, () => {}, new AbortController().signal)
}

const rows = async (sql: string) => (await db.query(sql)).map(row => Object.values(row))

test('guessed types become as wide as all files need, and as the table that is appended to', async () => {
  const one = file('one.csv', 'id,ra,dec,x\n1,10,20,1\n2,11,21,2\n')
  const two = file('two.csv', 'id,ra,dec,x\n3000000000,12.5,22,2.5\n')
  const three = file('three.csv', 'id,ra,dec,x\n5,13,23,7\n')
  assert.equal((await ingest([one, two], 'csv.nights')).rows, 3)
  await ingest([three], 'csv.nights', { mode: 'append' })
  assert.deepEqual(await rows('SELECT id, ra, x FROM csv.nights ORDER BY id'), [
    ['1', 10, 1],
    ['2', 11, 2],
    ['5', 13, 7],
    ['3000000000', 12.5, 2.5],
  ])
  const empty = file('empty_x.csv', 'id,ra,dec,x\n7,15,25,\n')
  await ingest([empty], 'csv.nights', { mode: 'append' })
  const words = file('words.csv', 'id,ra,dec,x\n6,14,24,many\n')
  await assert.rejects(ingest([words], 'csv.nights', { mode: 'append' }), /columns are not those/)
})

test('sexagesimal and galactic positions', { skip: withoutPython('astropy.coordinates') }, async () => {
  const csv = file(
    'hms.csv',
    'name;RA;Dec\nM31;00:42:44.3;+41:16:09\nM33;01h33m50.9s;30d39m37s\nM42;05 35 17.3;-05 23 28\nnone;;\nbad;25:00:00;1:2:3\n',
  )
  const result = await ingest([csv], 'pos.hms')
  assert.deepEqual([result.rows, result.rejected], [4, 1])
  assert.ok(result.notices.some(notice => /RA and Dec are sexagesimal: ra_deg and dec_deg/.test(notice)))
  const galactic = file('gal.csv', 'name,glon,glat\na,0,0\nb,123.5,-45.25\n')
  await ingest([galactic], 'pos.gal')
  const theirs = JSON.parse(
    python(`
import json
from astropy.coordinates import SkyCoord
hms = SkyCoord(['00:42:44.3 +41:16:09', '01h33m50.9s 30d39m37s', '05:35:17.3 -05:23:28'], unit=('hourangle', 'deg'))
gal = SkyCoord([0, 123.5], [0, -45.25], unit='deg', frame='galactic').icrs
print(json.dumps([[c.ra.deg, c.dec.deg] for c in list(hms) + list(gal)]))`).toString(),
  )
  const ours = [
    ...(await rows(`SELECT ra_deg, dec_deg FROM pos.hms WHERE hpx29 IS NOT NULL ORDER BY name`)),
    ...(await rows('SELECT ra, dec FROM pos.gal ORDER BY name')),
  ] as number[][]
  assert.equal(ours.length, theirs.length)
  for (const [i, pair] of ours.entries()) {
    // astropy's galactic pole is FK5's, ours that of Hipparcos: 0.02″ apart.
    const tolerance = i < 3 ? 1e-9 : 1e-5
    for (const k of [0, 1])
      assert.ok(Math.abs(pair[k]! - theirs[i][k]) < tolerance, `${i}: ${pair} ${theirs[i]}`)
  }
})

test('units, UCDs, descriptions and systems are published', async () => {
  const votable = file(
    'systems.vot',
    `<VOTABLE version="1.4"><RESOURCE><COOSYS ID="c" system="FK5" equinox="J2000"/><TIMESYS ID="t" timescale="TCB" refposition="BARYCENTER" timeorigin="2455197.5"/>
     <TABLE name="x"><DESCRIPTION>Stars that move</DESCRIPTION>
     <FIELD name="RA" datatype="double" unit="deg" ucd="pos.eq.ra" ref="c"><DESCRIPTION>Right ascension</DESCRIPTION></FIELD>
     <FIELD name="DE" datatype="double" unit="deg" ucd="pos.eq.dec" ref="c"/><FIELD name="when" datatype="double" unit="d" ref="t" utype="a.b"/>
     <FIELD name="flag" datatype="short"><VALUES null="-1"/></FIELD>
     <DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD><TD>3</TD><TD>-1</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>`,
  )
  await ingest([votable], 'sys.stars')
  assert.deepEqual(
    await rows(
      'SELECT "RA", "DE", "when", flag FROM sys.stars'.replaceAll('"RA"', 'ra').replaceAll('"DE"', 'de'),
    ),
    [[1, 2, 3, null]],
  )
  const catalog = await readCatalog(db)
  const table = catalog.tables.all.find(t => t.name === 'stars')!
  const field = (name: string) => table.columns.find(c => c.field.name === name)!.field
  assert.equal(field('RA').description, 'Right ascension')
  assert.equal(field('when').utype, 'a.b')
  const system = [...catalog.systems.cooSys, ...catalog.systems.timeSys]
  assert.deepEqual(
    system.find(s => s.id === field('RA').ref),
    { id: field('RA').ref, system: 'FK5', equinox: 'J2000' },
  )
  assert.deepEqual(
    system.find(s => s.id === field('when').ref),
    {
      id: field('when').ref,
      timescale: 'TCB',
      refposition: 'BARYCENTER',
      timeorigin: '2455197.5',
    },
  )
  const described = catalog.schemas.flatMap(s => s.tables).find(t => t.name === 'sys.stars')!
  assert.equal(described.description, 'Stars that move')
})

test('indexes and foreign keys by option', async () => {
  const objects = file('objects.csv', 'objectid,ra,dec\n1,10,10\n2,20,20\n')
  const sources = file('sources.csv', 'sourceid,objectid,band,mag\n1,1,g,20\n2,1,r,19\n3,2,g,18\n')
  await ingest([objects], 'keys.object')
  await ingest([sources], 'keys.source', {
    indexes: ['band'],
    foreignKeys: ['objectid=keys.object.objectid'],
  })
  assert.deepEqual(
    await rows(
      `SELECT from_table, target_table, from_column, target_column FROM tap_schema.keys JOIN tap_schema.key_columns USING (key_id) WHERE from_table LIKE 'keys%'`,
    ),
    [['keys.source', 'keys.object', 'objectid', 'objectid']],
  )
  assert.deepEqual(
    await rows(
      `SELECT column_name FROM tap_schema.columns WHERE table_name = 'keys.source' AND indexed = 1 ORDER BY 1`,
    ),
    [['band'], ['objectid'], ['sourceid']],
  )
  await assert.rejects(
    ingest([sources], 'keys.other', { foreignKeys: ['objectid=keys.none.x'] }),
    /no published column/,
  )
  await assert.rejects(
    ingest([sources], 'keys.other', { indexes: ['nope'] }),
    /--index: the file has no column nope/,
  )
})

test('what is too much is told, and leaves nothing', async () => {
  const names = Array.from({ length: 5000 }, (_, i) => `c${i}`)
  const wide = file('wide.csv', `${names.join(',')}\n${names.map((_, i) => i).join(',')}\n`)
  await assert.rejects(ingest([wide], 'much.columns'), /5000 columns; a table of PostgreSQL holds 1598/)
  const long = file(
    'long.csv',
    `${names.slice(0, 1500).join(',')}\n${names
      .slice(0, 1500)
      .map(() => '1.5')
      .join(',')}\n`,
  )
  await assert.rejects(ingest([long], 'much.bytes'), /A row is too long for PostgreSQL/)
  const empty = file('empty.csv', '')
  await assert.rejects(ingest([empty], 'much.nothing'), /the file is empty/)
  assert.deepEqual(await rows(`SELECT count(*)::int FROM pg_namespace WHERE nspname = 'much'`), [[0]])
})

const CATALOGS = 'data/catalogs'
test('catalogues in other formats than FITS', { skip: withoutShared(CATALOGS) }, async t => {
  const expected: Record<string, [rows: number, position: string | null]> = {
    '2mass_m31.tbl.gz': [2412, 'ra dec'],
    '2mass_ngc188_field.ecsv': [5014, 'raj2000 dej2000'],
    'esa_hst_cone_search.vot': [317, 'ra dec'],
    'eso_obscore_1000.xml.gz': [1000, 's_ra s_dec'],
    'openngc.csv.gz': [13969, 'ra_deg dec_deg'],
    'scs_result.xml': [1273, 'raj2000 dej2000'],
    'sdss_dr9_field.vot.gz': [12405, 'ra_icrs de_icrs'],
    'simbad_labels.vot': [748, 'ra dec'],
    'spicy_yso.parquet': [117446, 'radeg dedeg'],
    'spitzer_glimpse_catalog.xml': [224, 'ra dec'],
    'w5_psc.csv.gz': [17771, 'raj2000 dej2000'],
  }
  for (const [name, [count, position]] of Object.entries(expected)) {
    await t.test(name, async () => {
      const table = `other.${name.replace(/\W.*/, '').replace(/^\d/, '_$&').replace(/^_/, 'n')}`
      const result = await ingest([shared(`${CATALOGS}/${name}`)], table)
      assert.equal(result.rejected, 0)
      const [found] = await rows(
        `SELECT row_count::int, ra_column || ' ' || dec_column FROM almagest.published_table WHERE table_name = '${table}'`,
      )
      assert.deepEqual(found, [count, position])
    })
  }
})

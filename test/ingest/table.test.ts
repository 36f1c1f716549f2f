import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openDatabase } from '../../src/db/postgres.ts'
import { PUBLIC_ROLE } from '../../src/db/roles.ts'
import { openTable } from '../../src/formats/read/open.ts'
import type { IngestOptions } from '../../src/ingest/table.ts'
import { ingestTable } from '../../src/ingest/table.ts'
import { openLog } from '../../src/log.ts'
import { sqlIdentifier } from '../../src/tap/publish.ts'
import type { RowBatch } from '../../src/votable/row.ts'
import { testDatabase } from '../support/database.ts'
import { python, shared, withoutPython, withoutShared } from '../support/python.ts'

const url = await testDatabase()
const db = await openDatabase({ url, log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
const file = (name: string) => path.join(folder, name)
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const skip = withoutPython('astropy.io.fits', 'healpy', 'numpy')
const CATALOGS = 'data/catalogs'

function ingest(
  files: string[],
  table: string,
  options: Partial<IngestOptions> = {},
  signal = new AbortController().signal,
) {
  const rejects = file(`${table.replaceAll('"', '')}.csv`)
  return ingestTable(db, { files, table, mode: 'create', rejectFile: rejects, ...options }, () => {}, signal)
}

/** Writes a FITS table with these columns (Python expressions of \`C(name, format, array=…)\`). */
function fits(name: string, columns: string): string {
  python(
    `
import sys, numpy as np
from astropy.io import fits
C = fits.Column
fits.BinTableHDU.from_columns([${columns}], name='TEST').writeto(sys.argv[1])`,
    '',
    [file(name)],
  )
  return file(name)
}

async function scalar(sql: string, values: unknown[] = []): Promise<unknown> {
  const [row] = await db.query<Record<string, unknown>>(sql, values)
  return row && Object.values(row)[0]
}

test('position in radians: degrees, cells as healpy, order, indexes, description', {
  skip: skip || withoutShared(CATALOGS),
}, async () => {
  const source = shared(`${CATALOGS}/lsst_refcat_sdss_903294.fits`)
  const result = await ingest([source], 'sky.Refcat')
  assert.deepEqual(
    [result.table, result.rows, result.rejected, result.rejectFile],
    ['sky.Refcat', 2680, 0, null],
  )
  assert.ok(result.notices.some(notice => /coord_ra is converted from rad to degrees/.test(notice)))

  const rows = await db.query<{ id: string; ra: number; dec: number; hpx29: string; hpx_shard: number }>(
    'SELECT id, coord_ra AS ra, coord_dec AS dec, hpx29, hpx_shard FROM sky.refcat ORDER BY ctid',
  )
  const theirs = JSON.parse(
    python(
      `
import sys, json, numpy as np, healpy
from astropy.io import fits
t = fits.getdata(sys.argv[1], 1)
ra, dec = np.degrees(t['coord_ra']), np.degrees(t['coord_dec'])
print(json.dumps({str(i): [a, d, str(h), int(h >> 44)] for i, a, d, h in zip(t['id'].tolist(), ra.tolist(), dec.tolist(), healpy.ang2pix(2**29, ra, dec, nest=True, lonlat=True).tolist())}))`,
      '',
      [source],
    ).toString(),
  )
  assert.equal(Object.keys(theirs).length, rows.length)
  let before = -1n
  for (const row of rows) {
    const [ra, dec, hpx29, shard] = theirs[row.id]
    assert.ok(Math.abs(row.ra - ra) < 1e-12 && Math.abs(row.dec - dec) < 1e-12)
    assert.deepEqual([row.hpx29, row.hpx_shard], [hpx29, shard])
    assert.ok(BigInt(row.hpx29) >= before, 'rows are in the order of their cells')
    before = BigInt(row.hpx29)
  }

  const columns = await db.query<Record<string, unknown>>(
    `SELECT column_name, datatype, unit, ucd, indexed, principal FROM tap_schema.columns
      WHERE table_name = 'sky.Refcat' AND column_name = ANY($1) ORDER BY column_index`,
    [['flags', 'id', 'coord_ra', 'u_flux', 'hpx29', 'hpx_shard']],
  )
  assert.deepEqual(
    columns.map(c => Object.values(c).join(' ')),
    [
      'flags bit   0 1',
      'id long  meta.id;meta.main 1 1',
      'coord_ra double deg pos.eq.ra;meta.main 1 1',
      'u_flux double nJy  0 1',
      'hpx29 long  pos.healpix 1 0',
      'hpx_shard int  pos.healpix 0 0',
    ],
  )
  const [published] = await db.query(
    `SELECT ra_column, dec_column, shard_order, row_count FROM almagest.published_table WHERE table_name = 'sky.Refcat'`,
  )
  assert.deepEqual(
    { ...published },
    { ra_column: 'coord_ra', dec_column: 'coord_dec', shard_order: 7, row_count: '2680' },
  )
  assert.equal(
    await scalar(`SELECT sum(row_count) FROM almagest.cell_count WHERE table_name = 'sky.Refcat'`),
    '2680',
  )
  const indexes = await db.query<{ indexdef: string }>(
    `SELECT indexdef FROM pg_indexes WHERE schemaname = 'sky' AND tablename = 'refcat'`,
  )
  const definitions = indexes.map(i => i.indexdef).join('\n')
  assert.match(definitions, /USING gist \(spoint\(radians\(coord_ra\), radians\(coord_dec\)\)\)/)
  assert.match(definitions, /USING btree \(hpx29\)/)
  assert.match(definitions, /UNIQUE INDEX .* USING btree \(id\)/)
  await db.transaction(async client => {
    await client.query(`SET LOCAL ROLE ${PUBLIC_ROLE}`)
    assert.equal((await client.query('SELECT FROM sky.refcat')).length, 2680)
  })
})

/** Rows of our own reading, or of PostgreSQL, as hexadecimal text without the columns that ingest changes. */
function rowTexts({ data, starts, count }: RowBatch, columns: number, left: ReadonlySet<number>): string[] {
  return Array.from({ length: count }, (_, i) => {
    let p = starts[i]! + 2
    const cells: string[] = []
    for (let c = 0; c < columns; c++) {
      const next = p + 4 + Math.max(0, data.readInt32BE(p))
      if (!left.has(c)) cells.push(data.toString('hex', p, next))
      p = next
    }
    return cells.join(' ')
  })
}

test('every catalogue comes back from PostgreSQL as it was read', {
  skip: withoutShared(CATALOGS),
}, async t => {
  const names = readdirSync(shared(CATALOGS)).filter(
    f => /\.fits?(\.gz)?$/.test(f) && !f.startsWith('tycho2'),
  )
  for (const name of names) {
    await t.test(name, async () => {
      const table = `cat.${name.replace(/\W.*/, '').toLowerCase()}`
      const result = await ingest([shared(`${CATALOGS}/${name}`)], table)
      const source = await openTable(shared(`${CATALOGS}/${name}`))
      const radians = new Set(
        source.fields.flatMap((field, i) => (field.unit === 'rad' && /^coord/.test(field.name) ? [i] : [])),
      )
      const read: string[] = []
      for await (const batch of source.batches()) read.push(...rowTexts(batch, source.fields.length, radians))
      await source.close()
      assert.equal(result.rows, read.length)
      const sqlNames = await db.query<{ sql_name: string }>(
        `SELECT sql_name FROM almagest.published_column WHERE table_name = $1 AND sql_name NOT LIKE 'hpx%' ORDER BY column_index`,
        [table],
      )
      const stream = await db.stream({
        text: `SELECT ${sqlNames.map(c => sqlIdentifier(c.sql_name)).join(', ')} FROM ${table}`,
        values: [],
        fields: source.fields,
        role: PUBLIC_ROLE,
        timeoutMs: 60_000,
        stallMs: 60_000,
        signal: new AbortController().signal,
        wire: 'binary',
      })
      const stored: string[] = []
      for await (const batch of stream) stored.push(...rowTexts(batch, source.fields.length, radians))
      stored.sort()
      read.sort()
      const wrong = read.findIndex((row, i) => row !== stored[i])
      assert.equal(stored[wrong], read[wrong])
      assert.equal(stored.length, read.length)
    })
  }
})

test('rows that cannot be taken are counted and written, the others are loaded', { skip }, async () => {
  const source = fits(
    'bad.fits',
    `C('id', 'J', array=[1, 2, 3, 4, 5, 6, 7, 8]), C('ra', 'D', unit='deg', array=[10, np.inf, 30, 721, -10, 370, np.nan, 80]),
     C('dec', 'D', unit='deg', array=[10, 20, 91, 40, 50, 60, 70, np.nan]), C('name', '12A', array=['a', 'b', 'c "x", y', 'd', 'e', 'f', 'g', 'h']),
     C('big', 'K', bzero=2**63, array=np.array([0, 1, 2, 3, 2**64 - 1, 5, 6, 7], 'u8'))`,
  )
  const result = await ingest([source], 'sky.bad')
  assert.deepEqual([result.rows, result.rejected, result.rejectFile], [4, 4, file('sky.bad.csv')])
  const lines = readFileSync(file('sky.bad.csv'), 'utf8').trim().split('\n')
  assert.deepEqual(lines, [
    'file,row,reason,id,ra,dec,name,big',
    `${source},2,"right ascension Infinity is outside [-360, 720]",2,Infinity,20,b,1`,
    `${source},3,"declination 91 is outside [-90, 90]",3,30,91,"c ""x"", y",2`,
    `${source},4,"right ascension 721 is outside [-360, 720]",4,721,40,d,3`,
    `${source},5,column big: 18446744073709551615 is more than a 64-bit integer can hold,5,-10,50,e,`,
  ])
  const rows = await db.query(`SELECT id, ra, dec, hpx29 IS NULL AS unplaced, big FROM sky.bad ORDER BY id`)
  assert.deepEqual(
    rows.map(row => Object.values(row as object)),
    [
      [1, 10, 10, false, '0'],
      [6, 10, 60, false, '5'],
      [7, null, 70, true, '6'],
      [8, 80, null, true, '7'],
    ],
  )
  assert.ok(result.notices.includes('Rows without a position, which no cone or cross-match finds: 2.'))
  assert.ok(result.notices.includes('Right ascensions that were brought into [0, 360): 1.'))
  const none = fits('none.fits', `C('ra', 'D', array=[1e9]), C('dec', 'D', array=[0])`)
  await assert.rejects(ingest([none], 'sky.none'), /None of the 1 rows can be taken/)
})

test('names of all kinds become usable', { skip }, async () => {
  const source = fits(
    'names.fits',
    `C('n1', 'J', array=[1]), C('n2', 'J', array=[2]), C('n3', 'J', array=[3]), C('size', 'J', array=[4]),
     C('flux (g)', 'J', array=[5]), C('xmin', 'J', array=[6]), C('${'long_'.repeat(12)}name_a', 'J', array=[7]),
     C('${'long_'.repeat(12)}name_b', 'J', array=[8]), C('hpx29', 'K', array=[9]), C('n4', '8A', array=['Tr\\u00fcmpler'.encode('latin-1')])`,
  )
  const bytes = readFileSync(source)
  const rename = (from: string, to: string) =>
    bytes.write(`'${to}'`.padEnd(from.length + 8), bytes.indexOf(`'${from}`), 'latin1')
  rename('n1', 'Mag')
  rename('n2', 'mag')
  rename('n3', '')
  writeFileSync(source, bytes)
  const result = await ingest([source], '"My Sky"."Odd Table"')
  const columns = await db.query<{ column_name: string; sql_name: string; datatype: string }>(
    `SELECT column_name, sql_name, datatype FROM almagest.published_column WHERE table_name = '"my sky"."Odd Table"' ORDER BY column_index`,
  )
  assert.deepEqual(
    columns.map(c => [c.column_name, c.sql_name]),
    [
      ['Mag', 'mag'],
      ['mag_2', 'mag_2'],
      ['col3', 'col3'],
      ['"size"', 'size'],
      ['"flux (g)"', 'flux (g)'],
      ['xmin', 'xmin_2'],
      [`${'long_'.repeat(12)}name_a`, `${'long_'.repeat(12)}nam`],
      [`${'long_'.repeat(12)}name_b`, `${'long_'.repeat(12)}n_2`],
      ['hpx29', 'hpx29'],
      ['n4', 'n4'],
    ],
  )
  assert.equal(columns[9]!.datatype, 'unicodeChar')
  assert.equal(await scalar('SELECT n4 FROM "my sky"."odd table"'), 'Trümpler')
  assert.ok(result.notices.includes('Column mag_2 is column 2 of the file, named "mag".'))
})

test('an existing table is refused, extended, replaced under a running query', { skip }, async () => {
  const night = (name: string, first: number, unit = 'deg') =>
    fits(
      name,
      `C('id', 'J', array=np.arange(${first}, ${first + 1000})), C('ra', 'D', unit='${unit}', array=np.linspace(0, 359, 1000)), C('dec', 'D', unit='deg', array=np.linspace(-80, 80, 1000)), C('band', 'A', array=['g'] * 1000)`,
    )
  const [one, two, other] = [
    night('one.fits', 0),
    night('two.fits', 1000),
    fits('other.fits', `C('id', 'K', array=[1]), C('mag', 'E', array=[2])`),
  ]
  const heard: string[] = []
  const unlisten = await db.listen('tap_schema', payload => heard.push(payload))
  await ingest([one], 'sky.nights', { description: 'Nights' })
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.ok(heard.length > 0)
  await unlisten()

  await assert.rejects(ingest([two], 'sky.NIGHTS'), /Table sky.nights exists/)
  await assert.rejects(ingest([one], 'sky.nights', { mode: 'append' }), /is there already/)
  await assert.rejects(ingest([other], 'sky.nights', { mode: 'append' }), error => {
    assert.match(
      (error as { detail: string }).detail,
      /column id is integer, in the file bigint[\s\S]*no column ra[\s\S]*table has no column mag/,
    )
    return true
  })
  await assert.rejects(ingest([one], 'sky.nothing', { mode: 'append' }), /no table sky.nothing/)
  const appended = await ingest([two], 'sky.nights', { mode: 'append' })
  assert.equal(appended.rows, 1000)
  assert.equal(await scalar('SELECT count(*) FROM sky.nights'), '2000')
  assert.equal(
    await scalar(`SELECT row_count FROM almagest.published_table WHERE table_name = 'sky.nights'`),
    '2000',
  )
  assert.equal(
    await scalar(`SELECT sum(row_count) FROM almagest.cell_count WHERE table_name = 'sky.nights'`),
    '2000',
  )

  const reading = db.transaction(async client => {
    const begun = await client.query('SELECT count(*) FROM sky.nights')
    await new Promise(resolve => setTimeout(resolve, 4000))
    return [begun, await client.query('SELECT count(*) FROM sky.nights')]
  })
  await new Promise(resolve => setTimeout(resolve, 100))
  const replaced = await ingest([two], 'sky.nights', { mode: 'replace' })
  assert.equal(replaced.rows, 1000)
  assert.deepEqual(await reading, [[{ count: '2000' }], [{ count: '2000' }]])
  const [now] = await db.query<{ sql_table: string; row_count: string; description: string }>(
    `SELECT sql_table, row_count, description FROM almagest.published_table WHERE table_name = 'sky.nights'`,
  )
  assert.deepEqual({ ...now }, { sql_table: 'nights~2', row_count: '1000', description: 'Nights' })
  assert.equal(await scalar(`SELECT to_regclass('sky.nights')`), null, 'the old table is gone')
  assert.equal(await scalar('SELECT count(*) FROM almagest.retired_table'), '0')
})

test('what fails leaves nothing behind', { skip }, async () => {
  const good = fits(
    'good.fits',
    `C('ra', 'D', array=np.linspace(0, 359, 50000)), C('dec', 'D', array=np.linspace(-80, 80, 50000))`,
  )
  writeFileSync(file('cut.fits.gz'), gzipSync(readFileSync(good)).subarray(0, 200_000))
  await assert.rejects(
    ingest([good, file('cut.fits.gz')], 'fresh.cut'),
    /cut\.fits\.gz: the gzip file cannot be unpacked/,
  )
  assert.equal(await scalar(`SELECT count(*) FROM pg_namespace WHERE nspname = 'fresh'`), '0')
  assert.equal(
    await scalar(`SELECT count(*) FROM almagest.published_table WHERE table_name LIKE 'fresh%'`),
    '0',
  )
  assert.equal(await scalar('SELECT count(*) FROM almagest.load_run'), '0')
  assert.equal((await ingest([good], 'fresh.good')).rows, 50000)
  await db.query('CREATE TABLE fresh.foreign_one (id int)')
  await assert.rejects(ingest([good], 'fresh.foreign_one', { mode: 'replace' }), /not published here/)
})

test('a load that is broken off goes on where it was', { skip }, async () => {
  const part = (name: string, first: number, dec = '0') =>
    fits(
      name,
      `C('id', 'J', array=np.arange(${first}, ${first + 20000})), C('ra', 'D', unit='deg', array=np.linspace(0, 359, 20000)),
       C('dec', 'D', unit='deg', array=np.where(np.arange(20000) == 7, 95, ${dec})), C('s', '4A', array=['é'.encode('latin-1') if ${first} == 0 else 'e'] * 20000)`,
    )
  const files = [part('r1.fits', 0), part('r2.fits', 20000), part('r3.fits', 40000)]
  const load = (stopAt: number) => {
    const stop = new AbortController()
    return ingestTable(
      db,
      { files, table: 'goes.on', mode: 'create', rejectFile: file('goes.csv') },
      ({ phase, done }) => phase === 'reading' && done > stopAt && stop.abort(new Error('stop')),
      stop.signal,
    )
  }
  await assert.rejects(load(30_000), /stop/)
  assert.equal(await scalar(`SELECT count(*) FROM goes."on~load"`), '19999')
  assert.equal(
    await scalar(`SELECT count(*) FROM almagest.published_table WHERE table_name LIKE 'goes%'`),
    '0',
  )
  const result = await load(1e9)
  assert.deepEqual([result.rows, result.rejected], [59_997, 3])
  assert.ok(result.notices.includes('An earlier run was broken off: this one went on after 20000 rows.'))
  assert.equal(await scalar('SELECT count(DISTINCT id) FROM goes."on"'), '59997')
  assert.equal(await scalar(`SELECT count(*) FROM pg_class WHERE relname LIKE 'on~%'`), '0')
  assert.equal(await scalar('SELECT count(*) FROM almagest.load_run'), '0')
  assert.equal(
    await scalar(
      `SELECT datatype FROM tap_schema.columns WHERE table_name = 'goes."on"' AND column_name = 's'`,
    ),
    'unicodeChar',
    'what the first file showed is not forgotten',
  )
  const rejected = readFileSync(file('goes.csv'), 'utf8').trim().split('\n')
  assert.deepEqual(
    rejected.map(line => line.split(',').slice(0, 2).join(' ')),
    ['file row', ...files.map(name => `${name} 8`)],
  )

  await assert.rejects(
    ingestTable(
      db,
      { files, table: 'goes.anew', mode: 'create', rejectFile: file('goes.csv') },
      ({ phase }) => phase === 'sorting' && stopNow.abort(new Error('stop')),
      stopNow.signal,
    ),
    /stop/,
  )
  writeFileSync(files[0]!, readFileSync(files[1]!))
  const anew = await ingest(files, 'goes.anew')
  assert.equal(anew.rows, 59_997, 'other files are another load')
  assert.ok(!anew.notices.some(notice => /broken off/.test(notice)))
})
const stopNow = new AbortController()

test('several files, columns chosen by hand, tables without a position', { skip }, async () => {
  const part = (name: string, width: number) =>
    fits(
      name,
      `C('key', 'J', array=[1, 2]), C('x', 'E', unit='hourangle', array=[1.5, 2]), C('y', 'E', array=[1, 2]), C('s', '${width}A', array=['a', 'b'])`,
    )
  const files = [part('p1.fits', 3), part('p2.fits', 8)]
  const plain = await ingest(files, 'sky.plain')
  assert.equal(plain.rows, 4)
  assert.deepEqual(
    await db
      .query(
        `SELECT column_name, arraysize FROM tap_schema.columns WHERE table_name = 'sky.plain' ORDER BY column_index`,
      )
      .then(rows => rows.map(row => Object.values(row as object))),
    [
      ['"key"', null],
      ['x', null],
      ['y', null],
      ['s', '*'],
    ],
  )
  await ingest(files, 'sky.chosen', { ra: 'x', dec: 'Y', id: 'key' })
  assert.equal(await scalar('SELECT x FROM sky.chosen WHERE "key" = 1 LIMIT 1'), 22.5)
  await assert.rejects(
    ingest(files, 'sky.wrong', { ra: 'x', dec: 'nope' }),
    /--dec: the file has no column nope/,
  )
  await assert.rejects(ingest(files, 'sky.wrong', { ra: 'x' }), /say both/)
  await assert.rejects(ingest(files, 'sky.wrong', { ra: 'key', dec: 'y' }), /must be float or double/)
  await assert.rejects(
    ingest([files[0]!, fits('p3.fits', `C('key', 'J', array=[1])`)], 'sky.wrong'),
    /has not the columns/,
  )
})

test('table names', async () => {
  for (const name of ['tap_schema.x', 'pg_temp.x', 'ivoa.x', '"UWS".x', 'mydb_me.x']) {
    await assert.rejects(ingest(['none'], name), /the service's own/, name)
  }
  for (const name of ['x', 'a.b.c', 'a.', '1a.b', 'a.b c', 'a."b']) {
    await assert.rejects(ingest(['none'], name), /is no table name/, name)
  }
  await assert.rejects(ingest([file('missing.fits')], 'a.b'), /missing\.fits: the file cannot be read/)
  assert.equal(existsSync(file('a.b.csv')), false)
})

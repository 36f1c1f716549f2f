/** Uploads (TAP 1.1 §2.7.6) as curl, stilts and pyvo send them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { tableFromArrays, tableToIPC } from 'apache-arrow'
import { publishSchema, publishTable } from '../../src/tap/publish.ts'
import { testDatabase } from '../support/database.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
const dir = path.join(folder, 'var')
let service: TestService

/** A grid of 10,000 positions, 0.01° apart, around (10, 0). */
async function fill(db: TestService['db']): Promise<void> {
  await db.query('CREATE SCHEMA sky')
  await db.query(`CREATE TABLE sky.grid AS SELECT 100 * i + j AS id, 9.5 + i / 100.0::float8 AS ra, -0.5 + j / 100.0::float8 AS dec
                    FROM generate_series(0, 99) AS i, generate_series(0, 99) AS j`)
  await db.query('CREATE INDEX ON sky.grid USING gist (spoint(radians(ra), radians(dec)))')
  await db.query('ANALYZE sky.grid')
  await db.transaction(async client => {
    await publishSchema(client, { name: 'sky' })
    await publishTable(client, {
      schema: 'sky',
      name: 'grid',
      sqlSchema: 'sky',
      sqlTable: 'grid',
      position: { ra: 'ra', dec: 'dec' },
      rows: 10_000,
      columns: [
        { field: { name: 'id', datatype: 'int' }, sqlName: 'id' },
        { field: { name: 'ra', datatype: 'double', unit: 'deg', ucd: 'pos.eq.ra;meta.main' }, sqlName: 'ra' },
        {
          field: { name: 'dec', datatype: 'double', unit: 'deg', ucd: 'pos.eq.dec;meta.main' },
          sqlName: 'dec',
        },
      ],
    })
  })
}

describe('uploads', () => {
  before(async () => {
    service = await startTestService({
      database: await testDatabase(),
      config: { dir },
      limits: { uploadBytes: 2_000_000, uploadRows: 20_000, uploadColumns: 100 },
      fill,
    })
  })
  after(async () => {
    await service.close()
    rmSync(folder, { recursive: true })
  })

  /** POSTs a query with files, fields that are strings as fields; resolves to status and text. */
  async function ask(query: string, upload: string, files: Record<string, Blob | string>, format = 'csv') {
    const form = new FormData()
    form.set('LANG', 'ADQL')
    form.set('QUERY', query)
    form.set('UPLOAD', upload)
    form.set('FORMAT', format)
    for (const [name, content] of Object.entries(files)) form.set(name, content)
    const response = await fetch(`${service.url}/tap/sync`, { method: 'POST', body: form })
    return { status: response.status, text: await response.text() }
  }

  const votable = (fields: string, rows: string) =>
    `<?xml version="1.0"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>${fields}<DATA><TABLEDATA>${rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>`
  const targets = votable(
    `<FIELD name="name" datatype="char" arraysize="*"/><FIELD name="ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main"/><FIELD name="Decl. (J2000)" datatype="double" unit="deg" ucd="pos.eq.dec;meta.main"/>`,
    '<TR><TD>A</TD><TD>10.0001</TD><TD>0.0001</TD></TR><TR><TD>B &amp; Ü</TD><TD>10.2</TD><TD>0.3</TD></TR><TR><TD/><TD/><TD/></TR>',
  )

  it('match a catalogue, as a file and as a field', async () => {
    const query = `SELECT u.name, g.id FROM TAP_UPLOAD.t AS u JOIN sky.grid AS g
      ON DISTANCE(POINT(u.ra, u."Decl. (J2000)"), POINT(g.ra, g.dec)) < 2/3600. ORDER BY g.id`
    for (const part of [new Blob([targets]), targets]) {
      const { status, text } = await ask(query, 't,param:x', { x: part })
      assert.deepEqual([status, text], [200, 'name,id\r\nA,5050\r\nB & Ü,7080\r\n'])
    }
  })

  it('are joined with each other, whatever the names', async () => {
    const other = votable(
      '<FIELD name="Name" datatype="char" arraysize="8"/><FIELD name="select" datatype="int"/><FIELD name="" datatype="short"/><FIELD name="a&quot;b" datatype="float"/><FIELD name="select" datatype="long"/>',
      '<TR><TD>A</TD><TD>1</TD><TD>2</TD><TD>3.5</TD><TD>9007199254740993</TD></TR>',
    )
    const query = `SELECT t1."select", "col3", "a""b", "select_1", u.name FROM TAP_UPLOAD.T1 AS t1 JOIN tap_upload.t_2 AS u ON u.name = t1."Name"`
    const { status, text } = await ask(query, 't1,param:p;t_2,param:q', {
      p: new Blob([other]),
      q: new Blob([targets]),
    })
    assert.deepEqual(
      [status, text],
      [200, 'select,col3,"a""b",select_1,name\r\n1,2,3.5,9007199254740993,A\r\n'],
    )
  })

  it('keep units, UCDs, NULLs and systems', async () => {
    const table = votable(
      '<FIELD name="m" datatype="float" unit="mag" ucd="phot.mag" utype="a:b"><DESCRIPTION>Magnitude</DESCRIPTION></FIELD><FIELD name="n" datatype="int"><VALUES null="-1"/></FIELD><FIELD name="b" datatype="boolean"/><FIELD name="p" datatype="double" arraysize="2" xtype="point"/><FIELD name="t" datatype="char" arraysize="*" xtype="timestamp"/>',
      '<TR><TD>1.5</TD><TD>-1</TD><TD>T</TD><TD>1 2</TD><TD>2020-01-01T00:00:00</TD></TR><TR><TD>NaN</TD><TD>7</TD><TD>?</TD><TD></TD><TD></TD></TR>',
    )
    const { text } = await ask(
      'SELECT * FROM TAP_UPLOAD.t',
      't,param:x',
      { x: new Blob([table]) },
      'votable/td',
    )
    for (const piece of [
      /<FIELD name="m" datatype="float" unit="mag" ucd="phot.mag" utype="a:b"><DESCRIPTION>Magnitude/,
      /<FIELD name="p" datatype="double" arraysize="2" xtype="point"/,
      /<TR><TD>1.5<\/TD><TD><\/TD><TD>T<\/TD>/,
      /<TR><TD><\/TD><TD>7<\/TD><TD><\/TD>/,
    ]) {
      assert.match(text, piece)
    }
  })

  it('that cannot be read are refused by row and column', async () => {
    const query = 'SELECT * FROM TAP_UPLOAD.t'
    const bad = votable('<FIELD name="n" datatype="int"/>', '<TR><TD>1</TD></TR><TR><TD>1.5</TD></TR>')
    const refused = async (part: Blob | string, message: RegExp, status = 400) => {
      const answer = await ask(query, 't,param:x', { x: part }, 'text')
      assert.match(answer.text, message)
      assert.equal(answer.status, status)
    }
    await refused(new Blob([bad]), /TAP_UPLOAD\.t, row 2: column n: "1\.5" is no 32-bit integer/)
    await refused(new Blob([targets.slice(0, -30)]), /TAP_UPLOAD\.t: .*(truncated|unclosed)/)
    await refused(new Blob(['']), /TAP_UPLOAD\.t: the file is empty/)
    await refused(new Blob([votable('', '')]), /TAP_UPLOAD\.t: the VOTable has no table/)
    await refused(new Blob(['<!DOCTYPE a [<!ENTITY b "c">]><VOTABLE/>']), /DOCTYPE/)
    await refused(new Blob([`<VOTABLE>${'<RESOURCE>'.repeat(200)}`]), /nested 100 deep/, 413)
    const many = votable('<FIELD name="n" datatype="int"/>', '<TR><TD>1</TD></TR>'.repeat(20_001))
    await refused(new Blob([many]), /more than 20000 rows/, 413)
    await refused(new Blob(['x'.repeat(2_000_001)]), /exceed 2000000 bytes/, 413)
    const wide = votable('<FIELD name="n" datatype="int"/>'.repeat(101), '')
    await refused(new Blob([wide]), /101 columns; 100 are allowed/, 413)
    assert.match(
      (await ask('SELECT * FROM TAP_UPLOAD.other', 't,param:x', { x: targets })).text,
      /TAP_UPLOAD\.other/i,
    )
    assert.match((await ask(query, 't,http://127.0.0.1/', { x: targets })).text, /fetches nothing/)
    const left = () => readdirSync(path.join(dir, 'spool'))
    for (let i = 0; i < 50 && left().length > 0; i++) await new Promise(resolve => setTimeout(resolve, 20))
    assert.deepEqual(left(), [])
  })

  it('by curl, in every format', async () => {
    const csv = path.join(folder, 'targets.csv')
    writeFileSync(csv, 'name,ra,dec\nA,10.0001,0.0001\nB,10.2,0.3\n')
    const duck = await (await DuckDBInstance.create(':memory:')).connect()
    const parquet = path.join(folder, 'targets.parquet')
    await duck.run(`COPY (SELECT * FROM '${csv}') TO '${parquet}' (FORMAT parquet)`)
    duck.closeSync()
    const arrow = path.join(folder, 'targets.arrow')
    const columns = {
      name: ['A', 'B'],
      ra: Float64Array.of(10.0001, 10.2),
      dec: Float64Array.of(0.0001, 0.3),
    }
    writeFileSync(arrow, tableToIPC(tableFromArrays(columns), 'stream'))
    const ecsv = path.join(folder, 'targets.ecsv')
    const declared = [
      'name: name, datatype: string',
      'name: ra, datatype: float64, unit: deg',
      'name: dec, datatype: float64',
    ]
    writeFileSync(
      ecsv,
      `# %ECSV 1.0\n# ---\n# datatype:\n${declared.map(c => `# - {${c}}\n`).join('')}name ra dec\nA 10.0001 0.0001\nB 10.2 0.3\n`,
    )
    writeFileSync(`${csv}.gz`, gzipSync(readFileSync(csv)))
    const query =
      'SELECT u.name, g.id FROM TAP_UPLOAD.mine AS u JOIN sky.grid AS g ON DISTANCE(POINT(u.ra, u.dec), POINT(g.ra, g.dec)) < 2/3600. ORDER BY g.id'
    for (const file of [csv, `${csv}.gz`, parquet, arrow, ecsv]) {
      const { stdout } = await promisify(execFile)('curl', [
        '-s',
        `${service.url}/tap/sync`,
        '-F',
        'LANG=ADQL',
        '-F',
        'FORMAT=csv',
        '-F',
        `QUERY=${query}`,
        '-F',
        'UPLOAD=mine,param:t',
        '-F',
        `t=@${file}`,
      ])
      assert.equal(stdout, 'name,id\r\nA,5050\r\nB,7080\r\n', path.basename(file))
    }
  })

  it('that unpack to much more than they are, are refused', async () => {
    const bomb = gzipSync(Buffer.alloc(30_000_000, 'a'))
    assert.ok(bomb.length < 100_000)
    const { status, text } = await ask('SELECT * FROM TAP_UPLOAD.t', 't,param:x', {
      x: new Blob([new Uint8Array(bomb)]),
    })
    assert.equal(status, 413)
    assert.match(text, /unpacks to more than 20000000 bytes/)
  })

  it('are seen by nobody else and are gone afterwards', async () => {
    const other = await ask('SELECT * FROM pg_temp.upload_1', 't,param:x', { x: targets })
    assert.equal(other.status, 400)
    const [left] = await service.db.query<{ n: string }>(
      `SELECT count(*) AS n FROM pg_class WHERE relname LIKE 'upload_%'`,
    )
    assert.equal(left!.n, '0')
  })

  it('by pyvo, several, sync and async', { skip: withoutPython('pyvo', 'astropy.table') }, async () => {
    const script = `
import sys, pyvo, numpy as np
from astropy.table import Table, MaskedColumn
service = pyvo.dal.TAPService(sys.argv[1] + '/tap')
t1 = Table({'my ra': np.arange(3) * 0.01 + 9.5, 'n': np.arange(3)})
t1['my ra'].unit = 'deg'
t2 = Table({'n': MaskedColumn([0, 1, 2], mask=[0, 0, 1]), 's': ['a', 'é', 'c']})
query = 'SELECT a."my ra", b.s FROM TAP_UPLOAD.t1 AS a JOIN TAP_UPLOAD.t2 AS b ON a.n = b.n ORDER BY a.n'
for result in service.run_sync(query, uploads={'t1': t1, 't2': t2}), service.run_async(query, uploads={'t1': t1, 't2': t2}):
    table = result.to_table()
    print(table['my ra'].unit, list(table['my ra']), list(table['s']))
`
    const lines = (await pythonClient(script, service.url)).trim().split('\n')
    assert.deepEqual(lines, Array(2).fill("deg [9.5, 9.51] ['a', 'é']"))
  })

  it('by stilts tapquery and tapskymatch', { skip: withoutStilts() }, async () => {
    const file = path.join(folder, 'targets.vot')
    writeFileSync(file, targets)
    for (const sync of ['true', 'false']) {
      const out = await stilts(
        'tapquery',
        `tapurl=${service.url}/tap`,
        `sync=${sync}`,
        'nupload=1',
        `upload1=${file}`,
        'upname1=mine',
        'adql=SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine WHERE ra > 0',
        'ofmt=csv',
      )
      assert.equal(out, 'n\n2\n')
    }
    const matched = await stilts(
      'tapskymatch',
      `in=${file}`,
      'inlon=ra',
      'inlat="$3"'.replaceAll('"', ''),
      `tapurl=${service.url}/tap`,
      'taptable=sky.grid',
      'taplon=ra',
      'taplat=dec',
      'tapcols=id',
      'sr=0.001',
      'find=best',
      'ocmd=keepcols "name id"',
      'ofmt=csv',
    )
    assert.deepEqual(
      matched.trim().split('\n'),
      ['name,id', 'A,5050', '"B & Ü",7080'].map(l => l.replaceAll('"', '')),
    )
  })
})

/** CSV, ECSV and IPAC tables as astropy reads them, and what people write by hand. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openTable } from '../../../src/formats/read/open.ts'
import { python, shared, withoutPython, withoutShared } from '../../support/python.ts'
import { type Column, readBySource, type Value } from './astropy.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
after(() => rmSync(folder, { recursive: true }))

const SCRIPT = `
import sys, json, warnings
import numpy as np
from astropy.table import Table
warnings.simplefilter('ignore')

def values(column):
    mask = np.ma.getmaskarray(column) if hasattr(column, 'mask') else np.zeros(len(column), bool)
    data = np.ma.getdata(column)
    if data.ndim > 1: return [values(row) for row in column]
    if data.dtype.kind == 'f':
        size = data.dtype.itemsize
        raw = data.astype('>f%d' % size).tobytes().hex()
        out = [raw[2*size*i:2*size*(i+1)] for i in range(len(data))]
        mask = mask | np.isnan(data)
    elif data.dtype.kind == 'b': out = ['true' if v else 'false' for v in data]
    elif data.dtype.kind == 'O': out = [None if v is None else [str(x) for x in np.ravel(np.asarray(v))] for v in data]
    else: out = [str(v) for v in data.tolist()]
    return [None if m or v == '' else v for v, m in zip(out, mask)]

table = Table.read(sys.argv[1], **json.loads(sys.argv[2]))
json.dump([dict(name=n, unit=str(table[n].unit) if table[n].unit is not None else None, ucd=table[n].meta.get('ucd'), values=values(table[n])) for n in table.colnames], sys.stdout)
`

/**
 * Compares with astropy's reading: names, units, UCDs, values. In `padded` columns we keep texts such as 024, of which
 * astropy makes numbers.
 */
async function same(file: string, options: Record<string, unknown>, padded: string[] = []): Promise<void> {
  const theirs: Column[] = JSON.parse(python(SCRIPT, '', [file, JSON.stringify(options)]).toString())
  const source = await openTable(file)
  const ours = await readBySource(source)
  await source.close()
  assert.deepEqual(ours.bad, [])
  assert.deepEqual(
    ours.columns.slice(0, theirs.length).map(c => [c.name, c.ucd]),
    theirs.map(c => [c.name, c.ucd]),
  )
  for (const [c, { name, values }] of theirs.entries()) {
    let mine = ours.columns[c]!.values
    if (padded.includes(name)) mine = mine.map(v => v && String(Number(v)))
    assert.equal(mine.length, values.length, `rows of ${name}`)
    const wrong = values.findIndex((value, row) => !equal(mine[row]!, value))
    assert.deepEqual(mine[wrong], values[wrong], `${name}, row ${wrong + 1}`)
  }
}

const equal = (a: Value, b: Value) => a === b || JSON.stringify(a) === JSON.stringify(b)

describe('text tables', { skip: withoutPython('astropy.table', 'yaml') }, () => {
  const skip = withoutShared('data/catalogs')
  const catalog = (name: string) => shared(`data/catalogs/${name}`)

  it('OpenNGC: semicolons, text beyond ASCII', { skip }, () =>
    same(catalog('openngc.csv.gz'), { format: 'ascii.csv', delimiter: ';' }, ['M']),
  )
  it('W5: names in brackets', { skip }, () => same(catalog('w5_psc.csv.gz'), { format: 'ascii.csv' }))
  it('2MASS: IPAC with nulls', { skip }, () => same(catalog('2mass_m31.tbl.gz'), { format: 'ascii.ipac' }))
  it('2MASS: ECSV with units and UCDs', { skip }, () =>
    same(catalog('2mass_ngc188_field.ecsv'), { format: 'ascii.ecsv' }),
  )

  it('ECSV of every type', async () => {
    const file = path.join(folder, 'all.ecsv')
    python(
      `
import sys, numpy as np
from astropy.table import Table, MaskedColumn
n = 4
t = Table()
for kind in 'i1 u1 i2 u2 i4 u4 i8 f4 f8'.split():
    info = np.iinfo(kind) if kind[0] != 'f' else np.finfo(kind)
    t[kind] = np.array([info.min, info.max, 0, 1], dtype=kind)
t['b'] = [True, False, True, True]
t['s'] = ['a b', '', 'say "x"', 'é,;']
t['m'] = MaskedColumn([1, 2, 3, 4], mask=[0, 1, 0, 0], unit='mag', description='with: colon', meta={'ucd': 'phot.mag'})
t['sm'] = MaskedColumn(['p', 'q', 'r', 's'], mask=[0, 0, 1, 0])
t['v'] = np.arange(8.0).reshape(4, 2)
t.write(sys.argv[1], format='ascii.ecsv', delimiter=sys.argv[2])
`,
      '',
      [file, ','],
    )
    await same(file, { format: 'ascii.ecsv' })
    const source = await openTable(file)
    await source.close()
    const field = source.fields.find(f => f.name === 'm')!
    assert.deepEqual(
      [field.unit, field.ucd, field.description, field.datatype],
      ['mag', 'phot.mag', 'with: colon', 'long'],
    )
    assert.deepEqual(
      ['i1', 'u1', 'u2', 'u4', 'f4', 'v'].map(name => {
        const { datatype, arraysize } = source.fields.find(f => f.name === name)!
        return `${datatype}${arraysize ?? ''}`
      }),
      ['short', 'unsignedByte', 'int', 'long', 'float', 'double2'],
    )
  })

  /** Fields and rows of a text, `null` for NULL. */
  async function read(text: string | Buffer) {
    const file = path.join(folder, 'text')
    writeFileSync(file, text)
    const source = await openTable(file)
    const { columns, bad } = await readBySource(source)
    await source.close()
    return {
      fields: source.fields.map(f => `${f.name}:${f.xtype ?? f.datatype}${f.unit ? `[${f.unit}]` : ''}`),
      rows: columns[0]?.values.map((_, i) => columns.map(c => c.values[i])) ?? [],
      bad,
      notices: source.notices,
    }
  }
  const double = (value: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value)
    return bytes.toString('hex')
  }

  it('types keep every value', async () => {
    const { fields } = await read(
      'a,b,c,d,e,f,g,h,i,j,k\n1,1,1.5,true,007,2020-01-01,9007199254740993,18446744073709551615,1e3,x,\n-2,3000000000,2,False,1,2021-02-03T04:05:06.7,1,1,NaN,1,\n',
    )
    assert.deepEqual(fields, [
      'a:int',
      'b:long',
      'c:double',
      'd:boolean',
      'e:char',
      'f:timestamp',
      'g:long',
      'h:char',
      'i:double',
      'j:char',
      'k:char',
    ])
  })

  it('quotes, commas, line ends, NULL and the empty text', async () => {
    const { rows } = await read('n,s\r\n1,"a,\r\n""b"""\r\n2,""\r\n3,\r\n4,  c  \r\n\r\nNULL," d"\r\n')
    assert.deepEqual(rows, [
      ['1', 'a,\r\n"b"'],
      ['2', ''],
      ['3', null],
      ['4', 'c'],
      [null, ' d'],
    ])
  })

  it('delimiters, headers, marks and encodings', async () => {
    assert.deepEqual((await read('ra;dec\n1,5;2\n')).fields, ['ra:char', 'dec:int'])
    assert.deepEqual((await read('\ufeffra\tdec\n1\t2\n')).fields, ['ra:double', 'dec:double'])
    assert.deepEqual((await read(Buffer.from('\ufeffra\tname\r\n1\tÄ\r\n', 'utf16le'))).rows, [['1', 'Ä']])
    assert.deepEqual((await read('1.5 2 x\n2.5   3 y\n')).fields, ['col1:double', 'col2:int', 'col3:char'])
    assert.deepEqual((await read('# a comment\n# ra dec\n1 2\n3 4\n')).fields, ['ra:double', 'dec:double'])
    assert.deepEqual((await read('# id,x\nid,x\n1,2\n')).fields, ['id:int', 'x:int'])
    assert.deepEqual((await read('name\nM31\nM33\n')).rows, [['M31'], ['M33']])
    assert.deepEqual((await read('a|b\n1|2\n')).fields, ['a:int', 'b:int'])
    assert.deepEqual((await read('a,b')).fields, ['a:char', 'b:char'])
    assert.deepEqual((await read('RAJ2000\tVmag\ndeg\tmag\n-------\t----\n1.5\t2\n')).fields, [
      'RAJ2000:double[deg]',
      'Vmag:int[mag]',
    ])
    const latin = await read(Buffer.from('name,n\nGröße,1\n', 'latin1'))
    assert.deepEqual([latin.rows, latin.notices.length], [[['Größe', '1']], 1])
    assert.deepEqual((await read('a,b\r1,2\r3,4')).rows, [
      ['1', '2'],
      ['3', '4'],
    ])
    assert.deepEqual((await read(gzipSync('a,b\n1,2\n'))).rows, [['1', '2']])
  })

  it('rows that do not fit are bad, not guessed', async () => {
    const { rows, bad } = await read('a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,3,\n')
    assert.deepEqual(bad, ['2: 2 cells, not 3', '3: 4 cells, not 3'])
    assert.equal(rows.length, 4)
    assert.deepEqual(rows[0], ['1', '2', '3'])
    await assert.rejects(read('a,b\n1,"2\n3,4\n'), /record 2: a quote is opened and never closed/)
    await assert.rejects(read('a,b\n1,"2"x\n'), /text goes on after a closing quote/)
    await assert.rejects(read('\0\x01\x02binary'), /not a table format/)
    await assert.rejects(read('PK\x03\x04'), /ZIP or Excel/)
    await assert.rejects(read('\n\n'), /no rows/)
    const tst = 'My table\n\n# Parameters\nra_col: 0\n\nra\tdec\n--\t--\n1\t2\n3\t4\n5\t6\n7\t8\n[EOD]\n'
    const framed = 'Table name: x\n+----+-----+\n| ra | dec |\n+----+-----+\n| 1  | 2   |\n+----+-----+\n'
    for (const drawing of [tst, framed]) await assert.rejects(read(drawing), /columns cannot be told/)
    void double
  })

  it('every record is read, wherever the chunks end', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => `${i},"x, ${'y'.repeat(i % 37)}\n",${i / 8}`)
    const { rows, bad } = await read(`id,text,value\n${lines.join('\n')}\n`)
    assert.deepEqual(bad, [])
    assert.equal(rows.length, 60_000)
    for (const [i, row] of rows.entries()) {
      assert.deepEqual(row, [String(i), `x, ${'y'.repeat(i % 37)}\n`, double(i / 8)])
    }
  })
})

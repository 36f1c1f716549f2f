/** VOTable as astropy reads it: the corpus of other projects' files, the catalogues, and every type we can write. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openTable } from '../../../src/formats/read/open.ts'
import type { Field } from '../../../src/votable/field.ts'
import { python, shared, withoutPython, withoutShared } from '../../support/python.ts'
import { readBySource, type Value } from './astropy.ts'
import { type AstropyTable, votablesByAstropy } from './astropy-votable.ts'

const CORPUS = 'corpora/votable'
const CATALOGS = 'data/catalogs'
const skip = withoutShared(CORPUS, CATALOGS) || withoutPython('astropy.io.votable', 'numpy')

/** Where we and astropy read otherwise; docs/reading.md says why. */
const EXCEPTIONS: readonly (readonly [file: RegExp, columns: RegExp, reason: string])[] = [
  [/binary2_variable_length_char/, /./, 'astropy 5.2 takes 128* for a fixed length in BINARY2'],
  [/irsa-nph-m31/, /^(j_h|h_k|j_k)$/, '"-" is no number: such rows are rejected'],
  [/tests__data__regression.xml$/, /./, 'made to be wrong: values out of range, texts longer than declared'],
  [
    /pyvo__dal__tests__data__sia__dataset/,
    /^pixelScale$/,
    'astropy keeps variable arrays of float as double',
  ],
  [/random-|testdata-002/, /integer$/, 'integers beyond 32 bits: astropy cuts them, we reject the row'],
]

/** Files that only one of the two reads, or none. */
const UNREADABLE: readonly (readonly [file: RegExp, message: RegExp])[] = [
  [/appendix_A/, /disallowed character/],
  [/job_2\.vot\.gz/, /not a table format/], // a tar file
  [/parquet_binary/, /the rows are elsewhere/],
]

const files = skip
  ? []
  : [CORPUS, CATALOGS].flatMap(folder =>
      readdirSync(shared(folder))
        .filter(name => /\.(xml|vot|votable)(\.gz)?$/.test(name))
        .map(name => shared(`${folder}/${name}`)),
    )

/** A column of integers without VALUES null: astropy has no place for NULL there and shows 0. */
const isInteger = ({ datatype, arraysize }: Field) =>
  ['short', 'int', 'long', 'unsignedByte'].includes(datatype) && arraysize === undefined

/** astropy trims texts, and has one value for an empty text and for none. */
function comparable(value: Value | undefined, field: Field): unknown {
  if (typeof value === 'string') {
    if (field.datatype === 'char' || field.datatype === 'unicodeChar')
      return value.replaceAll('\r\n', '\n').trim() || null
    return value
  }
  if (Array.isArray(value) && value.every(v => v === 'nan')) return null
  return value ?? null
}

describe('VOTable', { skip }, () => {
  it('of other projects and of catalogues, as astropy reads them', async () => {
    const theirs = votablesByAstropy(files)
    const failures: string[] = []
    let tables = 0
    for (const [i, file] of files.entries()) {
      const read = theirs[i]!
      const name = path.basename(file)
      if (typeof read === 'string' || read.length === 0) {
        // What astropy refuses we may read, or refuse in words.
        await openTable(file).then(
          source => source.close(),
          error => {
            const expected =
              UNREADABLE.find(([pattern]) => pattern.test(file))?.[1] ?? /no table|holds no table/
            if (!expected.test(error.message)) failures.push(`${name}: ${error.message}`)
          },
        )
        continue
      }
      for (const table of read.filter(t => t.columns.length > 0)) {
        tables++
        const problem = await difference(file, table).catch(error => (error as Error).message)
        if (problem) failures.push(`${name}, TABLE ${table.number}: ${problem}`)
      }
    }
    assert.deepEqual(failures, [])
    assert.ok(tables > 150, `${tables} tables compared`)
  })

  async function difference(file: string, table: AstropyTable): Promise<string | undefined> {
    const unreadable = UNREADABLE.find(([pattern]) => pattern.test(file))
    if (unreadable) {
      await assert.rejects(openTable(file), unreadable[1])
      return undefined
    }
    const exceptions = EXCEPTIONS.filter(([pattern]) => pattern.test(file))
    const source = await openTable(file, { select: String(table.number) })
    const { columns, bad } = await readBySource(source).finally(source.close)
    if (bad.length > 0 && exceptions.length === 0) return bad[0]
    for (const [c, theirs] of table.columns.entries()) {
      if (exceptions.some(([, pattern]) => pattern.test(theirs.name))) continue
      const [ours, field] = [columns[c]!, source.fields[c]!]
      if (ours.name !== theirs.name || ours.ucd !== theirs.ucd)
        return `${ours.name} ${ours.ucd}, not ${theirs.name} ${theirs.ucd}`
      if (ours.values.length !== theirs.values.length)
        return `${ours.values.length} rows, not ${theirs.values.length}`
      for (const [row, value] of theirs.values.entries()) {
        const [mine, other] = [comparable(ours.values[row], field), comparable(value, field)]
        if (mine === null && other === '0' && isInteger(field)) continue
        if (JSON.stringify(mine) !== JSON.stringify(other)) {
          return `${theirs.name}, row ${row + 1}: ${JSON.stringify(mine)}, not ${JSON.stringify(other)}`
        }
      }
    }
    return undefined
  }

  it('units are those of the file', async () => {
    const units = JSON.parse(
      python(
        `
import sys, json, gzip, re, xml.etree.ElementTree as ET
out = {}
for file in json.load(sys.stdin):
    data = open(file, 'rb').read()
    if data[:2] == b'\\x1f\\x8b': data = gzip.decompress(data)
    try: root = ET.fromstring(data)
    except ET.ParseError: continue
    for table in root.iter():
        if table.tag.split('}')[-1] == 'TABLE':
            out[file] = [f.get('unit') for f in table if f.tag.split('}')[-1] == 'FIELD']
            break
print(json.dumps(out))`,
        JSON.stringify(files),
      ).toString(),
    ) as Record<string, (string | null)[]>
    let compared = 0
    for (const [file, expected] of Object.entries(units)) {
      if (expected.length === 0) continue
      const source = await openTable(file, { select: '1' }).catch(() => undefined)
      if (!source) continue
      await source.close()
      const ours = source.fields.slice(0, expected.length).map(f => f.unit ?? null)
      assert.deepEqual(
        ours,
        expected.map(unit => unit?.trim() || null),
        file,
      )
      compared += expected.length
    }
    assert.ok(compared > 1000, `${compared} units compared`)
  })
})

describe('a VOTable', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
  after(() => rmSync(folder, { recursive: true }))
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(path.join(folder, name), content)
    return path.join(folder, name)
  }
  const read = async (content: string | Uint8Array, select?: string) => {
    const source = await openTable(write('t.vot', content), { select })
    const { columns, bad } = await readBySource(source).finally(source.close)
    const rows = columns[0]?.values.map((_, i) => columns.map(c => c.values[i])) ?? []
    return { fields: source.fields, rows, bad, notices: source.notices, description: source.description }
  }
  const table = (fields: string, data: string) =>
    `<?xml version="1.0"?>\n<VOTABLE version="1.4"><RESOURCE><TABLE>${fields}<DATA>${data}</DATA></TABLE></RESOURCE></VOTABLE>`
  const rows = (fields: string, trs: string) => table(fields, `<TABLEDATA>${trs}</TABLEDATA>`)

  it('is the same in TABLEDATA, BINARY, BINARY2 and FITS, plain and compressed', {
    skip: withoutPython('astropy.io.votable', 'astropy.io.fits'),
  }, async () => {
    const script = `
import sys, numpy as np, base64, io, zlib, gzip
from astropy.table import Table, MaskedColumn
from astropy.io.votable import from_table, writeto
from astropy.io import fits
n = 500
r = np.random.default_rng(3)
t = Table()
t['i2'] = r.integers(-32767, 32767, n).astype('i2')
t['i4'] = r.integers(-2**31, 2**31 - 1, n).astype('i4')
t['i8'] = r.integers(-2**63, 2**63 - 1, n)
t['u1'] = r.integers(0, 255, n).astype('u1')
t['f4'] = MaskedColumn(r.normal(size=n).astype('f4'), mask=r.random(n) < .2)
t['f8'] = r.normal(size=n) * 10.0 ** r.integers(-300, 300, n)
t['b'] = r.random(n) < .5
t['s'] = ['x' * (i % 17) + ('& <' if i % 5 == 0 else '') for i in range(n)]
t['v'] = r.normal(size=(n, 3))
t['m'] = r.integers(0, 9, (n, 2, 2)).astype('i4')
out = sys.argv[1]
for format in 'tabledata', 'binary', 'binary2':
    votable = from_table(t)
    writeto(votable, out + '/' + format + '.vot', tabledata_format=format)
hdu = fits.table_to_hdu(t.filled(np.nan))
buffer = io.BytesIO(); fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
head = open(out + '/tabledata.vot').read().split('<DATA>')[0]
encoded = base64.encodebytes(buffer.getvalue()).decode()
open(out + '/fits.vot', 'w').write(head + '<DATA><FITS extnum="1"><STREAM encoding="base64">' + encoded + '</STREAM></FITS></DATA></TABLE></RESOURCE></VOTABLE>')
binary2 = open(out + '/binary2.vot').read()
start, end = binary2.index('base64">') + 8, binary2.index('</STREAM>')
packed = base64.encodebytes(gzip.compress(base64.b64decode(binary2[start:end]))).decode()
open(out + '/gzip.vot', 'w').write(binary2[:start].replace('encoding="base64"', 'encoding="gzip"') + packed + binary2[end:])
`
    python(script, '', [folder])
    const [theirs] = votablesByAstropy([path.join(folder, 'binary2.vot')]) as AstropyTable[][]
    const names = ['tabledata', 'binary', 'binary2', 'gzip', 'fits']
    for (const name of names) {
      const file = path.join(folder, `${name}.vot`)
      const source = await openTable(file)
      const { columns, bad } = await readBySource(source).finally(source.close)
      assert.deepEqual(bad, [], name)
      for (const [c, { name: column, values }] of theirs![0]!.columns.entries()) {
        assert.deepEqual(
          columns[c]!.values.map(v => v || null),
          values,
          `${name}, ${column}`,
        )
      }
    }
    assert.ok(existsSync(path.join(folder, 'gzip.vot')))
  })

  it('is chosen among several, by number, ID or name', async () => {
    const one = (id: string, n: string, value: string) =>
      `<TABLE ID="${id}" name="${n}"><FIELD name="${n}" datatype="int"/><DATA><TABLEDATA><TR><TD>${value}</TD></TR></TABLEDATA></DATA></TABLE>`
    const text = `<VOTABLE><RESOURCE>${one('a', 'first', '1')}${one('b', 'second', '2')}<TABLE ref="b"><DATA><TABLEDATA><TR><TD>3</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>`
    assert.deepEqual((await read(text)).rows, [['1']])
    assert.match((await read(text)).notices[0] ?? '', /2 more: second, number 3/)
    for (const select of ['2', 'b', 'second']) assert.deepEqual((await read(text, select)).rows, [['2']])
    assert.deepEqual((await read(text, '3')).rows, [['3']])
    await assert.rejects(read(text, 'nope'), error => {
      assert.match((error as Error).message, /has no table 'nope'/)
      assert.match((error as { detail: string }).detail, /TABLE 2 \(second\): 1 columns/)
      return true
    })
  })

  it('has prefixes, comments, CDATA, references and attributes wherever XML allows', async () => {
    const text = `<v:VOTABLE xmlns:v="http://www.ivoa.net/xml/VOTable/v1.3"><v:RESOURCE><v:TABLE><v:FIELD name="s" datatype="unicodeChar" arraysize="*"/><v:FIELD name="x" datatype="bit" arraysize="*"/>
      <v:DATA><v:TABLEDATA> <!-- > a <TR> --> <v:TR ID='a>b'> <v:TD encoding="none">a&lt;&#233;&#x1F600;<![CDATA[<&]]>&amp;</v:TD><!-- c --><v:TD>0 1 1</v:TD></v:TR>
      <?pi ?><v:TR><v:TD/><v:TD></v:TD></v:TR></v:TABLEDATA></v:DATA></v:TABLE></v:RESOURCE></v:VOTABLE>`
    const { rows } = await read(text)
    assert.deepEqual(rows, [
      ['a<é😀<&&', ['false', 'true', 'true']],
      [null, null],
    ])
    assert.deepEqual((await read(gzipSync(text))).rows, rows)
    const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le')
    assert.deepEqual((await read(utf16)).rows, rows)
    const latin = Buffer.from(
      rows_(`<FIELD name="s" datatype="char" arraysize="*"/>`, '<TR><TD>é</TD></TR>').replace(
        '?>',
        ' encoding="ISO-8859-1"?>',
      ),
      'latin1',
    )
    assert.deepEqual((await read(latin)).rows, [['é']])
  })
  const rows_ = rows

  it('every way to be wrong is told', async () => {
    const int = '<FIELD name="n" datatype="int"/>'
    const refused = (text: string | Uint8Array, message: RegExp) => assert.rejects(read(text), message)
    const whole = rows(int, '<TR><TD>1</TD></TR>'.repeat(50))
    for (let cut = 60; cut < whole.length; cut += 41)
      await refused(whole.slice(0, cut), /truncated|no table|unclosed/)
    await refused(rows(int, '<TR>1</TR>'), /row 1: text between the cells/)
    await refused(rows(int, '<TR><TH>1</TH></TR>'), /<TH> where <TD> must be/)
    await refused(rows(int, '<TR><TD>1<TD></TR>'), /<TD> within <TD>/)
    await refused(rows(int, '<TR><TD>&bomb;</TD></TR>'), /'&bomb;' is no reference/)
    await refused(
      rows('<FIELD name="n" datatype="int" arraysize="x"/>', ''),
      /FIELD 1 \(n\): arraysize="x" is not valid/,
    )
    await refused(`<!DOCTYPE x [<!ENTITY a "b">]>${whole.slice(22)}`, /DOCTYPE/)
    await refused(whole.replace('</RESOURCE>', ''), /XML is broken after <TABLE> 1/)
    await refused('<html><body>Not found</body></html>', /no VOTable: its root is html/)
    await refused(
      table(int, '<BINARY><STREAM encoding="base64">AAAA!</STREAM></BINARY>'),
      /'!' does not belong into base64/,
    )
    await refused(
      table(int, '<BINARY><STREAM encoding="base64">AAAAAQAA</STREAM></BINARY>'),
      /ends inside row 2: it is truncated/,
    )
    await refused(
      table(
        '<FIELD name="s" datatype="char" arraysize="*"/>',
        '<BINARY><STREAM encoding="base64">/////w==</STREAM></BINARY>',
      ),
      /row 1: column s: a length of -1/,
    )
    await refused(table(int, '<BINARY2><STREAM href="http://127.0.0.1/x"/></BINARY2>'), /nothing is fetched/)
    await refused(
      Buffer.from(
        rows('<FIELD name="s" datatype="char" arraysize="*"/>', '<TR><TD>\xe9</TD></TR>'),
        'latin1',
      ),
      /not UTF-8 near byte/,
    )
    await refused(
      `<VOTABLE><RESOURCE><DESCRIPTION>${'x'.repeat(5_000_000)}</DESCRIPTION></RESOURCE></VOTABLE>`,
      /more than 4000000 bytes/,
    )
    const { bad } = await read(
      rows(
        `${int}<FIELD name="b" datatype="unsignedByte"/>`,
        '<TR><TD>1</TD></TR><TR><TD>x</TD><TD>256</TD></TR><TR><TD>0x1F</TD><TD>null</TD></TR>',
      ),
    )
    assert.deepEqual(bad, [
      '1: 1 cells, not 2',
      '2: column n: "x" is no 32-bit integer; column b: "256" is no integer from 0 to 255',
    ])
  })

  it('a text of many megabytes goes through, one of more than 64 does not', async () => {
    const text = rows(
      '<FIELD name="s" datatype="char" arraysize="*"/>',
      `<TR><TD>${'y'.repeat(3_000_000)}</TD></TR>`,
    )
    assert.equal((await read(text)).rows[0]![0]!.length, 3_000_000)
    const huge = rows(
      '<FIELD name="s" datatype="char" arraysize="*"/>',
      `<TR><TD>${'y'.repeat(68_000_000)}</TD></TR>`,
    )
    await assert.rejects(read(huge), /row 1 has more than 67108864 bytes/)
  })
})

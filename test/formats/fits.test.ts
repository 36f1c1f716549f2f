import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { card } from '../../src/formats/fits-card.ts'
import { chooseFormat } from '../../src/formats/index.ts'
import type { Field } from '../../src/votable/field.ts'
import { python, withoutPython } from '../support/python.ts'
import { collect, rowSource, type SourceOptions, type Value } from '../support/rows.ts'
import { inFile, readCfitsio, withoutCfitsio } from './cfitsio.ts'
import {
  canonical,
  FIELDS,
  type Read,
  ROWS,
  readAstropy,
  readStilts,
  sameInVotable,
  spelled,
  stilts,
  withoutStilts,
} from './every-type.ts'

const skip = withoutPython('astropy') || withoutStilts()

async function written(
  fields: readonly Field[],
  rows: readonly (readonly Value[])[],
  options: SourceOptions = {},
) {
  const head = { infos: [{ name: 'QUERY', value: `SELECT 'ü',\n${'x'.repeat(200)}` }] }
  return collect(chooseFormat('fits').writer.write(rowSource(fields, rows, options), head))
}

/** FITS strings are printable ASCII without trailing blanks. */
function inFits(value: Read): Read {
  if (Array.isArray(value)) return value.map(inFits)
  if (typeof value !== 'string') return value
  const units = value.replace(/[^ -~]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return units.trimEnd()
}

function assertSame(found: Read[][], reader: string, fields = FIELDS, rows = ROWS): void {
  assert.equal(found.length, rows.length)
  rows.forEach((row, i) => {
    fields.forEach((field, c) => {
      let expected = sameInVotable(field, inFits(canonical(row[c] ?? null)))
      // Both take the NULL in an array of booleans for false, astropy that of a scalar as well.
      if (Array.isArray(expected) && expected.includes(true)) expected = expected.map(item => item ?? false)
      if (field.name === 'bool' && reader === 'astropy') expected ??= false
      let value = sameInVotable(field, inFits(spelled(field, found[i]![c]!)))
      // astropy gives the characters of booleans in the heap.
      if (/^bo|^bi/.test(field.datatype) && Array.isArray(value)) {
        value = value.map(item => (typeof item === 'string' ? item === '84' : item))
      }
      assert.deepEqual(value, expected, `${reader}: row ${i}, column ${field.name}`)
    })
  })
}

test('a table is read back equal by astropy and stilts', { skip }, async () => {
  const bytes = await written(FIELDS, ROWS, { batch: 2 })
  assert.equal(bytes.length % 2880, 0)
  assertSame(readAstropy(bytes, 'fits'), 'astropy')
  assertSame(readStilts(bytes, 'fits'), 'stilts')
})

test('a table is read back equal by cfitsio', { skip: skip || withoutCfitsio() }, async () => {
  assertSame(readCfitsio(await written(FIELDS, ROWS)), 'cfitsio')
})

test('fitsverify finds nothing', {
  skip: spawnSync('fitsverify').error ? 'no fitsverify' : false,
}, async () => {
  const failure = new ServiceError('timeout', 'too long')
  for (const bytes of [
    await written(FIELDS, ROWS),
    await written(FIELDS, []),
    await written(FIELDS, ROWS, { overflow: true }),
    await written(FIELDS, ROWS, { failure }),
  ]) {
    const report = inFile(bytes, file => spawnSync('fitsverify', [file], { encoding: 'utf8' }).stdout)
    assert.match(report, /found 0 warning\(s\) and 0 error\(s\)/, report)
  }
})

test('astropy finds nothing to complain about, and the metadata', { skip }, async () => {
  const script = `
import sys, io, json, warnings
warnings.simplefilter('error')
from astropy.io import fits
hdus = fits.open(io.BytesIO(sys.stdin.buffer.read())); hdus.verify('exception')
h = hdus[1].header
print(json.dumps([h['TTYPE1'], h['TUNIT1'], h['TUCD1'], h['TCOMM1'], h['TXTYP2'], h['QSTATUS'], len(hdus[1].data), str(h['HISTORY'])]))`
  const description = "it's long: ".repeat(30).trim()
  const fields: Field[] = [
    { name: "d'Artagnan''s", datatype: 'double', unit: 'km/s', ucd: 'phys.veloc', description },
    { name: 'time', datatype: 'char', arraysize: '*', xtype: 'timestamp' },
  ]
  const found = JSON.parse(python(script, await written(fields, [[1, 'x']], { overflow: true })).toString())
  const history = found.pop()
  assert.deepEqual(found, [fields[0]!.name, 'km/s', 'phys.veloc', description, 'timestamp', 'OVERFLOW', 1])
  assert.match(history, /QUERY: SELECT '\\u00fc',\nx{72}\nx{72}\nx{56}/)
  assert.match(
    stilts(await written(fields, [[1, 'x']]), 'tpipe', 'in=@', 'omode=meta').toString(),
    /it's long: it's/,
  )
})

test('TNULL is an integer that no row holds', { skip }, async () => {
  const fields: Field[] = [
    { name: 'short', datatype: 'short' },
    { name: 'long', datatype: 'long' },
    { name: 'byte', datatype: 'unsignedByte' },
  ]
  const rows: Value[][] = [
    [-32768, -9223372036854775808n, 255],
    [-32767, 9223372036854775807n, 0],
    [null, null, null],
  ]
  const bytes = await written(fields, rows)
  assertSame(readAstropy(bytes, 'fits'), 'astropy', fields, rows)
  assert.match(bytes.toString('latin1'), /TNULL1 {2}= {15}-32766/)
  assert.match(bytes.toString('latin1'), /TNULL2 {2}= -9223372036854775807/)
})

test('no rows, no columns of width, arrays of strings, long strings among short ones', { skip }, async () => {
  const fields: Field[] = [
    { name: 'n', datatype: 'int' },
    { name: 's', datatype: 'char', arraysize: '*' },
  ]
  assert.deepEqual(readAstropy(await written(fields, []), 'fits'), [])
  assert.deepEqual(
    readAstropy(
      await written(fields, [
        [1, ''],
        [2, null],
      ]),
      'fits',
    ),
    [
      ['1', null],
      ['2', null],
    ],
  )

  const rows = Array.from({ length: 2000 }, (_, i): Value[] => [i, i === 1000 ? 'ä'.repeat(5000) : `s${i}`])
  const sparse = await written(fields, rows)
  assert.ok(sparse.length < 200_000, 'the strings are in the heap')
  assertSame(readStilts(sparse, 'fits'), 'stilts', fields, rows)

  const strings: Field[] = [{ name: 'list', datatype: 'char', arraysize: '3x2' }]
  const csv = stilts(
    await written(strings, [[['ab', 'cdé']], [null]]),
    'tpipe',
    'in=@',
    'ofmt=csv',
  ).toString()
  assert.equal(csv, 'list\n"(ab, cd\\u00e9)"\n"(null, null)"\n')
})

test('more rows than memory keeps go through a file that is gone afterwards', { skip }, async () => {
  const fields: Field[] = [
    { name: 'n', datatype: 'int' },
    { name: 's', datatype: 'char', arraysize: '*' },
    { name: 'a', datatype: 'short', arraysize: '*' },
  ]
  const text = 'x'.repeat(1000)
  const rows = Array.from({ length: 20_000 }, (_, i): Value[] => [i, text, [i % 7, 1]])
  const bytes = await written(fields, rows)
  const script = `
import sys, io
from astropy.io import fits
t = fits.open(io.BytesIO(sys.stdin.buffer.read()))[1].data
print(len(t), all(t['n'] == range(20000)), set(t['s']) == {'x' * 1000}, all(list(t['a'][i]) == [i % 7, 1] for i in range(20000)))`
  assert.equal(python(script, bytes).toString(), '20000 True True True\n')
  assert.deepEqual(
    readdirSync(tmpdir()).filter(name => /^almagest-[0-9a-f-]{36}$/.test(name)),
    [],
  )
})

const PLAIN: Field[] = [
  { name: 'n', datatype: 'int' },
  { name: 'k', datatype: 'long' },
  { name: 'b', datatype: 'unsignedByte' },
  { name: 'h', datatype: 'short' },
  { name: 'd', datatype: 'double' },
  { name: 'f', datatype: 'float' },
  { name: 'ok', datatype: 'boolean' },
  { name: 's', datatype: 'char', arraysize: '*' },
  { name: 'u', datatype: 'unicodeChar', arraysize: '*' },
  { name: 'pad', datatype: 'char', arraysize: '*' },
]
const MANY = 80_000
const SHOWN = 70_000
const PAD = 'p'.repeat(250)

/** From row SHOWN on: longer strings, the first NULLs, and the integers that would have said NULL. */
function plainRow(i: number, late: string): Value[] {
  const isLate = i >= SHOWN
  return [
    i % 10 === 0 ? null : i % 10 === 1 && isLate ? -2147483648 : i,
    isLate && i % 2 ? null : BigInt(i) + 2n ** 60n,
    isLate && i % 3 === 0 ? null : i % 256,
    i % 7 === 0 ? -32768 : i % 7 === 1 && isLate ? null : i % 1000,
    i % 5 === 0 ? null : i / 7,
    i % 5 === 1 ? null : i / 2,
    isLate && i % 4 === 0 ? null : i % 4 === 1,
    isLate ? `${late}${i}` : i % 2 ? null : `s${i}`,
    isLate ? 'é'.repeat(5) : 'abcdefghijklmnopqrst',
    PAD,
  ]
}

for (const [how, late] of [
  ['in wider columns', 'longer than before '],
  ['in the heap', 'x'.repeat(3000)],
] as const) {
  test(`what the first rows did not show is read back, strings ${how}`, { skip }, async () => {
    // The long strings come in a few rows only.
    const rows = Array.from({ length: MANY }, (_, i) =>
      plainRow(i, how === 'in the heap' && i !== MANY - 1 ? '' : late),
    )
    const bytes = await written(PLAIN, rows)
    const script = `
import sys, io
import numpy as np
from astropy.io import fits
hdu = fits.open(io.BytesIO(sys.stdin.buffer.read()))[1]
h, t, late = hdu.header, hdu.data, sys.argv[1]
i = np.arange(${MANY}); is_late = i >= ${SHOWN}
def null(c):
    k = h.get('TNULL%d' % (t.names.index(c) + 1))
    return np.zeros(len(t), bool) if k is None else np.asarray(t[c]) == k
def same(c, values, nulls):
    assert (null(c) == nulls).all(), c
    assert (np.asarray(t[c])[~nulls] == values[~nulls]).all(), c
same('n', np.where((i % 10 == 1) & is_late, -2147483648, i), i % 10 == 0)
same('k', i + 2**60, is_late & (i % 2 == 1))
same('b', i % 256, is_late & (i % 3 == 0))
same('h', np.where(i % 7 == 0, -32768, i % 1000), (i % 7 == 1) & is_late)
for c, v, m in (('d', i / 7, 0), ('f', np.float32(i / 2), 1)):
    assert (np.isnan(t[c]) == (i % 5 == m)).all(), c
    assert (t[c][i % 5 != m] == v[i % 5 != m]).all(), c
assert (t['ok'] == ((i % 4 == 1))).all()
heap = 'heap' in sys.argv[2]
text = lambda c, j: t[c][j] if isinstance(t[c][j], str) else ''.join(t[c][j])
for j in list(range(0, ${MANY}, 997)) + [${SHOWN - 1}, ${SHOWN}, ${MANY - 1}]:
    want = ((late if not heap or j == ${MANY - 1} else '') + str(j)) if j >= ${SHOWN} else '' if j % 2 else 's%d' % j
    assert text('s', j) == want, (j, text('s', j))
    assert text('u', j) == ('\\\\u00e9' * 5 if j >= ${SHOWN} else 'abcdefghijklmnopqrst'), j
assert (t['pad'] == '${PAD}').all()
print(len(t), [c.format for c in hdu.columns][-3:-1])`
    const output = python(script, bytes, [late, how]).toString()
    const width = how === 'in the heap' ? `1PA(${late.length + 5})` : `${late.length + 5}A`
    assert.equal(output, `${MANY} ['${width}', '30A']\n`)
  })
}

test('after a failure there is no table that might be taken for a whole one', { skip }, async () => {
  const script = `
import sys, io, json
from astropy.io import fits
hdus = fits.open(io.BytesIO(sys.stdin.buffer.read())); hdus.verify('exception')
print(json.dumps([[h.name, h.header.get('NAXIS'), h.header.get('QSTATUS'), str(h.header.get('COMMENT', ''))] for h in hdus]))`
  const fields: Field[] = [{ name: 'n', datatype: 'short' }]
  const failure = new ServiceError('timeout', 'The query took longer than 60 s.')
  const all = Array.from({ length: 257 }, (_, i): Value[] => [i === 256 ? null : i - 32768])
  for (const [bytes, message] of [
    [await written(fields, [[1]], { failure }), failure.message],
    [await written(fields, all), 'Column n holds the 256 smallest integers of its type: none is left to sa'],
  ] as const) {
    const [primary, error, ...others] = JSON.parse(python(script, bytes).toString())
    assert.deepEqual(primary, ['PRIMARY', 0, null, ''])
    assert.deepEqual([...error.slice(0, 3), others], ['ERROR', 0, 'ERROR', []])
    assert.ok(error[3].startsWith(message), error[3])
    assert.throws(() => readAstropy(bytes, 'fits'), /No table found/)
    assert.throws(() => readStilts(bytes, 'fits'), /No TABLE HDU|Can't find/i)
  }
})

test('the primary HDU leaves without waiting for rows', async () => {
  const never = { [Symbol.asyncIterator]: () => assert.fail('rows are asked for') }
  const outcome = { rows: 0, overflow: false, error: undefined }
  const source = { fields: PLAIN, batches: never, outcome }
  const chunks = chooseFormat('fits').writer.write(source, { infos: [] })[Symbol.asyncIterator]()
  assert.equal((await chunks.next()).value!.length, 2880)
})

test('a quote is not torn between two cards', () => {
  for (let n = 60; n < 75; n++) {
    const cards = card('A', `${'x'.repeat(n)}''''y`)
    assert.equal(cards.length % 80, 0)
    for (const part of cards.match(/.{80}/g)!) assert.match(part, /^.{10}'(?:[^']|'')*' *$/)
  }
})

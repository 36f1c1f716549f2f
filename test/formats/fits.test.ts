import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { card } from '../../src/formats/fits-card.ts'
import { chooseFormat } from '../../src/formats/index.ts'
import type { Field } from '../../src/votable/field.ts'
import { python, withoutPython } from '../support/python.ts'
import { collect, rowSource, type SourceOptions, type Value } from '../support/rows.ts'
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

/** FITS strings are ASCII without trailing blanks. */
function inFits(value: Read): Read {
  if (Array.isArray(value)) return value.map(inFits)
  if (typeof value !== 'string') return value
  const units = value.replace(/[^\0-\x7f]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
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
  const all = Array.from({ length: 257 }, (_, i): Value[] => [i === 256 ? null : i - 32768])
  await assert.rejects(written([fields[0]!], all), /none is left to say NULL/)
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

test('a failure comes before the first byte', async () => {
  const failure = new ServiceError('timeout', 'too long')
  const source = rowSource([{ name: 'n', datatype: 'int' }], [[1]], { failure })
  const chunks = chooseFormat('fits').writer.write(source, { infos: [] })[Symbol.asyncIterator]()
  await assert.rejects(Promise.resolve(chunks.next()), failure)
})

test('a quote is not torn between two cards', () => {
  for (let n = 60; n < 75; n++) {
    const cards = card('A', `${'x'.repeat(n)}''''y`)
    assert.equal(cards.length % 80, 0)
    for (const part of cards.match(/.{80}/g)!) assert.match(part, /^.{10}'(?:[^']|'')*' *$/)
  }
})

/** CSV and TSV against RFC 4180, astropy, and PostgreSQL's own idea of NULL. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { ServiceError } from '../../src/error.ts'
import { chooseFormat } from '../../src/formats/index.ts'
import { type Field, isString } from '../../src/votable/field.ts'
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
  withoutStilts,
} from './every-type.ts'

async function written(
  name: string,
  fields: readonly Field[],
  rows: readonly Value[][],
  options: SourceOptions = {},
) {
  const source = rowSource(fields, rows, { ...options, wire: 'text' })
  return (await collect(chooseFormat(name).writer.write(source, { infos: [] }))).toString()
}

const TEXT: Field = { name: 'a,b', datatype: 'unicodeChar', arraysize: '*' }
const STRINGS = [
  'plain',
  'a,b',
  'say "x"',
  'two\nlines\r\n',
  '',
  ' blanks ',
  'ü😀',
  "'",
  '\\N',
  'a\tb',
  '{"a"}',
]

test('Python’s csv module reads back every string', { skip: withoutPython('csv') }, async () => {
  const text = await written(
    'csv',
    [TEXT, TEXT],
    STRINGS.map(s => [s, s]),
  )
  const script = `
import sys, io, csv, json
text = sys.stdin.buffer.read().decode('utf-8')
print(json.dumps(list(csv.reader(io.StringIO(text, newline=''), strict=True))))`
  const rows = JSON.parse(python(script, text).toString())
  assert.deepEqual(rows, [['a,b', 'a,b'], ...STRINGS.map(s => [s, s])])
})

test('NULL is nothing and an empty string is quoted, as in COPY csv', async () => {
  assert.equal(await written('csv', [TEXT, TEXT], [[null, '']]), '"a,b","a,b"\r\n,""\r\n')
})

test('numbers, booleans and arrays have VO spellings', async () => {
  const fields: Field[] = [
    { name: 'f', datatype: 'float' },
    { name: 'b', datatype: 'boolean' },
    { name: 'p', datatype: 'double', arraysize: '2' },
    { name: 's', datatype: 'char', arraysize: '3x*' },
    { name: 'y', datatype: 'unsignedByte', arraysize: '*' },
  ]
  const rows: Value[][] = [
    [Number.NaN, true, [1.5, -2], ['a', 'b,c'], Buffer.from([1, 255])],
    [Infinity, false, [Infinity, -Infinity], [], Buffer.alloc(0)],
    [-Infinity, null, null, null, null],
  ]
  assert.equal(
    await written('csv', fields, rows),
    'f,b,p,s,y\r\nNaN,true,1.5 -2,"a  b,c",1 255\r\n+Inf,false,+Inf -Inf,"",\r\n-Inf,,,,\r\n',
  )
})

test('TSV has no tab or line end inside a value', async () => {
  assert.equal(await written('tsv', [TEXT, TEXT], [['a\tb\n\r', 'c\\d"']]), 'a,b\ta,b\na\\tb\\n\\r\tc\\d"\n')
})

test('header=absent leaves the names out', async () => {
  assert.equal(await written('text/csv;header=absent', [TEXT], [['x']]), 'x\r\n')
  assert.equal(await written('tsv;header=absent', [TEXT], [['x']]), 'x\n')
  assert.equal(await written('csv', [TEXT], []), '"a,b"\r\n')
})

test('an error in mid-stream is thrown after the rows before it', async () => {
  const source = rowSource([TEXT], [['x']], {
    wire: 'text',
    failure: new ServiceError('timeout', 'too long'),
  })
  const chunks: string[] = []
  await assert.rejects(async () => {
    for await (const chunk of chooseFormat('csv').writer.write(source, { infos: [] }))
      chunks.push(chunk.toString())
  }, /too long/)
  assert.equal(chunks.join(''), '"a,b"\r\nx\r\n')
})

test('stilts and astropy read numbers back equal', {
  skip: withoutPython('astropy') || withoutStilts(),
}, async () => {
  const columns = [...FIELDS.keys()].filter(c => ['long', 'int', 'double', 'short'].includes(FIELDS[c]!.name))
  const fields = columns.map(c => FIELDS[c]!)
  const rows = ROWS.map(row => columns.map(c => row[c] ?? null))
  const readings = {
    stilts: readStilts(Buffer.from(await written('csv', fields, rows)), 'csv'),
    'astropy csv': readAstropy(Buffer.from(await written('csv', fields, rows)), 'ascii.csv'),
    'astropy tab': readAstropy(Buffer.from(await written('tsv', fields, rows)), 'ascii.tab'),
  }
  for (const [reader, found] of Object.entries(readings)) {
    rows.forEach((row, i) => {
      fields.forEach((field, c) => {
        const expected = sameInVotable(field, canonical(row[c] ?? null))
        const value = sameInVotable(field, spelled(field, found[i]![c]!))
        assert.deepEqual(value, expected, `${reader}: row ${i}, column ${field.name}`)
      })
    })
  }
})

/** Text as DuckDB gives it, in the form of `canonical`: numbers as digits, arrays taken apart. */
function readText(field: Field, text: string | null): Read {
  if (text === null) return null
  if (isString(field)) return text
  if (field.arraysize !== undefined || /Complex/.test(field.datatype)) {
    return text === '' ? [] : text.split(' ').map(item => readText(scalarOf(field), item))
  }
  if (field.datatype === 'boolean') return /^(true|T)$/.test(text) ? true : text === '?' ? null : false
  if (field.datatype === 'bit') return text === '1' || text === 'true'
  return spelled(field, text.replace('+Inf', 'Infinity').replace('-Inf', '-Infinity'))
}

function scalarOf({ arraysize: _, ...field }: Field): Field {
  return { ...field, datatype: field.datatype.replace('Complex', '') as Field['datatype'] }
}

for (const [name, options] of [
  ['csv', ''],
  ['tsv', ", delim = '\t', quote = ''"],
] as const) {
  test(`DuckDB reads every column of ${name} back equal`, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'almagest-'))
    try {
      const file = path.join(folder, 'table')
      writeFileSync(file, await written(name, FIELDS, ROWS as Value[][]))
      const connection = await (await DuckDBInstance.create(':memory:')).connect()
      const found = await connection.runAndReadAll(
        `SELECT * FROM read_csv('${file}', all_varchar = true, header = true${options})`,
      )
      connection.closeSync()
      assert.deepEqual(
        found.columnNames(),
        FIELDS.map(field => field.name),
      )
      const rows = found.getRows() as (string | null)[][]
      assert.equal(rows.length, ROWS.length)
      ROWS.forEach((row, i) => {
        FIELDS.forEach((field, c) => {
          let expected: Read = canonical(row[c] ?? null)
          // TSV has no quotes to tell an empty string from NULL, and a code for what would end the line.
          if (name === 'tsv' && typeof expected === 'string') {
            expected = expected.replaceAll('\n', '\\n').replaceAll('\t', '\\t')
          }
          assert.deepEqual(
            sameInVotable(field, readText(field, rows[i]![c]!)),
            sameInVotable(field, expected),
            `row ${i}, column ${field.name}`,
          )
        })
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { chooseFormat } from '../../src/formats/index.ts'
import type { Field } from '../../src/votable/field.ts'
import { collect, rowSource, type SourceOptions, type Value } from '../support/rows.ts'
import { canonical, FIELDS, type Read, ROWS, spelled } from './every-type.ts'

async function written(
  name: string,
  options: SourceOptions = {},
  fields = FIELDS,
  rows: readonly Value[][] = ROWS as Value[][],
) {
  const source = rowSource(fields, rows, { ...options, wire: 'text' })
  return (
    await collect(chooseFormat(name).writer.write(source, { infos: [{ name: 'a', value: 'b' }] }))
  ).toString()
}

/** What JSON.parse gives, in the form of `canonical`. */
function digits(field: Field, value: unknown): Read {
  if (Array.isArray(value)) return value.map(item => digits(field, item))
  if (typeof value === 'number') return field.datatype === 'bit' ? value === 1 : spelled(field, String(value))
  return value as Read
}

function assertRows(rows: unknown[][]): void {
  assert.equal(rows.length, ROWS.length)
  ROWS.forEach((row, i) => {
    FIELDS.forEach((field, c) => {
      const found = digits(field, rows[i]![c])
      assert.deepEqual(found, canonical(row[c] ?? null), `row ${i}, column ${field.name}`)
    })
  })
}

test('JSON keeps every value, NULL, NaN and the infinities apart', async () => {
  const document = JSON.parse(await written('json', { batch: 2 }))
  assert.deepEqual(document.metadata, JSON.parse(JSON.stringify(FIELDS)))
  assertRows(document.data)
  assert.equal(document.status, 'OK')
})

test('NDJSON has the same values, an object a line', async () => {
  const lines = (await written('ndjson')).trimEnd().split('\n')
  assertRows(lines.map(line => FIELDS.map(field => JSON.parse(line)[field.name])))
})

test('strings of every kind survive', async () => {
  const strings = Array.from({ length: 0x250 }, (_, i) => String.fromCharCode(i + 1)).concat(
    '"\\',
    '\u2028',
    '😀',
    'NaN',
  )
  const fields: Field[] = [
    { name: 'a "b"\\', datatype: 'unicodeChar', arraysize: '*' },
    { name: 'list', datatype: 'char', arraysize: '9x*' },
  ]
  const rows = strings.map((s): Value[] => [s, [s, null, '']])
  assert.deepEqual(JSON.parse(await written('json', {}, fields, rows)).data, rows)
})

test('an overflow and an error stand after the rows; NDJSON is cut off', async () => {
  assert.equal(JSON.parse(await written('json', { overflow: true })).status, 'OVERFLOW')
  const failure = new ServiceError('timeout', 'too "long"')
  const document = JSON.parse(await written('json', { failure }))
  assert.deepEqual(
    [document.status, document.message, document.data.length],
    ['ERROR', 'too "long"', ROWS.length],
  )
  await assert.rejects(written('ndjson', { failure }), failure)
  assert.deepEqual(JSON.parse(await written('json', {}, FIELDS, [])).data, [])
})

/** A shape of NaN alone, as which TABLEDATA and BINARY say NULL, is read as NULL; NaN in other arrays is a value. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Field } from '../../src/votable/field.ts'
import { binaryCell } from '../../src/votable/read/binary-cell.ts'
import { textCell } from '../../src/votable/read/text-cell.ts'
import { newFacts } from '../../src/votable/table-source.ts'
import { beginRow, newTuples, type Tuples } from '../../src/votable/tuple.ts'

const polygon: Field = { name: 'p', datatype: 'double', arraysize: '*', xtype: 'polygon' }
const point: Field = { name: 'p', datatype: 'double', arraysize: '2', xtype: 'point' }
const numbers: Field = { name: 'p', datatype: 'double', arraysize: '*' }

function isNull(put: (tuples: Tuples) => void): boolean {
  const tuples = newTuples(1024, 1)
  beginRow(tuples, 1)
  put(tuples)
  assert.equal(tuples.bad.size, 0)
  return tuples.data.readInt32BE(2) === -1
}

function fromText(field: Field, text: string): boolean {
  const data = Buffer.from(text)
  return isNull(t => textCell(field, 0, newFacts())(data, 0, data.length, t))
}

function fromBinary(field: Field, values: readonly number[]): boolean {
  const counted = field.arraysize === '*' ? 4 : 0
  const data = Buffer.alloc(counted + 8 * values.length)
  if (counted > 0) data.writeInt32BE(values.length)
  for (const [i, value] of values.entries()) data.writeDoubleBE(value, counted + 8 * i)
  return isNull(t => binaryCell(field, 0, newFacts()).put(data, 0, data.length, t))
}

const NAN = Number.NaN

test('in TABLEDATA', () => {
  assert.equal(fromText(polygon, 'NaN NaN NaN NaN NaN NaN'), true)
  assert.equal(fromText(point, 'NaN NaN'), true)
  assert.equal(fromText(polygon, '0 0 1 0 1 NaN'), false)
  assert.equal(fromText(numbers, 'NaN NaN'), false)
})

test('in BINARY', () => {
  assert.equal(fromBinary(polygon, [NAN, NAN, NAN, NAN, NAN, NAN]), true)
  assert.equal(fromBinary(point, [NAN, NAN]), true)
  assert.equal(fromBinary(point, [NAN, 1]), false)
  assert.equal(fromBinary(numbers, [NAN, NAN]), false)
})

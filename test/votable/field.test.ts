import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Datatype, shapeOf } from '../../src/votable/field.ts'

test('arraysizes are taken apart', () => {
  const shape = (datatype: Datatype, arraysize?: string) => {
    const { width, items, variable } = shapeOf({ name: 'x', datatype, ...(arraysize ? { arraysize } : {}) })
    return [width, items, variable]
  }
  assert.deepEqual(shape('int'), [undefined, 1, false])
  assert.deepEqual(shape('int', '3'), [undefined, 3, false])
  assert.deepEqual(shape('int', '3*'), [undefined, 1, true])
  assert.deepEqual(shape('double', '2x3'), [undefined, 6, false])
  assert.deepEqual(shape('double', '2x3x*'), [undefined, 6, true])
  assert.deepEqual(shape('floatComplex'), [undefined, 2, false])
  assert.deepEqual(shape('doubleComplex', '*'), [undefined, 2, true])
  assert.deepEqual(shape('char'), [1, 1, false])
  assert.deepEqual(shape('char', '8'), [8, 1, false])
  assert.deepEqual(shape('char', '8*'), [undefined, 1, false])
  assert.deepEqual(shape('unicodeChar', '*'), [undefined, 1, false])
  assert.deepEqual(shape('char', '8x*'), [8, 1, true])
  assert.deepEqual(shape('char', '8x2x3'), [8, 6, false])
  for (const wrong of ['', '0', '*x2', '2x', 'x', '-1', '2*x3', ' 2']) {
    assert.throws(() => shapeOf({ name: 'x', datatype: 'int', arraysize: wrong }), /arraysize/)
  }
})

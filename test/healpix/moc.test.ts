import assert from 'node:assert/strict'
import test from 'node:test'
import { mocFits } from '../../src/fits/moc.ts'
import {
  mocAscii,
  mocCells,
  mocDegraded,
  mocJson,
  mocMeets,
  mocOfCells,
  mocUnion,
  mocUniq,
  skyFraction,
} from '../../src/healpix/moc.ts'
import { python, withoutPython } from '../support/python.ts'

test('cells are joined to the largest that hold them', () => {
  const moc = mocOfCells(2, [7, 4, 5, 6, 6, 33])
  assert.equal(mocAscii(moc), '1/1 2/33')
  assert.equal(mocJson(moc), '{"1":[1],"2":[33]}')
  assert.equal(skyFraction(moc), 5 / 192)
})

test('an order without cells tells how fine the map is', () => {
  assert.equal(mocAscii(mocOfCells(1, [0, 1, 2, 3])), '0/0 1/')
  assert.equal(mocAscii(mocOfCells(3, [])), '3/')
})

test('the whole sky, and the finest cells', () => {
  const sky = mocOfCells(
    0,
    Array.from({ length: 12 }, (_, i) => i),
  )
  assert.equal(mocAscii(sky), '0/0-11')
  assert.equal(skyFraction(sky), 1)
  const last = 12n * 4n ** 29n - 1n
  assert.equal(mocAscii(mocOfCells(29, [last])), `29/${last}`)
})

test('union, degrading and meeting agree with sets of cells', () => {
  let seed = 1
  const random = (n: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % n
  }
  for (let round = 0; round < 50; round++) {
    const cells = (order: number) => Array.from({ length: random(40) }, () => random(12 * 4 ** order))
    const [a, b] = [cells(3), cells(2)]
    const moc = mocUnion([mocOfCells(3, a), mocOfCells(2, b)])
    const at3 = new Set([...a, ...b.flatMap(cell => [0, 1, 2, 3].map(k => 4 * cell + k))])
    const listed = mocCells(moc).flatMap(({ order, first, last }) => {
      const size = 4 ** (3 - order)
      return Array.from({ length: (Number(last - first) + 1) * size }, (_, i) => Number(first) * size + i)
    })
    assert.deepEqual(
      listed.sort((x, y) => x - y),
      [...at3].sort((x, y) => x - y),
    )
    for (let cell = 0; cell < 192; cell += 7) {
      const inside = [...at3].some(c => c >> 2 === cell)
      assert.equal(mocMeets(moc, 2, cell), inside)
      assert.equal(mocMeets(mocDegraded(moc, 2), 5, cell * 64 + 13), inside)
    }
  }
})

test('astropy reads the FITS form', { skip: withoutPython('astropy') }, () => {
  const moc = mocUnion([mocOfCells(5, [100, 7000]), mocOfCells(29, [12n * 4n ** 29n - 1n])])
  const script = `
import sys, io, json
from astropy.io import fits
h = fits.open(io.BytesIO(sys.stdin.buffer.read()))
h.verify('exception')
print(json.dumps([h[1].header['ORDERING'], h[1].header['MOCORD_S'], h[1].header['COORDSYS'], [str(x) for x in h[1].data['UNIQ']]]))`
  const read = JSON.parse(python(script, mocFits(mocUniq(moc), moc.order, 'equatorial')).toString())
  const uniq = [4 * 4 ** 5 + 100, 4 * 4 ** 5 + 7000].map(String)
  assert.deepEqual(read, ['NUNIQ', 29, 'C', [...uniq, String(4n * 4n ** 29n + 12n * 4n ** 29n - 1n)]])
})

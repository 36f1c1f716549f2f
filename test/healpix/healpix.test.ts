import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cellBoundary, cellCentre, cellCorners } from '../../src/healpix/geometry.ts'
import {
  children,
  faceCell,
  hash,
  hash29,
  hashBig,
  nestedCell,
  parent,
  writeHash29,
} from '../../src/healpix/nested.ts'
import { distance } from '../../src/sphere/vector.ts'
import { python, shared, withoutPython, withoutShared } from '../support/python.ts'

const DEGREE = Math.PI / 180
const TRUTH = 'corpora/geometry/healpix-truth.jsonl'

test('cells and centres of the truth table', { skip: withoutShared(TRUTH) }, () => {
  for (const line of readFileSync(shared(TRUTH), 'utf8').trim().split('\n')) {
    const { order, lon, lat, nest, center } = JSON.parse(line)
    const got = hashBig(order, lon * DEGREE, lat * DEGREE)
    assert.equal(String(got), nest, line)
    if (order <= 24) assert.equal(String(hash(order, lon * DEGREE, lat * DEGREE)), nest, line)
    const off = distance(...cellCentre(order, got), center[0] * DEGREE, center[1] * DEGREE)
    assert.ok(off < 1e-14, `${line}: centre off by ${off}`)
  }
})

/** Seeded directions in degrees: the whole sphere, both poles, the borders |z| = 2/3, RA 0/360, odd longitudes. */
function directions(count: number): { lon: Float64Array; lat: Float64Array } {
  let state = 12345
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
  const edge = Math.asin(2 / 3) / DEGREE
  const kinds: (() => [number, number])[] = [
    () => [360 * random(), Math.asin(2 * random() - 1) / DEGREE],
    () => [360 * random(), 90 - 10 ** (-9 * random())],
    () => [360 * random(), -90 + 10 ** (-9 * random())],
    () => [360 * random(), edge + (random() - 0.5) * 1e-6],
    () => [360 * random(), -edge + (random() - 0.5) * 1e-6],
    () => [(random() - 0.5) * 1e-6, 180 * random() - 90],
    () => [-360 * random(), 180 * random() - 90],
    () => [360 + 360 * random(), 180 * random() - 90],
    () => [90 * Math.floor(4 * random()), 180 * random() - 90],
    () => [360 * random(), [90, -90, 0, edge, -edge][Math.floor(5 * random())]!],
  ]
  const lon = new Float64Array(count)
  const lat = new Float64Array(count)
  for (let i = 0; i < count; i++) [lon[i], lat[i]] = kinds[i % kinds.length]!() as [number, number]
  return { lon, lat }
}

test('order 29 of many directions, as healpy', { skip: withoutPython('healpy', 'numpy') }, () => {
  const { lon, lat } = directions(100_000)
  const input = Buffer.concat([Buffer.from(lon.buffer), Buffer.from(lat.buffer)])
  const theirs = python(
    `
import sys, numpy, healpy
lon, lat = numpy.frombuffer(sys.stdin.buffer.read()).reshape(2, -1)
sys.stdout.buffer.write(healpy.ang2pix(2**29, lon, lat, nest=True, lonlat=True).astype('<i8').tobytes())`,
    input,
  )
  const ours = hash29(
    lon.map(v => v * DEGREE),
    lat.map(v => v * DEGREE),
  )
  const bytes = Buffer.alloc(8)
  let unequal = 0
  for (let i = 0; i < lon.length; i++) {
    const [a, b] = [ours[i]!, theirs.readBigInt64LE(8 * i)]
    writeHash29(bytes, 0, lon[i]! * DEGREE, lat[i]! * DEGREE)
    assert.equal(bytes.readBigInt64BE(), a)
    assert.equal(hashBig(29, lon[i]! * DEGREE, lat[i]! * DEGREE), a)
    if (a === b) continue
    // On the border of two cells (0.0004") the last bit of a sine decides: both answers touch the direction.
    unequal++
    for (const cell of [a, b]) {
      const off = distance(...cellCentre(29, cell), lon[i]! * DEGREE, lat[i]! * DEGREE)
      assert.ok(off < 3e-9, `${lon[i]} ${lat[i]}: ours ${a}, healpy ${b}`)
    }
  }
  assert.ok(unequal < lon.length / 100, `${unequal} of ${lon.length} differ from healpy`)
})

test('centres and corners at every order, as healpy', { skip: withoutPython('healpy', 'numpy') }, () => {
  const { lon, lat } = directions(600)
  const cells = [...lon].map((_, i) => {
    const order = i % 30
    return { order, cell: hashBig(order, lon[i]! * DEGREE, lat[i]! * DEGREE) }
  })
  const answer = JSON.parse(
    python(
      `
import sys, json, numpy, healpy
out = []
for order, cell in json.load(sys.stdin):
    cell = int(cell)
    corners = healpy.boundaries(2**order, cell, step=1, nest=True)
    out.append([healpy.pix2vec(2**order, cell, nest=True), corners.T.tolist(), int(healpy.nest2ring(2**order, cell))])
json.dump(out, sys.stdout)`,
      JSON.stringify(cells.map(c => [c.order, String(c.cell)])),
    ).toString(),
  ) as [number[], number[][], number][]
  const near = ([lonA, latA]: [number, number], [x, y, z]: number[]) =>
    distance(lonA, latA, Math.atan2(y!, x!), Math.atan2(z!, Math.hypot(x!, y!))) < 2e-14
  for (const [i, [centre, corners]] of answer.entries()) {
    const { order, cell } = cells[i]!
    assert.ok(near(cellCentre(order, cell), centre), `centre of ${cell} of order ${order}`)
    // healpy goes north, west, south, east.
    const [south, east, north, west] = cellCorners(order, cell)
    for (const [k, corner] of [north, west, south, east].entries()) {
      assert.ok(near(corner!, corners[k]!), `corner ${k} of ${cell} of order ${order}`)
    }
    assert.equal(nestedCell(order, faceCell(order, cell)), cell)
    assert.equal(hashBig(order, ...cellCentre(order, cell)), cell, 'the centre is in the cell')
  }
})

test('parents, children and boundaries', () => {
  const cell = hashBig(29, 1.2, -0.3)
  assert.equal(parent(29, cell, 7), hashBig(7, 1.2, -0.3))
  const { first, count } = children(7, hashBig(7, 1.2, -0.3), 29)
  assert.ok(first <= cell && cell < first + count && count === 4n ** 22n)
  assert.equal(cellBoundary(3, 17, 5).length, 20)
  assert.deepEqual(cellBoundary(3, 17, 5)[5], cellCorners(3, 17)[1])
})

test('orders and cells that do not exist are refused', () => {
  assert.throws(() => hashBig(30, 0, 0), /order 30/)
  assert.throws(() => hash(25, 0, 0), /order 25/)
  assert.throws(() => faceCell(0, 12), /12 is not a HEALPix cell of order 0/)
  assert.throws(() => cellCentre(1, -1n), /-1/)
})

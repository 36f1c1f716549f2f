/**
 * Our coverage maps against CDS's library (@fxpineau/moc-wasm), in every form and operation. The service has its own
 * because it asks for single cells with every tile, which is a search in an array here and a copy into WebAssembly there.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import type { MOC as Moc2 } from '@fxpineau/moc-wasm'
import { mocFits, readMoc } from '../../src/fits/moc.ts'
import { growingCells } from '../../src/healpix/cells.ts'
import { coverCircle, coverPolygon } from '../../src/healpix/cover.ts'
import {
  type Moc,
  mocAscii,
  mocDegraded,
  mocJson,
  mocMeets,
  mocOfCells,
  mocOfUniq,
  mocUnion,
  mocUniq,
  skyFraction,
} from '../../src/healpix/moc.ts'
import { growingMoc } from '../../src/healpix/moc-growing.ts'
import { hashBig } from '../../src/healpix/nested.ts'

/** Node has it; the types of Node 20 have not. */
const { WebAssembly: webAssembly } = globalThis as unknown as {
  WebAssembly: {
    instantiate(bytes: Buffer, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>
  }
}

type Library = typeof import('@fxpineau/moc-wasm')

describe('coverage maps and moc-wasm', () => {
  let MOC: Library['MOC']

  before(async () => {
    const entry = createRequire(import.meta.url).resolve('@fxpineau/moc-wasm')
    const folder = path.dirname(entry)
    // The package is for bundlers: the module is instantiated by hand.
    const glue = await import(path.join(folder, 'moc_bg.js'))
    const bytes = readFileSync(path.join(folder, 'moc_bg.wasm'))
    const { instance } = await webAssembly.instantiate(bytes, { './moc_bg.js': glue })
    glue.__wbg_set_wasm(instance.exports)
    ;(instance.exports.__wbindgen_start as () => void)()
    MOC = glue.MOC
  })

  let seed = 7
  const random = () => {
    seed = (seed * 48271) % 2147483647
    return seed / 2147483647
  }
  const direction = () => [random() * 2 * Math.PI, Math.asin(2 * random() - 1)] as const
  const cells = (order: number, n: number) =>
    Array.from(
      { length: n },
      () =>
        BigInt(Math.floor(random() * 12 * 4 ** Math.min(order, 20))) << BigInt(2 * Math.max(0, order - 20)),
    )
  const theirs = (moc: Moc): Moc2 => MOC.fromAscii(mocAscii(moc))
  const same = (ours: Moc, other: Moc2, what: string) =>
    assert.deepEqual(JSON.parse(mocJson(ours)), JSON.parse(String(other.toJson())), what)

  it('are the same in ASCII, JSON and FITS, at every order', async () => {
    for (const order of [0, 1, 5, 11, 24, 29]) {
      for (const n of [0, 1, 3000]) {
        const moc = mocOfCells(order, cells(order, n))
        const other = theirs(moc)
        same(moc, other, `${n} cells of order ${order}`)
        same(moc, MOC.fromJson(mocJson(moc)), 'JSON')
        same(moc, MOC.fromFits(mocFits(mocUniq(moc), moc.order, 'equatorial')), 'FITS')
        assert.equal(other.getDepth(), moc.order)
        assert.ok(Math.abs(other.coveragePercentage() / 100 - skyFraction(moc)) < 1e-12)
        // Of MOC 2.0; that of 1.1 ends the library's process when the map is empty.
        const bytes = Buffer.from(other.toFits(false))
        const source = {
          random: true,
          size: bytes.length,
          read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
        }
        const { ordering, numbers, order: read } = await readMoc(source)
        const back =
          ordering === 'NUNIQ'
            ? mocOfUniq(read, numbers)
            : { order: read, ranges: BigUint64Array.from(numbers) }
        assert.deepEqual(back, moc)
      }
    }
  })

  it('have the same unions and coarser forms', () => {
    for (let round = 0; round < 40; round++) {
      const [a, b] = [mocOfCells(6, cells(6, 400)), mocOfCells(9, cells(9, 2000))]
      const union = mocUnion([a, b])
      same(union, theirs(a).union(theirs(b)), 'union')
      const order = Math.floor(random() * 9)
      same(mocDegraded(union, order), theirs(union).degrade(order), `order ${order}`)
      for (let i = 0; i < 50; i++) {
        const [k, cell] = [Math.floor(random() * 12), 0]
        const one = mocOfCells(k, [BigInt(Math.floor(random() * 12 * 4 ** k)) + BigInt(cell)])
        const [start] = one.ranges
        const meets = mocMeets(union, k, start! >> BigInt(2 * (29 - k)))
        const both = theirs(one).intersection(theirs(union))
        assert.equal(meets, both.nRanges() > 0)
      }
    }
  })

  it('are the same of positions, however they come', () => {
    for (const [order, n] of [
      [10, 100_000],
      [29, 1000],
      [3, 70_000],
    ] as const) {
      const found = growingCells(order)
      const all: bigint[] = []
      for (let i = 0; i < n; i++) {
        const [lon, lat] = direction()
        found.add(lon, lat)
        all.push(hashBig(order, lon, lat))
      }
      const moc = found.moc()
      same(
        moc,
        MOC.fromAscii(`${order}/${[...new Set(all)].sort((x, y) => (x < y ? -1 : 1)).join(' ')}`),
        `order ${order}`,
      )
      const growing = growingMoc(order, 1e9)
      if (order > 24) continue
      for (const cell of [...new Set(all)].sort((x, y) => (x < y ? -1 : 1))) growing.add(Number(cell))
      assert.deepEqual(growing.moc(), moc)
      const few = growingMoc(order, 5)
      for (const cell of [...new Set(all)].sort((x, y) => (x < y ? -1 : 1))) few.add(Number(cell))
      assert.ok(few.moc().ranges.length <= 10)
      assert.deepEqual(few.moc(), mocDegraded(moc, few.moc().order))
    }
  })

  it('hold the regions, and little more than the cells that the library finds', () => {
    for (const [lon, lat, radius] of [
      [10, 20, 3],
      [0, 90, 1],
      [359.9, -45, 0.2],
      [80, 0, 60],
      [200, 10, 120],
    ] as const) {
      const [a, b, r] = [lon, lat, radius].map(v => (v * Math.PI) / 180) as [number, number, number]
      const order = radius < 10 ? 9 : 5
      const ours = theirs(coverCircle(a, b, r, order))
      const other = MOC.fromCone(order, lon, lat, radius)
      assert.equal(other.minus(ours).nRanges(), 0, `circle ${lon} ${lat} ${radius}: cells are missing`)
      assert.ok(ours.coveragePercentage() < other.coveragePercentage() * 1.02)
    }
    const square = [
      [359, -1],
      [1, -1],
      [1, 1],
      [359, 1],
    ] as const
    const ours = theirs(
      coverPolygon(
        square.map(([x, y]) => [(x * Math.PI) / 180, (y * Math.PI) / 180] as const),
        9,
      ),
    )
    const other = MOC.fromPolygon(9, Float64Array.from(square.flat()), false)
    assert.equal(other.minus(ours).nRanges(), 0)
    assert.ok(ours.coveragePercentage() < other.coveragePercentage() * 1.02)
  })
})

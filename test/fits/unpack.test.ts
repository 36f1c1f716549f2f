/** Files packed as a whole, against what Python packed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unpacked } from '../../src/fits/unpack.ts'
import { python, withoutPython } from '../support/python.ts'
import { bufferSource, counted } from './support.ts'

/** Noise, zeros and text: blocks and runs of all kinds. */
const plain = Buffer.concat([
  Buffer.from(Array.from({ length: 150_000 }, (_, i) => ((i * 2654435761) >>> 7) & 0xff)),
  Buffer.alloc(400_000),
  Buffer.from('aaaa'.repeat(999) + 'aaaaab'.repeat(5000) + 'the quick brown fox '.repeat(20_000)),
])
const skip = withoutPython('bz2', 'gzip')
const packedBy = (expression: string) =>
  python(`import sys, bz2, gzip\nd = sys.stdin.buffer.read()\nsys.stdout.buffer.write(${expression})`, plain)

for (const [name, expression] of [
  ['gzip', 'gzip.compress(d)'],
  ['gzip of two members', 'gzip.compress(d[:300000]) + gzip.compress(d[300000:])'],
  ['bzip2', 'bz2.compress(d)'],
  ['bzip2 of two streams with small blocks', 'bz2.compress(d[:333333], 1) + bz2.compress(d[333333:], 1)'],
] as const) {
  test(`${name}: read in order, then back`, { skip }, async () => {
    const file = counted(bufferSource(packedBy(expression)))
    const { source, close } = await unpacked(file)
    const sizes = [2880, 1, 100_000, 7, 300_000, 2_000_000]
    let at = 0
    for (const size of sizes) {
      assert.ok((await source.read(at, size)).equals(plain.subarray(at, at + size)), `${size} bytes at ${at}`)
      at += size
    }
    assert.ok((await source.read(500_000, 1000)).equals(plain.subarray(500_000, 501_000)))
    // Reads at once are served in turn.
    const both = await Promise.all([source.read(600_000, 10), source.read(600_010, 10)])
    assert.ok(Buffer.concat(both).equals(plain.subarray(600_000, 600_020)))
    assert.equal((await source.read(plain.length, 10)).length, 0)
    await close()
  })

  test(`${name}: truncated or damaged is an error with a reason`, { skip }, async () => {
    const bytes = packedBy(expression)
    const cut = await unpacked(bufferSource(bytes.subarray(0, bytes.length - 200)))
    await assert.rejects(cut.source.read(plain.length - 10, 10), /cannot be unpacked: .*truncated or damaged/)
    const wrong = Buffer.from(bytes)
    wrong.fill(0x5a, bytes.length >> 1, (bytes.length >> 1) + 400)
    const damaged = await unpacked(bufferSource(wrong))
    await assert.rejects(
      damaged.source.read(plain.length - 10, 10),
      /cannot be unpacked: .*truncated or damaged/,
    )
  })
}

test('a file that is not packed is read as it is; others are named', async () => {
  const bytes = Buffer.from('SIMPLE  =')
  const source = bufferSource(bytes)
  assert.equal((await unpacked(source)).source, source)
  await assert.rejects(unpacked(bufferSource(Buffer.from('PK\x03\x04...'))), /packed by compress or zip/)
})

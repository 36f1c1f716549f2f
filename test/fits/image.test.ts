/** Pixels of every shared image, plain and compressed, bit for bit as astropy reads them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageOf } from '../../src/fits/image.ts'
import { physicalValues } from '../../src/fits/pixels.ts'
import { readWindow, type Window } from '../../src/fits/window.ts'
import { withoutPython, withoutShared } from '../support/python.ts'
import {
  type AstropyWindow,
  allHdus,
  astropyWindows,
  imageFiles,
  imagePath,
  randomIntegers,
  typeName,
  withFile,
} from './support.ts'

/** The whole image when it is small, one corner pixel, and random windows. */
function windowsOf(shape: readonly number[], random: (limit: number) => number): Window[] {
  const whole = { start: shape.map(() => 0), size: shape }
  const corner = { start: shape.map(n => n - 1), size: shape.map(() => 1) }
  const some = Array.from({ length: 4 }, () => {
    const start = shape.map(n => random(n))
    return { start, size: shape.map((n, i) => 1 + random(Math.min(n - start[i]!, 400))) }
  })
  const pixels = shape.reduce((product, n) => product * n, 1)
  return pixels <= 2_000_000 ? [whole, corner, ...some] : [corner, ...some]
}

const skip = withoutPython('astropy') || withoutShared('data/images')

test('windows of every image of every shared file', { skip }, async () => {
  const random = randomIntegers(7)
  const asked: AstropyWindow[] = []
  const found: { type: string; bytes: Buffer }[] = []
  for (const name of imageFiles()) {
    const file = imagePath(name)
    await withFile(file, async source => {
      for (const hdu of await allHdus(source)) {
        const image = imageOf(hdu)
        if (!image) continue
        for (const window of windowsOf(image.shape, random)) {
          const { values } = physicalValues(await readWindow(source, image, window))
          asked.push({ file, hdu: hdu.index, ...window })
          found.push({ type: typeName(values), bytes: Buffer.from(values.buffer) })
        }
      }
    })
  }
  const expected = astropyWindows(asked)
  assert.equal(expected.length, asked.length)
  for (const [i, { type, bytes }] of found.entries()) {
    const where = JSON.stringify(asked[i])
    assert.equal(type, expected[i]!.type, where)
    assert.ok(bytes.equals(expected[i]!.bytes), `pixels differ: ${where}`)
  }
  assert.ok(asked.length > 400, `${asked.length} windows`)
})

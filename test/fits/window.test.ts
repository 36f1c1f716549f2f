/** What a window reads, pixels of all types with their conventions, and files that lie. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it, test } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { type ByteSource, hdus } from '../../src/fits/hdu.ts'
import { imageOf } from '../../src/fits/image.ts'
import { physicalValues, storedBytes } from '../../src/fits/pixels.ts'
import { readWindow, wholeImage } from '../../src/fits/window.ts'
import { python, withoutPython } from '../support/python.ts'
import {
  type AstropyWindow,
  allHdus,
  astropyWindows,
  bufferSource,
  counted,
  randomIntegers,
  sameBits,
  typeName,
  withFile,
} from './support.ts'

function header(...cards: string[]): Buffer {
  const text = [...cards, 'END'].map(card => card.padEnd(80)).join('')
  return Buffer.from(text.padEnd(Math.ceil(text.length / 2880) * 2880), 'latin1')
}

const card = (keyword: string, value: string | number) =>
  `${keyword.padEnd(8)}= ${String(value).padStart(20)}`
const plain = (bitpix: number, ...axes: number[]) =>
  header(
    card('SIMPLE', 'T'),
    card('BITPIX', bitpix),
    card('NAXIS', axes.length),
    ...axes.map((n, i) => card(`NAXIS${i + 1}`, n)),
  )

/** A file of 400 MB that is not there: pixel (x, y) of float32 is x + 10000 y. */
const LARGE = plain(-32, 10_000, 10_000)
const large: ByteSource = {
  random: true,
  size: LARGE.length + Math.ceil(4e8 / 2880) * 2880,
  async read(offset, length) {
    if (offset < LARGE.length) return LARGE.subarray(offset, offset + length)
    const bytes = Buffer.alloc(length)
    const first = (offset - LARGE.length) / 4
    for (let i = 0; i < length / 4; i++) bytes.writeFloatBE(first + i, 4 * i)
    return bytes
  },
}

async function firstImage(source: ByteSource) {
  const image = (await allHdus(source)).map(imageOf).find(i => i !== undefined)
  assert.ok(image)
  return image
}

/** Without looking for more HDUs behind it. */
async function primaryImage(source: ByteSource) {
  const { value } = await hdus(source).next()
  return imageOf(value!)!
}

test('300 x 300 pixels of 10,000 x 10,000 read little more than their bytes', async () => {
  const source = counted(large)
  const image = await primaryImage(source)
  const pixels = await readWindow(source, image, { start: [4321, 6789], size: [300, 300] })
  const minimum = 300 * 1200 + LARGE.length
  assert.ok(source.counts.bytes <= 1.5 * minimum, `${source.counts.bytes} bytes read, ${minimum} needed`)
  assert.equal(pixels.stored[0], Math.fround(4321 + 67_890_000))
  assert.equal(pixels.stored.at(-1), Math.fround(4620 + 70_880_000))
})

test('whole rows are read together, in pieces', async () => {
  const source = counted(large)
  const image = await primaryImage(source)
  source.counts.calls = 0
  const pixels = await readWindow(source, image, { start: [0, 9000], size: [10_000, 500] })
  assert.equal(pixels.stored.length, 5_000_000)
  assert.ok(source.counts.calls <= 10, `${source.counts.calls} reads`)
})

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-window-'))
after(() => rmSync(folder, { recursive: true }))

const MAKE = `
import os, sys
import numpy as np
from astropy.io import fits
os.chdir(sys.argv[1])
rng = np.random.default_rng(3)
hdus = [fits.PrimaryHDU()]
def add(data, **cards):
    h = fits.ImageHDU(data)
    h.header.update(cards)
    hdus.append(h)
for type in ('u1', 'i2', 'i4', 'i8'):
    data = rng.integers(0, 200, (4, 13, 17)).astype(type)
    data[0, 0, :3] = np.iinfo(type).max
    add(data)
    add(data[0], BLANK=7)
    add(data[0], BSCALE=0.3, BZERO=12.1)
    add(data[0], BSCALE=-2, BZERO=1e6, BLANK=12)
    add(data[0], BZERO=-1000000)
for type in ('i1', 'u2', 'u4', 'u8'):
    info = np.iinfo(type)
    add(rng.integers(info.min, info.max, (13, 17), endpoint=True, dtype=type))
for type in ('f4', 'f8'):
    data = rng.normal(0, 1e5, (3, 2, 13, 17)).astype(type)
    data[0, 0, 0, :6] = [np.nan, np.inf, -np.inf, -0.0, 1e-40, 0]
    add(data)
    add(data[0, 0], BSCALE=0.1, BZERO=3)
add(np.arange(9.0))
fits.HDUList(hdus).writeto('types.fits')
noise = rng.normal(0, 100, (400, 500))
fits.CompImageHDU(noise.astype('i4'), compression_type='RICE_1').writeto('rice.fits')
small = rng.integers(0, 900, (60, 50)).astype('i2')
for kind in ('RICE_1', 'GZIP_1', 'GZIP_2', 'PLIO_1', 'HCOMPRESS_1'):
    fits.CompImageHDU(small, compression_type=kind, tile_size=[25, 20]).writeto(kind + '.fits')
`

describe('files by astropy', { skip: withoutPython('astropy') }, () => {
  before(() => {
    python(MAKE, '', [folder])
  })
  const file = (name: string) => path.join(folder, name)

  it('all types and conventions, in cubes of up to four axes', async () => {
    const asked: AstropyWindow[] = []
    await withFile(file('types.fits'), async source => {
      const found = []
      const random = randomIntegers(11)
      for (const hdu of await allHdus(source)) {
        const image = imageOf(hdu)
        if (!image) continue
        for (let i = 0; i < 12; i++) {
          const start = image.shape.map(n => random(n))
          const size = image.shape.map((n, axis) => 1 + random(n - start[axis]!))
          const window = i === 0 ? wholeImage(image) : { start, size }
          asked.push({ file: file('types.fits'), hdu: hdu.index, ...window })
          found.push(physicalValues(await readWindow(source, image, window)).values)
        }
      }
      const expected = astropyWindows(asked)
      for (const [i, values] of found.entries()) {
        assert.equal(typeName(values), expected[i]!.type, JSON.stringify(asked[i]))
        assert.ok(sameBits(values, expected[i]!), `pixels differ: ${JSON.stringify(asked[i])}`)
      }
      assert.ok(found.length >= 12 * 29)
    })
  })

  it('stored pixels come out as the bytes of the file', async () => {
    const bytes = readFileSync(file('types.fits'))
    const source = bufferSource(bytes)
    for (const hdu of await allHdus(source)) {
      const image = imageOf(hdu)
      if (!image) continue
      const stored = storedBytes(await readWindow(source, image, wholeImage(image)))
      assert.ok(stored.equals(bytes.subarray(hdu.dataOffset, hdu.dataOffset + hdu.dataLength)))
    }
  })

  it('the value that means none is 0 too, and is named where integers stay integers', async () => {
    const data = Buffer.from([0, 0, 0, 5, 0x80, 0])
    const cards = [card('BITPIX', 16), card('NAXIS', 1), card('NAXIS1', 3)]
    const open = (...more: string[]) => {
      const source = bufferSource(Buffer.concat([header(card('SIMPLE', 'T'), ...cards, ...more), data]))
      return firstImage(source).then(image => readWindow(source, image, wholeImage(image)))
    }
    assert.deepEqual([...physicalValues(await open(card('BLANK', 0))).values], [Number.NaN, 5, -32768])
    const unsigned = physicalValues(await open(card('BZERO', 32768), card('BLANK', -32768)))
    assert.deepEqual([...unsigned.values, unsigned.blank], [32768, 32773, 0, 0])
  })

  it('only the tiles of a window are read', async () => {
    await withFile(file('rice.fits'), async plainSource => {
      const source = counted(plainSource)
      const image = await firstImage(source)
      assert.equal(image.storage.kind, 'tiles')
      source.counts.bytes = 0
      await readWindow(source, image, { start: [100, 100], size: [50, 40] })
      // 40 rows of 500 pixels, 9 bits of noise in each.
      assert.ok(source.counts.bytes <= 1.5 * 40 * 500 * 1.3, `${source.counts.bytes} bytes`)
    })
  })

  it('a file that is cut short is an error that says so, where pixels are missing', async () => {
    for (const name of ['types.fits', 'rice.fits']) {
      const bytes = readFileSync(file(name))
      const hdu = (await allHdus(bufferSource(bytes))).findLast(h => imageOf(h))!
      const cut = bytes.subarray(0, hdu.dataOffset + hdu.dataLength - 4)
      for (const source of [bufferSource(cut), { ...bufferSource(cut), size: undefined }]) {
        const image = imageOf(hdu)!
        await assert.rejects(readWindow(source, image, wholeImage(image)), /it is truncated/)
        await readWindow(source, image, { start: image.shape.map(() => 0), size: image.shape.map(() => 1) })
      }
    }
  })

  it('damaged tiles are errors, never anything worse', async () => {
    const random = randomIntegers(23)
    let refused = 0
    for (const name of ['RICE_1', 'GZIP_1', 'GZIP_2', 'PLIO_1', 'HCOMPRESS_1']) {
      const bytes = readFileSync(file(`${name}.fits`))
      const hdu = (await allHdus(bufferSource(bytes))).find(h => imageOf(h))!
      for (let round = 0; round < 200; round++) {
        const damaged = Buffer.from(bytes)
        // Descriptors come first: a change there points elsewhere.
        for (let i = 0; i < 5; i++) damaged[hdu.dataOffset + random(hdu.dataLength)] = random(256)
        const source = bufferSource(damaged)
        const image = imageOf(hdu)!
        await readWindow(source, image, wholeImage(image)).catch(error => {
          assert.ok(error instanceof ServiceError, `${name}, round ${round}: ${error.stack}`)
          refused++
        })
      }
    }
    assert.ok(refused > 100, `${refused} refused`)
  })
})

test('headers that promise what is not there', async () => {
  const open = (...cards: string[]) => firstImage(bufferSource(header(card('SIMPLE', 'T'), ...cards)))
  const image = await open(
    card('BITPIX', -32),
    card('NAXIS', 2),
    card('NAXIS1', 40_000),
    card('NAXIS2', 40_000),
  )
  const none: ByteSource = { random: true, read: async () => Buffer.alloc(0) }
  await assert.rejects(
    readWindow(none, image, wholeImage(image)),
    (error: ServiceError) => error.code === 'tooLarge',
  )
  await assert.rejects(readWindow(none, image, { start: [0, 0], size: [20_000, 20_000] }), /it is truncated/)
  await assert.rejects(
    readWindow(none, image, { start: [39_999, 0], size: [2, 1] }),
    /pixels 39999 to 40000 of axis 1/,
  )
  await assert.rejects(readWindow(none, image, { start: [0], size: [1] }), /a window of 1 axes .* image of 2/)
  await assert.rejects(open(card('BITPIX', 24), card('NAXIS', 1), card('NAXIS1', 4)), /BITPIX is 24/)
})

/** Written images, read back by astropy with their checksums, and by fitsverify. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { parseCard } from '../../src/fits/card.ts'
import { cardText } from '../../src/fits/card-text.ts'
import { checksum, checksumText } from '../../src/fits/checksum.ts'
import { parseHeader, textOf } from '../../src/fits/header.ts'
import { type Bitpix, imageOf } from '../../src/fits/image.ts'
import { newStored, type Pixels, physicalValues } from '../../src/fits/pixels.ts'
import { readWindow, wholeImage } from '../../src/fits/window.ts'
import { emptyPrimary, imageHdu } from '../../src/fits/write.ts'
import { python, withoutPython } from '../support/python.ts'
import { allHdus, astropyWindows, bufferSource, randomIntegers, sameBits } from './support.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-write-'))
after(() => rmSync(folder, { recursive: true }))
const random = randomIntegers(3)

function pixelsOf(bitpix: Bitpix, shape: number[], scaling: Partial<Pixels> = {}): Pixels {
  const stored = newStored(
    bitpix,
    shape.reduce((a, b) => a * b, 1),
  )
  for (let i = 0; i < stored.length; i++) {
    if (stored instanceof BigInt64Array) stored[i] = BigInt(random(1e9)) ** 2n
    else stored[i] = random(1e9) / (bitpix < 0 ? 1e3 : 1)
  }
  return { bitpix, shape, stored, scale: 1, zero: 0, blank: undefined, ...scaling }
}

const LONG = "It's a long history with 'quotes', "
const cards = [
  cardText('OBJECT', 'M 31', 'name'),
  cardText('LONGSTRN', 'OGIP 1.0'),
  cardText('CAPTION', LONG.repeat(5), 'comment behind'),
  cardText('EXPTIME', 1.5e-7, 's'),
  cardText('MJD-OBS', 55555.123456789),
  cardText('BIG', 12345678901234567890n),
  cardText('FLAG', false),
  'HISTORY made by a test'.padEnd(80),
  "HIERARCH ESO DET CHIP = 'x'".padEnd(80),
  'BITPIX  =                   99'.padEnd(80),
].map(parseCard)

const images: Pixels[] = [
  pixelsOf(8, [7, 5]),
  pixelsOf(8, [7, 5], { zero: -128 }),
  pixelsOf(16, [31, 9], { zero: 32768 }),
  pixelsOf(16, [31, 9], { scale: 0.25, zero: 3.5, blank: -32768n }),
  pixelsOf(32, [720, 2]),
  pixelsOf(32, [11, 3, 2], { zero: 2 ** 31 }),
  pixelsOf(64, [4, 4], { zero: 2 ** 63 }),
  pixelsOf(-32, [33, 21, 3]),
  pixelsOf(-64, [5]),
]

const CHECK = `
import sys, warnings
from astropy.io import fits
warnings.simplefilter('error')
with fits.open(sys.argv[1], checksum=True) as f:
    f.verify('exception')
    for h in f: h.data
    h = f[0].header
    print(repr([h['OBJECT'], h['CAPTION'], h['EXPTIME'], h['MJD-OBS'], h['BIG'], h['FLAG'], h['ESO DET CHIP']]))
`

const file = path.join(folder, 'images.fits')
writeFileSync(
  file,
  Buffer.concat([emptyPrimary(cards), ...images.flatMap(image => imageHdu(image, cards, 'extension'))]),
)
const single = path.join(folder, 'single.fits')
writeFileSync(single, Buffer.concat(imageHdu(images[3]!, cards, 'primary')))

test('astropy finds checksums right, cards as meant, pixels equal', {
  skip: withoutPython('astropy'),
}, () => {
  for (const name of [file, single]) {
    const told = python(CHECK, '', [name]).toString().trim()
    assert.equal(
      told,
      `['M 31', "${LONG.repeat(5).trim()}", 1.5e-07, 55555.123456789, 12345678901234567890, False, 'x']`,
    )
  }
  const asked = images.map((image, i) => ({
    file,
    hdu: i + 1,
    start: image.shape.map(() => 0),
    size: image.shape,
  }))
  for (const [i, expected] of astropyWindows(asked).entries()) {
    assert.ok(sameBits(physicalValues(images[i]!).values, expected), `image ${i}`)
  }
})

test('read back by ourselves', async () => {
  const source = bufferSource(Buffer.concat(imageHdu(images[3]!, cards, 'primary')))
  const [hdu] = await allHdus(source)
  const image = imageOf(hdu!)!
  const { stored, scale, zero, blank } = await readWindow(source, image, wholeImage(image))
  assert.deepEqual(
    { stored, scale, zero, blank },
    {
      stored: images[3]!.stored,
      scale: 0.25,
      zero: 3.5,
      blank: -32768n,
    },
  )
  assert.equal(textOf(hdu!.header, 'CAPTION'), LONG.repeat(5).trim())
})

const noFitsverify = spawnSync('fitsverify').error ? 'no fitsverify' : false

test('fitsverify finds nothing', { skip: noFitsverify }, () => {
  for (const name of [file, single]) {
    const run = spawnSync('fitsverify', [name], { encoding: 'utf8' })
    assert.match(run.stdout, /found 0 warning\(s\) and 0 error\(s\)/, run.stdout)
  }
})

test('the worked example of the checksum paper, and sums that carry', () => {
  // Seaman, Pence & Rots 2002, appendix: 868229149 becomes hcHjjc9ghcEghc9g.
  assert.equal(checksumText(868229149), 'hcHjjc9ghcEghc9g')
  assert.equal(checksum(Buffer.alloc(4, 255)), 0xffffffff)
  assert.equal(checksum(Buffer.from('ffffffff00000001', 'hex')), 1)
})

test('strings of any length come back', () => {
  for (let length = 0; length < 300; length += 7) {
    for (const text of ["'".repeat(length), `${'x'.repeat(length)}&`, `${"a'".repeat(length)}z`]) {
      const bytes = Buffer.from(`${cardText('TEXT', text, 'c')}${'END'.padEnd(80)}`.padEnd(28_800), 'latin1')
      assert.equal(textOf(parseHeader(bytes, 0), 'TEXT'), text)
    }
  }
})

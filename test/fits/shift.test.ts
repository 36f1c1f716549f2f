/** A window of every shared image as a file of its own: pixels, positions and form. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { parseHeader } from '../../src/fits/header.ts'
import { imageOf } from '../../src/fits/image.ts'
import { windowCards } from '../../src/fits/wcs/shift.ts'
import { type CelestialWcs, celestialWcs } from '../../src/fits/wcs/wcs.ts'
import { readWindow } from '../../src/fits/window.ts'
import { imageHdu } from '../../src/fits/write.ts'
import { withoutPython, withoutShared } from '../support/python.ts'
import { astropyWcs, type WcsCase } from './astropy-wcs.ts'
import {
  type AstropyWindow,
  allHdus,
  astropyWindows,
  imageFiles,
  imagePath,
  randomIntegers,
  withFile,
} from './support.ts'
import { compare, grid } from './wcs-compare.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-cut-'))
after(() => rmSync(folder, { recursive: true }))

const skip = withoutPython('astropy') || withoutShared('data/images')
const noFitsverify = spawnSync('fitsverify').error !== undefined

/** The WCS of a whole image, for pixels of the window. */
function seen(wcs: CelestialWcs, dx: number, dy: number): CelestialWcs {
  const there = (p: readonly [number, number] | undefined): [number, number] | undefined =>
    p && [p[0] - dx, p[1] - dy]
  return {
    ...wcs,
    worldOf: (x, y) => wcs.worldOf(x + dx, y + dy),
    skyOf: (x, y) => wcs.skyOf(x + dx, y + dy),
    pixelOfWorld: (lon, lat) => there(wcs.pixelOfWorld(lon, lat)),
    pixelOf: (ra, dec) => there(wcs.pixelOf(ra, dec)),
  }
}

test('astropy finds the same pixels at the same places, fitsverify no error', { skip }, async t => {
  const random = randomIntegers(31)
  const whole: AstropyWindow[] = []
  const cut: AstropyWindow[] = []
  const cases: WcsCase[] = []
  const found: CelestialWcs[] = []
  for (const name of imageFiles()) {
    await withFile(imagePath(name), async source => {
      for (const hdu of await allHdus(source)) {
        const image = imageOf(hdu)
        if (!image || image.shape.length < 2) continue
        const start = image.shape.map(n => random(n))
        const size = image.shape.map((n, i) => 1 + random(Math.min(n - start[i]!, 50)))
        const file = path.join(folder, `${cut.length}.fits`)
        const pixels = await readWindow(source, image, { start, size })
        writeFileSync(file, Buffer.concat(imageHdu(pixels, windowCards(image.header, start), 'primary')))
        whole.push({ file: imagePath(name), hdu: hdu.index, start, size })
        cut.push({ file, hdu: 0, start: size.map(() => 0), size })
        const wcs = celestialWcs(image.header)
        if (!wcs) continue
        const [x, y] = wcs.axes
        found.push(seen(wcs, start[x]!, start[y]!))
        cases.push({ name, file, hdu: 0, pixels: grid(size[x]!, size[y]!, 3) })
      }
    })
  }
  const [before, behind] = [astropyWindows(whole), astropyWindows(cut)]
  for (const [i, pixels] of before.entries()) assert.deepEqual(behind[i], pixels, JSON.stringify(whole[i]))
  for (const [i, answer] of astropyWcs(cases).entries()) {
    const { name } = cases[i]!
    assert.equal(answer.error, undefined, name)
    const { icrs, back, offSky } = compare(found[i]!, cases[i]!, answer)
    assert.ok(
      Math.max(icrs, back) < 1e-6 && offSky === 0,
      `${name}: ${icrs} ${back} px, ${offSky} off the sky`,
    )
  }
  if (noFitsverify) return t.diagnostic('no fitsverify')
  // What archives wrote stays as it is: dates that are none, and warnings (EPOCH, words of an axis that is not there).
  const { stderr } = spawnSync('fitsverify', ['-e', ...cut.map(({ file }) => file)], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  assert.deepEqual(
    (stderr.match(/Error: .*/g) ?? []).filter(error => !/Keyword #\d+, DATE/.test(error)),
    [],
  )
})

test('every description moves, and CRPIX is written where it was left out', () => {
  const cards = [
    "CTYPE1  = 'RA---TAN'",
    "CTYPE2  = 'DEC--TAN'",
    'CRPIX2  = 5.5 / there',
    'CRPIX1P = 1',
    'LTV1    = 7',
    'CNPIX2  = 100',
    'END',
  ]
  const text = cards.map(card => card.padEnd(80)).join('')
  const moved = windowCards(parseHeader(Buffer.from(text.padEnd(2880)), 0), [10, 3])
  const value = (keyword: string) => moved.find(card => card.keyword === keyword)?.value
  assert.deepEqual(['CRPIX1', 'CRPIX2', 'CRPIX1P', 'LTV1', 'CNPIX2'].map(value), [-10, 2.5, -9, -3, 103])
  assert.equal(moved.find(card => card.keyword === 'CRPIX2')!.comment, 'there')
})

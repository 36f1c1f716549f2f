/** Headers of real files, as astropy reads them, and headers that are out to hurt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Card } from '../../src/fits/card.ts'
import { hdus } from '../../src/fits/hdu.ts'
import { textOf } from '../../src/fits/header.ts'
import { python, withoutPython, withoutShared } from '../support/python.ts'
import { allHdus, bufferSource, imageFiles, imagePath, withFile } from './support.ts'

const ASTROPY = `
import json, sys, warnings
from astropy.io import fits
from astropy.io.fits.card import Undefined
warnings.simplefilter('ignore')
def plain(v):
    if v is None or isinstance(v, Undefined): return None
    return str(v) if isinstance(v, int) and not isinstance(v, bool) and abs(v) > 2**53 else v
for name in sys.argv[1:]:
    with fits.open(name, disable_image_compression=True) as f:
        print(json.dumps([[[c.keyword, plain(c.value), c.comment] for c in h.header.cards] for h in f]))
`

type Told = [keyword: string, value: unknown, comment: string]

/** A card in astropy's words: the text of a commentary card is its value. */
function told(card: Card): Told {
  const commentary = card.keyword === '' || card.keyword === 'COMMENT' || card.keyword === 'HISTORY'
  if (commentary) return [card.keyword, card.comment, '']
  const value = typeof card.value === 'bigint' ? String(card.value) : (card.value ?? null)
  return [card.keyword, value, card.comment]
}

const skip = withoutPython('astropy') || withoutShared('data/images')

test('every card of every shared image', { skip }, async () => {
  const files = imageFiles()
  const lines = python(ASTROPY, '', files.map(imagePath)).toString('utf8').trim().split('\n')
  let cards = 0
  for (const [i, file] of files.entries()) {
    const expected = JSON.parse(lines[i]!) as Told[][]
    const found = await withFile(imagePath(file), allHdus)
    assert.equal(found.length, expected.length, `HDUs of ${file}`)
    for (const [n, hdu] of found.entries()) {
      const theirs = expected[n]!.map(([keyword, ...rest]) => [keyword.toUpperCase(), ...rest])
      assert.deepEqual(hdu.header.cards.map(told), theirs, `${file}, HDU ${n}`)
      cards += hdu.header.cards.length
    }
  }
  assert.ok(cards > 10_000, `${cards} cards compared`)
})

const card = (text: string) => text.padEnd(80)
const file = (...cards: string[]) => {
  const text = [...cards, 'END'].map(card).join('')
  return bufferSource(Buffer.from(text.padEnd(Math.ceil(text.length / 2880) * 2880), 'latin1'))
}
const PRIMARY = [
  'SIMPLE  =                    T',
  'BITPIX  =                    8',
  'NAXIS   =                    0',
]

test('a string of 20,000 CONTINUE cards takes no time to speak of', async () => {
  const more = Array.from({ length: 20_000 }, () => `CONTINUE  '${'x'.repeat(60)}&'`)
  const started = performance.now()
  const [hdu] = await allHdus(file(...PRIMARY, "LONG    = 'a&'", ...more, "CONTINUE  'z' / end"))
  assert.equal(textOf(hdu!.header, 'LONG'), `a${'x'.repeat(60 * 20_000)}z`)
  assert.ok(performance.now() - started < 3000)
})

test('a header without END is given up', async () => {
  const block = Buffer.from(PRIMARY.map(card).join('').padEnd(2880), 'latin1')
  const blank = Buffer.alloc(2880, ' ')
  const endless = {
    random: true,
    read: async (offset: number, length: number) => (offset === 0 ? block : blank).subarray(0, length),
  }
  await assert.rejects(hdus(endless).next(), /no END card in 2000 header blocks/)
})

test('CONTINUE that continues nothing stays a card of its own, and an ampersand at the end stays text', async () => {
  const [hdu] = await allHdus(file(...PRIMARY, "CONTINUE  'lost'", "AMP     = 'a&'", "OBJECT  = 'x'"))
  assert.deepEqual(
    hdu!.header.cards.map(c => c.keyword),
    ['SIMPLE', 'BITPIX', 'NAXIS', 'CONTINUE', 'AMP', 'OBJECT'],
  )
  assert.equal(textOf(hdu!.header, 'AMP'), 'a&')
})

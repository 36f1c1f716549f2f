import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCard } from '../../src/fits/card.ts'
import { dataLength, integerOf, numberOf, parseHeader, textOf } from '../../src/fits/header.ts'
import { python, withoutPython } from '../support/python.ts'

const card = (text: string) => parseCard(text.padEnd(80))
const header = (...cards: string[]) =>
  parseHeader(Buffer.from([...cards, 'END'].map(c => c.padEnd(80)).join(''), 'latin1'), 3)

test('values of all kinds', () => {
  const cases: [string, unknown][] = [
    ["NAME    = 'O''Brien / x  ' / who", "O'Brien / x"],
    ["EMPTY   = ''", ''],
    ['FLAG    =                    T / yes', true],
    ['COUNT   =                  -42', -42],
    ['BIG     =  9223372036854775808', 9223372036854775808n],
    ['REAL    =            1.5D-3 /', 0.0015],
    ['POINT   = .5', 0.5],
    ['COMPLEX = (1.5, -2) / c', [1.5, -2]],
    ['NOVALUE =  / only a comment', undefined],
    ['lower   = 1', 1],
    ['TIGHT   =1', 1],
    ['HIERARCH ESO DET  chip = 7 / id', 7],
  ]
  for (const [text, value] of cases) assert.deepEqual(card(text).value, value, text)
  assert.equal(card('lower   = 1').keyword, 'LOWER')
  assert.equal(card('HIERARCH ESO DET  chip = 7 / id').keyword, 'ESO DET CHIP')
  assert.equal(card("NAME    = 'x' / who").comment, 'who')
  assert.equal(card('COMMENT = not a value').comment, '= not a value')
})

test('a card that cannot be read is an error when it is asked for, with its place', () => {
  const bad = header("EXTNAME = 'CAT'", "OPEN    = 'no end", 'WORD    = what / comment', 'NAXIS1  = 1.5')
  assert.throws(() => textOf(bad, 'OPEN'), /HDU 3 \(CAT\): keyword OPEN: the closing quote is missing/)
  assert.throws(() => numberOf(bad, 'WORD'), /HDU 3 \(CAT\): keyword WORD: "what" is no FITS value/)
  assert.throws(() => integerOf(bad, 'NAXIS1'), /NAXIS1 is 1.5, not a whole number/)
  assert.throws(() => integerOf(bad, 'NAXIS2'), /NAXIS2 is missing/)
})

test('the first of two cards counts; text may be UTF-8 or Latin-1', () => {
  const both = header("OBJECT  = 'one'", "OBJECT  = 'two'", "UTF     = 'Caf\xc3\xa9'", "LATIN   = 'Caf\xe9'")
  assert.equal(textOf(both, 'OBJECT'), 'one')
  assert.equal(textOf(both, 'UTF'), 'Café')
  assert.equal(textOf(both, 'LATIN'), 'Café')
})

test('the extent of data', () => {
  const groups = ['BITPIX  = -32', 'NAXIS   = 3', 'NAXIS1  = 0', 'NAXIS2  = 4', 'NAXIS3  = 5']
  assert.equal(dataLength(header(...groups, 'GROUPS  = T', 'PCOUNT  = 6', 'GCOUNT  = 7')), 4 * 7 * (6 + 20))
  assert.equal(dataLength(header('BITPIX  = 8', 'NAXIS   = 0')), 0)
  assert.throws(() => dataLength(header('BITPIX  = 8', 'NAXIS   = 1', 'NAXIS1  = -5')), /NAXIS1 is -5/)
})

test('long strings, as astropy reads them', { skip: withoutPython('astropy.io.fits') }, () => {
  const text = "it's a long text with & and 'quotes' that needs several cards, ".repeat(5).trim()
  const bytes = python(
    `
import sys
from astropy.io import fits
h = fits.Header()
h['LONG'] = sys.argv[1]
h['AMP'] = 'ends with &'
h['HIERARCH a long keyword'] = 'value'
sys.stdout.buffer.write(h.tostring().encode())`,
    '',
    [text],
  )
  const parsed = parseHeader(bytes, 0)
  assert.equal(textOf(parsed, 'LONG'), text)
  assert.equal(textOf(parsed, 'AMP'), 'ends with &')
  assert.equal(textOf(parsed, 'A LONG KEYWORD'), 'value')
})

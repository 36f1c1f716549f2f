/** Every type that a FITS table can have, written and read by astropy, and files that are broken. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openTable } from '../../../src/formats/read/open.ts'
import { python, withoutPython } from '../../support/python.ts'
import { readByAstropy, readBySource } from './astropy.ts'

const skip = withoutPython('astropy.io.fits', 'numpy')
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
const file = (name: string) => path.join(folder, name)
after(() => rmSync(folder, { recursive: true }))

const WRITE = `
import sys, numpy as np, warnings
from astropy.io import fits
warnings.simplefilter('ignore')
out = sys.argv[1]
n = 7
r = np.random.default_rng(5)
C = fits.Column
i = lambda kind: r.integers(np.iinfo(kind).min, np.iinfo(kind).max, n, dtype=kind, endpoint=True)
f = r.normal(size=n); f[2] = np.nan; f[3] = np.inf; f[4] = -0.0
ragged = lambda kind, lengths=(3, 0, 1, 5, 2, 0, 40): np.array([np.arange(k).astype(kind) - (k if kind[0] != 'u' else 0) for k in lengths], dtype=object)
cols = [
  C('l', 'L', array=np.array([True, False] * 3 + [True])),
  C('x1', 'X', array=np.array([[v] for v in [1, 0, 0, 1, 1, 0, 1]], dtype=bool)),
  C('x13', '13X', array=r.integers(0, 2, (n, 13)).astype(bool)),
  C('b', 'B', array=i('u1')), C('b_null', 'B', null=9, array=np.array([1, 9, 3, 9, 5, 0, 255], 'u1')),
  C('i', 'I', array=i('i2')), C('i_null', 'I', null=-99, array=np.array([1, -99, 3, 32767, -32768, 0, -99], 'i2')),
  C('j', 'J', array=i('i4'), unit='adu'), C('k', 'K', array=i('i8')),
  C('k_null', 'K', null=-9223372036854775808, array=np.array([-2**63, 2**63-1, 0, 2**53+1, -1, 1, 2], 'i8')),
  C('u2', 'I', bzero=32768, array=i('u2')), C('u4', 'J', bzero=2**31, array=i('u4')),
  C('u8', 'K', bzero=2**63, array=r.integers(0, 2**63 - 1, n, dtype='u8')),
  C('scaled', 'I', array=np.arange(n)),
  C('e', 'E', array=f.astype('f4')), C('d', 'D', array=f), C('c', 'C', array=(f + 1j).astype('c8')), C('m', 'M', array=f * 1j),
  C('a', '12A', array=['one', ' two', '', 'x' * 12, 'a b  ', "o'clock", 'z']), C('a1', 'A', array=list('ab def '[:n])),
  C('l3', '3L', array=r.integers(0, 2, (n, 3)).astype(bool)), C('b4', '4B', array=r.integers(0, 255, (n, 4)).astype('u1')),
  C('i2', '2I', array=r.integers(-5, 5, (n, 2)).astype('i2')), C('j6', '6J', dim='(2,3)', array=r.integers(-5, 5, (n, 3, 2)).astype('i4')),
  C('k2', '2K', array=r.integers(-5, 5, (n, 2))), C('e4', '4E', array=r.normal(size=(n, 4)).astype('f4')), C('d2', '2D', array=np.stack([f, f], 1)),
  C('c2', '2C', array=np.stack([f, f], 1).astype('c8')), C('u4s', '2J', bzero=2**31, array=r.integers(0, 2**32 - 1, (n, 2), dtype='u4')),
  C('names', '12A', dim='(4,3)', array=np.array([['a', 'bb', 'cccc']] * n)),
  C('pe', 'PE()', array=ragged('f4')), C('qd', 'QD()', array=ragged('f8')), C('pj', 'PJ()', array=ragged('i4')),
  C('pb', 'PB()', array=ragged('u1')), C('pk', 'QK()', array=ragged('i8')),
  C('pa', 'PA()', array=np.array(['one', '', 'three', 'a longer text', 'x', 'y', 'z'], dtype=object)),
]
table = fits.BinTableHDU.from_columns(cols, name='ALL')
table.header['TCOMM1'] = 'A description that is longer than a card can hold, and therefore goes on in CONTINUE cards.'
table.header['TUCD4'] = 'meta.code'
fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 5), 'f4')), table]).writeto(out + '/all.fits')
number = 1 + [c.name for c in cols].index('scaled')
fits.setval(out + '/all.fits', f'TSCAL{number}', value=0.25, ext=2)  # astropy cannot write such a column itself
fits.setval(out + '/all.fits', f'TZERO{number}', value=10, ext=2)
ascii = fits.TableHDU.from_columns([
  C('name', 'A10', array=['first', 'second', '']), C('int', 'I6', array=[1, -22, 333], ascii=True),
  C('long', 'I20', array=np.array([2**62, -1, 5]), ascii=True), C('fix', 'F10.3', array=[1.5, -2.25, 1000.125], ascii=True, unit='mag'),
  C('exp', 'E15.7', array=[1e-20, -2.5e10, 0], ascii=True), C('dbl', 'D25.17', array=[np.pi, -1e300, 0], ascii=True)], name='TEXT')
fits.HDUList([fits.PrimaryHDU(), ascii]).writeto(out + '/ascii.fits')
fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([C('id', 'J', array=[1, 2, 3]), C('big', 'K', bzero=2**63, array=np.array([1, 2**63, 2**64 - 1], 'u8'))])]).writeto(out + '/big.fits')
`

before(() => {
  if (!skip) python(WRITE, '', [folder])
})

async function same(name: string, hdu: number): Promise<void> {
  const source = await openTable(file(name))
  const ours = await readBySource(source)
  await source.close()
  const theirs = readByAstropy(file(name.replace('.gz', '')), hdu)
  assert.deepEqual(ours.bad, [])
  for (const [c, column] of theirs.entries()) assert.deepEqual(ours.columns[c], column, column.name)
}

test('all types of a binary table', { skip }, () => same('all.fits', 2))

test('gzip, whose heap comes after the rows', { skip }, async () => {
  writeFileSync(file('all.fits.gz'), gzipSync(readFileSync(file('all.fits'))))
  await same('all.fits.gz', 2)
})

test('an ASCII table', { skip }, () => same('ascii.fits', 1))

test('datatypes, shapes and descriptions', { skip }, async () => {
  const source = await openTable(file('all.fits'), { select: 'all' })
  await source.close()
  const shape = (name: string) => {
    const field = source.fields.find(f => f.name === name)!
    return [field.datatype, field.arraysize].filter(Boolean).join(' ')
  }
  const expected: Record<string, string> = {
    l: 'boolean',
    x1: 'bit',
    x13: 'bit 13',
    b: 'unsignedByte',
    b4: 'unsignedByte 4',
    u2: 'int',
    u4: 'long',
    u8: 'long',
    scaled: 'double',
    c: 'floatComplex',
    m: 'doubleComplex',
    a: 'char 12*',
    a1: 'char',
    j6: 'int 2x3',
    names: 'char 4x3',
    pe: 'float *',
    pa: 'char *',
  }
  for (const [name, text] of Object.entries(expected)) assert.equal(shape(name), text, name)
  assert.equal(
    source.fields[0]!.description,
    'A description that is longer than a card can hold, and therefore goes on in CONTINUE cards.',
  )
})

test('an unsigned integer beyond 64 bits is a bad row', { skip }, async () => {
  const source = await openTable(file('big.fits'))
  const { columns, bad } = await readBySource(source)
  await source.close()
  assert.deepEqual(columns[1]!.values, ['1', null, null])
  assert.deepEqual(bad, [
    '2: column big: 9223372036854775808 is more than a 64-bit integer can hold',
    '3: column big: 18446744073709551615 is more than a 64-bit integer can hold',
  ])
})

/** The file with a text of its headers replaced by one as long. */
function damage(name: string, from: string, to: string, end?: number): string {
  const bytes = readFileSync(file('all.fits')).subarray(0, end)
  const at = bytes.indexOf(from)
  assert.ok(at >= 0 && from.length >= to.length, from)
  bytes.write(to.padEnd(from.length), at, 'latin1')
  writeFileSync(file(name), bytes)
  return file(name)
}

async function readAll(name: string): Promise<void> {
  const source = await openTable(name)
  try {
    for await (const batch of source.batches()) assert.ok(batch.count > 0)
  } finally {
    await source.close()
  }
}

test('broken files say where', { skip }, async () => {
  const rows = damage('rows.fits', 'NAXIS2  =                    7', 'NAXIS2  =              7000000')
  await assert.rejects(
    readAll(rows),
    /rows\.fits: HDU 2 \(ALL\): NAXIS2 promises 7000000 rows, .*it is truncated/,
  )
  const tform = damage('tform.fits', "TFORM5  = 'B       '", "TFORM5  = 'W       '")
  await assert.rejects(
    readAll(tform),
    /HDU 2 \(ALL\): TFORM5 = 'W' \(column b_null\) has the unknown type 'W'/,
  )
  const width = damage('width.fits', "TFORM5  = 'B       '", "TFORM5  = 'D       '")
  await assert.rejects(readAll(width), /columns take \d+ bytes in a row, but NAXIS1 is \d+/)
  const whole = readFileSync(file('all.fits'))
  const pcount = /PCOUNT {2}= +(\d+)/.exec(whole.toString('latin1', whole.indexOf('BINTABLE')))!
  const heap = damage(
    'heap.fits',
    pcount[0],
    pcount[0].slice(0, -pcount[1]!.length) + '9'.padStart(pcount[1]!.length),
  )
  await assert.rejects(readAll(heap), /row 1, column \w+: \d+ elements from byte \d+ of a heap of 9 bytes/)
  writeFileSync(file('short.fits.gz'), gzipSync(whole.subarray(0, whole.length - 5000)))
  await assert.rejects(readAll(file('short.fits.gz')), /short\.fits\.gz: HDU 2.*truncated/)
  writeFileSync(file('cut.fits.gz'), gzipSync(whole).subarray(0, 1500))
  await assert.rejects(
    readAll(file('cut.fits.gz')),
    /cut\.fits\.gz: the gzip file cannot be unpacked after byte \d+/,
  )
  writeFileSync(file('header.fits'), whole.subarray(0, 1000))
  await assert.rejects(readAll(file('header.fits')), /HDU 0: the file ends inside the header/)
  writeFileSync(file('none.fits'), whole.subarray(0, 2880))
  await assert.rejects(readAll(file('none.fits')), /The file has no table/)
  await assert.rejects(openTable(file('all.fits'), { select: '1' }), /HDU 1: this HDU is no table/)
  await assert.rejects(openTable(file('all.fits'), { select: 'NOPE' }), /no HDU 'NOPE'/)
})

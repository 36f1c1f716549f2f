/** FITS images of noise for measurements, written a row at a time. */
import { closeSync, openSync, writeSync } from 'node:fs'

/** A TAN image of `side` × `side` pixels of 0.18″ around RA 150, Dec 2. */
export function writeNoise(file: string, bitpix: -32 | 16, side: number, filter: string): void {
  const card = (keyword: string, value: string | number) => {
    const text =
      typeof value === 'number' || value === 'T' ? String(value).padStart(20) : `'${value.padEnd(8)}'`
    return `${keyword.padEnd(8)}= ${text}`.padEnd(80)
  }
  const cards = [
    card('SIMPLE', 'T'),
    card('BITPIX', bitpix),
    card('NAXIS', 2),
    card('NAXIS1', side),
    card('NAXIS2', side),
    card('CTYPE1', 'RA---TAN'),
    card('CTYPE2', 'DEC--TAN'),
    card('CRVAL1', 150),
    card('CRVAL2', 2),
    card('CRPIX1', side / 2),
    card('CRPIX2', side / 2),
    card('CDELT1', -5e-5),
    card('CDELT2', 5e-5),
    card('FILTER', filter),
    card('BUNIT', 'nJy'),
    'END'.padEnd(80),
  ]
  const handle = openSync(file, 'w')
  writeSync(handle, cards.join('').padEnd(2880))
  const row = Buffer.alloc((side * Math.abs(bitpix)) / 8)
  let state = 1 + filter.charCodeAt(0)
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      state = (state * 48271) % 2147483647
      const noise = (state % 200) + (state % 157)
      if (bitpix === 16) row.writeInt16BE(noise, 2 * x)
      else row.writeFloatBE(noise / 7, 4 * x)
    }
    writeSync(handle, row)
  }
  const rest = (side * row.length) % 2880
  writeSync(handle, Buffer.alloc(rest === 0 ? 0 : 2880 - rest))
  closeSync(handle)
}

import { cardText, headerBytes } from './card-text.ts'
import { BLOCK } from './header.ts'

/**
 * A FITS file of one binary table with one column of 64-bit integers, as maps of HEALPix cells are. `rows` are its bytes,
 * `more` the cards after TFORM1.
 */
export function longTable(name: string, comment: string, rows: Buffer, more: readonly string[]): Buffer {
  const primary = headerBytes([
    cardText('SIMPLE', true, 'conforms to the FITS standard'),
    cardText('BITPIX', 8, ''),
    cardText('NAXIS', 0, ''),
    cardText('EXTEND', true, ''),
  ])
  const table = headerBytes([
    cardText('XTENSION', 'BINTABLE', 'binary table'),
    cardText('BITPIX', 8, ''),
    cardText('NAXIS', 2, ''),
    cardText('NAXIS1', 8, ''),
    cardText('NAXIS2', rows.length / 8, ''),
    cardText('PCOUNT', 0, ''),
    cardText('GCOUNT', 1, ''),
    cardText('TFIELDS', 1, ''),
    cardText('TTYPE1', name, comment),
    cardText('TFORM1', '1K', ''),
    ...more,
  ])
  const padding = Buffer.alloc((BLOCK - (rows.length % BLOCK)) % BLOCK)
  return Buffer.concat([primary, table, rows, padding])
}

/** Whole numbers for every HEALPix cell of an order, as a FITS file (gamma-astro-data-formats, HEALPix sky maps). */
import { cardText, headerBytes } from './card-text.ts'
import { BLOCK } from './header.ts'

/** `counts` by cell, NESTED, ICRS; cells that are not in it have 0. */
export function skyMapFits(counts: ReadonlyMap<number, number>, order: number): Buffer {
  const cells = 12 * 4 ** order
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
    cardText('NAXIS2', cells, ''),
    cardText('PCOUNT', 0, ''),
    cardText('GCOUNT', 1, ''),
    cardText('TFIELDS', 1, ''),
    cardText('TTYPE1', 'VALUE', 'rows in the cell'),
    cardText('TFORM1', 'K', ''),
    cardText('PIXTYPE', 'HEALPIX', ''),
    cardText('ORDERING', 'NESTED', ''),
    cardText('INDXSCHM', 'IMPLICIT', 'a row for every cell'),
    cardText('COORDSYS', 'C', 'ICRS'),
    cardText('ORDER', order, ''),
    cardText('NSIDE', 2 ** order, ''),
    cardText('FIRSTPIX', 0, ''),
    cardText('LASTPIX', cells - 1, ''),
  ])
  const data = Buffer.alloc(Math.ceil((8 * cells) / BLOCK) * BLOCK)
  for (const [cell, count] of counts) data.writeBigInt64BE(BigInt(count), 8 * cell)
  return Buffer.concat([primary, table, data])
}

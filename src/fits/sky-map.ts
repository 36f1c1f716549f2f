/** Whole numbers for every HEALPix cell of an order, as a FITS file (gamma-astro-data-formats, HEALPix sky maps). */
import { cardText } from './card-text.ts'
import { longTable } from './long-table.ts'

/** `counts` by cell, NESTED, ICRS; cells that are not in it have 0. */
export function skyMapFits(counts: ReadonlyMap<number, number>, order: number): Buffer {
  const cells = 12 * 4 ** order
  const rows = Buffer.alloc(8 * cells)
  for (const [cell, count] of counts) rows.writeBigInt64BE(BigInt(count), 8 * cell)
  return longTable('VALUE', 'rows in the cell', rows, [
    cardText('PIXTYPE', 'HEALPIX', ''),
    cardText('ORDERING', 'NESTED', ''),
    cardText('INDXSCHM', 'IMPLICIT', 'a row for every cell'),
    cardText('COORDSYS', 'C', 'ICRS'),
    cardText('ORDER', order, ''),
    cardText('NSIDE', 2 ** order, ''),
    cardText('FIRSTPIX', 0, ''),
    cardText('LASTPIX', cells - 1, ''),
  ])
}

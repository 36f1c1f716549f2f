/** The header of an image from that of the table which holds it compressed (FITS Standard 4.0 §10.1.2). */
import { type Card, parseCard } from '../card.ts'
import { cardText } from '../card-text.ts'
import { type Header, headerOf, integerOf } from '../header.ts'

/** Keywords of the table and of the compression. */
const OF_THE_TABLE =
  /^(SIMPLE|XTENSION|EXTEND|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|THEAP|CHECKSUM|DATASUM|Z(IMAGE|BITPIX|NAXIS\d*|TILE\d+|CMPTYPE|NAME\d+|VAL\d+|MASKCMP|QUANTIZ|DITHER0|SIMPLE|TENSION|EXTEND|BLOCKED|PCOUNT|GCOUNT|HECKSUM|DATASUM|SCALE|ZERO|BLANK))$/
const OF_A_COLUMN = /^(TTYPE|TFORM|TUNIT|TDIM|TNULL|TSCAL|TZERO|TDISP)(\d+)$/

/** Mandatory cards first, from the Z keywords; the rest stays in its order. */
export function imageHeader(table: Header): Header {
  const columns = integerOf(table, 'TFIELDS')
  const naxis = integerOf(table, 'ZNAXIS')
  const cards: Card[] = [
    parseCard(cardText('BITPIX', integerOf(table, 'ZBITPIX'))),
    parseCard(cardText('NAXIS', naxis)),
    ...Array.from({ length: naxis }, (_, i) =>
      parseCard(cardText(`NAXIS${i + 1}`, integerOf(table, `ZNAXIS${i + 1}`))),
    ),
    ...table.cards.filter(card => !ofTheTable(card, columns)),
  ]
  const header = headerOf(cards, 0)
  return { ...header, title: table.title }
}

function ofTheTable({ keyword, value }: Card, columns: number): boolean {
  if (OF_THE_TABLE.test(keyword)) return true
  // fpack names the extensions that it makes from primary HDUs.
  if (keyword === 'EXTNAME' && value === 'COMPRESSED_IMAGE') return true
  const column = OF_A_COLUMN.exec(keyword)
  return column !== null && Number(column[2]) <= columns
}

/** Header cards to write (FITS Standard 4.0 §4.1–4.2). */
import { BLOCK } from './header.ts'

/**
 * A card of 80 characters, or several where a string takes CONTINUE (§4.2.1.2). Values begin in column 11, numbers end
 * in column 30 where they fit. A comment is cut where the card ends. Not for keywords of more than eight characters.
 */
export function cardText(keyword: string, value: string | number | bigint | boolean, comment = ''): string {
  if (!/^[A-Z0-9_-]{1,8}$/.test(keyword)) throw new Error(`${JSON.stringify(keyword)} is no FITS keyword`)
  const start = `${keyword.padEnd(8)}= `
  if (typeof value !== 'string') return line(start + valueText(value).padStart(20), comment)
  if (/[^\x20-\x7e]/.test(value)) throw new Error(`keyword ${keyword}: a FITS string is printable ASCII`)
  const pieces = split(value.replaceAll("'", "''"))
  return pieces
    .map((piece, i) => {
      const last = i === pieces.length - 1
      const text = `${i === 0 ? start : 'CONTINUE  '}'${last ? piece.padEnd(8) : `${piece}&`}'`
      return line(i === 0 ? text.padEnd(30) : text, last ? comment : '')
    })
    .join('')
}

function line(text: string, comment: string): string {
  return `${text}${comment && ` / ${comment}`}`.slice(0, 80).padEnd(80)
}

/** The shortest text that reads back as the same number, with a decimal point where a float is whole. */
function valueText(value: number | bigint | boolean): string {
  if (typeof value === 'boolean') return value ? 'T' : 'F'
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} is no FITS number`)
  return String(value).toUpperCase().replace('E+', 'E')
}

/** Pieces that fit into a card with quotes and ampersand; a doubled quote is not torn. */
function split(text: string): string[] {
  const pieces: string[] = []
  let rest = text
  // An ampersand at the very end would ask for a CONTINUE; there is none, and readers keep it.
  while (rest.length > 68) {
    const quotes = /'*$/.exec(rest.slice(0, 67))![0].length
    const at = quotes % 2 === 1 ? 66 : 67
    pieces.push(rest.slice(0, at))
    rest = rest.slice(at)
  }
  return [...pieces, rest]
}

/** Cards as a header: END, filled up with blanks to whole blocks. */
export function headerBytes(cards: readonly string[]): Buffer {
  const text = `${cards.join('')}${'END'.padEnd(80)}`
  return Buffer.from(text.padEnd(Math.ceil(text.length / BLOCK) * BLOCK), 'latin1')
}

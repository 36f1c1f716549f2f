/** What the cards of a result need beyond `fits/card-text.ts`: text of any kind, long comments, padding. */
import { cardText } from '../fits/card-text.ts'
import { BLOCK } from '../fits/header.ts'

/** A card; what is not printable ASCII in a string is spelled (FITS Standard 4.0 §4.2.1). */
export function card(keyword: string, value: string | number | bigint | boolean, comment = ''): string {
  return cardText(keyword, typeof value === 'string' ? printable(value) : value, comment)
}

/** HISTORY or COMMENT cards (§4.4.2.4). */
export function commentary(keyword: 'HISTORY' | 'COMMENT', text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .flatMap(line => printable(line).match(/.{1,72}/g) ?? [''])
    .map(part => `${keyword.padEnd(8)}${part}`.padEnd(80))
    .join('')
}

/** Zeros that fill a data unit of this many bytes up to whole blocks. */
export function padding(bytes: number): Buffer {
  return Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK)
}

function printable(text: string): string {
  return text
    .replace(/[\r\n\t]+/g, ' ')
    .replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The header of an HDU: its cards in order, values by keyword, and the extent of the data that follow. */
import { ServiceError } from '../error.ts'
import type { Card, CardValue } from './card.ts'
import { CARD_LENGTH, decodeText, parseCard } from './card.ts'

export const BLOCK = 2880

export interface Header {
  /** Which header it is, for messages: `HDU 1 (CATALOG)`. */
  readonly title: string
  /** Long strings joined, END left out. */
  readonly cards: readonly Card[]
  /** The first card of each keyword: what astropy and cfitsio take when a keyword is there twice. */
  readonly first: ReadonlyMap<string, Card>
}

/** Something in a FITS file that cannot be read; the message begins with where. */
export function fitsError(where: string, problem: string): ServiceError {
  return new ServiceError('usage', `${where}: ${problem}`)
}

/** Cards from header blocks that hold END; `index` is the number of the HDU, from 0. */
export function parseHeader(bytes: Buffer, index: number): Header {
  const cards: Card[] = []
  for (let at = 0; at < bytes.length; at += CARD_LENGTH) {
    const card = parseCard(bytes.toString('latin1', at, at + CARD_LENGTH))
    if (card.keyword === 'END') break
    const before = cards.at(-1)
    // §4.2.1.2: a long string goes on in the next card where it ends with an ampersand.
    if (card.keyword === 'CONTINUE' && typeof before?.value === 'string' && before.value.endsWith('&')) {
      const value = before.value.slice(0, -1) + (typeof card.value === 'string' ? card.value : '')
      cards[cards.length - 1] = { ...before, value, comment: [before.comment, card.comment].join(' ').trim() }
    } else {
      cards.push(card)
    }
  }
  const decoded = cards.map(card =>
    typeof card.value === 'string' ? { ...card, value: decodeText(card.value) } : card,
  )
  const first = new Map<string, Card>()
  for (const card of decoded) if (!first.has(card.keyword)) first.set(card.keyword, card)
  const name = first.get('EXTNAME')?.value
  const title = typeof name === 'string' && name !== '' ? `HDU ${index} (${name})` : `HDU ${index}`
  return { title, cards: decoded, first }
}

/** Value of a keyword; undefined when it is absent or without value. */
export function cardValue(header: Header, keyword: string): CardValue {
  const card = header.first.get(keyword)
  if (card?.problem) throw fitsError(header.title, `keyword ${keyword}: ${card.problem}`)
  return card?.value
}

export function textOf(header: Header, keyword: string): string | undefined {
  const value = cardValue(header, keyword)
  if (value === undefined || typeof value === 'string') return value
  return String(value)
}

export function numberOf(header: Header, keyword: string): number | undefined {
  const value = cardValue(header, keyword)
  if (value === undefined || typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw fitsError(header.title, `keyword ${keyword} is ${JSON.stringify(value)}, not a number`)
}

/** A whole number; where no fallback is given the keyword must be there. */
export function integerOf(header: Header, keyword: string, fallback?: number): number {
  const value = numberOf(header, keyword) ?? fallback
  if (value === undefined) throw fitsError(header.title, `keyword ${keyword} is missing`)
  if (!Number.isSafeInteger(value))
    throw fitsError(header.title, `keyword ${keyword} is ${value}, not a whole number`)
  return value
}

/** Bytes of the data that follow the header, without padding (§4.4.1.1, §4.4.1.2, §6 for random groups). */
export function dataLength(header: Header): number {
  const naxis = integerOf(header, 'NAXIS')
  if (naxis === 0) return 0
  const axes = Array.from({ length: naxis }, (_, i) => integerOf(header, `NAXIS${i + 1}`))
  const wrong = axes.findIndex(n => n < 0)
  if (wrong >= 0) throw fitsError(header.title, `NAXIS${wrong + 1} is ${axes[wrong]}, less than 0`)
  const groups = axes[0] === 0 && cardValue(header, 'GROUPS') === true
  const elements = (groups ? axes.slice(1) : axes).reduce((product, n) => product * n, 1)
  const [pcount, gcount] = [integerOf(header, 'PCOUNT', 0), integerOf(header, 'GCOUNT', 1)]
  if (pcount < 0) throw fitsError(header.title, `PCOUNT is ${pcount}, less than 0`)
  return (Math.abs(integerOf(header, 'BITPIX')) / 8) * gcount * (pcount + elements)
}

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
  const single: Card[] = []
  for (let at = 0; at < bytes.length; at += CARD_LENGTH) {
    const card = parseCard(bytes.toString('latin1', at, at + CARD_LENGTH))
    if (card.keyword === 'END') break
    single.push(card)
  }
  return headerOf(joinLongStrings(single), index)
}

/** A header of these cards. */
export function headerOf(cards: readonly Card[], index: number): Header {
  const first = new Map<string, Card>()
  for (const card of cards) if (!first.has(card.keyword)) first.set(card.keyword, card)
  const name = first.get('EXTNAME')?.value
  const title = typeof name === 'string' && name !== '' ? `HDU ${index} (${name})` : `HDU ${index}`
  return { title, cards, first }
}

/** §4.2.1.2: a string that ends with an ampersand goes on in the CONTINUE card behind it. */
function joinLongStrings(single: readonly Card[]): Card[] {
  const cards: Card[] = []
  for (let at = 0; at < single.length; ) {
    const run = [single[at++]!]
    while (endsWithAmpersand(run.at(-1)!) && single[at]?.keyword === 'CONTINUE') run.push(single[at++]!)
    cards.push(run.length === 1 ? decoded(run[0]!) : joined(run))
  }
  return cards
}

function endsWithAmpersand({ value }: Card): boolean {
  return typeof value === 'string' && value.endsWith('&')
}

function joined(run: readonly Card[]): Card {
  const pieces = run.map((card, i) => {
    const piece = typeof card.value === 'string' ? card.value : ''
    return i < run.length - 1 ? piece.slice(0, -1) : piece
  })
  return decoded({
    ...run[0]!,
    value: pieces.join(''),
    comment: run
      .map(card => card.comment)
      .filter(Boolean)
      .join(' '),
    text: run.map(card => card.text).join(''),
  })
}

function decoded(card: Card): Card {
  return typeof card.value === 'string' ? { ...card, value: decodeText(card.value) } : card
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

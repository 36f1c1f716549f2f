/** Values from headers as archives write them: numbers in quotes, blanks, `unknown`. What makes no sense is absent. */
import type { Card } from '../../fits/card.ts'
import type { Header } from '../../fits/header.ts'

export interface CardValues {
  /** The first of these keywords that has a text; numbers and booleans count as texts. */
  text(...keywords: string[]): string | undefined
  /** The first of these keywords that has a finite number. */
  number(...keywords: string[]): number | undefined
  comment(keyword: string): string
}

const NOTHING = /^(_?unknown_?|none|null|n\/?a|nan|undefined|not present|-+|\?+)$/i

/** Looks into the headers one after the other: that of the image, then the primary one (it applies to all HDUs). */
export function cardValues(headers: readonly Header[]): CardValues {
  const cardsOf = (keyword: string): Card[] =>
    headers.flatMap(header => {
      const card = header.first.get(keyword)
      return card ? [card] : []
    })
  const find = <T>(keywords: readonly string[], read: (card: Card) => T | undefined): T | undefined => {
    for (const keyword of keywords) {
      for (const card of cardsOf(keyword)) {
        const value = read(card)
        if (value !== undefined) return value
      }
    }
    return undefined
  }
  return {
    text: (...keywords) => find(keywords, textIn),
    number: (...keywords) => find(keywords, numberIn),
    comment: keyword => cardsOf(keyword)[0]?.comment ?? '',
  }
}

function textIn({ value }: Card): string | undefined {
  if (value === undefined || typeof value === 'object') return undefined
  // PostgreSQL's texts have no NUL, and people no use for other control characters.
  const text = String(value)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
    .replace(/[\0-\x1f\x7f]+/g, ' ')
    .trim()
  return text === '' || NOTHING.test(text) ? undefined : text
}

function numberIn({ value }: Card): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' && typeof number !== 'bigint') return undefined
  return Number.isFinite(Number(number)) ? Number(number) : undefined
}

/** Header cards: 80 characters each (FITS Standard 4.0 §4.1–4.2, and the HIERARCH convention). */

export type CardValue = string | number | bigint | boolean | readonly [re: number, im: number] | undefined

export interface Card {
  /** Upper case; of a HIERARCH card the words after HIERARCH, joined by one blank. */
  readonly keyword: string
  /** Undefined: the card has no value, or one that cannot be read (`problem`). */
  readonly value: CardValue
  /** Comment after the value; the text of COMMENT, HISTORY and blank cards. */
  readonly comment: string
  /** Why the value cannot be read. */
  readonly problem?: string
  /** The card as it is written, 80 characters for itself and for each CONTINUE that goes on with it. */
  readonly text: string
}

export const CARD_LENGTH = 80

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([ED][+-]?\d+)?$/i

type Value = Omit<Card, 'keyword' | 'text'>

/** One card from its 80 characters (bytes as Latin-1). */
export function parseCard(text: string): Card {
  const keyword = text.slice(0, 8).trimEnd().toUpperCase()
  if (keyword === 'HIERARCH' && text.includes('=')) {
    const equals = text.indexOf('=')
    const words = text.slice(8, equals).trim().toUpperCase().split(/\s+/)
    return { keyword: words.join(' '), ...parseValue(text.slice(equals + 1)), text }
  }
  if (keyword === 'CONTINUE') return { keyword, ...parseValue(text.slice(8)), text }
  if (text[8] === '=' && keyword !== '' && keyword !== 'COMMENT' && keyword !== 'HISTORY') {
    return { keyword, ...parseValue(text.slice(9)), text }
  }
  return { keyword, value: undefined, comment: decodeText(text.slice(8).trimEnd()), text }
}

function parseValue(text: string): Value {
  const field = text.trim()
  if (field.startsWith("'")) return parseString(field)
  const slash = field.indexOf('/')
  const token = (slash < 0 ? field : field.slice(0, slash)).trim()
  const comment = slash < 0 ? '' : decodeText(field.slice(slash + 1).trim())
  if (token === '') return { value: undefined, comment }
  if (token === 'T' || token === 'F') return { value: token === 'T', comment }
  if (NUMBER.test(token)) return { value: parseNumber(token), comment }
  const complex = /^\(([^,]*),([^,]*)\)$/.exec(token)
  const parts = complex ? [complex[1]!.trim(), complex[2]!.trim()] : []
  if (complex && parts.every(part => NUMBER.test(part))) {
    return { value: [Number(parseNumber(parts[0]!)), Number(parseNumber(parts[1]!))], comment }
  }
  return { value: undefined, comment, problem: `${JSON.stringify(token)} is no FITS value` }
}

/** §4.2.1.1: in quotes, a quote doubled, trailing blanks without meaning. */
function parseString(field: string): Value {
  const match = /^'((?:[^']|'')*)'\s*(.*)$/s.exec(field)
  if (!match) return { value: undefined, comment: '', problem: 'the closing quote is missing' }
  const rest = match[2]!
  return {
    value: match[1]!.replaceAll("''", "'").trimEnd(),
    comment: decodeText(rest.startsWith('/') ? rest.slice(1).trim() : rest),
  }
}

/** Whole numbers beyond 2^53 stay exact as bigint (TNULL, TZERO of 64-bit columns). */
function parseNumber(token: string): number | bigint {
  const value = Number(token.replace(/d/i, 'E'))
  return /^[+-]?\d+$/.test(token) && !Number.isSafeInteger(value) ? BigInt(token.replace('+', '')) : value
}

/** Headers are ASCII, but not all writers know: UTF-8 where the bytes are that, else Latin-1. */
export function decodeText(latin1: string): string {
  if (/^[\0-\x7f]*$/.test(latin1)) return latin1
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(latin1, 'latin1'))
  } catch {
    return latin1
  }
}

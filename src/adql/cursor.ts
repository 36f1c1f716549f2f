/** Where the parser stands in a text: the next token, the notes so far, how deep it is; and how it fails. */
import type { Identifier, Span } from './ast.ts'
import { adqlError } from './error.ts'
import { type Token, tokenize } from './lexer.ts'
import { addNote, type Note, type Notes } from './notes.ts'
import { isClauseWord, isNameLike, nearest } from './words.ts'

export interface Cursor {
  readonly text: string
  readonly tokens: readonly Token[]
  readonly notes: Notes
  index: number
  /** `tokens[index]`, the next one. */
  token: Token
  /** End of the token before it. */
  end: number
  depth: number
  operators: number
  /** Tables so far in this FROM. */
  tables: number
}

/** Nesting of parentheses, sub-queries and functions. Each level is about ten stack frames here. */
const MAX_DEPTH = 200
/** Left-associative operators and joins make a tree as deep as the chain is long; AND and OR do not. */
const MAX_OPERATORS = 1000
/** PostgreSQL plans joins in time that grows faster than their number, and so does NATURAL JOIN here. */
const MAX_TABLES = 100

export function cursorOver(text: string): Cursor {
  const notes: Notes = new Map()
  const tokens = tokenize(text, notes)
  return { text, tokens, notes, index: 0, token: tokens[0]!, end: 0, depth: 0, operators: 0, tables: 0 }
}

export function advance(c: Cursor): Token {
  const token = c.token
  if (token.kind === 'bad') fail(c, '')
  c.end = token.end
  if (token.kind !== 'end') c.token = c.tokens[++c.index]!
  return token
}

export function accept(c: Cursor, key: string): boolean {
  if (c.token.key !== key) return false
  advance(c)
  return true
}

export function at(c: Cursor, key: string): boolean {
  return c.token.key === key
}

/** The token `ahead` places after the next one; beyond the end it is the end. */
export function peek(c: Cursor, ahead = 1): Token {
  return c.tokens[Math.min(c.index + ahead, c.tokens.length - 1)]!
}

/** Whether a token is this word, which the grammar does not reserve (LIMIT, OVER, TABLESAMPLE …). */
export function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.text.length === word.length && token.text.toUpperCase() === word
}

export function enter(c: Cursor): void {
  if (++c.depth > MAX_DEPTH)
    complain(
      c,
      c.token,
      `this query is nested more than ${MAX_DEPTH} levels deep`,
      'remove parentheses, or name sub-queries in WITH',
    )
}

export function leave(c: Cursor): void {
  c.depth--
}

export function countOperator(c: Cursor): void {
  if (++c.operators > MAX_OPERATORS)
    complain(
      c,
      c.token,
      `this query has more than ${MAX_OPERATORS} operators and joins`,
      'split it into several queries',
    )
}

export function countTable(c: Cursor): void {
  if (++c.tables > MAX_TABLES) complain(c, c.token, `there are more than ${MAX_TABLES} tables in this FROM`)
}

export function note(c: Cursor, kind: Note['kind'], name: string, message: string, span: Span): void {
  addNote(c.notes, { kind, name, message, start: span.start, end: span.end })
}

export function complain(c: Cursor, span: Span, message: string, hint?: string): never {
  throw adqlError(c.text, [{ start: span.start, end: span.end, message, ...(hint ? { hint } : {}) }])
}

/** A token in words that people use. */
export function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end of the query'
    case 'number':
      return `the number ${token.text}`
    case 'string':
      return `the text '${shorten(token.text)}'`
    case 'delimited':
      return `the name "${shorten(token.text)}"`
    case 'word':
      return isNameLike(token.key)
        ? `the ${token.key ? 'reserved word' : 'name'} ${shorten(token.text)}`
        : token.key
    default:
      return token.text
  }
}

const shorten = (text: string) => (text.length > 40 ? `${text.slice(0, 39)}…` : text)

/** After these a word begins a condition: it is no alias. */
const BEFORE_CONDITION = new Set(['WHERE', 'HAVING', 'ON', 'AND', 'OR', 'NOT', 'WHEN'])

/**
 * Fails at the next token: what was expected, what was found. A word near one of `keywords` (here, or just before
 * where it was taken for an alias) is taken for a slip of the pen.
 */
export function fail(c: Cursor, expected: string, hint?: string, keywords: readonly string[] = []): never {
  const { token } = c
  if (token.kind === 'bad') return complain(c, token, token.text, token.hint)
  const before = c.tokens[c.index - 1]
  const twoBefore = c.tokens[c.index - 2]
  const isAlias =
    twoBefore &&
    (twoBefore.kind !== 'symbol' || twoBefore.key === ')') &&
    !BEFORE_CONDITION.has(twoBefore.key)
  for (const word of isAlias ? [token, before] : [token]) {
    const meant = word?.kind === 'word' && !word.key && nearest(word.text, keywords)
    if (meant) return complain(c, word, `${word.text} is not a word of ADQL`, `did you mean ${meant}?`)
  }
  return complain(
    c,
    token,
    `found ${describe(token)} where ${expected} was expected`,
    hint ?? MISPLACED[token.key],
  )
}

/** What to say of symbols that have a meaning elsewhere. */
const MISPLACED: Record<string, string> = {
  '..': 'a name has one dot between its parts: catalogue.schema.table',
  '&&': 'conditions are joined by AND',
}

export function expect(
  c: Cursor,
  key: string,
  expected: string,
  hint?: string,
  keywords?: readonly string[],
): Token {
  if (c.token.key !== key) fail(c, expected, hint, keywords)
  return advance(c)
}

/** Takes the `)` that belongs to `open`; without it, complains where the eye looks for the mistake. */
export function close(c: Cursor, open: Token, expected = 'a ) or an operator'): void {
  if (accept(c, ')')) return
  const { token } = c
  if (token.kind === 'end' || token.key === ';' || isClauseWord(token.key)) neverClosed(c, open)
  const before = c.tokens[c.index - 1]
  const value = isName(token) || token.kind === 'number' || token.kind === 'string'
  if (before?.kind === 'number' && /^(deg|degs|degrees?)$/i.test(token.text)) {
    const message = `angles are in degrees, and their unit is not written: ${token.text} is left out`
    note(c, 'repair', 'unit', message, token)
    advance(c)
    close(c, open, expected)
    return
  }
  const small = /^arc(min|sec)(ute|ond)?s?$/i.exec(token.text)
  if (before?.kind === 'number' && small) {
    const value = `${before.text}${before.text.includes('.') ? '' : '.'}/${/min/i.test(small[1]!) ? 60 : 3600}`
    fail(c, expected, `angles are in degrees: ${before.text} ${token.text} is ${value}`)
  }
  fail(
    c,
    expected,
    value && expected.includes('comma')
      ? `is a comma missing before ${c.text.slice(token.start, token.end)}?`
      : undefined,
  )
}

export function neverClosed(c: Cursor, open: Token): never {
  return complain(c, open, 'this ( is never closed', `a ) is missing before ${describe(c.token)}`)
}

/** Whether the next token can be a name: a regular or quoted identifier, or a reserved word that reads as one. */
export function isName(token: Token): boolean {
  return token.kind === 'delimited' || (token.kind === 'word' && (token.key === '' || isNameLike(token.key)))
}

/**
 * A name (ADQL 2.1 §2.1.5–7). A reserved word that can mean nothing else here is read as a name, with a note;
 * after a dot that holds for every word but those that begin a clause.
 */
export function identifier(
  c: Cursor,
  expected: string,
  place: 'anywhere' | 'afterDot' = 'anywhere',
  keywords?: readonly string[],
): Identifier {
  const { token } = c
  if (token.kind === 'word') {
    if (token.key !== '') {
      const readable =
        isNameLike(token.key) || (place === 'afterDot' && !(isClauseWord(token.key) && nextIsName(c)))
      if (!readable) {
        fail(
          c,
          expected,
          `${token.text} is a reserved word: as a name it stands in double quotes, "${token.text}"`,
        )
      }
      note(
        c,
        'repair',
        'reserved word',
        `${token.text} is a reserved word, read here as a name: write "${token.text}"`,
        token,
      )
    }
  } else if (token.kind === 'string') {
    fail(c, expected, 'names stand in double quotes, text in single ones')
  } else if (token.kind !== 'delimited') fail(c, expected, undefined, keywords)
  advance(c)
  return { text: token.text, delimited: token.kind === 'delimited', start: token.start, end: token.end }
}

const nextIsName = (c: Cursor) => isName(peek(c))

/** `<unsigned_decimal>`: a whole number without sign. */
export function unsignedDecimal(c: Cursor, expected: string, hint?: string): number {
  const { token } = c
  if (token.key === '-' || (token.kind === 'number' && !/^\d+$/.test(token.text)))
    complain(c, token, `${expected} is a whole number that is not negative`)
  if (token.kind !== 'number') fail(c, expected, hint)
  const value = Number(token.text)
  if (!Number.isSafeInteger(value)) complain(c, token, `${token.text} is too large`)
  advance(c)
  return value
}

/**
 * ADQL text to tokens (ADQL 2.1 §2.1). One pass over char codes. Nothing is thrown here: text that is no token
 * becomes a `bad` token with its complaint, so that the parser still reports whatever is wrong first.
 */
import type { Span } from './ast.ts'
import type { Note } from './notes.ts'
import { reservedWord } from './words.ts'

export interface Token extends Span {
  readonly kind: 'word' | 'delimited' | 'number' | 'string' | 'symbol' | 'bad' | 'end'
  /** A reserved word in upper case or a symbol; '' for names and literals. */
  readonly key: string
  /** A word or number as written; the content of a quoted name or text; what is wrong with a bad token. */
  readonly text: string
  /** What to write in place of a bad token. */
  readonly hint: string
}

const LETTER = 1
const DIGIT = 2
const UNDERSCORE = 4
const SPACE = 8
const NAME = LETTER | DIGIT | UNDERSCORE

const CLASS = new Uint8Array(128)
for (let code = 0; code < 128; code++) {
  const c = String.fromCharCode(code)
  if (/[A-Za-z]/.test(c)) CLASS[code] = LETTER
  else if (/[0-9]/.test(c)) CLASS[code] = DIGIT
  else if (c === '_') CLASS[code] = UNDERSCORE
  else if (/\s/.test(c)) CLASS[code] = SPACE
}

const is = (code: number, mask: number) => code < 128 && (CLASS[code]! & mask) !== 0

/** What people write from other languages, and the ADQL for it. */
const FOREIGN: readonly (readonly [symbol: string, hint: string])[] = [
  ['!&&', 'regions that do not overlap: 0 = INTERSECTS(a, b)'],
  ['!<@', 'not inside: 0 = CONTAINS(a, b)'],
  ['&&', 'conditions are joined by AND; regions that overlap: 1 = INTERSECTS(a, b)'],
  ['<@', 'inside: 1 = CONTAINS(a, b)'],
  ['@>', 'inside: 1 = CONTAINS(b, a)'],
  ['::', 'convert with CAST(value AS type)'],
  ['==', 'equality is a single ='],
  ['=>', 'greater or equal is written >='],
  ['=<', 'less or equal is written <='],
  ['<<', 'ADQL has no shift: multiply by POWER(2, n)'],
  ['>>', 'ADQL has no shift: divide by POWER(2, n)'],
  ['->', 'ADQL has no arrow operators'],
  ['**', 'powers are written POWER(x, y)'],
  ['..', 'two dots in a row: between catalogue and table stands the schema, catalogue.schema.table'],
  ['!~', 'text is matched by NOT LIKE, with % and _ as wildcards'],
  ['~*', 'text is matched by ILIKE, with % and _ as wildcards'],
  ['@', 'inside: 1 = CONTAINS(a, b)'],
  ['!', 'a condition is turned round by NOT'],
  [':', 'a query has no parameters: write the value itself'],
  ['?', 'a query has no parameters: write the value itself'],
  ['$', 'a query has no parameters: write the value itself'],
  ['\\', 'a quote inside text is doubled, and nothing else needs a backslash'],
  ['{', 'ADQL has no braces; is this a template with a value still to fill in?'],
  ['}', 'ADQL has no braces; is this a template with a value still to fill in?'],
  [']', 'names with special characters stand in double quotes: "name"'],
  ['#', 'comments begin with --'],
]

/** The symbols that begin with a character, longest first; a foreign one has a hint. */
const SYMBOLS: { readonly key: string; readonly hint: string | undefined }[][] = Array.from(
  { length: 128 },
  () => [],
)
for (const key of ['<>', '<=', '>=', '!=', '||', ...'()*+,-./;<=>|&^~%'])
  SYMBOLS[key.charCodeAt(0)]!.push({ key, hint: undefined })
for (const [key, hint] of FOREIGN) SYMBOLS[key.charCodeAt(0)]!.push({ key, hint })
for (const candidates of SYMBOLS) candidates.sort((a, b) => b.key.length - a.key.length)

/** Characters that word processors and web pages put in place of the ASCII ones. */
const LOOKALIKES: Record<string, string> = {
  '‘': "'",
  '’': "'",
  '‚': "'",
  '′': "'",
  '´': "'",
  '“': '"',
  '”': '"',
  '„': '"',
  '«': '"',
  '»': '"',
  '−': '-',
  '–': '-',
  '—': '-',
  '×': '*',
  '≤': '<=',
  '≥': '>=',
  '≠': '<>',
}

/** Splits a text into tokens; the last one is of kind `end`. Repairs and extensions that it finds go into `notes`. */
export function tokenize(text: string, notes: Note[]): Token[] {
  const tokens: Token[] = []
  const length = text.length
  let i = 0

  const bad = (start: number, end: number, message: string, hint = '') => {
    tokens.push({ kind: 'bad', key: '', text: message, hint, start, end })
    return end
  }
  const wordEnd = (from: number) => {
    let end = from
    while (end < length && is(text.charCodeAt(end), NAME)) end++
    return end
  }
  /** The end of a word in which a character is not allowed, such as `grégory` or `a$b`. */
  const oddEnd = (from: number) => from + /^[\p{L}\p{N}_$#]*/u.exec(text.slice(from, from + 200))![0].length
  const isOdd = (code: number) => code > 127 && /\p{L}/u.test(String.fromCharCode(code))

  while (i < length) {
    const code = text.charCodeAt(i)

    if (is(code, SPACE)) {
      i++
    } else if (is(code, LETTER)) {
      const end = wordEnd(i + 1)
      const next = text.charCodeAt(end)
      if (isOdd(next) || next === 36 || next === 35) {
        const odd = oddEnd(i)
        i = bad(
          i,
          odd,
          `the name ${text.slice(i, odd)} has a character that is not allowed in one`,
          quoted(text.slice(i, odd)),
        )
      } else {
        const word = text.slice(i, end)
        tokens.push({ kind: 'word', key: reservedWord(word), text: word, hint: '', start: i, end })
        i = end
      }
    } else if (is(code, DIGIT) || (code === 46 && is(text.charCodeAt(i + 1), DIGIT))) {
      i = number(i)
    } else if (code === 39) {
      const end = closing(text, i, "'")
      if (end < 0) {
        i = bad(
          i,
          length,
          "this text has no closing '",
          "text stands between two ' and a ' inside it is doubled",
        )
      } else {
        const content = text.slice(i + 1, end - 1)
        tokens.push({
          kind: 'string',
          key: '',
          text: content.includes("'") ? content.replaceAll("''", "'") : content,
          hint: '',
          start: i,
          end,
        })
        i = end
      }
    } else if (code === 34) {
      const end = closing(text, i, '"')
      if (end < 0) i = bad(i, length, 'this quoted name has no closing "', 'a name stands between two "')
      else if (end === i + 2) i = bad(i, end, 'this quoted name is empty', "empty text is written ''")
      else {
        tokens.push({
          kind: 'delimited',
          key: '',
          text: text.slice(i + 1, end - 1).replaceAll('""', '"'),
          hint: '',
          start: i,
          end,
        })
        i = end
      }
    } else if (code === 45 && text.charCodeAt(i + 1) === 45) {
      while (i < length && text.charCodeAt(i) !== 10 && text.charCodeAt(i) !== 13) i++
    } else if (code === 47 && text.charCodeAt(i + 1) === 42) {
      const end = text.indexOf('*/', i + 2)
      if (end < 0)
        i = bad(i, length, 'this comment has no closing */', 'comments begin with -- and end with the line')
      else {
        notes.push({
          kind: 'extension',
          name: '/* */',
          message: '/* */ is not an ADQL comment: comments begin with -- and end with the line',
          start: i,
          end: end + 2,
        })
        i = end + 2
      }
    } else i = symbol(i, code)
  }

  const last = tokens[tokens.length - 1]?.end ?? 0
  tokens.push({ kind: 'end', key: '', text: '', hint: '', start: last, end: last })
  return tokens

  /** Numbers of ADQL 2.1 §2.1.8, hexadecimal ones as an extension; returns the end. */
  function number(start: number): number {
    let end = start
    if (text.charCodeAt(start) === 48 && (text.charCodeAt(start + 1) | 32) === 120) {
      end = start + 2
      while (end < length && /[0-9A-Fa-f]/.test(text[end]!)) end++
      if (end > start + 2 && !is(text.charCodeAt(end), NAME)) {
        notes.push({
          kind: 'extension',
          name: 'hexadecimal',
          message: 'hexadecimal numbers are not in ADQL 2.1: write them in decimal',
          start,
          end,
        })
        tokens.push({ kind: 'number', key: '', text: text.slice(start, end), hint: '', start, end })
        return end
      }
      end = start
    }
    while (is(text.charCodeAt(end), DIGIT)) end++
    if (text.charCodeAt(end) === 46 && text.charCodeAt(end + 1) !== 46) {
      end++
      while (is(text.charCodeAt(end), DIGIT)) end++
    }
    if ((text.charCodeAt(end) | 32) === 101) {
      let digits = end + 1
      const sign = text.charCodeAt(digits)
      if (sign === 43 || sign === 45) digits++
      if (is(text.charCodeAt(digits), DIGIT)) {
        end = digits
        while (is(text.charCodeAt(end), DIGIT)) end++
      }
    }
    const next = text.charCodeAt(end)
    if (is(next, NAME) || isOdd(next)) {
      const glued = oddEnd(end)
      const word = text.slice(end, glued)
      const whole = text.slice(start, glued)
      if (!reservedWord(word)) {
        return bad(
          start,
          glued,
          `${whole} is neither a number nor a name`,
          `names begin with a letter; if this is a name: "${whole}"`,
        )
      }
      notes.push({
        kind: 'repair',
        name: 'space',
        message: `${whole} is read as ${text.slice(start, end)} ${word}: put a space between them`,
        start,
        end: glued,
      })
    }
    tokens.push({ kind: 'number', key: '', text: text.slice(start, end), hint: '', start, end })
    return end
  }

  function symbol(start: number, code: number): number {
    for (const { key, hint } of SYMBOLS[code] ?? []) {
      if (key.length > 1 && !text.startsWith(key, start)) continue
      const end = start + key.length
      if (hint !== undefined) return bad(start, end, `${key} is not ADQL`, hint)
      tokens.push({ kind: 'symbol', key, text: key, hint: '', start, end })
      return end
    }
    const char = String.fromCodePoint(text.codePointAt(start)!)
    if (code === 96 || code === 91) {
      const close = text.indexOf(code === 96 ? '`' : ']', start + 1)
      const end = close < 0 ? start + 1 : close + 1
      return bad(
        start,
        end,
        `${char} does not quote a name in ADQL`,
        quoted(text.slice(start + 1, close < 0 ? length : close)),
      )
    }
    if (/\s|\u200b|\u200c|\u200d|\u2060|\ufeff/u.test(char)) {
      const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
      notes.push({
        kind: 'repair',
        name: 'space',
        message: `the invisible character ${name} is read as a space`,
        start,
        end: start + 1,
      })
      return start + 1
    }
    if (code === 95) {
      const end = oddEnd(start)
      return bad(
        start,
        end,
        `the name ${text.slice(start, end)} begins with _`,
        quoted(text.slice(start, end)),
      )
    }
    if (isOdd(code)) {
      const end = oddEnd(start)
      return bad(
        start,
        end,
        `the name ${text.slice(start, end)} has a character that is not allowed in one`,
        quoted(text.slice(start, end)),
      )
    }
    const ascii = LOOKALIKES[char]
    return bad(start, start + char.length, `${char} is not ADQL`, ascii ? `write the plain ${ascii}` : '')
  }
}

const quoted = (name: string) => `names with special characters stand in double quotes: "${name}"`

/** The offset after the closing quote, or −1; a doubled quote is part of the content. */
function closing(text: string, open: number, quote: string): number {
  let at = text.indexOf(quote, open + 1)
  while (at >= 0 && text[at + 1] === quote) at = text.indexOf(quote, at + 2)
  return at < 0 ? -1 : at + 1
}

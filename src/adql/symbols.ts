/** The symbols of ADQL and its extensions, and those that people bring from other languages. */

interface Symbol {
  readonly key: string
  /** What to write instead of a foreign one. */
  readonly hint: string | undefined
}

/** Of pgSphere and MySQL, and read with a note: `&&`, `<@`; `..` leaves a schema out. */
const READ = ['&&', '!&&', '<@', '!<@', '@>', '..']

const OWN = ['<>', '<=', '>=', '!=', '||', ...'()*+,-./;<=>|&^~%', ...READ]

const FOREIGN: readonly (readonly [key: string, hint: string])[] = [
  ['@', 'inside: 1 = CONTAINS(a, b)'],
  ['::', 'convert with CAST(value AS type)'],
  ['==', 'equality is a single ='],
  ['=>', 'greater or equal is written >='],
  ['=<', 'less or equal is written <='],
  ['<<', 'there is no shift: multiply by POWER(2, n)'],
  ['>>', 'there is no shift: divide by POWER(2, n)'],
  ['->', 'there are no arrow operators'],
  ['**', 'powers are written POWER(x, y)'],
  ['!~', 'text is compared by NOT LIKE, with % and _ as wildcards'],
  ['~*', 'text is compared by ILIKE, with % and _ as wildcards'],
  ['!', 'a condition is turned round by NOT'],
  [':', 'a query has no parameters: write the value itself'],
  ['?', 'a query has no parameters: write the value itself'],
  ['$', 'a query has no parameters: write the value itself'],
  ['\\', "a ' inside text is doubled, and nothing needs a backslash"],
  ['{', 'is this a template with a value still to fill in?'],
  ['}', 'is this a template with a value still to fill in?'],
  [']', 'names with special characters stand in double quotes: "name"'],
  ['#', 'comments begin with --; tables that you send with a query are TAP_UPLOAD.name'],
]

const BY_CODE: Symbol[][] = Array.from({ length: 128 }, () => [])
for (const key of OWN) BY_CODE[key.charCodeAt(0)]!.push({ key, hint: undefined })
for (const [key, hint] of FOREIGN) BY_CODE[key.charCodeAt(0)]!.push({ key, hint })
for (const symbols of BY_CODE) symbols.sort((a, b) => b.key.length - a.key.length)

/** The longest symbol at an offset of a text. */
export function symbolAt(text: string, offset: number): Symbol | undefined {
  for (const symbol of BY_CODE[text.charCodeAt(offset)] ?? []) {
    if (symbol.key.length === 1 || text.startsWith(symbol.key, offset)) return symbol
  }
  return undefined
}

/** What word processors and web pages put in place of an ASCII character. */
const LOOKALIKES = [
  ["'", '‘’‚′´'],
  ['"', '“”„«»″'],
  ['-', '−–—'],
  ['*', '×·'],
  ['<=', '≤'],
  ['>=', '≥'],
  ['<>', '≠'],
] as const

/** The plain spelling of a typographic character. */
export function plainSpelling(char: string): string | undefined {
  return LOOKALIKES.find(([, lookalikes]) => lookalikes.includes(char))?.[0]
}

/** Header cards to write (FITS Standard 4.0 §4.1–4.2). */

const BLOCK = 2880

/** A card, or several where a string takes CONTINUE (§4.2.1.2) or a comment is long. What is not ASCII is spelled. */
export function card(keyword: string, value: string | number | bigint | boolean, comment = ''): string {
  const name = `${keyword.padEnd(8)}= `
  if (typeof value !== 'string') {
    const text = (typeof value === 'boolean' ? (value ? 'T' : 'F') : String(value)).padStart(20)
    return `${name}${text}${comment && ` / ${comment}`}`.slice(0, 80).padEnd(80)
  }
  const parts = split(printable(value).replaceAll("'", "''"), 67)
  return parts
    .map((part, i) => {
      const text = `'${i + 1 < parts.length ? `${part}&` : part.padEnd(8)}'`
      return `${i === 0 ? name : 'CONTINUE  '}${text}`.padEnd(80)
    })
    .join('')
}

/** HISTORY or COMMENT cards. */
export function commentary(keyword: 'HISTORY' | 'COMMENT', text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .flatMap(line => split(printable(line), 72))
    .map(line => `${keyword.padEnd(8)}${line}`.padEnd(80))
    .join('')
}

/** Cards as a header: END, filled up with blanks. */
export function header(cards: readonly string[]): Buffer {
  const text = `${cards.join('')}${'END'.padEnd(80)}`
  return Buffer.from(text.padEnd(Math.ceil(text.length / BLOCK) * BLOCK), 'latin1')
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

/** Pieces of at most `length`; a doubled quote is not torn. */
function split(text: string, length: number): string[] {
  const parts: string[] = []
  let rest = text
  while (rest.length > length) {
    const quotes = /'*$/.exec(rest.slice(0, length))![0].length
    const at = rest[length] === "'" && quotes % 2 === 1 ? length - 1 : length
    parts.push(rest.slice(0, at))
    rest = rest.slice(at)
  }
  return [...parts, rest]
}

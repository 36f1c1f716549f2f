/** Records of delimited text (RFC 4180), found in bytes: where each cell begins and ends, nothing is copied. */
import { ServiceError } from '../../error.ts'
import { type Feed, feedOf } from '../../votable/read/feed.ts'

/** The cells of one record; a cell in quotes without them. Overwritten by the next record. */
export interface Cells {
  count: number
  from: Int32Array
  to: Int32Array
  /** 1: was in quotes; 2: and has doubled quotes inside. */
  quoted: Uint8Array
}

export interface Dialect {
  /** Byte between cells; 0x20: any number of blanks. */
  readonly delimiter: number
  /** Quotes hold delimiters and line ends; otherwise a cell may have them around it, within the line. */
  readonly multiline: boolean
}

export const INCOMPLETE = -1

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const BLANK = 0x20

export function newCells(): Cells {
  return { count: 0, from: new Int32Array(64), to: new Int32Array(64), quoted: new Uint8Array(64) }
}

/** Finds the record at `p`; returns the offset after its line end, or INCOMPLETE. */
export function scanRecord(data: Buffer, p: number, atEnd: boolean, dialect: Dialect, cells: Cells): number {
  const { delimiter, multiline } = dialect
  const end = data.length
  cells.count = 0
  for (;;) {
    while (p < end && data[p] === BLANK) p++
    if (p < end && data[p] === QUOTE) {
      const close = multiline
        ? closingQuote(data, p, atEnd, delimiter)
        : quoteBeforeDelimiter(data, p, delimiter)
      if (close === INCOMPLETE) return INCOMPLETE
      if (close > 0) {
        add(cells, p + 1, close, doubled(data, p + 1, close) ? 2 : 1)
        p = close + 1
        while (p < end && data[p] === BLANK && delimiter !== BLANK) p++
        if (p >= end && !atEnd) return INCOMPLETE
        if (p >= end) return end
        if (data[p] === delimiter) {
          p++
          continue
        }
        return afterLineEnd(data, p, atEnd)
      }
    }
    const from = p
    while (p < end && data[p] !== delimiter && data[p] !== LF && data[p] !== CR) p++
    if (p >= end && !atEnd) return INCOMPLETE
    let to = p
    while (to > from && data[to - 1] === BLANK) to--
    // Blanks at the end of a line delimit nothing.
    if (!(delimiter === BLANK && to === from && (p >= end || data[p] !== BLANK))) add(cells, from, to, 0)
    if (p >= end) return end
    if (data[p] === delimiter) {
      p++
      continue
    }
    return afterLineEnd(data, p, atEnd)
  }
}

function afterLineEnd(data: Buffer, p: number, atEnd: boolean): number {
  if (data[p] === LF) return p + 1
  if (p + 1 >= data.length) return atEnd ? p + 1 : INCOMPLETE
  return data[p + 1] === LF ? p + 2 : p + 1
}

/** Offset of the quote that ends the cell which begins with one at `p`. */
function closingQuote(data: Buffer, p: number, atEnd: boolean, delimiter: number): number {
  for (let q = p + 1; ; q++) {
    q = data.indexOf(QUOTE, q)
    if (q < 0) {
      if (atEnd) throw new ServiceError('usage', `a quote is opened and never closed: ${excerpt(data, p)}`)
      return INCOMPLETE
    }
    if (q + 1 >= data.length) return atEnd ? q : INCOMPLETE
    if (data[q + 1] !== QUOTE) {
      let next = q + 1
      while (data[next] === BLANK && delimiter !== BLANK) next++
      const byte = data[next]
      if (next < data.length && byte !== delimiter && byte !== LF && byte !== CR) {
        throw new ServiceError('usage', `text goes on after a closing quote: ${excerpt(data, p)}`)
      }
      return q
    }
    q++
  }
}

/** The same within a line, where the quotes are only that if they are around the whole cell; 0 otherwise. */
function quoteBeforeDelimiter(data: Buffer, p: number, delimiter: number): number {
  let q = p + 1
  while (q < data.length && data[q] !== delimiter && data[q] !== LF && data[q] !== CR) q++
  if (q >= data.length) return INCOMPLETE
  return q - 1 > p && data[q - 1] === QUOTE ? q - 1 : 0
}

function doubled(data: Buffer, from: number, to: number): boolean {
  const q = data.indexOf(QUOTE, from)
  return q >= 0 && q < to
}

function excerpt(data: Buffer, p: number): string {
  return JSON.stringify(data.toString('utf8', p, Math.min(data.length, p + 40)))
}

function add(cells: Cells, from: number, to: number, quoted: number): void {
  const { count } = cells
  if (count === cells.from.length) {
    const grown = <T extends Int32Array | Uint8Array>(old: T, larger: T): T => {
      larger.set(old)
      return larger
    }
    cells.from = grown(cells.from, new Int32Array(2 * count))
    cells.to = grown(cells.to, new Int32Array(2 * count))
    cells.quoted = grown(cells.quoted, new Uint8Array(2 * count))
  }
  cells.from[count] = from
  cells.to[count] = to
  cells.quoted[count] = quoted
  cells.count = count + 1
}

/** The text of a cell. */
export function cellText(data: Buffer, { from, to, quoted }: Cells, i: number): string {
  const text = data.toString('utf8', from[i], to[i])
  return quoted[i] === 2 ? text.replaceAll('""', '"') : text
}

/** Bytes that one record may take. */
const MOST_RECORD = 64 * 1024 * 1024

/**
 * Calls back with each record of a text, comment lines and blank lines left out; the callback returns true for a
 * pause, in which the generator yields.
 */
export async function* eachRecord(
  chunks: AsyncIterable<Buffer>,
  dialect: Dialect,
  isComment: (data: Buffer, p: number) => boolean,
  take: (data: Buffer, cells: Cells, record: number) => boolean,
): AsyncGenerator<void> {
  const feed: Feed = feedOf(chunks)
  const cells = newCells()
  let record = 0
  let atEnd = false
  for (;;) {
    const { data, at } = feed
    let next = INCOMPLETE
    if (at < data.length) {
      try {
        next = isComment(data, at) ? skipLine(data, at, atEnd) : scanRecord(data, at, atEnd, dialect, cells)
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error
        throw new ServiceError(error.code, `record ${record + 1}: ${error.message}`, { cause: error })
      }
    } else if (atEnd) return
    if (next === INCOMPLETE) {
      if (data.length - at > MOST_RECORD) {
        throw new ServiceError('tooLarge', `record ${record + 1} has more than ${MOST_RECORD} bytes`)
      }
      if (!(await feed.more())) atEnd = true
      continue
    }
    feed.at = next
    const isBlank =
      cells.count === 0 || (cells.count === 1 && cells.from[0] === cells.to[0] && cells.quoted[0] === 0)
    if (isComment(data, at) || isBlank) continue
    record++
    if (take(data, cells, record)) yield
  }
}

function skipLine(data: Buffer, p: number, atEnd: boolean): number {
  for (let q = p; q < data.length; q++) {
    if (data[q] === LF || data[q] === CR) return afterLineEnd(data, q, atEnd)
  }
  return atEnd ? data.length : INCOMPLETE
}

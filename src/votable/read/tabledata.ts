/**
 * The rows of TABLEDATA (VOTable 1.5 §5.1) straight from bytes: the XML parser that reads the rest of the document
 * takes 10 µs for a row, this takes one. It knows what XML allows between TABLEDATA's tags: attributes, comments,
 * CDATA, references to characters; and stops at anything else.
 */
import { ServiceError } from '../../error.ts'
import { beginRow, markBad, putNull, type Tuples } from '../tuple.ts'
import type { BinaryCell } from './binary-cell.ts'
import type { TextCell } from './text-cell.ts'

/** The row is not all there. */
export const INCOMPLETE = -1
/** The tag at hand ends the table. */
export const END = -2

const LESS = 0x3c
const GREATER = 0x3e
const SLASH = 0x2f
const AMPERSAND = 0x26
const BANG = 0x21
const QUESTION = 0x3f

export interface RowParser {
  /** Appends the row that begins at or after `p`; returns the offset after it, INCOMPLETE or END. */
  readonly row: (data: Buffer, p: number, tuples: Tuples) => number
  /** Where the tag begins after which `row` gave END. */
  readonly endAt: () => number
}

/** `binary[i]` reads a TD with encoding="base64". Rows are counted for messages. */
export function tabledataParser(cells: readonly TextCell[], binary: readonly BinaryCell[]): RowParser {
  let rows = 0
  let endAt = 0
  let content = { from: 0, to: 0, data: Buffer.alloc(0) as Buffer }

  const row = (data: Buffer, begin: number, t: Tuples): number => {
    const [mark, count] = [t.at, t.count]
    let p = tagAfterBlanks(data, begin, 'between rows')
    if (p < 0) return p
    if (data[p + 1] === SLASH) {
      endAt = p
      return END
    }
    const name = tagEnd(data, p)
    if (name.end < 0) return INCOMPLETE
    requireTag(name.name, 'TR')
    p = name.end
    beginRow(t, cells.length)
    let found = 0
    while (!name.empty) {
      p = tagAfterBlanks(data, p, 'between the cells')
      if (p < 0) return backTo(t, mark, count)
      const tag = tagEnd(data, p)
      if (tag.end < 0) return backTo(t, mark, count)
      if (tag.closing) {
        requireTag(tag.name, 'TR')
        p = tag.end
        break
      }
      requireTag(tag.name, 'TD')
      if (tag.empty) {
        if (found < cells.length) putNull(t)
        p = tag.end
      } else {
        const base64 =
          tag.end - tag.start > 8 &&
          /encoding\s*=\s*["']base64/.test(data.toString('latin1', tag.start, tag.end))
        p = readContent(data, tag.end)
        if (p < 0) return backTo(t, mark, count)
        if (found < cells.length) {
          if (base64) putBase64(binary[found]!, t)
          else cells[found]!(content.data, content.from, content.to, t)
        }
      }
      found++
    }
    rows++
    if (found !== cells.length) {
      markBad(t, `${found} cells, not ${cells.length}`)
      for (let i = found; i < cells.length; i++) putNull(t)
    }
    return p
  }

  /** Sets `content` to the text up to `</TD>`; returns the offset after that. */
  const readContent = (data: Buffer, from: number): number => {
    const less = data.indexOf(LESS, from)
    if (less < 0) return INCOMPLETE
    if (data[less + 1] === BANG || data[less + 1] === QUESTION) return readMixed(data, from)
    const close = tagEnd(data, less)
    if (close.end < 0) return INCOMPLETE
    if (!close.closing) throw xmlError(`<${close.name}> within <TD>`)
    requireTag(close.name, 'TD')
    if (hasReference(data, from, less)) {
      const text = Buffer.from(unescaped(data.toString('utf8', from, less)))
      content = { data: text, from: 0, to: text.length }
    } else {
      content.data = data
      content.from = from
      content.to = less
    }
    return close.end
  }

  /** Content with CDATA sections, comments or processing instructions. */
  const readMixed = (data: Buffer, from: number): number => {
    let text = ''
    let p = from
    for (;;) {
      const less = data.indexOf(LESS, p)
      if (less < 0 || less + 9 > data.length) return INCOMPLETE
      text += unescaped(data.toString('utf8', p, less))
      if (data[less + 1] !== BANG && data[less + 1] !== QUESTION) {
        const close = tagEnd(data, less)
        if (close.end < 0) return INCOMPLETE
        if (!close.closing) throw xmlError(`<${close.name}> within <TD>`)
        requireTag(close.name, 'TD')
        const bytes = Buffer.from(text)
        content = { data: bytes, from: 0, to: bytes.length }
        return close.end
      }
      if (data.toString('latin1', less, less + 9) === '<![CDATA[') {
        const end = data.indexOf(']]>', less + 9)
        if (end < 0) return INCOMPLETE
        text += data.toString('utf8', less + 9, end)
        p = end + 3
      } else {
        p = skipOther(data, less)
        if (p < 0) return INCOMPLETE
      }
    }
  }

  const putBase64 = (cell: BinaryCell, t: Tuples): void => {
    const bytes = Buffer.from(content.data.toString('latin1', content.from, content.to), 'base64')
    if (cell.end(bytes, 0, bytes.length) === bytes.length) cell.put(bytes, 0, bytes.length, t)
    else {
      markBad(t, 'a cell in base64 has the wrong length')
      putNull(t)
    }
  }

  const requireTag = (name: string, wanted: string): void => {
    if (name !== wanted) throw xmlError(`<${name}> where <${wanted}> must be`)
  }

  const xmlError = (what: string) => new ServiceError('usage', `TABLEDATA, row ${rows + 1}: ${what}`)

  /** Offset of the next tag; only blanks, comments and processing instructions may come before it. */
  const tagAfterBlanks = (data: Buffer, p: number, where: string): number => {
    for (;;) {
      while (data[p]! <= 0x20) p++
      if (p >= data.length) return INCOMPLETE
      if (data[p] !== LESS) throw xmlError(`text ${where}`)
      if (p + 1 >= data.length) return INCOMPLETE
      if (data[p + 1] !== BANG && data[p + 1] !== QUESTION) return p
      p = skipOther(data, p)
      if (p < 0) return p
    }
  }

  /** The offset after a comment or processing instruction. */
  const skipOther = (data: Buffer, p: number): number => {
    if (p + 4 > data.length) return INCOMPLETE
    const isComment = data.toString('latin1', p, p + 4) === '<!--'
    if (!isComment && data[p + 1] !== QUESTION)
      throw xmlError(`'${data.toString('latin1', p, p + 9)}' within the table`)
    const end = data.indexOf(isComment ? '-->' : '?>', p + 2)
    return end < 0 ? INCOMPLETE : end + (isComment ? 3 : 2)
  }

  return { row, endAt: () => endAt }
}

function hasReference(data: Buffer, from: number, to: number): boolean {
  for (let p = from; p < to; p++) if (data[p] === AMPERSAND) return true
  return false
}

/** Forgets what was appended of a row. */
function backTo(t: Tuples, at: number, count: number): number {
  t.at = at
  t.count = count
  t.bad.delete(count)
  return INCOMPLETE
}

interface Tag {
  /** Without a prefix. */
  readonly name: string
  /** Where its attributes begin. */
  readonly start: number
  /** Offset after `>`; negative when that is not there yet. */
  readonly end: number
  readonly closing: boolean
  readonly empty: boolean
}

const NOT_THERE: Tag = { name: '', start: 0, end: INCOMPLETE, closing: false, empty: false }
/** The tag found last, where it is one of what nearly all are; a new object for each takes twice the time. */
const plainTag = { name: '', start: 0, end: 0, closing: false, empty: false }

/** The tag that begins with the `<` at `p`; quoted attributes may hold `>`. */
function tagEnd(data: Buffer, p: number): Tag {
  const closing = data[p + 1] === SLASH
  const nameAt = closing ? p + 2 : p + 1
  // What nearly all are: <TD>, <TR>, </TD>, </TR>.
  if (data[nameAt] === 0x54 && data[nameAt + 2] === GREATER) {
    const letter = data[nameAt + 1]
    if (letter === 0x44 || letter === 0x52) {
      plainTag.name = letter === 0x44 ? 'TD' : 'TR'
      plainTag.start = nameAt + 2
      plainTag.end = nameAt + 3
      plainTag.closing = closing
      return plainTag
    }
  }
  let q = nameAt
  while (q < data.length && data[q]! > 0x20 && data[q] !== GREATER && data[q] !== SLASH) q++
  const name = data.toString('latin1', nameAt, q).replace(/^.*:/, '')
  const start = q
  for (let quote = 0; q < data.length; q++) {
    const byte = data[q]!
    if (quote !== 0) {
      if (byte === quote) quote = 0
    } else if (byte === 0x22 || byte === 0x27) quote = byte
    else if (byte === GREATER) {
      return { name, start, end: q + 1, closing, empty: !closing && data[q - 1] === SLASH }
    }
  }
  return NOT_THERE
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Text with its references resolved: the five of XML and those to characters. There are no others. */
function unescaped(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&]{0,12};?)/g, (whole, reference: string) => {
    const name = reference.endsWith(';') ? reference.slice(0, -1) : ''
    const entity = ENTITIES[name]
    if (entity !== undefined) return entity
    const number = /^#(?:x([0-9a-f]+)|(\d+))$/i.exec(name)
    const code = number ? Number.parseInt(number[1] ?? number[2]!, number[1] ? 16 : 10) : Number.NaN
    if (!(code <= 0x10ffff) || code === 0) {
      throw new ServiceError('usage', `TABLEDATA: '${whole}' is no reference that XML has`)
    }
    return String.fromCodePoint(code)
  })
}

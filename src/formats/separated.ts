/**
 * CSV as RFC 4180 has it, and TSV. Values are spelled as in VOTable TABLEDATA, booleans `true` and `false`.
 *
 * CSV tells NULL (nothing) from an empty string (`""`), and quotes strings with blanks at an end, which readers trim.
 * TSV has no quotes: tab, line feed and carriage return within a string are spelled `\t`, `\n`, `\r`, and a backslash
 * stays as it is, so that every other string reads as it is with any reader.
 */
import { ServiceError } from '../error.ts'
import type { CellEncoder } from '../votable/binary-cell.ts'
import { encodeRows } from '../votable/encode.ts'
import type { Field } from '../votable/field.ts'
import type { Outcome, RowSource } from '../votable/row.ts'
import { VOTABLE } from '../votable/tabledata.ts'
import type { Spelling } from '../votable/text-cell.ts'
import { textRowEncoder } from '../votable/text-row.ts'
import type { Writer } from './writer.ts'

export function csvWriter(header: boolean): Writer {
  return separatedWriter(',', '\r\n', csvText, header)
}

export function tsvWriter(header: boolean): Writer {
  return separatedWriter('\t', '\n', tsvText, header)
}

function separatedWriter(separator: string, lineEnd: string, string: CellEncoder, header: boolean): Writer {
  const spelling: Spelling = { ...VOTABLE, true: Buffer.from('true'), false: Buffer.from('false'), string }
  async function* write(source: RowSource): AsyncGenerator<Uint8Array, void> {
    if (header) yield Buffer.from(names(source.fields, string).join(separator) + lineEnd)
    const before = (i: number) => (i === 0 ? '' : separator)
    yield* encodeRows(
      source,
      textRowEncoder(source.fields, spelling, { before, after: lineEnd, nothing: () => '' }),
    )
    throwFailure(source.outcome)
  }
  return { wire: 'text', saysOverflow: false, write }
}

function names(fields: readonly Field[], string: CellEncoder): string[] {
  return fields.map(({ name }) => {
    const text = Buffer.from(name)
    const out = Buffer.alloc(2 * text.length + 2)
    return out.toString('utf8', 0, string(text, 0, text.length, out, 0))
  })
}

/** Ends a body that cannot say it is incomplete. */
export function throwFailure(outcome: Outcome): void {
  if (outcome.error === undefined) return
  throw outcome.cause instanceof Error ? outcome.cause : new ServiceError('internal', outcome.error)
}

const QUOTE = 0x22

/** Quoted when it is empty, holds a quote, a comma or a line end, or has a blank at an end. */
const csvText: CellEncoder = (data, p, length, out, o) => {
  const end = p + length
  let quoted = length === 0 || data[p]! === 0x20 || data[end - 1]! === 0x20
  if (!quoted) {
    let n = o
    let q = p
    for (; q < end; q++) {
      const byte = data[q]!
      if (byte === QUOTE || byte === 0x2c || byte === 0x0a || byte === 0x0d) {
        quoted = true
        break
      }
      out[n++] = byte
    }
    if (!quoted) return n
  }
  out[o++] = QUOTE
  for (; p < end; p++) {
    const byte = data[p]!
    if (byte === QUOTE) out[o++] = QUOTE
    out[o++] = byte
  }
  out[o++] = QUOTE
  return o
}

const ESCAPES: Record<number, number> = { 9: 0x74, 10: 0x6e, 13: 0x72 }

/** A string on one line, without tabs. */
export const tsvText: CellEncoder = (data, p, length, out, o) => {
  for (const end = p + length; p < end; p++) {
    const byte = data[p]!
    const letter = byte < 14 ? ESCAPES[byte] : undefined
    if (letter === undefined) out[o++] = byte
    else {
      out[o++] = 0x5c
      out[o++] = letter
    }
  }
  return o
}

/** Rows of a text format: something before each cell, something after the last. PostgreSQL's text output in. */
import type { RowEncoder } from './encode.ts'
import { cellLength, openRow } from './encode.ts'
import type { Field } from './field.ts'
import type { Spelling } from './text-cell.ts'
import { numberCell, put, textCell, textGrowth } from './text-cell.ts'

export interface Framing {
  /** What stands before the cell of column i. */
  readonly before: (column: number) => string
  readonly after: string
  /** NULL in the cell of column i. */
  readonly nothing: (column: number) => string
}

export function textRowEncoder(fields: readonly Field[], spelling: Spelling, framing: Framing): RowEncoder {
  const columns = fields.length
  const before = fields.map((_, i) => Buffer.from(framing.before(i)))
  const after = Buffer.from(framing.after)
  const nothings = fields.map((_, i) => Buffer.from(framing.nothing(i)))
  const cells = fields.map(field => textCell(field, spelling))
  const number = numberCell(spelling)

  const encode = (data: Buffer, start: number, out: Buffer, o: number): number => {
    let p = openRow(data, start, columns)
    for (let c = 0; c < columns; c++) {
      o = put(before[c]!, out, o)
      const length = cellLength(data, p)
      p += 4
      if (length < 0) {
        o = put(nothings[c]!, out, o)
        continue
      }
      const cell = cells[c]
      o = cell === undefined ? number(data, p, length, out, o) : cell(data, p, length, out, o)
      p += length
    }
    return put(after, out, o)
  }

  const { open, close } = spelling.list
  const frame = Math.max(...nothings.map(bytes => bytes.length)) + open.length + close.length + 2
  return {
    encode,
    growth: Math.max(6, ...fields.map(textGrowth)),
    fixed: after.length + before.reduce((sum, bytes) => sum + bytes.length + frame, 0),
  }
}

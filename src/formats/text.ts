/**
 * Columns in plain text, for a person with a terminal: numbers to the right, strings to the left, tabs and line ends
 * spelled as in TSV. The first batch decides how wide a column is; a longer value pushes the rest of its line.
 */
import { cellLength, encodeRows, openRow, type RowEncoder } from '../votable/encode.ts'
import type { Field } from '../votable/field.ts'
import { isString } from '../votable/field.ts'
import type { RowBatch, RowSource } from '../votable/row.ts'
import { VOTABLE } from '../votable/tabledata.ts'
import type { Spelling } from '../votable/text-cell.ts'
import { numberCell, textCell, textGrowth } from '../votable/text-cell.ts'
import { tsvText } from './separated.ts'
import type { Writer } from './writer.ts'

const SPELLING: Spelling = {
  ...VOTABLE,
  true: Buffer.from('true'),
  false: Buffer.from('false'),
  string: tsvText,
}
const WIDEST = 60

async function* writeText(source: RowSource): AsyncGenerator<Uint8Array, void> {
  const { fields, outcome } = source
  const widths = fields.map(field => field.name.length)
  const encoder = alignedRows(fields, widths)
  let begun = false
  for await (const rows of encodeRows({ ...source, batches: measured(source.batches, widths) }, encoder)) {
    if (!begun) yield heading(fields, widths)
    begun = true
    yield rows
  }
  if (!begun) yield heading(fields, widths)
  if (outcome.error !== undefined) yield Buffer.from(`\nERROR, the rows are incomplete: ${outcome.error}\n`)
  else if (outcome.overflow) yield Buffer.from(`\nOVERFLOW: ${outcome.rows} rows are here, there are more.\n`)
}

function heading(fields: readonly Field[], widths: readonly number[]): Buffer {
  const names = fields.map(({ name, ...field }, i) =>
    isNumber(field) ? name.padStart(widths[i]!) : name.padEnd(widths[i]!),
  )
  const rules = widths.map(width => '-'.repeat(width))
  return Buffer.from(`${names.join('  ').trimEnd()}\n${rules.join('  ')}\n`)
}

function isNumber(field: Pick<Field, 'datatype' | 'arraysize'>): boolean {
  return !isString(field) && field.datatype !== 'boolean' && field.arraysize === undefined
}

/** Sets `widths` by the first batch before it passes on; bytes are counted for characters. */
async function* measured(batches: AsyncIterable<RowBatch>, widths: number[]): AsyncGenerator<RowBatch> {
  let first = true
  for await (const batch of batches) {
    if (first) {
      for (const start of batch.starts.subarray(0, batch.count)) {
        let p = openRow(batch.data, start, widths.length)
        for (let c = 0; c < widths.length; c++) {
          const length = Math.max(0, cellLength(batch.data, p))
          widths[c] = Math.min(WIDEST, Math.max(widths[c]!, length))
          p += 4 + length
        }
      }
    }
    first = false
    yield batch
  }
}

function alignedRows(fields: readonly Field[], widths: readonly number[]): RowEncoder {
  const cells = fields.map(field => textCell(field, SPELLING) ?? numberCell(SPELLING))
  const toRight = fields.map(isNumber)
  const encode = (data: Buffer, start: number, out: Buffer, o: number): number => {
    let p = openRow(data, start, cells.length)
    for (let c = 0; c < cells.length; c++) {
      const length = cellLength(data, p)
      p += 4
      const end = length < 0 ? o : cells[c]!(data, p, length, out, o)
      p += Math.max(0, length)
      const missing = Math.max(0, widths[c]! - characters(out, o, end))
      if (toRight[c]) out.copyWithin(o + missing, o, end)
      out.fill(0x20, toRight[c] ? o : end, toRight[c] ? o + missing : end + missing)
      o = end + missing
      if (c + 1 < cells.length) o += out.write('  ', o, 'latin1')
    }
    while (o > 0 && out[o - 1] === 0x20) o--
    out[o++] = 0x0a
    return o
  }
  return {
    encode,
    growth: Math.max(6, ...fields.map(textGrowth)),
    fixed: fields.reduce((sum, { name }) => sum + Math.max(WIDEST, name.length) + 4, 1),
  }
}

function characters(out: Buffer, from: number, to: number): number {
  let count = 0
  for (; from < to; from++) if ((out[from]! & 0xc0) !== 0x80) count++
  return count
}

export const textWriter: Writer = { wire: 'text', saysOverflow: true, write: writeText }

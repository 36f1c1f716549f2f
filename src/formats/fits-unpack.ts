/** Rows of a FITS table back into PostgreSQL's, for columns that are no arrays and not in the heap. */
import { wireType } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'
import {
  batchOf,
  beginRow,
  newTuples,
  putBoolean,
  putBytes,
  putInt16,
  putNull,
  type Tuples,
} from '../votable/tuple.ts'
import type { FitsColumn } from './fits-column.ts'

export function fitsBatch(bytes: Buffer, columns: readonly FitsColumn[]): RowBatch {
  const widths = columns.map(column => column.cell.filler.length)
  const puts = columns.map(putCell)
  const rowBytes = widths.reduce((sum, width) => sum + width, 0)
  const tuples = newTuples(2 * bytes.length, bytes.length / rowBytes)
  for (let p = 0; p < bytes.length; ) {
    beginRow(tuples, columns.length)
    for (let c = 0; c < columns.length; c++) {
      puts[c]!(tuples, bytes.subarray(p, p + widths[c]!))
      p += widths[c]!
    }
  }
  return batchOf(tuples)
}

/** What FITS says of NULL comes back as NULL, but for the NaN of floats, which is written as it was. */
function putCell({ field, form, nullValue, cell }: FitsColumn): (tuples: Tuples, value: Buffer) => void {
  switch (wireType(field)) {
    case 'text':
      return (tuples, value) => {
        const end = value.indexOf(0)
        putBytes(tuples, end < 0 ? value : value.subarray(0, end))
      }
    case 'bool':
      return (tuples, value) => (value[0] === 0 ? putNull(tuples) : putBoolean(tuples, value[0] === 0x54))
    default:
      return (tuples, value) => {
        if (nullValue !== undefined && value.equals(cell.filler)) putNull(tuples)
        else if (form === '1B') putInt16(tuples, value[0]!)
        else putBytes(tuples, value)
      }
  }
}

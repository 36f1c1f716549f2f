/** Rows that are made here and not in PostgreSQL, in the form that writers take. */
import type { Field } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'
import { batchOf, beginRow, newTuples, putBytes, putNull } from '../votable/tuple.ts'

export type Cell = string | number | bigint | boolean | null | undefined

/** Numbers, texts and booleans; NaN of a floating-point column stays NaN. */
export function rowBatch(
  fields: readonly Field[],
  rows: readonly (readonly Cell[])[],
  wire: 'binary' | 'text',
): RowBatch {
  const tuples = newTuples(4096, rows.length)
  for (const row of rows) {
    beginRow(tuples, fields.length)
    fields.forEach((field, i) => {
      const cell = row[i]
      if (cell === null || cell === undefined) putNull(tuples)
      else putBytes(tuples, wire === 'text' ? Buffer.from(textOf(cell)) : bytesOf(field, cell))
    })
  }
  return batchOf(tuples)
}

function textOf(cell: string | number | bigint | boolean): string {
  return typeof cell === 'boolean' ? (cell ? 't' : 'f') : String(cell)
}

function bytesOf(field: Field, cell: string | number | bigint | boolean): Buffer {
  const type = wireType(field)
  const bytes = Buffer.alloc(8)
  switch (type) {
    case 'int8':
      bytes.writeBigInt64BE(BigInt(cell))
      return bytes
    case 'int4':
      bytes.writeInt32BE(Number(cell))
      return bytes.subarray(0, 4)
    case 'int2':
      bytes.writeInt16BE(Number(cell))
      return bytes.subarray(0, 2)
    case 'float4':
      bytes.writeFloatBE(Number(cell))
      return bytes.subarray(0, 4)
    case 'float8':
      bytes.writeDoubleBE(Number(cell))
      return bytes
    case 'bool':
      return Buffer.from([cell ? 1 : 0])
    case 'text':
      return Buffer.from(String(cell))
    default:
      throw new Error(`rows of ${type} are not made here`)
  }
}

/** Rows in PostgreSQL's binary form as values. */
import type { Cell } from '../datalink/rows.ts'
import type { Field } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'

/** Numbers, texts and booleans of each row; null for NULL, and undefined for arrays. */
export function* cellsOf(
  { data, starts, count }: RowBatch,
  fields: readonly Field[],
): Generator<readonly Cell[]> {
  const types = fields.map(wireType)
  for (let row = 0; row < count; row++) {
    let p = starts[row]! + 2
    yield types.map(type => {
      const length = data.readInt32BE(p)
      const at = p + 4
      p = at + Math.max(0, length)
      if (length < 0) return null
      switch (type) {
        case 'bool':
          return data[at] !== 0
        case 'int2':
          return data.readInt16BE(at)
        case 'int4':
          return data.readInt32BE(at)
        case 'int8':
          return data.readBigInt64BE(at)
        case 'float4':
          return data.readFloatBE(at)
        case 'float8':
          return data.readDoubleBE(at)
        case 'text':
          return data.toString('utf8', at, p)
        default:
          return undefined
      }
    })
  }
}

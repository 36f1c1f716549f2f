/** Rows in PostgreSQL's binary form to its text form, for the writers that take text (votable/row.ts). */
import type { Field } from '../votable/field.ts'
import { type WireType, wireType } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'

type CellText = (data: Buffer, p: number, length: number) => string

/** Gives a function that turns batches of these columns. `respelled` columns have `\uXXXX` for what is not ASCII. */
export function binaryToText(
  fields: readonly Field[],
  respelled: ReadonlySet<string> = new Set(),
): (batch: RowBatch) => RowBatch {
  const cells = fields.map(field => {
    const text = cellText(wireType(field))
    return field.datatype === 'char' && respelled.has(field.name) ? unspelled(text) : text
  })
  return batch => {
    const pieces: Buffer[] = []
    const starts = new Int32Array(batch.count)
    let at = 0
    const push = (bytes: Buffer) => {
      pieces.push(bytes)
      at += bytes.length
    }
    for (let row = 0; row < batch.count; row++) {
      let p = batch.starts[row]!
      starts[row] = at
      push(batch.data.subarray(p, p + 2))
      p += 2
      for (const cell of cells) {
        const length = batch.data.readInt32BE(p)
        if (length < 0) push(batch.data.subarray(p, p + 4))
        else {
          const text = Buffer.from(cell(batch.data, p + 4, length))
          const size = Buffer.allocUnsafe(4)
          size.writeInt32BE(text.length)
          push(size)
          push(text)
        }
        p += 4 + Math.max(0, length)
      }
    }
    return { data: Buffer.concat(pieces, at), starts, count: batch.count }
  }
}

function cellText(type: WireType): CellText {
  if (type.endsWith('[]')) return arrayText(cellText(type.slice(0, -2) as WireType), type === 'text[]')
  switch (type) {
    case 'bool':
      return (data, p) => (data[p] === 1 ? 't' : 'f')
    case 'int2':
      return (data, p) => String(data.readInt16BE(p))
    case 'int4':
      return (data, p) => String(data.readInt32BE(p))
    case 'int8':
      return (data, p) => String(data.readBigInt64BE(p))
    case 'float4':
      return (data, p) => float4Text(data.readFloatBE(p))
    case 'float8':
      return (data, p) => float8Text(data.readDoubleBE(p))
    case 'bytea':
      return (data, p, length) => `\\x${data.toString('hex', p, p + length)}`
    default:
      return (data, p, length) => data.toString('utf8', p, p + length)
  }
}

function float8Text(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** The fewest digits that read back to the same 32 bits. */
function float4Text(value: number): string {
  if (!Number.isFinite(value) || value === 0) return float8Text(value)
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return String(Number(text))
  }
  return String(Number(value.toPrecision(9)))
}

/** `{1,2,NULL}`, `{{1,2},{3,4}}`: PostgreSQL 15 §8.15.6. In: dimensions, flag, element type, sizes, elements. */
function arrayText(element: CellText, isQuoted: boolean): CellText {
  return (data, p) => {
    const dimensions = data.readInt32BE(p)
    if (dimensions === 0) return '{}'
    const sizes = Array.from({ length: dimensions }, (_, i) => data.readInt32BE(p + 12 + 8 * i))
    let at = p + 12 + 8 * dimensions
    const next = (): string => {
      const length = data.readInt32BE(at)
      at += 4
      if (length < 0) return 'NULL'
      const text = element(data, at, length)
      at += length
      return isQuoted ? `"${text.replace(/["\\]/g, '\\$&')}"` : text
    }
    const nested = (level: number): string =>
      `{${Array.from({ length: sizes[level]! }, () => (level === dimensions - 1 ? next() : nested(level + 1))).join(',')}}`
    return nested(0)
  }
}

function unspelled(text: CellText): CellText {
  return (data, p, length) =>
    text(data, p, length).replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    )
}

/** A source with more columns at its end, worked out from those that it has. */
import type { Field } from './field.ts'
import { wireType } from './field.ts'
import type { TableSource } from './table-source.ts'
import type { TableBatch } from './tuple.ts'

/** A value as it stands in a row; null for NULL. */
export interface Cell {
  readonly data: Buffer
  readonly from: number
  readonly to: number
}

export interface AddedColumns {
  /** All of double. */
  readonly fields: readonly Field[]
  /** Indexes of the columns that they are worked out from. */
  readonly from: readonly number[]
  /** The new values of a row, null for NULL; a text is the reason why the row is bad. */
  readonly compute: (cells: readonly (Cell | null)[]) => readonly (number | null)[] | string
}

export function withColumns(source: TableSource, added: AddedColumns, notice: string): TableSource {
  const { fields, batches } = source
  return {
    ...source,
    fields: [...fields, ...added.fields],
    get notices() {
      return [...source.notices, notice]
    },
    async *batches() {
      for await (const batch of batches()) yield lengthened(batch, fields.length, added)
    },
  }
}

function lengthened(
  { data, starts, count, bad }: TableBatch,
  columns: number,
  added: AddedColumns,
): TableBatch {
  const more = 12 * added.fields.length
  const out = Buffer.allocUnsafeSlow(data.length + count * more)
  const newStarts = new Int32Array(count)
  const newBad = new Map(bad)
  const cells: (Cell | null)[] = added.from.map(() => null)
  let o = 0
  for (let row = 0; row < count; row++) {
    const start = starts[row]!
    let p = start + 2
    for (let c = 0; c < columns; c++) {
      const length = data.readInt32BE(p)
      const k = added.from.indexOf(c)
      if (k >= 0) cells[k] = length < 0 ? null : { data, from: p + 4, to: p + 4 + length }
      p += 4 + Math.max(0, length)
    }
    newStarts[row] = o
    o += data.copy(out, o, start, p)
    out.writeInt16BE(columns + added.fields.length, newStarts[row])
    const values = added.compute(cells)
    if (typeof values === 'string') newBad.set(row, [newBad.get(row), values].filter(Boolean).join('; '))
    for (let i = 0; i < added.fields.length; i++) {
      const value = typeof values === 'string' ? null : values[i]!
      o = out.writeInt32BE(value === null ? -1 : 8, o)
      if (value !== null) o = out.writeDoubleBE(value, o)
    }
  }
  return { data: out.subarray(0, o), starts: newStarts, count, bad: newBad }
}

/** A name that no column has, in any case. */
export function freeName(name: string, fields: readonly Field[]): string {
  const taken = new Set(fields.map(field => field.name.toLowerCase()))
  let free = name
  for (let n = 2; taken.has(free); n++) free = `${name}_${n}`
  return free
}

/** A float or double as a number. */
export function realOf(cell: Cell, field: Field): number {
  return wireType(field) === 'float4' ? cell.data.readFloatBE(cell.from) : cell.data.readDoubleBE(cell.from)
}

/** Rows into columns, as Arrow lays them out in memory (little-endian); what columnar formats begin with. */
import { readArrayHead } from '../votable/binary-cell.ts'
import { recordFailure } from '../votable/document.ts'
import { cellLength, openRow } from '../votable/encode.ts'
import type { Field, WireType } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'
import type { RowBatch, RowSource } from '../votable/row.ts'

/** Values of one column, or of the arrays in it. */
export interface Column {
  readonly length: number
  readonly nulls: number
  /** Bit i, from the least significant of each byte on, is set where value i is not NULL. */
  readonly validity: Uint8Array
  /** Numbers one after the other; bits of booleans; bytes of strings. Absent for lists. */
  readonly values: Uint8Array
  /** `length` + 1 offsets into `values` for strings, into `child` for lists. */
  readonly offsets?: Int32Array
  readonly child?: Column
}

export type ElementType = 'bool' | 'uint8' | 'int2' | 'int4' | 'int8' | 'float4' | 'float8' | 'text'

/** Type of a column's values, of the elements where it is a list. */
export function columnType(field: Field): { readonly element: ElementType; readonly isList: boolean } {
  const type: WireType = wireType(field)
  if (type === 'bytea') return { element: 'uint8', isList: true }
  if (field.datatype === 'unsignedByte') return { element: 'uint8', isList: false }
  const isList = type.endsWith('[]')
  return { element: (isList ? type.slice(0, -2) : type) as ElementType, isList }
}

interface Builder {
  readonly append: (data: Buffer, p: number, length: number) => void
  readonly appendNull: () => void
  /** What has been appended, in memory that is written anew after `clear`. */
  readonly build: () => Column
  readonly clear: () => void
}

export interface ColumnGroup {
  readonly rows: number
  readonly columns: readonly Column[]
}

/** Bytes of rows, as they come, that all results at once may keep, and the most of one. */
const ALL_BYTES = 16 * 1024 * 1024
const MOST_BYTES = 8 * 1024 * 1024
let results = 0

/**
 * The rows in groups of `mostRows` and a few, or fewer where memory is short; the first has `firstRows`, to leave early.
 * A failure of the source ends them and is kept in its outcome. A group is there until the next is asked for: the same
 * memory takes it, which would otherwise wait for the garbage collector beside every slow client.
 */
export async function* columnGroups(
  { fields, batches, outcome }: RowSource,
  mostRows: number,
  firstRows: number,
): AsyncGenerator<ColumnGroup, void> {
  let enough = firstRows
  const columns = startColumns(fields)
  results++
  try {
    for await (const batch of batches) {
      columns.append(batch)
      if (columns.rows() < enough && columns.bytes() < Math.min(MOST_BYTES, ALL_BYTES / results)) continue
      enough = mostRows
      yield columns.build()
      columns.clear()
    }
  } catch (error) {
    recordFailure(outcome, error)
  } finally {
    results--
  }
  if (columns.rows() > 0) yield columns.build()
}

interface Columns {
  readonly append: (batch: RowBatch) => void
  readonly rows: () => number
  /** Of the rows as they came. */
  readonly bytes: () => number
  readonly build: () => ColumnGroup
  readonly clear: () => void
}

function startColumns(fields: readonly Field[]): Columns {
  const builders = fields.map(builderOf)
  let rows = 0
  let bytes = 0
  const append = ({ data, starts, count }: RowBatch): void => {
    for (let row = 0; row < count; row++) {
      let p = openRow(data, starts[row]!, builders.length)
      for (let c = 0; c < builders.length; c++) {
        const length = cellLength(data, p)
        p += 4
        if (length < 0) builders[c]!.appendNull()
        else {
          builders[c]!.append(data, p, length)
          p += length
        }
      }
    }
    rows += count
    bytes += data.length
  }
  const clear = (): void => {
    for (const b of builders) b.clear()
    rows = 0
    bytes = 0
  }
  const build = () => ({ rows, columns: builders.map(b => b.build()) })
  return { append, rows: () => rows, bytes: () => bytes, build, clear }
}

function builderOf(field: Field): Builder {
  const { element, isList } = columnType(field)
  if (!isList) return builder(element)
  return wireType(field) === 'bytea' ? byteListBuilder() : listBuilder(element)
}

/** Rows for which there is room at first. */
const FIRST_ROWS = 1024

/** A buffer that doubles. */
function grown(buffer: Buffer, needed: number): Buffer {
  if (needed <= buffer.length) return buffer
  const larger = Buffer.alloc(Math.max(needed, 2 * buffer.length))
  buffer.copy(larger)
  return larger
}

function validityBits() {
  let bits: Buffer = Buffer.alloc(FIRST_ROWS >> 3)
  let length = 0
  let nulls = 0
  return {
    push(isValid: boolean): void {
      if (length >> 3 >= bits.length) bits = grown(bits, (length >> 3) + 1)
      if (isValid) bits[length >> 3]! |= 1 << (length & 7)
      else nulls++
      length++
    },
    build: () => ({ length, nulls, validity: bits.subarray(0, (length + 7) >> 3) }),
    clear(): void {
      bits.fill(0, 0, (length + 7) >> 3)
      length = 0
      nulls = 0
    },
  }
}

function builder(element: ElementType): Builder {
  switch (element) {
    case 'bool':
      return booleanBuilder()
    case 'text':
      return textBuilder()
    case 'uint8':
      return numberBuilder(1, (data, p, out, o) => {
        out[o] = data[p + 1]!
      })
    case 'int2':
      return numberBuilder(2, swap2)
    case 'int4':
    case 'float4':
      return numberBuilder(4, swap4)
    case 'int8':
    case 'float8':
      return numberBuilder(8, swap8)
  }
}

type Swap = (data: Buffer, p: number, out: Buffer, o: number) => void

const swap2: Swap = (data, p, out, o) => {
  out[o] = data[p + 1]!
  out[o + 1] = data[p]!
}

const swap4: Swap = (data, p, out, o) => {
  out[o] = data[p + 3]!
  out[o + 1] = data[p + 2]!
  out[o + 2] = data[p + 1]!
  out[o + 3] = data[p]!
}

const swap8: Swap = (data, p, out, o) => {
  swap4(data, p + 4, out, o)
  swap4(data, p, out, o + 4)
}

function numberBuilder(size: number, swap: Swap): Builder {
  const bits = validityBits()
  let values: Buffer = Buffer.alloc(FIRST_ROWS * size)
  let o = 0
  return {
    append(data, p) {
      if (o + size > values.length) values = grown(values, o + size)
      swap(data, p, values, o)
      o += size
      bits.push(true)
    },
    appendNull() {
      if (o + size > values.length) values = grown(values, o + size)
      for (const end = o + size; o < end; ) values[o++] = 0
      bits.push(false)
    },
    build: () => ({ ...bits.build(), values: values.subarray(0, o) }),
    clear() {
      bits.clear()
      o = 0
    },
  }
}

function booleanBuilder(): Builder {
  const valid = validityBits()
  const bits = validityBits()
  return {
    append(data, p) {
      bits.push(data[p] !== 0)
      valid.push(true)
    },
    appendNull() {
      bits.push(false)
      valid.push(false)
    },
    build: () => ({ ...valid.build(), values: bits.build().validity }),
    clear() {
      valid.clear()
      bits.clear()
    },
  }
}

/** Ends of the values that have a length, after a first 0. */
function offsetList() {
  let offsets = new Int32Array(FIRST_ROWS + 1)
  let count = 1
  return {
    push(end: number): void {
      if (count === offsets.length) {
        const larger = new Int32Array(2 * count)
        larger.set(offsets)
        offsets = larger
      }
      offsets[count++] = end
    },
    build: () => offsets.subarray(0, count),
    clear(): void {
      count = 1
    },
  }
}

function textBuilder(): Builder {
  const bits = validityBits()
  const offsets = offsetList()
  let values: Buffer = Buffer.alloc(8 * FIRST_ROWS)
  let o = 0
  return {
    append(data, p, length) {
      if (o + length > values.length) values = grown(values, o + length)
      for (const end = p + length; p < end; ) values[o++] = data[p++]!
      offsets.push(o)
      bits.push(true)
    },
    appendNull() {
      offsets.push(o)
      bits.push(false)
    },
    build: () => ({ ...bits.build(), offsets: offsets.build(), values: values.subarray(0, o) }),
    clear() {
      bits.clear()
      offsets.clear()
      o = 0
    },
  }
}

const NO_VALUES = new Uint8Array(0)

function listBuilder(element: ElementType): Builder {
  const bits = validityBits()
  const offsets = offsetList()
  const child = builder(element)
  let end = 0
  return {
    append(data, p) {
      const { items, first } = readArrayHead(data, p)
      let q = first
      for (let i = 0; i < items; i++) {
        const length = cellLength(data, q)
        q += 4
        if (length < 0) child.appendNull()
        else {
          child.append(data, q, length)
          q += length
        }
      }
      end += items
      offsets.push(end)
      bits.push(true)
    },
    appendNull() {
      offsets.push(end)
      bits.push(false)
    },
    build: () => ({ ...bits.build(), values: NO_VALUES, offsets: offsets.build(), child: child.build() }),
    clear() {
      bits.clear()
      offsets.clear()
      child.clear()
      end = 0
    },
  }
}

/** bytea as a list of its bytes. */
function byteListBuilder(): Builder {
  const bytes = textBuilder()
  return {
    ...bytes,
    build() {
      const { values, ...list } = bytes.build()
      const validity = new Uint8Array((values.length + 7) >> 3).fill(0xff)
      return { ...list, values: NO_VALUES, child: { length: values.length, nulls: 0, validity, values } }
    },
  }
}

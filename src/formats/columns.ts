/** Rows into columns, as Arrow lays them out in memory (little-endian); what columnar formats begin with. */
import { readArrayHead } from '../votable/binary-cell.ts'
import { cellLength, openRow } from '../votable/encode.ts'
import type { Field, WireType } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'

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
  readonly build: () => Column
}

export interface Columns {
  readonly append: (batch: RowBatch) => void
  /** The columns so far; the next ones begin empty. */
  readonly take: () => { readonly rows: number; readonly columns: readonly Column[] }
  readonly rows: () => number
  /** Whether it is time to take them: `mostRows` rows, or 16 MB, are there. */
  readonly isFull: () => boolean
}

/** Bytes of rows, as they come, that are kept at most. */
const MOST_BYTES = 16 * 1024 * 1024

export function columnsOf(fields: readonly Field[], mostRows: number): Columns {
  const start = (expected: number) =>
    fields.map(field => {
      const { element, isList } = columnType(field)
      if (!isList) return builder(element, expected)
      return wireType(field) === 'bytea' ? byteListBuilder(expected) : listBuilder(element, expected)
    })
  let builders = start(1024)
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
  const take = () => {
    const taken = { rows, columns: builders.map(b => b.build()) }
    builders = start(Math.min(rows, mostRows)) // as many again
    rows = 0
    bytes = 0
    return taken
  }
  return { append, take, rows: () => rows, isFull: () => rows >= mostRows || bytes >= MOST_BYTES }
}

/** A buffer that doubles. */
function grown(buffer: Buffer, needed: number): Buffer {
  if (needed <= buffer.length) return buffer
  const larger = Buffer.alloc(Math.max(needed, 2 * buffer.length))
  buffer.copy(larger)
  return larger
}

function validityBits(expected: number) {
  let bits: Buffer = Buffer.alloc((expected >> 3) + 8)
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
  }
}

function builder(element: ElementType, expected: number): Builder {
  switch (element) {
    case 'bool':
      return booleanBuilder(expected)
    case 'text':
      return textBuilder(expected)
    case 'uint8':
      return numberBuilder(1, expected, (data, p, out, o) => {
        out[o] = data[p + 1]!
      })
    case 'int2':
      return numberBuilder(2, expected, swap2)
    case 'int4':
    case 'float4':
      return numberBuilder(4, expected, swap4)
    case 'int8':
    case 'float8':
      return numberBuilder(8, expected, swap8)
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

function numberBuilder(size: number, expected: number, swap: Swap): Builder {
  const bits = validityBits(expected)
  let values: Buffer = Buffer.alloc((expected + 1) * size)
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
      o += size
      bits.push(false)
    },
    build: () => ({ ...bits.build(), values: values.subarray(0, o) }),
  }
}

function booleanBuilder(expected: number): Builder {
  const valid = validityBits(expected)
  const bits = validityBits(expected)
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
  }
}

/** Ends of the values that have a length, after a first 0. */
function offsetList(expected: number) {
  let offsets = new Int32Array(expected + 2)
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
  }
}

function textBuilder(expected: number): Builder {
  const bits = validityBits(expected)
  const offsets = offsetList(expected)
  let values: Buffer = Buffer.alloc(8192)
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
  }
}

const NO_VALUES = new Uint8Array(0)

function listBuilder(element: ElementType, expected: number): Builder {
  const bits = validityBits(expected)
  const offsets = offsetList(expected)
  const child = builder(element, expected)
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
  }
}

/** bytea as a list of its bytes. */
function byteListBuilder(expected: number): Builder {
  const bytes = textBuilder(expected)
  return {
    ...bytes,
    build() {
      const { values, ...list } = bytes.build()
      const validity = new Uint8Array((values.length + 7) >> 3).fill(0xff)
      return { ...list, values: NO_VALUES, child: { length: values.length, nulls: 0, validity, values } }
    },
  }
}

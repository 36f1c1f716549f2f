/** Rows in the making, in PostgreSQL's binary form (votable/row.ts): what every reader of tables writes. */
import { isUtf8 } from 'node:buffer'
import type { RowBatch } from './row.ts'

export interface Tuples {
  data: Buffer
  /** Where the next byte goes. */
  at: number
  starts: Int32Array
  count: number
  /** Why a row cannot be taken, by its number in the batch. Its tuple is whole, with NULL for what is wrong. */
  readonly bad: Map<number, string>
}

/** A batch as readers yield it. */
export interface TableBatch extends RowBatch {
  readonly bad: ReadonlyMap<number, string>
}

/** What stands before and after the rows of COPY BINARY; the rows are tuples as they are here. */
export const COPY_SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
export const COPY_TRAILER = Buffer.from([0xff, 0xff])

export function newTuples(bytes: number, rows: number): Tuples {
  return {
    data: Buffer.allocUnsafeSlow(bytes),
    at: 0,
    starts: new Int32Array(rows),
    count: 0,
    bad: new Map(),
  }
}

export function batchOf(tuples: Tuples): TableBatch {
  const { data, at, starts, count, bad } = tuples
  return { data: data.subarray(0, at), starts, count, bad }
}

export function beginRow(tuples: Tuples, columns: number): void {
  room(tuples, 2)
  if (tuples.count === tuples.starts.length) {
    const longer = new Int32Array(2 * tuples.count + 16)
    longer.set(tuples.starts)
    tuples.starts = longer
  }
  tuples.starts[tuples.count++] = tuples.at
  tuples.at = tuples.data.writeInt16BE(columns, tuples.at)
}

/** Makes room for so many bytes more. */
export function room(tuples: Tuples, bytes: number): void {
  const need = tuples.at + bytes
  if (need <= tuples.data.length) return
  const longer = Buffer.allocUnsafeSlow(Math.max(2 * tuples.data.length, need))
  tuples.data.copy(longer, 0, 0, tuples.at)
  tuples.data = longer
}

export function markBad(tuples: Tuples, reason: string): void {
  const row = tuples.count - 1
  const before = tuples.bad.get(row)
  tuples.bad.set(row, before === undefined ? reason : `${before}; ${reason}`)
}

export function putNull(tuples: Tuples): void {
  putLength(tuples, -1)
}

/** The length that goes before a value's bytes. */
export function putLength(tuples: Tuples, length: number): void {
  room(tuples, 4 + Math.max(0, length))
  writeInt32(tuples.data, tuples.at, length)
  tuples.at += 4
}

export function putBytes(tuples: Tuples, bytes: Uint8Array): void {
  putLength(tuples, bytes.length)
  tuples.data.set(bytes, tuples.at)
  tuples.at += bytes.length
}

export function putText(tuples: Tuples, text: string): void {
  room(tuples, 4 + 3 * text.length)
  const length = tuples.data.write(text, tuples.at + 4, 'utf8')
  writeInt32(tuples.data, tuples.at, length)
  tuples.at += 4 + length
}

/**
 * Bytes that should be ASCII, as text: UTF-8 where they can be that, else Latin-1. True when they are not ASCII.
 * A NUL ends the text, since PostgreSQL has none.
 */
export function putAscii(tuples: Tuples, source: Buffer, from: number, to: number): boolean {
  let end = from
  let high = 0
  for (; end < to && source[end] !== 0; end++) high |= source[end]!
  if (high < 0x80 || isUtf8(source.subarray(from, end))) {
    putLength(tuples, end - from)
    tuples.at += source.copy(tuples.data, tuples.at, from, end)
  } else {
    putText(tuples, source.toString('latin1', from, end))
  }
  return high >= 0x80
}

export function putBoolean(tuples: Tuples, value: boolean): void {
  putLength(tuples, 1)
  tuples.data[tuples.at++] = value ? 1 : 0
}

export function putInt16(tuples: Tuples, value: number): void {
  putLength(tuples, 2)
  tuples.at = tuples.data.writeInt16BE(value, tuples.at)
}

export function putInt32(tuples: Tuples, value: number): void {
  putLength(tuples, 4)
  writeInt32(tuples.data, tuples.at, value)
  tuples.at += 4
}

export function putInt64(tuples: Tuples, value: bigint): void {
  putLength(tuples, 8)
  tuples.at = tuples.data.writeBigInt64BE(value, tuples.at)
}

/** An integer that a double holds exactly. */
export function putSafeInteger(tuples: Tuples, value: number): void {
  putLength(tuples, 8)
  const upper = Math.floor(value / 2 ** 32)
  writeInt32(tuples.data, tuples.at, upper)
  writeInt32(tuples.data, tuples.at + 4, value - upper * 2 ** 32)
  tuples.at += 8
}

export function putFloat32(tuples: Tuples, value: number): void {
  putLength(tuples, 4)
  tuples.at = tuples.data.writeFloatBE(value, tuples.at)
}

export function putFloat64(tuples: Tuples, value: number): void {
  putLength(tuples, 8)
  tuples.at = tuples.data.writeDoubleBE(value, tuples.at)
}

/** PostgreSQL's type OIDs of array elements. */
export const OID = { bool: 16, int8: 20, int2: 21, int4: 23, text: 25, float4: 700, float8: 701 } as const

/**
 * Begins a one-dimensional array and returns where its length has to be written by `endArray`. Its elements follow,
 * each as a value of its own.
 */
export function beginArray(tuples: Tuples, elementOid: number, items: number): number {
  const lengthAt = tuples.at
  room(tuples, 24)
  const { data } = tuples
  let at = writeInt32(data, lengthAt + 4, items > 0 ? 1 : 0)
  at = writeInt32(data, at, 0) // whether there are NULLs: PostgreSQL looks for itself
  at = writeInt32(data, at, elementOid)
  if (items > 0) {
    at = writeInt32(data, at, items)
    at = writeInt32(data, at, 1)
  }
  tuples.at = at
  return lengthAt
}

export function endArray(tuples: Tuples, lengthAt: number): void {
  writeInt32(tuples.data, lengthAt, tuples.at - lengthAt - 4)
}

function writeInt32(data: Buffer, at: number, value: number): number {
  data[at] = value >> 24
  data[at + 1] = value >> 16
  data[at + 2] = value >> 8
  data[at + 3] = value
  return at + 4
}

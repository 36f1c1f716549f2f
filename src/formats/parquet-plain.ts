/** Values of a column in Parquet's encoding PLAIN, without the NULLs, and the least and greatest of them. */
import type { Statistics } from 'hyparquet'
import type { Column, ElementType } from './columns.ts'

export interface Plain {
  readonly element: ElementType
  readonly bytes: Uint8Array
  /** Numbers of four or eight bytes, which Snappy would hardly make smaller. */
  readonly isWide: boolean
}

/** Of a column that is no list; the bytes may be the column's own. */
export function plainValues(column: Column, element: ElementType): Plain {
  switch (element) {
    case 'float8':
    case 'int8':
      return { element, bytes: numbers(column, 8), isWide: true }
    case 'float4':
    case 'int4':
      return { element, bytes: numbers(column, 4), isWide: true }
    case 'int2':
      return { element, bytes: widened(new Int16Array(sameBytes(numbers(column, 2)))), isWide: false }
    case 'uint8':
      return { element, bytes: widened(numbers(column, 1)), isWide: false }
    case 'bool':
      return { element, bytes: bits(column), isWide: false }
    case 'text':
      return { element, bytes: texts(column), isWide: false }
  }
}

const isValid = (validity: Uint8Array, i: number) => ((validity[i >> 3]! >> (i & 7)) & 1) === 1

function numbers({ length, nulls, validity, values }: Column, size: number): Uint8Array {
  if (nulls === 0) return values
  const out = Buffer.allocUnsafeSlow((length - nulls) * size)
  for (let i = 0, o = 0; i < length; i++) {
    if (!isValid(validity, i)) continue
    for (let p = i * size; p < (i + 1) * size; p++) out[o++] = values[p]!
  }
  return out
}

function sameBytes(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer
}

/** Parquet has no type of fewer than four bytes. */
function widened(values: Int16Array | Uint8Array): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer)
}

function bits({ length, nulls, validity, values }: Column): Uint8Array {
  if (nulls === 0) return values
  const out = new Uint8Array((length - nulls + 7) >> 3)
  for (let i = 0, o = 0; i < length; i++) {
    if (!isValid(validity, i)) continue
    if (isValid(values, i)) out[o >> 3]! |= 1 << (o & 7)
    o++
  }
  return out
}

/** The length of each, in four bytes from the least significant on, goes before it. */
function texts({ length, nulls, validity, values, offsets }: Column): Uint8Array {
  const out = Buffer.allocUnsafeSlow(values.length + 4 * (length - nulls))
  for (let i = 0, o = 0; i < length; i++) {
    if (!isValid(validity, i)) continue
    const end = offsets![i + 1]!
    o = out.writeUInt32LE(end - offsets![i]!, o)
    for (let p = offsets![i]!; p < end; ) out[o++] = values[p++]!
  }
  return out
}

type Extremes = Pick<Statistics, 'min_value' | 'max_value'>

/** NaN left out; a zero is −0 as the least and +0 as the greatest (parquet.thrift). */
export function extremes({ element, bytes }: Plain): Extremes {
  const { buffer, byteOffset, length } = bytes
  switch (element) {
    case 'int8':
      return extremesOfLong(new Int32Array(buffer, byteOffset, length / 4))
    case 'float8':
      return extremesOfNumbers(new Float64Array(buffer, byteOffset, length / 8), true)
    case 'float4':
      return extremesOfNumbers(new Float32Array(buffer, byteOffset, length / 4), true)
    case 'text':
      return extremesOfTexts(Buffer.from(buffer, byteOffset, length))
    case 'bool':
      return {}
    default:
      return extremesOfNumbers(new Int32Array(buffer, byteOffset, length / 4), false)
  }
}

function extremesOfNumbers(all: Float64Array | Float32Array | Int32Array, isFloat: boolean): Extremes {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < all.length; i++) {
    const value = all[i]!
    if (value < min) min = value
    if (value > max) max = value
  }
  if (min > max) return {}
  return { min_value: isFloat && min === 0 ? -0 : min, max_value: max === 0 ? 0 : max }
}

/** By halves: a bigint of each value would be an object. */
function extremesOfLong(halves: Int32Array): Extremes {
  if (halves.length === 0) return {}
  const isLess = (a: number, b: number) => {
    const [high, other] = [halves[a + 1]!, halves[b + 1]!]
    return high === other ? halves[a]! >>> 0 < halves[b]! >>> 0 : high < other
  }
  let [min, max] = [0, 0]
  for (let i = 2; i < halves.length; i += 2) {
    if (isLess(i, min)) min = i
    if (isLess(max, i)) max = i
  }
  const value = (i: number) => (BigInt(halves[i + 1]!) << 32n) | BigInt(halves[i]! >>> 0)
  return { min_value: value(min), max_value: value(max) }
}

/** Longest bound that is worth its place in the footer. */
const BOUND = 64

/** By bytes, as Parquet orders UTF8; none where one of them is long. */
function extremesOfTexts(plain: Buffer): Extremes {
  let [min, max] = [-1, -1]
  for (let p = 0; p < plain.length; p += 4 + plain.readUInt32LE(p)) {
    if (min < 0 || isBefore(plain, p, min)) min = p
    if (max < 0 || isBefore(plain, max, p)) max = p
  }
  if (min < 0) return {}
  const text = (p: number) => Uint8Array.from(plain.subarray(p + 4, p + 4 + plain.readUInt32LE(p)))
  const [min_value, max_value] = [text(min), text(max)]
  return min_value.length > BOUND || max_value.length > BOUND ? {} : { min_value, max_value }
}

function isBefore(plain: Buffer, a: number, b: number): boolean {
  const [m, n] = [plain.readUInt32LE(a), plain.readUInt32LE(b)]
  for (let i = 4; i < 4 + Math.min(m, n); i++) {
    const difference = plain[a + i]! - plain[b + i]!
    if (difference !== 0) return difference < 0
  }
  return m < n
}

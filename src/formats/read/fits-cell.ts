/**
 * Cells of a FITS binary table as PostgreSQL's binary values. Both are big-endian: numbers are copied, and only what
 * FITS stores otherwise (unsigned and scaled integers, bits, logicals, strings) is worked on.
 */

import { decodeText } from '../../fits/card.ts'
import type { BinaryColumn } from '../../fits/table.ts'
import type { Datatype } from '../../votable/field.ts'
import type { Tuples } from '../../votable/tuple.ts'
import {
  beginArray,
  endArray,
  markBad,
  OID,
  putBytes,
  putLength,
  putNull,
  putText,
  room,
} from '../../votable/tuple.ts'

export interface CellReader {
  readonly datatype: Datatype
  readonly arraysize: string | undefined
  /** Appends the value of so many elements at `at` of `source`, which holds a row or a part of the heap. */
  readonly put: (source: Buffer, at: number, items: number, tuples: Tuples) => void
}

/** One number: its size here and there; `write` returns false for null. */
interface Element {
  readonly from: 1 | 2 | 4 | 8
  readonly to: 1 | 2 | 4 | 8
  readonly oid: number
  readonly datatype: Datatype
  readonly write: (source: Buffer, at: number, tuples: Tuples, o: number) => boolean
}

/** `sawUnicode` is told of text outside ASCII. */
export function cellReader(column: BinaryColumn, sawUnicode: () => void): CellReader {
  const arraysize = arraysizeOf(column)
  const { form } = column
  if (form === 'A') {
    if (column.stringLength === undefined || column.descriptor) return stringReader(column, sawUnicode)
    return stringsReader(column.stringLength, arraysize!, sawUnicode)
  }
  if (form === 'X') return bitReader(arraysize)
  if (form === 'C' || form === 'M') return complexReader(column, arraysize)
  const element = elementOf(column, arraysize === undefined)
  const { datatype } = element
  if (arraysize === undefined) return { datatype, arraysize, put: scalar(element) }
  if (datatype === 'unsignedByte') return { datatype, arraysize, put: putByteArray }
  return { datatype, arraysize, put: (source, at, items, t) => putArray(source, at, items, t, [element]) }
}

function arraysizeOf({ form, repeat, descriptor, dims, stringLength }: BinaryColumn): string | undefined {
  if (descriptor) return '*'
  if (form === 'A' && stringLength !== undefined) {
    return dims && dims.length > 1 ? dims.join('x') : `${stringLength}x${Math.floor(repeat / stringLength)}`
  }
  if (repeat === 1) return undefined
  if (form === 'A') return `${repeat}*`
  return dims ? dims.join('x') : String(repeat)
}

function scalar({ to, write }: Element): CellReader['put'] {
  return (source, at, _items, t) => {
    room(t, 4 + to)
    const { data } = t
    const o = t.at
    if (write(source, at, t, o + 4)) {
      data[o] = data[o + 1] = data[o + 2] = 0
      data[o + 3] = to
      t.at = o + 4 + to
    } else {
      data[o] = data[o + 1] = data[o + 2] = data[o + 3] = 0xff
      t.at = o + 4
    }
  }
}

/** Elements of one kind, or of two in turn. */
function putArray(
  source: Buffer,
  at: number,
  items: number,
  t: Tuples,
  kinds: readonly [Element, Element?],
): void {
  const lengthAt = beginArray(t, kinds[0].oid, items)
  room(t, items * (4 + kinds[0].to))
  const { from, to } = kinds[0]
  for (let i = 0; i < items; i++) {
    const { write } = (i & 1 && kinds[1]) || kinds[0]
    const o = t.at
    const isValue = write(source, at + i * from, t, o + 4)
    t.data.writeInt32BE(isValue ? to : -1, o)
    t.at = o + 4 + (isValue ? to : 0)
  }
  endArray(t, lengthAt)
}

function putByteArray(source: Buffer, at: number, items: number, t: Tuples): void {
  putBytes(t, source.subarray(at, at + items))
}

function elementOf(column: BinaryColumn, isScalar: boolean): Element {
  const { form, zero, scale, name } = column
  // A null in an array of integers has no form in VOTable: there the stored integer stays (see `fieldOf`).
  const nullBytes = isScalar ? nullBytesOf(column) : undefined
  const isNull = nullBytes ? equals(nullBytes) : undefined
  if (form === 'L') return LOGICAL
  if (form === 'E' || form === 'D') {
    if (scale !== 1 || zero !== 0) return scaled(column, zero, undefined)
    if (form === 'E') return plain(4, OID.float4, 'float', isScalar ? isNan4 : undefined)
    return plain(8, OID.float8, 'double', isScalar ? isNan8 : undefined)
  }
  if (scale === 1 && zero === 0) {
    if (form === 'B') return byte(isNull)
    if (form === 'I') return plain(2, OID.int2, 'short', isNull)
    if (form === 'J') return plain(4, OID.int4, 'int', isNull)
    return plain(8, OID.int8, 'long', isNull)
  }
  // FITS 4.0 table 19: unsigned integers, and signed bytes, are stored shifted.
  if (scale === 1 && form === 'B' && zero === -128) return signedByte(isNull)
  if (scale === 1 && form === 'I' && zero === 2 ** 15) return unsigned(2, OID.int4, 'int', isNull)
  if (scale === 1 && form === 'J' && zero === 2 ** 31) return unsigned(4, OID.int8, 'long', isNull)
  if (scale === 1 && form === 'K' && zero === 2 ** 63) return unsigned64(name, isNull)
  return scaled(column, zero, isNull)
}

type IsNull = (source: Buffer, at: number) => boolean

function plain(size: 2 | 4 | 8, oid: number, datatype: Datatype, isNull: IsNull | undefined): Element {
  const write: Element['write'] = (source, at, { data }, o) => {
    if (isNull?.(source, at)) return false
    for (let i = 0; i < size; i++) data[o + i] = source[at + i]!
    return true
  }
  return { from: size, to: size, oid, datatype, write }
}

function byte(isNull: IsNull | undefined): Element {
  const write: Element['write'] = (source, at, { data }, o) => {
    data[o] = 0
    data[o + 1] = source[at]!
    return !isNull?.(source, at)
  }
  return { from: 1, to: 2, oid: OID.int2, datatype: 'unsignedByte', write }
}

function signedByte(isNull: IsNull | undefined): Element {
  const write: Element['write'] = (source, at, { data }, o) => {
    data.writeInt16BE(source[at]! - 128, o)
    return !isNull?.(source, at)
  }
  return { from: 1, to: 2, oid: OID.int2, datatype: 'short', write }
}

/** 16 or 32 bits into the type of twice the size. */
function unsigned(size: 2 | 4, oid: number, datatype: Datatype, isNull: IsNull | undefined): Element {
  const write: Element['write'] = (source, at, { data }, o) => {
    for (let i = 0; i < size; i++) {
      data[o + i] = 0
      data[o + size + i] = source[at + i]!
    }
    data[o + size]! ^= 0x80
    return !isNull?.(source, at)
  }
  return { from: size, to: size === 2 ? 4 : 8, oid, datatype, write }
}

function unsigned64(name: string, isNull: IsNull | undefined): Element {
  const write: Element['write'] = (source, at, t, o) => {
    if (isNull?.(source, at)) return false
    for (let i = 0; i < 8; i++) t.data[o + i] = source[at + i]!
    t.data[o]! ^= 0x80
    if (t.data[o]! < 0x80) return true
    markBad(t, `column ${name}: ${t.data.readBigUInt64BE(o)} is more than a 64-bit integer can hold`)
    return false
  }
  return { from: 8, to: 8, oid: OID.int8, datatype: 'long', write }
}

/** Physical value = zero + scale × stored value, as double. */
function scaled(
  { form, scale }: Pick<BinaryColumn, 'form' | 'scale'>,
  zero: number,
  isNull: IsNull | undefined,
): Element {
  const read: Record<string, (source: Buffer, at: number) => number> = {
    B: (source, at) => source[at]!,
    I: (source, at) => source.readInt16BE(at),
    J: (source, at) => source.readInt32BE(at),
    K: (source, at) => Number(source.readBigInt64BE(at)),
    E: (source, at) => source.readFloatBE(at),
    D: (source, at) => source.readDoubleBE(at),
  }
  const stored = read[form]!
  const from = ({ B: 1, I: 2, J: 4, K: 8, E: 4, D: 8 } as const)[form as 'B' | 'I' | 'J' | 'K' | 'E' | 'D']
  const write: Element['write'] = (source, at, { data }, o) => {
    if (isNull?.(source, at)) return false
    const value = zero + scale * stored(source, at)
    data.writeDoubleBE(value, o)
    return !Number.isNaN(value)
  }
  return { from, to: 8, oid: OID.float8, datatype: 'double', write }
}

/** §7.3.3.1: T, F, or 0 for null; other letters that writers use are taken for what they mean. */
const LOGICAL: Element = {
  from: 1,
  to: 1,
  oid: OID.bool,
  datatype: 'boolean',
  write(source, at, t, o) {
    const letter = String.fromCharCode(source[at]!)
    if ('\0 ?'.includes(letter)) return false
    t.data[o] = 'Tt1\x01'.includes(letter) ? 1 : 0
    if (!'TtFf10\x01'.includes(letter)) {
      markBad(t, `a logical value is the byte ${source[at]}, neither T nor F nor 0`)
      return false
    }
    return true
  },
}

function complexReader(column: BinaryColumn, arraysize: string | undefined): CellReader {
  const { scale, zero } = column
  const form = column.form === 'C' ? 'E' : 'D'
  const single = form === 'E' && scale === 1 && zero === 0
  // The offset of a scaled complex number is real.
  const kinds: readonly [Element, Element?] =
    scale === 1 && zero === 0
      ? [form === 'E' ? plain(4, OID.float4, 'float', undefined) : plain(8, OID.float8, 'double', undefined)]
      : [scaled({ form, scale }, zero, undefined), scaled({ form, scale }, 0, undefined)]
  return {
    datatype: single ? 'floatComplex' : 'doubleComplex',
    arraysize,
    put: (source, at, items, t) => putArray(source, at, 2 * items, t, kinds),
  }
}

function bitReader(arraysize: string | undefined): CellReader {
  const bit = (source: Buffer, at: number, i: number) => (source[at + (i >> 3)]! >> (7 - (i & 7))) & 1
  const put: CellReader['put'] = (source, at, items, t) => {
    const lengthAt = beginArray(t, OID.bool, items)
    room(t, 5 * items)
    for (let i = 0; i < items; i++) {
      putLength(t, 1)
      t.data[t.at++] = bit(source, at, i)
    }
    endArray(t, lengthAt)
  }
  if (arraysize !== undefined) return { datatype: 'bit', arraysize, put }
  const putBit: CellReader['put'] = (source, at, _items, t) => {
    putLength(t, 1)
    t.data[t.at++] = bit(source, at, 0)
  }
  return { datatype: 'bit', arraysize, put: putBit }
}

function stringReader(column: BinaryColumn, sawUnicode: () => void): CellReader {
  return {
    datatype: 'char',
    arraysize: arraysizeOf(column),
    put(source, at, items, t) {
      const end = textEnd(source, at, at + items)
      // As in astropy and STIL, an empty string is a null.
      if (end === at) putNull(t)
      else putString(source, at, end, t, sawUnicode)
    },
  }
}

function stringsReader(length: number, arraysize: string, sawUnicode: () => void): CellReader {
  return {
    datatype: 'char',
    arraysize,
    put(source, at, items, t) {
      const count = Math.floor(items / length)
      const lengthAt = beginArray(t, OID.text, count)
      for (let i = 0; i < count; i++) {
        const start = at + i * length
        putString(source, start, textEnd(source, start, start + length), t, sawUnicode)
      }
      endArray(t, lengthAt)
    },
  }
}

/** Where the text ends: at a NUL, without trailing blanks. */
function textEnd(source: Buffer, from: number, to: number): number {
  let end = from
  for (let p = from; p < to && source[p] !== 0; p++) if (source[p] !== 0x20) end = p + 1
  return end
}

/** ASCII is copied; other bytes are UTF-8 where they can be that, else Latin-1. */
function putString(source: Buffer, from: number, to: number, t: Tuples, sawUnicode: () => void): void {
  for (let p = from; p < to; p++) {
    if (source[p]! > 0x7f) {
      sawUnicode()
      putText(t, decodeText(source.toString('latin1', from, to)))
      return
    }
  }
  putLength(t, to - from)
  for (let p = from; p < to; p++) t.data[t.at++] = source[p]!
}

function isNan4(source: Buffer, at: number): boolean {
  return (
    (source[at]! & 0x7f) === 0x7f &&
    source[at + 1]! >= 0x80 &&
    ((source[at + 1]! & 0x7f) | source[at + 2]! | source[at + 3]!) !== 0
  )
}

function isNan8(source: Buffer, at: number): boolean {
  if ((source[at]! & 0x7f) !== 0x7f || source[at + 1]! < 0xf0) return false
  let mantissa = source[at + 1]! & 0x0f
  for (let i = 2; i < 8; i++) mantissa |= source[at + i]!
  return mantissa !== 0
}

/** TNULL as it is stored; undefined when there is none, or one that the type cannot hold. */
function nullBytesOf({ form, nullValue }: BinaryColumn): Buffer | undefined {
  if (nullValue === undefined) return undefined
  const bytes = Buffer.alloc(8)
  if (form === 'B') return nullValue >= 0n && nullValue < 256n ? Buffer.of(Number(nullValue)) : undefined
  const bits = ({ I: 16, J: 32, K: 64 } as Partial<Record<typeof form, number>>)[form]
  if (bits === undefined || BigInt.asIntN(bits, nullValue) !== nullValue) return undefined
  bytes.writeBigInt64BE(nullValue)
  return bytes.subarray(8 - bits / 8)
}

function equals(bytes: Buffer): IsNull {
  return (source, at) => {
    for (let i = 0; i < bytes.length; i++) if (source[at + i] !== bytes[i]) return false
    return true
  }
}

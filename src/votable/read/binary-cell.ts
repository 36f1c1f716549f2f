/** Cells of VOTable BINARY and BINARY2 (VOTable 1.5 §5.3) as PostgreSQL's values; both are big-endian. */
import type { Datatype, Field } from '../field.ts'
import { isShape, isString, shapeOf, wireType } from '../field.ts'
import type { Facts } from '../table-source.ts'
import {
  beginArray,
  endArray,
  markBad,
  OID,
  putAscii,
  putBoolean,
  putBytes,
  putInt16,
  putLength,
  putNull,
  putText,
  room,
  type Tuples,
} from '../tuple.ts'
import { countProblem, elementOid, putStrings } from './text-cell.ts'

export interface BinaryCell {
  /**
   * Offset after the cell at `p`, or `INCOMPLETE` when the data end before; throws RangeError for a length that
   * cannot be.
   */
  readonly end: (data: Buffer, p: number, length: number) => number
  /** Appends the value of the cell from `p` to `end`. */
  readonly put: (data: Buffer, p: number, end: number, tuples: Tuples) => void
}

export const INCOMPLETE = -1

/** Bytes of one primitive; a bit is counted apart. */
const SIZE: Record<Datatype, number> = {
  boolean: 1,
  bit: 1 / 8,
  unsignedByte: 1,
  short: 2,
  int: 4,
  long: 8,
  char: 1,
  unicodeChar: 2,
  float: 4,
  double: 8,
  floatComplex: 8,
  doubleComplex: 16,
}

/**
 * `nullText` is the integer that stands for NULL (VALUES null). `keepsNan`: NaN is a value, since BINARY2 from us has
 * flags for NULL; elsewhere it is how most writers say NULL.
 */
export function binaryCell(
  field: Field,
  index: number,
  facts: Facts,
  nullText?: string,
  keepsNan = false,
): BinaryCell {
  const size = SIZE[field.datatype]
  const { items, width, variable } = shapeOf(field)
  // A complex number counts as one primitive here, a string as its characters.
  const primitives = (items / (size > 8 || field.datatype === 'floatComplex' ? 2 : 1)) * (width ?? 1)
  const isVariable = variable || (isString(field) && field.arraysize?.endsWith('*') === true)
  const put = putOf(field, index, facts, nullText, keepsNan)
  if (!isVariable) {
    const bytes = Math.ceil(primitives * size)
    return { end: (_data, p, length) => (p + bytes <= length ? p + bytes : INCOMPLETE), put }
  }
  return {
    end(data, p, length) {
      if (p + 4 > length) return INCOMPLETE
      const count = data.readInt32BE(p)
      if (count < 0) throw new RangeError(`column ${field.name}: a length of ${count}`)
      const end = p + 4 + Math.ceil(count * size)
      return end <= length ? end : INCOMPLETE
    },
    put: (data, p, end, t) => put(data, p + 4, end, t, data.readInt32BE(p)),
  }
}

type Put = (data: Buffer, p: number, end: number, t: Tuples, count?: number) => void

function putOf(
  field: Field,
  index: number,
  facts: Facts,
  nullText: string | undefined,
  keepsNan: boolean,
): Put {
  const wire = wireType(field)
  if (isString(field)) {
    const text = field.datatype === 'char' ? charText(index, facts) : unicodeText(index, facts)
    return wire === 'text[]' ? strings(field, index, facts) : text
  }
  if (field.datatype === 'bit') return bits(field)
  if (wire === 'bytea') return (data, p, end, t) => putBytes(t, data.subarray(p, end))
  if (wire.endsWith('[]')) return array(field)
  switch (field.datatype) {
    case 'boolean':
      return (data, p, _end, t) => putLogical(data[p]!, t, field)
    case 'unsignedByte': {
      const none = nullText === undefined ? undefined : Number(nullText)
      return (data, p, _end, t) => (data[p] === none ? putNull(t) : putInt16(t, data[p]!))
    }
    default:
      return number(field, nullText, keepsNan)
  }
}

/** A single number: copied; NaN and the null of the column are NULL. */
function number({ datatype }: Field, nullText: string | undefined, keepsNan: boolean): Put {
  const size = SIZE[datatype]
  const nan = datatype === 'float' ? isNan4 : datatype === 'double' ? isNan8 : undefined
  const isNan = keepsNan ? undefined : nan
  const none = nullBytes(datatype, nullText)
  return (data, p, _end, t) => {
    if (isNan?.(data, p) || (none && data.compare(none, 0, size, p, p + size) === 0)) {
      putNull(t)
      return
    }
    room(t, 4 + size)
    const out = t.data
    let o = t.at
    out[o] = out[o + 1] = out[o + 2] = 0
    out[o + 3] = size
    o += 4
    for (let i = 0; i < size; i++) out[o++] = data[p + i]!
    t.at = o
  }
}

export function isNan4(data: Buffer, p: number): boolean {
  return (data[p]! & 0x7f) === 0x7f && data[p + 1]! >= 0x80 && Number.isNaN(data.readFloatBE(p))
}

export function isNan8(data: Buffer, p: number): boolean {
  return (data[p]! & 0x7f) === 0x7f && data[p + 1]! >= 0xf0 && Number.isNaN(data.readDoubleBE(p))
}

function nullBytes(datatype: Datatype, text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined
  const bytes = Buffer.alloc(8)
  if (datatype === 'float' || datatype === 'double') {
    const value = Number(text)
    if (text.trim() === '' || Number.isNaN(value)) return undefined
    const size = datatype === 'float' ? bytes.writeFloatBE(value) : bytes.writeDoubleBE(value)
    return bytes.subarray(0, size)
  }
  if (!/^\s*([+-]?\d+|0x[0-9a-f]+)\s*$/i.test(text)) return undefined
  const bits = 8 * SIZE[datatype]
  const value = BigInt(text.trim().replace(/^\+/, ''))
  if (BigInt.asIntN(bits, value) !== value) return undefined
  bytes.writeBigInt64BE(value)
  return bytes.subarray(8 - bits / 8)
}

/** §5.3: T, t, 1, true; F, f, 0; ?, blank or NUL for null. */
function putLogical(byte: number, t: Tuples, field: Field): void {
  const letter = String.fromCharCode(byte)
  if ('Tt1'.includes(letter)) putBoolean(t, true)
  else if ('Ff0'.includes(letter)) putBoolean(t, false)
  else {
    if (!'? \0'.includes(letter)) markBad(t, `column ${field.name}: the byte ${byte} is no boolean`)
    putNull(t)
  }
}

/** Bits of a byte from the most significant on. */
function bits(field: Field): Put {
  const bit = (data: Buffer, p: number, i: number) => ((data[p + (i >> 3)]! >> (7 - (i & 7))) & 1) === 1
  // astropy writes a single bit as 0x08: whichever bit it is, there is only one.
  if (field.arraysize === undefined) return (data, p, _end, t) => putBoolean(t, data[p] !== 0)
  const { items } = shapeOf(field)
  return (data, p, _end, t, count = items) => {
    const lengthAt = beginArray(t, OID.bool, count)
    for (let i = 0; i < count; i++) putBoolean(t, bit(data, p, i))
    endArray(t, lengthAt)
  }
}

function array(field: Field): Put {
  const shape = shapeOf(field)
  const complex = field.datatype.endsWith('Complex')
  const size = complex ? SIZE[field.datatype] / 2 : SIZE[field.datatype]
  const oid = elementOid(field)
  const isNanNull = isShape(field) && (oid === OID.float4 || oid === OID.float8)
  return (data, p, end, t) => {
    const count = (end - p) / size
    const bad = countProblem(shape, count)
    if (bad) {
      markBad(t, `column ${field.name}: ${bad}`)
      putNull(t)
      return
    }
    if (isNanNull && count > 0 && allNan(data, p, end, size)) {
      putNull(t)
      return
    }
    const lengthAt = beginArray(t, oid, count)
    for (let q = p; q < end; q += size) {
      if (oid === OID.bool) putLogical(data[q]!, t, field)
      else {
        putLength(t, size)
        t.at += data.copy(t.data, t.at, q, q + size)
      }
    }
    endArray(t, lengthAt)
  }
}

function allNan(data: Buffer, p: number, end: number, size: number): boolean {
  const isNan = size === 4 ? isNan4 : isNan8
  for (let q = p; q < end; q += size) if (!isNan(data, q)) return false
  return true
}

function charText(index: number, facts: Facts): Put {
  return (data, p, end, t) => {
    if (putAscii(t, data, p, end)) facts.unicode.add(index)
  }
}

/** UCS-2, big-endian; a NUL ends the text. */
function unicodeText(index: number, facts: Facts): Put {
  return (data, p, end, t) => {
    const text = utf16(data, p, end)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what it asks for
    if (!/^[\x01-\x7f]*$/.test(text)) facts.unicode.add(index)
    putText(t, text)
  }
}

function utf16(data: Buffer, p: number, end: number): string {
  const swapped = Buffer.from(data.subarray(p, end)).swap16()
  return swapped.toString('utf16le').split('\0', 1)[0]!
}

/** Strings of equal width; a NUL or blanks fill each. */
function strings(field: Field, index: number, facts: Facts): Put {
  const width = shapeOf(field).width ?? 1
  const step = width * SIZE[field.datatype]
  return (data, p, end, t) => {
    const texts: string[] = []
    for (let q = p; q < end; q += step) {
      const last = Math.min(end, q + step)
      const raw =
        field.datatype === 'char' ? data.toString('utf8', q, last).split('\0', 1)[0]! : utf16(data, q, last)
      texts.push(raw.trimEnd())
    }
    if (texts.some(s => !/^[ -~]*$/.test(s))) facts.unicode.add(index)
    putStrings(t, field, texts)
  }
}

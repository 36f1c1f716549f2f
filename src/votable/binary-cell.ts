/**
 * One cell from PostgreSQL's binary form to the form that VOTable BINARY and BINARY2 share (VOTable 1.5 §5.3).
 * Both are big-endian, so numbers are copied as they are; strings, booleans and arrays change their framing only.
 */
import { ServiceError } from '../error.ts'
import { cellLength } from './encode.ts'
import type { Datatype, Field, Shape } from './field.ts'
import { shapeOf, wireType } from './field.ts'

/** Writes the value of `length` bytes at `p` of `data` to `out` at `o`; returns the offset after it. */
export type CellEncoder = (data: Buffer, p: number, length: number, out: Buffer, o: number) => number

export interface BinaryCell {
  /** Bytes of a number that is copied as it is; 0 for what has to go through `encode`. */
  readonly copy: 0 | 2 | 4 | 8
  readonly encode: CellEncoder
  /** What stands in the place of a NULL. */
  readonly filler: Buffer
  /** A value of n wire bytes, with the 4 of its length, takes at most growth · n bytes. */
  readonly growth: number
}

export interface BinarySpelling {
  /** Told of each value with characters outside ASCII in a `char` column. */
  readonly notAscii: (field: Field) => void
  /** Spells control characters too, which strings in FITS tables may not hold (FITS Standard 4.0 §7.3.3.1). */
  readonly printable?: boolean
  /** The boolean NULL. */
  readonly unknown: Buffer
  /** The integer NULL of this column; undefined where there is none: then a NULL in an array is refused. */
  readonly nullInteger?: Buffer
}

/** How the elements of an array are written. */
interface Element {
  readonly encode: CellEncoder
  /** A NULL element; undefined where VOTable cannot say it. */
  readonly filler: Buffer | undefined
  /** VOTable primitives in one PostgreSQL element: the length of a string, half a complex number. */
  readonly primitives: number
}

/** Bytes of a VOTable primitive; of each half of a complex number. */
const SIZE: Record<Datatype, 1 | 2 | 4 | 8> = {
  boolean: 1,
  bit: 1,
  unsignedByte: 1,
  short: 2,
  int: 4,
  long: 8,
  char: 1,
  unicodeChar: 2,
  float: 4,
  double: 8,
  floatComplex: 4,
  doubleComplex: 8,
}

const NAN4 = Buffer.from('7fc00000', 'hex')
const NAN8 = Buffer.from('7ff8000000000000', 'hex')
const NO_ELEMENTS = Buffer.alloc(4)

export function binaryCell(field: Field, spelling: BinarySpelling): BinaryCell {
  const { datatype } = field
  const { unknown, nullInteger } = spelling
  const textGrowth = spelling.printable ? 6 : 3
  const shape = shapeOf(field)
  const size = SIZE[datatype]
  const isComplex = datatype === 'floatComplex' || datatype === 'doubleComplex'
  switch (wireType(field)) {
    case 'int2':
      if (datatype === 'unsignedByte') return scalar(byteScalar(field), Buffer.alloc(1))
      return { ...scalar(copyBytes, nullInteger ?? Buffer.alloc(2)), copy: 2 }
    case 'int4':
      return { ...scalar(copyBytes, nullInteger ?? Buffer.alloc(4)), copy: 4 }
    case 'int8':
      return { ...scalar(copyBytes, nullInteger ?? Buffer.alloc(8)), copy: 8 }
    case 'float4':
      return { ...scalar(copyBytes, NAN4), copy: 4 }
    case 'float8':
      return { ...scalar(copyBytes, NAN8), copy: 8 }
    case 'bool':
      return datatype === 'bit' ? scalar(bitScalar, Buffer.alloc(1)) : scalar(booleanScalar, unknown)
    case 'text': {
      const characters = datatype === 'char' ? asciiText(field, spelling) : utf16Text
      if (shape.width === undefined)
        return { ...scalar(counted(characters, size), NO_ELEMENTS), growth: textGrowth }
      const bytes = shape.width * size
      return { ...scalar(padded(field, characters, bytes), Buffer.alloc(bytes)), growth: textGrowth }
    }
    case 'bytea':
      return scalar(byteArray(field, shape), shape.variable ? NO_ELEMENTS : Buffer.alloc(shape.items))
    case 'bool[]':
      if (datatype === 'bit') {
        return scalar(
          bitArray(field, shape),
          shape.variable ? NO_ELEMENTS : Buffer.alloc((shape.items + 7) >> 3),
        )
      }
      return array(field, shape, { encode: booleanScalar, filler: unknown, primitives: 1 }, unknown)
    case 'text[]': {
      if (shape.width === undefined) {
        throw new ServiceError(
          'internal',
          `Column ${field.name}: strings in an array need a length, e.g. "8x*".`,
        )
      }
      const characters = datatype === 'char' ? asciiText(field, spelling) : utf16Text
      const filler = Buffer.alloc(shape.width * size)
      const encode = padded(field, characters, filler.length)
      const cell = array(field, shape, { encode, filler, primitives: shape.width }, filler)
      return { ...cell, growth: textGrowth + filler.length }
    }
    case 'int2[]':
    case 'int4[]':
    case 'int8[]':
      return array(
        field,
        shape,
        { encode: copyBytes, filler: nullInteger, primitives: 1 },
        nullInteger ?? Buffer.alloc(size),
      )
    case 'float4[]':
    case 'float8[]': {
      const filler = size === 4 ? NAN4 : NAN8
      return array(field, shape, { encode: copyBytes, filler, primitives: isComplex ? 0.5 : 1 }, filler)
    }
  }
}

function scalar(encode: CellEncoder, filler: Buffer): BinaryCell {
  return { copy: 0, encode, filler, growth: 1 }
}

/** NULL as a whole is no elements, or as many fillers as a fixed size wants. */
function array(field: Field, shape: Shape, element: Element, filler: Buffer): BinaryCell {
  const fillers = shape.variable ? NO_ELEMENTS : Buffer.concat(Array<Buffer>(shape.items).fill(filler))
  // A NULL element is 4 bytes on the wire.
  return { ...scalar(elements(field, shape, element), fillers), growth: Math.max(1, filler.length / 4) }
}

function copyBytes(data: Buffer, p: number, length: number, out: Buffer, o: number): number {
  for (const end = p + length; p < end; ) out[o++] = data[p++]!
  return o
}

function writeInt32(out: Buffer, o: number, value: number): number {
  out[o] = value >> 24
  out[o + 1] = value >> 16
  out[o + 2] = value >> 8
  out[o + 3] = value
  return o + 4
}

function booleanScalar(data: Buffer, p: number, _length: number, out: Buffer, o: number): number {
  out[o] = data[p] ? 0x54 : 0x46
  return o + 1
}

/** The first bit of the byte is the value (§5.3); astropy looks at 0x08, which is padding, so that is set too. */
function bitScalar(data: Buffer, p: number, _length: number, out: Buffer, o: number): number {
  out[o] = data[p] ? 0x88 : 0
  return o + 1
}

function byteScalar(field: Field): CellEncoder {
  return (data, p, _length, out, o) => {
    if (data[p] !== 0) {
      const value = data.readInt16BE(p)
      throw new ServiceError('internal', `Column ${field.name} is an unsignedByte and holds ${value}.`)
    }
    out[o] = data[p + 1]!
    return o + 1
  }
}

/** UTF-8 in, one byte a character out. What is not ASCII is spelled `\uXXXX`: readers take other bytes for an error
 * (astropy) or for Latin-1 (STIL 4.1), and VOTable has no other type that would fit the FIELD already sent. */
function asciiText(field: Field, { notAscii, printable }: BinarySpelling): CellEncoder {
  const [first, last, others] = printable
    ? ([0x20, 0x7e, /[^ -~]/g] as const)
    : ([0, 0x7f, /[^\0-\x7f]/g] as const)
  return (data, p, length, out, o) => {
    const from = p
    const start = o
    for (const end = p + length; p < end; ) {
      const byte = data[p++]!
      if (byte > last || byte < first) {
        notAscii(field)
        const spelled = data.toString('utf8', from, end).replace(others, escapeUnit)
        return start + out.write(spelled, start, 'latin1')
      }
      out[o++] = byte
    }
    return o
  }
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** UTF-16, characters outside the basic plane as surrogate pairs: what Java and astropy read. */
function utf16Text(data: Buffer, p: number, length: number, out: Buffer, o: number): number {
  const text = data.toString('utf8', p, p + length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    out[o++] = unit >> 8
    out[o++] = unit
  }
  return o
}

function counted(characters: CellEncoder, size: number): CellEncoder {
  return (data, p, length, out, o) => {
    const end = characters(data, p, length, out, o + 4)
    writeInt32(out, o, (end - o - 4) / size)
    return end
  }
}

/** A string of fixed length, padded with NUL. */
function padded(field: Field, characters: CellEncoder, bytes: number): CellEncoder {
  return (data, p, length, out, o) => {
    const end = characters(data, p, length, out, o)
    if (end - o > bytes) {
      throw new ServiceError(
        'internal',
        `Column ${field.name}: a string does not fit arraysize "${field.arraysize}".`,
        {
          detail: `It is: ${data.toString('utf8', p, p + length)}`,
        },
      )
    }
    out.fill(0, end, o + bytes)
    return o + bytes
  }
}

/** An array's number of values against its declared size: nothing is cut or padded. */
export function checkItems(field: Field, shape: Shape, items: number): void {
  if (shape.variable ? items % shape.items === 0 : items === shape.items) return
  throw new ServiceError(
    'internal',
    `Column ${field.name}: an array of ${items} values does not fit arraysize "${field.arraysize}".`,
  )
}

export function nullElement(field: Field): ServiceError {
  return new ServiceError(
    'internal',
    `Column ${field.name}: an array holds a NULL, which VOTable cannot say for ${field.datatype}.`,
  )
}

function byteArray(field: Field, shape: Shape): CellEncoder {
  return (data, p, length, out, o) => {
    checkItems(field, shape, length)
    if (shape.variable) o = writeInt32(out, o, length)
    data.copy(out, o, p, p + length)
    return o + length
  }
}

/**
 * PostgreSQL's array: int32 dimensions, int32 whether there are NULLs, int32 type, for each dimension int32 size and
 * int32 lower bound, then the elements, each after its int32 length. Its last dimension varies fastest and VOTable's
 * first: the order of the elements is the same.
 */
export function readArrayHead(data: Buffer, p: number): { items: number; first: number } {
  const dimensions = cellLength(data, p)
  let items = dimensions === 0 ? 0 : 1
  for (let d = 0; d < dimensions; d++) items *= cellLength(data, p + 12 + 8 * d)
  return { items, first: p + 12 + 8 * dimensions }
}

function elements(field: Field, shape: Shape, element: Element): CellEncoder {
  return (data, p, _length, out, o) => {
    const { items, first } = readArrayHead(data, p)
    checkItems(field, shape, items)
    if (shape.variable) o = writeInt32(out, o, items * element.primitives)
    let q = first
    for (let i = 0; i < items; i++) {
      const length = cellLength(data, q)
      q += 4
      if (length < 0) {
        if (element.filler === undefined) throw nullElement(field)
        o += element.filler.copy(out, o)
      } else {
        o = element.encode(data, q, length, out, o)
        q += length
      }
    }
    return o
  }
}

/** Bits fill bytes from the most significant on; the last byte is padded with 0 (§5.3). */
function bitArray(field: Field, shape: Shape): CellEncoder {
  return (data, p, _length, out, o) => {
    const { items, first } = readArrayHead(data, p)
    checkItems(field, shape, items)
    if (shape.variable) o = writeInt32(out, o, items)
    const bytes = (items + 7) >> 3
    out.fill(0, o, o + bytes)
    let q = first
    for (let i = 0; i < items; i++) {
      if (cellLength(data, q) < 0) throw nullElement(field)
      if (data[q + 4]) out[o + (i >> 3)]! |= 0x80 >> (i & 7)
      q += 5
    }
    return o + bytes
  }
}

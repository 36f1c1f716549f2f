/** Cells that are texts (VOTable 1.5 §5.1: TABLEDATA; CSV and others spell values alike) as PostgreSQL's values. */
import type { Field, Shape } from '../field.ts'
import { isShape, isString, shapeOf, wireType } from '../field.ts'
import type { Facts } from '../table-source.ts'
import {
  beginArray,
  endArray,
  markBad,
  OID,
  putBoolean,
  putBytes,
  putFloat32,
  putFloat64,
  putInt16,
  putInt32,
  putInt64,
  putLength,
  putNull,
  putSafeInteger,
  putText,
  type Tuples,
} from '../tuple.ts'
import { readDouble, readInteger, trimEnd, trimStart } from './number.ts'

/** Appends the value of the text in UTF-8 from `from` to `to`; marks the row bad where it is none. */
export type TextCell = (data: Buffer, from: number, to: number, tuples: Tuples) => void

/**
 * The cell of column `index`. An empty text and NaN as a single number are NULL; so is what equals `nullText`
 * (VALUES null) in numbers.
 */
export function textCell(field: Field, index: number, facts: Facts, nullText?: string): TextCell {
  const wire = wireType(field)
  if (isString(field)) {
    const { width } = shapeOf(field)
    if (wire === 'text[]') return stringsCell(field, width, index, facts)
    return stringCell(field, maxWidth(field), index, facts)
  }
  const put = scalarOf(field)
  const isNull = nullTest(nullText)
  if (field.arraysize === undefined && !wire.endsWith('[]')) {
    return (data, from, to, t) => {
      const start = trimStart(data, from, to)
      const end = trimEnd(data, start, to)
      if (start === end || isNull?.(data, start, end)) putNull(t)
      else if (!put(data, start, end, t)) {
        if (!isNullWord(data, start, end))
          markBad(t, `column ${field.name}: ${shown(data, start, end)} is no ${nameOf(field)}`)
        putNull(t)
      }
    }
  }
  if (wire === 'bytea') return bytesCell(field)
  return arrayCell(field, put)
}

/** Characters that a string may have; undefined for any number. */
function maxWidth({ arraysize }: Field): number | undefined {
  if (arraysize === undefined) return 1
  const width = Number.parseInt(arraysize, 10)
  return Number.isNaN(width) ? undefined : width
}

function stringCell(field: Field, width: number | undefined, index: number, facts: Facts): TextCell {
  return (data, from, to, t) => {
    if (from === to) {
      putNull(t)
      return
    }
    if (putUtf8(data, from, to, t, field)) facts.unicode.add(index)
    if (width !== undefined && to - from > width && data.toString('utf8', from, to).length > width)
      facts.long.add(index)
  }
}

/** True when it is not ASCII. */
function putUtf8(data: Buffer, from: number, to: number, t: Tuples, field: Field): boolean {
  putLength(t, to - from)
  const out = t.data
  let o = t.at
  let high = 0
  let hasNul = false
  for (let p = from; p < to; p++) {
    const byte = data[p]!
    high |= byte
    if (byte === 0) hasNul = true
    out[o++] = byte
  }
  t.at = o
  if (hasNul) {
    markBad(t, `column ${field.name}: the text has a NUL character`)
    t.at -= to - from + 4
    putNull(t)
  }
  return high > 0x7f
}

/** Strings of equal width one after the other, the last perhaps shorter; blanks at their ends are padding. */
function stringsCell(field: Field, width: number | undefined, index: number, facts: Facts): TextCell {
  const step = width ?? 1
  return (data, from, to, t) => {
    if (from === to) {
      putNull(t)
      return
    }
    const text = data.toString('utf8', from, to)
    const strings = Array.from({ length: Math.ceil(text.length / step) }, (_, i) =>
      text.slice(i * step, (i + 1) * step).trimEnd(),
    )
    if (to - from !== text.length) facts.unicode.add(index)
    putStrings(t, field, strings)
  }
}

export function putStrings(t: Tuples, field: Field, strings: readonly string[]): void {
  const { items, variable } = shapeOf(field)
  const wanted = variable ? strings.length : items
  if (strings.length > wanted) markBad(t, `column ${field.name}: more than ${items} strings`)
  const lengthAt = beginArray(t, OID.text, wanted)
  for (let i = 0; i < wanted; i++) putText(t, (strings[i] ?? '').replaceAll('\0', ''))
  endArray(t, lengthAt)
}

/** Appends one value; false where the text is none, and nothing is appended. */
export type PutScalar = (data: Buffer, from: number, to: number, t: Tuples) => boolean

export function scalarOf({ datatype }: Pick<Field, 'datatype'>): PutScalar {
  switch (datatype) {
    case 'boolean':
      return putBooleanText
    case 'bit':
      return putBit
    case 'unsignedByte':
      return integer(0, 255, putInt16)
    case 'short':
      return integer(-(2 ** 15), 2 ** 15 - 1, putInt16)
    case 'int':
      return integer(-(2 ** 31), 2 ** 31 - 1, putInt32)
    case 'long':
      return putLong
    case 'float':
    case 'floatComplex':
      return putFloat
    default:
      return putDouble
  }
}

function integer(low: number, high: number, put: (t: Tuples, value: number) => void): PutScalar {
  return (data, from, to, t) => {
    const value = readInteger(data, from, to) ?? hexadecimal(data, from, to)
    if (value === undefined || value < low || value > high) return false
    put(t, Number(value))
    return true
  }
}

const putLong: PutScalar = (data, from, to, t) => {
  const value = readInteger(data, from, to) ?? hexadecimal(data, from, to)
  if (typeof value === 'number') putSafeInteger(t, value)
  else if (value === undefined || BigInt.asIntN(64, value) !== value) return false
  else putInt64(t, value)
  return true
}

/** VOTable 1.5 §5.1: `0x1F`. */
function hexadecimal(data: Buffer, from: number, to: number): bigint | undefined {
  const match = /^([+-]?)0x([0-9a-f]{1,16})$/i.exec(data.toString('latin1', from, Math.min(to, from + 20)))
  if (!match) return undefined
  return match[1] === '-' ? -BigInt(`0x${match[2]}`) : BigInt(`0x${match[2]}`)
}

const putFloat: PutScalar = (data, from, to, t) => {
  const value = readDouble(data, from, to)
  if (value === undefined || (Number.isFinite(value) && Math.abs(value) > MAX_FLOAT)) return false
  if (Number.isNaN(value)) putNull(t)
  else putFloat32(t, value)
  return true
}

/** What rounds to the largest float. */
const MAX_FLOAT = 3.4028235677973366e38

const putDouble: PutScalar = (data, from, to, t) => {
  const value = readDouble(data, from, to)
  if (value === undefined) return false
  if (Number.isNaN(value)) putNull(t)
  else putFloat64(t, value)
  return true
}

const putBooleanText: PutScalar = (data, from, to, t) => {
  const text = data.toString('latin1', from, Math.min(to, from + 6)).toLowerCase()
  if (text === 't' || text === 'true' || text === '1') putBoolean(t, true)
  else if (text === 'f' || text === 'false' || text === '0') putBoolean(t, false)
  else if (text === '?') putNull(t)
  else return false
  return true
}

const putBit: PutScalar = (data, from, to, t) => {
  if (to - from !== 1 || (data[from]! | 1) !== 0x31) return false
  putBoolean(t, data[from] === 0x31)
  return true
}

/** Values with blanks between; of bits the blanks may be missing. */
const NAN = /^[+-]?nan$/i

function arrayCell(field: Field, put: PutScalar): TextCell {
  const shape = shapeOf(field)
  const { datatype } = field
  const oid = elementOid(field)
  const tokens = datatype === 'bit' ? /[^\s]/g : /[^\s,]+/g
  // NaN within an array stays a number: only whole cells are NULL, and shapes of nothing else.
  const isFloat = oid === OID.float4 || oid === OID.float8
  const isNanNull = isFloat && isShape(field)
  return (data, from, to, t) => {
    const texts = data.toString('latin1', from, to).match(tokens)
    if (!texts || (isNanNull && texts.every(text => NAN.test(text)))) {
      putNull(t)
      return
    }
    const bad = countProblem(shape, texts.length)
    if (bad) {
      markBad(t, `column ${field.name}: ${bad}`)
      putNull(t)
      return
    }
    const lengthAt = beginArray(t, oid, texts.length)
    for (const text of texts) {
      const bytes = Buffer.from(text, 'latin1')
      if (isFloat && NAN.test(text)) {
        if (oid === OID.float4) putFloat32(t, Number.NaN)
        else putFloat64(t, Number.NaN)
      } else if (!put(bytes, 0, bytes.length, t)) {
        markBad(t, `column ${field.name}: ${JSON.stringify(text.slice(0, 40))} is no ${nameOf(field)}`)
        putNull(t)
      }
    }
    endArray(t, lengthAt)
  }
}

export function elementOid(field: Field): number {
  const wire = wireType({ datatype: field.datatype, arraysize: '*' })
  if (wire === 'bytea') return OID.int2
  return OID[wire.replace('[]', '') as keyof typeof OID]
}

/** Why so many values are not what the arraysize says. */
export function countProblem({ items, variable }: Shape, found: number): string | undefined {
  if (variable ? found % items === 0 : found === items) return undefined
  return `${found} values, not ${variable ? `a multiple of ${items}` : items}`
}

function bytesCell(field: Field): TextCell {
  const shape = shapeOf(field)
  return (data, from, to, t) => {
    const texts = data.toString('latin1', from, to).match(/\S+/g)
    if (!texts) {
      putNull(t)
      return
    }
    const values = texts.map(text => (/^(\d{1,3}|0x[0-9a-f]{1,2})$/i.test(text) ? Number(text) : Number.NaN))
    const wrong = values.findIndex(value => !(value <= 255))
    const bad =
      wrong >= 0 ? `${JSON.stringify(texts[wrong])} is no unsigned byte` : countProblem(shape, values.length)
    if (bad) {
      markBad(t, `column ${field.name}: ${bad}`)
      putNull(t)
    } else putBytes(t, Uint8Array.from(values))
  }
}

type IsNull = (data: Buffer, from: number, to: number) => boolean

/** Equal as texts or as numbers (`-99` and `-99.0`). */
function nullTest(nullText: string | undefined): IsNull | undefined {
  const text = nullText?.trim()
  if (!text) return undefined
  const bytes = Buffer.from(text)
  const number = readDouble(bytes, 0, bytes.length)
  return (data, from, to) => {
    if (to - from === bytes.length && data.compare(bytes, 0, bytes.length, from, to) === 0) return true
    return number !== undefined && Math.abs(number) < 2 ** 53 && readDouble(data, from, to) === number
  }
}

/** `null`, as IRSA and others write into numbers. */
function isNullWord(data: Buffer, from: number, to: number): boolean {
  return to - from === 4 && data.toString('latin1', from, to).toLowerCase() === 'null'
}

/** A value for a message. */
export function shown(data: Buffer, from: number, to: number): string {
  const text = data.toString('utf8', from, Math.min(to, from + 40))
  return JSON.stringify(to - from > 40 ? `${text}…` : text)
}

const NAMES: Partial<Record<Field['datatype'], string>> = {
  unsignedByte: 'integer from 0 to 255',
  short: '16-bit integer',
  int: '32-bit integer',
  long: '64-bit integer',
  boolean: 'boolean',
  bit: 'bit',
}

function nameOf({ datatype }: Field): string {
  return NAMES[datatype] ?? `number (${datatype})`
}

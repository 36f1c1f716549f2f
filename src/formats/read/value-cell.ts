/** Cells that a library has decoded into JavaScript's values (Parquet, Arrow, JSON) as PostgreSQL's values. */
import type { Datatype, Field } from '../../votable/field.ts'
import { shapeOf, wireType } from '../../votable/field.ts'
import { countProblem, elementOid } from '../../votable/read/text-cell.ts'
import type { Facts } from '../../votable/table-source.ts'
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
  putNull,
  putSafeInteger,
  putText,
  type Tuples,
} from '../../votable/tuple.ts'

/** Appends a value; null and undefined are NULL, and so is NaN where it is a single number. */
export type ValueCell = (value: unknown, tuples: Tuples) => void

export function valueCell(field: Field, index: number, facts: Facts): ValueCell {
  const wire = wireType(field)
  const bad = (t: Tuples, why: string) => {
    markBad(t, `column ${field.name}: ${why}`)
    putNull(t)
  }
  if (wire === 'text') {
    const limit = field.arraysize === undefined ? 1 : Number.parseInt(field.arraysize, 10)
    return (value, t) => {
      if (value === null || value === undefined) {
        putNull(t)
        return
      }
      const text = String(value)
      if (text.includes('\0')) {
        bad(t, 'the text has a NUL character')
        return
      }
      const before = t.at
      putText(t, text)
      if (t.at - before - 4 !== text.length) facts.unicode.add(index)
      if (text.length > limit) facts.long.add(index)
    }
  }
  const put = scalarOf(field.datatype)
  if (!wire.endsWith('[]') && wire !== 'bytea') {
    return (value, t) => {
      if (value === null || value === undefined || Number.isNaN(value)) putNull(t)
      else if (!put(value, t)) bad(t, `${String(value)} is no ${field.datatype}`)
    }
  }
  const shape = shapeOf(field)
  return (value, t) => {
    if (value === null || value === undefined) {
      putNull(t)
      return
    }
    const values = Array.from(value as ArrayLike<unknown>)
    if (wire === 'text[]') {
      putTexts(values, t, index, facts)
      return
    }
    const problem = countProblem(shape, values.length)
    if (problem) bad(t, problem)
    else if (wire === 'bytea') putBytes(t, Uint8Array.from(values as number[]))
    else putArray(values, t, field, put)
  }
}

function putTexts(values: readonly unknown[], t: Tuples, index: number, facts: Facts): void {
  const lengthAt = beginArray(t, OID.text, values.length)
  for (const value of values) {
    const text = value === null || value === undefined ? '' : String(value)
    if (!/^[\0-\x7f]*$/.test(text)) facts.unicode.add(index)
    putText(t, text.replaceAll('\0', ''))
  }
  endArray(t, lengthAt)
}

/** A number that is null within an array of floats is NaN, as VOTable has it. */
function putArray(values: readonly unknown[], t: Tuples, field: Field, put: PutValue): void {
  const oid = elementOid(field)
  const isFloat = oid === OID.float4 || oid === OID.float8
  const lengthAt = beginArray(t, oid, values.length)
  for (const value of values) {
    if (value === null || value === undefined) {
      if (isFloat) put(Number.NaN, t)
      else {
        if (oid !== OID.bool) markBad(t, `column ${field.name}: a null within an array of ${field.datatype}`)
        putNull(t)
      }
    } else if (!put(value, t)) {
      markBad(t, `column ${field.name}: ${String(value)} is no ${field.datatype}`)
      putNull(t)
    }
  }
  endArray(t, lengthAt)
}

/** Appends a value; false when it does not fit the type, and nothing is appended. */
type PutValue = (value: unknown, t: Tuples) => boolean

function scalarOf(datatype: Datatype): PutValue {
  switch (datatype) {
    case 'boolean':
    case 'bit':
      return (value, t) => {
        putBoolean(t, Boolean(value))
        return true
      }
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
      return (value, t) => {
        putFloat32(t, Number(value))
        return true
      }
    default:
      return (value, t) => {
        putFloat64(t, Number(value))
        return true
      }
  }
}

function integer(low: number, high: number, put: (t: Tuples, value: number) => void): PutValue {
  return (value, t) => {
    const number = Number(value)
    if (!Number.isInteger(number) || number < low || number > high) return false
    put(t, number)
    return true
  }
}

const putLong: PutValue = (value, t) => {
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) !== value) return false
    putInt64(t, value)
  } else {
    if (!Number.isSafeInteger(value)) return false
    putSafeInteger(t, value as number)
  }
  return true
}

/** What is nested, as JSON: 64-bit integers with all digits, NaN as null. */
export function jsonText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  const plain = (v: unknown): unknown => {
    if (typeof v === 'bigint') return Number.isSafeInteger(Number(v)) ? Number(v) : String(v)
    if (ArrayBuffer.isView(v)) return [...(v as Uint8Array)].map(plain)
    if (typeof v !== 'object' || v === null || Array.isArray(v)) return v
    const json = (v as { toJSON?: () => unknown }).toJSON?.()
    return json ?? v
  }
  return JSON.stringify(value, (_, v) => plain(v))
}

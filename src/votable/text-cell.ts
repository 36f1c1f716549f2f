/**
 * One cell from PostgreSQL's text output to the spelling of a text format. PostgreSQL prints the shortest digits that
 * read back to the same number, so digits are copied; `Infinity`, booleans and the framing of arrays differ.
 */

import { ServiceError } from '../error.ts'
import type { CellEncoder } from './binary-cell.ts'
import { checkItems, nullElement } from './binary-cell.ts'
import type { Field, Shape } from './field.ts'
import { isString, shapeOf, wireType } from './field.ts'

/** How a format spells values. */
export interface Spelling {
  readonly true: Buffer
  readonly false: Buffer
  readonly nan: Buffer
  readonly positiveInfinity: Buffer
  readonly negativeInfinity: Buffer
  /** A string: UTF-8 in, escaped and quoted as the format wants it out; at most 6 bytes for one, plus 2. */
  readonly string: CellEncoder
  /** A 64-bit integer, where it is not written as its digits. */
  readonly long?: CellEncoder
  /** What stands before, between and after the elements of an array. */
  readonly list: { readonly open: Buffer; readonly between: Buffer; readonly close: Buffer }
  /** NULL within an array, where the format has one; VOTable has NaN and `?`, and none for other types. */
  readonly nullElement?: Buffer
  /** What a polygon without vertices, which is no shape, is written as; nothing by default. */
  readonly emptyPolygon?: Buffer
  /** Strings in an array are padded with blanks to their declared length (VOTable 1.5 §5.1), not delimited. */
  readonly paddedStrings: boolean
}

/** The cell of a column; undefined for a number, which `numberCell` writes. */
export function textCell(field: Field, spelling: Spelling): CellEncoder | undefined {
  const type = wireType(field)
  const shape = shapeOf(field)
  if (type === 'bytea') return byteList(field, shape, spelling)
  if (type === 'text[]' && spelling.paddedStrings) return paddedList(field, shape, spelling)
  if (type.endsWith('[]'))
    return list(field, shape, element(field, spelling) ?? numberCell(spelling), spelling)
  return element(field, spelling)
}

/** Output bytes per wire byte at most: an escaped character, or the blanks after a string in an array. */
export function textGrowth(field: Field): number {
  const { width } = shapeOf(field)
  return wireType(field) === 'text[]' ? 6 + (width ?? 0) : 6
}

function element(field: Field, spelling: Spelling): CellEncoder | undefined {
  switch (field.datatype) {
    case 'boolean':
      return booleanCell(spelling.true, spelling.false)
    case 'bit':
      return booleanCell(ONE, ZERO)
    case 'char':
    case 'unicodeChar':
      return spelling.string
    case 'long':
      return spelling.long
    default:
      return undefined
  }
}

const ONE = Buffer.from('1')
const ZERO = Buffer.from('0')
const NOTHING = Buffer.alloc(0)

/** Copies constant bytes. */
export function put(bytes: Buffer, out: Buffer, o: number): number {
  for (let i = 0; i < bytes.length; i++) out[o++] = bytes[i]!
  return o
}

function booleanCell(yes: Buffer, no: Buffer): CellEncoder {
  return (data, p, _length, out, o) => put(data[p] === 0x74 ? yes : no, out, o)
}

/** Digits as they are; `NaN`, `Infinity` and `-Infinity` as the format spells them. */
export function numberCell(spelling: Spelling): CellEncoder {
  return (data, p, length, out, o) => {
    const first = data[p]!
    if (first > 0x39) return put(first === 0x4e ? spelling.nan : spelling.positiveInfinity, out, o)
    if (first === 0x2d && data[p + 1]! > 0x39) return put(spelling.negativeInfinity, out, o)
    for (const end = p + length; p < end; ) out[o++] = data[p++]!
    return o
  }
}

/** `\x0aff`, PostgreSQL's hexadecimal bytea, as a list of numbers. */
function byteList(field: Field, shape: Shape, spelling: Spelling): CellEncoder {
  const { open, between, close } = spelling.list
  return (data, p, length, out, o) => {
    const bytes = Buffer.from(data.toString('latin1', p + 2, p + length), 'hex')
    checkItems(field, shape, bytes.length)
    o = put(open, out, o)
    for (let i = 0; i < bytes.length; i++) {
      if (i > 0) o = put(between, out, o)
      o += out.write(String(bytes[i]), o, 'latin1')
    }
    return put(close, out, o)
  }
}

const COMMA = 0x2c
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const EQUALS = 0x3d

/**
 * `{1,2,NULL}`, `{{1,2},{3,4}}`, `{"a b",c}`, `[0:1]={1,2}` (PostgreSQL 8.15.6): braces only frame, for the last
 * dimension of PostgreSQL varies fastest as the first of VOTable does.
 */
function list(field: Field, shape: Shape, write: CellEncoder, spelling: Spelling): CellEncoder {
  const { open, between, close } = spelling.list
  const none = spelling.nullElement ?? nullInVotable(field, spelling)
  const isPolygon = field.xtype === 'polygon' && spelling.emptyPolygon !== undefined

  return (data, p, length, out, o) => {
    const end = p + length
    let q = p
    if (data[q] !== OPEN) q = data.indexOf(EQUALS, q) + 1
    o = put(open, out, o)
    let items = 0
    while (q < end) {
      const byte = data[q]!
      if (byte === OPEN || byte === CLOSE || byte === COMMA) {
        q++
        continue
      }
      if (items++ > 0) o = put(between, out, o)
      if (byte === QUOTE) {
        const from = ++q
        while (data[q] !== QUOTE) q += data[q] === BACKSLASH ? 2 : 1
        const text = Buffer.from(data.toString('utf8', from, q).replace(/\\(.)/gs, '$1'))
        o = write(text, 0, text.length, out, o)
        q++
        continue
      }
      const from = q
      while (data[q] !== COMMA && data[q] !== CLOSE) q++
      if (q - from === 4 && data.toString('latin1', from, q) === 'NULL') {
        if (none === undefined) throw nullElement(field)
        o = isString(field) && !spelling.nullElement ? write(data, q, 0, out, o) : put(none, out, o)
      } else {
        o = write(data, from, q - from, out, o)
      }
    }
    checkItems(field, shape, items)
    if (items === 0 && isPolygon) o = put(spelling.emptyPolygon!, out, o)
    return put(close, out, o)
  }
}

/** An empty string is written as such, an element of its own. */
function nullInVotable(field: Field, spelling: Spelling): Buffer | undefined {
  if (field.datatype === 'boolean') return Buffer.from('?')
  if (isString(field)) return NOTHING
  const type = wireType(field)
  return type === 'float4[]' || type === 'float8[]' ? spelling.nan : undefined
}

/** Strings padded with blanks to their declared length, one after the other, as one string of the format. */
function paddedList(field: Field, shape: Shape, spelling: Spelling): CellEncoder {
  const { width } = shape
  if (width === undefined) {
    throw new ServiceError('internal', `Column ${field.name}: strings in an array need a length, e.g. "8x*".`)
  }
  const padded: CellEncoder = (data, p, length, out, o) => {
    const text = data.toString('utf8', p, p + length)
    if (text.length > width) {
      throw new ServiceError(
        'internal',
        `Column ${field.name}: a string does not fit arraysize "${field.arraysize}".`,
        {
          detail: `It is: ${text}`,
        },
      )
    }
    return o + out.write(text.padEnd(width), o)
  }
  const framing = { open: NOTHING, between: NOTHING, close: NOTHING }
  const all = list(field, shape, padded, { ...spelling, list: framing })
  return (data, p, length, out, o) => {
    const text = Buffer.allocUnsafe(length * (width + 1))
    return spelling.string(text, 0, all(data, p, length, text, 0), out, o)
  }
}

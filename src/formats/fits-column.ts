/**
 * Columns of a FITS binary table (FITS Standard 4.0 §7.3) for rows that have all been seen once: strings are as wide
 * as the longest, integers that have NULLs get a TNULL that no row holds, arrays of any length go to the heap.
 */
import { ServiceError } from '../error.ts'
import type { BinaryCell, CellEncoder } from '../votable/binary-cell.ts'
import { binaryCell, readArrayHead } from '../votable/binary-cell.ts'
import { cellLength, openRow } from '../votable/encode.ts'
import type { Datatype, Field } from '../votable/field.ts'
import { shapeOf, wireType } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'

/** What one column's values have shown. */
export interface Survey {
  nulls: boolean
  /** Which of the 256 smallest integers of the type occur. */
  readonly smallest: Uint8Array
  /** Most and all elements of an array, or bytes of a string. */
  most: number
  total: number
  /** Bytes of the longest string in an array. */
  width: number
  /** A string is not ASCII. */
  spelled: boolean
}

export interface FitsColumn {
  /** The field as it was asked for. */
  readonly field: Field
  readonly form: string
  /** TDIMn. */
  readonly dims?: string
  /** TNULLn. */
  readonly nullValue?: string
  /** The cell in the row: a value, or the descriptor of elements in the heap. */
  readonly cell: BinaryCell
  /** Writes the elements to the heap. */
  readonly heap?: CellEncoder
  readonly heapBytes: number
}

const FORM: Record<Datatype, readonly [letter: string, bytes: number]> = {
  boolean: ['L', 1],
  bit: ['X', 1],
  unsignedByte: ['B', 1],
  short: ['I', 2],
  int: ['J', 4],
  long: ['K', 8],
  char: ['A', 1],
  unicodeChar: ['A', 1],
  float: ['E', 4],
  double: ['D', 8],
  floatComplex: ['C', 8],
  doubleComplex: ['M', 16],
}

const INTEGER_BYTES: Partial<Record<Datatype, 2 | 4 | 8>> = { short: 2, int: 4, long: 8 }

/** Counts bytes of UTF-8 as `asciiText` of BINARY writes them: 1 for ASCII, 6 for each UTF-16 unit else. */
function spelledLength(data: Buffer, p: number, length: number): number {
  let bytes = 0
  for (const end = p + length; p < end; p++) {
    const byte = data[p]!
    if (byte >= 0x20 && byte < 0x7f) bytes++
    else if (byte < 0x80) bytes += 6
    else if (byte >= 0xf0) bytes += 12
    else if (byte >= 0xc0) bytes += 6
  }
  return bytes
}

/** Elements of an array or bytes of a string: what a descriptor counts, but for complex numbers and strings. */
function measureOf(field: Field): ((data: Buffer, p: number, length: number) => number) | undefined {
  const type = wireType(field)
  if (type === 'text') return spelledLength
  if (type === 'bytea') return (_data, _p, length) => length
  return type.endsWith('[]') ? (data, p) => readArrayHead(data, p).items : undefined
}

/** Looks at every value of a batch. */
export function surveyRows(fields: readonly Field[]): {
  surveys: readonly Survey[]
  look: (batch: RowBatch) => void
} {
  const surveys = fields.map(
    (): Survey => ({
      nulls: false,
      smallest: new Uint8Array(256),
      most: 0,
      total: 0,
      width: 0,
      spelled: false,
    }),
  )
  const measures = fields.map(measureOf)
  const integers = fields.map(field => INTEGER_BYTES[field.datatype])
  const isStrings = fields.map(field => wireType(field) === 'text[]')

  const look = ({ data, starts, count }: RowBatch): void => {
    for (let row = 0; row < count; row++) {
      let p = openRow(data, starts[row]!, fields.length)
      for (let c = 0; c < fields.length; c++) {
        const survey = surveys[c]!
        const length = cellLength(data, p)
        p += 4
        if (length < 0) {
          survey.nulls = true
          continue
        }
        const measure = measures[c]
        if (measure) {
          const items = measure(data, p, length)
          survey.total += items
          if (items > survey.most) survey.most = items
          if (items > length) survey.spelled = true
          if (integers[c] || isStrings[c]) lookAtElements(data, p, isStrings[c]!, survey)
        } else if (integers[c] && data[p] === 0x80) {
          markSmallest(data, p, length, survey)
        }
        p += length
      }
    }
  }
  return { surveys, look }
}

function lookAtElements(data: Buffer, p: number, isStrings: boolean, survey: Survey): void {
  const { items, first } = readArrayHead(data, p)
  let q = first
  for (let i = 0; i < items; i++) {
    const length = cellLength(data, q)
    q += 4
    if (length < 0) {
      survey.nulls = true
      continue
    }
    if (isStrings) {
      const bytes = spelledLength(data, q, length)
      if (bytes > length) survey.spelled = true
      if (bytes > survey.width) survey.width = bytes
    } else if (data[q] === 0x80) markSmallest(data, q, length, survey)
    q += length
  }
}

function markSmallest(data: Buffer, p: number, length: number, survey: Survey): void {
  for (let i = 1; i < length - 1; i++) if (data[p + i] !== 0) return
  survey.smallest[data[p + length - 1]!] = 1
}

/** `nextHeap` reserves bytes in the heap and returns their offset, in 64 bits if `wide`. */
export function fitsColumn(
  field: Field,
  survey: Survey,
  rows: number,
  wide: boolean,
  nextHeap: (bytes: number) => number,
): FitsColumn {
  const stored = storedField(field, survey, rows)
  const { letter, bytes, nullInteger, nullText } = formOf(stored, survey)
  const cell = binaryCell(stored, {
    notAscii: () => {},
    printable: true,
    unknown: Buffer.alloc(1),
    ...nullInteger,
  })
  const shape = shapeOf(stored)
  const isStrings = wireType(stored) === 'text[]'
  const isText = wireType(stored) === 'text'
  const complexParts = letter === 'C' || letter === 'M' ? 2 : 1
  const isHeap = shape.variable || (isText && shape.width === undefined)
  const perItem = isStrings ? shape.width! : 1 / complexParts
  const base = { field, ...(nullText === undefined ? {} : { nullValue: nullText }) }
  if (!isHeap) {
    const count = isText ? shape.width! : isStrings ? shape.width! * shape.items : shape.items / complexParts
    const dims = stored.arraysize?.includes('x') ? { dims: `(${stored.arraysize.replaceAll('x', ',')})` } : {}
    return { ...base, ...dims, form: `${count}${letter}`, cell, heapBytes: 0 }
  }
  const measure = measureOf(stored)!
  const descriptor: CellEncoder = (data, p, length, out, o) => {
    const count = measure(data, p, length) * perItem
    const offset = nextHeap(count * bytes)
    if (!wide) return out.writeInt32BE(offset, out.writeInt32BE(count, o))
    return out.writeBigInt64BE(BigInt(offset), out.writeBigInt64BE(BigInt(count), o))
  }
  const heap: CellEncoder = (data, p, length, out, o) => {
    const end = cell.encode(data, p, length, out, o)
    out.copyWithin(o, o + 4, end)
    return end - 4
  }
  return {
    ...base,
    form: `1${wide ? 'Q' : 'P'}${letter}(${survey.most * perItem})`,
    cell: {
      copy: 0,
      encode: descriptor,
      filler: Buffer.alloc(wide ? 16 : 8),
      growth: Math.max(4, cell.growth),
    },
    heap,
    heapBytes: survey.total * perItem * bytes,
  }
}

/** The column as FITS can hold its values, in VOTable's words. */
function storedField(field: Field, survey: Survey, rows: number): Field {
  const { arraysize } = field
  const type = wireType(field)
  if (type === 'text') {
    // In the heap where padding would take more than four times the strings themselves.
    const isSparse = survey.most * rows > 4 * survey.total + 1_000_000
    const width = shapeOf(field).width
    const fixed = String(Math.max(width ?? 1, survey.most))
    return { ...field, datatype: 'char', arraysize: isSparse && width === undefined ? '*' : fixed }
  }
  if (type === 'text[]') {
    const [, ...dims] = arraysize!.split('x')
    return {
      ...field,
      datatype: 'char',
      arraysize: [Math.max(shapeOf(field).width!, survey.width), ...dims].join('x'),
    }
  }
  if (arraysize === undefined) {
    if (field.datatype === 'bit') return { ...field, datatype: 'boolean' }
    return field.datatype === 'unsignedByte' && survey.nulls ? { ...field, datatype: 'short' } : field
  }
  // An array of fixed size that is NULL has floats to say so with; else it is one of no elements, in the heap.
  const isFloat = field.datatype.startsWith('float') || field.datatype.startsWith('double')
  const any = !isFloat && survey.nulls ? { ...field, arraysize: '*' } : field
  return any.datatype === 'bit' && any.arraysize?.endsWith('*') ? { ...any, datatype: 'boolean' } : any
}

function formOf(stored: Field, survey: Survey) {
  const [letter, bytes] = FORM[stored.datatype]
  const integer = INTEGER_BYTES[stored.datatype]
  if (!integer || !survey.nulls) return { letter, bytes }
  const last = survey.smallest.indexOf(0)
  if (last < 0) {
    const message = `Column ${stored.name} holds the 256 smallest integers of its type: none is left to say NULL in FITS.`
    throw new ServiceError('usage', message, { detail: 'Ask for another RESPONSEFORMAT.' })
  }
  const value = Buffer.alloc(integer)
  value[0] = 0x80
  value[integer - 1]! |= last
  const nullText = String(-(2n ** BigInt(8 * integer - 1)) + BigInt(last))
  return { letter, bytes, nullInteger: { nullInteger: value }, nullText }
}

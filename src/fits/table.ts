/** What the header of a table extension says about its columns (FITS Standard 4.0 §7.2 ASCII, §7.3 binary). */
import type { Hdu } from './hdu.ts'
import { cardValue, fitsError, type Header, integerOf, numberOf, textOf } from './header.ts'

/** Data types of a binary table but for the two descriptors (FITS 4.0 table 18). */
export type BinaryForm = 'L' | 'X' | 'B' | 'I' | 'J' | 'K' | 'A' | 'E' | 'D' | 'C' | 'M'
export type AsciiForm = 'A' | 'I' | 'F' | 'E' | 'D'

interface ColumnText {
  /** From 1, as in TTYPEn. */
  readonly number: number
  /** TTYPEn, without trailing blanks; may be empty, and twice in a table. */
  readonly name: string
  readonly unit: string | undefined
  /** TUCDn, TUTYPn, TXTYPn: written by TOPCAT, the Gaia archive and others, no part of the standard. */
  readonly ucd: string | undefined
  readonly utype: string | undefined
  readonly xtype: string | undefined
  /** TCOMMn (VO tools) or TDOCn (LSST), else the comment of TTYPEn where it tells anything. */
  readonly description: string | undefined
  /** Physical value = zero + scale × stored value. */
  readonly scale: number
  readonly zero: number
}

export interface BinaryColumn extends ColumnText {
  readonly form: BinaryForm
  /** Elements in the row (bits for X, characters for A). 1 for a descriptor. */
  readonly repeat: number
  /** Byte in the row. */
  readonly offset: number
  /** The row holds a descriptor of elements in the heap: two 32-bit (P) or two 64-bit numbers (Q). */
  readonly descriptor: 'P' | 'Q' | undefined
  /** TDIMn, fastest axis first. */
  readonly dims: readonly number[] | undefined
  /** Characters of each string of an array of strings (rAw, or TDIMn of an A column). */
  readonly stringLength: number | undefined
  /** TNULLn: the stored integer that means null. */
  readonly nullValue: bigint | undefined
}

export interface AsciiColumn extends ColumnText {
  readonly form: AsciiForm
  /** First character in the row, from 0. */
  readonly offset: number
  readonly width: number
  /** Digits after a decimal point that is not written. */
  readonly decimals: number
  readonly nullText: string | undefined
}

interface TableExtent {
  readonly header: Header
  readonly rows: number
  readonly rowLength: number
  readonly dataOffset: number
  /** Place and size of the heap; size 0 for none. */
  readonly heapOffset: number
  readonly heapLength: number
}

export type FitsTable = TableExtent &
  (
    | { readonly kind: 'binary'; readonly columns: readonly BinaryColumn[] }
    | { readonly kind: 'ascii'; readonly columns: readonly AsciiColumn[] }
  )

/** Bytes of one element; a bit is counted apart. */
export const ELEMENT_SIZE: Record<BinaryForm, number> = {
  L: 1,
  X: 1 / 8,
  B: 1,
  I: 2,
  J: 4,
  K: 8,
  A: 1,
  E: 4,
  D: 8,
  C: 8,
  M: 16,
}

/** Whether an HDU is a table of rows; a compressed image is stored as one but is none. */
export function isTable({ header }: Hdu): boolean {
  const extension = textOf(header, 'XTENSION')
  if (extension === 'TABLE') return true
  return (extension === 'BINTABLE' || extension === 'A3DTABLE') && cardValue(header, 'ZIMAGE') !== true
}

export function tableOf(hdu: Hdu): FitsTable {
  const { header, dataOffset } = hdu
  const rowLength = integerOf(header, 'NAXIS1')
  const rows = integerOf(header, 'NAXIS2')
  const main = rows * rowLength
  const gap = integerOf(header, 'THEAP', main)
  const heapLength = hdu.dataLength - gap
  if (gap < main || heapLength < 0) {
    throw fitsError(
      header.title,
      `the heap begins at byte ${gap} (THEAP), but rows end at ${main} and data at ${hdu.dataLength} (PCOUNT)`,
    )
  }
  const extent = { header, rows, rowLength, dataOffset, heapOffset: dataOffset + gap, heapLength }
  const count = integerOf(header, 'TFIELDS')
  if (textOf(header, 'XTENSION') === 'TABLE') {
    const columns = Array.from({ length: count }, (_, i) => asciiColumn(header, i + 1, rowLength))
    return { ...extent, kind: 'ascii', columns }
  }
  const columns: BinaryColumn[] = []
  let offset = 0
  for (let n = 1; n <= count; n++) {
    const { column, width } = binaryColumn(header, n, offset)
    columns.push(column)
    offset += width
  }
  if (offset !== rowLength) {
    throw fitsError(header.title, `the columns take ${offset} bytes in a row, but NAXIS1 is ${rowLength}`)
  }
  return { ...extent, kind: 'binary', columns }
}

function binaryColumn(header: Header, n: number, offset: number): { column: BinaryColumn; width: number } {
  const text = columnText(header, n)
  const tform = textOf(header, `TFORM${n}`)
  if (tform === undefined) throw fitsError(header.title, `TFORM${n} is missing (column ${text.name})`)
  const bad = (why: string) => fitsError(header.title, `TFORM${n} = '${tform}' (column ${text.name}) ${why}`)
  const match = /^(\d*)([A-Z])(.*)$/.exec(tform.trim().toUpperCase())
  if (!match) throw bad('is no binary table format')
  const [repeat, letter, rest] = [match[1] === '' ? 1 : Number(match[1]), match[2]!, match[3]!]
  if (letter === 'P' || letter === 'Q') {
    const form = rest[0] ?? ''
    if (!isBinaryForm(form)) throw bad('does not say of what type its elements are')
    if (repeat > 1) throw bad('asks for more than one descriptor')
    const column: BinaryColumn = {
      ...text,
      form,
      repeat,
      offset,
      descriptor: letter,
      dims: undefined,
      stringLength: undefined,
      nullValue: nullInteger(header, n),
    }
    return { column, width: repeat * (letter === 'P' ? 8 : 16) }
  }
  if (!isBinaryForm(letter)) throw bad(`has the unknown type '${letter}'`)
  const dims = dimensions(header, n, repeat)
  const substring = letter === 'A' ? /^:?(?:SSTR)?(\d+)/.exec(rest) : null
  const stringLength =
    letter === 'A' && dims && dims.length > 1 ? dims[0] : substring ? Number(substring[1]) : undefined
  const column: BinaryColumn = {
    ...text,
    form: letter,
    repeat,
    offset,
    descriptor: undefined,
    dims,
    stringLength: stringLength && stringLength < repeat ? stringLength : undefined,
    nullValue: nullInteger(header, n),
  }
  return { column, width: Math.ceil(repeat * ELEMENT_SIZE[letter]) }
}

function asciiColumn(header: Header, n: number, rowLength: number): AsciiColumn {
  const text = columnText(header, n)
  const tform = textOf(header, `TFORM${n}`) ?? ''
  const match = /^([AIFED])(\d+)(?:\.(\d+))?$/.exec(tform.trim().toUpperCase())
  if (!match) {
    throw fitsError(header.title, `TFORM${n} = '${tform}' (column ${text.name}) is no ASCII table format`)
  }
  const offset = integerOf(header, `TBCOL${n}`) - 1
  const width = Number(match[2])
  if (offset < 0 || offset + width > rowLength) {
    throw fitsError(
      header.title,
      `column ${text.name} takes characters ${offset + 1} to ${offset + width} of a row of ${rowLength} (TBCOL${n}, TFORM${n})`,
    )
  }
  const form = match[1] as AsciiForm
  return {
    ...text,
    form,
    offset,
    width,
    decimals: Number(match[3] ?? 0),
    nullText: textOf(header, `TNULL${n}`)?.trim(),
  }
}

function columnText(header: Header, n: number): ColumnText {
  const name = (textOf(header, `TTYPE${n}`) ?? '').trim()
  return {
    number: n,
    name,
    unit: optional(textOf(header, `TUNIT${n}`)),
    ucd: optional(textOf(header, `TUCD${n}`)),
    utype: optional(textOf(header, `TUTYP${n}`)),
    xtype: optional(textOf(header, `TXTYP${n}`)),
    description:
      optional(textOf(header, `TCOMM${n}`)) ?? optional(textOf(header, `TDOC${n}`)) ?? comment(header, n),
    scale: numberOf(header, `TSCAL${n}`) ?? 1,
    zero: numberOf(header, `TZERO${n}`) ?? 0,
  }
}

/** The comment of TTYPEn, unless it is one that cfitsio, astropy or IDL write for every column. */
function comment(header: Header, n: number): string | undefined {
  const text = optional(header.first.get(`TTYPE${n}`)?.comment)
  const generic =
    /^(label|name|title|format)? *(for|of)? *(the )?(field|column)( +(name|label|title|\d+))?[ \d.]*$/i
  return text && !generic.test(text) ? text : undefined
}

function optional(text: string | undefined): string | undefined {
  return text?.trim() || undefined
}

function nullInteger(header: Header, n: number): bigint | undefined {
  const value = cardValue(header, `TNULL${n}`)
  if (value === undefined) return undefined
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  throw fitsError(header.title, `TNULL${n} is ${JSON.stringify(value)}, not a whole number`)
}

/** TDIMn; one that does not fill the column's elements is ignored, as astropy and cfitsio do. */
function dimensions(header: Header, n: number, repeat: number): number[] | undefined {
  const text = textOf(header, `TDIM${n}`)
  if (text === undefined) return undefined
  const match = /^\(\s*\d+(\s*,\s*\d+)*\s*\)$/.test(text.trim())
  if (!match) throw fitsError(header.title, `TDIM${n} = '${text}' is not a list of axes such as (5,10)`)
  const dims = text.match(/\d+/g)!.map(Number)
  return dims.reduce((product, d) => product * d, 1) === repeat ? dims : undefined
}

function isBinaryForm(letter: string): letter is BinaryForm {
  return letter in ELEMENT_SIZE
}

/** Files of light curves, whatever their kind, in one shape: a table of objects and a table of their detections. */
import type { DetectionBlock } from '../datalink/block.ts'
import { type Cell, rowBatch } from '../datalink/rows.ts'
import type { Field } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'

export interface Part {
  readonly fields: readonly Field[]
  /** In PostgreSQL's binary form; once only. */
  batches(): AsyncIterable<RowBatch>
}

export interface LightCurveFiles {
  readonly objects: Part
  readonly detections: Part
  /** The name of the column with the object's identifier, in both. */
  readonly id: string
  /** Of the objects, where the files have positions. */
  readonly position: { readonly ra: string; readonly dec: string } | undefined
  /** What `lightCurves` of the site file has to say about the detections. */
  readonly block: Omit<DetectionBlock, 'table' | 'object'>
  /** What people should know. */
  readonly notices: readonly string[]
}

/** The column that leads from a detection to its object. */
export function idField(name: string, datatype: 'long' | 'char'): Field {
  const field: Field = { name, datatype, ucd: 'meta.id;meta.main', description: 'Identifier of the object' }
  return datatype === 'char' ? { ...field, arraysize: '*' } : field
}

export const RA: Field = { name: 'ra', datatype: 'double', unit: 'deg', ucd: 'pos.eq.ra;meta.main' }
export const DEC: Field = { name: 'dec', datatype: 'double', unit: 'deg', ucd: 'pos.eq.dec;meta.main' }
export const BAND: Field = {
  name: 'band',
  datatype: 'char',
  arraysize: '*',
  ucd: 'instr.bandpass',
  description: 'Band of the observation',
}

/** A part of which all rows are there. */
export function partOf(fields: readonly Field[], rows: readonly (readonly Cell[])[]): Part {
  return {
    fields,
    async *batches() {
      yield rowBatch(fields, rows, 'binary')
    },
  }
}

/** Calibrations are the site's to add. */
export function bandsNamed(names: Iterable<string>): DetectionBlock['bands'] {
  return Object.fromEntries([...new Set(names)].filter(name => name !== '').map(name => [name, {}]))
}

/** The file's name without folder and extensions. */
export function stemOf(file: string): string {
  return file.replace(/^.*\//, '').replace(/\.(gz|csv|tsv|dat|txt|ecsv|vot|xml|fits?|parquet|arrow)\b/gi, '')
}

/** Integers that a table can hold as such: identifiers with leading zeros are texts. */
export function areIntegers(texts: Iterable<string>): boolean {
  for (const text of texts) if (!/^-?(0|[1-9]\d{0,17})$/.test(text)) return false
  return true
}

/** Each row with more cells before its own; `cells` gives their bytes, or undefined for a row that is left out. */
export function withCells(
  { data, starts, count }: RowBatch,
  columns: number,
  cells: (row: number) => readonly Buffer[] | undefined,
): RowBatch {
  const pieces: Buffer[] = []
  const newStarts: number[] = []
  let at = 0
  const put = (bytes: Buffer) => {
    pieces.push(bytes)
    at += bytes.length
  }
  for (let row = 0; row < count; row++) {
    const more = cells(row)
    if (!more) continue
    newStarts.push(at)
    const start = starts[row]! + 2
    let end = start
    for (let c = 0; c < columns; c++) end += 4 + Math.max(0, data.readInt32BE(end))
    const size = Buffer.alloc(2)
    size.writeInt16BE(columns + more.length)
    put(size)
    for (const bytes of more) {
      const length = Buffer.alloc(4)
      length.writeInt32BE(bytes.length)
      put(length)
      put(bytes)
    }
    put(data.subarray(start, end))
  }
  return { data: Buffer.concat(pieces, at), starts: Int32Array.from(newStarts), count: newStarts.length }
}

/** The bytes of an identifier's cell. */
export function idBytes(id: string, field: Field): Buffer {
  if (field.datatype !== 'long') return Buffer.from(id)
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(id))
  return bytes
}

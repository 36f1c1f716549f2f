/**
 * A FITS binary table in the first extension. The primary HDU, which says nothing of the table, leaves at once. NAXIS2,
 * string widths and TNULL must stand in the table's header, before the rows: they are kept (memory, then a nameless
 * file) and go out when PostgreSQL has given the last.
 *
 * UCD, utype, xtype and description travel in TUCDn, TUTYPn, TXTYPn, TCOMMn as TOPCAT writes and reads them. A NULL
 * float is NaN, a NULL boolean 0, a NULL string empty, a NULL array has no elements. Strings are printable ASCII: what is not
 * is spelled `\uXXXX`, and a COMMENT says so. The header says QSTATUS = OVERFLOW when rows are missing. After an error
 * there is no table, which might be taken for a whole one, but an image extension ERROR without data, with the message.
 */
import { tmpdir } from 'node:os'
import { ServiceError } from '../error.ts'
import { headerBytes } from '../fits/card-text.ts'
import { type DocumentHead, recordFailure } from '../votable/document.ts'
import { cellLength, encodeRows, openRow, type RowEncoder } from '../votable/encode.ts'
import type { Field } from '../votable/field.ts'
import type { Outcome, RowSource } from '../votable/row.ts'
import { card, commentary, padding } from './fits-card.ts'
import { type FitsColumn, fitsColumn } from './fits-column.ts'
import { type KeptRows, keepRows } from './fits-rows.ts'
import { throwFailure } from './separated.ts'
import { uniquelyNamed } from './unique.ts'
import type { Writer } from './writer.ts'

async function* writeFits(
  source: RowSource,
  head: DocumentHead,
  folder = async () => tmpdir(),
): AsyncGenerator<Uint8Array, void> {
  const fields = uniquelyNamed(source.fields)
  if (fields.length > 999) {
    throw new ServiceError('usage', `FITS tables have at most 999 columns, this result has ${fields.length}.`)
  }
  yield headerBytes([card('SIMPLE', true), card('BITPIX', 8), card('NAXIS', 0), card('EXTEND', true)])
  const table = await layOut(source, fields, folder).catch(error => {
    recordFailure(source.outcome, noRoom(error))
  })
  if (!table) {
    yield errorHeader(source.outcome, head)
    return
  }
  const { rows, columns, extent } = table
  try {
    const spelled = fields.filter((_, i) => rows.surveys[i]!.spelled)
    yield tableHeader(columns, extent, spelled, source.outcome, head)
    yield* rows.encoded(columns)
    if (extent.heapBytes > 0) yield* encodeRows({ ...source, batches: rows.batches() }, heapEncoder(columns))
    throwFailure(source.outcome)
    yield padding(extent.rows * extent.rowBytes + extent.heapBytes)
  } finally {
    await rows.close()
  }
}

interface Extent {
  readonly rows: number
  readonly rowBytes: number
  readonly heapBytes: number
}

interface Table {
  readonly rows: KeptRows
  readonly columns: readonly FitsColumn[]
  readonly extent: Extent
}

/** Reads all rows; then the columns that hold them are known. */
async function layOut(
  source: RowSource,
  fields: readonly Field[],
  folder: () => Promise<string>,
): Promise<Table> {
  const rows = await keepRows(source, folder)
  try {
    let heapEnd = 0
    const nextHeap = (bytes: number) => {
      heapEnd += bytes
      return heapEnd - bytes
    }
    const columnsFor = (wide: boolean) =>
      fields.map((field, i) => fitsColumn(field, rows.surveys[i]!, rows.rows, wide, nextHeap))
    const narrow = columnsFor(false)
    const heapBytes = narrow.reduce((sum, column) => sum + column.heapBytes, 0)
    const columns = heapBytes < 2 ** 31 ? narrow : columnsFor(true)
    const rowBytes = columns.reduce((sum, { cell }) => sum + cell.filler.length, 0)
    return { rows, columns, extent: { rows: rows.rows, rowBytes, heapBytes } }
  } catch (error) {
    await rows.close()
    throw error
  }
}

function noRoom(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return error
  return new ServiceError('unavailable', 'The service has no room on its disk to gather this FITS table.', {
    detail: 'Ask for fewer rows, or for VOTable, CSV, Arrow or Parquet, which need none.',
    cause: error,
  })
}

function heapEncoder(columns: readonly FitsColumn[]): RowEncoder {
  const heaps = columns.map(column => column.heap)
  const encode = (data: Buffer, start: number, out: Buffer, o: number): number => {
    let p = openRow(data, start, columns.length)
    for (const heap of heaps) {
      const length = cellLength(data, p)
      p += 4
      if (length < 0) continue
      if (heap) o = heap(data, p, length, out, o)
      p += length
    }
    return o
  }
  return { encode, growth: Math.max(...columns.map(column => column.cell.growth)), fixed: 4 }
}

function tableHeader(
  columns: readonly FitsColumn[],
  { rows, rowBytes, heapBytes }: Extent,
  spelled: readonly Field[],
  outcome: Outcome,
  head: DocumentHead,
): Buffer {
  const status = outcome.overflow ? 'OVERFLOW' : 'OK'
  const table = [
    card('XTENSION', 'BINTABLE'),
    card('BITPIX', 8),
    card('NAXIS', 2),
    card('NAXIS1', rowBytes, 'bytes in a row'),
    card('NAXIS2', rows, 'rows'),
    card('PCOUNT', heapBytes, 'bytes in the heap'),
    card('GCOUNT', 1),
    card('TFIELDS', columns.length),
    card('EXTNAME', head.tableName ?? 'result'),
    card('QSTATUS', status, 'OVERFLOW: there are more rows'),
    ...columns.flatMap(columnCards),
    ...history(head),
    ...spelled.map(({ name }) =>
      commentary('COMMENT', `Column ${name}: characters beyond printable ASCII are spelled \\uXXXX.`),
    ),
  ]
  return headerBytes(table)
}

function errorHeader({ error }: Outcome, head: DocumentHead): Buffer {
  return headerBytes([
    card('XTENSION', 'IMAGE'),
    card('BITPIX', 8),
    card('NAXIS', 0),
    card('PCOUNT', 0),
    card('GCOUNT', 1),
    card('EXTNAME', 'ERROR'),
    card('QSTATUS', 'ERROR', 'there is no table, for this reason:'),
    commentary('COMMENT', error ?? ''),
    ...history(head),
  ])
}

function history(head: DocumentHead): string[] {
  return head.infos.map(({ name, value, text }) =>
    commentary('HISTORY', [name, value, text].filter(Boolean).join(': ')),
  )
}

function columnCards({ field, form, dims, nullValue }: FitsColumn, i: number): string[] {
  const optional = (keyword: string, value: string | undefined) =>
    value ? [card(`${keyword}${i + 1}`, value)] : []
  return [
    card(`TTYPE${i + 1}`, field.name),
    card(`TFORM${i + 1}`, form),
    ...optional('TDIM', dims),
    ...(nullValue === undefined ? [] : [card(`TNULL${i + 1}`, BigInt(nullValue))]),
    ...optional('TUNIT', field.unit),
    ...optional('TUCD', field.ucd),
    ...optional('TUTYP', field.utype),
    ...optional('TXTYP', field.xtype),
    ...optional('TCOMM', field.description),
  ]
}

export const fitsWriter: Writer = { wire: 'binary', saysOverflow: true, write: writeFits }

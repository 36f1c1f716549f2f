/**
 * A FITS binary table in the first extension. NAXIS2, string widths and TNULL must stand in the header, before the
 * rows: the rows are kept (memory, then a nameless file) and the first byte leaves when PostgreSQL has given the last.
 *
 * UCD, utype, xtype and description travel in TUCDn, TUTYPn, TXTYPn, TCOMMn as TOPCAT writes and reads them. A NULL
 * float is NaN, a NULL boolean 0, a NULL string empty, a NULL array has no elements. Strings are ASCII: what is not
 * is spelled `\uXXXX`, and a COMMENT says so. The header says QSTATUS = OVERFLOW when rows are missing; an error
 * comes before the first byte, as all rows are read before it.
 */
import { tmpdir } from 'node:os'
import { ServiceError } from '../error.ts'
import type { DocumentHead } from '../votable/document.ts'
import { cellLength, encodeRows, openRow, type RowEncoder } from '../votable/encode.ts'
import type { Field } from '../votable/field.ts'
import type { Outcome, RowSource } from '../votable/row.ts'
import { card, commentary, header, padding } from './fits-card.ts'
import { type FitsColumn, fitsColumn } from './fits-column.ts'
import { keepRows } from './fits-rows.ts'
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
  const rows = await keepRows(source, folder).catch(noRoom)
  try {
    const { surveys } = rows
    let heapEnd = 0
    const nextHeap = (bytes: number) => {
      heapEnd += bytes
      return heapEnd - bytes
    }
    const columnsFor = (wide: boolean) =>
      fields.map((field, i) => fitsColumn(field, surveys[i]!, rows.rows, wide, nextHeap))
    const narrow = columnsFor(false)
    const heapBytes = narrow.reduce((sum, column) => sum + column.heapBytes, 0)
    const columns = heapBytes < 2 ** 31 ? narrow : columnsFor(true)
    const rowBytes = columns.reduce((sum, { cell }) => sum + cell.filler.length, 0)
    const spelled = fields.filter((_, i) => surveys[i]!.spelled)

    yield fitsHeader(columns, { rows: rows.rows, rowBytes, heapBytes }, spelled, source.outcome, head)
    yield* rows.encoded(columns)
    if (heapBytes > 0) yield* encodeRows({ ...source, batches: rows.batches() }, heapEncoder(columns))
    throwFailure(source.outcome)
    yield padding(rows.rows * rowBytes + heapBytes)
  } finally {
    await rows.close()
  }
}

function noRoom(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  throw new ServiceError('unavailable', 'The service has no room on its disk to gather this FITS table.', {
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

interface Extent {
  readonly rows: number
  readonly rowBytes: number
  readonly heapBytes: number
}

function fitsHeader(
  columns: readonly FitsColumn[],
  { rows, rowBytes, heapBytes }: Extent,
  spelled: readonly Field[],
  outcome: Outcome,
  head: DocumentHead,
): Buffer {
  const primary = [card('SIMPLE', true), card('BITPIX', 8), card('NAXIS', 0), card('EXTEND', true)]
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
    ...head.infos.map(({ name, value, text }) =>
      commentary('HISTORY', [name, value, text].filter(Boolean).join(': ')),
    ),
    ...spelled.map(({ name }) =>
      commentary('COMMENT', `Column ${name}: characters beyond ASCII are spelled \\uXXXX.`),
    ),
  ]
  return Buffer.concat([header(primary), header(table)])
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

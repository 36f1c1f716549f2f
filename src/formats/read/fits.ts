/** A table extension of a FITS file as a `TableSource`. */
import { ServiceError } from '../../error.ts'
import type { ByteSource, Hdu } from '../../fits/hdu.ts'
import { hdus } from '../../fits/hdu.ts'
import { fitsError, textOf } from '../../fits/header.ts'
import type { BinaryColumn, FitsTable } from '../../fits/table.ts'
import { ELEMENT_SIZE, isTable, tableOf } from '../../fits/table.ts'
import type { Field } from '../../votable/field.ts'
import { type Facts, NO_SYSTEMS, newFacts, type TableSource } from '../../votable/table-source.ts'
import { batchOf, beginRow, newTuples, type TableBatch, type Tuples } from '../../votable/tuple.ts'
import { chunksOf, spool } from './file.ts'
import { asciiCell } from './fits-ascii.ts'
import { type CellReader, cellReader } from './fits-cell.ts'

/** Bytes of rows that are read at once, and of tuples in a batch. */
const STEP = 256 * 1024

interface Column extends CellReader {
  readonly name: string
  readonly offset: number
  readonly items: number
  readonly variable: BinaryColumn | undefined
}

/** Finds the table: the first one, or the HDU that `choice` names by number or EXTNAME. */
export async function openFits(
  source: ByteSource,
  choice: string | undefined,
  folder?: string,
): Promise<TableSource> {
  const walk = hdus(source)
  const hdu = await findTable(walk, choice)
  const table = tableOf(hdu)
  const complete = completeRows(table, source.size)
  if (complete < table.rows) throw truncated(table, complete)
  const facts = newFacts()
  const notices: string[] = []
  const { fields, columns } = columnsOf(table, facts, notices)
  noticeColumnOriented(table, notices)
  if (source.random && choice === undefined) await noticeOthers(walk, notices)
  return {
    fields,
    rows: table.rows,
    description: undefined,
    systems: NO_SYSTEMS,
    guessed: false,
    notices,
    text: facts,
    async *batches() {
      const heaped = columns.some(column => column.variable)
      const spooled =
        heaped && !source.random ? await spooledFrom(source, table.dataOffset, folder) : undefined
      try {
        yield* rowBatches(spooled?.source ?? source, table, columns)
        if (!spooled && !source.random && choice === undefined) await noticeOthers(walk, notices)
      } finally {
        await spooled?.close()
      }
    },
  }
}

/** The bytes from an offset on, at the same offsets. */
async function spooledFrom(
  stream: ByteSource,
  from: number,
  folder: string | undefined,
): Promise<{ source: ByteSource; close(): Promise<void> }> {
  const { source, close } = await spool(chunksOf(stream, from), folder)
  return { source: { read: (offset, length) => source.read(offset - from, length), random: true }, close }
}

async function findTable(walk: AsyncGenerator<Hdu>, choice: string | undefined): Promise<Hdu> {
  const seen: string[] = []
  for (;;) {
    const { value: hdu, done } = await walk.next()
    if (done) break
    const name = textOf(hdu.header, 'EXTNAME')?.trim()
    const kind = hdu.index === 0 ? 'primary' : textOf(hdu.header, 'XTENSION')
    seen.push(`${hdu.header.title}: ${kind}`)
    if (
      choice === undefined
        ? !isTable(hdu)
        : choice !== String(hdu.index) && choice.toUpperCase() !== name?.toUpperCase()
    )
      continue
    if (isTable(hdu)) return hdu
    throw fitsError(hdu.header.title, 'this HDU is no table')
  }
  const message = choice === undefined ? 'The file has no table.' : `The file has no HDU '${choice}'.`
  throw new ServiceError('usage', message, { detail: `It has:\n${seen.join('\n')}` })
}

/** STIL's colfits: one row that holds every column as an array along its last axis. */
function noticeColumnOriented({ rows, columns }: FitsTable, notices: string[]): void {
  const lengths = columns.map(column => ('repeat' in column && column.dims?.at(-1)) || 0)
  const [length = 0] = lengths
  if (rows !== 1 || length < 2 || lengths.some(one => one !== length)) return
  notices.push(
    `The table is one row of arrays, each of ${length} along its last axis: it may be column-oriented. For a row each, write it anew (stilts tcopy ofmt=fits).`,
  )
}

async function noticeOthers(walk: AsyncGenerator<Hdu>, notices: string[]): Promise<void> {
  const others: string[] = []
  for await (const hdu of walk) if (isTable(hdu)) others.push(hdu.header.title)
  if (others.length > 0) {
    notices.push(`The file has ${others.length} more: ${others.join(', ')}. Choose one with --select.`)
  }
}

function completeRows({ dataOffset, rows, rowLength }: FitsTable, size: number | undefined): number {
  if (size === undefined || rowLength === 0) return rows
  return Math.min(rows, Math.max(0, Math.floor((size - dataOffset) / rowLength)))
}

function truncated({ header, rows }: FitsTable, complete: number): ServiceError {
  return fitsError(
    header.title,
    `NAXIS2 promises ${rows} rows, but the file ends in row ${complete + 1}: it is truncated`,
  )
}

function columnsOf(
  table: FitsTable,
  { unicode }: Facts,
  notices: string[],
): { fields: Field[]; columns: Column[] } {
  const fields: Field[] = []
  const columns: Column[] = []
  for (const column of table.columns) {
    const { name, unit, ucd, utype, xtype } = column
    const binary = 'repeat' in column ? column : undefined
    if (binary?.repeat === 0) {
      notices.push(
        `Column ${column.number} (${name}) is left out: it has no elements (TFORM ${binary.form} repeated 0 times).`,
      )
      continue
    }
    const index = fields.length
    const cell =
      'repeat' in column
        ? cellReader(column, () => unicode.add(index))
        : asciiCell(column, () => unicode.add(index))
    fields.push({
      name,
      datatype: cell.datatype,
      ...(cell.arraysize !== undefined && { arraysize: cell.arraysize }),
      ...(xtype && { xtype }),
      ...(unit && { unit }),
      ...(ucd && { ucd }),
      ...(utype && { utype }),
      ...describe(column.description, binary, cell),
    })
    columns.push({
      ...cell,
      name,
      offset: column.offset,
      items: binary?.repeat ?? 1,
      variable: binary?.descriptor && binary,
    })
  }
  return { fields, columns }
}

/** VOTable has no null inside an array of integers, so TNULL stays a number there, and the description says which. */
function describe(
  text: string | undefined,
  column: BinaryColumn | undefined,
  cell: CellReader,
): { description?: string } {
  const marked =
    column?.nullValue !== undefined &&
    cell.arraysize !== undefined &&
    /short|int|long|unsignedByte/.test(cell.datatype)
  const shift = column && column.scale === 1 ? column.zero : 0
  const note = marked ? `(${column!.nullValue! + BigInt(shift)} stands for null)` : undefined
  const description = [text, note].filter(Boolean).join(' ')
  return description ? { description } : {}
}

async function* rowBatches(
  source: ByteSource,
  table: FitsTable,
  columns: readonly Column[],
): AsyncGenerator<TableBatch> {
  const { rowLength, rows } = table
  const heap = heapReader(source, table)
  const rowsPerStep = Math.max(1, Math.min(rows, Math.floor(STEP / Math.max(1, rowLength))))
  let tuples = newTuples(2 * STEP, rowsPerStep)
  for (let row = 0; row < rows; row += rowsPerStep) {
    const count = Math.min(rowsPerStep, rows - row)
    const bytes = await source.read(table.dataOffset + row * rowLength, count * rowLength)
    if (bytes.length < count * rowLength) throw truncated(table, row + Math.floor(bytes.length / rowLength))
    for (let i = 0; i < count; i++) {
      beginRow(tuples, columns.length)
      for (const column of columns) {
        const at = i * rowLength + column.offset
        if (!column.variable) column.put(bytes, at, column.items, tuples)
        else await putVariable(column, column.variable, bytes, at, tuples, heap, table, row + i + 1)
      }
      if (tuples.at > STEP) {
        yield batchOf(tuples)
        tuples = newTuples(2 * STEP, rowsPerStep)
      }
    }
  }
  if (tuples.count > 0) yield batchOf(tuples)
}

type Heap = (offset: number, length: number) => Promise<Buffer>

/** FITS 4.0 §7.3.5: a descriptor is the number of elements and their place in the heap. */
async function putVariable(
  column: Column,
  { descriptor, form }: BinaryColumn,
  bytes: Buffer,
  at: number,
  tuples: Tuples,
  heap: Heap,
  table: FitsTable,
  row: number,
): Promise<void> {
  const wide = descriptor === 'Q'
  const items = wide ? Number(bytes.readBigInt64BE(at)) : bytes.readInt32BE(at)
  const offset = wide ? Number(bytes.readBigInt64BE(at + 8)) : bytes.readInt32BE(at + 4)
  const length = Math.ceil(items * ELEMENT_SIZE[form])
  const where = `${table.header.title}, row ${row}, column ${column.name}`
  if (items === 0) return column.put(bytes, at, 0, tuples)
  if (items < 0 || offset < 0 || offset + length > table.heapLength) {
    throw fitsError(
      where,
      `${items} elements from byte ${offset} of a heap of ${table.heapLength} bytes (PCOUNT): the file is damaged`,
    )
  }
  const elements = await heap(table.heapOffset + offset, length)
  if (elements.length < length) throw fitsError(where, 'the file ends inside the heap: it is truncated')
  column.put(elements, 0, items, tuples)
}

/** Reads the heap in steps: its elements lie mostly in the order of the rows. */
function heapReader(source: ByteSource, { heapOffset, heapLength }: FitsTable): Heap {
  let from = 0
  let bytes: Buffer = Buffer.alloc(0)
  return async (offset, length) => {
    if (offset < from || offset + length > from + bytes.length) {
      const left = heapOffset + heapLength - offset
      bytes = await source.read(offset, Math.min(left, Math.max(length, STEP)))
      from = offset
    }
    return bytes.subarray(offset - from, offset - from + length)
  }
}

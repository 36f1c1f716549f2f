/**
 * Rows of a block whose columns come one after the other, as in Parquet and Arrow: the values of each column are
 * written as cells to a file without a name, from which rows are put together. So no more than a part of one column
 * is decoded at a time, however many rows and columns a block has.
 */
import type { FileHandle } from 'node:fs/promises'
import { ServiceError } from '../../error.ts'
import { batchOf, beginRow, newTuples, room, type TableBatch, type Tuples } from '../../votable/tuple.ts'
import { noteRead } from '../collect.ts'
import type { ValueCell } from './value-cell.ts'

const STEP = 64 * 1024
/** Bytes of all columns that are put together at a time. */
const WINDOW = 1024 * 1024
/** Cells that are copied byte by byte, which is quicker than a call for so few. */
const SHORT = 24

export interface ColumnValues {
  readonly name: string
  readonly put: ValueCell
  /** The values from the first row of the block on, in portions. */
  values(): AsyncIterable<ArrayLike<unknown>>
}

/**
 * `file` is written from its beginning; `rowBytes`: about what a row takes in it. Throws `usage` where a column has
 * not as many values as there are rows.
 */
export async function* rowsOf(
  columns: readonly ColumnValues[],
  rows: number,
  rowBytes: number,
  file: FileHandle,
): AsyncGenerator<TableBatch> {
  const partRows = Math.min(4096, Math.max(16, Math.floor(WINDOW / Math.max(1, rowBytes))))
  const cells = newTuples(STEP + STEP / 4, 16)
  /** Where in the file the parts of each column end. */
  const ends: number[][] = []
  let size = 0

  /** Appends a column and notes where each of its parts ends. */
  const writeColumn = async ({ name, put, values }: ColumnValues): Promise<void> => {
    const partEnds: number[] = []
    let row = 0
    for await (const portion of values()) {
      if (row + portion.length > rows) throw damaged(name, 'more')
      for (let i = 0; i < portion.length; i++) {
        cells.count = ++row
        put(portion[i], cells)
        if (row % partRows === 0 || row === rows) partEnds.push(size + cells.at)
        if (cells.at > STEP) await flush()
      }
    }
    if (row < rows) throw damaged(name, 'fewer')
    await flush()
    ends.push(partEnds)
  }
  const flush = async () => {
    await file.writev([cells.data.subarray(0, cells.at)], size)
    noteRead(cells.at)
    size += cells.at
    cells.at = 0
  }

  for (const column of columns) await writeColumn(column)

  const buffers: Buffer[] = columns.map(() => Buffer.alloc(0))
  const at = new Int32Array(columns.length)
  const readPart = async (column: number, part: number): Promise<void> => {
    const begin = part > 0 ? ends[column]![part - 1]! : column > 0 ? ends[column - 1]!.at(-1)! : 0
    const length = ends[column]![part]! - begin
    if (buffers[column]!.length < length) buffers[column] = Buffer.allocUnsafeSlow(Math.ceil(1.25 * length))
    await file.read(buffers[column]!, 0, length, begin)
    at[column] = 0
  }
  let out = newTuples(STEP + STEP / 4, 4096)
  for (let part = 0; part * partRows < rows; part++) {
    await Promise.all(columns.map((_, column) => readPart(column, part)))
    for (let row = part * partRows; row < Math.min(rows, (part + 1) * partRows); row++) {
      beginRow(out, columns.length)
      for (let c = 0; c < columns.length; c++) at[c] = copyCell(buffers[c]!, at[c]!, out)
      const reason = cells.bad.size > 0 ? cells.bad.get(row) : undefined
      if (reason !== undefined) out.bad.set(out.count - 1, reason)
      if (out.at > STEP) {
        noteRead(2 * out.at)
        yield batchOf(out)
        out = newTuples(STEP + STEP / 4, out.count + 64)
      }
    }
  }
  if (out.count > 0) yield batchOf(out)
}

/** Returns where the next cell begins. */
function copyCell(from: Buffer, p: number, out: Tuples): number {
  const length = 4 + Math.max(0, from.readInt32BE(p))
  room(out, length)
  const { data, at } = out
  if (length > SHORT) from.copy(data, at, p, p + length)
  else for (let i = 0; i < length; i++) data[at + i] = from[p + i]!
  out.at = at + length
  return p + length
}

function damaged(column: string, than: 'more' | 'fewer'): ServiceError {
  return new ServiceError(
    'usage',
    `column ${column} has ${than} values than there are rows: the file is damaged`,
  )
}

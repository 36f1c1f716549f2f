/**
 * Rows of a FITS table, kept until the last one is known. What the header must say before them (widths of strings,
 * TNULL) can be told from the first 256 kB of them in most cases: from there on rows go to a file as FITS has them,
 * while PostgreSQL makes the next ones, and in the end the file is copied out. Where a later row shows that the layout
 * was wrong (a longer string, say), another begins, and the rows of the first are read back and written anew.
 */
import type { FileHandle } from 'node:fs/promises'
import { rowEncoder } from '../votable/binary.ts'
import { encodeRows, type RowEncoder } from '../votable/encode.ts'
import type { Field } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'
import type { RowBatch, RowSource } from '../votable/row.ts'
import { type FitsColumn, fitsColumn, type Survey, surveyRows } from './fits-column.ts'
import { fitsBatch } from './fits-unpack.ts'
import { nameless, spool } from './spool.ts'

export interface KeptRows {
  readonly rows: number
  readonly surveys: readonly Survey[]
  /** The rows as these columns have them, one after the other. */
  readonly encoded: (columns: readonly FitsColumn[]) => AsyncIterable<Uint8Array>
  /** The rows as they came. */
  readonly batches: () => AsyncIterable<RowBatch>
  readonly close: () => Promise<void>
}

/** Rows of one layout in the file, one after the other. */
interface Block {
  readonly columns: readonly FitsColumn[]
  readonly position: number
  readonly rows: number
}

/** Bytes of PostgreSQL's rows that are looked at before the first layout … */
const LOOK_BYTES = 256 * 1024
/** … and that are written at a time. */
const BLOCK_BYTES = 128 * 1024

/** Reads all rows; what fails rejects, and nothing is left behind. */
export async function keepRows(source: RowSource, folder: () => Promise<string>): Promise<KeptRows> {
  const { fields } = source
  const { surveys, look } = surveyRows(fields)
  const batches = looked(source.batches, look)
  const early: RowBatch[] = []
  if (!fields.every(isPlain) || (await firstRows(batches, early))) {
    return spooled(source, surveys, chain(emptied(early), batches), folder)
  }
  const file = await nameless(await folder())
  let isKept = false
  try {
    const all = chain(emptied(early), batches)
    const { blocks, rest } = await writeBlocks(fields, surveys, all, file)
    if (rest) return await spooled(source, surveys, chain(unpacked(file, blocks), rest, all), folder)
    isKept = true
    return {
      rows: blocks.reduce((sum, block) => sum + block.rows, 0),
      surveys,
      encoded: columns => encodedBlocks(source, columns, file, blocks),
      batches: () => unpacked(file, blocks),
      close: () => file.close(),
    }
  } finally {
    if (!isKept) await file.close()
  }
}

/** The rows as they came, read again for every use. */
async function spooled(
  source: RowSource,
  surveys: readonly Survey[],
  batches: AsyncIterable<RowBatch>,
  folder: () => Promise<string>,
): Promise<KeptRows> {
  const kept = await spool(batches, folder, () => {})
  return {
    ...kept,
    surveys,
    encoded: columns => encodeRows({ ...source, batches: kept.batches() }, encoderOf(source.fields, columns)),
  }
}

/** Columns whose layout is not a matter of the heap. */
function isPlain(field: Field): boolean {
  const type = wireType(field)
  return type !== 'bytea' && !type.endsWith('[]')
}

async function* looked(
  batches: AsyncIterable<RowBatch>,
  look: (batch: RowBatch) => void,
): AsyncGenerator<RowBatch, undefined> {
  for await (const batch of batches) {
    look(batch)
    yield batch
  }
}

/** Whether these are all rows. */
async function firstRows(batches: AsyncIterator<RowBatch>, early: RowBatch[]): Promise<boolean> {
  for (let bytes = 0; bytes <= LOOK_BYTES; ) {
    const next = await batches.next()
    if (next.done) return true
    early.push(next.value)
    bytes += next.value.data.length
  }
  return false
}

/** Lets go of what has been given. */
function* emptied(batches: RowBatch[]): Generator<RowBatch> {
  for (let batch = batches.shift(); batch; batch = batches.shift()) yield batch
}

async function* chain(
  ...parts: readonly (AsyncIterable<RowBatch> | Iterable<RowBatch>)[]
): AsyncGenerator<RowBatch, undefined> {
  for (const part of parts) yield* part
}

/** Writes rows until the end, or until a column has to go to the heap: then the rows from there on are the `rest`. */
async function writeBlocks(
  fields: readonly Field[],
  surveys: readonly Survey[],
  batches: AsyncIterator<RowBatch>,
  file: FileHandle,
): Promise<{ blocks: readonly Block[]; rest?: readonly RowBatch[] }> {
  const blocks: Block[] = []
  let position = 0
  let before = 0
  let columns: readonly FitsColumn[] | undefined
  let writing: Promise<unknown> = Promise.resolve()
  for (;;) {
    const gathered = await gather(batches)
    const rows = gathered.reduce((sum, batch) => sum + batch.count, 0)
    if (rows === 0) break
    before += rows
    const needed = fields.map((field, i) => fitsColumn(field, surveys[i]!, before, false, () => 0))
    if (needed.some(column => column.heap)) {
      await writing
      return { blocks, rest: gathered }
    }
    if (!columns || layoutOf(columns) !== layoutOf(needed)) columns = needed
    const bytes = encodedRows(fields, columns, gathered, rows)
    await writing
    blocks.push({ columns, position, rows })
    writing = writeAll(file, bytes, position)
    writing.catch(() => {}) // whoever waits for it meets it
    position += bytes.length
  }
  await writing
  return { blocks }
}

async function gather(batches: AsyncIterator<RowBatch>): Promise<readonly RowBatch[]> {
  const gathered: RowBatch[] = []
  for (let bytes = 0; bytes < BLOCK_BYTES; ) {
    const next = await batches.next()
    if (next.done) break
    gathered.push(next.value)
    bytes += next.value.data.length
  }
  return gathered
}

function layoutOf(columns: readonly FitsColumn[]): string {
  return columns.map(({ form, nullValue }) => `${form} ${nullValue}`).join()
}

function rowBytesOf(columns: readonly FitsColumn[]): number {
  return columns.reduce((sum, { cell }) => sum + cell.filler.length, 0)
}

function encoderOf(fields: readonly Field[], columns: readonly FitsColumn[]): RowEncoder {
  return rowEncoder(
    fields,
    columns.map(column => column.cell),
    0,
  )
}

function encodedRows(
  fields: readonly Field[],
  columns: readonly FitsColumn[],
  batches: readonly RowBatch[],
  rows: number,
): Buffer {
  const { encode } = encoderOf(fields, columns)
  const out = Buffer.allocUnsafeSlow(rows * rowBytesOf(columns))
  let o = 0
  for (const { data, starts, count } of batches) {
    for (let row = 0; row < count; row++) o = encode(data, starts[row]!, out, o)
  }
  return out
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten
  }
}

async function readBlock(file: FileHandle, { columns, position, rows }: Block): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(rows * rowBytesOf(columns))
  await file.read(bytes, 0, bytes.length, position)
  return bytes
}

async function* encodedBlocks(
  source: RowSource,
  columns: readonly FitsColumn[],
  file: FileHandle,
  blocks: readonly Block[],
): AsyncGenerator<Uint8Array> {
  const encoder = encoderOf(source.fields, columns)
  for (const block of blocks) {
    if (layoutOf(block.columns) === layoutOf(columns)) yield await readBlock(file, block)
    else yield* encodeRows({ ...source, batches: unpacked(file, [block]) }, encoder)
  }
}

async function* unpacked(file: FileHandle, blocks: readonly Block[]): AsyncGenerator<RowBatch, undefined> {
  for (const block of blocks) yield fitsBatch(await readBlock(file, block), block.columns)
}

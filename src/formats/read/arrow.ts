/** Arrow IPC, file or stream, by apache-arrow: a record batch at a time. Units and the like are in fields' metadata. */
import type { FileHandle } from 'node:fs/promises'
import {
  type Field as ArrowField,
  CompressionType,
  compressionRegistry,
  type DataType,
  type RecordBatch,
  RecordBatchReader,
  Type,
  type Vector,
} from 'apache-arrow'
import { Footer } from 'apache-arrow/ipc/metadata/file'
import { compressors } from 'hyparquet-compressors'
import { ServiceError } from '../../error.ts'
import type { ByteSource } from '../../fits/hdu.ts'
import type { Datatype, Field } from '../../votable/field.ts'
import { type Facts, NO_SYSTEMS, newFacts, type TableSource } from '../../votable/table-source.ts'
import { batchOf, beginRow, newTuples, type TableBatch } from '../../votable/tuple.ts'
import { noteRead } from '../collect.ts'
import { boundLists, checkBatch } from './arrow-check.ts'
import { decodeLz4Frame } from './lz4.ts'
import { described, timestamp } from './parquet.ts'
import { jsonText, type ValueCell, valueCell } from './value-cell.ts'

const STEP = 64 * 1024
boundLists()
compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: decodeLz4Frame })
compressionRegistry.set(CompressionType.ZSTD, { decode: bytes => compressors.ZSTD!(bytes, 0) })

/** A stream is read from its chunks, a file from anywhere in it, since its footer says where the batches are. */
export type ArrowBytes = (() => AsyncIterable<Buffer>) | RandomSource

type RandomSource = ByteSource & { readonly size: number }

export async function openArrow(bytes: ArrowBytes): Promise<TableSource> {
  const reader = await openReader(bytes)
  const notices: string[] = []
  const { schema } = reader
  const { columns, fields } = columnsOf(schema.fields, notices)
  await reader.cancel()
  const facts = newFacts()
  return {
    fields,
    rows: undefined,
    description: schema.metadata.get('description'),
    systems: NO_SYSTEMS,
    guessed: false,
    notices,
    text: facts,
    async *batches() {
      yield* rowBatches(await openReader(bytes), columns, fields, facts)
    },
  }
}

function columnsOf(own: readonly ArrowField[], notices: string[]): { columns: Column[]; fields: Field[] } {
  try {
    const columns = own.map(field => columnOf(field, notices))
    return { columns, fields: columns.map(({ field }, i) => described(field, wordsOf(own[i]!))) }
  } catch (error) {
    throw broken(error)
  }
}

async function openReader(bytes: ArrowBytes) {
  try {
    if (typeof bytes !== 'function') await checkFooter(bytes)
    const reader =
      typeof bytes === 'function'
        ? await RecordBatchReader.from(bytes())
        : await RecordBatchReader.from(handleOf(bytes))
    return await reader.open()
  } catch (error) {
    throw broken(error)
  }
}

/** Bytes of a block in the footer of a file. */
const BLOCK = 24

/** The library goes through as many blocks as a footer says that it has. */
async function checkFooter({ read, size }: RandomSource): Promise<void> {
  const tail = await read(Math.max(0, size - 10), 10)
  const length = tail.length === 10 ? tail.readInt32LE(0) : -1
  if (length < 0 || length > size - 10) throw new Error('its end is missing or cut')
  const { numRecordBatches, numDictionaries } = Footer.decode(await read(size - 10 - length, length))
  const most = length / BLOCK
  if (!(numRecordBatches >= 0 && numDictionaries >= 0 && numRecordBatches + numDictionaries <= most)) {
    throw new Error('its end says that there are more parts than it has room for')
  }
}

/** Bytes that may be read beyond four times the file. */
const MARGIN = 65_536
/** Bytes read at a time, which are copied to where the library wants them. */
const PIECE = 256 * 1024

/** What the library needs of a file handle. */
function handleOf({ read, size }: RandomSource): FileHandle {
  let done = 0
  const handle = {
    fd: 0,
    stat: async () => ({ size }),
    async read(buffer: Uint8Array, offset: number, length: number, position: number) {
      let at = 0
      while (at < length) {
        // The library goes back where a length is negative.
        if (done > 4 * size + MARGIN) throw new Error('its parts lie over each other')
        const bytes = await read(position + at, Math.min(PIECE, length - at))
        if (bytes.length === 0) throw new Error('it ends before what it says that it has')
        buffer.set(bytes, offset + at)
        at += bytes.length
        done += bytes.length
      }
      return { bytesRead: at, buffer }
    },
    close: async () => {},
  }
  return handle as unknown as FileHandle
}

function broken(error: unknown): unknown {
  if (error instanceof ServiceError) return error
  return new ServiceError('usage', `the Arrow data cannot be read: ${(error as Error).message}`, {
    cause: error,
  })
}

function checked(batch: RecordBatch): void {
  try {
    checkBatch(batch.data, batch.numRows)
  } catch (error) {
    throw broken(error)
  }
}

interface Column {
  readonly field: Field
  readonly get: (vector: Vector) => (row: number) => unknown
}

const plain: Column['get'] = vector => row => vector.get(row)

function columnOf({ name: written, type }: ArrowField, notices: string[]): Column {
  // The library gives null for a name that is not there.
  const name = (written as string | null) ?? ''
  const scalar = scalarOf(type)
  if (scalar) return { field: { name, ...scalar.type }, get: scalar.get }
  const isList =
    type.typeId === Type.List || type.typeId === Type.LargeList || type.typeId === Type.FixedSizeList
  const item = isList ? scalarOf(type.children[0].type) : undefined
  if (item && item.type.arraysize === undefined && item.type.datatype !== 'char') {
    const size = (type as { listSize?: number }).listSize
    const get: Column['get'] = vector => row => {
      const list = vector.get(row) as Vector | null
      return list && Array.from({ length: list.length }, (_, i) => list.get(i))
    }
    return {
      field: { name, ...item.type, arraysize: size !== undefined && size > 1 ? String(size) : '*' },
      get,
    }
  }
  notices.push(`Column ${name} is of the Arrow type ${String(type)}: it is kept as JSON text.`)
  return {
    field: { name, datatype: 'char', arraysize: '*' },
    get: vector => row => jsonText(vector.get(row)),
  }
}

interface Scalar {
  readonly type: Pick<Field, 'datatype' | 'arraysize' | 'xtype' | 'unit'>
  readonly get: Column['get']
}

const TEXT = { datatype: 'char', arraysize: '*' } as const
/** Digits of a second, by Arrow's TimeUnit. */
const DIGITS = [0, 3, 6, 9] as const

function scalarOf(type: DataType): Scalar | undefined {
  const of = (datatype: Datatype): Scalar => ({ type: { datatype }, get: plain })
  switch (type.typeId) {
    case Type.Bool:
      return of('boolean')
    case Type.Float:
      return of((type as { precision?: number }).precision === 2 ? 'double' : 'float')
    case Type.Int: {
      const { bitWidth, isSigned } = type as unknown as { bitWidth: number; isSigned: boolean }
      if (bitWidth === 8) return of(isSigned ? 'short' : 'unsignedByte')
      if (bitWidth === 16) return of(isSigned ? 'short' : 'int')
      return of(bitWidth === 32 && isSigned ? 'int' : 'long')
    }
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Utf8View:
      return { type: TEXT, get: plain }
    case Type.Dictionary:
      return scalarOf((type as unknown as { dictionary: DataType }).dictionary)
    case Type.Timestamp: {
      const digits = DIGITS[(type as unknown as { unit: 0 | 1 | 2 | 3 }).unit]
      return { type: { ...TEXT, xtype: 'timestamp' }, get: raw(value => timestamp(value, digits)) }
    }
    case Type.Date: {
      const isDays = (type as unknown as { unit: number }).unit === 0
      const text = (value: bigint) =>
        timestamp(isDays ? value * 86_400n : value, isDays ? 0 : 3)!.slice(0, 10)
      return { type: { ...TEXT, xtype: 'timestamp' }, get: raw(text) }
    }
    case Type.Decimal: {
      const { scale } = type as unknown as { scale: number }
      const get: Column['get'] = vector => row => {
        const value = vector.get(row) as { toString(): string } | null
        return value === null ? null : Number(`${value}e-${scale}`)
      }
      return { type: { datatype: 'double' }, get }
    }
    case Type.Binary:
    case Type.LargeBinary:
    case Type.BinaryView:
      return { type: { datatype: 'unsignedByte', arraysize: '*' }, get: plain }
    case Type.FixedSizeBinary:
      return {
        type: {
          datatype: 'unsignedByte',
          arraysize: String((type as unknown as { byteWidth: number }).byteWidth),
        },
        get: plain,
      }
    default:
      return undefined
  }
}

/** Times come from the stored integers, since the library's numbers lose digits. */
function raw(text: (value: bigint) => string | undefined): Column['get'] {
  return vector => {
    const [data] = vector.data
    const values = data?.values as ArrayLike<bigint | number> | undefined
    return row => (vector.get(row) === null || !values ? null : text(BigInt(values[row]!)))
  }
}

const WORDS = ['datatype', 'arraysize', 'xtype', 'unit', 'ucd', 'utype', 'description'] as const

function wordsOf({ name, metadata }: ArrowField): Field {
  const words: Record<string, string> = {}
  for (const key of WORDS) {
    const value = metadata.get(key)
    if (value) words[key] = value
  }
  return { datatype: 'char', ...words, name: (name as string | null) ?? '' } as Field
}

async function* rowBatches(
  reader: AsyncIterable<RecordBatch>,
  columns: readonly Column[],
  fields: readonly Field[],
  facts: Facts,
): AsyncGenerator<TableBatch> {
  const put: ValueCell[] = fields.map((field, i) => valueCell(field, i, facts))
  let tuples = newTuples(STEP + STEP / 4, 4096)
  const iterator = reader[Symbol.asyncIterator]()
  for (;;) {
    const { value: batch, done } = await iterator.next().catch(error => {
      throw broken(error)
    })
    if (done) break
    checked(batch as RecordBatch)
    const get = columns.map((column, c) => column.get((batch as RecordBatch).getChildAt(c)!))
    for (let row = 0; row < batch.numRows; row++) {
      beginRow(tuples, columns.length)
      for (let c = 0; c < put.length; c++) put[c]!(get[c]!(row), tuples)
      if (tuples.at > STEP) {
        noteRead(2 * tuples.at)
        yield batchOf(tuples)
        tuples = newTuples(STEP + STEP / 4, tuples.count + 64)
      }
    }
  }
  if (tuples.count > 0) yield batchOf(tuples)
}

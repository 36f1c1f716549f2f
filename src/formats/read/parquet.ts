/**
 * Parquet, by hyparquet: a slice of rows at a time. Units, UCDs and descriptions come from the VOTable in the footer
 * (VOParquet 1.0) or from the YAML that astropy writes there.
 */
import { isUtf8 } from 'node:buffer'
import type { AsyncBuffer, FileMetaData, ParquetParsers, SchemaTree } from 'hyparquet'
import { parquetMetadataAsync, parquetScan, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { ServiceError } from '../../error.ts'
import type { ByteSource } from '../../fits/hdu.ts'
import type { Datatype, Field } from '../../votable/field.ts'
import { wireType } from '../../votable/field.ts'
import { openVotable } from '../../votable/read/index.ts'
import { type Facts, NO_SYSTEMS, newFacts, type TableSource } from '../../votable/table-source.ts'
import { batchOf, beginRow, newTuples, type TableBatch } from '../../votable/tuple.ts'
import { fieldsOfYaml } from './ecsv.ts'
import { jsonText, type ValueCell, valueCell } from './value-cell.ts'

/** Values that are decoded at a time. */
const SLICE = 1_000_000
const STEP = 256 * 1024

export async function openParquet(source: ByteSource & { readonly size: number }): Promise<TableSource> {
  const file = asyncBuffer(source)
  const metadata = await parquetMetadataAsync(file, { geoparquet: false }).catch(broken)
  const { children } = parquetSchema(metadata)
  const notices: string[] = []
  const bytes = await unknownBytes(file, metadata, children)
  const columns = children.map(column => columnOf(column, bytes, notices))
  const words = await describedIn(metadata)
  const fields = columns.map(({ field }) =>
    described(
      field,
      words?.fields.find(w => w.name === field.name),
    ),
  )
  const facts = newFacts()
  return {
    fields,
    rows: Number(metadata.num_rows),
    description: words?.description,
    systems: words?.systems ?? NO_SYSTEMS,
    guessed: false,
    notices,
    text: facts,
    batches: () => rowBatches(file, metadata, columns, fields, facts),
  }
}

function broken(error: unknown): never {
  if (error instanceof ServiceError) throw error
  throw new ServiceError('usage', `the Parquet file cannot be read: ${(error as Error).message}`, {
    cause: error,
  })
}

function asyncBuffer({ read, size }: ByteSource & { readonly size: number }): AsyncBuffer {
  return {
    byteLength: size,
    async slice(start, end = size) {
      const from = start < 0 ? size + start : start
      const length = (end < 0 ? size + end : end) - from
      const bytes = await read(from, length)
      if (bytes.length < length) throw new ServiceError('usage', 'the file is truncated')
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + length) as ArrayBuffer
    },
  }
}

interface Column {
  readonly field: Field
  /** What is nested deeper than a list of numbers is kept as JSON. */
  readonly isJson: boolean
  /** Digits after the point of a decimal number, which the library multiplies out with an error in the last bit. */
  readonly scale?: number
}

/** What the scan needs to know to give all columns. */
const READ = { compressors, geoparquet: false, utf8: false } as const

/**
 * Names of the columns of bytes that hold no text. A writer should say which do; of those it says nothing of, the
 * first values tell.
 */
async function unknownBytes(
  file: AsyncBuffer,
  metadata: FileMetaData,
  children: readonly SchemaTree[],
): Promise<ReadonlySet<string>> {
  const unsure = children.filter(
    ({ element: { type, converted_type, logical_type } }) =>
      type === 'BYTE_ARRAY' && converted_type === undefined && logical_type === undefined,
  )
  if (unsure.length === 0) return new Set()
  const names = unsure.map(({ element }) => element.name)
  const scan = await parquetScan({ ...READ, file, metadata, columns: names, parsers: PARSERS }).catch(broken)
  const found = new Set<string>()
  for (const name of names) {
    const range = scan.ranges[0]
    if (!range) continue
    const end = Math.min(range.rowEnd, range.rowStart + 100)
    const values = await scan
      .readColumn({ column: name, rowStart: range.rowStart, rowEnd: end })
      .catch(broken)
    const isText = (value: unknown) => !(value instanceof Uint8Array) || (isUtf8(value) && !value.includes(0))
    if (!Array.from(values as ArrayLike<unknown>).every(isText)) found.add(name)
  }
  return found
}

function columnOf(column: SchemaTree, bytes: ReadonlySet<string>, notices: string[]): Column {
  const { name, repetition_type } = column.element
  if (column.children.length === 0) {
    const own = bytes.has(name) ? ({ datatype: 'unsignedByte', arraysize: '*' } as const) : typeOf(column)
    const isList = repetition_type === 'REPEATED'
    const { converted_type, logical_type, scale } = column.element
    const isDecimal = converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL'
    if (!isList) return { field: { name, ...own }, isJson: false, ...(isDecimal && { scale: scale ?? 0 }) }
    if (own.arraysize === undefined) return { field: { name, ...own, arraysize: '*' }, isJson: false }
  }
  const item = listItem(column)
  if (item && item.children.length === 0) {
    const own = typeOf(item)
    if (own.arraysize === undefined && own.datatype !== 'char')
      return { field: { name, ...own, arraysize: '*' }, isJson: false }
  }
  notices.push(`Column ${name} is nested: it is kept as JSON text.`)
  return { field: { name, datatype: 'char', arraysize: '*' }, isJson: true }
}

function listItem({ element, children }: SchemaTree): SchemaTree | undefined {
  if (element.converted_type !== 'LIST' && element.logical_type?.type !== 'LIST') return undefined
  const repeated = children[0]
  return repeated?.children.length === 1 ? repeated.children[0] : repeated
}

function typeOf({ element }: SchemaTree): Pick<Field, 'datatype' | 'arraysize' | 'xtype' | 'unit'> {
  const { type, converted_type: converted, logical_type: logical, type_length } = element
  const text = { datatype: 'char', arraysize: '*' } as const
  if (
    logical?.type === 'TIMESTAMP' ||
    logical?.type === 'DATE' ||
    /^(DATE|TIMESTAMP_.*)$/.test(converted ?? '')
  ) {
    return { ...text, xtype: 'timestamp' }
  }
  if (logical?.type === 'FLOAT16') return { datatype: 'float' }
  if (logical?.type === 'DECIMAL' || converted === 'DECIMAL') return { datatype: 'double' }
  if (logical?.type === 'UUID') return text
  switch (type) {
    case 'BOOLEAN':
      return { datatype: 'boolean' }
    case 'FLOAT':
      return { datatype: 'float' }
    case 'DOUBLE':
      return { datatype: 'double' }
    case 'INT96':
      return { ...text, xtype: 'timestamp' }
    case 'FIXED_LEN_BYTE_ARRAY':
      return { datatype: 'unsignedByte', arraysize: String(type_length ?? '*') }
    case 'INT32':
    case 'INT64': {
      const unit =
        logical?.type === 'TIME' ? { MILLIS: 'ms', MICROS: 'us', NANOS: 'ns' }[logical.unit] : undefined
      return { datatype: integerType(element), ...(unit && { unit }) }
    }
    default:
      return text
  }
}

function integerType({ type, converted_type, logical_type }: SchemaTree['element']): Datatype {
  const signed =
    logical_type?.type === 'INTEGER' ? logical_type.isSigned : !converted_type?.startsWith('UINT')
  const bits =
    logical_type?.type === 'INTEGER'
      ? logical_type.bitWidth
      : Number(/\d+$/.exec(converted_type ?? '')?.[0] ?? (type === 'INT32' ? 32 : 64))
  if (bits === 8) return signed ? 'short' : 'unsignedByte'
  if (bits === 16) return signed ? 'short' : 'int'
  return bits === 32 && signed ? 'int' : 'long'
}

interface Words {
  readonly fields: readonly Field[]
  readonly description?: string | undefined
  readonly systems?: TableSource['systems']
}

/** What the footer says of the columns beyond their types. */
async function describedIn({ key_value_metadata }: FileMetaData): Promise<Words | undefined> {
  const value = (key: string) => key_value_metadata?.find(pair => pair.key === key)?.value
  const votable = value('IVOA.VOTable-Parquet.content')
  if (votable) {
    async function* text(): AsyncGenerator<Buffer> {
      yield Buffer.from(votable!)
    }
    return openVotable(text(), undefined, () => Promise.reject(new Error('no rows are read from it')))
  }
  const yaml = value('table_meta_yaml')
  return yaml ? { fields: fieldsOfYaml(yaml) } : undefined
}

/** The field with units and the like; with the type of the words too where PostgreSQL's is the same. */
export function described(own: Field, words: Field | undefined): Field {
  if (!words) return own
  const { datatype, arraysize, ...rest } = words
  const type = { datatype, ...(arraysize !== undefined && { arraysize }) }
  return wireType(type) === wireType(own) ? { ...rest, ...type } : { ...own, ...rest, name: own.name }
}

async function* rowBatches(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: readonly Column[],
  fields: readonly Field[],
  facts: Facts,
): AsyncGenerator<TableBatch> {
  const put: ValueCell[] = columns.map(({ isJson, scale }, i) => {
    const cell = valueCell(fields[i]!, i, facts)
    if (scale !== undefined) {
      return (value, t) => cell(typeof value === 'number' ? Number(value.toFixed(scale)) : value, t)
    }
    if (isJson) return (value, t) => cell(jsonText(value), t)
    if (fields[i]!.datatype !== 'char') return cell
    return (value, t) => cell(value instanceof Uint8Array ? textOf(value) : value, t)
  })
  const scan = await parquetScan({ ...READ, file, metadata, parsers: PARSERS }).catch(broken)
  const rowsPerSlice = Math.max(1024, Math.floor(SLICE / columns.length))
  let tuples = newTuples(2 * STEP, 4096)
  for (const { rowStart: first, rowEnd: last } of scan.ranges) {
    for (let start = first; start < last; start += rowsPerSlice) {
      const end = Math.min(last, start + rowsPerSlice)
      const data: ArrayLike<unknown>[] = []
      for (const { field } of columns) {
        data.push(await scan.readColumn({ column: field.name, rowStart: start, rowEnd: end }).catch(broken))
        if (data.at(-1)!.length < end - start) {
          throw new ServiceError(
            'usage',
            `column ${field.name} has fewer rows than the others: the file is damaged`,
          )
        }
      }
      for (let row = 0; row < end - start; row++) {
        beginRow(tuples, columns.length)
        for (let c = 0; c < put.length; c++) put[c]!(data[c]![row], tuples)
        if (tuples.at > STEP) {
          yield batchOf(tuples)
          tuples = newTuples(2 * STEP, tuples.count + 64)
        }
      }
    }
  }
  if (tuples.count > 0) yield batchOf(tuples)
}

const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (value: bigint | undefined) => timestamp(value, 3),
  timestampFromMicroseconds: (value: bigint | undefined) => timestamp(value, 6),
  timestampFromNanoseconds: (value: bigint | undefined) => timestamp(value, 9),
  dateFromDays: (days: number | undefined) =>
    days === undefined || days === null ? undefined : timestamp(BigInt(days) * 86_400n, 0)!.slice(0, -9),
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && textOf(bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined) => bytes && textOf(bytes),
}

/** UTF-8 where the bytes are that, else Latin-1, as in other formats. */
function textOf(bytes: Uint8Array): string {
  const { buffer, byteOffset, length } = bytes
  return Buffer.from(buffer, byteOffset, length).toString(isUtf8(bytes) ? 'utf8' : 'latin1')
}

/** DALI 1.1 §3.3.3, from a number of 10^-digits seconds since 1970. */
export function timestamp(value: bigint | number | undefined | null, digits: number): string | undefined {
  if (value === undefined || value === null) return undefined
  const scale = 10n ** BigInt(digits)
  const count = BigInt(value)
  const fraction = ((count % scale) + scale) % scale
  const seconds = new Date(Number((count - fraction) / scale) * 1000)
  if (Number.isNaN(seconds.getTime())) return `${count}e-${digits} s`
  const text = seconds.toISOString().slice(0, -5)
  return fraction === 0n ? text : `${text}.${String(fraction).padStart(digits, '0')}`
}

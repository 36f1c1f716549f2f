/**
 * Parquet: the pages of a column after each other, the rows put together from them. Units, UCDs and descriptions come from the VOTable in the footer
 * (VOParquet 1.0) or from the YAML that astropy writes there.
 */
import { isUtf8 } from 'node:buffer'
import { tmpdir } from 'node:os'
import type { FileMetaData, ParquetParsers, SchemaTree } from 'hyparquet'
import { parquetSchema } from 'hyparquet'
import type { ByteSource } from '../../fits/hdu.ts'
import type { Datatype, Field } from '../../votable/field.ts'
import { wireType } from '../../votable/field.ts'
import { openVotable } from '../../votable/read/index.ts'
import { type Facts, NO_SYSTEMS, newFacts, type TableSource } from '../../votable/table-source.ts'
import type { TableBatch } from '../../votable/tuple.ts'
import { nameless } from '../spool.ts'
import { rowsOf } from './columnwise.ts'
import { fieldsOfYaml } from './ecsv.ts'
import { type RandomSource, readFooter } from './parquet-footer.ts'
import { columnValues } from './parquet-values.ts'
import { jsonText, type ValueCell, valueCell } from './value-cell.ts'

/** `folder` is for what has to be kept while a row group is read: the system's temporary folder by default. */
export async function openParquet(source: RandomSource, folder?: string): Promise<TableSource> {
  const metadata = await readFooter(source)
  const tree = parquetSchema(metadata)
  const notices: string[] = []
  const bytes = await unknownBytes(source, metadata, tree)
  const columns = tree.children.map(column => columnOf(column, bytes, notices))
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
    batches: () => rowBatches(source, metadata, tree, columns, fields, facts, folder),
  }
}

interface Column {
  readonly field: Field
  /** What is nested deeper than a list of numbers is kept as JSON. */
  readonly isJson: boolean
  /** Digits after the point of a decimal number, which the library multiplies out with an error in the last bit. */
  readonly scale?: number
}

/**
 * Names of the columns of bytes that hold no text. A writer should say which do; of those it says nothing of, the
 * first values tell.
 */
async function unknownBytes(
  source: ByteSource,
  { row_groups }: FileMetaData,
  tree: SchemaTree,
): Promise<ReadonlySet<string>> {
  const unsure = tree.children.filter(
    ({ element: { type, converted_type, logical_type } }) =>
      type === 'BYTE_ARRAY' && converted_type === undefined && logical_type === undefined,
  )
  const found = new Set<string>()
  const [group] = row_groups
  if (!group) return found
  for (const column of unsure) {
    for await (const values of columnValues(source, group, tree, column, PARSERS)) {
      const first = Array.from(values).slice(0, 100)
      const isText = (value: unknown) =>
        !(value instanceof Uint8Array) || (isUtf8(value) && !value.includes(0))
      if (!first.every(isText)) found.add(column.element.name)
      break
    }
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
  source: ByteSource,
  { row_groups }: FileMetaData,
  tree: SchemaTree,
  columns: readonly Column[],
  fields: readonly Field[],
  facts: Facts,
  folder: string | undefined,
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
  const file = await nameless(folder ?? tmpdir())
  try {
    for (const group of row_groups) {
      const rows = Number(group.num_rows)
      const values = tree.children.map((column, i) => ({
        name: column.element.name,
        put: put[i]!,
        values: () => columnValues(source, group, tree, column, PARSERS),
      }))
      const bytes = group.columns.reduce((sum, c) => sum + Number(c.meta_data?.total_uncompressed_size), 0)
      yield* rowsOf(values, rows, bytes / rows + 4 * columns.length, file)
    }
  } finally {
    await file.close()
  }
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

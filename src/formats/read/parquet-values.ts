/** The values of one column in one row group of Parquet, page by page. */
import type {
  ColumnChunk,
  ColumnMetaData,
  DecodedArray,
  ParquetParsers,
  RowGroup,
  SchemaTree,
} from 'hyparquet'
import { assembleLists, assembleNested } from 'hyparquet/src/assemble.js'
import { parquetHeader } from 'hyparquet/src/column.js'
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js'
import {
  getMaxDefinitionLevel,
  getMaxRepetitionLevel,
  getTreePath,
  isFlatColumn,
} from 'hyparquet/src/schema.js'
import type { ByteSource } from '../../fits/hdu.ts'
import { broken } from './parquet-footer.ts'
import { type Leaf, type Page, readDataPage, readDictionary } from './parquet-page.ts'
import { thriftEnd } from './parquet-thrift.ts'

/** Bytes that are read for a page's header, which tells how long the page is. */
const WINDOW = 64 * 1024

/** Values that are made at a time: texts are objects. */
const PORTION = 1024

type Values = ArrayLike<unknown>

/** `column` is one of the children of `tree`. Throws `usage` for pages that are damaged. */
export async function* columnValues(
  source: ByteSource,
  group: RowGroup,
  tree: SchemaTree,
  column: SchemaTree,
  own: Partial<ParquetParsers>,
): AsyncGenerator<Values> {
  const parsers = { ...DEFAULT_PARSERS, ...own }
  const chunks = group.columns.filter(chunk => chunk.meta_data?.path_in_schema[0] === column.element.name)
  try {
    const leaves = chunks.map(chunk => leafOf(chunk, tree, parsers))
    const [leaf] = leaves
    if (!leaf) throw new Error(`a row group lacks column ${column.element.name}`)
    if (isFlatColumn(leaf.path)) yield* flatValues(source, leaf)
    else if (leaves.length === 1) yield* nestedValues(source, leaf, column, parsers)
    else yield await joinedValues(source, leaves, column, parsers)
  } catch (error) {
    throw broken(error)
  }
}

interface LeafChunk extends Leaf {
  readonly meta: ColumnMetaData
  readonly path: SchemaTree[]
  convert(values: DecodedArray): DecodedArray
}

function leafOf(
  { meta_data: meta, file_path }: ColumnChunk,
  root: SchemaTree,
  parsers: ParquetParsers,
): LeafChunk {
  if (file_path) throw new Error('its columns are in other files')
  const path = getTreePath(root, meta!.path_in_schema)
  const { element } = path.at(-1)!
  const { type, codec, path_in_schema: pathInSchema } = meta!
  const decoder = { pathInSchema, type, codec, element, schemaPath: path, parsers, utf8: false }
  return {
    meta: meta!,
    path,
    type,
    codec,
    width: element.type_length,
    maxDefinition: getMaxDefinitionLevel(path),
    maxRepetition: getMaxRepetitionLevel(path),
    convert: values => convert(values, decoder),
  }
}

async function* flatValues(source: ByteSource, leaf: LeafChunk): AsyncGenerator<Values> {
  for await (const { count, definition, take } of pagesOf(source, leaf)) {
    if (!definition || definition.length === count) {
      for (let left = count; left > 0; left -= PORTION) yield take(Math.min(left, PORTION))
      continue
    }
    for (let at = 0; at < definition.length; at += PORTION) {
      const levels = definition.subarray(at, at + PORTION)
      let there = 0
      for (const level of levels) if (level === leaf.maxDefinition) there++
      const values = take(there)
      let next = 0
      yield Array.from(levels, level => (level === leaf.maxDefinition ? values[next++] : null))
    }
  }
}

/** Lists; one may go on in the next page, so the last of each page waits for it. */
async function* nestedValues(
  source: ByteSource,
  leaf: LeafChunk,
  column: SchemaTree,
  parsers: ParquetParsers,
): AsyncGenerator<Values> {
  const nested = (rows: unknown[]): Values => {
    const byPath = new Map<string, DecodedArray>([[leaf.meta.path_in_schema.join('.'), rows]])
    if (column.children.length > 0) assembleNested(byPath, column, parsers)
    return byPath.get(column.element.name) ?? []
  }
  let last: unknown[] = []
  for await (const page of pagesOf(source, leaf)) {
    const rows = listed(last, page, leaf)
    last = rows.slice(-1)
    yield nested(rows.slice(0, -1))
  }
  yield nested(last)
}

/** Structs and maps, whose members are chunks of their own: all rows of the group at once. */
async function joinedValues(
  source: ByteSource,
  leaves: readonly LeafChunk[],
  column: SchemaTree,
  parsers: ParquetParsers,
): Promise<Values> {
  const byPath = new Map<string, DecodedArray>()
  for (const leaf of leaves) {
    let rows: unknown[] = []
    for await (const page of pagesOf(source, leaf)) rows = listed(rows, page, leaf)
    byPath.set(leaf.meta.path_in_schema.join('.'), rows)
  }
  assembleNested(byPath, column, parsers)
  return byPath.get(column.element.name) ?? []
}

/** `rows` with those of a page after them. */
function listed(rows: unknown[], { count, take, definition, repetition }: Page, leaf: LeafChunk): unknown[] {
  const values = take(count)
  const levels = definition && Array.from(definition)
  const assembled = assembleLists(rows, levels, repetition ? Array.from(repetition) : [], values, leaf.path)
  if (assembled === rows) return rows
  for (const value of assembled) rows.push(value)
  return rows
}

/** `take` gives the values as they are meant. */
async function* pagesOf({ read }: ByteSource, leaf: LeafChunk): AsyncGenerator<Page> {
  const { meta } = leaf
  const begin = Number(meta.dictionary_page_offset || meta.data_page_offset)
  const end = begin + Number(meta.total_compressed_size)
  let dictionary: DecodedArray | undefined
  let seen = 0
  for (let at = begin; at < end && seen < Number(meta.num_values); ) {
    const { header, bytes, length } = await readPage(read, at, end)
    at += length
    if (header.type === 'DICTIONARY_PAGE') {
      dictionary = leaf.convert(readDictionary(header, bytes, leaf))
    } else if (header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2') {
      const page = readDataPage(header, bytes, leaf)
      const { isIndexed, take } = page
      seen += page.definition?.length ?? page.repetition?.length ?? page.count
      yield {
        ...page,
        take: isIndexed ? n => looked(take(n) as Int32Array, dictionary) : n => leaf.convert(take(n)),
      }
    }
  }
}

/** A page, read as far as it is needed: its header says how long it is. */
async function readPage(read: ByteSource['read'], at: number, end: number) {
  let window = await read(at, Math.min(WINDOW, end - at))
  let headerEnd = thriftEnd(window, 0)
  if (headerEnd === undefined && end - at > WINDOW) {
    window = await read(at, Math.min(64 * WINDOW, end - at))
    headerEnd = thriftEnd(window, 0)
  }
  if (headerEnd === undefined) throw new Error('the header of a page is cut')
  const header = parquetHeader({
    view: new DataView(window.buffer, window.byteOffset, window.length),
    offset: 0,
  })
  const size = header.compressed_page_size
  if (!(size >= 0 && at + headerEnd + size <= end)) throw new Error('a page is longer than its column')
  const bytes =
    headerEnd + size <= window.length
      ? window.subarray(headerEnd, headerEnd + size)
      : await read(at + headerEnd, size)
  if (bytes.length < size) throw new Error('the file is truncated')
  return { header, bytes, length: headerEnd + size }
}

function looked(indexes: Int32Array, dictionary: DecodedArray | undefined): unknown[] {
  const size = dictionary?.length ?? 0
  return Array.from(indexes, index => {
    if (index < 0 || index >= size) throw new Error('a page refers to what is not in its dictionary')
    return dictionary![index]
  })
}

/**
 * One column of a row group. Columns that are no lists are written as a page of Parquet's encoding PLAIN from the bytes
 * that they are in memory, narrow ones and strings through Snappy: no value becomes an object of JavaScript, which
 * would cost time and make the heap grow. hyparquet-writer writes the lists, with dictionaries.
 */
import type { ColumnChunk, DecodedArray, SchemaTree } from 'hyparquet'
import type { ByteWriter } from 'hyparquet-writer'
import { writeColumn } from 'hyparquet-writer/src/column.js'
import { writePageHeader } from 'hyparquet-writer/src/datapage.js'
import { encodeNestedValues } from 'hyparquet-writer/src/dremel.js'
import { snappyCompress } from 'hyparquet-writer/src/snappy.js'
import type { Column, ElementType } from './columns.ts'
import { extremes, type Plain, plainValues } from './parquet-plain.ts'

/** `path` leads from the schema's root to the leaf. */
export function writeChunk(
  writer: ByteWriter,
  path: SchemaTree[],
  column: Column,
  element: ElementType,
): ColumnChunk {
  const { element: leaf } = path.at(-1)!
  if (column.child === undefined) return writePlain(writer, leaf, column, plainValues(column, element))
  const schemaPath = path.map(node => node.element)
  const { chunk } = writeColumn({
    writer,
    column: {
      columnName: leaf.name,
      element: leaf,
      schemaPath,
      codec: 'SNAPPY',
      compressors: { SNAPPY: snappyCompress },
      stats: true,
      pageSize: 2 ** 20,
      columnIndex: false,
      offsetIndex: false,
    },
    pageData: encodeNestedValues(path, valuesOf(column, element)),
  })
  return chunk
}

function writePlain(
  writer: ByteWriter,
  { name, type }: SchemaTree['element'],
  column: Column,
  plain: Plain,
): ColumnChunk {
  const { bytes: values, isWide } = plain
  const levels = definitionLevels(column)
  const packed = isWide || values.length === 0 ? values : snappyCompress(values)
  const isCompressed = packed.length < values.length
  const body = isCompressed ? packed : values
  const start = writer.offset
  writePageHeader(writer, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: levels.length + values.length,
    compressed_page_size: levels.length + body.length,
    data_page_header_v2: {
      num_values: column.length,
      num_nulls: column.nulls,
      num_rows: column.length,
      encoding: 'PLAIN',
      definition_levels_byte_length: levels.length,
      repetition_levels_byte_length: 0,
      is_compressed: isCompressed,
    },
  })
  writer.appendBytes(levels)
  writer.appendBytes(body)
  const bytes = writer.offset - start
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: type!,
      encodings: ['PLAIN'],
      path_in_schema: [name],
      codec: isWide ? 'UNCOMPRESSED' : 'SNAPPY',
      num_values: BigInt(column.length),
      total_uncompressed_size: BigInt(bytes - body.length + values.length),
      total_compressed_size: BigInt(bytes),
      data_page_offset: BigInt(start),
      statistics: { ...extremes(plain), null_count: BigInt(column.nulls) },
    },
  }
}

/** 1 for each value, 0 for each NULL, in Parquet's hybrid of runs and bits: ours are the bits already. */
function definitionLevels({ length, nulls, validity }: Column): Uint8Array {
  if (nulls === 0) return Uint8Array.from([...varint(length * 2), 1])
  return Buffer.concat([Uint8Array.from(varint(validity.length * 2 + 1)), validity])
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return [...bytes, value]
}

/** Typed arrays where there is no NULL: they are encoded at twice the speed. */
function valuesOf(column: Column, element: ElementType): DecodedArray {
  const { length, nulls, validity, offsets, child } = column
  const isValid = (i: number) => ((validity[i >> 3]! >> (i & 7)) & 1) === 1
  if (child && offsets) {
    const elements = valuesOf(child, element)
    return Array.from({ length }, (_, i) =>
      isValid(i) ? Array.from(elements.slice(offsets[i], offsets[i + 1]) as ArrayLike<unknown>) : null,
    )
  }
  const values = flatValues(column, element)
  return nulls === 0
    ? values
    : Array.from(values as ArrayLike<unknown>, (value, i) => (isValid(i) ? value : null))
}

function flatValues({ length, values, offsets }: Column, element: ElementType): DecodedArray {
  const { buffer, byteOffset } = values
  switch (element) {
    case 'bool':
      return Array.from({ length }, (_, i) => ((values[i >> 3]! >> (i & 7)) & 1) === 1)
    case 'uint8':
      return Int32Array.from(values)
    case 'int2':
      return Int32Array.from(new Int16Array(buffer, byteOffset, length))
    case 'int4':
      return new Int32Array(buffer, byteOffset, length)
    case 'int8':
      return new BigInt64Array(buffer, byteOffset, length)
    case 'float4':
      return new Float32Array(buffer, byteOffset, length)
    case 'float8':
      return new Float64Array(buffer, byteOffset, length)
    case 'text': {
      const text = Buffer.from(buffer, byteOffset, values.length)
      return Array.from({ length }, (_, i) => text.toString('utf8', offsets![i], offsets![i + 1]))
    }
  }
}

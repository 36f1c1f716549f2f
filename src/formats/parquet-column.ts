/**
 * One column of a row group. Numbers of four or eight bytes, most of any catalogue, lie in memory as a page has them
 * (Parquet's encoding PLAIN) and are copied: 20 ns a value less than through hyparquet-writer, which writes the
 * others, with dictionaries and Snappy.
 */
import type { ColumnChunk, DecodedArray, SchemaElement, SchemaTree } from 'hyparquet'
import type { ByteWriter } from 'hyparquet-writer'
import { writeColumn } from 'hyparquet-writer/src/column.js'
import { writePageHeader } from 'hyparquet-writer/src/datapage.js'
import { encodeNestedValues } from 'hyparquet-writer/src/dremel.js'
import { snappyCompress } from 'hyparquet-writer/src/snappy.js'
import type { Column, ElementType } from './columns.ts'

/** `path` leads from the schema's root to the leaf. */
export function writeChunk(
  writer: ByteWriter,
  path: SchemaTree[],
  column: Column,
  element: ElementType,
): ColumnChunk {
  const { element: leaf } = path.at(-1)!
  if (column.child === undefined && isWide(element)) return writePlain(writer, leaf, column, element)
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

type Wide = 'float4' | 'float8' | 'int8'

function isWide(element: ElementType): element is Wide {
  return element === 'float4' || element === 'float8' || element === 'int8'
}

function writePlain(writer: ByteWriter, leaf: SchemaElement, column: Column, element: Wide): ColumnChunk {
  const values = present(column, element === 'float4' ? 4 : 8)
  const levels = definitionLevels(column)
  const start = writer.offset
  const size = levels.length + values.length
  writePageHeader(writer, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: size,
    compressed_page_size: size,
    data_page_header_v2: {
      num_values: column.length,
      num_nulls: column.nulls,
      num_rows: column.length,
      encoding: 'PLAIN',
      definition_levels_byte_length: levels.length,
      repetition_levels_byte_length: 0,
      is_compressed: false,
    },
  })
  writer.appendBytes(levels)
  writer.appendBytes(values)
  const bytes = BigInt(writer.offset - start)
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: leaf.type!,
      encodings: ['PLAIN'],
      path_in_schema: [leaf.name],
      codec: 'UNCOMPRESSED',
      num_values: BigInt(column.length),
      total_uncompressed_size: bytes,
      total_compressed_size: bytes,
      data_page_offset: BigInt(start),
      statistics: { ...extremes(values, element), null_count: BigInt(column.nulls) },
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

/** The values without the NULLs. */
function present({ length, nulls, validity, values }: Column, size: number): Uint8Array {
  if (nulls === 0) return values
  const out = new Uint8Array((length - nulls) * size)
  for (let i = 0, o = 0; i < length; i++) {
    if (((validity[i >> 3]! >> (i & 7)) & 1) === 0) continue
    for (let p = i * size; p < (i + 1) * size; p++) out[o++] = values[p]!
  }
  return out
}

/** Least and greatest value, NaN left out; a zero is −0 as the least and +0 as the greatest (parquet.thrift). */
function extremes(values: Uint8Array, element: Wide) {
  if (element === 'int8') {
    const all = new BigInt64Array(values.buffer, values.byteOffset, values.length / 8)
    if (all.length === 0) return {}
    let [min, max] = [all[0]!, all[0]!]
    for (const value of all) {
      if (value < min) min = value
      if (value > max) max = value
    }
    return { min_value: min, max_value: max }
  }
  const all =
    element === 'float4'
      ? new Float32Array(values.buffer, values.byteOffset, values.length / 4)
      : new Float64Array(values.buffer, values.byteOffset, values.length / 8)
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of all) {
    if (value < min) min = value
    if (value > max) max = value
  }
  if (min > max) return {}
  return { min_value: min === 0 ? -0 : min, max_value: max === 0 ? 0 : max }
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

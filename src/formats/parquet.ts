/**
 * Parquet with the metadata of VOTable (VOParquet 1.0, IVOA Note 2025-01-16): the footer holds a VOTable without data
 * whose FIELDs are the columns. As it is written last, it also says whether rows are missing.
 *
 * Numbers and strings are of the Parquet type that is theirs, arrays are flat lists in VOTable's order, a complex
 * number is a list of two. Row groups are small, because one is held in memory and encoded in one go.
 */
import type { DecodedArray, SchemaElement } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { DocumentHead } from '../votable/document.ts'
import { documentHead, documentTail, recordFailure } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { RowSource } from '../votable/row.ts'
import { type Column, columnsOf, columnType, type ElementType } from './columns.ts'
import type { Writer } from './writer.ts'

/** Rows of a row group: 14 columns of this many take about 0.1 s. */
const GROUP_ROWS = 32_768

async function* writeParquet(source: RowSource, head: DocumentHead): AsyncGenerator<Uint8Array, void> {
  const { fields, outcome } = source
  const bytes = new ByteWriter()
  const metadata = [{ key: 'IVOA.VOTable-Parquet.version', value: '1.0' }]
  const parquet = new ParquetWriter({
    writer: bytes,
    schema: [{ name: 'root', num_children: fields.length }, ...fields.flatMap(schemaElements)],
    kvMetadata: metadata,
    createdBy: 'Almagest',
  })
  const take = (): Uint8Array => {
    const taken = bytes.getBytes().slice()
    bytes.index = 0
    return taken
  }
  const columns = columnsOf(fields, GROUP_ROWS)
  const encodeGroup = (): void => {
    const { rows, columns: group } = columns.take()
    const columnData = group.map((column, i) => ({
      name: fields[i]!.name,
      data: valuesOf(column, columnType(fields[i]!).element),
    }))
    parquet.write({ columnData, rowGroupSize: rows })
  }
  try {
    for await (const batch of source.batches) {
      columns.append(batch)
      if (!columns.isFull()) continue
      encodeGroup()
      yield take()
    }
  } catch (error) {
    recordFailure(outcome, error)
  }
  if (columns.rows() > 0) encodeGroup()
  const votable = documentHead(fields, head) + documentTail(outcome, head)
  metadata.push({ key: 'IVOA.VOTable-Parquet.content', value: votable })
  parquet.finish()
  yield take()
}

type Primitive = Pick<SchemaElement, 'type' | 'converted_type'>

const PRIMITIVE: Record<ElementType, Primitive> = {
  bool: { type: 'BOOLEAN' },
  uint8: { type: 'INT32', converted_type: 'UINT_8' },
  int2: { type: 'INT32', converted_type: 'INT_16' },
  int4: { type: 'INT32' },
  int8: { type: 'INT64' },
  float4: { type: 'FLOAT' },
  float8: { type: 'DOUBLE' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
}

/** A column that may be NULL; an array has the three levels of Parquet's LIST. */
function schemaElements(field: Field): SchemaElement[] {
  const { element, isList } = columnType(field)
  const { name } = field
  if (!isList) return [{ name, repetition_type: 'OPTIONAL', ...PRIMITIVE[element] }]
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'OPTIONAL', ...PRIMITIVE[element] },
  ]
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

export const parquetWriter: Writer = { wire: 'binary', saysOverflow: true, write: writeParquet }

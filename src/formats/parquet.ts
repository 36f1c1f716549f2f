/**
 * Parquet with the metadata of VOTable (VOParquet 1.0, IVOA Note 2025-01-16): the footer holds a VOTable without data
 * whose FIELDs are the columns. As it is written last, it also says whether rows are missing.
 *
 * Numbers and strings are of the Parquet type that is theirs, arrays are flat lists in VOTable's order, a complex
 * number is a list of two. Row groups are small, because one is held in memory and encoded in one go.
 */
import { setImmediate as otherWork } from 'node:timers/promises'
import type { SchemaElement, SchemaTree } from 'hyparquet'
import { parquetSchema } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { DocumentHead } from '../votable/document.ts'
import { documentHead, documentTail, recordFailure } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { RowSource } from '../votable/row.ts'
import { columnsOf, columnType, type ElementType } from './columns.ts'
import { writeChunk } from './parquet-column.ts'
import { uniquelyNamed } from './unique.ts'
import type { Writer } from './writer.ts'

/** Rows of a row group. */
const GROUP_ROWS = 32_768

async function* writeParquet(source: RowSource, head: DocumentHead): AsyncGenerator<Uint8Array, void> {
  const { outcome } = source
  const fields = uniquelyNamed(source.fields)
  const bytes = new ByteWriter()
  const schema = [{ name: 'root', num_children: fields.length }, ...fields.flatMap(schemaElements)]
  const metadata = [{ key: 'IVOA.VOTable-Parquet.version', value: '1.0' }]
  const parquet = new ParquetWriter({ writer: bytes, schema, kvMetadata: metadata, createdBy: 'Almagest' })
  const take = (): Uint8Array => {
    const taken = bytes.getBytes().slice()
    bytes.index = 0
    return taken
  }
  const paths = leafPaths(schema)
  const columns = columnsOf(fields, GROUP_ROWS)
  /** Between two columns other requests have their turn. */
  const encodeGroup = async (): Promise<void> => {
    const { rows, columns: group } = columns.take()
    const start = bytes.offset
    const chunks = []
    for (const [i, column] of group.entries()) {
      chunks.push(writeChunk(bytes, paths[i]!, column, columnType(fields[i]!).element))
      await otherWork()
    }
    parquet.num_rows += BigInt(rows)
    parquet.row_groups.push({
      columns: chunks,
      num_rows: BigInt(rows),
      total_byte_size: chunks.reduce((sum, { meta_data }) => sum + meta_data!.total_uncompressed_size, 0n),
      total_compressed_size: BigInt(bytes.offset - start),
    })
  }
  try {
    for await (const batch of source.batches) {
      columns.append(batch)
      if (!columns.isFull()) continue
      await encodeGroup()
      yield take()
    }
  } catch (error) {
    recordFailure(outcome, error)
  }
  if (columns.rows() > 0) await encodeGroup()
  const votable = documentHead(fields, head) + documentTail(outcome, head)
  metadata.push({ key: 'IVOA.VOTable-Parquet.content', value: votable })
  parquet.finish()
  yield take()
}

/** For each column, the nodes of the schema from its root to the leaf that holds the values. */
function leafPaths(schema: SchemaElement[]): SchemaTree[][] {
  const root = parquetSchema({ schema } as Parameters<typeof parquetSchema>[0])
  return root.children.map(child => {
    const path = [root, child]
    for (let node = child.children[0]; node; node = node.children[0]) path.push(node)
    return path
  })
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

export const parquetWriter: Writer = { wire: 'binary', saysOverflow: true, write: writeParquet }

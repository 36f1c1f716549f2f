/**
 * Parquet with the metadata of VOTable (VOParquet 1.0, IVOA Note 2025-01-16): the footer holds a VOTable without data
 * whose FIELDs are the columns. As it is written last, it also says whether rows are missing.
 *
 * Numbers and strings are of the Parquet type that is theirs, arrays are flat lists in VOTable's order, a complex
 * number is a list of two. Row groups are small, because one is held in memory.
 */
import { setImmediate as otherWork } from 'node:timers/promises'
import type { ColumnChunk, SchemaElement, SchemaTree } from 'hyparquet'
import { parquetSchema } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { DocumentHead } from '../votable/document.ts'
import { documentHead, documentTail } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { RowSource } from '../votable/row.ts'
import { type ColumnGroup, columnGroups, columnType, type ElementType } from './columns.ts'
import { writeChunk } from './parquet-column.ts'
import { uniquelyNamed } from './unique.ts'
import type { Writer } from './writer.ts'

/** Rows of a row group, but for the first, which leaves early. */
const GROUP_ROWS = 16_384
const FIRST_ROWS = 2048

async function* writeParquet(source: RowSource, head: DocumentHead): AsyncGenerator<Uint8Array, void> {
  const { outcome } = source
  const fields = uniquelyNamed(source.fields)
  const bytes = new ByteWriter()
  const schema = [{ name: 'root', num_children: fields.length }, ...fields.flatMap(schemaElements)]
  const metadata = [{ key: 'IVOA.VOTable-Parquet.version', value: '1.0' }]
  const parquet = new ParquetWriter({ writer: bytes, schema, kvMetadata: metadata, createdBy: 'Almagest' })
  const paths = leafPaths(schema)

  const take = (): Uint8Array => {
    const taken = bytes.getBytes().slice()
    bytes.index = 0
    return taken
  }
  /** A column leaves as soon as it is written; between two of them other requests have their turn. */
  async function* rowGroup({ rows, columns }: ColumnGroup): AsyncGenerator<Uint8Array, void> {
    const start = bytes.offset
    const chunks: ColumnChunk[] = []
    for (const [i, column] of columns.entries()) {
      chunks.push(writeChunk(bytes, paths[i]!, column, columnType(fields[i]!).element))
      yield take()
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

  for await (const group of columnGroups({ ...source, fields }, GROUP_ROWS, FIRST_ROWS))
    yield* rowGroup(group)
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

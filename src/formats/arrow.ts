/**
 * Arrow IPC stream (Arrow columnar format 1.0, metadata version 5): a schema, then a record batch for every few
 * thousand rows. Numbers only change their byte order. Strings are Utf8, arrays are flat Lists in VOTable's order, a
 * complex number is a List of two. What VOTable says of a column beyond its type is in the field's metadata, under
 * VOTable's own words.
 */
import type { DocumentHead } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { RowSource } from '../votable/row.ts'
import { type Column, type ColumnGroup, columnGroups, columnType, type ElementType } from './columns.ts'
import * as fb from './flatbuffer.ts'
import { throwFailure } from './separated.ts'
import type { Writer } from './writer.ts'

/** Rows of a record batch, but for the first, which leaves as soon as there are rows. */
const BATCH_ROWS = 8192

const V5 = 4
const HEADER = { schema: 1, recordBatch: 3 }
const TYPE = { int: 2, float: 3, utf8: 5, bool: 6, list: 12 }
const END = Buffer.from('ffffffff00000000', 'hex')

async function* writeArrow(source: RowSource, head: DocumentHead): AsyncGenerator<Uint8Array, void> {
  yield schemaMessage(source.fields, head)
  for await (const group of columnGroups(source, BATCH_ROWS, 1)) yield recordBatch(group)
  throwFailure(source.outcome)
  yield END
}

/** The bytes before a body: continuation mark, length, metadata. */
function message(headerType: number, header: fb.Target, bodyLength: number): Buffer {
  const metadata = fb.flatbuffer(
    fb.table(fb.short(V5), fb.byte(headerType), fb.ref(header), fb.long(bodyLength)),
  )
  const prefix = Buffer.from('ffffffff00000000', 'hex')
  prefix.writeInt32LE(metadata.length, 4)
  return Buffer.concat([prefix, metadata])
}

function schemaMessage(fields: readonly Field[], head: DocumentHead): Buffer {
  const infos = Object.fromEntries(head.infos.map(info => [info.name, info.value]))
  const schema = fb.table(fb.short(0), fb.ref(fb.tables(fields.map(fieldTable))), fb.ref(keyValues(infos)))
  return message(HEADER.schema, schema, 0)
}

function keyValues(entries: Readonly<Record<string, string | undefined>>): fb.Target {
  const pairs = Object.entries(entries).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return fb.tables(pairs.map(([key, value]) => fb.table(fb.ref(fb.string(key)), fb.ref(fb.string(value)))))
}

function fieldTable(field: Field): fb.Target {
  const { name, id: _id, ref: _ref, ...metadata } = field
  const { element, isList } = columnType(field)
  if (!isList) return fieldOf(name, elementType(element), [], metadata)
  return fieldOf(name, [TYPE.list, fb.table()], [fieldOf('item', elementType(element), [], {})], metadata)
}

type Type = readonly [type: number, parameters: fb.Target]

function fieldOf(
  name: string,
  [type, parameters]: Type,
  children: readonly fb.Target[],
  metadata: Readonly<Record<string, string | undefined>>,
): fb.Target {
  return fb.table(
    fb.ref(fb.string(name)),
    fb.bool(true), // nullable
    fb.byte(type),
    fb.ref(parameters),
    undefined, // no dictionary
    fb.ref(fb.tables(children)),
    fb.ref(keyValues(metadata)),
  )
}

function elementType(element: ElementType): Type {
  switch (element) {
    case 'bool':
      return [TYPE.bool, fb.table()]
    case 'text':
      return [TYPE.utf8, fb.table()]
    case 'float4':
      return [TYPE.float, fb.table(fb.short(1))]
    case 'float8':
      return [TYPE.float, fb.table(fb.short(2))]
    case 'uint8':
      return [TYPE.int, fb.table(fb.int(8), fb.bool(false))]
    default:
      return [TYPE.int, fb.table(fb.int(8 * Number(element.slice(3))), fb.bool(true))]
  }
}

function recordBatch({ rows, columns }: ColumnGroup): Buffer {
  const nodes: number[] = []
  const buffers: number[] = []
  const body: Buffer[] = []
  let offset = 0
  const add = (bytes: Uint8Array): void => {
    buffers.push(offset, bytes.length)
    const padding = (8 - (bytes.length % 8)) % 8
    body.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), Buffer.alloc(padding))
    offset += bytes.length + padding
  }
  const addColumn = (column: Column): void => {
    nodes.push(column.length, column.nulls)
    add(column.nulls > 0 ? column.validity : new Uint8Array(0))
    const { offsets, child } = column
    if (offsets) add(new Uint8Array(offsets.buffer, offsets.byteOffset, offsets.byteLength))
    if (child) addColumn(child)
    else add(column.values)
  }
  for (const column of columns) addColumn(column)
  const header = fb.table(fb.long(rows), fb.ref(fb.structs(2, nodes)), fb.ref(fb.structs(2, buffers)))
  return Buffer.concat([message(HEADER.recordBatch, header, offset), ...body])
}

export const arrowWriter: Writer = { wire: 'binary', saysOverflow: false, write: writeArrow }

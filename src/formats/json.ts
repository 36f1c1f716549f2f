/**
 * JSON without loss, by the conventions of the protobuf JSON mapping: a 64-bit integer is a string of its digits
 * (JSON.parse rounds it otherwise), NaN and the infinities are the strings "NaN", "Infinity", "-Infinity", NULL is
 * null. Which is which is told by the column's datatype. Arrays are flat, in VOTable's order.
 *
 * The document has the shape of other TAP services' JSON: `metadata`, an object of FIELD attributes for each column,
 * and `data`, an array for each row. `status` comes last, when it is known: OK, OVERFLOW or ERROR, with a `message`.
 * NDJSON is one object a line, its keys the column names, nothing else.
 */
import type { CellEncoder } from '../votable/binary-cell.ts'
import type { DocumentHead } from '../votable/document.ts'
import { encodeRows } from '../votable/encode.ts'
import type { RowSource } from '../votable/row.ts'
import type { Spelling } from '../votable/text-cell.ts'
import { textRowEncoder } from '../votable/text-row.ts'
import { throwFailure } from './separated.ts'
import { uniquelyNamed } from './unique.ts'
import type { Writer } from './writer.ts'

const NULL = Buffer.from('null')

/** A string: only quotes, backslashes and control codes need an escape. */
const jsonText: CellEncoder = (data, p, length, out, o) => {
  out[o++] = 0x22
  for (const end = p + length; p < end; p++) {
    const byte = data[p]!
    if (byte < 0x20) {
      o += out.write(`\\u00${byte.toString(16).padStart(2, '0')}`, o, 'latin1')
      continue
    }
    if (byte === 0x22 || byte === 0x5c) out[o++] = 0x5c
    out[o++] = byte
  }
  out[o++] = 0x22
  return o
}

const SPELLING: Spelling = {
  true: Buffer.from('true'),
  false: Buffer.from('false'),
  nan: Buffer.from('"NaN"'),
  positiveInfinity: Buffer.from('"Infinity"'),
  negativeInfinity: Buffer.from('"-Infinity"'),
  string: jsonText,
  long: jsonText,
  list: { open: Buffer.from('['), between: Buffer.from(','), close: Buffer.from(']') },
  nullElement: NULL,
  paddedStrings: false,
}

async function* writeJson(source: RowSource, head: DocumentHead): AsyncGenerator<Uint8Array, void> {
  const { fields, outcome } = source
  const framing = { before: (i: number) => (i === 0 ? ',\n[' : ','), after: ']', nothing: () => 'null' }
  const infos = head.infos.map(({ name, value, text }) => ({ name, value, text }))
  const metadata = fields.map(field => `  ${JSON.stringify(field)}`).join(',\n')
  yield Buffer.from(`{"infos":${JSON.stringify(infos)},\n"metadata":[\n${metadata}\n],\n"data":[`)
  let comma = 1 // the first row has none before it
  for await (const rows of encodeRows(source, textRowEncoder(fields, SPELLING, framing))) {
    yield rows.subarray(comma)
    comma = 0
  }
  const status =
    outcome.error !== undefined ? 'ERROR' : outcome.overflow ? 'OVERFLOW' : (head.queryStatus ?? 'OK')
  const message = outcome.error === undefined ? '' : `,\n"message":${JSON.stringify(outcome.error)}`
  yield Buffer.from(`\n],\n"status":"${status}"${message}}\n`)
}

async function* writeNdjson(source: RowSource): AsyncGenerator<Uint8Array, void> {
  const names = uniquelyNamed(source.fields).map(field => JSON.stringify(field.name))
  const framing = {
    before: (i: number) => `${i === 0 ? '{' : ','}${names[i]}:`,
    after: '}\n',
    nothing: () => 'null',
  }
  yield* encodeRows(source, textRowEncoder(source.fields, SPELLING, framing))
  throwFailure(source.outcome)
}

export const jsonWriter: Writer = { wire: 'text', saysOverflow: true, write: writeJson }
export const ndjsonWriter: Writer = { wire: 'text', saysOverflow: false, write: writeNdjson }

/** VOTable BINARY2 and BINARY (VOTable 1.5 §5.3–5.4) from PostgreSQL's binary rows. */
import { ServiceError } from '../error.ts'
import type { BinaryCell, BinarySpelling, CellEncoder } from './binary-cell.ts'
import { binaryCell } from './binary-cell.ts'
import type { DocumentHead } from './document.ts'
import { documentHead, documentTail } from './document.ts'
import type { RowEncoder } from './encode.ts'
import { base64, cellLength, encodeRows, openRow } from './encode.ts'
import type { Datatype, Field } from './field.ts'
import { isString } from './field.ts'
import type { RowSource } from './row.ts'

/** Each row begins with a bit for each column that says whether it is NULL; any value may stand beside it. */
export function writeBinary2(source: RowSource, head: DocumentHead): AsyncGenerator<Uint8Array, void> {
  return writeStream('BINARY2', source, head, source.fields, [], binaryCell)
}

/**
 * BINARY has no such bits. A NULL integer is the smallest value of its type, declared by VALUES null, and that value
 * itself is refused; an unsignedByte has none to spare and travels as short. A NULL boolean is `?`, a NULL string or
 * array of variable size is empty, a NULL float is NaN. Elsewhere a NULL is refused: BINARY2 can say it.
 */
export function writeBinary(source: RowSource, head: DocumentHead): AsyncGenerator<Uint8Array, void> {
  const fields = source.fields.map(field =>
    field.datatype === 'unsignedByte' && field.arraysize === undefined
      ? { ...field, datatype: 'short' as const }
      : field,
  )
  const nulls = fields.map(field =>
    field.arraysize === undefined ? SMALLEST[field.datatype]?.text : undefined,
  )
  return writeStream('BINARY', source, head, fields, nulls, (field, spelling) => {
    const cell = binaryCell(field, spelling)
    const smallest = SMALLEST[field.datatype]
    if (smallest && field.arraysize === undefined) {
      return { ...cell, copy: 0, filler: smallest.bytes, encode: refusing(field, smallest, cell.encode) }
    }
    return saysNull(field) ? cell : { ...cell, filler: undefined }
  })
}

/** The integers that stand for NULL. */
export const SMALLEST: Partial<Record<Datatype, { readonly text: string; readonly bytes: Buffer }>> = {
  short: { text: '-32768', bytes: Buffer.from('8000', 'hex') },
  int: { text: '-2147483648', bytes: Buffer.from('80000000', 'hex') },
  long: { text: '-9223372036854775808', bytes: Buffer.from('8000000000000000', 'hex') },
}

function refusing(field: Field, smallest: { text: string; bytes: Buffer }, encode: CellEncoder): CellEncoder {
  const { bytes, text } = smallest
  return (data, p, length, out, o) => {
    if (data[p] === 0x80 && bytes.equals(data.subarray(p, p + length))) {
      throw new ServiceError('usage', `Column ${field.name} holds ${text}, which BINARY needs to say NULL.`, {
        detail: 'Ask for another RESPONSEFORMAT, e.g. application/x-votable+xml;serialization=BINARY2.',
      })
    }
    return encode(data, p, length, out, o)
  }
}

function saysNull(field: Field): boolean {
  const { datatype, arraysize } = field
  if (isString(field) || datatype === 'boolean' || arraysize?.endsWith('*')) return true
  return datatype.startsWith('float') || datatype.startsWith('double')
}

/** A cell whose NULL may be impossible to say. */
type StreamCell = Omit<BinaryCell, 'filler'> & { readonly filler: Buffer | undefined }

async function* writeStream(
  serialization: 'BINARY' | 'BINARY2',
  source: RowSource,
  head: DocumentHead,
  fields: readonly Field[],
  nulls: readonly (string | undefined)[],
  cellOf: (field: Field, spelling: BinarySpelling) => StreamCell,
): AsyncGenerator<Uint8Array, void> {
  const respelled = new Map<Field, number>()
  const spelling: BinarySpelling = {
    notAscii: field => respelled.set(field, (respelled.get(field) ?? 0) + 1),
    unknown: Buffer.from('?'),
  }
  const cells = fields.map(field => cellOf(field, spelling))
  const encoder = rowEncoder(fields, cells, serialization === 'BINARY2' ? (cells.length + 7) >> 3 : 0)
  yield Buffer.from(
    `${documentHead(fields, head, nulls)}<DATA>\n<${serialization}>\n<STREAM encoding="base64">\n`,
  )
  yield* base64(encodeRows(source, encoder))
  const warnings = [...respelled].map(
    ([field, count]) =>
      `Column ${field.name} is declared char, which is ASCII: in ${count} rows other characters are spelled \\uXXXX. ` +
      'TABLEDATA and text formats have them as they are.',
  )
  const tail = documentTail(source.outcome, head, warnings)
  yield Buffer.from(`</STREAM>\n</${serialization}>\n</DATA>\n${tail}`)
}

/** `flagBytes` bytes of NULL flags, first column first, then the cells. */
export function rowEncoder(
  fields: readonly Field[],
  cells: readonly StreamCell[],
  flagBytes: number,
): RowEncoder {
  const columns = cells.length
  const copies = Uint8Array.from(cells, cell => cell.copy)
  const encodes = cells.map(cell => cell.encode)
  const fillers = cells.map(cell => cell.filler)

  const encode = (data: Buffer, start: number, out: Buffer, o: number): number => {
    let p = openRow(data, start, columns)
    const flags = o
    for (let k = 0; k < flagBytes; k++) out[o++] = 0
    for (let c = 0; c < columns; c++) {
      const length = cellLength(data, p)
      p += 4
      if (length < 0) {
        const filler = fillers[c]
        if (filler === undefined) throw cannotSayNull(fields[c]!)
        if (flagBytes > 0) out[flags + (c >> 3)]! |= 0x80 >> (c & 7)
        for (let k = 0; k < filler.length; k++) out[o++] = filler[k]!
        continue
      }
      const copy = copies[c]!
      if (copy === 0) o = encodes[c]!(data, p, length, out, o)
      else {
        if (length !== copy) throw wrongLength(fields[c]!, length, copy)

        out[o] = data[p]!
        out[o + 1] = data[p + 1]!
        if (copy > 2) {
          out[o + 2] = data[p + 2]!
          out[o + 3] = data[p + 3]!
          if (copy > 4) {
            out[o + 4] = data[p + 4]!
            out[o + 5] = data[p + 5]!
            out[o + 6] = data[p + 6]!
            out[o + 7] = data[p + 7]!
          }
        }
        o += copy
      }
      p += length
    }
    return o
  }

  return {
    encode,
    growth: Math.max(1, ...cells.map(cell => cell.growth)),
    fixed: flagBytes + cells.reduce((sum, cell) => sum + (cell.filler?.length ?? 0), 0),
  }
}

function cannotSayNull(field: Field): ServiceError {
  return new ServiceError(
    'usage',
    `Column ${field.name} holds a NULL, which BINARY cannot say for its type.`,
    {
      detail: 'Ask for another RESPONSEFORMAT, e.g. application/x-votable+xml;serialization=BINARY2.',
    },
  )
}

function wrongLength(field: Field, length: number, expected: number): ServiceError {
  return new ServiceError(
    'internal',
    `Column ${field.name} (${field.datatype}) came with ${length} bytes from the database, not ${expected}.`,
  )
}

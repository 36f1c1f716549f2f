/** VOTable TABLEDATA (VOTable 1.5 §5.1) from PostgreSQL's text rows. NULL is an empty TD, as is an empty string. */
import type { CellEncoder } from './binary-cell.ts'
import type { DocumentHead } from './document.ts'
import { documentHead, documentTail } from './document.ts'
import { encodeRows } from './encode.ts'
import type { Field } from './field.ts'
import { nanItems, shapeOf } from './field.ts'
import type { RowSource } from './row.ts'
import type { Spelling } from './text-cell.ts'
import { put } from './text-cell.ts'
import { textRowEncoder } from './text-row.ts'

export async function* writeTableData(
  source: RowSource,
  head: DocumentHead,
): AsyncGenerator<Uint8Array, void> {
  let replaced = 0
  const string = xmlText(() => replaced++)
  const encoder = textRowEncoder(
    source.fields,
    { ...VOTABLE, string, emptyPolygon: Buffer.from('NaN NaN NaN NaN NaN NaN') },
    {
      before: i => (i === 0 ? '<TR><TD>' : '</TD><TD>'),
      after: '</TD></TR>\n',
      nothing: i => nothing(source.fields[i]!),
    },
  )
  yield Buffer.from(`${documentHead(source.fields, head)}<DATA>\n<TABLEDATA>\n`)
  yield* encodeRows(source, encoder)
  const warnings =
    replaced > 0
      ? [
          `${replaced} control characters, which XML cannot hold, are replaced by U+FFFD; BINARY2 has them as they are.`,
        ]
      : []
  yield Buffer.from(`</TABLEDATA>\n</DATA>\n${documentTail(source.outcome, head, warnings)}`)
}

/** An empty TD is NULL for any type, yet `votlint` wants the numbers of an array of fixed size, and of a polygon. */
function nothing(field: Field): string {
  const isFloat = field.datatype.startsWith('float') || field.datatype.startsWith('double')
  const items = nanItems(field, shapeOf(field))
  return isFloat && items > 1 ? Array<string>(items).fill('NaN').join(' ') : ''
}

/** VOTable's spellings (§5.1, §6): also those of CSV and TSV, but for booleans. */
export const VOTABLE: Omit<Spelling, 'string'> = {
  true: Buffer.from('T'),
  false: Buffer.from('F'),
  nan: Buffer.from('NaN'),
  positiveInfinity: Buffer.from('+Inf'),
  negativeInfinity: Buffer.from('-Inf'),
  list: { open: Buffer.alloc(0), between: Buffer.from(' '), close: Buffer.alloc(0) },
  paddedStrings: true,
}

const ENTITIES: Record<number, Buffer> = {
  38: Buffer.from('&amp;'),
  60: Buffer.from('&lt;'),
  62: Buffer.from('&gt;'),
  13: Buffer.from('&#13;'),
}
const REPLACEMENT = Buffer.from('\ufffd')

/** UTF-8 as element content: see `escapeText`. */
export function xmlText(replaced: () => void): CellEncoder {
  return (data, p, length, out, o) => {
    for (const end = p + length; p < end; p++) {
      const byte = data[p]!
      if ((byte > 62 && byte < 0xef) || (byte > 38 && byte < 60) || (byte > 31 && byte < 38) || byte === 61) {
        out[o++] = byte
      } else if (byte === 9 || byte === 10 || byte > 0xef) {
        out[o++] = byte
      } else if (byte === 0xef) {
        // U+FFFE and U+FFFF are EF BF BE and EF BF BF.
        if (data[p + 1] === 0xbf && data[p + 2]! >= 0xbe) {
          replaced()
          o = put(REPLACEMENT, out, o)
          p += 2
        } else out[o++] = byte
      } else {
        const entity = ENTITIES[byte]
        if (!entity) replaced()
        o = put(entity ?? REPLACEMENT, out, o)
      }
    }
    return o
  }
}

/** IPAC tables: columns of fixed width under a header of names, types, units and nulls between vertical bars. */
import { ServiceError } from '../../error.ts'
import type { Datatype, Field } from '../../votable/field.ts'
import { isString } from '../../votable/field.ts'
import { checkedUtf8 } from '../../votable/read/feed.ts'
import { textCell } from '../../votable/read/text-cell.ts'
import { type Facts, NO_SYSTEMS, newFacts, type TableSource } from '../../votable/table-source.ts'
import { batchOf, beginRow, markBad, newTuples, putNull, type TableBatch } from '../../votable/tuple.ts'
import type { OpenFile } from './file.ts'
import { type Cells, eachRecord } from './records.ts'

interface Column {
  readonly name: string
  readonly type: string
  readonly unit: string
  readonly none: string
  /** Characters of the row, the bars left out. */
  readonly from: number
  readonly to: number
}

const STEP = 256 * 1024
const BAR = 0x7c
const BACKSLASH = 0x5c
/** A delimiter that no text has: each line is one cell. */
const LINES = { delimiter: 0x00, multiline: false }

/** Whether a text begins like one: perhaps `\` keywords and comments, then bars. */
export function isIpac(head: Buffer): boolean {
  const lines = head.toString('latin1', 0, 65_536).split(/\r?\n/)
  const first = lines.find(line => !line.startsWith('\\') && line.trim() !== '')
  return first !== undefined && /^\|.*\|\s*$/.test(first)
}

export async function openIpac(file: OpenFile): Promise<TableSource> {
  const { headers, comments } = await readHeader(file)
  const columns = columnsOf(headers)
  const described = descriptionsOf(comments)
  const notices: string[] = []
  const facts = newFacts()
  const fields = columns.map(column => fieldOf(column, described.get(column.name), notices))
  return {
    fields,
    rows: rowsOf(comments),
    description: undefined,
    systems: NO_SYSTEMS,
    guessed: false,
    notices,
    text: facts,
    batches: () => rowBatches(checkedUtf8(file.chunks()), columns, fields, facts, headers.length),
  }
}

async function readHeader(file: OpenFile): Promise<{ headers: string[]; comments: string[] }> {
  const headers: string[] = []
  const comments: string[] = []
  let done = false
  const take = (data: Buffer, { from, to }: Cells): boolean => {
    const line = data.toString('utf8', from[0], to[0])
    if (line.startsWith('\\')) comments.push(line.slice(1))
    else if (line.startsWith('|')) headers.push(line)
    else done = true
    return done
  }
  for await (const _ of eachRecord(checkedUtf8(file.chunks()), LINES, () => false, take)) break
  return { headers, comments }
}

function columnsOf([names, types, units, nulls]: readonly string[]): Column[] {
  const bars = [...names!].flatMap((character, i) => (character === '|' ? [i] : []))
  const part = (line: string | undefined, from: number, to: number) => (line ?? '').slice(from, to).trim()
  return bars.slice(0, -1).map((bar, i) => {
    const [from, to] = [bar + 1, bars[i + 1]!]
    return {
      name: part(names, from, to),
      type: part(types, from, to).toLowerCase(),
      unit: part(units, from, to),
      none: part(nulls, from, to),
      // What overhangs the last bar belongs to the last column.
      from,
      to: i + 2 === bars.length ? Number.POSITIVE_INFINITY : to,
    }
  })
}

const TYPES: readonly (readonly [string, Datatype])[] = [
  ['int', 'int'],
  ['long', 'long'],
  ['double', 'double'],
  ['float', 'float'],
  ['real', 'float'],
  ['char', 'char'],
  ['date', 'char'],
  ['bool', 'boolean'],
]

/** Types may be cut: `doub`, `i`. */
function fieldOf({ name, type, unit }: Column, description: string | undefined, notices: string[]): Field {
  const known =
    type === '' ? undefined : TYPES.find(([word]) => word.startsWith(type) || type.startsWith(word))
  if (!known && type !== '') notices.push(`Column ${name} has the unknown type '${type}': taken as text.`)
  const datatype = known?.[1] ?? 'char'
  return {
    name,
    datatype,
    ...(datatype === 'char' && { arraysize: '*' }),
    ...(known?.[0] === 'date' && { xtype: 'timestamp' }),
    ...(unit && unit !== '-' && unit !== '--' && { unit }),
    ...(description && { description }),
  }
}

/** IRSA's way: `\ name (unit)`, then `\ ___ text`. */
function descriptionsOf(comments: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const [i, line] of comments.entries()) {
    const text = /^\s*___\s*(.*)$/.exec(line)?.[1]?.trim()
    const name = text && /^\s*(\S+)/.exec(comments[i - 1] ?? '')?.[1]
    if (name) found.set(name, text)
  }
  return found
}

function rowsOf(comments: readonly string[]): number | undefined {
  const match = comments.map(line => /^RowsRetrieved\s*=\s*(\d+)\s*$/i.exec(line)).find(Boolean)
  return match ? Number(match[1]) : undefined
}

async function* rowBatches(
  chunks: AsyncIterable<Buffer>,
  columns: readonly Column[],
  fields: readonly Field[],
  facts: Facts,
  headers: number,
): AsyncGenerator<TableBatch> {
  const cells = fields.map((field, i) => textCell(field, i, facts, columns[i]!.none || undefined))
  const isNull = columns.map(({ none }, i) => (isString(fields[i]!) && none !== '' ? none : undefined))
  let tuples = newTuples(2 * STEP, 1024)
  let headersSeen = 0
  const take = (data: Buffer, found: Cells): boolean => {
    const [start, end] = [found.from[0]!, found.to[0]!]
    if (data[start] === BACKSLASH || (data[start] === BAR && headersSeen < headers)) {
      if (data[start] === BAR) headersSeen++
      return false
    }
    // Columns are counted in characters, which are bytes but for a row with others than ASCII.
    const text = data.subarray(lineStart(data, start), end)
    const line = text.some(byte => byte > 0x7f) ? undefined : text
    const letters = line ? undefined : [...text.toString('utf8')]
    beginRow(tuples, fields.length)
    for (const [c, { from, to }] of columns.entries()) {
      const bytes = line ?? Buffer.from(letters!.slice(from, to).join(''))
      let [a, b] = line ? [from, Math.min(to, line.length)] : [0, bytes.length]
      while (a < b && bytes[a] === 0x20) a++
      while (b > a && bytes[b - 1] === 0x20) b--
      const none = isNull[c]
      if (a >= b || (none !== undefined && bytes.toString('utf8', a, b) === none)) putNull(tuples)
      else cells[c]!(bytes, a, b, tuples)
      const under = line ? line[from - 1] : letters![from - 1]?.charCodeAt(0)
      if (under !== undefined && under !== 0x20 && under !== BAR && from > 0) {
        markBad(tuples, `a character stands under the bar before column ${fields[c]!.name}`)
      }
    }
    return tuples.at > STEP
  }
  for await (const _ of eachRecord(chunks, LINES, () => false, take)) {
    yield batchOf(tuples)
    tuples = newTuples(2 * STEP, tuples.count + 64)
  }
  if (tuples.count > 0) yield batchOf(tuples)
  if (headersSeen === 0) throw new ServiceError('usage', 'the table has no header')
}

/** Where the line begins whose first letter is at `p`: blanks before it were passed over. */
function lineStart(data: Buffer, p: number): number {
  while (p > 0 && data[p - 1] === 0x20) p--
  return p
}

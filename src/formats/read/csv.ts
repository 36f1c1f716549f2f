/**
 * CSV, TSV and their like. What is between cells, whether there is a header and what types the columns have is
 * worked out: the types from all rows in a first pass, so that no value is altered by the second.
 */
import { ServiceError } from '../../error.ts'
import type { Field } from '../../votable/field.ts'
import { isString } from '../../votable/field.ts'
import { findPair } from '../../votable/position.ts'
import { areUtf8, checkedUtf8, decoded } from '../../votable/read/feed.ts'
import { textCell } from '../../votable/read/text-cell.ts'
import { type Facts, NO_SYSTEMS, newFacts, type TableSource } from '../../votable/table-source.ts'
import {
  batchOf,
  beginRow,
  markBad,
  newTuples,
  putNull,
  putText,
  type TableBatch,
  type Tuples,
} from '../../votable/tuple.ts'
import type { OpenFile } from './file.ts'
import { isNullWord, newGuess } from './guess.ts'
import { isHash, type Layout, layoutOf } from './layout.ts'
import { type Cells, cellText, eachRecord } from './records.ts'

/** Bytes of tuples in a batch. */
const STEP = 256 * 1024

/** `fields`: the columns as an earlier reading worked them out. */
export async function openCsv(file: OpenFile, fields: readonly Field[] | undefined): Promise<TableSource> {
  const notices: string[] = []
  const encoding = await encodingOf(file)
  if (encoding === 'windows-1252')
    notices.push('The text is not UTF-8: it is read as Latin-1 (windows-1252).')
  const chunks = () => (encoding === 'utf-8' ? checkedUtf8(file.chunks()) : decoded(file.chunks(), encoding))
  const { head, whole } = await beginning(chunks())
  const layout = layoutOf(head, whole)
  // Columns that were worked out from others come after those of the file.
  const known = fields?.slice(0, layout.names.length)
  const { guessed, untyped } = known
    ? { guessed: known, untyped: new Set<number>() }
    : await guessFields(chunks(), layout)
  if (guessed.length !== layout.names.length) {
    throw new ServiceError('usage', `the file has ${layout.names.length} columns, not ${guessed.length}`)
  }
  const facts = newFacts()
  return {
    fields: guessed,
    rows: undefined,
    description: undefined,
    systems: NO_SYSTEMS,
    guessed: true,
    untyped,
    notices,
    text: facts,
    batches: () => rowBatches(chunks(), layout, guessed, facts),
  }
}

/** UTF-16 by its mark, UTF-8 where all of it is that, else what Windows writes. */
async function encodingOf(file: OpenFile): Promise<string> {
  const { head } = file
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'
  return (await areUtf8(file.chunks())) ? 'utf-8' : 'windows-1252'
}

/** The first 64 KB. */
async function beginning(chunks: AsyncIterable<Buffer>): Promise<{ head: Buffer; whole: boolean }> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    pieces.push(chunk)
    size += chunk.length
    if (size >= 65_536) return { head: Buffer.concat(pieces), whole: false }
  }
  return { head: Buffer.concat(pieces), whole: true }
}

const never = () => false

async function guessFields(
  chunks: AsyncIterable<Buffer>,
  layout: Layout,
): Promise<{ guessed: Field[]; untyped: Set<number> }> {
  const { names, units, skip } = layout
  const guesses = names.map(newGuess)
  const take = (data: Buffer, { count, from, to }: Cells, record: number): boolean => {
    if (record <= skip) return false
    for (let c = 0; c < guesses.length && c < count; c++) guesses[c]!.see(data, from[c]!, to[c]!)
    return false
  }
  for await (const _ of eachRecord(chunks, layout.dialect, layout.comments ? isHash : never, take)) {
    // all in one go
  }
  const fields = guesses.map((guess, c) => ({
    ...guess.field(names[c]!),
    ...(units[c] && { unit: units[c] }),
  }))
  const isNumber = ({ datatype }: Field) => datatype === 'int' || datatype === 'double'
  // A list of positions in whole degrees is one of positions all the same.
  const pair = findPair(fields, isNumber)
  return {
    guessed: fields.map((field, c) =>
      c === pair?.ra || c === pair?.dec ? { ...field, datatype: 'double' } : field,
    ),
    untyped: new Set(guesses.flatMap((guess, c) => (guess.seen() ? [] : [c]))),
  }
}

async function* rowBatches(
  chunks: AsyncIterable<Buffer>,
  layout: Pick<Layout, 'dialect' | 'skip' | 'comments'>,
  fields: readonly Field[],
  facts: Facts,
): AsyncGenerator<TableBatch> {
  const put = fields.map((field, i) => textRecordCell(field, i, facts, false))
  let tuples = newTuples(2 * STEP, 4096)
  const take = (data: Buffer, cells: Cells, record: number): boolean => {
    if (record <= layout.skip) return false
    beginRow(tuples, fields.length)
    const count = Math.min(cells.count, fields.length)
    for (let c = 0; c < count; c++) put[c]!(data, cells, c, tuples)
    for (let c = count; c < fields.length; c++) putNull(tuples)
    if (cells.count < fields.length || hasMore(cells, fields.length)) {
      markBad(tuples, `${cells.count} cells, not ${fields.length}`)
    }
    return tuples.at > STEP
  }
  for await (const _ of eachRecord(chunks, layout.dialect, layout.comments ? isHash : never, take)) {
    yield batchOf(tuples)
    tuples = newTuples(2 * STEP, tuples.count + 64)
  }
  if (tuples.count > 0) yield batchOf(tuples)
}

/** Whether there is anything in the cells beyond the columns; nothing is what a delimiter at the line's end makes. */
function hasMore({ count, from, to }: Cells, columns: number): boolean {
  for (let c = columns; c < count; c++) if (from[c] !== to[c]) return true
  return false
}

export type RecordCell = (data: Buffer, cells: Cells, c: number, t: Tuples) => void

/** An empty text is NULL; `""` an empty text, or NULL where the format says so. */
export function textRecordCell(
  field: Field,
  index: number,
  facts: Facts,
  quotesAreNull: boolean,
): RecordCell {
  const cell = textCell(field, index, facts)
  if (isString(field)) {
    return (data, cells, c, t) => {
      const [from, to] = [cells.from[c]!, cells.to[c]!]
      if (cells.quoted[c] !== 0 && from === to && !quotesAreNull) putText(t, '')
      else if (cells.quoted[c] !== 2) cell(data, from, to, t)
      else {
        const bytes = Buffer.from(cellText(data, cells, c))
        cell(bytes, 0, bytes.length, t)
      }
    }
  }
  return (data, cells, c, t) => {
    const [from, to] = [cells.from[c]!, cells.to[c]!]
    if (isNullWord(data, from, to)) putNull(t)
    else cell(data, from, to, t)
  }
}

/** A VOTable in any serialization as a `TableSource` (VOTable 1.0 to 1.5). */
import { ServiceError } from '../../error.ts'
import { newFacts, type Systems, type TableSource } from '../table-source.ts'
import { batchOf, newTuples, type TableBatch, type Tuples } from '../tuple.ts'
import { base64Bytes, binaryRow, gunzipped } from './binary.ts'
import { binaryCell } from './binary-cell.ts'
import { type Feed, feedOf, utf8Xml } from './feed.ts'
import { type Event, fieldOf, type Head, readHead, type TableElement } from './head.ts'
import { END, INCOMPLETE, tabledataParser } from './tabledata.ts'
import { textCell } from './text-cell.ts'

/** Opens the FITS file that the bytes are: the caller's, since this folder knows no FITS. */
export type OpenFits = (bytes: AsyncIterable<Buffer>, hdu: string | undefined) => Promise<TableSource>

type Rows = Event & { kind: 'rows' }

/** Bytes of tuples in a batch. */
const STEP = 256 * 1024
/** Bytes that one row may take in the file. */
const MOST_ROW = 64 * 1024 * 1024

/**
 * Finds a table: the first with rows, or the one that `choice` names by its number from 1, ID or name; its rows are
 * read from then on. Throws ServiceError `usage` for what is no VOTable or a broken one.
 */
export async function openVotable(
  chunks: AsyncIterable<Buffer>,
  choice: string | undefined,
  openFits: OpenFits,
  { keepsNan = false } = {},
): Promise<TableSource> {
  const feed = feedOf(utf8Xml(chunks))
  const head = readHead(feed)
  const found = await findTable(head, feed, choice)
  const { table } = found
  const notices: string[] = []
  const facts = newFacts()
  const used = { cooSys: new Set<string>(), timeSys: new Set<string>() }
  const refs = (ref: string) => {
    const system = head.systems.cooSys.get(ref) ?? head.systems.timeSys.get(ref)
    if (system) used['system' in system ? 'cooSys' : 'timeSys'].add(ref)
    return system?.id
  }
  const fields = table.fields.map((field, i) => fieldOf(field, i + 1, refs, notices))
  const nulls = table.fields.map(field => field.nullText)
  const common = {
    fields,
    description: table.description || undefined,
    systems: systemsOf(head, used),
    guessed: false,
    notices,
    text: facts,
  }
  if (found.kind === 'tableEnd') {
    return { ...common, rows: 0, batches: () => noRows(head, feed, notices, choice) }
  }
  const { serialization, stream } = found
  if (stream.href) {
    throw new ServiceError(
      'usage',
      `the rows are elsewhere (${stream.href}), and nothing is fetched from there`,
      {
        detail: 'Save the table with its rows inside: TABLEDATA, BINARY or BINARY2.',
      },
    )
  }
  if (!['TABLEDATA', 'BINARY', 'BINARY2', 'FITS'].includes(serialization)) {
    throw new ServiceError('usage', `the rows are in <${serialization}>, which is not known`)
  }
  if (serialization === 'FITS') {
    const source = await openFits(streamBytes(feed, stream), stream.extnum)
    await finish(head, feed, notices, choice)
    return describedAs(source, common)
  }
  return {
    ...common,
    rows: table.rows,
    async *batches() {
      const parse =
        serialization === 'TABLEDATA'
          ? tabledata()
          : {
              feed: feedOf(streamBytes(feed, stream)),
              row: binaryRow(
                fields.map((field, i) => binaryCell(field, i, facts, nulls[i], keepsNan)),
                serialization === 'BINARY2',
              ),
            }
      const { read, ended } = yield* batchesOf(parse.feed, parse.row, fields.length)
      if (serialization === 'TABLEDATA') {
        if (!ended)
          throw new ServiceError(
            'usage',
            `the document ends inside TABLEDATA, after row ${read}: it is truncated`,
          )
        feed.at = (parse as ReturnType<typeof tabledata>).endAt()
      } else if (parse.feed.data.length > parse.feed.at) {
        throw new ServiceError('usage', `STREAM ends inside row ${read + 1}: it is truncated`)
      }
      if (table.rows !== undefined && table.rows !== read) {
        notices.push(`The table has ${read} rows, though its nrows says ${table.rows}.`)
      }
      await finish(head, feed, notices, choice)
    },
  }

  function tabledata() {
    const cells = fields.map((field, i) => textCell(field, i, facts, nulls[i]))
    const binary = fields.map((field, i) => binaryCell(field, i, facts, nulls[i]))
    return { feed, ...tabledataParser(cells, binary) }
  }
}

async function* noRows(...document: Parameters<typeof finish>): AsyncGenerator<TableBatch> {
  await finish(...document)
  yield* []
}

/** Reads on to the rows of the table, or to its end where it has none. */
async function findTable(
  head: Head,
  feed: Feed,
  choice: string | undefined,
): Promise<Rows | (Event & { kind: 'tableEnd' })> {
  const seen: TableElement[] = []
  let empty: (Event & { kind: 'tableEnd' }) | undefined
  for (;;) {
    const event = await head.next()
    if (event.kind === 'end') break
    const { table } = event
    if (!seen.includes(table)) seen.push(table)
    const chosen =
      choice === undefined
        ? table.fields.length > 0
        : [String(table.number), table.id, table.name].includes(choice)
    if (event.kind === 'rows') {
      if (chosen) return event
      await skipRows(event, feed)
    } else if (chosen) {
      empty ??= event
      if (choice !== undefined) return event
    }
  }
  if (empty) return empty
  const { status } = head
  if (status?.value === 'ERROR') {
    throw new ServiceError(
      'usage',
      `the VOTable holds no table but an error: ${status.text || 'without a message'}`,
    )
  }
  const what = seen.map(t => `TABLE ${t.number}${t.name ? ` (${t.name})` : ''}: ${t.fields.length} columns`)
  throw new ServiceError(
    'usage',
    choice === undefined ? 'the VOTable has no table' : `the VOTable has no table '${choice}'`,
    what.length > 0 ? { detail: `It has:\n${what.join('\n')}` } : {},
  )
}

/** TABLEDATA that is not wanted goes through the XML parser; a STREAM is passed over. */
async function skipRows({ serialization }: Rows, feed: Feed): Promise<void> {
  if (serialization === 'TABLEDATA') return
  for await (const _ of base64Bytes(feed)) {
    // passed over
  }
}

/** Reads the document to its end: it must be whole. */
async function finish(head: Head, feed: Feed, notices: string[], choice: string | undefined): Promise<void> {
  const others: string[] = []
  for (;;) {
    const event = await head.next()
    if (event.kind === 'end') break
    if (event.kind !== 'rows') continue
    others.push(event.table.name ?? `number ${event.table.number}`)
    await skipRows(event, feed)
  }
  if (others.length > 0 && choice === undefined) {
    notices.push(`The file has ${others.length} more: ${others.join(', ')}. Choose one with --select.`)
  }
}

function streamBytes(feed: Feed, stream: Readonly<Record<string, string>>): AsyncIterable<Buffer> {
  const encoding = stream.encoding ?? 'base64'
  if (encoding !== 'base64' && encoding !== 'gzip') {
    throw new ServiceError('usage', `STREAM: the encoding '${encoding}' is not known; base64 and gzip are`)
  }
  const bytes = base64Bytes(feed)
  return encoding === 'gzip' ? gunzipped(bytes) : bytes
}

/** Rows until the end of the feed or the parser's END; gives how many there were, and whether it was END. */
async function* batchesOf(
  feed: Feed,
  row: (data: Buffer, p: number, t: Tuples) => number,
  columns: number,
): AsyncGenerator<TableBatch, { read: number; ended: boolean }> {
  let tuples = newTuples(2 * STEP, Math.max(16, Math.floor(STEP / (8 * columns + 8))))
  let done = 0
  let ended = false
  try {
    for (;;) {
      const next = row(feed.data, feed.at, tuples)
      if (next - feed.at > MOST_ROW || (next === INCOMPLETE && feed.data.length - feed.at > MOST_ROW)) {
        const number = done + tuples.count + (next === INCOMPLETE ? 1 : 0)
        throw new ServiceError('tooLarge', `row ${number} has more than ${MOST_ROW} bytes`)
      }
      if (next >= 0) {
        feed.at = next
        if (tuples.at > STEP) {
          done += tuples.count
          yield batchOf(tuples)
          tuples = newTuples(2 * STEP, tuples.count + 16)
        }
      } else if (next === END) {
        ended = true
        break
      } else if (!(await feed.more())) {
        break
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ServiceError('usage', `row ${done + tuples.count}: ${error.message}: the stream is damaged`)
  }
  if (tuples.count > 0) yield batchOf(tuples)
  return { read: done + tuples.count, ended }
}

function systemsOf(head: Head, used: { cooSys: Set<string>; timeSys: Set<string> }): Systems {
  const unique = <T extends { id: string }>(systems: T[]) => [
    ...new Map(systems.map(s => [s.id, s])).values(),
  ]
  return {
    cooSys: unique([...used.cooSys].map(ref => head.systems.cooSys.get(ref)!)),
    timeSys: unique([...used.timeSys].map(ref => head.systems.timeSys.get(ref)!)),
  }
}

/** FITS within VOTable: the types of FITS, all else of the FIELDs (VOTable 1.5 §5.2). */
function describedAs(source: TableSource, described: Omit<TableSource, 'rows' | 'batches'>): TableSource {
  const { fields } = described
  if (fields.length > 0 && fields.length !== source.fields.length) {
    throw new ServiceError(
      'usage',
      `the VOTable has ${fields.length} FIELDs, its FITS table ${source.fields.length} columns`,
    )
  }
  return {
    ...source,
    description: described.description ?? source.description,
    systems: described.systems,
    notices: [...described.notices, ...source.notices],
    fields: source.fields.map((own, i) => {
      const { datatype: _, arraysize: __, ...words } = fields[i] ?? own
      const { datatype, arraysize } = own
      return { ...own, ...words, datatype, ...(arraysize !== undefined && { arraysize }) }
    }),
  }
}

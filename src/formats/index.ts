/** The formats of results in one table: what a client may ask for, what capabilities declare, who writes it. */
import { ServiceError } from '../error.ts'
import { writeBinary, writeBinary2 } from '../votable/binary.ts'
import { writeTableData } from '../votable/tabledata.ts'
import { arrowWriter } from './arrow.ts'
import { noteRows } from './collect.ts'
import { fitsWriter } from './fits.ts'
import { htmlWriter } from './html.ts'
import { jsonWriter, ndjsonWriter } from './json.ts'
import { MOC_FORMATS } from './moc.ts'
import { parquetWriter } from './parquet.ts'
import { csvWriter, tsvWriter } from './separated.ts'
import { textWriter } from './text.ts'
import type { Writer } from './writer.ts'

export type { Writer } from './writer.ts'

export interface OutputFormat {
  /** Canonical media type, which a short name gets. */
  readonly mediaType: string
  /** Short names (DALI 1.1 §3.4.3) and other media types that clients use. */
  readonly aliases: readonly string[]
  /** TAPRegExt 1.0 §2.5. */
  readonly ivoId?: string
  /** File name extension. */
  readonly extension: string
  readonly writer: Writer
  /** For `header=absent`. */
  readonly headless?: Writer
  /** For `order=…`. */
  readonly ofOrder?: (order: number) => Writer
}

const TAPREGEXT = 'ivo://ivoa.net/std/TAPRegExt'
const VOTABLE = 'application/x-votable+xml'

const FORMATS: readonly OutputFormat[] = [
  {
    mediaType: `${VOTABLE};serialization=BINARY2`,
    aliases: [VOTABLE, 'votable', 'votable/b2', 'text/xml', 'application/xml'],
    ivoId: `${TAPREGEXT}#output-votable-binary2`,
    extension: 'vot',
    writer: { wire: 'binary', saysOverflow: true, write: writeBinary2 },
  },
  {
    mediaType: `${VOTABLE};serialization=TABLEDATA`,
    aliases: ['votable/td', 'text/xml;serialization=TABLEDATA'],
    ivoId: `${TAPREGEXT}#output-votable-td`,
    extension: 'vot',
    writer: { wire: 'text', saysOverflow: true, write: writeTableData },
  },
  {
    mediaType: `${VOTABLE};serialization=BINARY`,
    aliases: ['votable/b', 'text/xml;serialization=BINARY'],
    ivoId: `${TAPREGEXT}#output-votable-binary`,
    extension: 'vot',
    writer: { wire: 'binary', saysOverflow: true, write: writeBinary },
  },
  {
    mediaType: 'text/csv;header=present',
    aliases: ['csv', 'text/csv'],
    extension: 'csv',
    writer: csvWriter(true),
    headless: csvWriter(false),
  },
  {
    mediaType: 'text/tab-separated-values;header=present',
    aliases: ['tsv', 'text/tab-separated-values'],
    extension: 'tsv',
    writer: tsvWriter(true),
    headless: tsvWriter(false),
  },
  { mediaType: 'application/fits', aliases: ['fits'], extension: 'fits', writer: fitsWriter },
  {
    mediaType: 'application/vnd.apache.arrow.stream',
    aliases: ['arrow'],
    extension: 'arrows',
    writer: arrowWriter,
  },
  {
    mediaType: 'application/vnd.apache.parquet',
    aliases: ['parquet', 'application/x-parquet', 'application/parquet'],
    extension: 'parquet',
    writer: parquetWriter,
  },
  { mediaType: 'application/json', aliases: ['json'], extension: 'json', writer: jsonWriter },
  {
    mediaType: 'application/x-ndjson',
    aliases: ['ndjson', 'jsonl', 'application/jsonl'],
    extension: 'ndjson',
    writer: ndjsonWriter,
  },
  {
    mediaType: 'text/html;charset=utf-8',
    aliases: ['html', 'text/html'],
    extension: 'html',
    writer: htmlWriter,
  },
  {
    mediaType: 'text/plain;charset=utf-8',
    aliases: ['text', 'text/plain'],
    extension: 'txt',
    writer: textWriter,
  },
  ...MOC_FORMATS,
]

/** The first is the default. Of formats with the same media type, the first is meant when no parameter tells. */
export const OUTPUT_FORMATS: readonly OutputFormat[] = FORMATS.map(format => ({
  ...format,
  writer: noting(format.writer),
  ...(format.headless && { headless: noting(format.headless) }),
}))

/** The same writer; the memory of what it has taken and given is looked after. */
function noting(writer: Writer): Writer {
  return {
    ...writer,
    write: (source, head, folder) =>
      noted(
        writer.write({ ...source, batches: noted(source.batches, ({ data }) => data.length) }, head, folder),
        chunk => chunk.length,
      ),
  }
}

async function* noted<T>(items: AsyncIterable<T>, bytesOf: (item: T) => number): AsyncGenerator<T, void> {
  for await (const item of items) {
    noteRows(bytesOf(item))
    yield item
  }
}

export interface ChosenFormat {
  readonly writer: Writer
  /** Value of the Content-Type header: what was asked for (DALI 1.1 §3.4.3). */
  readonly contentType: string
  readonly extension: string
}

/** The format that RESPONSEFORMAT asks for, by short name or media type with parameters; nothing is VOTable. */
export function chooseFormat(responseFormat: string | undefined): ChosenFormat {
  // A client that does not encode the + of x-votable+xml sends a blank.
  const asked = responseFormat
    ?.trim()
    .replace(/\s+/g, ' ')
    .replace(/x-votable xml/i, 'x-votable+xml')
  if (!asked) return chosen(OUTPUT_FORMATS[0]!, VOTABLE, new Map())
  const { type, parameters } = parseMediaType(asked) ?? { type: '', parameters: new Map<string, string>() }
  const format = find(type, parameters)
  if (!format) throw unknownFormat(asked)
  return chosen(format, type.includes('/') && !/^(votable|moc)\//.test(type) ? asked : undefined, parameters)
}

/** Whether an answer, and so an error, is to be VOTable; never throws: what is not known is answered in VOTable. */
export function asksForVotable(responseFormat: string | undefined): boolean {
  const type = parseMediaType(responseFormat?.trim() ?? '')?.type ?? ''
  return (find(type, new Map()) ?? OUTPUT_FORMATS[0]!).mediaType.startsWith(VOTABLE)
}

function chosen(
  format: OutputFormat,
  asked: string | undefined,
  parameters: Map<string, string>,
): ChosenFormat {
  for (const [name, value] of parameters) {
    if (name === 'serialization' || (name === 'content' && isMoc(value))) continue // they have found the format
    if (name === 'charset' && /^utf-?8$/i.test(value)) continue
    if (name === 'header' && format.headless && /^(present|absent)$/i.test(value)) continue
    if (name === 'order' && format.ofOrder && /^[12]?\d$/.test(value)) continue
    throw new ServiceError('usage', `RESPONSEFORMAT: ${name}=${value} does not go with ${format.mediaType}.`)
  }
  const headless = parameters.get('header')?.toLowerCase() === 'absent' ? format.headless : undefined
  const order = parameters.get('order')
  return {
    writer: order === undefined ? (headless ?? format.writer) : format.ofOrder!(Number(order)),
    contentType: asked ?? (headless ? format.mediaType.replace('present', 'absent') : format.mediaType),
    extension: format.extension,
  }
}

const isMoc = (content: string | undefined) => content?.toLowerCase() === 'moc'

function find(type: string, parameters: ReadonlyMap<string, string>): OutputFormat | undefined {
  const serialization = parameters.get('serialization')
  const which = serialization
    ? `;serialization=${serialization}`
    : isMoc(parameters.get('content'))
      ? ';content=moc'
      : ''
  const name = `${type}${which}`.toLowerCase()
  return OUTPUT_FORMATS.find(format =>
    [format.mediaType, ...format.aliases].some(n => n.toLowerCase() === name),
  )
}

/** `Type/Sub ; name = "value"`; undefined for what is not of this form, so that the rest is safe in a header. */
function parseMediaType(text: string): { type: string; parameters: Map<string, string> } | undefined {
  const [type = '', ...rest] = text.split(';')
  if (!/^[\w.+-]+(\/[\w.+-]+)?\s*$/.test(type)) return undefined
  const parameters = new Map<string, string>()
  for (const parameter of rest) {
    const match = /^\s*([\w-]+)\s*=\s*(?:"([\w.+-]*)"|([\w.+-]+))\s*$/.exec(parameter)
    if (!match) return undefined
    parameters.set(match[1]!.toLowerCase(), match[2] ?? match[3]!)
  }
  return { type: type.trim().toLowerCase(), parameters }
}

function unknownFormat(asked: string): ServiceError {
  const known = OUTPUT_FORMATS.map(format => [format.mediaType, ...format.aliases].join(', '))
  return new ServiceError('usage', `RESPONSEFORMAT "${asked}" is not known here.`, {
    detail: `Known are:\n${known.join('\n')}`,
  })
}

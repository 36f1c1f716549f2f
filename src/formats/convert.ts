/**
 * A stored VOTable in another format: the rows through the VOTable reader, and what stands around them (infos, frames,
 * service descriptors) as it is.
 */
import type { Readable } from 'node:stream'
import { ServiceError } from '../error.ts'
import type { CooSys, DocumentHead, Info, TimeSys } from '../votable/document.ts'
import { openVotable } from '../votable/read/index.ts'
import type { Outcome, RowBatch } from '../votable/row.ts'
import type { TableBatch } from '../votable/tuple.ts'
import { binaryToText } from './binary-to-text.ts'
import { chooseFormat } from './index.ts'

export interface StoredResult {
  readonly contentType: string
  readonly fileName: string
  readonly bytes: number
  readonly overflow: boolean
  read(range?: { readonly start: number; readonly end: number }): Promise<Readable>
}

export interface Converted {
  readonly contentType: string
  readonly fileName: string
  readonly chunks: AsyncIterable<Uint8Array>
  readonly outcome: Outcome
}

/** Bytes in which everything before, and everything after the rows is looked for. */
const FRAME = 1 << 20

/**
 * Resolves to undefined when the result is stored in the format that is asked for. Throws `usage` for an unknown
 * format, and for a result that is not stored as VOTable.
 */
export async function convertVotable(
  stored: StoredResult,
  responseFormat: string,
  folder?: () => Promise<string>,
): Promise<Converted | undefined> {
  const { writer, contentType, extension } = chooseFormat(responseFormat)
  if (contentType === stored.contentType) return undefined
  const before = await text(await stored.read({ start: 0, end: Math.min(FRAME, stored.bytes) - 1 }))
  if (!/<DATA>\s*<BINARY2>/.test(before)) {
    throw new ServiceError('usage', `This result is stored as ${stored.contentType} and is not converted.`, {
      detail: 'Run the query again: without a RESPONSEFORMAT, any format can be had afterwards.',
    })
  }
  const behind = await text(
    await stored.read({ start: Math.max(0, stored.bytes - FRAME), end: stored.bytes - 1 }),
  )
  const head = before.slice(0, before.indexOf('<DATA>'))
  const tail = behind.slice(behind.lastIndexOf('</DATA>'))
  const noFits = async () => {
    throw new ServiceError('internal', 'a result with FITS in it')
  }
  const source = await openVotable(await stored.read(), undefined, noFits, { keepsNan: true })
  // The reader makes IDs of its own; descriptors and frames refer to those that are written.
  const written = elementsIn(head, 'FIELD').map(attributes => ({ id: attributes.ID, ref: attributes.ref }))
  const fields = source.fields.map(({ id: _, ref: __, ...field }, i) => ({
    ...field,
    ...defined(written[i] ?? {}),
  }))
  const outcome: Outcome = { rows: 0, overflow: false, error: undefined }
  const turned = writer.wire === 'text' ? binaryToText(fields, respelledIn(tail)) : undefined

  async function* batches(): AsyncGenerator<RowBatch> {
    for await (const batch of source.batches()) {
      refuseBad(batch, outcome.rows)
      outcome.rows += batch.count
      yield turned ? turned(batch) : batch
    }
    outcome.overflow = stored.overflow
  }

  const tableName = elementsIn(head, 'TABLE')[0]?.name
  const documentHead: DocumentHead = {
    infos: infosIn(head),
    cooSys: elementsIn(head, 'COOSYS').map(({ ID, ...system }) => ({ id: ID!, ...system }) as CooSys),
    timeSys: elementsIn(head, 'TIMESYS').map(({ ID, ...system }) => ({ id: ID!, ...system }) as TimeSys),
    resources: [
      ...tail.slice(tail.indexOf('</RESOURCE>') + 11).matchAll(/<RESOURCE[\s\S]*?<\/RESOURCE>/g),
    ].map(([xml]) => xml),
    ...(/<INFO name="QUERY_STATUS" value="OVERFLOW"/.test(head) && { queryStatus: 'OVERFLOW' as const }),
    ...(tableName !== undefined && { tableName }),
  }
  return {
    contentType,
    fileName: stored.fileName.replace(/\.\w+$/, `.${extension}`),
    chunks: writer.write({ fields, batches: batches(), outcome }, documentHead, folder),
    outcome,
  }
}

/** We wrote it, so a row that cannot be read is damage. */
function refuseBad(batch: TableBatch, done: number): void {
  for (const [row, reason] of batch.bad) {
    throw new ServiceError('internal', `The stored result is damaged at row ${done + row + 1}: ${reason}`)
  }
}

function infosIn(head: string): readonly Info[] {
  return [...head.matchAll(/<INFO( [^>]*?)(?:\/>|>([^<]*)<\/INFO>)/g)]
    .map(([, written, content]) => {
      const { name = '', value = '' } = attributesOf(written!)
      return { name, value, ...(content && { text: unescaped(content) }) }
    })
    .filter(info => info.name !== 'QUERY_STATUS')
}

/** Attributes of every element of that name, in order. */
function elementsIn(xml: string, name: string): Record<string, string>[] {
  return [...xml.matchAll(new RegExp(`<${name}( [^>]*)?>`, 'g'))].map(([, written]) =>
    attributesOf(written ?? ''),
  )
}

function attributesOf(written: string): Record<string, string> {
  return Object.fromEntries(
    [...written.matchAll(/ (\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, unescaped(value!)]),
  )
}

function defined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T
}

/** Columns of which the tail says that they have \uXXXX for what is not ASCII (votable/binary.ts). */
function respelledIn(tail: string): ReadonlySet<string> {
  const warnings = tail.matchAll(/value="Column ([^"]*?) is declared char, which is ASCII/g)
  return new Set([...warnings].map(([, name]) => unescaped(name!)))
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' }

/** What `votable/xml.ts` escapes. */
function unescaped(text: string): string {
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code?: string, name?: string) =>
    code ? String.fromCharCode(Number(code)) : ENTITIES[name!]!,
  )
}

async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

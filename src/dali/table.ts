/** A table on its way to a client: rows limited by MAXREC, written in the format that was asked for. */
import type { Request, Response } from 'express'
import type { ChosenFormat } from '../formats/index.ts'
import type { DocumentHead } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { Outcome, RowBatch } from '../votable/row.ts'
import { limited, noRows } from './maxrec.ts'
import { send } from './respond.ts'

export interface TableAnswer {
  readonly contentType: string
  readonly fileName: string
  readonly chunks: AsyncIterable<Uint8Array>
  /** Complete once `chunks` is. */
  readonly outcome: Outcome
  /** Where the format has no place for an overflow it is said beside the body. */
  readonly silentOverflow: boolean
  /** The limit that applied. */
  readonly maxrec: number
}

export interface TableRequest {
  readonly format: ChosenFormat
  readonly fields: readonly Field[]
  readonly head: DocumentHead
  readonly maxrec: number
  /** Of a cluster, that are asked. */
  readonly shards?: number | undefined
  /** Without its extension. */
  readonly fileName: string
  /** Rows in the form that the format takes, one more than `maxrec` where there are more; not called for MAXREC=0. */
  readonly rows: (wire: 'binary' | 'text') => Promise<AsyncIterable<RowBatch>>
  /** A folder for what a writer has to keep. */
  readonly folder: () => Promise<string>
}

/** Resolves when the first rows are there; rejects before that when they cannot be had. */
export async function tableAnswer(request: TableRequest): Promise<TableAnswer> {
  const { format, fields, head, maxrec, shards, fileName, rows, folder } = request
  const { writer, contentType, extension } = format
  const outcome: Outcome = { rows: 0, overflow: maxrec === 0, error: undefined, shards }
  const batches = maxrec === 0 ? noRows() : limited(await rows(writer.wire), maxrec, outcome)
  const queryStatus = maxrec === 0 ? ('OVERFLOW' as const) : undefined
  return {
    contentType,
    fileName: `${fileName}.${extension}`,
    chunks: writer.write({ fields, batches, outcome }, { ...head, queryStatus }, folder),
    outcome,
    silentOverflow: !writer.saysOverflow,
    maxrec,
  }
}

/** Sends it; what fails before the first bytes rejects with nothing sent. */
export async function sendTable(
  request: Request,
  response: Response,
  table: TableAnswer,
  stallSeconds: number,
): Promise<void> {
  response.locals.outcome = table.outcome
  await send(request, response, {
    contentType: table.contentType,
    headers: {
      'Content-Disposition': `inline; filename="${table.fileName}"`,
      'X-Maxrec': String(table.maxrec),
    },
    chunks: table.chunks,
    stallMs: stallSeconds * 1000,
    trailers: table.silentOverflow
      ? () => ({ 'Query-Status': table.outcome.overflow ? 'OVERFLOW' : 'OK' })
      : undefined,
  })
  if (table.outcome.cause) response.locals.failure = table.outcome.cause
}

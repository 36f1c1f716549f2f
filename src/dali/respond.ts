/** Answers of DALI services: a stream of bytes with its headers, or an error as the document that DALI 1.1 §4.2 asks for. */
import type { Request, Response } from 'express'
import { type ErrorCode, errorText, ServiceError } from '../error.ts'
import { errorDocument } from '../votable/document.ts'
import { chooseCoding, compressed, compressedWhole, isCompressible, LEAST, lookAhead } from './compress.ts'
import { drained } from './drained.ts'
import { isHtml, RESULT_POLICY } from './policy.ts'

export interface Answer {
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string>>
  readonly chunks: AsyncIterable<Uint8Array>
  /** How long the client may stop reading before the connection is cut; absent where nothing is held up by it. */
  readonly stallMs?: number
  /** Trailers, asked for after the last chunk. */
  readonly trailers?: () => Readonly<Record<string, string>>
}

/** HTTP status of each kind of error. */
export const STATUS: Record<ErrorCode, number> = {
  usage: 400,
  notFound: 404,
  method: 405,
  tooLarge: 413,
  unauthenticated: 401,
  forbidden: 403,
  tooMany: 429,
  timeout: 400,
  unavailable: 503,
  internal: 500,
}

/** Aborts when the client has gone before the answer was complete. */
export function clientSignal(response: Response): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new Error('the client has gone'))
  })
  return controller.signal
}

/** A client that takes less in `stallMs` has stopped reading. */
const PIECE = 256 * 1024

/**
 * Sends an answer at the pace of the client, compressed if it asks for that. What fails before the first bytes
 * rejects with nothing sent. When bytes fail later, the connection is cut: nobody takes half a file for the whole.
 */
export async function send(request: Request, response: Response, answer: Answer): Promise<void> {
  const isCoded = isCompressible(answer.contentType)
  const coding = isCoded ? chooseCoding(request.get('accept-encoding')) : undefined
  const { whole, chunks } = await lookAhead(answer.chunks, coding ? LEAST : 0)
  const isCompressed = coding !== undefined && !(whole && whole.length < LEAST)
  response.status(200).setHeader('Content-Type', answer.contentType)
  if (isHtml(answer.contentType)) response.setHeader('Content-Security-Policy', RESULT_POLICY)
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
  if (isCoded) response.vary('Accept-Encoding')
  if (isCompressed) response.setHeader('Content-Encoding', coding)
  if (request.method === 'HEAD') {
    response.end()
    for await (const _ of chunks) break // begun and left, so that the query behind it ends
    return
  }
  if (whole && !answer.trailers) {
    // One write, headers and all: half the work of a small answer.
    const body = isCompressed ? await compressedWhole(whole, coding) : whole
    response.setHeader('Content-Length', body.length)
    response.end(body)
    return
  }
  if (answer.trailers) response.setHeader('Trailer', Object.keys(answer.trailers()).join(', '))
  try {
    for await (const chunk of isCompressed ? compressed(chunks, coding) : chunks) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        if (response.destroyed) return
        if (response.write(chunk.subarray(at, at + PIECE))) continue
        if (!(await drained(response, answer.stallMs))) throw stalled()
      }
    }
    if (answer.trailers) response.addTrailers(answer.trailers())
    response.end()
  } catch (error) {
    if (response.headersSent) response.destroy()
    throw error
  }
}

function stalled(): ServiceError {
  return new ServiceError('timeout', 'The client stopped reading its result, so the connection was cut.')
}

/** What the client is told about any failure; what is not ours to tell becomes a sentence without secrets. */
export function serviceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error
  return new ServiceError(
    'internal',
    'The service failed on this request; its operators find the reason in the log.',
    {
      cause: error,
    },
  )
}

/** DALI's error: a VOTable with QUERY_STATUS=ERROR, or plain text for those who asked for no VOTable. */
export function sendError(response: Response, error: ServiceError, asText = false): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.status(STATUS[error.code])
  response.setHeader('Cache-Control', 'no-store')
  if (!response.req.complete) response.setHeader('Connection', 'close') // a body that nobody reads to its end
  if (error.retryAfter !== undefined) response.setHeader('Retry-After', String(error.retryAfter))
  if (asText) {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    response.end(`${errorText(error)}\n`)
  } else {
    response.setHeader('Content-Type', 'application/x-votable+xml')
    response.end(errorDocument(errorText(error)))
  }
}

/** A document that is all there. */
export async function sendXml(
  response: Response,
  xml: string,
  contentType = 'application/xml',
): Promise<void> {
  const bytes = Buffer.from(xml)
  const coding = bytes.length < LEAST ? undefined : chooseCoding(response.req.get('accept-encoding'))
  const body = coding ? await compressedWhole(bytes, coding) : bytes
  response.setHeader('Content-Type', contentType)
  response.vary('Accept-Encoding')
  if (coding) response.setHeader('Content-Encoding', coding)
  response.end(body)
}

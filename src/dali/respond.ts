/** Answers of DALI services: a stream of bytes with its headers, or an error as the document that DALI 1.1 §4.2 asks for. */
import type { Request, Response } from 'express'
import { type ErrorCode, errorText, ServiceError } from '../error.ts'
import { errorDocument } from '../votable/document.ts'

export interface Answer {
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string>>
  readonly chunks: AsyncIterable<Uint8Array>
  /** Trailers, asked for after the last chunk. */
  readonly trailers?: () => Readonly<Record<string, string>>
}

const STATUS: Record<ErrorCode, number> = {
  usage: 400,
  notFound: 404,
  method: 405,
  tooLarge: 413,
  unauthenticated: 401,
  forbidden: 403,
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

/**
 * Sends an answer at the pace of the client. When the bytes fail in the middle, the connection is cut: nobody takes
 * half a file for the whole.
 */
export async function send(request: Request, response: Response, answer: Answer): Promise<void> {
  response.status(200).setHeader('Content-Type', answer.contentType)
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
  if (request.method === 'HEAD') {
    for await (const _ of answer.chunks) break // begun and left, so that the query behind it ends
    response.end()
    return
  }
  if (answer.trailers) response.setHeader('Trailer', Object.keys(answer.trailers()).join(', '))
  try {
    for await (const chunk of answer.chunks) {
      if (response.destroyed) return
      if (!response.write(chunk)) await drained(response)
    }
    if (answer.trailers) response.addTrailers(answer.trailers())
    response.end()
  } catch (error) {
    if (response.headersSent) response.destroy()
    throw error
  }
}

function drained(response: Response): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
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

export function sendXml(response: Response, xml: string, contentType = 'application/xml'): void {
  response.setHeader('Content-Type', contentType)
  response.end(xml)
}

/**
 * The one error that services throw on purpose. Any folder may import it; one place per dialect renders it
 * (`dali/`, later `scs/`, `soda/` …), so the thrower never thinks about formats or HTTP.
 */
export type ErrorCode =
  /** The request is wrong: a parameter, the query, an upload (HTTP 400). */
  | 'usage'
  /** A resource that does not exist (404). */
  | 'notFound'
  /** The resource exists but the method does not apply to it (405). */
  | 'method'
  /** More bytes, rows or nesting than the site allows (413). */
  | 'tooLarge'
  /** Who are you? (401) */
  | 'unauthenticated'
  /** You may not (403). */
  | 'forbidden'
  /** More than one may use up: of requests, rows, bytes, jobs (429). */
  | 'tooMany'
  /** The work took longer than its limit (400: the query is to be changed, or sent to async). */
  | 'timeout'
  /** Try again later: the database or a limit of the moment (503). */
  | 'unavailable'
  /** Our fault (500). */
  | 'internal'

/** Where in the user's text something is wrong; `[start,end)` are UTF-16 offsets, line and column count from 1. */
export interface TextSpan {
  readonly start: number
  readonly end: number
  readonly line: number
  readonly column: number
}

/** One thing that is wrong with a text, and what to do about it. */
export interface Problem extends TextSpan {
  readonly message: string
  readonly hint?: string
}

export interface ServiceErrorOptions {
  /** More lines for people: an excerpt with a caret, what is allowed. */
  readonly detail?: string
  /** Positions in the query, when it is the query that is wrong. */
  readonly problems?: readonly Problem[]
  /** For `unavailable`: seconds after which to come back. */
  readonly retryAfter?: number
  readonly cause?: unknown
}

export class ServiceError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly problems: readonly Problem[]
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message: string, options: ServiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ServiceError'
    this.code = code
    this.detail = options.detail
    this.problems = options.problems ?? []
    this.retryAfter = options.retryAfter
  }
}

/** Message and detail as one text, the words that every dialect and a job's errorSummary show. */
export function errorText(error: ServiceError): string {
  return error.detail ? `${error.message}\n${error.detail}` : error.message
}

/** `/tap/check` over HTTP: JSON for programs, plain text for people at a terminal. */
import type { Request, Response } from 'express'
import { identify } from '../auth/identity.ts'
import { limitsOf } from '../auth/limits.ts'
import type { Parameters } from '../dali/parameters.ts'
import { clientSignal, STATUS, serviceError } from '../dali/respond.ts'
import { type RequestContent, readRequest, uploadsOf } from '../dali/uploads.ts'
import { errorText, ServiceError } from '../error.ts'
import { type CheckDependencies, checkQuery } from './check.ts'
import { checkText } from './check-text.ts'
import { responseFormat, tapParameters } from './params.ts'
import type { Remote } from './upload-remote.ts'

/** Answers 200 to a wrong query, which is a finding, and 400 to wrong parameters. */
export function checkRoute(deps: CheckDependencies & { readonly spool: string; readonly remote: Remote }) {
  return async (request: Request, response: Response): Promise<void> => {
    const signal = clientSignal(response)
    let asText = prefersText(request)
    let content: RequestContent | undefined
    const answer = (status: number, json: unknown, text: string) => {
      response.status(status)
      response.setHeader('Cache-Control', 'no-store')
      response.setHeader('Vary', 'Accept, User-Agent')
      response.setHeader('Content-Type', `${asText ? 'text/plain' : 'application/json'}; charset=utf-8`)
      response.end(asText ? text : `${JSON.stringify(json, null, 2)}\n`)
    }
    try {
      const limits = limitsOf(request, deps.limits)
      const { requestBytes, uploadBytes } = limits
      content = await readRequest(request, { bytes: requestBytes, uploadBytes }, deps.spool)
      const { parameters } = content
      asText = formatAsked(parameters) ?? asText
      const params = tapParameters(withLanguage(parameters))
      const identity = identify(request)
      const uploads = await uploadsOf(content, deps.remote(identity, signal))
      const check = await checkQuery({ ...deps, limits }, params, uploads, identity, signal)
      answer(200, check, checkText(check, params.query))
    } catch (error) {
      if (signal.aborted) return
      response.locals.failure = error
      const told = serviceError(error)
      if (!request.complete) response.setHeader('Connection', 'close')
      if (told.retryAfter !== undefined) response.setHeader('Retry-After', String(told.retryAfter))
      answer(STATUS[told.code], { error: errorText(told) }, `${errorText(told)}\n`)
    } finally {
      await content?.discard()
    }
  }
}

/** ADQL is the only language here; LANG may be left out. */
function withLanguage(parameters: Parameters): Parameters {
  const single = (name: string) => parameters.single(name) || (name === 'LANG' ? 'ADQL' : undefined)
  return { ...parameters, single }
}

/** Whether RESPONSEFORMAT asks for text; undefined when it asks for nothing. */
function formatAsked(parameters: Parameters): boolean | undefined {
  const asked = responseFormat(parameters)?.toLowerCase()
  if (asked === undefined) return undefined
  if (/^(json|application\/json)\b/.test(asked)) return false
  if (/^(text|txt|text\/plain)\b/.test(asked)) return true
  throw new ServiceError('usage', `RESPONSEFORMAT=${asked} is not known here; say json or text`)
}

/** curl accepts anything and means to read. */
function prefersText(request: Request): boolean {
  const accept = request.headers.accept ?? ''
  if (/\bapplication\/json\b/.test(accept)) return false
  return /\btext\/plain\b/.test(accept) || /^curl\//.test(request.headers['user-agent'] ?? '')
}

/** Errors of a cone search: a document with an INFO named Error under its root, by HTTP 200 (SCS 1.03 §2). */
import type { ServerResponse } from 'node:http'
import { STATUS } from '../dali/respond.ts'
import { type ErrorCode, errorText, type ServiceError } from '../error.ts'
import { element, escapeText } from '../votable/xml.ts'

/** What is wrong with the parameters is told by 200; everything else has its own status, so that nobody keeps it. */
const OF_PARAMETERS: readonly ErrorCode[] = ['usage', 'tooLarge', 'timeout']

export function sendConeError(response: ServerResponse, error: ServiceError): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.statusCode = OF_PARAMETERS.includes(error.code) ? 200 : STATUS[error.code]
  if (error.retryAfter !== undefined) response.setHeader('Retry-After', String(error.retryAfter))
  if (!response.req.complete) response.setHeader('Connection', 'close') // a body that nobody reads to its end
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Content-Type', 'text/xml;content=x-votable')
  response.end(coneErrorDocument(errorText(error)))
}

export function coneErrorDocument(message: string): string {
  const status = element('INFO', { name: 'QUERY_STATUS', value: 'ERROR' }, escapeText(message))
  const content = [
    element('INFO', { ID: 'Error', name: 'Error', value: message }),
    element('RESOURCE', { type: 'results' }, status),
  ]
  const root = { version: '1.4', xmlns: 'http://www.ivoa.net/xml/VOTable/v1.3' }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('VOTABLE', root, `\n${content.join('\n')}\n`)}\n`
}

/** TAP 1.1 §2.7: what a query request says. */
import { integerParameter, type Parameters } from '../dali/parameters.ts'
import { ServiceError } from '../error.ts'

export interface TapParameters {
  readonly query: string
  /** Undefined: the client says none. */
  readonly maxrec: number | undefined
  readonly responseFormat: string | undefined
}

const LANGUAGES = ['ADQL', 'ADQL-2.0', 'ADQL-2.1']

export function tapParameters(parameters: Parameters): TapParameters {
  // REQUEST=doQuery was mandatory in TAP 1.0 and is gone; getCapabilities has a resource of its own now.
  const request = parameters.single('REQUEST')
  if (request && request.toLowerCase() !== 'doquery') {
    throw new ServiceError(
      'usage',
      `REQUEST=${request} is not known here; leave it out, or say doQuery (TAP 1.0)`,
    )
  }
  const lang = parameters.single('LANG')
  if (!lang)
    throw new ServiceError('usage', `LANG is missing; say LANG=ADQL (known: ${LANGUAGES.join(', ')})`)
  if (!LANGUAGES.includes(lang.toUpperCase())) {
    throw new ServiceError('usage', `unknown query language LANG=${lang}; known are ${LANGUAGES.join(', ')}`)
  }
  const query = parameters.single('QUERY')
  if (!query?.trim()) throw new ServiceError('usage', 'QUERY is missing; say QUERY=SELECT …')
  return { query, maxrec: integerParameter(parameters, 'MAXREC'), responseFormat: responseFormat(parameters) }
}

/** RESPONSEFORMAT, or FORMAT, its alias (TAP 1.1 §2.7.3). */
export function responseFormat(parameters: Parameters): string | undefined {
  return parameters.single('RESPONSEFORMAT') || parameters.single('FORMAT') || undefined
}

/**
 * DALI 1.1 §3: request parameters. Names match without case, values keep theirs; a parameter that may be given
 * once and is given twice is an error, also when split between query string and body; unknown ones are ignored.
 */
import type { IncomingMessage } from 'node:http'
import { ServiceError } from '../error.ts'
import { type BodyLimits, bodyTooLarge, MOST_PARAMETERS, readMultipart, type TakeFile } from './multipart.ts'

export interface Parameters {
  /** The one value of a single-valued parameter; `undefined` when absent. */
  single(name: string): string | undefined
  /** Every value of a parameter that may be repeated, in order. */
  all(name: string): readonly string[]
  /** Everything that was given, in order and in the client's spelling. */
  readonly pairs: readonly (readonly [name: string, value: string])[]
}

export function parametersOf(pairs: Iterable<readonly [string, string]>): Parameters {
  const values = new Map<string, string[]>()
  const inOrder: (readonly [string, string])[] = []
  for (const [name, value] of pairs) {
    if (inOrder.push([name, value]) > MOST_PARAMETERS)
      throw new ServiceError('tooLarge', `more than ${MOST_PARAMETERS} parameters`)
    const key = name.toUpperCase()
    const same = values.get(key)
    if (same) same.push(value)
    else values.set(key, [value])
  }
  const all = (name: string) => values.get(name) ?? []
  return {
    all,
    pairs: inOrder,
    single(name) {
      const given = all(name)
      if (given.length > 1) {
        throw new ServiceError(
          'usage',
          `${name} is given ${given.length} times; it can be given once (DALI 1.1 §3.2)`,
        )
      }
      return given[0]
    },
  }
}

/** A boolean, integer … that cannot be read. */
export function badValue(name: string, value: string, expected: string): ServiceError {
  const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value
  return new ServiceError('usage', `${name}=${shown} is not ${expected}`)
}

/** A non-negative integer parameter. */
export function integerParameter(parameters: Parameters, name: string): number | undefined {
  const value = parameters.single(name)
  if (value === undefined || value === '') return undefined
  const n = /^\+?\d+$/.test(value.trim()) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(n)) throw badValue(name, value, 'a non-negative integer')
  return n
}

/**
 * Parameters of a GET, HEAD or POST: from the query string and from a urlencoded or multipart body, chunked or not
 * (stilts sends multipart without Content-Length and with a quoted boundary). Files in it go to `takeFile`; without
 * that they are an error.
 */
export async function readParameters(
  request: IncomingMessage,
  limits: BodyLimits,
  takeFile?: TakeFile,
): Promise<Parameters> {
  const url = request.url ?? ''
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
  const pairs: [string, string][] = [...new URLSearchParams(query)]
  if (request.method === 'POST') pairs.push(...(await readBody(request, limits, takeFile)))
  return parametersOf(pairs)
}

async function readBody(
  request: IncomingMessage,
  limits: BodyLimits,
  takeFile: TakeFile | undefined,
): Promise<[string, string][]> {
  const type = (request.headers['content-type'] ?? '').trim().toLowerCase()
  if (type === '' || type.startsWith('application/x-www-form-urlencoded')) {
    return [...new URLSearchParams(await readText(request, limits))]
  }
  if (type.startsWith('multipart/form-data')) return readMultipart(request, limits, takeFile)
  throw new ServiceError(
    'usage',
    `a body of type ${type} cannot be read; send application/x-www-form-urlencoded or multipart/form-data`,
  )
}

function readText(request: IncomingMessage, limits: BodyLimits): Promise<string> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limits.bytes) chunks.push(chunk)
      else {
        chunks = [] // the rest is read and forgotten, so that the answer gets through
        reject(bodyTooLarge(limits))
      }
    })
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.on('error', reject)
  })
}

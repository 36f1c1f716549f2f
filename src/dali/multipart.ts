/** multipart/form-data (RFC 7578): fields into memory, files to whoever takes them, at the pace of both. */
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import busboy from 'busboy'
import { ServiceError } from '../error.ts'

/** Most parameters of a request. */
export const MOST_PARAMETERS = 1000

export interface BodyLimits {
  /** Bytes of all fields of the body together. */
  readonly bytes: number
}

/** Takes the bytes of a part that is a file; the body goes on when it has them all. */
export type TakeFile = (part: string, bytes: Readable) => Promise<void>

export function bodyTooLarge(limits: BodyLimits): ServiceError {
  return new ServiceError('tooLarge', `the request body exceeds ${limits.bytes} bytes`)
}

function broken(error: unknown): ServiceError {
  return new ServiceError('usage', `the multipart body is broken: ${(error as Error).message}`)
}

/** The fields, in order. Without `takeFile` a part that is a file is an error. */
export function readMultipart(
  request: IncomingMessage,
  limits: BodyLimits,
  takeFile?: TakeFile,
): Promise<[string, string][]> {
  return new Promise((resolve, reject) => {
    const pairs: [string, string][] = []
    const taken: Promise<void>[] = []
    let size = 0
    let failed = false
    let parser: busboy.Busboy
    const fail = (error: unknown) => {
      if (failed) return
      failed = true
      request.unpipe(parser)
      request.resume() // the rest is read and forgotten, so that the answer gets through
      parser?.destroy()
      void Promise.allSettled(taken).then(() => reject(error))
    }
    try {
      parser = busboy({
        headers: request.headers,
        limits: { fieldSize: limits.bytes, fields: MOST_PARAMETERS, parts: MOST_PARAMETERS + 100 },
      })
    } catch (error) {
      fail(broken(error))
      return
    }
    parser.on('field', (name, value, info) => {
      size += value.length
      if (info.valueTruncated || size > limits.bytes) fail(bodyTooLarge(limits))
      else pairs.push([name ?? '', value])
    })
    parser.on('file', (name, stream) => {
      stream.on('error', () => {}) // the parser reports it too
      if (failed) stream.resume()
      else if (takeFile) {
        taken.push(takeFile(name ?? '', stream))
        taken.at(-1)!.catch(fail)
      } else {
        stream.resume()
        fail(new ServiceError('usage', `part '${name}' is a file; this service takes no uploads`))
      }
    })
    for (const limit of ['partsLimit', 'fieldsLimit'] as const) {
      parser.on(limit, () => fail(new ServiceError('tooLarge', `more than ${MOST_PARAMETERS} parameters`)))
    }
    parser.on('error', error => fail(broken(error)))
    parser.on('close', () => Promise.all(taken).then(() => resolve(pairs), reject))
    request.on('error', fail)
    request.on('close', () => {
      if (!request.complete) fail(new ServiceError('usage', 'the request ended before its body did'))
    })
    request.pipe(parser)
  })
}

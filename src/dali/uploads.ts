/**
 * Requests that bring tables (DALI 1.1 §3.4.5): parts that are files go to a spool folder while they arrive, and
 * UPLOAD says which part is which table.
 */
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ServiceError } from '../error.ts'
import type { BodyLimits } from './multipart.ts'
import { type Parameters, readParameters } from './parameters.ts'

export interface UploadLimits extends BodyLimits {
  /** Bytes of all files of a request together. */
  readonly uploadBytes: number
}

export interface RequestContent {
  readonly parameters: Parameters
  /** Paths of the parts that are files, by the names of the parts. */
  readonly files: ReadonlyMap<string, string>
  /** A new folder of this request's own; made on demand. */
  folder(): Promise<string>
  /** Removes that folder and what is left in it. Whoever keeps a file has moved it away before. */
  discard(): Promise<void>
}

/** What UPLOAD refers to, of a request or of a stored job. */
export type UploadContent = Pick<RequestContent, 'parameters' | 'files' | 'folder'>

/** Tables that are elsewhere. */
export interface RemoteTables {
  /** Bytes of all files of a request together. */
  readonly mostBytes: number
  /** The bytes at an http or https URL. Throws `usage` for what is not fetched. */
  open(url: string): AsyncIterable<Uint8Array>
}

/** A table that a request brings. */
export interface Upload {
  /** As queries name it: `TAP_UPLOAD.<name>`. */
  readonly name: string
  /** The file that holds it, whatever its format. */
  readonly path: string
}

/**
 * Reads a request like `readParameters`, with files. The caller ends with `discard()`, whatever happens; when this
 * rejects, nothing is left. `spool` need not exist.
 */
export async function readRequest(
  request: IncomingMessage,
  limits: UploadLimits,
  spool: string,
): Promise<RequestContent> {
  const files = new Map<string, string>()
  let made: Promise<string> | undefined
  let size = 0
  const folder = () => {
    made ??= mkdir(spool, { recursive: true }).then(() => mkdtemp(path.join(spool, 'request-')))
    return made
  }
  const discard = async () => {
    if (made) await rm(await made, { recursive: true, force: true })
  }
  async function* counted(part: string, bytes: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limits.uploadBytes) {
        throw new ServiceError('tooLarge', `part '${part}': uploads exceed ${limits.uploadBytes} bytes`, {
          detail: 'Send fewer rows or columns, or a smaller format (gzip, FITS, Parquet).',
        })
      }
      yield chunk
    }
  }
  const takeFile = async (part: string, bytes: Readable) => {
    if (files.has(part)) {
      bytes.resume()
      throw new ServiceError('usage', `the request has two parts named '${part}'`)
    }
    const file = `part-${files.size + 1}`
    files.set(part, file)
    files.set(part, path.join(await folder(), file))
    await pipeline(bytes, source => counted(part, source), createWriteStream(files.get(part)!))
  }
  try {
    const parameters = await readParameters(request, limits, takeFile)
    return { parameters, files, folder, discard }
  } catch (error) {
    await discard()
    throw noRoom(error) ?? error
  }
}

/** A full disk in words for whoever uploads; undefined for every other failure. */
export function noRoom(error: unknown): ServiceError | undefined {
  const code = (error as NodeJS.ErrnoException).code
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EFBIG') return undefined
  return new ServiceError('unavailable', 'The service has no room for the upload at this moment.', {
    retryAfter: 600,
    cause: error,
  })
}

/**
 * What UPLOAD says: `name,param:part` or `name,http://…`, repeated or (TAP 1.0) joined by `;`. The part may be a file
 * or a field. Throws `usage` for everything else; also for URLs, where the caller fetches nothing.
 */
export async function uploadsOf(content: UploadContent, remote?: RemoteTables): Promise<readonly Upload[]> {
  const given: { name: string; uri: string; text: string }[] = []
  for (const text of content.parameters.all('UPLOAD').flatMap(value => value.split(BETWEEN))) {
    if (text.trim() === '') continue
    const upload = { ...parseUpload(text), text }
    if (given.some(({ name }) => name.toLowerCase() === upload.name.toLowerCase())) {
      throw new ServiceError('usage', `UPLOAD: two tables are named ${upload.name}`)
    }
    given.push(upload)
  }
  const uploads: Upload[] = []
  const fetching = remote && fetcher(content, remote)
  for (const { name, uri, text } of given) {
    const part = /^param:(.+)$/is.exec(uri)?.[1]
    if (part !== undefined) {
      uploads.push({ name, path: content.files.get(part) ?? (await fieldFile(content, part, text)) })
    } else if (fetching && /^https?:/i.test(uri)) {
      uploads.push({ name, path: await fetching(uri, name) })
    } else {
      throw new ServiceError(
        'usage',
        `UPLOAD=${text}: this service fetches nothing ${fetching ? 'but http and https URLs' : 'from elsewhere'}`,
        { detail: `Send the table in the request: UPLOAD=${name},param:table with a part named table.` },
      )
    }
  }
  return uploads
}

/** What joins uploads (TAP 1.0); a URL may have the character, too. */
const BETWEEN = /;(?=\s*(?:$|[A-Za-z][A-Za-z0-9_]*\s*,))/

function parseUpload(text: string): { name: string; uri: string } {
  const comma = text.indexOf(',')
  const name = text.slice(0, comma).trim()
  const uri = text.slice(comma + 1).trim()
  if (comma < 0 || !/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
    throw new ServiceError('usage', `UPLOAD=${text} is not of the form name,param:part`, {
      detail: 'The name begins with a letter and has letters, digits and _ only.',
    })
  }
  return { name, uri }
}

/** Fetches one table after the other into files, as many bytes as may still come beside those of the request. */
function fetcher(
  { files, folder }: UploadContent,
  { mostBytes, open }: RemoteTables,
): (url: string, name: string) => Promise<string> {
  let size = 0
  let fetched = 0
  return async (url, name) => {
    if (fetched === 0) for (const file of files.values()) size += (await stat(file)).size
    const file = path.join(await folder(), `fetched-${++fetched}`)
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const chunk of open(url)) {
        size += chunk.length
        if (size > mostBytes) {
          throw new ServiceError('tooLarge', `UPLOAD ${name}: uploads exceed ${mostBytes} bytes`)
        }
        yield chunk
      }
    }
    await pipeline(counted, createWriteStream(file)).catch(error => {
      throw noRoom(error) ?? error
    })
    return file
  }
}

/** The value of a field (curl -F 'table=<file'), as a file. */
async function fieldFile(content: UploadContent, part: string, upload: string): Promise<string> {
  const value = content.parameters.single(part.toUpperCase())
  if (value === undefined) {
    throw new ServiceError('usage', `UPLOAD=${upload}: the request has no part named '${part}'`, {
      detail: 'Uploads come in a POST of multipart/form-data.',
    })
  }
  const file = path.join(await content.folder(), `field-${randomUUID()}`)
  await writeFile(file, value)
  return file
}

/** Stored bytes to a client: whole or a range, checked for freshness by their hash (RFC 9110 §13–14). */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Request, Response } from 'express'
import { type ByteRange, multipart, requestedRanges } from './byte-ranges.ts'
import { FILE_POLICY, isHtml } from './policy.ts'

export type { ByteRange }

export interface StoredFile {
  readonly contentType: string
  readonly fileName: string
  readonly bytes: number
  /** Hexadecimal; undefined where it is not known. */
  readonly sha256?: string
  /** Names this state of the file for ETag; the hash by default. */
  readonly tag?: string
  readonly modified?: Date
  /** The bytes, or a range of them; a Buffer, if they are at hand, leaves with the head in one write. */
  read(range: ByteRange | undefined): Promise<Readable | Buffer>
}

/** Answers GET and HEAD. Needs a hash or a tag. A file that cannot be opened rejects before anything is sent. */
export async function sendFile(request: Request, response: Response, file: StoredFile): Promise<void> {
  const tag = `"${file.tag ?? file.sha256}"`
  const ranges = rangesOf(request, file, tag)
  const [range] = ranges === 'unsatisfiable' || ranges === undefined ? [] : ranges
  const several = range && ranges!.length > 1 ? (ranges as readonly ByteRange[]) : undefined
  const parts = several && multipart(several, file.contentType, file.bytes)
  const whole = { start: 0, end: file.bytes - 1 }
  const fresh = isFresh(request, file, tag)
  const wanted = !fresh && ranges !== 'unsatisfiable' && request.method !== 'HEAD' && file.bytes > 0
  const streamed = async (one: ByteRange) => asStream(await file.read(one))
  const bytes = wanted ? (parts ? Readable.from(parts.chunks(streamed)) : await file.read(range)) : undefined
  response.setHeader('Content-Type', file.contentType)
  if (isHtml(file.contentType)) response.setHeader('Content-Security-Policy', FILE_POLICY)
  response.setHeader('Content-Disposition', `inline; ${fileNameOf(file.fileName)}`)
  response.setHeader('ETag', tag)
  if (file.modified) response.setHeader('Last-Modified', file.modified.toUTCString())
  if (file.sha256 !== undefined) {
    const digest = Buffer.from(file.sha256, 'hex').toString('base64')
    response.setHeader('Repr-Digest', `sha-256=:${digest}:`)
  }
  response.setHeader('Accept-Ranges', 'bytes')
  response.setHeader('Cache-Control', 'private, no-cache')
  if (fresh) {
    response.status(304).end()
    return
  }
  if (ranges === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${file.bytes}`)
    response.status(416).type('text/plain').send(`The file has ${file.bytes} bytes.\n`)
    return
  }
  const { start, end } = range ?? whole
  response.status(range ? 206 : 200)
  response.setHeader('Content-Length', parts ? parts.bytes : end - start + 1)
  if (parts) response.setHeader('Content-Type', parts.contentType)
  else if (range) response.setHeader('Content-Range', `bytes ${start}-${end}/${file.bytes}`)
  if (!bytes || Buffer.isBuffer(bytes)) {
    response.end(bytes)
    return
  }
  try {
    await pipeline(bytes, response)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error // the client has gone
  }
}

const asStream = (bytes: Readable | Buffer): Readable =>
  Buffer.isBuffer(bytes) ? Readable.from([bytes], { objectMode: false }) : bytes

/**
 * Ranges are of GET alone (RFC 9110 §14.2). If-Range (§13.1.5): a range of another state of the file is of no use, so
 * the whole is sent.
 */
function rangesOf(request: Request, file: StoredFile, tag: string): ReturnType<typeof requestedRanges> {
  if (request.method !== 'GET') return undefined
  const condition = request.get('if-range')
  const holds = condition === undefined || condition === tag || condition === file.modified?.toUTCString()
  return holds ? requestedRanges(request.get('range'), file.bytes) : undefined
}

/** If-None-Match, or else If-Modified-Since (RFC 9110 §13.2.2). */
function isFresh(request: Request, { modified }: StoredFile, tag: string): boolean {
  const tags = request.get('if-none-match')
  if (tags !== undefined) return matches(tags, tag)
  const since = Date.parse(request.get('if-modified-since') ?? '')
  return modified !== undefined && Math.floor(modified.getTime() / 1000) * 1000 <= since
}

/** RFC 6266 §4: what is not plain ASCII is encoded. */
function fileNameOf(name: string): string {
  if (/^[\w.+()~ -]*$/.test(name)) return `filename="${name}"`
  const encoded = encodeURIComponent(name).replace(/['()*]/g, c => `%${c.charCodeAt(0).toString(16)}`)
  return `filename="${name.replace(/[^\w.+()~ -]/g, '_')}"; filename*=UTF-8''${encoded}`
}

function matches(header: string | undefined, tag: string): boolean {
  return (header ?? '').split(',').some(one => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag)
}

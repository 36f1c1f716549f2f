/** `/files/<collection>/<key>`: whole files, in pieces where a client goes on with one (RFC 9110 §13–14). */
import { createHash, type Hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { type NextFunction, type Request, type Response, Router } from 'express'
import { identify } from '../auth/identity.ts'
import { type ByteRange, sendFile } from '../dali/file.ts'
import { STATUS, serviceError } from '../dali/respond.ts'
import type { Database } from '../db/database.ts'
import { errorText, ServiceError } from '../error.ts'
import { openFile } from '../fits/open.ts'
import { findFile, rememberHash } from '../images/file.ts'
import { fileType, placeOf } from '../images/urls.ts'
import { allow } from '../vosi/router.ts'

const CHUNK = 1 << 18

export function filesRouter({ db }: { readonly db: Database }): Router {
  const router = Router()

  router.use(allow('GET', 'HEAD'), async (request: Request, response: Response) => {
    const place = placeOf(request.path)
    const file = place && (await findFile(db, identify(request), place.collection, place.key))
    if (!file) throw new ServiceError('notFound', `There is no file at ${request.baseUrl}${request.path}.`)
    const opened = await openFile(file.location)
    try {
      const { size: bytes, mtime } = opened.stats
      const asIngested = bytes === file.bytes && sameTime(mtime, file.modified)
      const hash = asIngested && file.sha256 === undefined ? createHash('sha256') : undefined
      await sendFile(request, response, {
        contentType: fileType(file),
        fileName: file.key.slice(file.key.lastIndexOf('/') + 1),
        bytes,
        modified: mtime,
        // The same name for the same bytes, whether their hash is known or not: a download that was begun goes on.
        tag: `${bytes.toString(16)}-${Math.round(mtime.getTime()).toString(16)}`,
        ...(asIngested && file.sha256 !== undefined && { sha256: file.sha256 }),
        read: async range =>
          Readable.from(pieces(opened.source, range ?? whole(bytes), range ? undefined : hash)),
      })
      if (hash && response.locals.hashed) await rememberHash(db, file, hash.digest('hex'))
    } finally {
      await opened.close()
    }

    async function* pieces(source: typeof opened.source, { start, end }: ByteRange, hash: Hash | undefined) {
      for (let at = start; at <= end; ) {
        const piece = await source.read(at, Math.min(CHUNK, end + 1 - at))
        if (piece.length === 0) throw new Error(`${file!.location} became shorter while it was read`)
        hash?.update(piece)
        yield piece
        at += piece.length
      }
      response.locals.hashed = hash !== undefined
    }
  })

  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    const told = serviceError(error)
    if (response.headersSent) response.destroy()
    else
      response
        .status(STATUS[told.code])
        .type('text/plain')
        .send(`${errorText(told)}\n`)
  })
  return router
}

const whole = (bytes: number): ByteRange => ({ start: 0, end: bytes - 1 })

/** PostgreSQL keeps microseconds, of which JavaScript sees the milliseconds. */
const sameTime = (a: Date, b: Date) => Math.abs(a.getTime() - b.getTime()) < 1.5

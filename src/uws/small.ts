/**
 * Small results stand in the job's own transaction rather than in files: most jobs give some rows, and a file made,
 * flushed, renamed and opened again took longer (0.4 ms of 1.1) than the rest of a job's end. They are read as if they
 * were in the storage.
 */
import { Readable } from 'node:stream'
import type { ByteRange } from '../dali/file.ts'
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Storage } from './storage.ts'

/** Bytes of the largest; beyond some pages a row costs PostgreSQL more than a file does. */
const SMALL = 16 << 10
/** Bytes of all of a job together: its end is one statement. */
export const SMALL_TOGETHER = 256 << 10

/** Where a result is that has no file. */
export function rowKey(job: string, result: string): string {
  return `row:${job}/${result}`
}

/** All of the chunks when they are few bytes; otherwise the same chunks, from the first on. */
export async function small(
  chunks: AsyncIterable<Uint8Array>,
  room: number,
): Promise<{ body: Buffer } | { body: undefined; rest: AsyncIterable<Uint8Array> }> {
  const reader = chunks[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let bytes = 0
  for (;;) {
    const next = await reader.next()
    if (next.done) return { body: Buffer.concat(first, bytes) }
    first.push(next.value)
    bytes += next.value.length
    if (bytes > SMALL || bytes > room) return { body: undefined, rest: chained(first, reader) }
  }
}

async function* chained(
  first: readonly Uint8Array[],
  reader: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* first
    for (let next = await reader.next(); !next.done; next = await reader.next()) yield next.value
  } finally {
    await reader.return?.() // the storage may have failed in the middle
  }
}

/** Bodies that this process wrote a moment ago: whoever waited for a job asks for its result next. */
const fresh = new Map<string, Buffer>()
const MOST_FRESH = 200

export function keepFresh(key: string, body: Buffer): void {
  fresh.set(key, body)
  if (fresh.size > MOST_FRESH) fresh.delete(fresh.keys().next().value!)
}

/** The bytes at a key, or a range of them, if they are such a body. */
export function freshBody(key: string, range: ByteRange | undefined): Buffer | undefined {
  const body = fresh.get(key)
  return body && range ? body.subarray(range.start, range.end + 1) : body
}

/** The storage, with what is in rows. */
export function withRows(client: Client, storage: Storage): Storage {
  return {
    ...storage,
    async read(key, range) {
      const [, job, result] = /^row:([^/]+)\/(.+)$/.exec(key) ?? []
      if (job === undefined) return storage.read(key, range)
      const known = freshBody(key, range)
      if (known) return readable(known, undefined)
      const rows = await client.query<{ body: Buffer | null }>(
        `SELECT body FROM uws.result WHERE job_id = $1 AND result_id = $2 AND format = ''`,
        [job, result],
      )
      const body = rows[0]?.body
      if (!body) throw new ServiceError('notFound', 'this file is no longer stored')
      return readable(body, range)
    },
  }
}

function readable(body: Buffer, range: ByteRange | undefined): Readable {
  const bytes = range ? body.subarray(range.start, range.end + 1) : body
  return Readable.from([bytes], { objectMode: false })
}

/**
 * Content codings of answers (RFC 9110 §8.4, §12.5.3): for clients that ask, never for others, and not for what is
 * compressed already or over before it has a kilobyte.
 *
 * brotli 1 makes 90–230 MB/s of results, about what PostgreSQL gives, and goes before gzip when both are equal
 * (browsers). gzip 1 makes 60–150 MB/s: when it holds up a client with a fast line (pyvo, stilts and TOPCAT ask for
 * gzip by default), it stores instead, so that no answer is slower for being asked for in gzip. Both work in Node's
 * thread pool, beside the writer.
 */
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { drained } from './drained.ts'

export type Coding = 'br' | 'gzip'

/** Formats with compression of their own, and events, which must not wait in a coder. */
const AS_THEY_ARE = /parquet|zip|jpeg|png|webp|event-stream/

export function isCompressible(contentType: string): boolean {
  return !AS_THEY_ARE.test(contentType)
}

/** What Accept-Encoding prefers; undefined: the bytes as they are, even for a client that would rather have nothing. */
export function chooseCoding(acceptEncoding: string | undefined): Coding | undefined {
  const weights = new Map(
    (acceptEncoding ?? '').split(',').map(part => {
      const [name = '', ...parameters] = part.split(';').map(p => p.trim().toLowerCase())
      const q = parameters.find(p => /^q\s*=/.test(p))?.split('=')[1]
      return [name === 'x-gzip' ? 'gzip' : name, q === undefined ? 1 : Number(q)] as const
    }),
  )
  const weight = (coding: Coding) => weights.get(coding) ?? weights.get('*') ?? 0
  const best = weight('gzip') > weight('br') ? 'gzip' : 'br'
  return weight(best) > 0 && weight(best) >= (weights.get('identity') ?? 0) ? best : undefined
}

/** Answers of fewer bytes are not worth it. */
export const LEAST = 1024
/** How long those wait for more of them. */
const PATIENCE_MS = 20
/** Bytes that leave together if they are there together. */
const MOST = 32 * 1024

export interface Beginning {
  /** Everything, when the end has come. */
  readonly whole: Buffer | undefined
  /** All chunks, those that were looked at too. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** Takes what is there at once, and waits a little while it is less than `least` bytes; what fails there rejects. */
export async function lookAhead(chunks: AsyncIterable<Uint8Array>, least: number): Promise<Beginning> {
  const iterator = chunks[Symbol.asyncIterator]()
  const seen: Uint8Array[] = []
  let bytes = 0
  let pending: Promise<IteratorResult<Uint8Array>> | undefined
  let result: IteratorResult<Uint8Array> | undefined = await iterator.next()
  while (result && !result.done) {
    seen.push(result.value)
    bytes += result.value.length
    pending = undefined
    if (bytes >= MOST) break
    pending = iterator.next()
    result = await soon(pending, bytes < least ? PATIENCE_MS : 0)
  }

  const isWhole = result?.done === true
  return {
    whole: isWhole ? Buffer.concat(seen, bytes) : undefined,
    chunks: resumed(iterator, seen, isWhole, pending),
  }
}

/**
 * What was seen, in one piece, and the rest. (A generator within `lookAhead` would be a function anew for each answer:
 * V8 gives it a map among old objects, which keeps all that the answer is made of until the next full collection. That
 * and the like in other places cost small queries a third of their time.)
 */
async function* resumed(
  iterator: AsyncIterator<Uint8Array>,
  seen: readonly Uint8Array[],
  isWhole: boolean,
  pending: Promise<IteratorResult<Uint8Array>> | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    if (seen.length > 0) yield seen.length === 1 ? seen[0]! : Buffer.concat(seen)
    if (isWhole) return
    for (let one = await (pending ?? iterator.next()); !one.done; one = await iterator.next()) yield one.value
  } finally {
    await iterator.return?.()
  }
}

/** What a promise resolves to, or undefined when that takes longer; 0 ms: when it needs input or output first. */
function soon<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const late = () => resolve(undefined)
    const [timer, immediate] = ms > 0 ? [setTimeout(late, ms), undefined] : [undefined, setImmediate(late)]
    promise.then(value => {
      clearTimeout(timer)
      clearImmediate(immediate)
      resolve(value)
    }, reject)
  })
}

/** Bytes that are all there, in a coding. */
export function compressedWhole(bytes: Uint8Array, coding: Coding): Promise<Buffer> {
  return coding === 'br'
    ? promisify(zlib.brotliCompress)(bytes, { params: BROTLI_1 })
    : promisify(zlib.gzip)(bytes, { level: 1 })
}

const BROTLI_1 = { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 }

/** The chunks in a coding. The first two leave at once: the head of a document and the first rows. */
export function compressed(chunks: AsyncIterable<Uint8Array>, coding: Coding): AsyncGenerator<Uint8Array> {
  return coding === 'br' ? brotli(chunks) : gzip(chunks)
}

async function* brotli(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const coder = zlib.createBrotliCompress({ chunkSize: 64 * 1024, params: BROTLI_1 })
  const feed = async () => {
    let flushes = 2
    for await (const chunk of chunks) {
      if (!coder.write(chunk)) await drained(coder)
      if (coder.destroyed) return
      if (flushes-- > 0) coder.flush()
    }
    coder.end()
  }
  const fed = feed().catch(error => coder.destroy(error))
  try {
    yield* coder
  } finally {
    coder.destroy()
    await fed
  }
}

/**
 * Each chunk is a deflate stream of its own that ends on a whole byte, or is stored (RFC 1951 §3.2.4), all in one
 * gzip member: nothing waits in a coder, and two chunks are compressed at a time. `zlib.params`, which should change
 * the level within a stream, has no effect in Node 20.
 */
async function* gzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let crc = 0
  let size = 0
  let isBegun = false
  let isStoring = false
  let waiting: Promise<Uint8Array> | undefined
  let stretch = startOfStretch()
  for await (const chunk of chunks) {
    // Not before: whoever leaves at the first bytes leaves a source that has begun, and is closed.
    if (!isBegun) yield HEAD_OF_GZIP
    isBegun = true
    crc = zlib.crc32(chunk, crc)
    size += chunk.length
    const before = waiting
    waiting = isStoring ? Promise.resolve(stored(chunk)) : deflateRaw(chunk, DEFLATE_1)
    if (before) yield* given(before, stretch)
    if (size < FIRST) {
      yield* given(waiting, stretch)
      waiting = undefined
    }
    stretch.bytes += chunk.length
    if (stretch.bytes > STRETCH) {
      isStoring = shouldStore(isStoring, stretch)
      stretch = startOfStretch()
    }
  }
  if (!isBegun) yield HEAD_OF_GZIP
  if (waiting) yield await waiting
  const end = Buffer.from('03000000000000000000', 'hex') // an empty last block
  end.writeUInt32LE(crc, 2)
  end.writeUInt32LE(size % 2 ** 32, 6)
  yield end
}

const HEAD_OF_GZIP = Buffer.from('1f8b08000000000000ff', 'hex')
const deflateRaw = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflateRaw)
const DEFLATE_1 = { level: 1, finishFlush: zlib.constants.Z_SYNC_FLUSH }
/** Bytes that leave without waiting for the next chunk. */
const FIRST = 256 * 1024

function stored(chunk: Uint8Array): Buffer {
  const parts: Uint8Array[] = []
  for (let at = 0; at < chunk.length; at += 0xffff) {
    const part = chunk.subarray(at, at + 0xffff)
    const head = Buffer.alloc(5)
    head.writeUInt16LE(part.length, 1)
    head.writeUInt16LE(0xffff - part.length, 3)
    parts.push(head, part)
  }
  return Buffer.concat(parts)
}

/** Bytes after which the way is thought over. */
const STRETCH = 2 * 1024 * 1024

/** Where the time goes, in ms. */
interface Stretch {
  readonly begun: number
  bytes: number
  /** Waiting for the coder. */
  coding: number
  /** Bytes in the hands of the client. */
  held: number
}

function startOfStretch(): Stretch {
  return { begun: performance.now(), bytes: 0, coding: 0, held: 0 }
}

async function* given(coded: Promise<Uint8Array>, stretch: Stretch): AsyncGenerator<Uint8Array> {
  const asked = performance.now()
  const bytes = await coded
  const there = performance.now()
  yield bytes
  stretch.coding += there - asked
  stretch.held += performance.now() - there
}

/** When compression took a quarter of the time; no longer when the client took half of it. */
function shouldStore(isStoring: boolean, { begun, coding, held }: Stretch): boolean {
  const all = performance.now() - begun
  return isStoring ? held < all / 2 : coding > all / 4
}

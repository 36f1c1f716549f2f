/** Files to read from, plain or gzip, as the `ByteSource` of fits/. */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createGunzip } from 'node:zlib'
import { ServiceError } from '../../error.ts'
import type { ByteSource } from '../../fits/hdu.ts'
import { noteRead } from '../collect.ts'

export interface OpenFile {
  readonly source: ByteSource
  /** What the file begins with, to tell its format by. */
  readonly head: Buffer
  /** All bytes from the first; may be called again. */
  chunks(): AsyncGenerator<Buffer>
  close(): Promise<void>
}

const CHUNK = 256 * 1024
/** Enough to see how a table without a header's help is laid out. */
const HEAD = 64 * 1024

/**
 * Opens a file; gzip is known by its first bytes, whatever the file's name is. What unpacks to more than `mostBytes`
 * is refused when that is reached.
 */
export async function openFile(file: string, mostBytes = Number.POSITIVE_INFINITY): Promise<OpenFile> {
  const handle = await open(file, 'r').catch(error => {
    throw new ServiceError('usage', `the file cannot be read: ${(error as Error).message}`, { cause: error })
  })
  const magic = (await readAt(handle, 0, 2)).toString('hex')
  if (magic !== '1f8b') return openPlain(handle)
  await handle.close()
  return openGzip(file, mostBytes)
}

async function openPlain(handle: FileHandle): Promise<OpenFile> {
  const { size } = await handle.stat()
  const read = (offset: number, length: number) => readAt(handle, offset, length)
  return {
    source: { read, random: true, size },
    head: await read(0, HEAD),
    chunks: () => chunksOf({ read, random: true }),
    close: () => handle.close(),
  }
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  noteRead(done)
  return bytes.subarray(0, done)
}

async function openGzip(file: string, mostBytes: number): Promise<OpenFile> {
  const compressed = createReadStream(file, { highWaterMark: CHUNK })
  const gunzip = createGunzip({ chunkSize: CHUNK })
  compressed.on('error', error => gunzip.destroy(error))
  const chunks = compressed.pipe(gunzip)[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let chunk = Buffer.alloc(0) as Buffer
  /** Offset of the chunk's first byte. */
  let position = 0
  let unpacked = 0

  /** Drops what was read; false at the end of the file. */
  const next = async (): Promise<boolean> => {
    const { value, done } = await chunks.next().catch(error => {
      throw new ServiceError(
        'usage',
        `the gzip file cannot be unpacked after byte ${position}: ${(error as Error).message}`,
        { detail: 'It is truncated or damaged.', cause: error },
      )
    })
    if (done) return false
    unpacked += value.length
    noteRead(value.length)
    if (unpacked > mostBytes) {
      throw new ServiceError('tooLarge', `the gzip file unpacks to more than ${mostBytes} bytes`)
    }
    chunk = value
    return true
  }

  const read = async (offset: number, length: number): Promise<Buffer> => {
    if (offset < position) throw new Error(`gzip cannot go back from byte ${position} to ${offset}`)
    while (position < offset) {
      if (chunk.length === 0 && !(await next())) return Buffer.alloc(0)
      const skipped = Math.min(chunk.length, offset - position)
      chunk = chunk.subarray(skipped)
      position += skipped
    }
    const bytes = Buffer.allocUnsafeSlow(length)
    let done = 0
    while (done < length) {
      if (chunk.length === 0 && !(await next())) break
      const taken = chunk.copy(bytes, done, 0, length - done)
      chunk = chunk.subarray(taken)
      position += taken
      done += taken
    }
    return bytes.subarray(0, done)
  }

  const close = async () => {
    compressed.destroy()
    gunzip.destroy()
  }
  async function* fresh(): AsyncGenerator<Buffer> {
    const again = await openGzip(file, mostBytes)
    try {
      yield* chunksOf(again.source)
    } finally {
      await again.close()
    }
  }

  await next()
  while (chunk.length < HEAD) {
    const before = chunk
    if (!(await next())) break
    chunk = Buffer.concat([before, chunk])
  }
  return { source: { read, random: false }, head: chunk.subarray(0, HEAD), chunks: fresh, close }
}

/** The bytes of a source in order, from an offset on. */
export async function* chunksOf(source: ByteSource, from = 0): AsyncGenerator<Buffer> {
  for (let offset = from; ; offset += CHUNK) {
    const bytes = await source.read(offset, CHUNK)
    if (bytes.length > 0) yield bytes
    if (bytes.length < CHUNK) return
  }
}

export interface Spooled {
  readonly source: ByteSource & { readonly size: number }
  close(): Promise<void>
}

/** Writes bytes into a file without a name, for readers that must jump; nothing is left of it when it is closed. */
export async function spool(chunks: AsyncIterable<Uint8Array>, folder = tmpdir()): Promise<Spooled> {
  const name = path.join(folder, `almagest-${randomUUID()}`)
  const handle = await open(name, 'wx+', 0o600)
  await unlink(name)
  try {
    let size = 0
    for await (const bytes of chunks) {
      await handle.writev([bytes])
      size += bytes.length
    }
    const read = (offset: number, length: number) => readAt(handle, offset, length)
    return { source: { read, random: true, size }, close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}

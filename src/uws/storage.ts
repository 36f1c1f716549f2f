/** Where results and uploads of jobs are: one small interface, the local disk its first form. */
import { createHash, randomUUID } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  fdatasync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  write,
  writeSync,
} from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { ByteRange } from '../dali/file.ts'
import { ServiceError } from '../error.ts'

export interface Stored {
  readonly bytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

/** Keys are `<job>/<more>`; what is under a key never changes. */
export interface Storage {
  /** The key exists once every byte of it is safe, never before; a failure leaves nothing behind. */
  write(key: string, chunks: AsyncIterable<Uint8Array>): Promise<Stored>
  /** Rejects with `notFound` when there is nothing under the key. */
  read(key: string, range?: ByteRange): Promise<Readable>
  /** Everything whose key begins so: `<job>/`, or more of it. Nothing there is no error. */
  remove(prefix: string): Promise<void>
}

const datasync = promisify(fdatasync)
const writeBytes = promisify(write)

/** Chunks gathered before they are written, so that small ones do not cost a system call each. */
const BLOCK = 1 << 18

/** Written beside, flushed to the disk, and renamed. */
export function diskStorage(folder: string): Storage {
  const place = (key: string) => {
    if (!/^[\w-]+(\/[\w.-]+)*\/?$/.test(key) || key.includes('..')) throw new Error(`bad storage key ${key}`)
    return path.join(folder, key.slice(0, 2), key)
  }
  return {
    async write(key, chunks) {
      const target = place(key)
      const beside = `${target}.${randomUUID().slice(0, 8)}.part`
      const hash = createHash('sha256')
      let bytes = 0
      let file: number | undefined
      try {
        // Small calls are made at once, since each turn of the thread pool costs more: a small result waits for its
        // datasync only. Larger ones must not hold up the process while the kernel makes room.
        mkdirSync(path.dirname(target), { recursive: true })
        file = openSync(beside, 'wx', 0o600)
        for await (const block of blocks(chunks)) {
          hash.update(block)
          if (block.length < BLOCK) writeAllSync(file, block, bytes)
          else await writeAll(file, block, bytes)
          bytes += block.length
        }
        await datasync(file)
        closeSync(file)
        file = undefined
        renameSync(beside, target)
        return { bytes, sha256: hash.digest('hex') }
      } catch (error) {
        if (file !== undefined) closeSync(file)
        await rm(beside, { force: true })
        throw noRoom(error) ?? error
      }
    },
    async read(key, range) {
      const file = openStored(place(key))
      const start = range?.start ?? 0
      const length = (range?.end ?? fstatSync(file).size - 1) + 1 - start
      if (length > BLOCK) return createReadStream('', { fd: file, ...range, highWaterMark: BLOCK })
      const bytes = Buffer.alloc(Math.max(0, length))
      const read = readSync(file, bytes, 0, bytes.length, start)
      closeSync(file)
      return Readable.from([bytes.subarray(0, read)], { objectMode: false })
    },
    async remove(prefix) {
      const target = place(prefix)
      if (prefix.endsWith('/')) return rm(target, { recursive: true, force: true })
      const folder = path.dirname(target)
      for (const name of await readdir(folder).catch(() => [])) {
        if (name.startsWith(path.basename(target))) await rm(path.join(folder, name), { force: true })
      }
    },
  }
}

function openStored(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new ServiceError('notFound', 'this file is no longer stored', { cause: error })
  }
}

async function* blocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let gathered: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    gathered.push(chunk)
    size += chunk.length
    if (size < BLOCK) continue
    yield Buffer.concat(gathered, size)
    gathered = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(gathered, size)
}

function writeAllSync(file: number, block: Buffer, position: number): void {
  for (let at = 0; at < block.length; ) at += writeSync(file, block, at, block.length - at, position + at)
}

async function writeAll(file: number, block: Buffer, position: number): Promise<void> {
  for (let at = 0; at < block.length; ) {
    at += (await writeBytes(file, block, at, block.length - at, position + at)).bytesWritten
  }
}

function noRoom(error: unknown): ServiceError | undefined {
  const code = (error as NodeJS.ErrnoException).code
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EFBIG') return undefined
  return new ServiceError('unavailable', 'The service has no room for the result at this moment.', {
    detail: 'Ask for fewer rows or columns, or run the job again later.',
    retryAfter: 600,
    cause: error,
  })
}

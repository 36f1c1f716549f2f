/**
 * Image files to read from wherever they lie. What is packed as a whole (`.fits.gz`, `.fits.bz2`) is unpacked once, a
 * chunk in memory at a time, into a file of the spool folder that serves every later reading; tile-compressed files
 * (`.fits.fz`) are read as they are.
 */
import { createHash, randomUUID } from 'node:crypto'
import { constants, readSync, type Stats } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { ServiceError } from '../error.ts'
import type { ByteSource } from './hdu.ts'
import { type Unpacked, unpacked } from './unpack.ts'

export interface FileSource extends ByteSource {
  readonly size: number
  /** Reads into memory that is there; resolves to the number of bytes, fewer only at the end of the file. */
  readInto(offset: number, bytes: Buffer): Promise<number>
}

export interface OpenImage {
  readonly source: FileSource
  close(): Promise<void>
}

const CHUNK = 1 << 20
/** What one file may unpack to; more is taken for a bomb. */
const MOST_BYTES = 64 * 2 ** 30
/** What unpacked files may take together; those that were not used for the longest time go. */
const SPOOL_BYTES = 8 * 2 ** 30

/**
 * Opens an image file by its absolute path. `spool` is the folder of unpacked files. A missing or unreadable file is
 * `notFound`, one that cannot be unpacked is `usage`.
 */
export async function openImage(location: string, spool: string): Promise<OpenImage> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(location))
    throw new ServiceError('usage', `${location}: only files on this machine can be read`)
  const file = await openFile(location)
  try {
    const packed = await unpacked(file.source)
    if (packed.source === file.source) return file
    const name = path.join(spool, 'images', `${nameOf(location, file.stats)}.fits`)
    await unpackOnce(packed, name)
    await file.close()
    return await openFile(name)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The same file with the same bytes has the same name. */
function nameOf(location: string, { size, mtimeMs, ino }: Stats): string {
  return createHash('sha256').update(`${location}\0${size}\0${mtimeMs}\0${ino}`).digest('hex').slice(0, 32)
}

interface PlainFile extends OpenImage {
  readonly stats: Stats
}

/** A regular file; a pipe or a device would never end. */
export async function openFile(location: string): Promise<PlainFile> {
  const handle = await open(location, constants.O_RDONLY | constants.O_NONBLOCK).catch(error => {
    throw new ServiceError('notFound', `the file cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  })
  const stats = await handle.stat()
  if (!stats.isFile()) {
    await handle.close()
    throw new ServiceError('notFound', `${location} is no regular file`)
  }
  const source = {
    read: (offset: number, length: number) => readAt(handle, offset, length),
    readInto: (offset: number, bytes: Buffer) => readInto(handle, offset, bytes),
    random: true,
    size: stats.size,
  }
  let closed: Promise<void> | undefined
  return {
    source,
    stats,
    close: () => {
      closed ??= handle.close()
      return closed
    },
  }
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  // Headers lie about lengths: memory is taken for what the file has, not for what was asked.
  const { size } = length > CHUNK ? await handle.stat() : { size: offset + length }
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - offset)))
  return bytes.subarray(0, await readInto(handle, offset, bytes))
}

async function readInto(handle: FileHandle, offset: number, bytes: Buffer): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const [from, left] = [offset + done, bytes.length - done]
    const bytesRead = isMainThread
      ? (await handle.read(bytes, done, left, from)).bytesRead
      : readSync(handle.fd, bytes, done, left, from)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** Files that are being unpacked by this process. */
const underWay = new Map<string, Promise<void>>()

async function unpackOnce(packed: Unpacked, name: string): Promise<void> {
  const running = underWay.get(name)
  if (running) return running
  const work = unpack(packed, name).finally(() => underWay.delete(name))
  underWay.set(name, work)
  return work
}

async function unpack({ source, close }: Unpacked, name: string): Promise<void> {
  const now = new Date()
  const there = await utimes(name, now, now).then(
    () => true,
    () => false,
  )
  if (there) return
  const folder = path.dirname(name)
  await mkdir(folder, { recursive: true })
  const partial = path.join(folder, `${randomUUID()}.part`)
  const handle = await open(partial, 'wx', 0o600)
  try {
    let size = 0
    for (;;) {
      const bytes = await source.read(size, CHUNK)
      await handle.writeFile(bytes)
      size += bytes.length
      if (bytes.length < CHUNK) break
      if (size > MOST_BYTES)
        throw new ServiceError('tooLarge', `the file unpacks to more than ${MOST_BYTES} bytes`)
    }
    await handle.close()
    await rename(partial, name)
  } catch (error) {
    await handle.close()
    await rm(partial, { force: true })
    throw error
  } finally {
    await close()
  }
  await makeRoom(folder, path.basename(name))
}

/** Removes the files that were not used for the longest time, and what killed processes left behind. */
async function makeRoom(folder: string, keep: string): Promise<void> {
  const names = await readdir(folder)
  const files = await Promise.all(
    names.map(async name => {
      const file = path.join(folder, name)
      const stats = await stat(file).catch(() => undefined)
      return { file, name, bytes: stats?.size ?? 0, used: stats?.mtimeMs ?? 0 }
    }),
  )
  const hourAgo = Date.now() - 3_600_000
  let left = files.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { file, name, bytes, used } of files.sort((a, b) => a.used - b.used)) {
    const abandoned = name.endsWith('.part') && used < hourAgo
    if (!abandoned && (left <= SPOOL_BYTES || name === keep || name.endsWith('.part'))) continue
    await rm(file, { force: true })
    left -= bytes
  }
}

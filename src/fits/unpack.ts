/**
 * Files that are packed as a whole (`.fits.gz`, `.fits.bz2`), behind the same `read`. They are unpacked as a stream,
 * a chunk in memory at a time: a header and a window of its image ask for bytes in rising order, so one pass serves
 * both. Who goes back pays for a new pass. No spool file: a cutout seldom needs the end of the file.
 */
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ServiceError } from '../error.ts'
import { bunzip2 } from './bzip2.ts'
import type { ByteSource } from './hdu.ts'
import { fitsError } from './header.ts'

export interface Unpacked {
  readonly source: ByteSource
  /** Ends a pass that is under way. */
  close(): Promise<void>
}

const CHUNK = 64 * 1024

/** The bytes that a file holds; the file itself where it is not packed. */
export async function unpacked(packed: ByteSource): Promise<Unpacked> {
  const magic = (await packed.read(0, 4)).toString('latin1')
  if (magic.startsWith('\x1f\x8b')) return forward(() => gunzip(chunks(packed)))
  if (/^BZh[1-9]/.test(magic)) return forward(() => bunzip2(chunks(packed)))
  if (magic.startsWith('\x1f\x9d') || magic.startsWith('PK\x03\x04')) {
    throw fitsError('not a FITS file', 'it is packed by compress or zip; gzip and bzip2 can be read')
  }
  return { source: packed, close: async () => {} }
}

async function* chunks(source: ByteSource): AsyncGenerator<Buffer> {
  for (let offset = 0; ; ) {
    const bytes = await source.read(offset, CHUNK)
    offset += bytes.length
    if (bytes.length > 0) yield bytes
    if (bytes.length < CHUNK) return
  }
}

async function* gunzip(packed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const from = Readable.from(packed, { objectMode: false })
  const stream = createGunzip({ chunkSize: CHUNK })
  from.on('error', error => stream.destroy(error))
  try {
    yield* from.pipe(stream) as AsyncIterable<Buffer>
  } catch (error) {
    if (error instanceof ServiceError) throw error
    throw fitsError(
      'the gzip file cannot be unpacked',
      `${(error as Error).message}; it is truncated or damaged`,
    )
  } finally {
    from.destroy()
    stream.destroy()
  }
}

/** Random reads from passes that only go forward. */
function forward(open: () => AsyncGenerator<Buffer>): Unpacked {
  let pass = open()
  let chunk: Buffer = Buffer.alloc(0)
  /** Offset of the chunk's first byte. */
  let position = 0

  const next = async (): Promise<boolean> => {
    const { value, done } = await pass.next()
    if (done) return false
    chunk = value
    return true
  }
  const skip = (bytes: number) => {
    chunk = chunk.subarray(bytes)
    position += bytes
  }

  const read = async (offset: number, length: number): Promise<Buffer> => {
    if (offset < position) {
      await pass.return(undefined)
      pass = open()
      chunk = Buffer.alloc(0)
      position = 0
    }
    while (position < offset) {
      if (chunk.length === 0 && !(await next())) return Buffer.alloc(0)
      skip(Math.min(chunk.length, offset - position))
    }
    const pieces: Buffer[] = []
    for (let missing = length; missing > 0; ) {
      if (chunk.length === 0 && !(await next())) break
      const piece = chunk.subarray(0, missing)
      pieces.push(piece)
      missing -= piece.length
      skip(piece.length)
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
  }
  // One after the other, whoever asks: a pass has one place.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = (offset: number, length: number): Promise<Buffer> => {
    const turn = last.then(() => read(offset, length))
    last = turn.catch(() => {})
    return turn
  }
  return {
    source: { read: inTurn, random: false },
    close: async () => {
      await pass.return(undefined)
    },
  }
}

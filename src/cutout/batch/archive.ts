/** A tar or zip archive that is sent while its files are made: no more than one of them is held. */
import { PassThrough, Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { ZipFile } from 'yazl'

export type ArchiveKind = 'tar' | 'zip'

export interface ArchiveFile {
  readonly name: string
  readonly bytes: Uint8Array
}

export function archive(kind: ArchiveKind, files: AsyncIterable<ArchiveFile>): AsyncIterable<Uint8Array> {
  return kind === 'tar' ? tar(files) : zip(files)
}

async function* tar(files: AsyncIterable<ArchiveFile>): AsyncGenerator<Uint8Array> {
  const out = pack()
  yield* filled(out, async () => {
    for await (const { name, bytes } of files) {
      await new Promise<void>((resolve, reject) => {
        out.entry({ name, mtime: new Date() }, Buffer.from(bytes), error =>
          error ? reject(error) : resolve(),
        )
      })
    }
    out.finalize()
  })
}

/** Stored, not deflated: noise and PNG get no smaller. */
async function* zip(files: AsyncIterable<ArchiveFile>): AsyncGenerator<Uint8Array> {
  const file = new ZipFile()
  const out = new PassThrough()
  file.outputStream.pipe(out)
  const gone = new AbortController()
  out.once('close', () => gone.abort(new Error('nobody takes the archive any more')))
  yield* filled(out, async () => {
    for await (const { name, bytes } of files) {
      const content = Readable.from([bytes])
      file.addReadStream(content, name, { mtime: new Date(), compress: false, size: bytes.length })
      // Readers of what is closed are not told: the file would wait for ever, and with it all that makes it.
      await finished(content, { signal: gone.signal })
    }
    file.end()
  })
}

interface Outlet {
  destroy(error?: Error): unknown
}

/** What `out` gives while `work` fills it. What fails there fails the reader; when the reader leaves, the work ends. */
async function* filled(out: Outlet, work: () => Promise<void>): AsyncGenerator<Uint8Array> {
  const filling = work().catch(error => {
    out.destroy(error as Error)
    throw error
  })
  filling.catch(() => {}) // told where it is awaited
  try {
    yield* out as unknown as AsyncIterable<Uint8Array>
  } catch (error) {
    await filling
    throw error
  } finally {
    out.destroy()
    await filling.catch(() => {})
  }
  await filling
}

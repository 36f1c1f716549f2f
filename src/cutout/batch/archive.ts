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
  const filling = fill(out, async () => {
    for await (const { name, bytes } of files) {
      await new Promise<void>((resolve, reject) => {
        out.entry({ name, mtime: new Date() }, Buffer.from(bytes), error =>
          error ? reject(error) : resolve(),
        )
      })
    }
    out.finalize()
  })
  yield* out as AsyncIterable<Uint8Array>
  await filling
}

/** Stored, not deflated: noise and PNG get no smaller. */
async function* zip(files: AsyncIterable<ArchiveFile>): AsyncGenerator<Uint8Array> {
  const file = new ZipFile()
  const out = new PassThrough()
  file.outputStream.pipe(out)
  const filling = fill(out, async () => {
    for await (const { name, bytes } of files) {
      const content = Readable.from([bytes])
      file.addReadStream(content, name, { mtime: new Date(), compress: false, size: bytes.length })
      await finished(content)
    }
    file.end()
  })
  yield* out as AsyncIterable<Uint8Array>
  await filling
}

/** What fails while the archive is filled fails its reader. */
function fill(out: { destroy(error?: Error): unknown }, work: () => Promise<void>): Promise<void> {
  const filling = work().catch(error => {
    out.destroy(error as Error)
    throw error
  })
  filling.catch(() => {})
  return filling
}

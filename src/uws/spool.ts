/** Files that are only passing through. */
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { UploadedPart } from './job.ts'
import type { Storage } from './storage.ts'

/** A folder that is made when somebody wants it, and goes with `remove`. */
export function temporaryFolder(
  spool: string,
  prefix: string,
): { folder(): Promise<string>; remove(): Promise<void> } {
  let made: Promise<string> | undefined
  return {
    folder() {
      made ??= mkdir(spool, { recursive: true }).then(() => mkdtemp(path.join(spool, prefix)))
      return made
    },
    async remove() {
      if (made) await rm(await made, { recursive: true, force: true })
    },
  }
}

/** Uploaded parts of a job as files in `folder`; paths by part. Rejects with `notFound` for one that is gone. */
export async function copyParts(
  storage: Storage,
  uploads: readonly UploadedPart[],
  folder: string,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const [i, { part, key }] of uploads.entries()) {
    const file = path.join(folder, `part-${i + 1}`)
    await pipeline(await storage.read(key), createWriteStream(file))
    files.set(part, file)
  }
  return files
}

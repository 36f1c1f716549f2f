/**
 * Rows kept until the last one is known, for formats whose beginning depends on their end: in memory while they are
 * few, else in a file that has no name, so that nothing is left behind whatever happens.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import path from 'node:path'
import type { RowBatch } from '../votable/row.ts'

/** Bytes that stay in memory. */
const IN_MEMORY = 4 * 1024 * 1024

export interface Spool {
  readonly rows: number
  /** The rows from the first; may be called again. */
  readonly batches: () => AsyncGenerator<RowBatch, void>
  readonly close: () => Promise<void>
}

/** Reads all batches, shows each to `look`, and keeps them, in `folder` when they are many. */
export async function spool(
  source: AsyncIterable<RowBatch>,
  folder: () => Promise<string>,
  look: (batch: RowBatch) => void,
): Promise<Spool> {
  const kept: RowBatch[] = []
  const blocks: { position: number; bytes: number; count: number }[] = []
  let inMemory = 0
  let end = 0
  let rows = 0
  let file: FileHandle | undefined

  async function write(batch: RowBatch): Promise<void> {
    const starts = batch.starts.subarray(0, batch.count)
    const index = Buffer.from(starts.buffer, starts.byteOffset, starts.byteLength)
    await file!.writev([index, batch.data], end)
    blocks.push({ position: end, bytes: index.length + batch.data.length, count: batch.count })
    end += index.length + batch.data.length
  }

  async function* batches(): AsyncGenerator<RowBatch, void> {
    yield* kept
    for (const { position, bytes, count } of blocks) {
      const block = Buffer.allocUnsafeSlow(bytes)
      await file!.read(block, 0, bytes, position)
      yield { data: block.subarray(4 * count), starts: new Int32Array(block.buffer, 0, count), count }
    }
  }

  const close = async () => file?.close()
  try {
    for await (const batch of source) {
      look(batch)
      rows += batch.count
      inMemory += batch.data.length
      if (inMemory <= IN_MEMORY) kept.push(batch)
      else {
        file ??= await nameless(await folder())
        await write(batch)
      }
    }
  } catch (error) {
    await close()
    throw error
  }
  return { rows, batches, close }
}

/** A file for reading and writing that ends with its handle. */
export async function nameless(folder: string): Promise<FileHandle> {
  const name = path.join(folder, `almagest-${randomUUID()}`)
  const file = await open(name, 'wx+', 0o600)
  await unlink(name)
  return file
}

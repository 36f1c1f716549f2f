/** What is read of a file to load: its columns, then its rows ready for COPY. Here, or in a thread (file-threads.ts). */
import type { Field } from '../votable/field.ts'
import type { TableSource } from '../votable/table-source.ts'
import { openFile } from './open.ts'
import { placer, type Tally } from './place.ts'
import type { Position } from './position.ts'
import { rowTexts } from './reject.ts'

export type FileHeader = Pick<
  TableSource,
  'fields' | 'guessed' | 'untyped' | 'rows' | 'systems' | 'description' | 'notices'
>

export interface FileTask {
  readonly file: string
  readonly select: string | undefined
  readonly fields: readonly Field[]
  /** Whether a column of the file is loaded. */
  readonly kept: readonly boolean[]
  readonly placing: Position | undefined
  /** Rows that are loaded already; they end with a batch. */
  readonly skip: number
}

export interface ReadyBatch {
  /** Rows of COPY BINARY, without what is before the first and after the last. */
  readonly data: Buffer
  /** Of this batch. */
  readonly tally: Tally
  readonly rejected: readonly Rejected[]
  /** What was seen of texts up to here. */
  readonly unicode: readonly number[]
  readonly long: readonly number[]
}

export interface Rejected {
  /** In the file, from 1. */
  readonly row: number
  readonly reason: string
  readonly texts: readonly string[]
}

export interface FileReader {
  header(file: string, select: string | undefined): Promise<FileHeader>
  rows(task: FileTask): AsyncIterable<ReadyBatch>
}

/** Reads in this thread. */
export const readHere: FileReader = {
  async header(file, select) {
    const source = await openFile(file, { select })
    await source.close()
    const { fields, guessed, untyped, rows, systems, description, notices } = source
    return { fields, guessed, ...(untyped && { untyped }), rows, systems, description, notices }
  },

  async *rows({ file, select, fields, kept, placing, skip }) {
    const source = await openFile(file, { select, fields })
    try {
      const place = placer({ fields, kept, position: placing })
      let row = 0
      for await (const batch of source.batches()) {
        const before = row
        row += batch.count
        if (before < skip) continue
        const { data, tally, bad } = place(batch)
        const { unicode, long } = source.text
        yield {
          data,
          tally,
          rejected: bad.map(([i, reason]) => ({
            row: before + i + 1,
            reason,
            texts: rowTexts(fields, batch.data, batch.starts[i]!),
          })),
          unicode: [...unicode],
          long: [...long],
        }
      }
    } finally {
      await source.close()
    }
  },
}

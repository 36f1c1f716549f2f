/** All rows of all files through COPY into the staging table, each file a step at a time. */
import { ServiceError } from '../error.ts'
import { COPY_SIGNATURE, COPY_TRAILER } from '../votable/tuple.ts'
import type { FileReader, ReadyBatch } from './file-rows.ts'
import { eachFile } from './file-threads.ts'
import type { Run } from './load.ts'
import { addTally, newTally } from './place.ts'
import { partOf, type RejectFile, rejectFile } from './reject.ts'
import { type Staging, saveState } from './staging.ts'
import { copyRows } from './statements.ts'

/** Rows of a file between two commits: what an interrupted load has to read again at most. */
const STEP_ROWS = 1_000_000

/** With several readers the rows of the files mix, which does no harm where they are sorted afterwards. */
export async function copyFiles(run: Run, staging: Staging, readers: readonly FileReader[]): Promise<void> {
  const { plan, tally, rejects, options, notices } = run
  const before = Object.values(staging.before ?? {})
  for (const file of before) {
    addTally(tally, file.tally)
    plan.saw({ unicode: new Set(file.unicode), long: new Set(file.long) })
  }
  if (before.length > 0) {
    notices.push(`An earlier run was broken off: this one went on after ${tally.read} rows.`)
  }
  if (readers.length === 1) rejects.continueAt(Math.max(0, ...before.map(file => file.rejectBytes)))
  await eachFile(options.files, readers, async (reader, _file, index, signal) => {
    if (staging.before?.[index]?.ended) return
    const own = readers.length === 1 ? rejects : rejectFile(partOf(rejects.path, index), plan.fields, true)
    try {
      if (own !== rejects) own.continueAt(staging.before?.[index]?.rejectBytes ?? 0)
      await copyFile(run, staging, reader, index, own, signal)
    } finally {
      if (own !== rejects) own.close()
    }
  })
  if (tally.taken === 0 && tally.rejected > 0) {
    throw new ServiceError('usage', `None of the ${tally.rejected} rows can be taken.`, {
      detail: `See ${rejects.path} for the reasons.`,
    })
  }
}

/** Puts together what was rejected of files that were read at a time. */
export function joinRejects({ rejects, options }: Run): void {
  for (const index of options.files.keys()) rejects.take(partOf(rejects.path, index))
}

async function copyFile(
  { db, target, plan, tally, report, options }: Run,
  staging: Staging,
  reader: FileReader,
  index: number,
  rejects: RejectFile,
  signal: AbortSignal,
): Promise<void> {
  const file = options.files[index]!
  const { fields, kept, placing } = plan
  const own = { ...(staging.before?.[index]?.tally ?? newTally()) }
  const task = { file, select: options.select, fields, kept, placing, skip: own.read }
  const batches = reader.rows(task)[Symbol.asyncIterator]()
  const total = plan.rows !== undefined && { total: plan.rows }
  let last: ReadyBatch | undefined
  let ended = false
  async function* step(): AsyncGenerator<Buffer> {
    yield COPY_SIGNATURE
    // Steps end with batches, and batches are the same each time.
    for (const begun = own.read; own.read - begun < STEP_ROWS; ) {
      const { value, done } = await batches.next()
      signal.throwIfAborted()
      if (done) {
        ended = true
        break
      }
      last = value
      for (const { row, reason, texts } of value.rejected) rejects.write(file, row, reason, texts)
      addTally(own, value.tally)
      addTally(tally, value.tally)
      yield value.data
      report({ phase: 'reading', done: tally.read, ...total })
    }
    yield COPY_TRAILER
  }
  try {
    while (!ended) {
      await db.transaction(async client => {
        await copyRows(client, staging.table, plan.sqlColumns, step())
        if (last) plan.saw({ unicode: new Set(last.unicode), long: new Set(last.long) })
        const { unicode, long } = plan.facts
        const seen = { unicode: [...unicode], long: [...long] }
        await saveState(client, target, index, { ended, tally: own, rejectBytes: rejects.size, ...seen })
      })
    }
  } finally {
    await batches.return?.()
  }
}

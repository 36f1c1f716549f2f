/** All rows of all files through COPY into the staging table, a step at a time. */
import { ServiceError } from '../error.ts'
import type { OpenTable } from '../formats/read/open.ts'
import type { TableBatch } from '../votable/tuple.ts'
import type { Run } from './load.ts'
import { openFile } from './open.ts'
import { copyData, type Placement } from './place.ts'
import { type LoadState, type Staging, saveState } from './staging.ts'
import { copyRows } from './statements.ts'

/** Rows between two commits: what an interrupted load has to read again at most. */
const STEP_ROWS = 1_000_000

export async function copyFiles(run: Run, staging: Staging): Promise<void> {
  const { plan, tally, rejects, options, notices } = run
  const { before } = staging
  if (before) {
    Object.assign(tally, before.tally)
    rejects.continueAt(before.rejectBytes)
    plan.saw({ unicode: new Set(before.unicode), long: new Set(before.long) })
    notices.push(`An earlier run was broken off: this one went on after ${before.tally.read} rows.`)
  }
  for (const [i, file] of options.files.entries()) {
    if (i < (before?.files ?? 0)) continue
    const source = await openFile(file, { select: options.select, fields: plan.fields })
    try {
      await copyFile(run, staging, source, i, before?.files === i ? before.rows : 0)
    } finally {
      await source.close()
    }
  }
  if (tally.taken === 0 && tally.rejected > 0) {
    throw new ServiceError('usage', `None of the ${tally.rejected} rows can be taken.`, {
      detail: `See ${rejects.path} for the reasons.`,
    })
  }
}

async function copyFile(
  { db, target, plan, tally, rejects, report, options }: Run,
  staging: Staging,
  source: OpenTable,
  index: number,
  skip: number,
): Promise<void> {
  const file = options.files[index]!
  const rowsBefore = tally.read - skip
  const placement: Placement = {
    fields: plan.fields,
    kept: plan.kept,
    position: plan.placing,
    tally,
    reject: (row, reason, data, start) => rejects.write(file, row - rowsBefore, reason, data, start),
  }
  const batches = source.batches()[Symbol.asyncIterator]()
  let left = skip
  let ended = false
  async function* step(): AsyncGenerator<TableBatch> {
    for (const begun = tally.read; tally.read - begun < STEP_ROWS; ) {
      const { value, done } = await batches.next()
      if (done) {
        ended = true
        return
      }
      // Steps end with batches, and batches are the same each time.
      if (left > 0) left -= value.count
      else {
        yield value
        report({ phase: 'reading', done: tally.read, ...(plan.rows !== undefined && { total: plan.rows }) })
      }
    }
  }
  while (!ended) {
    await db.transaction(async client => {
      await copyRows(client, staging.table, plan.sqlColumns, copyData(step(), placement))
      plan.saw(source.text)
      await saveState(client, target, stateOf())
    })
  }

  function stateOf(): LoadState {
    const { unicode, long } = plan.facts
    const files = ended ? index + 1 : index
    const rows = ended ? 0 : tally.read - rowsBefore
    return {
      files,
      rows,
      tally: { ...tally },
      rejectBytes: rejects.size,
      unicode: [...unicode],
      long: [...long],
    }
  }
}

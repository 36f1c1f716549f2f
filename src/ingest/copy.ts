/** All rows of all files through COPY. */
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { openTable } from '../formats/read/open.ts'
import type { TableBatch } from '../votable/tuple.ts'
import type { Run } from './load.ts'
import { copyData, type Placement } from './place.ts'
import { copyRows, type SqlTable } from './statements.ts'

export async function copyFiles(client: Client, run: Run, target: SqlTable): Promise<void> {
  const { plan, tally, rejects, report, options } = run
  let file = ''
  let rowsBefore = 0
  const placement: Placement = {
    fields: plan.fields,
    kept: plan.kept,
    position: plan.placing,
    tally,
    reject: (row, reason, data, start) => rejects.write(file, row - rowsBefore, reason, data, start),
  }
  async function* batches(): AsyncGenerator<TableBatch> {
    for (const path of options.files) {
      file = path
      rowsBefore = tally.read
      const source = await openTable(path, { select: options.select, fields: plan.fields })
      try {
        for await (const batch of source.batches()) {
          yield batch
          report({ phase: 'reading', done: tally.read, ...(plan.rows !== undefined && { total: plan.rows }) })
        }
        plan.saw(source.text)
      } finally {
        await source.close()
      }
    }
  }
  await copyRows(client, target, plan.sqlColumns, copyData(batches(), placement))
  if (tally.taken === 0 && tally.rejected > 0) {
    throw new ServiceError('usage', `None of the ${tally.rejected} rows can be taken.`, {
      detail: `See ${rejects.path} for the reasons.`,
    })
  }
}

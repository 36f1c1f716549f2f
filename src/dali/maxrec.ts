/** MAXREC (DALI 1.1 §3.4.4) on rows in batches. */
import type { Outcome, RowBatch } from '../votable/row.ts'

/** At most maxrec rows; one more from PostgreSQL means that there were more (DALI 1.1 §4.4.1). */
export async function* limited(
  batches: AsyncIterable<RowBatch>,
  maxrec: number,
  outcome: Outcome,
): AsyncGenerator<RowBatch> {
  for await (const batch of batches) {
    const count = Math.min(batch.count, maxrec - outcome.rows)
    outcome.rows += count
    if (count > 0) yield count === batch.count ? batch : { ...batch, count }
    if (count < batch.count) {
      outcome.overflow = true
      return
    }
  }
}

export async function* noRows(): AsyncGenerator<RowBatch> {}

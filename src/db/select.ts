/** Rows of a service's own statements, with their failures in words for the client. */
import { ServiceError } from '../error.ts'
import type { RowBatch } from '../votable/row.ts'
import type { Database, StreamQuery } from './database.ts'
import { StallError, StatementError } from './error.ts'

export interface Selection extends Omit<StreamQuery, 'prepare' | 'timeoutMs' | 'stallMs'> {
  /** statement_timeout. */
  readonly seconds: number
  /** How long the reader may take between two batches. */
  readonly stallSeconds: number
  /** What to ask in place of a query that takes too long. */
  readonly advice: string
}

/** Resolves when the first rows are there; a failure rejects before that, or ends the rows. */
export async function selectRows(
  db: Pick<Database, 'stream'>,
  { seconds, stallSeconds, advice, ...query }: Selection,
): Promise<AsyncIterable<RowBatch>> {
  const told = (error: unknown) => failure(error, seconds, advice)
  try {
    // Whoever sends the rows to a client watches it byte by byte; between two batches a row group may be sent.
    const rows = await db.stream({ ...query, timeoutMs: seconds * 1000, stallMs: 10_000 * stallSeconds })
    return toldOf(rows, told)
  } catch (error) {
    throw told(error)
  }
}

async function* toldOf(
  rows: AsyncIterable<RowBatch>,
  told: (error: unknown) => unknown,
): AsyncGenerator<RowBatch> {
  try {
    yield* rows
  } catch (error) {
    throw told(error)
  }
}

function failure(error: unknown, seconds: number, advice: string): unknown {
  if (error instanceof StallError)
    return new ServiceError('timeout', 'The request was ended because the client stopped reading its result.')
  if (!(error instanceof StatementError)) return error
  if (error.sqlState === '57014')
    return new ServiceError('timeout', `The query took longer than ${seconds} s.`, {
      detail: advice,
      cause: error,
    })
  if (error.sqlState === '42501')
    return new ServiceError('forbidden', 'You may not read this table.', { cause: error })
  if (/^(53|57P|08)/.test(error.sqlState))
    return new ServiceError('unavailable', 'The database is busy; try again in a moment.', {
      retryAfter: 10,
      cause: error,
    })
  return error
}

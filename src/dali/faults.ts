/** Words that errors begin with in SIA 2.0 §3.2 and DataLink 1.1 §3.4. */

import { type ErrorCode, ServiceError } from '../error.ts'
import type { RowBatch } from '../votable/row.ts'
import { serviceError } from './respond.ts'

const LABELS: Record<ErrorCode, string> = {
  usage: 'UsageFault',
  tooLarge: 'UsageFault',
  method: 'UsageFault',
  notFound: 'UsageFault',
  unauthenticated: 'UsageFault',
  forbidden: 'UsageFault',
  tooMany: 'TransientFault',
  timeout: 'UsageFault',
  unavailable: 'TransientFault',
  internal: 'FatalFault',
}

/** The error with its label before its message; NotFoundFault is DataLink's alone. */
export function labelled(error: ServiceError, labels: Partial<Record<ErrorCode, string>> = {}): ServiceError {
  const { code, message, detail, retryAfter } = error
  return new ServiceError(code, `${labels[code] ?? LABELS[code]}: ${message}`, {
    ...(detail !== undefined && { detail }),
    ...(retryAfter !== undefined && { retryAfter }),
    cause: error,
  })
}

/** Rows whose failure, which ends a document that has begun, has its label, too. */
export async function* labelledRows(rows: AsyncIterable<RowBatch>): AsyncGenerator<RowBatch> {
  try {
    yield* rows
  } catch (error) {
    throw labelled(serviceError(error))
  }
}

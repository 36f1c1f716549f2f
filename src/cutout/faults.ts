/** SODA 1.0 §5.2: errors are plain text that begins with a word of the standard. */
import { labelled } from '../dali/faults.ts'
import { serviceError } from '../dali/respond.ts'
import type { ErrorCode, ServiceError } from '../error.ts'

const LABELS: Record<ErrorCode, string> = {
  usage: 'UsageError',
  tooLarge: 'UsageError',
  method: 'UsageError',
  notFound: 'UsageError',
  timeout: 'Error',
  unauthenticated: 'AuthenticationError',
  forbidden: 'AuthorizationError',
  tooMany: 'ServiceUnavailable',
  unavailable: 'ServiceUnavailable',
  internal: 'Error',
}

/** A message may bring the word of its own. */
export function sodaError(error: unknown): ServiceError {
  const told = serviceError(error)
  return told.message.startsWith('MultiValuedParamNotSupported') ? told : labelled(told, LABELS)
}

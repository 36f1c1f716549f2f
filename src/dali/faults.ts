/** Words that errors begin with in SIA 2.0 §3.2 and DataLink 1.1 §3.4. */
import { type ErrorCode, ServiceError } from '../error.ts'

const LABELS: Record<ErrorCode, string> = {
  usage: 'UsageFault',
  tooLarge: 'UsageFault',
  method: 'UsageFault',
  notFound: 'UsageFault',
  unauthenticated: 'UsageFault',
  forbidden: 'UsageFault',
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

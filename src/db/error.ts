/** PostgreSQL's own error: SQLSTATE, message and, where it has one, the position in the statement. */
export class StatementError extends Error {
  /** SQLSTATE. */
  readonly sqlState: string
  /** Offset in the statement's text, from 0, in characters (code points). */
  readonly position: number | undefined
  readonly detail: string | undefined

  constructor(sqlState: string, message: string, position?: number, detail?: string) {
    super(message)
    this.name = 'StatementError'
    this.sqlState = sqlState
    this.position = position
    this.detail = detail
  }
}

/** The rows that PostgreSQL describes are not the ones that the query was compiled for. */
export class ShapeError extends Error {}

/** The reader of a stream took longer than it may between two batches. */
export class StallError extends Error {}

/** SQLSTATE of an error from either path to the database. No class of them begins with E, as EPIPE of a socket does. */
export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof StatementError) return error.sqlState
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^[0-9A-DF-Z][0-9A-Z]{4}$/.test(code) ? code : undefined
}

/**
 * The database as the rest of Almagest sees it. `pg` is imported in this folder only.
 *
 * Every connection has `search_path = pg_catalog, <schema of pgSphere>`: pgSphere's functions and operators need
 * no prefix, every table does, and nothing a user creates can shadow a function.
 */
import type { Field } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'

/** One connection for the time of a transaction. */
export interface Client {
  /**
   * A plan that is `kept` on the connection saves half of what a small statement costs (0.33 → 0.19 ms); for constant
   * statements on tables that only migrations change: others would meet "cached plan must not change result type".
   */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    plan?: 'kept',
  ): Promise<Row[]>
  /** `COPY … FROM STDIN`, fed with the given bytes; resolves to the number of rows. */
  copyFrom(text: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number>
}

export interface StreamQuery {
  readonly text: string
  /** Bound as text; PostgreSQL infers the types. */
  readonly values: readonly string[]
  /** The result's columns, checked against what PostgreSQL describes. */
  readonly fields: readonly Field[]
  /** Form of the values in the rows: PostgreSQL's binary, or its text output in each cell. */
  readonly wire: 'binary' | 'text'
  /** NOLOGIN role of the identity, set locally. */
  readonly role: string
  /** statement_timeout. */
  readonly timeoutMs: number
  /** Milliseconds that the reader may take between two batches before the query is ended. */
  readonly stallMs: number
  /** Aborting cancels the statement in PostgreSQL. */
  readonly signal: AbortSignal
  /** Runs in the transaction as the owner before it becomes READ ONLY (uploads). */
  readonly prepare?: (client: Client) => Promise<void>
}

export interface Database extends Client {
  transaction<T>(work: (client: Client) => Promise<T>): Promise<T>
  /** Resolves when PostgreSQL has its first rows, or the end; rejects before that when the statement fails. */
  stream(query: StreamQuery): Promise<AsyncIterable<RowBatch>>
  /** Calls back on NOTIFY; resolves to a function that stops listening. */
  listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

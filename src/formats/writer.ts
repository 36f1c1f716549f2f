import type { DocumentHead } from '../votable/document.ts'
import type { RowSource } from '../votable/row.ts'

/** A format of results: fields and rows in, bytes out. The consumer pulls; what it does not take is not made. */
export interface Writer {
  /** Form of the values in the rows that it takes: PostgreSQL's binary or its text output. */
  readonly wire: 'binary' | 'text'
  /**
   * Whether the body can say that rows are missing: then it ends well-formed with the outcome's overflow or error.
   * Otherwise an overflow is for the caller to say, and an error is thrown, so that the connection is cut.
   */
  readonly saysOverflow: boolean
  /** `folder` makes one for a format that needs the rows twice; the system's temporary folder by default. */
  readonly write: (
    source: RowSource,
    head: DocumentHead,
    folder?: () => Promise<string>,
  ) => AsyncIterable<Uint8Array>
}

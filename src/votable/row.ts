import type { Field } from './field.ts'

/**
 * Rows as they come off PostgreSQL's socket, undecoded. PostgreSQL's binary values, VOTable BINARY2 and FITS are
 * all big-endian, so writers copy bytes instead of decoding values.
 *
 * A row is the body of a DataRow message, which is also a tuple of COPY BINARY: int16 number of columns, then for
 * each column int32 length (−1 for NULL) and that many bytes. Values are of PostgreSQL type `wireType(field)`, all of
 * them in the form that the writer asks for by `Writer.wire`: binary, or PostgreSQL's text output with its default
 * `extra_float_digits` and `bytea_output`, which spares JavaScript the formatting of numbers.
 */
export interface RowBatch {
  readonly data: Buffer
  /** Offset in `data` of each row's body, ascending. */
  readonly starts: Int32Array
  /** Number of rows: the first `count` entries of `starts`. */
  readonly count: number
}

/**
 * How a streamed result ended, filled in by whoever feeds the rows and read by the writer after the last one:
 * only then is it known whether there was more (DALI 1.1 §4.4.1) or a failure in mid-stream (§4.4.2).
 */
export interface Outcome {
  rows: number
  overflow: boolean
  error: string | undefined
  /** Shards of a cluster that are asked, where there is one. */
  shards?: number
  /** What was thrown, for the log; a writer that ends its document with `error` does not throw it again. */
  cause?: unknown
}

/** A result on its way out: what the columns are, the rows, and the end that is not known yet. */
export interface RowSource {
  readonly fields: readonly Field[]
  readonly batches: AsyncIterable<RowBatch>
  readonly outcome: Outcome
}

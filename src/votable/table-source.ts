/** The shape that every reader of table files gives: what the columns are, then the rows in batches. */
import type { Field } from './field.ts'
import type { TableBatch } from './tuple.ts'

export interface TableSource {
  readonly fields: readonly Field[]
  /** Rows, where the file says so before they are read. */
  readonly rows: number | undefined
  readonly description: string | undefined
  /** Sentences for people: names changed, columns left out. Grows while the rows are read. */
  readonly notices: readonly string[]
  /** Indexes of `char` fields in which text outside ASCII was seen so far: they are of unicodeChar. */
  readonly unicode: ReadonlySet<number>
  /** Once only. */
  batches(): AsyncIterable<TableBatch>
}

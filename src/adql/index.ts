/** ADQL to PostgreSQL: text → parse → resolve → plan → sql. */
import type { Field } from '../votable/field.ts'
import type { Span } from './ast.ts'
import type { Tables } from './tables.ts'

export interface CompileOptions {
  /** The SQL limits itself to maxrec + 1 rows, so that the stream can tell an overflow. Undefined: no limit. */
  readonly maxrec: number | undefined
}

/** A piece of the SQL and the user's text that it came from. */
export interface Origin {
  /** Range in `Compiled.text`. */
  readonly sqlStart: number
  readonly sqlEnd: number
  /** Range in the ADQL. */
  readonly span: Span
}

export interface Compiled {
  /** One SELECT with $1 … placeholders. Output columns are of `wireType(fields[i])`. */
  readonly text: string
  readonly values: readonly string[]
  readonly fields: readonly Field[]
  /** For each field, the table column that it is, if it is one unchanged (through sub-queries and joins). */
  readonly sources: readonly (ColumnSource | undefined)[]
  readonly origins: readonly Origin[]
  /** Sentences for INFO elements: extensions used, repairs made. */
  readonly infos: readonly string[]
}

export interface ColumnSource {
  readonly schema: string
  readonly table: string
  readonly column: string
}

export declare function compile(text: string, tables: Tables, options: CompileOptions): Compiled

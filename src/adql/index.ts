/** ADQL to PostgreSQL: text → parse → resolve → plan → geometry → sql, a tree of its own after each step. */
import type { Field } from '../votable/field.ts'
import type { Span } from './ast.ts'
import { adqlError, type Complaint } from './error.ts'
import { lower } from './geometry.ts'
import { withLookups } from './lookups.ts'
import { paired } from './neighbours.ts'
import { withOuterJoins } from './outer-joins.ts'
import { parse } from './parser.ts'
import { plan } from './plan.ts'
import { resolve } from './resolve.ts'
import { type Asked, pruned } from './shards.ts'
import { print } from './sql.ts'
import type { Tables } from './tables.ts'
import type { Column } from './tree.ts'

export { statementError } from './failure.ts'

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
  /** What can fail here only when the query runs: an operator, a function's name, `CAST`, `sub-query`. */
  readonly construct?: string
  /** Rows of the table that it is. */
  readonly rows?: number
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
  /** Tables of a cluster with the cells in which rows of them can be; none on one machine. */
  readonly asked: readonly Asked[]
}

export interface ColumnSource {
  readonly schema: string
  readonly table: string
  readonly column: string
}

/** Translates a query; throws a ServiceError that shows everything that is wrong with it. */
export function compile(text: string, tables: Tables, options: CompileOptions): Compiled {
  const { query, notes } = parse(text)
  const resolution = resolve(query, tables)
  refuse(text, resolution.complaints)
  const planned = paired(plan(resolution, options.maxrec))
  const { plan: narrowed, asked } = tables.sharded
    ? pruned(withOuterJoins(withLookups(planned)))
    : { plan: planned, asked: [] }
  const lowered = lower(narrowed)
  refuse(text, lowered.complaints)
  const { text: sql, values, origins } = print(lowered.query)
  return {
    text: sql,
    values,
    fields: resolution.columns.map(c => c.field),
    sources: resolution.columns.map(sourceOf),
    origins,
    infos: [...new Set([...notes, ...resolution.notes].map(n => n.message))],
    asked,
  }
}

function refuse(text: string, complaints: readonly Complaint[]): void {
  if (complaints.length === 0) return
  throw adqlError(
    text,
    [...complaints].sort((a, b) => a.start - b.start),
  )
}

function sourceOf({ source }: Column): ColumnSource | undefined {
  if (!source) return undefined
  const column = source.table.columns.find(c => c.sqlName === source.sqlName)
  return {
    schema: source.table.schema,
    table: source.table.name,
    column: column?.field.name ?? source.sqlName,
  }
}

/** Names for the SQL and for columns that the query leaves without one. */
import type { Resolved } from './tree.ts'

/** Keywords of PostgreSQL that are no range variables without quotes (pg_get_keywords, R and T). */
const KEYWORDS = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization binary both case cast check ' +
    'collate collation column concurrently constraint create cross current_catalog current_date ' +
    'current_role current_schema current_time current_timestamp current_user default deferrable desc ' +
    'distinct do else end except false fetch for foreign freeze from full grant group having ilike ' +
    'in initially inner intersect into is isnull join lateral leading left like limit localtime ' +
    'localtimestamp natural not notnull null offset on only or order outer overlaps placing primary ' +
    'references returning right select session_user similar some symmetric table tablesample then to ' +
    'trailing true union unique user using variadic verbose when where window with'
  ).split(' '),
)

const PLAIN = /^[a-z][a-z0-9_]{0,40}$/

/** Names in use, each with the number that was last put behind it. */
export type UsedNames = Map<string, number>

/**
 * A name for the SQL after one in the query: the same in lower case where that is a plain word, else `fallback`;
 * so no other text of the query's gets there. `used` keeps names apart.
 */
export function sqlName(name: string, fallback: string, used: UsedNames): string {
  const lower = name.toLowerCase()
  const stem = PLAIN.test(lower) ? (KEYWORDS.has(lower) ? `${lower}_` : lower) : fallback
  let n = used.get(stem) ?? 0
  let made = stem
  while (used.has(made)) made = `${stem}_${++n + 1}`
  used.set(stem, n)
  used.set(made, used.get(made) ?? 0)
  return made
}

/** The name of an output column without AS: the column's, else the function's (TAP 1.1 §3.2). */
export function nameOf(expression: Resolved): string {
  switch (expression.kind) {
    case 'column':
      return expression.column.name
    case 'call':
      return expression.form.name.toLowerCase()
    case 'cast':
    case 'unit':
      return expression.operand.kind === 'column' ? expression.operand.column.name : 'expression'
    case 'window':
      return nameOf(expression.call)
    default:
      return 'expression'
  }
}

/** ORDER BY: positions in the select list, aliases, expressions (ADQL 2.1 §2.2). */
import type * as Ast from './ast.ts'
import { fingerprint } from './grouping.ts'
import { resolveExpression } from './resolve-expression.ts'
import { complain, type Place, type State } from './state.ts'
import { matches } from './tables.ts'
import type { Item, Resolved, ResolvedStage, Sort } from './tree.ts'
import { isGeometry } from './types.ts'

/** A bare unsigned integer is a position, from 1. */
export function ordinalOf(key: Ast.Expression): number | undefined {
  return key.kind === 'number' && key.integer ? Number(key.text) : undefined
}

export function outOfRange(key: Ast.Expression, ordinal: number, count: number, state: State): boolean {
  if (ordinal >= 1 && ordinal <= count) return false
  const columns = count === 1 ? '1 column' : `${count} columns`
  complain(state, key, `there is no column ${ordinal} to order by: the query selects ${columns}`)
  return true
}

/** An alias comes before a column of the tables, a column before an alias inside an expression, as in SQL. */
export function resolveSort(
  sort: Ast.SortSpecification,
  items: readonly Item<ResolvedStage>[],
  distinct: boolean,
  place: Place,
): Sort<ResolvedStage> {
  const { key, direction, nulls, start, end } = sort
  const sorted = (made: number | Resolved): Sort<ResolvedStage> => ({
    key: made,
    direction,
    nulls,
    start,
    end,
  })
  const ordinal = ordinalOf(key)
  if (ordinal !== undefined) return sorted(outOfRange(key, ordinal, items.length, place.state) ? 1 : ordinal)
  if (key.kind === 'column' && key.name.length === 1) {
    const same = items.flatMap((item, i) => (matches(key.name[0]!, item.column.name) ? [i] : []))
    if (
      same.length > 0 &&
      same.every(i => fingerprint(items[i]!.expression) === fingerprint(items[same[0]!]!.expression))
    ) {
      return sorted(same[0]! + 1)
    }
  }
  const expression = resolveExpression(key, place)
  if (isGeometry(expression.type))
    complain(place.state, key, `rows cannot be ordered by a ${expression.type}`)
  if (distinct && expression.type !== 'unknown') {
    const print = fingerprint(expression)
    const at = items.findIndex(i => fingerprint(i.expression) === print)
    if (at >= 0) return sorted(at + 1)
    complain(
      place.state,
      key,
      'with DISTINCT, rows are ordered by columns of the select list only',
      'Select this, too.',
    )
  }
  return sorted(expression)
}

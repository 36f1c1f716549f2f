/** What may stand beside aggregates: columns of GROUP BY, and nothing else that varies within a group. */

import type { Scope } from './scope.ts'
import { complain, type State } from './state.ts'
import type { Resolved, ResolvedStage, SelectBody } from './tree.ts'
import { children } from './walk.ts'

/** A text that is the same for expressions that mean the same. */
export function fingerprint(e: Resolved): string {
  switch (e.kind) {
    case 'number':
      return e.text
    case 'string':
      return `'${e.value}'`
    case 'column':
      return `${e.relation.alias}.${e.column.sqlName}`
    case 'subquery':
    case 'exists':
      return `${e.kind}@${e.start}`
    default: {
      const inner = children(e).map(fingerprint).join(',')
      return `${e.kind}:${detail(e)}(${inner})`
    }
  }
}

function detail(e: Resolved): string {
  switch (e.kind) {
    case 'unary':
    case 'binary':
    case 'comparison':
      return e.operator
    case 'call':
      return `${e.form.signature}${e.quantifier ?? ''}${e.frame ?? ''}`
    case 'cast':
      return `${e.type}${e.length ?? ''}${e.padded}`
    case 'unit':
      return String(e.factor)
    case 'boolean':
      return String(e.value)
    case 'between':
    case 'like':
    case 'in':
    case 'is':
      return `${e.negated}${e.kind === 'is' ? e.what : ''}${e.kind === 'in' && e.query ? e.start : ''}`
    default:
      return ''
  }
}

const isAggregate = (e: Resolved): boolean => e.kind === 'call' && e.form.kind === 'aggregate'

export function hasAggregate(e: Resolved): boolean {
  return isAggregate(e) || inner(e).some(hasAggregate)
}

/** The operands; of a window function those of its call, which itself makes no group. */
const inner = (e: Resolved): readonly Resolved[] => {
  if (e.kind !== 'window') return children(e)
  const [call, ...rest] = children(e)
  return [...(call ? children(call) : []), ...rest]
}

export const hasWindow = (e: Resolved): boolean => e.kind === 'window' || children(e).some(hasWindow)

/** Complains about each column that is neither grouped nor aggregated. */
export function checkGrouping(body: SelectBody<ResolvedStage>, scope: Scope, state: State): void {
  const sorts = body.orderBy.flatMap(s => (typeof s.key === 'number' ? [] : [s.key]))
  const checked = [...body.items.map(i => i.expression), ...(body.having ? [body.having] : []), ...sorts]
  if (body.groupBy.length === 0 && !checked.some(hasAggregate) && !body.having) return
  const grouped = new Set(body.groupBy.map(fingerprint))
  const own = new Set(scope.joined.flatMap(j => j.relations))
  const seen = new Set<string>()

  const visit = (e: Resolved, whole = e): void => {
    if (isAggregate(e) || grouped.has(fingerprint(e))) return
    if (e.kind === 'column' && own.has(e.relation) && e.type !== 'unknown') {
      const key = `${fingerprint(e)}@${e.start}`
      if (seen.has(key)) return
      seen.add(key)
      const name = e.column.name
      complain(
        state,
        e,
        body.groupBy.length > 0
          ? `the column ${name} is not in GROUP BY`
          : `the column ${name} stands beside an aggregate without GROUP BY`,
        `${body.groupBy.some(g => g.kind === 'number') ? 'GROUP BY takes columns, not their numbers. ' : ''}${whole === e ? `Add GROUP BY ${name}` : 'Select the very value that is grouped by'}, or say which value is meant, as in MIN(${name}).`,
      )
      return
    }
    for (const child of inner(e)) visit(child, whole)
  }
  for (const e of checked) visit(e)
}

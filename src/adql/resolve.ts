/** Queries: FROM makes the scope, the select list the output columns; what is wrong is collected, not thrown. */
import type * as Ast from './ast.ts'
import type { Complaint } from './error.ts'
import { resolveFrom } from './from.ts'
import { checkGrouping } from './grouping.ts'
import { sqlName } from './names.ts'
import type { Note } from './notes.ts'
import { resolveCondition, resolveExpression } from './resolve-expression.ts'
import { resolveSet } from './resolve-set.ts'
import type { Scope } from './scope.ts'
import { resolveItems } from './select-list.ts'
import { resolveSort } from './sort.ts'
import { type Clause, complain, type Place, type State } from './state.ts'
import type { Tables } from './tables.ts'
import type { Body, Column, Item, Query, ResolvedStage, SelectBody } from './tree.ts'
import { isGeometry } from './types.ts'

export interface Resolution {
  readonly query: Query<ResolvedStage>
  readonly columns: readonly Column[]
  readonly complaints: readonly Complaint[]
  readonly notes: readonly Note[]
}

/** Resolves every name of a query against the tables that its asker may see. */
export function resolve(query: Ast.Query, tables: Tables): Resolution {
  const state: State = { tables, complaints: [], notes: [], aliases: new Map(), with: new Map() }
  const made: { sqlName: string; body: Body<ResolvedStage> }[] = []
  for (const w of query.with) {
    const { body, columns } = resolveBody(w.query, undefined, state)
    const key = w.name.text.toLowerCase()
    if (state.with.has(key)) complain(state, w.name, `there are two WITH queries named ${w.name.text}`)
    const name = sqlName(w.name.text, 'q', state.aliases)
    state.with.set(key, { name: w.name.text, sqlName: name, columns })
    made.push({ sqlName: name, body })
  }
  const { body, columns } = resolveBody(query.body, undefined, state)
  return { query: { with: made, body }, columns, complaints: state.complaints, notes: state.notes }
}

export interface ResolvedBody {
  readonly body: Body<ResolvedStage>
  readonly columns: readonly Column[]
}

/** A SELECT or set operation; `parent` is the scope around a correlated sub-query. */
export function resolveBody(
  query: Ast.QueryExpression,
  parent: Scope | undefined,
  state: State,
): ResolvedBody {
  return query.kind === 'select' ? resolveSelect(query, parent, state) : resolveSet(query, parent, state)
}

function resolveSelect(select: Ast.Select, parent: Scope | undefined, state: State): ResolvedBody {
  const joined = select.from.map(f => resolveFrom(f, parent, state))
  checkRelationNames(
    joined.flatMap(j => j.relations),
    select,
    state,
  )
  const scope: Scope = { joined, parent }
  const place = (clause: Clause, seen: readonly Item<ResolvedStage>[] = []): Place => {
    const usable = clause !== 'WHERE'
    return { state, scope, clause, items: usable ? seen : [], hidden: usable ? [] : seen, inside: undefined }
  }

  const items = resolveItems(select.items, place('SELECT'))
  const where = select.where && resolveCondition(select.where, place('WHERE', items))
  const groupBy = select.groupBy.map(g => resolveExpression(g, place('GROUP BY', items)))
  const having = select.having && resolveCondition(select.having, place('HAVING', items))
  const distinct = select.quantifier === 'DISTINCT'
  const orderBy = select.orderBy.map(s => resolveSort(s, items, distinct, place('ORDER BY', items)))
  const limits = [select.top, select.limit].filter(n => n !== undefined)
  const body: SelectBody<ResolvedStage> = {
    kind: 'select',
    distinct,
    items,
    from: joined.map(j => j.from),
    where,
    groupBy,
    having,
    orderBy,
    limit: limits.length > 0 ? Math.min(...limits) : undefined,
    offset: select.offset,
    start: select.start,
    end: select.end,
  }
  for (const g of groupBy) {
    if (isGeometry(g.type))
      complain(
        state,
        g,
        `rows cannot be grouped by a ${g.type}`,
        'Group by its coordinates, COORD1 and COORD2.',
      )
  }
  checkGrouping(body, scope, state)
  return { body, columns: items.map(i => i.column) }
}

function checkRelationNames(
  relations: readonly { name: string; schema: string | undefined }[],
  at: Ast.Select,
  state: State,
): void {
  const seen = new Set<string>()
  for (const { name, schema } of relations) {
    const key = `${schema?.toLowerCase() ?? ''}.${name.toLowerCase()}`
    if (seen.has(key)) {
      const first = at.from[0]!
      const span = { start: first.start, end: at.from.at(-1)!.end }
      complain(
        state,
        span,
        `two tables in FROM are called ${name}`,
        'Give each an alias of its own, as in FROM t AS a, t AS b.',
      )
    }
    seen.add(key)
  }
}

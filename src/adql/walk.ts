/** Walking trees: an expression's operands, and queries taken to the next stage. */
import type { Body, ColumnReference, Core, From, Resolved, Sort, Stage } from './tree.ts'

const one = (e: Resolved | undefined): Resolved[] => (e ? [e] : [])

/** The operands of an expression, without those in sub-queries. */
export function children(e: Resolved): readonly Resolved[] {
  switch (e.kind) {
    case 'unary':
    case 'cast':
    case 'unit':
    case 'not':
    case 'is':
      return [e.operand]
    case 'binary':
    case 'and':
    case 'or':
    case 'comparison':
      return [e.left, e.right]
    case 'call':
      return e.args
    case 'between':
      return [e.operand, e.low, e.high]
    case 'like':
      return [e.operand, e.pattern]
    case 'in':
      return [e.operand, ...(e.values ?? [])]
    case 'case':
      return [...one(e.operand), ...e.whens.flatMap(w => [w.when, w.result]), ...one(e.otherwise)]
    case 'window':
      return [e.call, ...e.partitionBy, ...e.orderBy.flatMap(s => (typeof s.key === 'number' ? [] : [s.key]))]
    default:
      return []
  }
}

/** The columns of an expression, without those in sub-queries. */
export const columnsIn = (e: Resolved): ColumnReference[] =>
  e.kind === 'column' ? [e] : children(e).flatMap(columnsIn)

/** The same query with its expressions taken to the next stage. `filter` holds in WHERE, ON and HAVING. */
export function mapBody<S extends Stage, T extends Stage>(body: Body<S>, next: Next<S, T>): Body<T> {
  const orderBy = body.orderBy.map(s => mapSort(s, next))
  if (body.kind === 'set')
    return { ...body, left: mapBody(body.left, next), right: mapBody(body.right, next), orderBy }
  return {
    ...body,
    items: body.items.map(i => ({ column: i.column, expression: next(i.expression, false) })),
    from: body.from.map(f => mapFrom(f, next)),
    where: body.where === undefined ? undefined : next(body.where, true),
    groupBy: body.groupBy.map(g => next(g, false)),
    having: body.having === undefined ? undefined : next(body.having, true),
    orderBy,
  }
}

/** Takes an expression to the next stage; `filter`: it is a condition for which NULL is as good as false. */
export type Next<S extends Stage, T extends Stage> = (e: S['expression'], filter: boolean) => T['expression']

function mapSort<S extends Stage, T extends Stage>(sort: Sort<S>, next: Next<S, T>): Sort<T> {
  return { ...sort, key: typeof sort.key === 'number' ? sort.key : next(sort.key, false) }
}

function mapFrom<S extends Stage, T extends Stage>(from: From<S>, next: Next<S, T>): From<T> {
  if (from.kind === 'subquery') return { ...from, body: mapBody(from.body, next) }
  if (from.kind !== 'join') return from
  return {
    ...from,
    left: mapFrom(from.left, next),
    right: mapFrom(from.right, next),
    on: from.on === undefined ? undefined : next(from.on, true),
  }
}

/** An expression with its operands taken to the next stage. */
export function mapOperands<S extends Stage, T extends Stage>(e: Core<S>, next: Next<S, T>): Core<T> {
  switch (e.kind) {
    case 'unary':
    case 'cast':
    case 'unit':
    case 'not':
    case 'is':
      return { ...e, operand: next(e.operand, false) }
    case 'binary':
    case 'and':
    case 'or':
    case 'comparison':
      return { ...e, left: next(e.left, false), right: next(e.right, false) }
    case 'between':
      return { ...e, operand: next(e.operand, false), low: next(e.low, false), high: next(e.high, false) }
    case 'like':
      return { ...e, operand: next(e.operand, false), pattern: next(e.pattern, false) }
    case 'in':
      return {
        ...e,
        operand: next(e.operand, false),
        values: e.values?.map(v => next(v, false)),
        query: e.query && mapBody(e.query, next),
      }
    case 'case': {
      const whens = e.whens.map(w => ({ when: next(w.when, false), result: next(w.result, false) }))
      return {
        ...e,
        operand: e.operand && next(e.operand, false),
        whens,
        otherwise: e.otherwise && next(e.otherwise, false),
      }
    }
    case 'window':
      return {
        ...e,
        call: next(e.call, false),
        partitionBy: e.partitionBy.map(p => next(p, false)),
        orderBy: e.orderBy.map(s => mapSort(s, next)),
      }
    case 'subquery':
    case 'exists':
      return { ...e, query: mapBody(e.query, next) }
    default:
      return e
  }
}

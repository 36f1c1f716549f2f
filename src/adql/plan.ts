/**
 * What the database is to do: 1/0 functions in conditions become truth values, distances below a limit become
 * cones around whichever position has an index, the result takes its wire types and its limit.
 *
 * Rules for sharded tables (lists of `hpx_shard`, neighbour tables) belong here, too.
 */
import type { Span } from './ast.ts'
import { ofParts } from './compound.ts'
import { call, distanceBetween, distanceComparison, spatial, TURNED, touchingCircles } from './cones.ts'
import { formsOf } from './functions.ts'
import type { Resolution } from './resolve.ts'
import type { Body, Call, Comparison, Core, Item, Query, Resolved, ResolvedStage } from './tree.ts'
import { isGeometry, type Type } from './types.ts'
import { mapBody, mapOperands } from './walk.ts'

export interface PlannedStage {
  readonly expression: Planned
}
export type Planned = Core<PlannedStage> | Call<PlannedStage> | Test | Wire

/** A predicate function as truth value. */
export interface Test {
  readonly kind: 'test'
  readonly call: Call<PlannedStage>
  /** NULL is as good as false: the test stands in a condition, not below NOT. */
  readonly filter: boolean
  readonly type: 'boolean'
  readonly start: number
  readonly end: number
}

/** A value of the result in the form in which it travels. */
export interface Wire {
  readonly kind: 'wire'
  readonly operand: Planned
  readonly type: Type
  readonly start: number
  readonly end: number
}

export type Plan = Query<PlannedStage>

/** Plans a resolved query; the result is limited to maxrec + 1 rows. */
export function plan(resolution: Resolution, maxrec: number | undefined): Plan {
  const { query } = resolution
  const body = onWire(mapBody<ResolvedStage, PlannedStage>(query.body, planned))
  return {
    with: query.with.map(w => ({
      sqlName: w.sqlName,
      body: mapBody<ResolvedStage, PlannedStage>(w.body, planned),
    })),
    body: maxrec === undefined ? body : { ...body, limit: Math.min(body.limit ?? Infinity, maxrec + 1) },
  }
}

/** Inside the select lists, so that DISTINCT and UNION work on values that PostgreSQL can compare. */
function onWire(body: Body<PlannedStage>): Body<PlannedStage> {
  if (body.kind === 'set') return { ...body, left: onWire(body.left), right: onWire(body.right) }
  const items = body.items.map((item): Item<PlannedStage> => {
    const { type, start, end } = item.expression
    const travels = isGeometry(type) || type === 'timestamp' || type === 'moc' || type === 'null'
    return travels
      ? { ...item, expression: { kind: 'wire', operand: item.expression, type, start, end } }
      : item
  })
  return { ...body, items }
}

/** An expression as the database is to do it. */
export function planned(e: Resolved, filter: boolean): Planned {
  switch (e.kind) {
    case 'call':
      return e.form.predicate ? (filter ? test(e, filter) : flag(test(e, false))) : call(e)
    case 'and':
    case 'or':
      return { ...e, left: condition(e.left, filter), right: condition(e.right, filter) }
    case 'not':
      return { ...e, operand: condition(e.operand, false) }
    case 'comparison':
      return predicateComparison(e, filter) ?? distanceComparison(e, filter) ?? operandsOf(e)
    case 'between':
      return distanceBetween(e, filter) ?? operandsOf(e)
    case 'case': {
      const whens = e.whens.map(w => ({
        when: e.operand ? planned(w.when, false) : condition(w.when, true),
        result: planned(w.result, false),
      }))
      const otherwise = e.otherwise && planned(e.otherwise, false)
      return { ...e, operand: e.operand && planned(e.operand, false), whens, otherwise }
    }
    case 'is':
      return { ...e, operand: e.what === 'NULL' ? planned(e.operand, false) : condition(e.operand, false) }
    default:
      return operandsOf(e)
  }
}

export const operandsOf = (e: Core<ResolvedStage>): Planned =>
  mapOperands<ResolvedStage, PlannedStage>(e, planned)

/** An operand of AND, OR, NOT: a predicate function there is a truth value, not a number. */
function condition(e: Resolved, filter: boolean): Planned {
  return e.kind === 'call' && e.form.predicate ? test(e, filter) : planned(e, filter)
}

/** A predicate function's value is 1 or 0. */
function flag(operand: Planned): Planned {
  const { start, end } = operand
  return { kind: 'cast', operand, from: 'boolean', type: 'int', length: undefined, padded: false, start, end }
}

/** `1 = CONTAINS(…)`, `CONTAINS(…) = 0`, `!= 1`, `> 0` … (ADQL 2.1 §4.2.12). NULL stays NULL. */
function predicateComparison(e: Resolved & { kind: 'comparison' }, filter: boolean): Planned | undefined {
  const turned = e.right.kind === 'call' && e.right.form.predicate
  const [subject, object] = turned ? [e.right, e.left] : [e.left, e.right]
  if (subject.kind !== 'call' || !subject.form.predicate || object.kind !== 'number') return undefined
  const truth = truthOf(turned ? TURNED[e.operator] : e.operator, Number(object.text))
  if (truth === undefined) return undefined
  const { start, end } = e
  return truth
    ? test(subject, filter, e)
    : { kind: 'not', operand: test(subject, false, subject), type: 'boolean', start, end }
}

/** Which of 1 and 0 satisfies a comparison, when it is one of them. */
function truthOf(operator: Comparison, value: number): boolean | undefined {
  const holds = (x: number): boolean => {
    switch (operator) {
      case '=':
        return x === value
      case '<>':
        return x !== value
      case '<':
        return x < value
      case '<=':
        return x <= value
      case '>':
        return x > value
      case '>=':
        return x >= value
    }
  }
  return holds(1) === holds(0) ? undefined : holds(1)
}

function test(e: Resolved & { kind: 'call' }, filter: boolean, span: Span = e): Planned {
  const made = call(e)
  const { start, end } = span
  const [a, b] = made.args
  const { name } = made.form
  const whole: Test = { kind: 'test', call: made, filter, type: 'boolean', start, end }
  if (!a || !b || (name !== 'CONTAINS' && name !== 'INTERSECTS')) return whole
  return ofParts(name, a, b, filter, (n, inner, outer, inFilter) => {
    const form = n === name ? made.form : formsOf(n)[0]!
    const at = { start, end }
    return (
      positionTest(n, inner, outer, inFilter, at) ?? {
        ...whole,
        call: { ...made, form, args: [inner, outer] },
        filter: inFilter,
      }
    )
  })
}

/** A predicate that asks whether a position is in a shape, or comes to that. */
function positionTest(
  name: 'CONTAINS' | 'INTERSECTS',
  a: Planned,
  b: Planned,
  filter: boolean,
  at: Span,
): Planned | undefined {
  const touching = name === 'INTERSECTS' && touchingCircles(a, b, filter, at)
  if (touching) return touching
  if (name === 'INTERSECTS' && b.type === 'point') return spatial(b, a, filter, at)
  return a.type === 'point' ? spatial(a, b, filter, at) : undefined
}

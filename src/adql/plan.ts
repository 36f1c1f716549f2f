/**
 * What the database is to do: 1/0 functions in conditions become truth values, distances below a limit become
 * cones around whichever position has an index, the result takes its wire types and its limit.
 *
 * Rules for sharded tables (lists of `hpx_shard`, neighbour tables) belong here, too.
 */
import type { Span } from './ast.ts'
import { type Form, formsOf } from './functions.ts'
import type { Resolution } from './resolve.ts'
import type { Body, Call, Comparison, Core, Item, Query, Relation, Resolved, ResolvedStage } from './tree.ts'
import { isGeometry, type Type } from './types.ts'
import { children, mapBody, mapOperands } from './walk.ts'

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

function planned(e: Resolved, filter: boolean): Planned {
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

const operandsOf = (e: Core<ResolvedStage>): Planned => mapOperands<ResolvedStage, PlannedStage>(e, planned)

/** An operand of AND, OR, NOT: a predicate function there is a truth value, not a number. */
function condition(e: Resolved, filter: boolean): Planned {
  return e.kind === 'call' && e.form.predicate ? test(e, filter) : planned(e, filter)
}

/** A predicate function's value is 1 or 0. */
function flag(operand: Planned): Planned {
  const { start, end } = operand
  return { kind: 'cast', operand, from: 'boolean', type: 'int', length: undefined, padded: false, start, end }
}

const TURNED: Record<Comparison, Comparison> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
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
  const name = made.form.name
  if (a && b && (name === 'CONTAINS' || name === 'INTERSECTS')) {
    const touching = name === 'INTERSECTS' && touchingCircles(a, b, filter, { start, end })
    if (touching) return touching
    if (name === 'INTERSECTS' && b.type === 'point') return spatial(b, a, filter, { start, end })
    if (a.type === 'point') return spatial(a, b, filter, { start, end })
  }
  return { kind: 'test', call: made, filter, type: 'boolean', start, end }
}

// ---------------------------------------------------------------- positions

const [POINT] = formsOf('POINT')
const CIRCLE = formsOf('CIRCLE').find(f => f.parameters.length === 2)!
const CONTAINS = formsOf('CONTAINS')[0]!

const callOf = (form: Form, args: readonly Planned[], type: Type, at: Span): Call<PlannedStage> => ({
  kind: 'call',
  form,
  args,
  quantifier: undefined,
  frame: undefined,
  type,
  start: at.start,
  end: at.end,
})

/** A call in its normal form: coordinates in pairs are points, a coordinate system hangs on points only. */
function call(e: Resolved & { kind: 'call' }): Call<PlannedStage> {
  const args = e.args.map(a => planned(a, false))
  const made: Call<PlannedStage> = { ...e, args }
  const { name } = e.form
  if (
    !PAIRED.has(name) ||
    args[0]?.type === 'point' ||
    args[0]?.type === 'circle' ||
    args[0]?.type === 'polygon'
  )
    return made
  const pairs = name === 'POLYGON' ? args.length / 2 : name === 'DISTANCE' ? 2 : 1
  const points = Array.from({ length: pairs }, (_, i): Planned => {
    const [lon, lat] = [args[2 * i]!, args[2 * i + 1]!]
    return { ...callOf(POINT!, [lon, lat], 'point', { start: lon.start, end: lat.end }), frame: e.frame }
  })
  const form = formsOf(name).find(f => f.parameters[0]?.type === 'POINT') ?? e.form
  return { ...made, form, args: [...points, ...args.slice(2 * pairs)], frame: undefined }
}

const PAIRED = new Set(['CIRCLE', 'BOX', 'POLYGON', 'DISTANCE'])

/**
 * A position within a shape. Within a circle, the position and the centre may change places: the shape that is
 * known stands on the right, so that the index on the left is used. When both sides have one, both ways are said and
 * PostgreSQL takes the cheaper.
 */
function spatial(position: Planned, shape: Planned, filter: boolean, at: Span): Planned {
  const within = (p: Planned, s: Planned): Planned => ({
    kind: 'test',
    call: callOf(CONTAINS, [p, s], 'int', at),
    filter,
    type: 'boolean',
    ...at,
  })
  const forward = within(position, shape)
  if (shape.kind !== 'call' || shape.form !== CIRCLE || !filter) return forward
  const [center, radius] = shape.args
  if (!center || !radius) return forward
  const other = indexedRelation(center)
  if (!other || dependsOn(radius, other) || dependsOn(position, other)) return forward
  const backward = within(center, callOf(CIRCLE, [position, radius], 'circle', shape))
  const own = indexedRelation(position)
  if (!own || dependsOn(radius, own)) return backward
  return { kind: 'and', left: forward, right: backward, type: 'boolean', ...at }
}

/** Two circles around table positions touch when the positions are no farther apart than both radii together. */
function touchingCircles(a: Planned, b: Planned, filter: boolean, at: Span): Planned | undefined {
  if (a.kind !== 'call' || b.kind !== 'call' || a.form !== CIRCLE || b.form !== CIRCLE) return undefined
  const [from, r] = a.args
  const [to, s] = b.args
  if (!from || !to || r?.kind !== 'number' || s?.kind !== 'number') return undefined
  if (!indexedRelation(from) && !indexedRelation(to)) return undefined
  const text = String(Number(r.text) + Number(s.text))
  const sum: Planned = { kind: 'number', text, type: 'double', start: s.start, end: s.end }
  return spatial(from, callOf(CIRCLE, [to, sum], 'circle', b), filter, at)
}

/** The relation on whose index a position is. */
export function indexedRelation(e: Planned): Relation | undefined {
  if (e.kind === 'column') return e.column.stored === 'spoint' ? e.relation : undefined
  return isPositionPair(e) && e.kind === 'call' && e.args[0]?.kind === 'column'
    ? e.args[0].relation
    : undefined
}

/** POINT of exactly the two columns that a table is indexed by. */
export function isPositionPair(e: Planned): boolean {
  if (e.kind !== 'call' || e.form !== POINT || e.frame) return false
  const [lon, lat] = e.args
  if (lon?.kind !== 'column' || lat?.kind !== 'column' || lon.relation !== lat.relation) return false
  const [a, b] = [lon.column.source, lat.column.source]
  const pair = a?.table.position
  return pair !== undefined && a?.table === b?.table && a?.sqlName === pair.ra && b?.sqlName === pair.dec
}

function dependsOn(e: Planned, relation: Relation): boolean {
  if (e.kind === 'column') return e.relation === relation
  if (e.kind === 'subquery' || e.kind === 'exists') return true
  return operands(e).some(o => dependsOn(o, relation))
}

function operands(e: Planned): readonly Planned[] {
  if (e.kind === 'test') return e.call.args
  if (e.kind === 'wire') return [e.operand]
  // The stages share their shapes.
  return children(e as unknown as Resolved) as unknown as readonly Planned[]
}

/** `DISTANCE(a, b) < r` as a cone: the preferred form of a cross-match (ADQL 2.1 §4.2.7). */
function distanceComparison(e: Resolved & { kind: 'comparison' }, filter: boolean): Planned | undefined {
  if (!filter) return undefined
  for (const [subject, limit, operator] of [
    [e.left, e.right, e.operator],
    [e.right, e.left, TURNED[e.operator]],
  ] as const) {
    if (operator !== '<' && operator !== '<=') continue
    const found = scaledDistance(subject)
    if (!found) continue
    if (limit.kind === 'number' && Number(limit.text) <= 0) return undefined
    const made = call(found.distance)
    const [a, b] = made.args
    if (!a || !b) return undefined
    const radius = found.factor === 1 ? planned(limit, false) : divided(planned(limit, false), found.factor)
    const [position, center] = indexedRelation(a) || !indexedRelation(b) ? [a, b] : [b, a]
    return spatial(position, callOf(CIRCLE, [center, radius], 'circle', e), filter, {
      start: e.start,
      end: e.end,
    })
  }
  return undefined
}

/** `DISTANCE(a, b) BETWEEN low AND high`: within a cone of the high one, and then exactly. */
function distanceBetween(e: Resolved & { kind: 'between' }, filter: boolean): Planned | undefined {
  if (e.negated) return undefined
  const { start, end } = e
  const below: Resolved = {
    kind: 'comparison',
    operator: '<=',
    left: e.operand,
    right: e.high,
    type: 'boolean',
    start,
    end,
  }
  const cone = distanceComparison(below, filter)
  return cone && { kind: 'and', left: cone, right: operandsOf(e), type: 'boolean', start, end }
}

const divided = (value: Planned, factor: number): Planned => {
  const { start, end } = value
  const right: Planned = { kind: 'number', text: String(factor), type: 'double', start, end }
  return { kind: 'binary', operator: '/', left: value, right, type: 'double', start, end }
}

/** `DISTANCE(…)`, `DISTANCE(…) * 3600`, `3600 * DISTANCE(…)`. */
function scaledDistance(e: Resolved): { distance: Resolved & { kind: 'call' }; factor: number } | undefined {
  if (e.kind === 'call' && e.form.name === 'DISTANCE') return { distance: e, factor: 1 }
  if (e.kind !== 'binary' || (e.operator !== '*' && e.operator !== '/')) return undefined
  const [distance, number] =
    e.operator === '*' && e.left.kind === 'number' ? [e.right, e.left] : [e.left, e.right]
  if (distance.kind !== 'call' || distance.form.name !== 'DISTANCE' || number.kind !== 'number')
    return undefined
  const factor = e.operator === '*' ? Number(number.text) : 1 / Number(number.text)
  return Number.isFinite(factor) && factor > 0 ? { distance, factor } : undefined
}

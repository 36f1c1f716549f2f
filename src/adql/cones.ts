/** Positions in shapes: which side an index can find, and distances below a limit as cones. */
import type { Span } from './ast.ts'
import { type Form, formsOf } from './functions.ts'
import { operandsOf, type Planned, type PlannedStage, planned } from './plan.ts'
import type { Call, Comparison, Relation, Resolved } from './tree.ts'
import type { Type } from './types.ts'
import { children } from './walk.ts'

/** The same comparison with its sides exchanged. */
export const TURNED: Record<Comparison, Comparison> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

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
export function call(e: Resolved & { kind: 'call' }): Call<PlannedStage> {
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
export function spatial(position: Planned, shape: Planned, filter: boolean, at: Span): Planned {
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
export function touchingCircles(a: Planned, b: Planned, filter: boolean, at: Span): Planned | undefined {
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
export function distanceComparison(
  e: Resolved & { kind: 'comparison' },
  filter: boolean,
): Planned | undefined {
  if (!filter) return undefined
  for (const [subject, limit, operator] of [
    [e.left, e.right, e.operator],
    [e.right, e.left, TURNED[e.operator]],
  ] as const) {
    if (operator !== '<' && operator !== '<=') continue
    const found = scaledDistance(subject)
    if (!found) continue
    // Of no position, or of every one.
    const degrees = limit.kind === 'number' ? Number(limit.text) / found.factor : 1
    if (degrees <= 0 || degrees > 180) return undefined
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
export function distanceBetween(e: Resolved & { kind: 'between' }, filter: boolean): Planned | undefined {
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

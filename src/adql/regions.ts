/**
 * Conditions on positions, taken out of a query: tables held to constant regions, and pairs of tables joined within
 * a distance. PostgreSQL cannot estimate them (pgSphere's selectivity is a constant), so the query doctor asks it
 * about the rest and counts these itself.
 */
import { indexedRelation, isPositionPair } from './cones.ts'
import { lower } from './geometry.ts'
import { type Plan, type Planned, type PlannedStage, plan } from './plan.ts'
import type { Resolution } from './resolve.ts'
import { constant, constantShape, type Shape } from './shapes.ts'
import { print } from './sql.ts'
import type { TableMeta } from './tables.ts'
import type { Body, Relation } from './tree.ts'
import { mapBody, mapOperands } from './walk.ts'

/** A part of the sky, in degrees. */
export type Region =
  | { readonly kind: 'shape'; readonly shape: Shape }
  | { readonly kind: 'not'; readonly part: Region }
  | { readonly kind: 'and' | 'or'; readonly left: Region; readonly right: Region }

/** A table as it stands in FROM. */
export interface Placed {
  /** Range variable in the SQL. */
  readonly alias: string
  readonly table: TableMeta
}

export interface RegionFilter extends Placed {
  readonly region: Region
}

/** Two tables' positions within a radius of each other. */
export interface PairFilter {
  readonly position: Placed
  readonly center: Placed
  readonly radiusDeg: number
  /** The same table twice, with a condition by which no row is paired with itself. */
  readonly distinct: boolean
}

/** A query without them and without a limit of the service: every other condition, TOP and OFFSET stand. */
export interface WithoutPositions {
  readonly text: string
  readonly values: readonly string[]
  readonly regions: readonly RegionFilter[]
  readonly pairs: readonly PairFilter[]
}

/** Of a resolution without complaints. */
export function withoutPositions(resolution: Resolution): WithoutPositions {
  const found: Found = { regions: [], pairs: [], apart: [] }
  const planned = plan(resolution, undefined)
  const rest: Plan = {
    with: planned.with.map(w => ({ ...w, body: take(w.body, found) })),
    body: take(planned.body, found),
  }
  const { text, values } = print(lower(rest).query)
  const pairs = found.pairs.map((pair): PairFilter => ({ ...pair, distinct: areApart(pair, found.apart) }))
  return { text, values, regions: found.regions, pairs }
}

interface Found {
  readonly regions: RegionFilter[]
  readonly pairs: Omit<PairFilter, 'distinct'>[]
  /** Aliases of which a column of one is compared with the same column of the other by <, > or <>. */
  readonly apart: (readonly [string, string])[]
}

function areApart({ position, center }: Omit<PairFilter, 'distinct'>, apart: Found['apart']): boolean {
  return apart.some(both => both.includes(position.alias) && both.includes(center.alias))
}

function take(body: Body<PlannedStage>, found: Found): Body<PlannedStage> {
  return mapBody<PlannedStage, PlannedStage>(body, (e, filter) => taken(e, filter, found))
}

/** The expression without what is found among its conjuncts. */
function taken(e: Planned, filter: boolean, found: Found): Planned {
  if (filter && e.kind === 'and')
    return { ...e, left: taken(e.left, true, found), right: taken(e.right, true, found) }
  if (filter && note(e, found))
    return { kind: 'boolean', value: true, type: 'boolean', start: e.start, end: e.end }
  if (e.kind === 'call' || e.kind === 'test' || e.kind === 'wire') return e
  return mapOperands<PlannedStage, PlannedStage>(e, (operand, inFilter) => taken(operand, inFilter, found))
}

function note(e: Planned, { regions, pairs, apart }: Found): boolean {
  if (e.kind === 'comparison' && e.left.kind === 'column' && e.right.kind === 'column') {
    const [a, b] = [e.left, e.right]
    const same = a.column.source?.table === b.column.source?.table && a.column.sqlName === b.column.sqlName
    if (same && e.operator !== '=') apart.push([a.relation.alias, b.relation.alias])
  }
  const region = regionOf(e)
  if (region?.relation.table) {
    regions.push({ alias: region.relation.alias, table: region.relation.table, region: region.region })
    return true
  }
  const pair = pairOf(e)
  const [position, center] = [placed(pair?.position), placed(pair?.center)]
  if (!pair || !position || !center) return false
  // A pair that has an index on both sides is said both ways.
  const known = pairs.some(
    p => p.position.alias === pair.center.alias && p.center.alias === pair.position.alias,
  )
  if (!known) pairs.push({ position, center, radiusDeg: pair.radiusDeg })
  return true
}

const placed = (relation: Relation | undefined): Placed | undefined =>
  relation?.table && { alias: relation.alias, table: relation.table }

/** A condition that speaks of nothing but one table's indexed position and constant shapes. */
export function regionOf(e: Planned): { relation: Relation; region: Region } | undefined {
  if (e.kind === 'not') {
    const part = regionOf(e.operand)
    return part && { relation: part.relation, region: { kind: 'not', part: part.region } }
  }
  if (e.kind === 'and' || e.kind === 'or') {
    const [left, right] = [regionOf(e.left), regionOf(e.right)]
    if (!left || left.relation !== right?.relation) return undefined
    return { relation: left.relation, region: { kind: e.kind, left: left.region, right: right.region } }
  }
  const [position, within] = contained(e)
  const relation = position && positionOf(position)
  const shape = within && constantShape(within, () => {})
  return relation && shape && { relation, region: { kind: 'shape', shape } }
}

/** Two relations held to a constant distance of each other. */
export interface Pair {
  readonly position: Relation
  readonly center: Relation
  readonly radiusDeg: number
}

/** A condition that the indexed positions of two tables are within a constant distance. */
export function pairOf(e: Planned): Pair | undefined {
  const [position, within] = contained(e)
  if (!position || within?.kind !== 'call' || within.form.name !== 'CIRCLE') return undefined
  const [middle, radius] = within.args
  const [a, b] = [positionOf(position), middle && positionOf(middle)]
  const radiusDeg = radius && constant(radius)
  if (!a?.table || !b?.table || a === b || radiusDeg === undefined) return undefined
  return { position: a, center: b, radiusDeg }
}

const contained = (e: Planned): readonly Planned[] =>
  e.kind === 'test' && e.call.form.name === 'CONTAINS' ? e.call.args : []

const positionOf = (e: Planned): Relation | undefined => (isPositionPair(e) ? indexedRelation(e) : undefined)

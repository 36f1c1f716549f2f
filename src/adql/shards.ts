/**
 * Tables that lie in shards of the sky (Citus): every condition that implies which shards can have rows says so in
 * words that Citus prunes by, `hpx_shard IN (…)`, and joins on identifiers say that both sides are in one shard, also
 * through sub-queries, which hand the shard on beside the identifier. What is added follows from what stands there,
 * so that the answer is the same.
 */
import type { Plan, Planned, PlannedStage } from './plan.ts'
import {
  conjunctsOf,
  type Fact,
  factsOf,
  isSharded,
  type Known,
  nothingKnown,
  SHARD,
  shardOf,
  shiftOf,
} from './shard-facts.ts'
import type { TableMeta } from './tables.ts'
import type { Body, Column, ColumnReference, From, Relation, SelectBody } from './tree.ts'
import { mapBody, mapOperands } from './walk.ts'

/** A table of a cluster in some FROM: the cells in which its rows can be, undefined when they can be anywhere. */
export interface Asked {
  readonly table: TableMeta
  readonly cells: readonly number[] | undefined
}

/** Adds the conditions, and tells what is left to be asked. */
export function pruned(plan: Plan): { readonly plan: Plan; readonly asked: readonly Asked[] } {
  const known = nothingKnown()
  const offered = new Map<string, Offer>()
  const queries = plan.with.map(query => {
    const { body, offer } = offering(inBody(query.body, known, offered), known)
    if (offer) offered.set(query.sqlName, { ...offer, cells: known.cells.get(offer.of) })
    return { ...query, body }
  })
  return { plan: { with: queries, body: inBody(plan.body, known, offered) }, asked: known.asked }
}

/** A sub-query's additional column: the shard of one of its tables. */
interface Offer {
  readonly column: Column
  readonly of: Relation
  readonly cells: readonly number[] | undefined
}
type Offered = ReadonlyMap<string, Offer>

function inBody(body: Body<PlannedStage>, known: Known, offered: Offered): Body<PlannedStage> {
  if (body.kind === 'set')
    return { ...body, left: inBody(body.left, known, offered), right: inBody(body.right, known, offered) }
  const from = body.from.map(f => inFrom(f, known, offered))
  const tables = from.flatMap(tablesIn)
  for (const { relation, table } of tables)
    if (table.sqlName !== relation.table?.sqlName) known.copies.add(relation)
  const conditions = [...(body.where ? [body.where] : []), ...from.flatMap(innerConditions)]
  learn(
    conditions.flatMap(e => factsOf(e, known)),
    known,
  )
  for (const f of from) learnKept(f, known)
  for (const { relation, table } of tables)
    if (table.distribution) known.asked.push({ table, cells: known.cells.get(relation) })
  const next = (e: Planned, filter: boolean) =>
    filter ? condition(e, known, offered) : inner(e, known, offered)
  const made = mapBody<PlannedStage, PlannedStage>({ ...body, from: from.map(withoutBodies) }, next)
  return { ...(made as SelectBody<PlannedStage>), from: from.map(f => inConditions(f, next)) }
}

/** Sub-queries first: what they know and hand on is known when the conditions around them are looked at. */
function inFrom(from: From<PlannedStage>, known: Known, offered: Offered): From<PlannedStage> {
  switch (from.kind) {
    case 'join':
      return { ...from, left: inFrom(from.left, known, offered), right: inFrom(from.right, known, offered) }
    case 'subquery': {
      const { body, offer } = offering(inBody(from.body, known, offered), known)
      if (offer) take(from.relation, { ...offer, cells: known.cells.get(offer.of) }, known)
      return { ...from, body }
    }
    case 'with': {
      const offer = offered.get(from.sqlName)
      if (offer) take(from.relation, offer, known)
      return from
    }
    case 'table':
      return from
  }
}

function take(relation: Relation, { column, cells }: Offer, known: Known): void {
  known.handedOn.set(relation, column)
  if (cells) known.cells.set(relation, cells)
}

/** A select that hands on an identifier hands on its shard, too, of which it is a function. */
function offering(
  body: Body<PlannedStage>,
  { copies }: Known,
): {
  body: Body<PlannedStage>
  offer: Omit<Offer, 'cells'> | undefined
} {
  if (body.kind === 'set') return { body, offer: undefined }
  const item = body.items.find(
    ({ expression }) =>
      expression.kind === 'column' &&
      isSharded(expression.relation.table) &&
      !copies.has(expression.relation) &&
      shiftOf(expression),
  )
  if (item?.expression.kind !== 'column') return { body, offer: undefined }
  const { expression } = item
  const grouped = body.groupBy.some(
    key => key.kind === 'column' && key.relation === expression.relation && key.column === expression.column,
  )
  if (body.groupBy.length > 0 && !grouped) return { body, offer: undefined }
  const shard = shardOf(expression.relation, expression, nothingKnown())
  if (!shard) return { body, offer: undefined }
  const column: Column = { ...shard.column, name: `~${SHARD}`, sqlName: `~${SHARD}`, source: undefined }
  const groupBy = grouped ? [...body.groupBy, shard] : body.groupBy
  return {
    body: { ...body, items: [...body.items, { expression: shard, column }], groupBy },
    offer: { column, of: expression.relation },
  }
}

export function tablesIn(from: From<PlannedStage>): Extract<From<PlannedStage>, { kind: 'table' }>[] {
  if (from.kind === 'table') return [from]
  return from.kind === 'join' ? [...tablesIn(from.left), ...tablesIn(from.right)] : []
}

/** Conditions of inner joins, which every row of the result meets. */
function innerConditions(from: From<PlannedStage>): Planned[] {
  if (from.kind !== 'join' || (from.type !== 'INNER' && from.type !== 'CROSS')) return []
  return [...innerConditions(from.left), ...innerConditions(from.right), ...(from.on ? [from.on] : [])]
}

/** What is known of one side of an equality is known of the other. */
function learn(facts: readonly Fact[], { cells }: Known): void {
  for (const fact of facts)
    if (fact.kind === 'in' && !cells.has(fact.shard.relation)) cells.set(fact.shard.relation, fact.cells)
  for (let grown = true; grown; ) {
    grown = false
    for (const fact of facts) {
      if (fact.kind !== 'same') continue
      const [a, b] = [fact.shard.relation, fact.other.relation]
      const [from, to] = cells.has(a) ? [a, b] : [b, a]
      if (!cells.has(from) || cells.has(to)) continue
      cells.set(to, cells.get(from)!)
      grown = true
    }
  }
}

/** What is known of the rows that an outer join keeps is known of those that match them; not the other way round. */
function learnKept(from: From<PlannedStage>, known: Known): void {
  if (from.kind !== 'join') return
  learnKept(from.left, known)
  learnKept(from.right, known)
  if (!from.on || (from.type !== 'LEFT' && from.type !== 'RIGHT')) return
  const kept = tablesIn(from.type === 'LEFT' ? from.left : from.right).map(t => t.relation)
  for (const fact of factsOf(from.on, known)) {
    if (fact.kind !== 'same') continue
    const [a, b] = [fact.shard.relation, fact.other.relation]
    const [row, match] = kept.includes(a) ? [a, b] : [b, a]
    const cells = kept.includes(row) && known.cells.get(row)
    if (cells && !known.cells.has(match)) known.cells.set(match, cells)
  }
}

/** The conditions of joins; sub-queries are done. */
function inConditions(
  from: From<PlannedStage>,
  next: (e: Planned, filter: boolean) => Planned,
): From<PlannedStage> {
  if (from.kind !== 'join') return from
  const on = from.on && next(from.on, true)
  return { ...from, left: inConditions(from.left, next), right: inConditions(from.right, next), on }
}

/** A stand-in, so that sub-queries are not walked through twice. */
const withoutBodies = (from: From<PlannedStage>): From<PlannedStage> => ({
  kind: 'with',
  relation: from.kind === 'join' ? relationIn(from) : from.relation,
  sqlName: '',
})

const relationIn = (from: From<PlannedStage>): Relation =>
  from.kind === 'join' ? relationIn(from.left) : from.relation

function condition(e: Planned, known: Known, offered: Offered): Planned {
  const conjuncts = conjunctsOf(e)
  const facts = conjuncts.flatMap(c => factsOf(c, known))
  const local: Known = { ...known, cells: new Map(known.cells) }
  learn(facts, local)
  const shards = new Map<Relation, ColumnReference>()
  for (const fact of facts) {
    shards.set(fact.shard.relation, fact.shard)
    if (fact.kind === 'same') shards.set(fact.other.relation, fact.other)
  }
  const lists = [...shards].flatMap(([relation, shard]) => {
    const cells = isSharded(relation.table) ? local.cells.get(relation) : undefined
    return cells ? [oneOfCells(shard, cells)] : []
  })
  const same = facts.flatMap(fact => (fact.kind === 'same' && !says(conjuncts, fact) ? [equal(fact)] : []))
  return and([...conjuncts.map(c => inner(c, local, offered)), ...same, ...lists])
}

/** Whether the equality of the shards stands there already. */
const says = (conjuncts: readonly Planned[], { shard, other }: Fact & { kind: 'same' }): boolean =>
  conjuncts.some(c => c.kind === 'comparison' && c.left === shard && c.right === other)

function inner(e: Planned, known: Known, offered: Offered): Planned {
  if (e.kind === 'call' || e.kind === 'test' || e.kind === 'wire') return e
  if (e.kind === 'exists' || e.kind === 'subquery') return { ...e, query: inBody(e.query, known, offered) }
  if (e.kind === 'in' && e.query) {
    return { ...e, operand: inner(e.operand, known, offered), query: inBody(e.query, known, offered) }
  }
  return mapOperands<PlannedStage, PlannedStage>(e, operand => inner(operand, known, offered))
}

export const and = (conditions: readonly Planned[]): Planned =>
  conditions.reduce((left, right) => ({
    kind: 'and',
    left,
    right,
    type: 'boolean',
    start: left.start,
    end: left.end,
  }))

const equal = ({ shard, other }: Fact & { kind: 'same' }): Planned => ({
  kind: 'comparison',
  operator: '=',
  left: shard,
  right: other,
  type: 'boolean',
  start: shard.start,
  end: shard.end,
})

function oneOfCells(shard: ColumnReference, cells: readonly number[]): Planned {
  const { start, end } = shard
  const values = cells.map(
    (cell): Planned => ({ kind: 'number', text: String(cell), type: 'int', start, end }),
  )
  return { kind: 'in', negated: false, operand: shard, values, query: undefined, type: 'boolean', start, end }
}

/**
 * Tables that lie in shards of the sky (Citus): every condition that implies which shards can have rows says so in
 * words that Citus prunes by, `hpx_shard IN (…)`, and joins on identifiers say that both sides are in one shard.
 * What is added follows from what stands there, so it may be added wherever that stands.
 */
import type { Span } from './ast.ts'
import { cellsOf } from './cells.ts'
import type { Plan, Planned, PlannedStage } from './plan.ts'
import { type Region, regionOf } from './regions.ts'
import { constant } from './shapes.ts'
import type { TableMeta } from './tables.ts'
import type { Body, ColumnReference, From, Relation } from './tree.ts'
import { mapBody, mapOperands } from './walk.ts'

/** Cells that a list may name: so many, hashed, are in nearly all of the shards (32 by default). */
const MOST_CELLS = 256

/** PostgreSQL name of the distribution column. */
const SHARD = 'hpx_shard'

/** Adds the conditions; the same plan when no table of it is sharded. */
export function pruned(plan: Plan): Plan {
  const bodies = [...plan.with.map(w => w.body), plan.body]
  if (!bodies.some(mentionsShards)) return plan
  return {
    with: plan.with.map(w => ({ ...w, body: withShards(w.body) })),
    body: withShards(plan.body),
  }
}

export const isSharded = (table: TableMeta | undefined): boolean => table?.distribution === 'sharded'

/** Whether a sharded table is in its FROM or below; expressions with sub-queries are taken to have one. */
function mentionsShards(body: Body<PlannedStage>): boolean {
  if (body.kind === 'set') return mentionsShards(body.left) || mentionsShards(body.right)
  return body.from.some(fromShards) || (body.where !== undefined && hasQuery(body.where))
}

function fromShards(from: From<PlannedStage>): boolean {
  switch (from.kind) {
    case 'table':
      return isSharded(from.table)
    case 'subquery':
      return mentionsShards(from.body)
    case 'join':
      return fromShards(from.left) || fromShards(from.right)
    case 'with':
      return false
  }
}

function hasQuery(e: Planned): boolean {
  if (e.kind === 'subquery' || e.kind === 'exists') return mentionsShards(e.query)
  if (e.kind === 'in' && e.query) return mentionsShards(e.query)
  if (e.kind === 'and' || e.kind === 'or') return hasQuery(e.left) || hasQuery(e.right)
  return e.kind === 'not' && hasQuery(e.operand)
}

const withShards = (body: Body<PlannedStage>): Body<PlannedStage> =>
  mapBody<PlannedStage, PlannedStage>(body, condition)

function condition(e: Planned, filter: boolean): Planned {
  if (filter) {
    const conjuncts = conjunctsOf(e)
    const added = conjuncts.flatMap(implied)
    return and([...conjuncts.map(c => inner(c)), ...propagated(added)])
  }
  return inner(e)
}

function inner(e: Planned): Planned {
  if (e.kind === 'call' || e.kind === 'test' || e.kind === 'wire') return e
  return mapOperands<PlannedStage, PlannedStage>(e, (operand, filter) =>
    filter ? condition(operand, true) : inner(operand),
  )
}

export const conjunctsOf = (e: Planned): Planned[] =>
  e.kind === 'and' ? [...conjunctsOf(e.left), ...conjunctsOf(e.right)] : [e]

export const and = (conditions: readonly Planned[]): Planned =>
  conditions.reduce((left, right) => ({
    kind: 'and',
    left,
    right,
    type: 'boolean',
    start: left.start,
    end: left.end,
  }))

/** Rows are in one of these shards, or in the same shard as each other. */
type Fact =
  | { readonly kind: 'in'; readonly shard: ColumnReference; readonly cells: readonly number[] }
  | { readonly kind: 'same'; readonly shard: ColumnReference; readonly other: ColumnReference }

function implied(e: Planned): Fact[] {
  if (e.kind === 'and') return conjunctsOf(e).flatMap(implied)
  const facts = [...ofRegion(e), ...ofIdentifier(e), ...ofJoin(e)]
  return facts.length === 0 && e.kind === 'or' ? ofEither(implied(e.left), implied(e.right)) : facts
}

/** What holds of a table whichever of two conditions is true. */
function ofEither(left: readonly Fact[], right: readonly Fact[]): Fact[] {
  return left.flatMap((a): Fact[] => {
    const b = right.find(f => f.kind === 'in' && f.shard.relation === a.shard.relation)
    if (a.kind !== 'in' || b?.kind !== 'in') return []
    const cells = [...new Set([...a.cells, ...b.cells])].sort((x, y) => x - y)
    return cells.length > MOST_CELLS ? [] : [{ ...a, cells }]
  })
}

function ofRegion(e: Planned): Fact[] {
  const found = regionOf(e)
  return found ? inCells(found.relation, found.region, e) : []
}

function inCells(relation: Relation, region: Region, at: Span): Fact[] {
  const shard = shardOf(relation, at)
  const order = relation.table?.shardOrder
  if (!shard || order === undefined) return []
  const cells = cellsOf(region, order, MOST_CELLS)
  return cells ? [{ kind: 'in', shard, cells }] : []
}

/** `id = 1`, `id IN (1, 2)`, `id BETWEEN 1 AND 2` of an identifier that has the cell in its upper bits, and of hpx29. */
function ofIdentifier(e: Planned): Fact[] {
  switch (e.kind) {
    case 'comparison': {
      if (e.operator !== '=') return []
      const [column, value] = e.left.kind === 'column' ? [e.left, e.right] : [e.right, e.left]
      return ofNumbers(column, [value], e)
    }
    case 'in':
      return e.negated || !e.values ? [] : ofNumbers(e.operand, e.values, e)
    case 'between': {
      const shift = shiftOf(e.operand)
      const [low, high] = [whole(e.low), whole(e.high)]
      if (e.negated || shift === undefined || low === undefined || high === undefined) return []
      const [first, last] = [Number(low >> shift), Number(high >> shift)]
      if (last - first >= MOST_CELLS) return []
      return inShards(e.operand, range(first, last), e)
    }
    default:
      return []
  }
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)

function ofNumbers(column: Planned, values: readonly Planned[], at: Span): Fact[] {
  const shift = shiftOf(column)
  if (shift === undefined) return []
  const numbers = values.map(whole)
  if (numbers.some(n => n === undefined)) return []
  const cells = [...new Set(numbers.map(n => Number(n! >> shift)))].sort((a, b) => a - b)
  return cells.length > MOST_CELLS ? [] : inShards(column, cells, at)
}

function inShards(column: Planned, cells: readonly number[], at: Span): Fact[] {
  const shard = column.kind === 'column' ? shardOf(column.relation, at) : undefined
  // No cell at all: no row can be found, and Citus need not be told.
  return shard && cells.length > 0 ? [{ kind: 'in', shard, cells }] : []
}

function ofJoin(e: Planned): Fact[] {
  if (e.kind !== 'comparison' || e.operator !== '=') return []
  const [left, right] = [e.left, e.right]
  if (left.kind !== 'column' || right.kind !== 'column' || left.relation === right.relation) return []
  const shift = shiftOf(left)
  if (shift === undefined || shift !== shiftOf(right)) return []
  const [shard, other] = [shardOf(left.relation, e), shardOf(right.relation, e)]
  return shard && other ? [{ kind: 'same', shard, other }] : []
}

/** What is known of one side of a join holds for the other. */
function propagated(facts: readonly Fact[]): Planned[] {
  const all = [...facts]
  const has = (shard: ColumnReference) =>
    all.some(f => f.kind === 'in' && f.shard.relation === shard.relation)
  for (let grown = true; grown; ) {
    grown = false
    for (const fact of facts) {
      if (fact.kind !== 'same') continue
      for (const [from, to] of [
        [fact.shard, fact.other],
        [fact.other, fact.shard],
      ] as const) {
        const known = all.find(f => f.kind === 'in' && f.shard.relation === from.relation)
        if (known?.kind !== 'in' || has(to)) continue
        all.push({ ...known, shard: to })
        grown = true
      }
    }
  }
  return all.map(conditionOf)
}

function conditionOf(fact: Fact): Planned {
  const { start, end } = fact.shard
  if (fact.kind === 'same')
    return {
      kind: 'comparison',
      operator: '=',
      left: fact.shard,
      right: fact.other,
      type: 'boolean',
      start,
      end,
    }
  const values = fact.cells.map(
    (cell): Planned => ({ kind: 'number', text: String(cell), type: 'int', start, end }),
  )
  return {
    kind: 'in',
    negated: false,
    operand: fact.shard,
    values,
    query: undefined,
    type: 'boolean',
    start,
    end,
  }
}

/** The distribution column of a sharded table in FROM. */
export function shardOf(relation: Relation, { start, end }: Span): ColumnReference | undefined {
  if (!isSharded(relation.table)) return undefined
  const column = relation.columns.find(c => c.sqlName === SHARD && c.source?.table === relation.table)
  return column && { kind: 'column', relation, column, type: column.type, start, end }
}

/** Bits below the shard's number in a column of a sharded table; undefined for columns that do not have it. */
function shiftOf(e: Planned): bigint | undefined {
  if (e.kind !== 'column') return undefined
  const { relation, column } = e
  const { table } = relation
  if (!table || !isSharded(table) || column.source?.table !== table || table.shardOrder === undefined)
    return undefined
  if (column.sqlName === 'hpx29') return BigInt(2 * (29 - table.shardOrder))
  return table.cellIds?.includes(column.sqlName) ? cellIdShift(table.shardOrder) : undefined
}

/** Identifiers of DESIGN.md §3: `(hpx29 >> 34) << 35 | n`; Gaia's source_id is made in the same way. */
export const cellIdShift = (shardOrder: number): bigint => BigInt(35 + 2 * (12 - shardOrder))

function whole(e: Planned): bigint | undefined {
  if (e.kind === 'number') return /^\d+$/.test(e.text) ? BigInt(e.text) : undefined
  const value = constant(e)
  return value !== undefined && Number.isSafeInteger(value) ? BigInt(value) : undefined
}

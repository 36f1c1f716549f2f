/**
 * Pairs of rows within a small distance: the one table is read from its neighbour table, which has every row in all
 * cells near it, and the join is by the other's cell. That is an equality, which PostgreSQL hashes and Citus does
 * within the shards; no pair is lost at a border, and none is found twice, as a row has one cell of its own. The
 * condition on the distance stays as it is.
 */
import type { Span } from './ast.ts'
import type { Plan, Planned, PlannedStage } from './plan.ts'
import { pairOf, regionOf } from './regions.ts'
import { conjunctsOf, isSharded, NEAR_SHARD, nothingKnown, shardOf } from './shard-facts.ts'
import { and, tablesIn } from './shards.ts'
import type { NeighbourTable } from './tables.ts'
import type { Body, Column, ColumnReference, From, Relation, SelectBody } from './tree.ts'

/** Pairs of tables go through neighbour tables where there are some. */
export function paired(plan: Plan): Plan {
  return { with: plan.with.map(w => ({ ...w, body: inBody(w.body) })), body: inBody(plan.body) }
}

function inBody(body: Body<PlannedStage>): Body<PlannedStage> {
  if (body.kind === 'set') return { ...body, left: inBody(body.left), right: inBody(body.right) }
  const from = body.from.map(inSubqueries)
  return inSelect(from.some((f, i) => f !== body.from[i]) ? { ...body, from } : body)
}

function inSubqueries(from: From<PlannedStage>): From<PlannedStage> {
  if (from.kind === 'subquery') {
    const body = inBody(from.body)
    return body === from.body ? from : { ...from, body }
  }
  if (from.kind !== 'join') return from
  const [left, right] = [inSubqueries(from.left), inSubqueries(from.right)]
  return left === from.left && right === from.right ? from : { ...from, left, right }
}

function inSelect(select: SelectBody<PlannedStage>): SelectBody<PlannedStage> {
  const tables = select.from.flatMap(tablesIn)
  if (tables.length < 2 || !tables.some(({ table }) => table.neighbours)) return select
  // Each table at most once: a copy has no cell of its own that others could be joined by.
  const used = new Set<Relation>()
  const swapped = new Map<Relation, NeighbourTable>()
  // The table of which an index finds the rows is not copied: the copies have no such index, and lie elsewhere.
  const found = foundByIndex(select)
  const times = (relation: Relation) => found.filter(other => other === relation).length
  const joined = (e: Planned, mayCopy: (relation: Relation) => boolean): Planned => {
    const conjuncts = conjunctsOf(e)
    const added = conjuncts.flatMap(conjunct => {
      const pair = pairOf(conjunct)
      if (!pair || used.has(pair.position) || used.has(pair.center)) return []
      const both = [pair.position, pair.center].sort((a, b) => times(a) - times(b))
      const copy = both.find(
        relation => mayCopy(relation) && (relation.table?.neighbours?.radiusDeg ?? -1) >= pair.radiusDeg,
      )
      const near = copy?.table?.neighbours
      const own = copy === pair.position ? pair.center : pair.position
      const cell = columnOf(own, 'hpx29', conjunct)
      if (!copy || !near || !cell) return []
      used.add(copy).add(own)
      swapped.set(copy, near)
      return sameCell(cell, copy, near, conjunct)
    })
    return added.length === 0 ? e : and([...conjuncts, ...added])
  }
  const preserved = new Set(select.from.flatMap(preservedIn))
  const from = select.from.map(f => inJoins(f, joined, preserved))
  const where = select.where && joined(select.where, relation => !preserved.has(relation))
  if (swapped.size === 0) return select
  return { ...select, from: from.map(f => swap(f, swapped)), where }
}

/** Relations of which conditions choose rows by a region, or by the values of an indexed column. */
function foundByIndex(select: SelectBody<PlannedStage>): Relation[] {
  const conditions = [...(select.where ? [select.where] : []), ...select.from.flatMap(conditionsIn)]
  return conditions.flatMap(conjunctsOf).flatMap(e => {
    const region = regionOf(e)
    if (region) return [region.relation]
    const sides = e.kind === 'comparison' && e.operator === '=' ? [e.left, e.right] : []
    const operands = (e.kind === 'in' && !e.negated) || e.kind === 'between' ? [e.operand] : sides
    return operands.flatMap(side => (side.kind === 'column' && isIndexed(side) ? [side.relation] : []))
  })
}

const conditionsIn = (from: From<PlannedStage>): Planned[] =>
  from.kind === 'join'
    ? [...conditionsIn(from.left), ...conditionsIn(from.right), ...(from.on ? [from.on] : [])]
    : []

const isIndexed = ({ column: { source } }: ColumnReference): boolean =>
  source?.table.columns.some(c => c.sqlName === source.sqlName && c.indexed) ?? false

/** Relations whose rows an outer join keeps: each of them must stand there once. */
function preservedIn(from: From<PlannedStage>): Relation[] {
  if (from.kind !== 'join') return []
  const below = [...preservedIn(from.left), ...preservedIn(from.right)]
  const own = (side: From<PlannedStage>) => tablesIn(side).map(t => t.relation)
  if (from.type === 'LEFT') return [...below, ...own(from.left)]
  if (from.type === 'RIGHT') return [...below, ...own(from.right)]
  return from.type === 'FULL' ? [...below, ...own(from.left), ...own(from.right)] : below
}

type Joined = (e: Planned, mayCopy: (relation: Relation) => boolean) => Planned

function inJoins(
  from: From<PlannedStage>,
  joined: Joined,
  preserved: ReadonlySet<Relation>,
): From<PlannedStage> {
  if (from.kind !== 'join') return from
  const left = inJoins(from.left, joined, preserved)
  const right = inJoins(from.right, joined, preserved)
  const on = from.on && joined(from.on, relation => !preserved.has(relation))
  return { ...from, left, right, on }
}

function swap(from: From<PlannedStage>, swapped: ReadonlyMap<Relation, NeighbourTable>): From<PlannedStage> {
  if (from.kind === 'join')
    return { ...from, left: swap(from.left, swapped), right: swap(from.right, swapped) }
  const near = from.kind === 'table' ? swapped.get(from.relation) : undefined
  return near && from.kind === 'table' ? { ...from, table: { ...from.table, sqlName: near.sqlName } } : from
}

/** The copy is in the cell of the other, and on a cluster in its shard. */
function sameCell(hpx29: ColumnReference, copy: Relation, near: NeighbourTable, at: Span): Planned[] {
  const { start, end } = at
  const shift: Planned = { kind: 'number', text: String(2 * (29 - near.cellOrder)), type: 'int', start, end }
  const cell: Planned = {
    kind: 'binary',
    operator: '>>',
    left: hpx29,
    right: shift,
    type: 'bigint',
    start,
    end,
  }
  const equal = (left: Planned, right: Planned): Planned => ({
    kind: 'comparison',
    operator: '=',
    left,
    right,
    type: 'boolean',
    start,
    end,
  })
  const shard = shardOf(hpx29.relation, at, nothingKnown())
  const sameShard =
    shard && isSharded(copy.table) ? [equal(shard, copyColumn(copy, NEAR_SHARD, 'int', at))] : []
  return [equal(cell, copyColumn(copy, 'near_cell', 'bigint', at)), ...sameShard]
}

function columnOf(relation: Relation, sqlName: string, { start, end }: Span): ColumnReference | undefined {
  const column = relation.columns.find(c => c.sqlName === sqlName && c.source?.table === relation.table)
  return column && { kind: 'column', relation, column, type: column.type, start, end }
}

/** A column that only the neighbour table has. */
function copyColumn(
  relation: Relation,
  sqlName: string,
  type: 'int' | 'bigint',
  { start, end }: Span,
): ColumnReference {
  const field = { name: sqlName, datatype: type === 'int' ? ('int' as const) : ('long' as const) }
  const column: Column = { name: sqlName, sqlName, type, stored: undefined, field, source: undefined }
  return { kind: 'column', relation, column, type, start, end }
}

/** What a condition says of the shards in which rows of sharded tables are. */
import type { Span } from './ast.ts'
import { cellsOf } from './cells.ts'
import type { Planned } from './plan.ts'
import { regionOf } from './regions.ts'
import { constant } from './shapes.ts'
import type { TableMeta } from './tables.ts'
import type { Column, ColumnReference, Relation } from './tree.ts'

/** Rows are in one of these shards, or in the same shard as each other. */
export type Fact =
  | { readonly kind: 'in'; readonly shard: ColumnReference; readonly cells: readonly number[] }
  | { readonly kind: 'same'; readonly shard: ColumnReference; readonly other: ColumnReference }

export const nothingKnown = (): Known => ({
  handedOn: new Map(),
  cells: new Map(),
  copies: new Set(),
  asked: [],
})

/** Columns that sub-queries were made to hand on, and cells that are known of relations. */
export interface Known {
  readonly handedOn: Map<Relation, Column>
  readonly cells: Map<Relation, readonly number[]>
  /** Relations that are read from neighbour tables: their rows lie where those near them are, not where their own cell is. */
  readonly copies: Set<Relation>
  /** Every table of the cluster that has been met. */
  readonly asked: { readonly table: TableMeta; readonly cells: readonly number[] | undefined }[]
}

/** Cells that a list may name: so many, hashed, are in nearly all of the shards (32 by default). */
const MOST_CELLS = 256

/** PostgreSQL names of the distribution columns. */
export const SHARD = 'hpx_shard'
export const NEAR_SHARD = 'near_shard'

export const isSharded = (table: TableMeta | undefined): boolean => table?.distribution === 'sharded'

/** Identifiers of DESIGN.md §3: `(hpx29 >> 34) << 35 | n`; Gaia's source_id is made in the same way. */
export const cellIdShift = (shardOrder: number): bigint => BigInt(35 + 2 * (12 - shardOrder))

export const conjunctsOf = (e: Planned): Planned[] =>
  e.kind === 'and' ? [...conjunctsOf(e.left), ...conjunctsOf(e.right)] : [e]

export function factsOf(e: Planned, known: Known): Fact[] {
  if (e.kind === 'and') return conjunctsOf(e).flatMap(c => factsOf(c, known))
  const facts = [...ofRegion(e, known), ...ofIdentifier(e, known), ...ofJoin(e, known)]
  return facts.length === 0 && e.kind === 'or'
    ? ofEither(factsOf(e.left, known), factsOf(e.right, known))
    : facts
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

/** A constant region around the position by which a table is sharded. */
function ofRegion(e: Planned, known: Known): Fact[] {
  const found = regionOf(e)
  const order = found?.relation.table?.shardOrder
  const shard = found && shardOf(found.relation, e, known)
  if (!found || !shard || order === undefined) return []
  const cells = cellsOf(found.region, order, MOST_CELLS)
  return cells ? [{ kind: 'in', shard, cells }] : []
}

/** `id = 1`, `id IN (1, 2)`, `id BETWEEN 1 AND 2` of an identifier that has the cell in its upper bits, of hpx29 and hpx_shard. */
function ofIdentifier(e: Planned, known: Known): Fact[] {
  switch (e.kind) {
    case 'comparison': {
      if (e.operator !== '=') return []
      const [column, value] = e.left.kind === 'column' ? [e.left, e.right] : [e.right, e.left]
      return ofNumbers(column, [value], e, known)
    }
    case 'in':
      return e.negated || !e.values ? [] : ofNumbers(e.operand, e.values, e, known)
    case 'between': {
      const shift = shiftOf(e.operand)
      const [low, high] = [whole(e.low), whole(e.high)]
      if (e.negated || shift === undefined || low === undefined || high === undefined) return []
      const [first, last] = [Number(low >> shift), Number(high >> shift)]
      if (last - first >= MOST_CELLS) return []
      const cells = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
      return inShards(e.operand, cells, e, known)
    }
    default:
      return []
  }
}

function ofNumbers(column: Planned, values: readonly Planned[], at: Span, known: Known): Fact[] {
  const shift = shiftOf(column)
  if (shift === undefined) return []
  const numbers = values.map(whole)
  if (numbers.some(n => n === undefined)) return []
  const cells = [...new Set(numbers.map(n => Number(n! >> shift)))].sort((a, b) => a - b)
  return cells.length > MOST_CELLS ? [] : inShards(column, cells, at, known)
}

function inShards(column: Planned, cells: readonly number[], at: Span, known: Known): Fact[] {
  const shard = column.kind === 'column' ? shardOf(column.relation, at, known) : undefined
  // No cell at all: no row can be found, and Citus need not be told.
  return shard && cells.length > 0 ? [{ kind: 'in', shard, cells }] : []
}

/** Equal identifiers of objects; and the equality that a neighbour table is joined by. */
function ofJoin(e: Planned, known: Known): Fact[] {
  if (e.kind !== 'comparison' || e.operator !== '=') return []
  const [left, right] = [e.left, e.right]
  if (left.kind !== 'column' || right.kind !== 'column' || left.relation === right.relation) return []
  if (isShard(left, known) && isShard(right, known)) return [{ kind: 'same', shard: left, other: right }]
  const shift = shiftOf(left)
  if (shift === undefined || shift !== shiftOf(right)) return []
  const [shard, other] = [shardOf(left.relation, e, known), shardOf(right.relation, e, known)]
  return shard && other ? [{ kind: 'same', shard, other }] : []
}

const isShard = ({ relation, column }: ColumnReference, { copies }: Pick<Known, 'copies'>): boolean =>
  isSharded(relation.table) && column.sqlName === (copies.has(relation) ? NEAR_SHARD : SHARD)

/** The distribution column of a sharded table in FROM, or of one that a sub-query reads; none of a copy, whose cells say nothing. */
export function shardOf(
  relation: Relation,
  { start, end }: Span,
  { handedOn, copies }: Pick<Known, 'handedOn' | 'copies'>,
): ColumnReference | undefined {
  if (copies.has(relation)) return undefined
  const column = isSharded(relation.table)
    ? relation.columns.find(c => c.sqlName === SHARD && c.source?.table === relation.table)
    : handedOn.get(relation)
  return column && { kind: 'column', relation, column, type: column.type, start, end }
}

/** Bits below the shard's number in a column of a sharded table, also through sub-queries; else undefined. */
export function shiftOf(e: Planned): bigint | undefined {
  const source = e.kind === 'column' ? e.column.source : undefined
  if (!source || !isSharded(source.table) || source.table.shardOrder === undefined) return undefined
  const { table, sqlName } = source
  if (sqlName === SHARD) return 0n
  if (sqlName === 'hpx29') return BigInt(2 * (29 - table.shardOrder!))
  return table.cellIds?.includes(sqlName) ? cellIdShift(table.shardOrder!) : undefined
}

function whole(e: Planned): bigint | undefined {
  if (e.kind === 'number') return /^\d+$/.test(e.text) ? BigInt(e.text) : undefined
  const value = constant(e)
  return value !== undefined && Number.isSafeInteger(value) ? BigInt(value) : undefined
}

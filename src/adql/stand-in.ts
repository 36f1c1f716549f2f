/**
 * Rows that are found first, in a WITH query of their own, so that a cluster sends them to the shards: the relation
 * that stands in place of a part of FROM, with a number for each row.
 */
import { formsOf } from './functions.ts'
import type { Plan, Planned, PlannedStage } from './plan.ts'
import { isSharded } from './shard-facts.ts'
import type { Body, Column, ColumnReference, From, Item, Relation, SelectBody } from './tree.ts'
import { mapBody, mapOperands } from './walk.ts'

export type Join = Extract<From<PlannedStage>, { kind: 'join' }>
export type With = Plan['with'][number]

/** The column with the number of a row. */
export const NUMBER: Column = {
  name: '~row',
  sqlName: '~row',
  type: 'bigint',
  stored: undefined,
  field: { name: '~row', datatype: 'long' },
  source: undefined,
}

export const numberOf = (relation: Relation): ColumnReference => ({
  kind: 'column',
  relation,
  column: NUMBER,
  type: 'bigint',
  start: 0,
  end: 0,
})

export const leaves = (from: From<PlannedStage>): Exclude<From<PlannedStage>, Join>[] =>
  from.kind === 'join' ? [...leaves(from.left), ...leaves(from.right)] : [from]

export const fromShards = (from: From<PlannedStage>, sharded: ReadonlySet<string>): boolean =>
  leaves(from).some(leaf =>
    leaf.kind === 'table'
      ? isSharded(leaf.table)
      : leaf.kind === 'with'
        ? sharded.has(leaf.sqlName)
        : readsShards(leaf.body, sharded),
  )

/** `sharded`: names of WITH queries that do. */
export const readsShards = (body: Body<PlannedStage>, sharded: ReadonlySet<string>): boolean =>
  body.kind === 'set'
    ? readsShards(body.left, sharded) || readsShards(body.right, sharded)
    : body.from.some(f => fromShards(f, sharded))

/** By relation, since aliases of one table share its columns. */
export type Renamed = ReadonlyMap<Relation, ReadonlyMap<Column, ColumnReference>>

export interface StandIn {
  readonly relation: Relation
  readonly items: readonly Item<PlannedStage>[]
  readonly columns: Renamed
}

/** One relation in place of all those of a part of FROM, with the columns of them that are used. */
export function standIn(alias: string, from: From<PlannedStage>, used: readonly ColumnReference[]): StandIn {
  const inside = new Set(leaves(from).map(leaf => leaf.relation))
  const own: ColumnReference[] = []
  for (const reference of used) {
    const isNew = !own.some(o => o.relation === reference.relation && o.column === reference.column)
    if (isNew && inside.has(reference.relation)) own.push(reference)
  }
  const pairs = own.map((reference, i) => {
    const sqlName = `${i + 1} ${reference.column.sqlName}`
    // Other stored types are converted on the way.
    const stored = reference.column.stored === 'float8[]' ? 'float8[]' : undefined
    return { reference, column: { ...reference.column, sqlName, stored } }
  })
  const relation: Relation = {
    alias,
    name: alias,
    schema: undefined,
    table: undefined,
    columns: pairs.map(pair => pair.column),
    find: () => [],
  }
  return {
    relation,
    items: pairs.map(({ reference, column }) => ({ expression: reference, column })),
    columns: byRelation(
      pairs.map(({ reference, column }) => [reference, { ...reference, relation, column }]),
    ),
  }
}

function byRelation(pairs: readonly (readonly [from: ColumnReference, to: ColumnReference])[]): Renamed {
  const found = new Map<Relation, Map<Column, ColumnReference>>()
  for (const [from, to] of pairs) {
    const columns = found.get(from.relation) ?? new Map()
    found.set(from.relation, columns.set(from.column, to))
  }
  return found
}

/** Every column that a query speaks of, in sub-queries, too. */
export function columnsOf(query: Body<PlannedStage>): ColumnReference[] {
  const found: ColumnReference[] = []
  const look = (e: Planned): Planned => {
    if (e.kind === 'column') found.push(e)
    return mapped(e, look)
  }
  mapBody<PlannedStage, PlannedStage>(query, look)
  return found
}

export function renamed(e: Planned, columns: Renamed): Planned {
  if (e.kind === 'column') {
    const to = columns.get(e.relation)?.get(e.column)
    return to ? { ...to, start: e.start, end: e.end } : e
  }
  return mapped(e, operand => renamed(operand, columns))
}

export function mapped(e: Planned, next: (e: Planned) => Planned): Planned {
  if (e.kind === 'call') return { ...e, args: e.args.map(next) }
  if (e.kind === 'test') return { ...e, call: { ...e.call, args: e.call.args.map(next) } }
  if (e.kind === 'wire') return { ...e, operand: next(e.operand) }
  return mapOperands<PlannedStage, PlannedStage>(e, next)
}

export function rowNumber(): Planned {
  const [form] = formsOf('ROW_NUMBER')
  const at = { start: 0, end: 0 }
  return {
    kind: 'window',
    call: {
      kind: 'call',
      form: form!,
      args: [],
      quantifier: undefined,
      frame: undefined,
      type: 'bigint',
      ...at,
    },
    partitionBy: [],
    orderBy: [],
    frame: undefined,
    type: 'bigint',
    ...at,
  }
}

export const selectOf = (
  items: readonly Item<PlannedStage>[],
  from: readonly From<PlannedStage>[],
): SelectBody<PlannedStage> => ({
  kind: 'select',
  distinct: false,
  items,
  from,
  where: undefined,
  groupBy: [],
  having: undefined,
  orderBy: [],
  limit: undefined,
  offset: undefined,
  start: 0,
  end: 0,
})

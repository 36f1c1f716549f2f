/**
 * Outer joins that keep the rows of an upload (or of any table that is on the coordinator alone) and add those of a
 * sharded table: Citus would fetch the whole of the latter. The rows that match are found by an inner join first, in
 * the shards, and then put beside the kept ones, which are numbered for that.
 */
import { formsOf } from './functions.ts'
import type { Plan, Planned, PlannedStage } from './plan.ts'
import { isSharded } from './shard-facts.ts'
import type { Body, Column, ColumnReference, From, Item, Relation, SelectBody } from './tree.ts'
import { mapBody, mapOperands } from './walk.ts'

type Join = Extract<From<PlannedStage>, { kind: 'join' }>
type With = Plan['with'][number]

const NUMBER = '~row'

export function withOuterJoins(plan: Plan): Plan {
  const added: With[] = []
  const sharded = new Set(plan.with.filter(w => readsShards(w.body, new Set())).map(w => w.sqlName))
  const next = (body: Body<PlannedStage>) => inBody(body, sharded, added)
  const queries = plan.with.flatMap(w => {
    const body = next(w.body)
    return [...added.splice(0), { ...w, body }]
  })
  const body = next(plan.body)
  return added.length === 0 && queries.length === plan.with.length
    ? plan
    : { with: [...queries, ...added], body }
}

function inBody(body: Body<PlannedStage>, sharded: ReadonlySet<string>, added: With[]): Body<PlannedStage> {
  if (body.kind === 'set')
    return { ...body, left: inBody(body.left, sharded, added), right: inBody(body.right, sharded, added) }
  let select: SelectBody<PlannedStage> = {
    ...body,
    from: body.from.map(f => inSubqueries(f, sharded, added)),
  }
  for (;;) {
    const join = select.from.flatMap(f => splitting(f, sharded) ?? [])[0]
    if (!join) return select
    select = split(select, join, added)
  }
}

function inSubqueries(
  from: From<PlannedStage>,
  sharded: ReadonlySet<string>,
  added: With[],
): From<PlannedStage> {
  if (from.kind === 'subquery') return { ...from, body: inBody(from.body, sharded, added) }
  if (from.kind !== 'join') return from
  const [left, right] = [from.left, from.right].map(side => inSubqueries(side, sharded, added))
  return { ...from, left: left!, right: right! }
}

/** The innermost join of that kind. */
function splitting(from: From<PlannedStage>, sharded: ReadonlySet<string>): Join | undefined {
  if (from.kind !== 'join') return undefined
  const below = splitting(from.left, sharded) ?? splitting(from.right, sharded)
  if (below || (from.type !== 'LEFT' && from.type !== 'RIGHT')) return below
  const [kept, other] = from.type === 'LEFT' ? [from.left, from.right] : [from.right, from.left]
  const isLocal = !fromShards(kept, sharded) && leaves(kept).some(leaf => !isReference(leaf))
  return isLocal && fromShards(other, sharded) ? from : undefined
}

const leaves = (from: From<PlannedStage>): Exclude<From<PlannedStage>, Join>[] =>
  from.kind === 'join' ? [...leaves(from.left), ...leaves(from.right)] : [from]

const isReference = (leaf: From<PlannedStage>): boolean =>
  leaf.kind === 'table' && leaf.table.distribution === 'reference'

const fromShards = (from: From<PlannedStage>, sharded: ReadonlySet<string>): boolean =>
  leaves(from).some(leaf =>
    leaf.kind === 'table'
      ? isSharded(leaf.table)
      : leaf.kind === 'with'
        ? sharded.has(leaf.sqlName)
        : readsShards(leaf.body, sharded),
  )

const readsShards = (body: Body<PlannedStage>, sharded: ReadonlySet<string>): boolean =>
  body.kind === 'set'
    ? readsShards(body.left, sharded) || readsShards(body.right, sharded)
    : body.from.some(f => fromShards(f, sharded))

function split(select: SelectBody<PlannedStage>, join: Join, added: With[]): SelectBody<PlannedStage> {
  const [kept, other] = join.type === 'LEFT' ? [join.left, join.right] : [join.right, join.left]
  const used = columnsOf(select)
  const n = added.length + 1
  const rows = standIn(`kept_rows_${n}`, kept, used)
  const found = standIn(`found_rows_${n}`, other, used)
  const number: Column = {
    name: NUMBER,
    sqlName: NUMBER,
    type: 'bigint',
    stored: undefined,
    field: { name: NUMBER, datatype: 'long' },
    source: undefined,
  }
  const at = { start: 0, end: 0 }
  const numberOf = (relation: Relation): ColumnReference => ({
    kind: 'column',
    relation,
    column: number,
    type: 'bigint',
    ...at,
  })
  added.push(
    {
      sqlName: rows.relation.alias,
      body: selectOf([{ expression: rowNumber(), column: number }, ...rows.items], [kept]),
      materialized: true,
    },
    {
      sqlName: found.relation.alias,
      body: selectOf(
        [{ expression: numberOf(rows.relation), column: number }, ...found.items],
        [
          {
            kind: 'join',
            type: 'INNER',
            left: { kind: 'with', relation: rows.relation, sqlName: rows.relation.alias },
            right: other,
            on: join.on && renamed(join.on, rows.columns),
          },
        ],
      ),
      materialized: true,
    },
  )
  const replacement: From<PlannedStage> = {
    kind: 'join',
    type: 'LEFT',
    left: { kind: 'with', relation: rows.relation, sqlName: rows.relation.alias },
    right: { kind: 'with', relation: found.relation, sqlName: found.relation.alias },
    on: {
      kind: 'comparison',
      operator: '=',
      left: numberOf(rows.relation),
      right: numberOf(found.relation),
      type: 'boolean',
      ...at,
    },
  }
  const columns = new Map([...rows.columns, ...found.columns])
  const from = select.from.map(f => renamedIn(replaced(f, join, replacement), columns))
  const made = mapBody<PlannedStage, PlannedStage>({ ...select, from: [] }, e => renamed(e, columns))
  return { ...(made as SelectBody<PlannedStage>), from }
}

const replaced = (from: From<PlannedStage>, join: Join, by: From<PlannedStage>): From<PlannedStage> => {
  if (from === join) return by
  if (from.kind !== 'join') return from
  return { ...from, left: replaced(from.left, join, by), right: replaced(from.right, join, by) }
}

/** Conditions of joins; sub-queries in FROM do not see their neighbours. */
function renamedIn(from: From<PlannedStage>, columns: Renamed): From<PlannedStage> {
  if (from.kind !== 'join') return from
  const on = from.on && renamed(from.on, columns)
  return { ...from, left: renamedIn(from.left, columns), right: renamedIn(from.right, columns), on }
}

/** By relation, since aliases of one table share its columns. */
type Renamed = ReadonlyMap<Relation, ReadonlyMap<Column, ColumnReference>>

interface StandIn {
  readonly relation: Relation
  readonly items: readonly Item<PlannedStage>[]
  readonly columns: Renamed
}

/** One relation in place of all those of a part of FROM, with the columns of them that are used. */
function standIn(alias: string, from: From<PlannedStage>, used: readonly ColumnReference[]): StandIn {
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

/** Every column that a select speaks of, in sub-queries, too. */
function columnsOf(select: SelectBody<PlannedStage>): ColumnReference[] {
  const found: ColumnReference[] = []
  const look = (e: Planned): Planned => {
    if (e.kind === 'column') found.push(e)
    return mapped(e, look)
  }
  mapBody<PlannedStage, PlannedStage>(select, look)
  return found
}

function renamed(e: Planned, columns: Renamed): Planned {
  if (e.kind === 'column') {
    const to = columns.get(e.relation)?.get(e.column)
    return to ? { ...to, start: e.start, end: e.end } : e
  }
  return mapped(e, operand => renamed(operand, columns))
}

function mapped(e: Planned, next: (e: Planned) => Planned): Planned {
  if (e.kind === 'call') return { ...e, args: e.args.map(next) }
  if (e.kind === 'test') return { ...e, call: { ...e.call, args: e.call.args.map(next) } }
  if (e.kind === 'wire') return { ...e, operand: next(e.operand) }
  return mapOperands<PlannedStage, PlannedStage>(e, next)
}

function rowNumber(): Planned {
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

const selectOf = (
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

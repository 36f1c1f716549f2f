/**
 * Sub-queries in conditions that look up, for each row of the query around them, something that lies elsewhere on a
 * cluster. Citus refuses two kinds: an upload (or another table of the coordinator alone) looked up from shards, whose
 * rows are found first and then sent along; and EXISTS over shards for rows of an upload or of a small table, where the
 * rows that have something are found by an inner join first, and are then chosen by their numbers.
 */
import type { Plan, Planned, PlannedStage } from './plan.ts'
import { conjunctsOf } from './shard-facts.ts'
import { and } from './shards.ts'
import {
  columnsOf,
  fromShards,
  leaves,
  mapped,
  NUMBER,
  numberOf,
  type Renamed,
  readsShards,
  renamed,
  rowNumber,
  selectOf,
  standIn,
  type With,
} from './stand-in.ts'
import type { Body, From, Relation, SelectBody } from './tree.ts'
import { mapBody } from './walk.ts'

type Select = SelectBody<PlannedStage>

interface Made {
  /** WITH queries that read shards. */
  readonly sharded: ReadonlySet<string>
  readonly added: With[]
  count: number
}

export function withLookups(plan: Plan): Plan {
  const sharded = new Set<string>()
  const made: Made = { sharded, added: [], count: 0 }
  const queries = plan.with.flatMap(w => {
    const body = inBody(w.body, made)
    const before = made.added.splice(0)
    if (readsShards(body, sharded)) {
      sharded.add(w.sqlName)
      return [...before, { ...w, body }]
    }
    return [...before, { ...w, body, materialized: true }]
  })
  const body = inBody(plan.body, made)
  return { with: [...queries, ...made.added], body }
}

function inBody(body: Body<PlannedStage>, made: Made): Body<PlannedStage> {
  if (body.kind === 'set') return { ...body, left: inBody(body.left, made), right: inBody(body.right, made) }
  const from = body.from.map(f => inSubqueries(f, made))
  const select = inExpressions({ ...body, from }, query => inBody(query, made))
  return select.from.some(f => fromShards(f, made.sharded))
    ? inExpressions(select, query => (correlates(query, select) ? sentAlong(query, made) : query))
    : foundFirst(select, made)
}

function inSubqueries(from: From<PlannedStage>, made: Made): From<PlannedStage> {
  if (from.kind === 'subquery') return { ...from, body: inBody(from.body, made) }
  if (from.kind !== 'join') return from
  return { ...from, left: inSubqueries(from.left, made), right: inSubqueries(from.right, made) }
}

/** A select with the sub-queries of its expressions taken further; those of FROM stay as they are. */
function inExpressions(select: Select, next: (query: Body<PlannedStage>) => Body<PlannedStage>): Select {
  const expression = (e: Planned): Planned => {
    if (e.kind === 'exists' || e.kind === 'subquery') return { ...e, query: next(e.query) }
    if (e.kind === 'in' && e.query) return { ...e, operand: expression(e.operand), query: next(e.query) }
    return mapped(e, expression)
  }
  const made = mapBody<PlannedStage, PlannedStage>({ ...select, from: [] }, expression) as Select
  return { ...made, from: select.from.map(f => inConditions(f, expression)) }
}

function inConditions(from: From<PlannedStage>, next: (e: Planned) => Planned): From<PlannedStage> {
  if (from.kind !== 'join') return from
  const on = from.on && next(from.on)
  return { ...from, left: inConditions(from.left, next), right: inConditions(from.right, next), on }
}

const relationsOf = (select: Select): Relation[] => select.from.flatMap(leaves).map(leaf => leaf.relation)

/** Whether a sub-query speaks of the rows of the select around it. */
function correlates(query: Body<PlannedStage>, around: Select): boolean {
  const relations = new Set(relationsOf(around))
  return columnsOf(query).some(column => relations.has(column.relation))
}

/** The tables of the coordinator alone in a sub-query become WITH queries, whose rows go to the nodes. */
function sentAlong(body: Body<PlannedStage>, made: Made): Body<PlannedStage> {
  if (body.kind === 'set')
    return { ...body, left: sentAlong(body.left, made), right: sentAlong(body.right, made) }
  const columns = new Map()
  const used = columnsOf(body)
  const next = (from: From<PlannedStage>): From<PlannedStage> => {
    if (from.kind === 'join') return { ...from, left: next(from.left), right: next(from.right) }
    if (from.kind === 'subquery') return { ...from, body: sentAlong(from.body, made) }
    if (from.kind !== 'table' || from.table.distribution) return from
    const rows = standIn(`sent_rows_${++made.count}`, from, used)
    for (const [relation, renaming] of rows.columns) columns.set(relation, renaming)
    // Where no column is used it is their number that counts.
    const items = rows.items.length > 0 ? rows.items : [{ expression: rowNumber(), column: NUMBER }]
    made.added.push({ sqlName: rows.relation.alias, body: selectOf(items, [from]), materialized: true })
    return { kind: 'with', relation: rows.relation, sqlName: rows.relation.alias }
  }
  const select = inExpressions({ ...body, from: body.from.map(next) }, query => sentAlong(query, made))
  return renamedIn(select, columns)
}

const renamedIn = (select: Select, columns: Renamed): Select =>
  mapBody<PlannedStage, PlannedStage>(select, e => renamed(e, columns)) as Select

/** EXISTS over shards: the rows of the select are numbered, and those that have something found by a join. */
function foundFirst(select: Select, made: Made): Select {
  const wanted = existsIn(select).filter(query => canBeJoined(query, select, made.sharded)) as Select[]
  if (wanted.length === 0) return select
  const own = new Set(relationsOf(select))
  const conjuncts = select.where ? conjunctsOf(select.where) : []
  const isOwn = (e: Planned) => queriesIn(e).length === 0 && columnsIn(e).every(c => own.has(c.relation))
  const [filters, rest] = [conjuncts.filter(isOwn), conjuncts.filter(e => !isOwn(e))]
  const from = select.from.reduce((left, right) => ({
    kind: 'join',
    type: 'CROSS',
    left,
    right,
    on: undefined,
  }))
  const rows = standIn(`looked_up_${++made.count}`, from, columnsOf(select))
  const kept: From<PlannedStage> = { kind: 'with', relation: rows.relation, sqlName: rows.relation.alias }
  made.added.push({
    sqlName: rows.relation.alias,
    body: {
      ...selectOf([{ expression: rowNumber(), column: NUMBER }, ...rows.items], [from]),
      where: filters.length > 0 ? and(filters) : undefined,
    },
    materialized: true,
  })
  const number = { expression: numberOf(rows.relation), column: NUMBER }
  const found = new Map<Body<PlannedStage>, Relation>()
  for (const query of wanted) {
    const { relation } = standIn(`matched_${++made.count}`, from, [])
    found.set(query, relation)
    const where = query.where && renamed(query.where, rows.columns)
    const body = { ...selectOf([number], [kept, ...query.from]), distinct: true, where }
    made.added.push({ sqlName: relation.alias, body, materialized: true })
  }
  const replaced = (e: Planned): Planned => {
    const relation = e.kind === 'exists' ? found.get(e.query) : undefined
    if (!relation) return mapped(e, replaced)
    const { start, end } = e
    const query = selectOf(
      [{ expression: numberOf(relation), column: NUMBER }],
      [{ kind: 'with', relation, sqlName: relation.alias }],
    )
    const operand = numberOf(rows.relation)
    return { kind: 'in', negated: false, operand, values: undefined, query, type: 'boolean', start, end }
  }
  const where = rest.length > 0 ? and(rest) : undefined
  const next = (e: Planned) => renamed(replaced(e), rows.columns)
  return {
    ...(mapBody<PlannedStage, PlannedStage>({ ...select, from: [], where }, next) as Select),
    from: [kept],
  }
}

/** Whether EXISTS of a query is the same as a join with what it reads, by its condition. */
function canBeJoined(query: Body<PlannedStage>, around: Select, sharded: ReadonlySet<string>): boolean {
  if (query.kind !== 'select' || !readsShards(query, sharded) || !correlates(query, around)) return false
  const { items, groupBy, having, limit, offset } = query
  if (groupBy.length > 0 || having || limit !== undefined || offset !== undefined) return false
  if (items.some(item => callsIn(item.expression).some(call => call.form.kind === 'aggregate'))) return false
  const [own, within] = [new Set(relationsOf(around)), relationsWithin(query)]
  const read = columnsOf({ ...query, items: [], where: undefined, orderBy: [] })
  return (
    !read.some(column => own.has(column.relation)) &&
    columnsOf(query).every(({ relation }) => own.has(relation) || within.has(relation))
  )
}

/** Relations of a query and of those in it. */
function relationsWithin(body: Body<PlannedStage>, into = new Set<Relation>()): Set<Relation> {
  if (body.kind === 'set') return relationsWithin(body.right, relationsWithin(body.left, into))
  for (const leaf of body.from.flatMap(leaves)) {
    into.add(leaf.relation)
    if (leaf.kind === 'subquery') relationsWithin(leaf.body, into)
  }
  inExpressions(body, query => {
    relationsWithin(query, into)
    return query
  })
  return into
}

/** Every part of an expression, without those in sub-queries. */
function partsOf(e: Planned): Planned[] {
  if (e.kind === 'exists' || e.kind === 'subquery') return [e]
  if (e.kind === 'in' && e.query) return [e, ...partsOf(e.operand)]
  const parts: Planned[] = [e]
  mapped(e, part => {
    parts.push(...partsOf(part))
    return part
  })
  return parts
}

const columnsIn = (e: Planned) => partsOf(e).filter(part => part.kind === 'column')
const callsIn = (e: Planned) => partsOf(e).filter(part => part.kind === 'call')
const queriesIn = (e: Planned) =>
  partsOf(e).flatMap(part =>
    (part.kind === 'exists' || part.kind === 'subquery' || part.kind === 'in') && part.query
      ? [part.query]
      : [],
  )

/** The queries of the EXISTS of a select's own expressions. */
function existsIn(select: Select): Body<PlannedStage>[] {
  const found: Body<PlannedStage>[] = []
  mapBody<PlannedStage, PlannedStage>({ ...select, from: [] }, e => {
    found.push(...partsOf(e).flatMap(part => (part.kind === 'exists' ? [part.query] : [])))
    return e
  })
  return found
}

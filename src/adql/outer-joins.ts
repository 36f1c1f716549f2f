/**
 * Outer joins that keep the rows of an upload (or of any table that is on the coordinator alone) and add those of a
 * sharded table: Citus would fetch the whole of the latter. The rows that match are found by an inner join first, in
 * the shards, and then put beside the kept ones, which are numbered for that.
 */
import type { Plan, PlannedStage } from './plan.ts'
import {
  columnsOf,
  fromShards,
  type Join,
  leaves,
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
import type { Body, From, SelectBody } from './tree.ts'
import { mapBody } from './walk.ts'

interface Made {
  readonly added: With[]
  count: number
}

export function withOuterJoins(plan: Plan): Plan {
  const made: Made = { added: [], count: 0 }
  const sharded = new Set(plan.with.filter(w => readsShards(w.body, new Set())).map(w => w.sqlName))
  const next = (body: Body<PlannedStage>) => inBody(body, sharded, made)
  const queries = plan.with.flatMap(w => {
    const body = next(w.body)
    return [...made.added.splice(0), { ...w, body }]
  })
  const body = next(plan.body)
  return made.count === 0 ? plan : { with: [...queries, ...made.added], body }
}

function inBody(body: Body<PlannedStage>, sharded: ReadonlySet<string>, made: Made): Body<PlannedStage> {
  if (body.kind === 'set')
    return { ...body, left: inBody(body.left, sharded, made), right: inBody(body.right, sharded, made) }
  let select: SelectBody<PlannedStage> = {
    ...body,
    from: body.from.map(f => inSubqueries(f, sharded, made)),
  }
  for (;;) {
    const join = select.from.flatMap(f => splitting(f, sharded) ?? [])[0]
    if (!join) return select
    select = split(select, join, made)
  }
}

function inSubqueries(
  from: From<PlannedStage>,
  sharded: ReadonlySet<string>,
  made: Made,
): From<PlannedStage> {
  if (from.kind === 'subquery') return { ...from, body: inBody(from.body, sharded, made) }
  if (from.kind !== 'join') return from
  const [left, right] = [from.left, from.right].map(side => inSubqueries(side, sharded, made))
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

const isReference = (leaf: From<PlannedStage>): boolean =>
  leaf.kind === 'table' && leaf.table.distribution === 'reference'

function split(select: SelectBody<PlannedStage>, join: Join, made: Made): SelectBody<PlannedStage> {
  const [kept, other] = join.type === 'LEFT' ? [join.left, join.right] : [join.right, join.left]
  const used = columnsOf(select)
  const n = ++made.count
  const rows = standIn(`kept_rows_${n}`, kept, used)
  const found = standIn(`found_rows_${n}`, other, used)
  const at = { start: 0, end: 0 }
  made.added.push(
    {
      sqlName: rows.relation.alias,
      body: selectOf([{ expression: rowNumber(), column: NUMBER }, ...rows.items], [kept]),
      materialized: true,
    },
    {
      sqlName: found.relation.alias,
      body: selectOf(
        [{ expression: numberOf(rows.relation), column: NUMBER }, ...found.items],
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
  const rest = mapBody<PlannedStage, PlannedStage>({ ...select, from: [] }, e => renamed(e, columns))
  return { ...(rest as SelectBody<PlannedStage>), from }
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

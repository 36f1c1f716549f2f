/** Queries: FROM makes the scope, the select list the output columns; what is wrong is collected, not thrown. */
import type * as Ast from './ast.ts'
import { cast } from './coerce.ts'
import type { Complaint } from './error.ts'
import { outputField } from './fields.ts'
import { resolveFrom } from './from.ts'
import { checkGrouping, fingerprint } from './grouping.ts'
import { nameOf, sqlName } from './names.ts'
import type { Note } from './notes.ts'
import { resolveCondition, resolveExpression } from './resolve-expression.ts'
import { derivedRelation, reference, relationsNamed, type Scope, type Visible } from './scope.ts'
import { type Clause, complain, type Place, type State } from './state.ts'
import { matches, type Tables } from './tables.ts'
import type { Body, Column, Item, Query, Resolved, ResolvedStage, SelectBody, Sort } from './tree.ts'
import { commonType, fieldOf, isGeometry, type Type } from './types.ts'

export interface Resolution {
  readonly query: Query<ResolvedStage>
  readonly columns: readonly Column[]
  readonly complaints: readonly Complaint[]
  readonly notes: readonly Note[]
}

/** Resolves every name of a query against the tables that its asker may see. */
export function resolve(query: Ast.Query, tables: Tables): Resolution {
  const state: State = { tables, complaints: [], notes: [], aliases: new Set(), with: new Map() }
  const made: { sqlName: string; body: Body<ResolvedStage> }[] = []
  for (const w of query.with) {
    const { body, columns } = resolveBody(w.query, undefined, state)
    const key = w.name.text.toLowerCase()
    if (state.with.has(key)) complain(state, w.name, `there are two WITH queries named ${w.name.text}`)
    const name = sqlName(w.name.text, 'q', state.aliases)
    state.with.set(key, { name: w.name.text, sqlName: name, columns })
    made.push({ sqlName: name, body })
  }
  const { body, columns } = resolveBody(query.body, undefined, state)
  return { query: { with: made, body }, columns, complaints: state.complaints, notes: state.notes }
}

export interface ResolvedBody {
  readonly body: Body<ResolvedStage>
  readonly columns: readonly Column[]
}

/** A SELECT or set operation; `parent` is the scope around a correlated sub-query. */
export function resolveBody(
  query: Ast.QueryExpression,
  parent: Scope | undefined,
  state: State,
): ResolvedBody {
  return query.kind === 'select' ? resolveSelect(query, parent, state) : resolveSet(query, parent, state)
}

// ---------------------------------------------------------------- SELECT

function resolveSelect(select: Ast.Select, parent: Scope | undefined, state: State): ResolvedBody {
  const joined = select.from.map(f => resolveFrom(f, parent, state))
  checkRelationNames(
    joined.flatMap(j => j.relations),
    select,
    state,
  )
  const scope: Scope = { joined, parent }
  const place = (clause: Clause, seen: readonly Item<ResolvedStage>[] = []): Place => {
    const usable = clause !== 'WHERE'
    return { state, scope, clause, items: usable ? seen : [], hidden: usable ? [] : seen, inside: undefined }
  }

  const items = resolveItems(select.items, place('SELECT'))
  const where = select.where && resolveCondition(select.where, place('WHERE', items))
  const groupBy = select.groupBy.map(g => resolveExpression(g, place('GROUP BY', items)))
  const having = select.having && resolveCondition(select.having, place('HAVING', items))
  const distinct = select.quantifier === 'DISTINCT'
  const orderBy = select.orderBy.map(s => resolveSort(s, items, distinct, place('ORDER BY', items)))
  const limits = [select.top, select.limit].filter(n => n !== undefined)
  const body: SelectBody<ResolvedStage> = {
    kind: 'select',
    distinct,
    items,
    from: joined.map(j => j.from),
    where,
    groupBy,
    having,
    orderBy,
    limit: limits.length > 0 ? Math.min(...limits) : undefined,
    offset: select.offset,
    start: select.start,
    end: select.end,
  }
  for (const g of groupBy) {
    if (isGeometry(g.type))
      complain(
        state,
        g,
        `rows cannot be grouped by a ${g.type}`,
        'Group by its coordinates, COORD1 and COORD2.',
      )
  }
  checkGrouping(body, scope, state)
  return { body, columns: items.map(i => i.column) }
}

function checkRelationNames(
  relations: readonly { name: string; schema: string | undefined }[],
  at: Ast.Select,
  state: State,
): void {
  const seen = new Set<string>()
  for (const { name, schema } of relations) {
    const key = `${schema?.toLowerCase() ?? ''}.${name.toLowerCase()}`
    if (seen.has(key)) {
      const first = at.from[0]!
      const span = { start: first.start, end: at.from.at(-1)!.end }
      complain(
        state,
        span,
        `two tables in FROM are called ${name}`,
        'Give each an alias of its own, as in FROM t AS a, t AS b.',
      )
    }
    seen.add(key)
  }
}

interface Unnamed {
  readonly expression: Resolved
  /** Name in the query, undefined for an expression without AS. */
  readonly name: string | undefined
  readonly column: Column | undefined
}

function resolveItems(items: readonly Ast.SelectItem[], place: Place): Item<ResolvedStage>[] {
  const found = items.flatMap((item): Unnamed[] => {
    if (item.kind === 'item') {
      const expression = resolveExpression(item.expression, place)
      const own = item.expression.kind === 'column' ? columnName(item.expression, expression) : undefined
      return [{ expression, name: item.alias?.text ?? own, column: undefined }]
    }
    const visible =
      item.kind === 'star' ? place.scope.joined.flatMap(j => j.visible()) : tableStar(item, place)
    return visible.map(v => ({
      expression: { ...v.expression, start: item.start, end: item.end },
      name: v.column.name,
      column: v.column,
    }))
  })
  const taken = new Set<string>()
  for (const f of found) if (f.name !== undefined) taken.add(f.name.toLowerCase())
  const sqlNames = new Set<string>()
  return found.map(({ expression, name }) => {
    const unique = name ?? freeName(nameOf(expression), taken)
    return { expression, column: outputColumn(unique, expression, sqlNames) }
  })
}

/** A merged column of a FULL join is an expression, and keeps its name. */
function columnName(written: Ast.ExpressionOf<'column'>, found: Resolved): string {
  return found.kind === 'column' ? found.column.name : written.name.at(-1)!.text
}

/** A name for a column without one, different from all others in the list (TAP 1.1 §3.2). */
function freeName(stem: string, taken: Set<string>): string {
  let name = stem
  for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${stem}_${n}`
  taken.add(name.toLowerCase())
  return name
}

function outputColumn(name: string, expression: Resolved, sqlNames: Set<string>): Column {
  return {
    name,
    sqlName: sqlName(name, 'c', sqlNames),
    type: expression.type,
    stored: undefined,
    field: outputField(name, expression),
    source: expression.kind === 'column' ? expression.column.source : undefined,
  }
}

function tableStar(item: Extract<Ast.SelectItem, { kind: 'tableStar' }>, place: Place): readonly Visible[] {
  const relations = relationsNamed(place.scope, item.table)
  const name = item.table.map(p => p.text).join('.')
  if (relations.length === 0) {
    const names = place.scope.joined.flatMap(j => j.relations.map(r => r.name))
    complain(
      place.state,
      item,
      `there is no table ${name} in FROM`,
      names.length > 0 ? `FROM has ${names.join(', ')}.` : undefined,
    )
  }
  return relations.flatMap(r =>
    r.columns.map(column => ({ column, expression: reference(r, column, item), hides: [] })),
  )
}

// ---------------------------------------------------------------- ORDER BY

function ordinalOf(key: Ast.Expression): number | undefined {
  return key.kind === 'number' && key.integer ? Number(key.text) : undefined
}

function outOfRange(key: Ast.Expression, ordinal: number, count: number, state: State): boolean {
  if (ordinal >= 1 && ordinal <= count) return false
  const columns = count === 1 ? '1 column' : `${count} columns`
  complain(state, key, `there is no column ${ordinal} to order by: the query selects ${columns}`)
  return true
}

/** An alias comes before a column of the tables, a column before an alias inside an expression, as in SQL. */
function resolveSort(
  sort: Ast.SortSpecification,
  items: readonly Item<ResolvedStage>[],
  distinct: boolean,
  place: Place,
): Sort<ResolvedStage> {
  const { key, direction, nulls, start, end } = sort
  const sorted = (made: number | Resolved): Sort<ResolvedStage> => ({
    key: made,
    direction,
    nulls,
    start,
    end,
  })
  const ordinal = ordinalOf(key)
  if (ordinal !== undefined) return sorted(outOfRange(key, ordinal, items.length, place.state) ? 1 : ordinal)
  if (key.kind === 'column' && key.name.length === 1) {
    const same = items.flatMap((item, i) => (matches(key.name[0]!, item.column.name) ? [i] : []))
    if (
      same.length > 0 &&
      same.every(i => fingerprint(items[i]!.expression) === fingerprint(items[same[0]!]!.expression))
    ) {
      return sorted(same[0]! + 1)
    }
  }
  const expression = resolveExpression(key, place)
  if (isGeometry(expression.type))
    complain(place.state, key, `rows cannot be ordered by a ${expression.type}`)
  if (distinct && expression.type !== 'unknown') {
    const print = fingerprint(expression)
    const at = items.findIndex(i => fingerprint(i.expression) === print)
    if (at >= 0) return sorted(at + 1)
    complain(
      place.state,
      key,
      'with DISTINCT, rows are ordered by columns of the select list only',
      'Select this, too.',
    )
  }
  return sorted(expression)
}

// ---------------------------------------------------------------- UNION, EXCEPT, INTERSECT

function resolveSet(set: Ast.SetOperation, parent: Scope | undefined, state: State): ResolvedBody {
  const left = resolveBody(set.left, parent, state)
  const right = resolveBody(set.right, parent, state)
  const { operator, all, limit, offset, start, end } = set
  if (left.columns.length !== right.columns.length) {
    complain(
      state,
      set.right,
      `the two sides of ${operator} have ${left.columns.length} and ${right.columns.length} columns`,
      'Both must select the same number of columns.',
    )
    return left
  }
  const types = left.columns.map((l, i) => {
    const r = right.columns[i]!
    const type = commonType(l.type, r.type)
    if (!type) {
      const message = `column ${i + 1} of ${operator} is ${l.name} (${l.type}) on one side and ${r.name} (${r.type}) on the other`
      complain(state, set.right, message, 'Convert one of them with CAST.')
    }
    return type ?? 'unknown'
  })
  const columns = left.columns.map((l, i) => unite(l, right.columns[i]!, types[i]!))
  const body: Body<ResolvedStage> = {
    kind: 'set',
    operator,
    all,
    left: retype(left.body, types),
    right: retype(right.body, types),
    orderBy: [],
    limit,
    offset,
    start,
    end,
  }
  return orderSet(set, body, columns, state)
}

/** Name and metadata of the left side; the source stays when both sides are the same column (ADQL 2.1 §4.6). */
function unite(left: Column, right: Column, type: Type): Column {
  const same =
    left.source && left.source.table === right.source?.table && left.source.sqlName === right.source.sqlName
  const { unit, ucd, description } = left.field
  const field =
    left.type === type ? left.field : { name: left.name, ...fieldOf(type), unit, ucd, description }
  const widest =
    field.arraysize !== right.field.arraysize && field.datatype === 'char'
      ? { ...field, arraysize: '*' }
      : field
  return { ...left, type, field: widest, source: same ? left.source : undefined }
}

function retype(body: Body<ResolvedStage>, types: readonly Type[]): Body<ResolvedStage> {
  if (body.kind === 'set')
    return { ...body, left: retype(body.left, types), right: retype(body.right, types) }
  const items = body.items.map((item, i) => ({ ...item, expression: cast(item.expression, types[i]!) }))
  return { ...body, items }
}

/** SQL orders a set operation by its output columns only; by an expression of them it is done around it. */
function orderSet(
  set: Ast.SetOperation,
  body: Extract<Body<ResolvedStage>, { kind: 'set' }>,
  columns: readonly Column[],
  state: State,
): ResolvedBody {
  if (set.orderBy.length === 0) return { body, columns }
  const plain = set.orderBy.map(({ key, direction, nulls, start, end }): Sort<ResolvedStage> | undefined => {
    const ordinal = ordinalOf(key)
    if (ordinal !== undefined) {
      return {
        key: outOfRange(key, ordinal, columns.length, state) ? 1 : ordinal,
        direction,
        nulls,
        start,
        end,
      }
    }
    const name = key.kind === 'column' && key.name.length === 1 ? key.name[0] : undefined
    const at = name ? columns.findIndex(c => matches(name, c.name)) : -1
    return at < 0 ? undefined : { key: at + 1, direction, nulls, start, end }
  })
  if (plain.every(p => p !== undefined)) return { body: { ...body, orderBy: plain }, columns }

  const alias = sqlName('united', 'united', state.aliases)
  const relation = derivedRelation({ alias, name: alias, schema: undefined }, columns)
  const visible = columns.map(column => ({ column, expression: reference(relation, column, set), hides: [] }))
  const from = { kind: 'subquery' as const, relation, body: { ...body, limit: undefined, offset: undefined } }
  const scope: Scope = {
    joined: [{ from, relations: [relation], merged: [], visible: () => visible }],
    parent: undefined,
  }
  const items = visible.map(({ column, expression }) => ({ column, expression }))
  const place: Place = { state, scope, clause: 'ORDER BY', items, hidden: [], inside: undefined }
  return {
    columns,
    body: {
      kind: 'select',
      distinct: false,
      items,
      from: [from],
      where: undefined,
      groupBy: [],
      having: undefined,
      orderBy: set.orderBy.map(s => resolveSort(s, items, false, place)),
      limit: body.limit,
      offset: body.offset,
      start: set.start,
      end: set.end,
    },
  }
}

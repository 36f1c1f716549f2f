/** UNION, EXCEPT, INTERSECT (ADQL 2.1 §4.6): both sides get the same number of columns, and of the same types. */
import type * as Ast from './ast.ts'
import { cast } from './coerce.ts'
import { sqlName } from './names.ts'
import { type ResolvedBody, resolveBody } from './resolve.ts'
import { derivedRelation, reference, type Scope } from './scope.ts'
import { ordinalOf, outOfRange, resolveSort } from './sort.ts'
import { complain, type Place, type State } from './state.ts'
import { matches } from './tables.ts'
import type { Body, Column, ResolvedStage, Sort } from './tree.ts'
import { commonType, fieldOf, type Type } from './types.ts'

export function resolveSet(set: Ast.SetOperation, parent: Scope | undefined, state: State): ResolvedBody {
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
    left: retype(left, types),
    right: retype(right, types),
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

/** Most sides have their types already, and a chain of a thousand is not walked a thousand times. */
function retype({ body, columns }: ResolvedBody, types: readonly Type[]): Body<ResolvedStage> {
  return columns.every((c, i) => c.type === types[i]) ? body : retyped(body, types)
}

function retyped(body: Body<ResolvedStage>, types: readonly Type[]): Body<ResolvedStage> {
  if (body.kind === 'set')
    return { ...body, left: retyped(body.left, types), right: retyped(body.right, types) }
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

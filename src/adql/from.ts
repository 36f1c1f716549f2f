/** FROM: tables, sub-queries and joins as relations with names. */
import type * as Ast from './ast.ts'
import { alike } from './coerce.ts'
import { formsOf } from './functions.ts'
import { sqlName } from './names.ts'
import { resolveBody } from './resolve.ts'
import { resolveCondition } from './resolve-expression.ts'
import { derivedRelation, type Joined, reference, type Scope, tableRelation, type Visible } from './scope.ts'
import { complain, type State } from './state.ts'
import { nearest, oneOf, spelled } from './suggest.ts'
import { matches, type TableMeta } from './tables.ts'
import type { ColumnReference, Relation, Resolved } from './tree.ts'
import { isGeometry } from './types.ts'
import { columnsIn } from './walk.ts'

export function resolveFrom(reference: Ast.TableReference, parent: Scope | undefined, state: State): Joined {
  switch (reference.kind) {
    case 'table':
      return resolveTable(reference, state)
    case 'subquery': {
      // Like PostgreSQL without LATERAL, it does not see its neighbours, but what is around the whole query.
      const { body, columns } = resolveBody(reference.query, parent, state)
      const { text } = reference.alias
      const alias = sqlName(text, 's', state.aliases)
      const relation = derivedRelation({ alias, name: text, schema: undefined }, columns)
      return joinedOf(relation, { kind: 'subquery', relation, body })
    }
    case 'join':
      return resolveJoin(reference, parent, state)
  }
}

function joinedOf(relation: Relation, from: Joined['from']): Joined {
  const span = { start: 0, end: 0 }
  return {
    from,
    relations: [relation],
    merged: [],
    visible: () =>
      relation.columns.map(column => ({ column, expression: reference(relation, column, span), hides: [] })),
  }
}

type TableName = Extract<Ast.TableReference, { kind: 'table' }>

function resolveTable(t: TableName, state: State): Joined {
  const name = t.name.at(-1)!
  const alias = sqlName(t.alias?.text ?? name.text, 't', state.aliases)
  const made = t.name.length === 1 ? state.with.get(name.text.toLowerCase()) : undefined
  if (made && matches(name, made.name)) {
    const relation = derivedRelation(
      { alias, name: t.alias?.text ?? made.name, schema: undefined },
      made.columns,
    )
    return joinedOf(relation, { kind: 'with', relation, sqlName: made.sqlName })
  }
  const table = findTable(t, state)
  if (!table) {
    const relation = poisoned(alias, t.alias?.text ?? name.text, t.alias ? undefined : t.name.at(-2)?.text)
    return joinedOf(relation, { kind: 'with', relation, sqlName: alias })
  }
  const relation = tableRelation(
    { alias, name: t.alias?.text ?? table.name, schema: t.alias ? undefined : table.schema },
    table,
  )
  const span = { start: t.name[0]!.start, end: name.end }
  return joinedOf(relation, { kind: 'table', relation, table, sample: t.sample, span })
}

/** Stands for a table that was not found: whatever is asked of it has been complained about already. */
function poisoned(alias: string, name: string, schema: string | undefined): Relation {
  return {
    alias,
    name,
    schema,
    table: undefined,
    columns: [],
    find: column => [
      {
        name: column,
        sqlName: 'c',
        type: 'unknown',
        stored: undefined,
        field: { name: column, datatype: 'char', arraysize: '*' },
        source: undefined,
      },
    ],
  }
}

function findTable(t: TableName, state: State): TableMeta | undefined {
  const name = t.name.at(-1)!
  const schema = t.name.at(-2)
  const span = { start: t.name[0]!.start, end: name.end }
  const written = t.name.map(p => p.text).join('.')
  const found = t.name.length > 2 ? [] : state.tables.find(schema, name)
  if (found.length === 1) return found[0]
  if (found.length > 1) {
    const exact = found.filter(f => f.name === name.text && (!schema || f.schema === schema.text))
    if (exact.length === 1) return exact[0]
    const names = found.map(f => `${f.schema}.${f.name}`)
    complain(state, span, `there are ${found.length} tables named ${written}`, `Write ${oneOf(names)}.`)
    return undefined
  }
  const closed = t.name.length > 2 ? undefined : state.tables.closed?.(schema, name)
  if (closed) state.complaints.push({ ...span, ...closed })
  else complain(state, span, `there is no table ${written}`, tableHint(t, state))
  return undefined
}

function tableHint(t: TableName, state: State): string | undefined {
  const name = t.name.at(-1)!
  const schema = t.name.at(-2)
  const full = (table: TableMeta) => `${spelled(table.schema)}.${spelled(table.name)}`
  if (t.name.length > 2) {
    const inner = state.tables.find(schema, name)[0]
    if (inner) return `There are no catalogs here; write ${full(inner)}.`
  }
  const [before, after, ...rest] = name.text.split('.')
  if (before && after && rest.length === 0) {
    const part = (text: string) => ({ text, delimited: false })
    const inner = state.tables.find(part(before), part(after))[0]
    if (inner) return `Quotes stand around each part of a name: ${full(inner)}.`
  }
  const elsewhere = state.tables.all.filter(x => x.name.toLowerCase() === name.text.toLowerCase()).map(full)
  if (elsewhere.length > 0) return `Did you mean ${oneOf(elsewhere.slice(0, 3))}?`
  const sought = schema ? `${schema.text}.${name.text}` : name.text
  const near = schema
    ? nearest(sought, state.tables.all.map(full))
    : nearest(
        sought,
        state.tables.all.map(x => x.name),
      ).flatMap(n => state.tables.all.filter(x => x.name === n).map(full))
  return near.length > 0 ? `Did you mean ${oneOf(near.slice(0, 3))}?` : undefined
}

// ---------------------------------------------------------------- joins

type Join = Extract<Ast.TableReference, { kind: 'join' }>

function resolveJoin(join: Join, parent: Scope | undefined, state: State): Joined {
  const left = resolveFrom(join.left, parent, state)
  const right = resolveFrom(join.right, parent, state)
  const names = join.natural ? naturalNames(left, right) : join.using
  const merged = names.map(n => merge(n, join, left, right, state)).filter(m => m !== undefined)
  const scope: Scope = { joined: [left, right], parent }
  const on =
    join.on &&
    resolveCondition(join.on, { state, scope, clause: 'ON', items: [], hidden: [], inside: undefined })
  const equal = merged.map(m => m.on).reduce<Resolved | undefined>((a, b) => (a ? and(a, b) : b), undefined)
  const condition = on ?? equal
  if (join.type === 'FULL' && condition) checkFull(condition, left, right, state)
  const type = join.type === 'INNER' && !condition ? 'CROSS' : join.type
  const visible = merged.map(m => m.visible)
  const hidden = new Set(visible.flatMap(v => v.hides.map(h => `${h.relation.alias}.${h.column.sqlName}`)))
  const remains = (v: Visible) =>
    v.expression.kind === 'column'
      ? !hidden.has(`${v.expression.relation.alias}.${v.expression.column.sqlName}`)
      : !visible.some(m => m.column.name === v.column.name)
  return {
    from: {
      kind: 'join',
      type: condition ? type : joinWithout(type),
      left: left.from,
      right: right.from,
      on: condition,
    },
    relations: [...left.relations, ...right.relations],
    merged: [...visible, ...[...left.merged, ...right.merged].filter(remains)],
    visible: () => [...visible, ...[...left.visible(), ...right.visible()].filter(remains)],
  }
}

/** PostgreSQL makes a FULL JOIN by sorting or hashing both sides, so every condition must be an equality of them. */
function checkFull(condition: Resolved, left: Joined, right: Joined, state: State): void {
  if (condition.kind === 'and') {
    checkFull(condition.left, left, right, state)
    checkFull(condition.right, left, right, state)
    return
  }
  const isOf = (e: Resolved, side: Joined) => {
    const columns = columnsIn(e)
    return columns.length > 0 && columns.every(c => side.relations.includes(c.relation))
  }
  if (condition.kind === 'boolean' || condition.type === 'unknown') return
  if (condition.kind === 'comparison' && condition.operator === '=') {
    const { left: a, right: b } = condition
    if (a.type === 'unknown' || b.type === 'unknown') return
    if (!isGeometry(a.type) && ((isOf(a, left) && isOf(b, right)) || (isOf(a, right) && isOf(b, left))))
      return
  }
  complain(
    state,
    condition,
    'a FULL JOIN takes only conditions of the form left = right',
    'Unite a LEFT and a RIGHT JOIN by UNION; conditions on one table go into a sub-query around it.',
  )
}

/** NATURAL JOIN of tables without a common column pairs every row with every other. */
const joinWithout = (type: Join['type']): Join['type'] => (type === 'INNER' ? 'CROSS' : type)

const and = (left: Resolved, right: Resolved): Resolved => ({
  kind: 'and',
  left,
  right,
  type: 'boolean',
  start: left.start,
  end: right.end,
})

function naturalNames(left: Joined, right: Joined): Ast.Identifier[] {
  const others = new Set(right.visible().map(v => v.column.name.toLowerCase()))
  return left
    .visible()
    .filter(v => others.has(v.column.name.toLowerCase()))
    .map(v => ({ text: v.column.name, delimited: false, start: 0, end: 0 }))
}

interface Merge {
  readonly visible: Visible
  readonly on: Resolved
}

/** A column of USING or NATURAL: one column for two equal ones; of an outer join, the one that is not NULL. */
function merge(
  name: Ast.Identifier,
  join: Join,
  left: Joined,
  right: Joined,
  state: State,
): Merge | undefined {
  const span = join.natural ? { start: join.start, end: join.end } : name
  const l = only(name, left, 'left', span, state)
  const r = only(name, right, 'right', span, state)
  if (!l || !r) return undefined
  const at = { start: span.start, end: span.end }
  const [a, b] = alike({ ...l.expression, ...at }, { ...r.expression, ...at }, c => state.complaints.push(c))
  const on: Resolved = { kind: 'comparison', operator: '=', left: a, right: b, type: 'boolean', ...at }
  const hides = [l, r].flatMap(v =>
    v.expression.kind === 'column' ? [v.expression as ColumnReference] : v.hides,
  )
  const allHides = [...hides, ...l.hides, ...r.hides]
  if (join.type === 'RIGHT') return { on, visible: { ...r, hides: allHides } }
  if (join.type !== 'FULL') return { on, visible: { ...l, hides: allHides } }
  const form = formsOf('COALESCE')[0]!
  const args = [l.expression, r.expression]
  const type = l.expression.type
  const expression: Resolved = {
    kind: 'call',
    form,
    args,
    quantifier: undefined,
    frame: undefined,
    type,
    ...at,
  }
  const column = { ...l.column, source: undefined }
  return { on, visible: { column, expression, hides: allHides } }
}

function only(
  name: Ast.Identifier,
  side: Joined,
  which: string,
  span: Ast.Span,
  state: State,
): Visible | undefined {
  const relationsKnow = side.relations.flatMap(r => (r.columns.length === 0 ? r.find(name.text, false) : []))
  const found = side.visible().filter(v => matches(name, v.column.name))
  if (found.length === 1) return found[0]
  if (found.length > 1)
    complain(state, span, `the column ${name.text} is ambiguous on the ${which} of this join`)
  else if (relationsKnow.length === 0) {
    complain(state, span, `the ${which} of this join has no column ${name.text}`)
  }
  return undefined
}

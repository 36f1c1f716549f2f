/** The select list: `*` spelled out, a name and a field for every output column. */
import type * as Ast from './ast.ts'
import { outputField } from './fields.ts'
import { nameOf, sqlName, type UsedNames } from './names.ts'
import { resolveExpression } from './resolve-expression.ts'
import { columnsNamed, reference, relationsNamed, type Visible } from './scope.ts'
import { complain, type Place } from './state.ts'
import type { Column, Item, Resolved, ResolvedStage } from './tree.ts'

interface Unnamed {
  readonly expression: Resolved
  /** Name in the query, undefined for an expression without AS. */
  readonly name: string | undefined
}

/** PostgreSQL's limit of a select list. */
const MAX_COLUMNS = 1664

export function resolveItems(items: readonly Ast.SelectItem[], place: Place): Item<ResolvedStage>[] {
  const found: Unnamed[] = []
  for (const item of items) {
    found.push(...unnamed(item, place))
    if (found.length <= MAX_COLUMNS) continue
    complain(place.state, item, `this query selects more than ${MAX_COLUMNS} columns`)
    found.length = MAX_COLUMNS
    break
  }
  const taken = new Set<string>()
  for (const f of found) if (f.name !== undefined) taken.add(f.name.toLowerCase())
  const sqlNames: UsedNames = new Map()
  return found.map(({ expression, name }) => {
    const unique = name ?? freeName(nameOf(expression), taken)
    return { expression, column: outputColumn(unique, expression, sqlNames) }
  })
}

function unnamed(item: Ast.SelectItem, place: Place): Unnamed[] {
  if (item.kind === 'item') {
    const expression = resolveExpression(item.expression, place)
    const own = item.expression.kind === 'column' ? columnName(item.expression, expression) : undefined
    if (own !== undefined && item.alias && !item.as) adviseComma(own, item.alias, place)
    return [{ expression, name: item.alias?.text ?? own }]
  }
  const visible = item.kind === 'star' ? place.scope.joined.flatMap(j => j.visible()) : tableStar(item, place)
  return visible.map(v => ({
    expression: { ...v.expression, start: item.start, end: item.end },
    name: v.column.name,
  }))
}

/** `SELECT ra dec FROM t` renames ra, and is hardly ever meant. */
function adviseComma(own: string, alias: Ast.Identifier, place: Place): void {
  if (columnsNamed(place.scope, alias).length === 0) return
  const { text, start, end } = alias
  const message = `${own} is called ${text} in the result, which is a column itself: is a comma missing before ${text}?`
  place.state.notes.push({ kind: 'advice', name: 'comma', message, start, end })
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

function outputColumn(name: string, expression: Resolved, sqlNames: UsedNames): Column {
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

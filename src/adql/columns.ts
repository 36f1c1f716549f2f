/** A column's name in an expression: which one it is, or every reason why it is none. */
import type { Identifier, Span } from './ast.ts'
import { hasAggregate, hasWindow } from './grouping.ts'
import { columnsNamed, reference, relationsNamed, type Scope, type Visible } from './scope.ts'
import { complain, isEnough, type Place } from './state.ts'
import { nearest, oneOf, spelled } from './suggest.ts'
import { matches } from './tables.ts'
import type { Column, Relation, Resolved } from './tree.ts'

export function resolveColumn(name: readonly Identifier[], span: Span, place: Place): Resolved {
  return (name.length === 1 ? bare(name[0]!, place) : qualified(name, span, place)) ?? unknown(span)
}

export const unknown = (span: Span): Resolved => ({
  kind: 'null',
  type: 'unknown',
  start: span.start,
  end: span.end,
})

function bare(name: Identifier, place: Place): Resolved | undefined {
  for (let scope: Scope | undefined = place.scope; scope; scope = scope.parent) {
    const found = ofKnownTables(columnsNamed(scope, name))
    if (found.length === 1) return { ...found[0]!.expression, start: name.start, end: name.end }
    if (found.length > 1) {
      const relations = found.map(f =>
        f.expression.kind === 'column' ? f.expression.relation.name : f.column.name,
      )
      complain(
        place.state,
        name,
        `the column ${name.text} is ambiguous: it is in ${relations.join(' and ')}`,
        `Write ${oneOf([...new Set(relations)].map(r => `${r}.${name.text}`))}.`,
      )
      return undefined
    }
    if (scope === place.scope) {
      const item = place.items.find(i => matches(name, i.column.name))
      if (item) {
        checkAlias(name, item.expression, place)
        return { ...item.expression, start: name.start, end: name.end }
      }
    }
  }
  complainUnknown(name, place)
  return undefined
}

/** A table that was not found has a column of every name: what the others have is meant. */
function ofKnownTables(found: readonly Visible[]): readonly Visible[] {
  const known = found.filter(f => f.column.type !== 'unknown')
  return known.length > 0 ? known : found.slice(0, 1)
}

/** An alias stands for its expression, which may be none for this place. */
function checkAlias(name: Identifier, meant: Resolved, place: Place): void {
  const where = place.inside ?? (place.clause === 'ORDER BY' ? undefined : place.clause)
  if (!where) return
  const what = hasWindow(meant)
    ? 'a window function'
    : (place.inside || place.clause === 'GROUP BY') && hasAggregate(meant)
      ? 'an aggregate'
      : undefined
  if (what)
    complain(
      place.state,
      name,
      `${name.text} is the alias of ${what}, which cannot stand in ${where}`,
      'Compute it in a sub-query.',
    )
}

function qualified(name: readonly Identifier[], span: Span, place: Place): Resolved | undefined {
  const column = name.at(-1)!
  const qualifier = name.slice(0, -1)
  for (let scope: Scope | undefined = place.scope; scope; scope = scope.parent) {
    const relations = relationsNamed(scope, qualifier)
    if (relations.length === 0) continue
    const found = relations.flatMap(r =>
      r.find(column.text, column.delimited).map(c => reference(r, c, span)),
    )
    if (found.length === 1) return found[0]
    if (found.length > 1) {
      complain(place.state, span, `${written(name)} is ambiguous`, 'Give the tables different aliases.')
    } else {
      const known = columnNames(relations)
      complain(
        place.state,
        column,
        `${written(qualifier)} has no column ${written([column])}`,
        isEnough(place.state) ? undefined : hintOf(column, known, otherTables(column, place)),
      )
    }
    return undefined
  }
  complainQualifier(qualifier, place)
  return undefined
}

function complainUnknown(name: Identifier, place: Place): void {
  if (isEnough(place.state)) {
    complain(place.state, name, `there is no column ${written([name])}`)
    return
  }
  if (place.hidden.some(i => matches(name, i.column.name))) {
    const hint = `WHERE is done before SELECT gives names: repeat the expression that is called ${name.text}.`
    complain(place.state, name, `the alias ${name.text} cannot be used in ${place.clause}`, hint)
    return
  }
  const known = columnNames(visibleRelations(place.scope))
  const hint = FOREIGN.get(name.text.toLowerCase()) ?? hintOf(name, known, otherTables(name, place))
  const otherCase = known.some(k => k.toLowerCase() === name.text.toLowerCase())
  if (name.delimited && !otherCase) {
    const quoted = `'${name.text.replaceAll("'", "''")}'`
    complain(
      place.state,
      name,
      `there is no column "${name.text}"`,
      `Double quotes are for names; text is in single quotes: ${quoted}.${hint ? ` ${hint}` : ''}`,
    )
    return
  }
  complain(place.state, name, `there is no column ${written([name])}`, hint)
}

/** What other languages have where ADQL has a column. */
const FOREIGN = new Map([
  ['rownum', 'SELECT TOP n … gives the first n rows.'],
  ['nan', "NaN is CAST('NaN' AS DOUBLE PRECISION)."],
  ['current_timestamp', "Times are compared with texts: t >= '2025-03-01T22:15:00'."],
  ['current_date', "Times are compared with texts: t >= '2025-03-01'."],
])

function complainQualifier(qualifier: readonly Identifier[], place: Place): void {
  const table = qualifier.at(-1)!
  const span = { start: qualifier[0]!.start, end: table.end }
  const relations = visibleRelations(place.scope)
  const aliased = relations.find(r => r.table && matches(table, r.table.name))
  if (aliased) {
    const hint =
      aliased.schema === undefined
        ? `Here ${aliased.table?.schema}.${aliased.table?.name} is called ${aliased.name}.`
        : `Write ${aliased.name}.`
    complain(place.state, span, `${written(qualifier)} cannot be used here`, hint)
    return
  }
  const names = relations.map(r => r.name)
  const near = nearest(table.text, names)
  const hint =
    near.length > 0
      ? `Did you mean ${oneOf(near)}?`
      : names.length > 0
        ? `FROM has ${names.join(', ')}.`
        : undefined
  complain(place.state, span, `there is no table ${written(qualifier)} in FROM`, hint)
}

export function visibleRelations(scope: Scope | undefined): Relation[] {
  const found: Relation[] = []
  for (let s = scope; s; s = s.parent) found.push(...s.joined.flatMap(j => j.relations))
  return found
}

/** Where else a column of this name is: other tables of the query, then other tables of the service. */
function otherTables(name: Identifier, place: Place): string[] {
  const lower = name.text.toLowerCase()
  const here = visibleRelations(place.scope)
  const inQuery = here.filter(r => r.columns.some(c => c.name.toLowerCase() === lower)).map(r => r.name)
  if (inQuery.length > 0) return inQuery
  return place.state.tables.all
    .filter(t => t.columns.some(c => c.field.name.toLowerCase() === lower))
    .filter(t => !here.some(r => r.table === t))
    .slice(0, 3)
    .map(t => `${t.schema}.${t.name}`)
}

function hintOf(
  name: Identifier,
  known: readonly string[],
  elsewhere: readonly string[],
): string | undefined {
  const otherCase = name.delimited ? known.find(k => k.toLowerCase() === name.text.toLowerCase()) : undefined
  if (otherCase) return `A quoted name must have the same case: it is ${otherCase}.`
  const near = nearest(name.text, known)
  if (near.length > 0) return `Did you mean ${oneOf(near.map(spelled))}?`
  if (elsewhere.length > 0) return `A column of this name is in ${elsewhere.join(', ')}.`
  if (known.length === 0) return undefined
  const more = known.length > SOME ? ` and ${known.length - SOME} more` : ''
  return `Columns here are ${known.slice(0, SOME).map(spelled).join(', ')}${more}.`
}

const SOME = 8

/** The principal ones first: coord_ra before g_ra, when people look for ra. */
function columnNames(relations: readonly Relation[]): string[] {
  const columns = relations.flatMap(r => r.columns)
  const isMain = (c: Column) => c.field.ucd?.split(';').includes('meta.main') === true
  return [...columns.filter(isMain), ...columns.filter(c => !isMain(c))].map(c => c.name)
}

const written = (name: readonly Identifier[]): string =>
  name.map(p => (p.delimited ? `"${p.text}"` : p.text)).join('.')

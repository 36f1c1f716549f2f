/** What names mean at a place in a query: the relations of FROM, with the columns they offer. */
import type { Identifier, Span } from './ast.ts'
import { matches, type TableMeta } from './tables.ts'
import type { Column, ColumnReference, From, Relation, Resolved, ResolvedStage } from './tree.ts'
import { columnType, isGeometry } from './types.ts'

/** A column as `*` shows it: an expression, because NATURAL and USING merge columns. */
export interface Visible {
  readonly column: Column
  readonly expression: Resolved
  /** The relations' own columns that a merged one stands for. */
  readonly hides: readonly ColumnReference[]
}

/** A table reference: its tree for the SQL and its names. */
export interface Joined {
  readonly from: From<ResolvedStage>
  readonly relations: readonly Relation[]
  readonly merged: readonly Visible[]
  /** Every column in the order of `*`. */
  readonly visible: () => readonly Visible[]
}

export interface Scope {
  readonly joined: readonly Joined[]
  readonly parent: Scope | undefined
}

interface Columns {
  readonly columns: readonly Column[]
  readonly byName: ReadonlyMap<string, readonly Column[]>
}

const ofTables = new WeakMap<TableMeta, Columns>()

/** The columns of a table, made once. */
export function columnsOfTable(table: TableMeta): Columns {
  const known = ofTables.get(table)
  if (known) return known
  const made = index(
    table.columns.map(c => ({
      name: c.field.name,
      sqlName: c.sqlName,
      type: columnType(c),
      stored: c.sqlType ?? (isGeometry(columnType(c)) ? 'float8[]' : undefined),
      field: c.field,
      source: { table, sqlName: c.sqlName },
    })),
  )
  ofTables.set(table, made)
  return made
}

function index(columns: readonly Column[]): Columns {
  const byName = new Map<string, Column[]>()
  for (const column of columns) {
    const key = column.name.toLowerCase()
    const same = byName.get(key)
    if (same) same.push(column)
    else byName.set(key, [column])
  }
  return { columns, byName }
}

type Head = Pick<Relation, 'alias' | 'name' | 'schema'>

export function tableRelation(head: Head, table: TableMeta): Relation {
  return relation(head, table, columnsOfTable(table))
}

export function derivedRelation(head: Head, columns: readonly Column[]): Relation {
  return relation(head, undefined, index(columns))
}

function relation(head: Head, table: TableMeta | undefined, { columns, byName }: Columns): Relation {
  const { alias, name, schema } = head
  return {
    alias,
    name,
    schema,
    table,
    columns,
    /** A regular name that several columns share but for case means the one spelled like it, if any. */
    find(name, delimited) {
      const same = byName.get(name.toLowerCase()) ?? []
      if (!delimited && same.length === 1) return same
      const exact = same.filter(c => c.name === name)
      return delimited || exact.length > 0 ? exact : same
    },
  }
}

export const reference = (relation: Relation, column: Column, span: Span): ColumnReference => ({
  kind: 'column',
  relation,
  column,
  type: column.type,
  start: span.start,
  end: span.end,
})

/** An alias that was written without quotes is meant in either case by `"alias"` and `"ALIAS"`, too. */
function means(part: Identifier, r: Relation): boolean {
  if (matches(part, r.name)) return true
  const folded = r.name.toLowerCase() === part.text || r.name.toUpperCase() === part.text
  return r.schema === undefined && folded && /^[A-Za-z]\w*$/.test(r.name)
}

/** The relations that a qualifier means: an alias, a table's name, or schema.table. */
export function relationsNamed(scope: Scope, qualifier: readonly Identifier[]): Relation[] {
  const table = qualifier.at(-1)
  const schema = qualifier.at(-2)
  if (!table) return []
  return scope.joined.flatMap(j =>
    j.relations.filter(
      r => means(table, r) && (!schema || (r.schema !== undefined && matches(schema, r.schema))),
    ),
  )
}

/** The columns that a name without qualifier can mean in this scope alone. */
export function columnsNamed(scope: Scope, name: Identifier): Visible[] {
  const found: Visible[] = []
  for (const joined of scope.joined) {
    const merged = joined.merged.filter(m => matches(name, m.column.name))
    found.push(...merged)
    for (const r of joined.relations) {
      for (const column of r.find(name.text, name.delimited)) {
        const hidden = joined.merged.some(m => m.hides.some(h => h.relation === r && h.column === column))
        if (!hidden) found.push({ column, expression: reference(r, column, name), hides: [] })
      }
    }
  }
  return found
}

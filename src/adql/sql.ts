/**
 * Prints a query for PostgreSQL. It takes nothing but resolved and planned trees: names are those of TAP_SCHEMA's
 * tables or made here, strings are parameters, numbers are literals that have been read as numbers.
 */
import type { Geometry, Printable, PrintableStage } from './geometry.ts'
import type { Origin } from './index.ts'
import { expression, type Out, quoted, separated } from './sql-expression.ts'
import type { TableMeta } from './tables.ts'
import type { Body, From, Query, SelectBody, Sort } from './tree.ts'
import { SQL_TYPE } from './types.ts'

export interface Printed {
  readonly text: string
  readonly values: readonly string[]
  readonly origins: readonly Origin[]
}

export function print(query: Geometry['query']): Printed {
  const out: Out = { text: '', values: [], parameters: new Map(), origins: [] }
  withQueries(out, query)
  body(out, query.body)
  return { text: out.text, values: out.values, origins: out.origins }
}

const tableName = (table: TableMeta): string => `${quoted(table.sqlSchema)}.${quoted(table.sqlName)}`

function withQueries(out: Out, query: Query<PrintableStage>): void {
  if (query.with.length === 0) return
  out.text += 'WITH '
  separated(out, query.with, ', ', w => {
    out.text += `${w.sqlName} AS ${w.materialized ? 'MATERIALIZED ' : ''}(`
    body(out, w.body)
    out.text += ')'
  })
  out.text += ' '
}

export function body(out: Out, b: Body<PrintableStage>): void {
  if (b.kind === 'select') select(out, b)
  else {
    operand(out, b.left)
    out.text += ` ${b.operator}${b.all ? ' ALL' : ''} `
    operand(out, b.right)
  }
  if (b.orderBy.length > 0) {
    out.text += ' ORDER BY '
    separated(out, b.orderBy, ', ', s => sort(out, s))
  }
  if (b.limit !== undefined) out.text += ` LIMIT ${b.limit}`
  if (b.offset !== undefined) out.text += ` OFFSET ${b.offset}`
}

/** An operand of a set operation keeps its own ORDER BY, LIMIT and operators in parentheses. */
function operand(out: Out, b: Body<PrintableStage>): void {
  out.text += '('
  body(out, b)
  out.text += ')'
}

function select(out: Out, s: SelectBody<PrintableStage>): void {
  out.text += s.distinct ? 'SELECT DISTINCT ' : 'SELECT '
  separated(out, s.items, ', ', item => {
    expression(out, item.expression)
    const same = item.expression.kind === 'column' && item.expression.column.sqlName === item.column.sqlName
    if (!same) out.text += ` AS ${quoted(item.column.sqlName)}`
  })
  if (s.from.length > 0) {
    out.text += ' FROM '
    separated(out, s.from, ', ', f => from(out, f))
  }
  if (s.where !== undefined) {
    out.text += ' WHERE '
    expression(out, s.where)
  }
  if (s.groupBy.length > 0) {
    out.text += ' GROUP BY '
    separated(out, s.groupBy, ', ', g => groupKey(out, g))
  }
  if (s.having !== undefined) {
    out.text += ' HAVING '
    expression(out, s.having)
  }
}

const isBare = (key: Printable): boolean =>
  key.kind === 'unary'
    ? isBare(key.operand)
    : key.kind === 'number' || key.kind === 'boolean' || key.kind === 'null'

/** SQL takes a bare integer for a position in the select list and refuses other constants; ADQL does neither. */
function groupKey(out: Out, key: Printable): void {
  const bare = isBare(key)
  if (bare) out.text += '('
  expression(out, key)
  if (bare) out.text += `)::${SQL_TYPE[key.type]}`
}

export function sort(out: Out, s: Sort<PrintableStage>): void {
  if (typeof s.key === 'number') out.text += String(s.key)
  else groupKey(out, s.key)
  if (s.direction) out.text += ` ${s.direction}`
  if (s.nulls) out.text += ` NULLS ${s.nulls}`
}

function from(out: Out, f: From<PrintableStage>): void {
  switch (f.kind) {
    case 'table': {
      const sqlStart = out.text.length
      out.text += `${tableName(f.table)} AS ${f.relation.alias}`
      const { rows } = f.table
      out.origins.push({
        sqlStart,
        sqlEnd: out.text.length,
        span: f.span,
        ...(rows === undefined ? {} : { rows }),
      })
      if (f.sample !== undefined) out.text += ` TABLESAMPLE SYSTEM (${f.sample})`
      return
    }
    case 'with':
      out.text += `${f.sqlName} AS ${f.relation.alias}`
      return
    case 'subquery':
      out.text += '('
      body(out, f.body)
      out.text += `) AS ${f.relation.alias}`
      return
    case 'join':
      out.text += '('
      from(out, f.left)
      out.text += ` ${f.type === 'INNER' ? '' : `${f.type} `}JOIN `
      from(out, f.right)
      if (f.on !== undefined) {
        out.text += ' ON '
        expression(out, f.on)
      }
      out.text += ')'
  }
}

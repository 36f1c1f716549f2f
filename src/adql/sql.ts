/**
 * Prints a query for PostgreSQL. It takes nothing but resolved and planned trees: names are those of TAP_SCHEMA's
 * tables or made here, strings are parameters, numbers are literals that have been read as numbers.
 */
import { wireType } from '../votable/field.ts'
import type { Geometry, Printable, PrintableStage } from './geometry.ts'
import type { Origin } from './index.ts'
import type { TableMeta } from './tables.ts'
import type { Body, ColumnReference, From, Query, SelectBody, Sort } from './tree.ts'
import { isGeometry, SQL_TYPE } from './types.ts'

export interface Printed {
  readonly text: string
  readonly values: readonly string[]
  readonly origins: readonly Origin[]
}

/** The SQL so far, the parameters, and where each piece came from. */
interface Out {
  text: string
  readonly values: string[]
  readonly parameters: Map<string, number>
  readonly origins: Origin[]
}

export function print(query: Geometry['query']): Printed {
  const out: Out = { text: '', values: [], parameters: new Map(), origins: [] }
  withQueries(out, query)
  body(out, query.body)
  return { text: out.text, values: out.values, origins: out.origins }
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
const tableName = (table: TableMeta): string => `${quoted(table.sqlSchema)}.${quoted(table.sqlName)}`

function separated<T>(out: Out, list: readonly T[], separator: string, each: (item: T) => void): void {
  list.forEach((item, i) => {
    if (i > 0) out.text += separator
    each(item)
  })
}

// ---------------------------------------------------------------- queries

function withQueries(out: Out, query: Query<PrintableStage>): void {
  if (query.with.length === 0) return
  out.text += 'WITH '
  separated(out, query.with, ', ', w => {
    out.text += `${w.sqlName} AS (`
    body(out, w.body)
    out.text += ')'
  })
  out.text += ' '
}

function body(out: Out, b: Body<PrintableStage>): void {
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

/** SQL takes a bare integer in GROUP BY for a position in the select list, and ADQL does not. */
function groupKey(out: Out, key: Printable): void {
  const bare = key.kind === 'number' || (key.kind === 'unary' && key.operand.kind === 'number')
  if (bare) out.text += '('
  expression(out, key)
  if (bare) out.text += `)::${SQL_TYPE[key.type]}`
}

function sort(out: Out, s: Sort<PrintableStage>): void {
  if (typeof s.key === 'number') out.text += String(s.key)
  else groupKey(out, s.key)
  if (s.direction) out.text += ` ${s.direction}`
  if (s.nulls) out.text += ` NULLS ${s.nulls}`
}

function from(out: Out, f: From<PrintableStage>): void {
  switch (f.kind) {
    case 'table':
      out.text += `${tableName(f.table)} AS ${f.relation.alias}`
      if (f.sample !== undefined) out.text += ` TABLESAMPLE SYSTEM (${f.sample})`
      return
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

// ---------------------------------------------------------------- expressions

/** Everything compound stands in parentheses, so that precedence never matters. */
function expression(out: Out, e: Printable): void {
  const sqlStart = out.text.length
  piece(out, e)
  const construct = constructOf(e)
  const origin = { sqlStart, sqlEnd: out.text.length, span: { start: e.start, end: e.end } }
  out.origins.push(construct === undefined ? origin : { ...origin, construct })
}

/** Errors of values come from PostgreSQL without a position: this says where they can have come from. */
function constructOf(e: Printable): string | undefined {
  switch (e.kind) {
    case 'binary': {
      const safe = e.operator === '/' && e.right.kind === 'number' && Number(e.right.text) !== 0
      return safe ? undefined : e.operator
    }
    case 'fragment':
      return e.name
    case 'cast':
      return e.from === 'null' || e.from === 'boolean' ? undefined : 'CAST'
    case 'subquery':
      return 'sub-query'
    default:
      return undefined
  }
}

function piece(out: Out, e: Printable): void {
  switch (e.kind) {
    case 'number':
      out.text += e.type === 'double' ? `${e.text}::float8` : e.text
      return
    case 'string':
      out.text += `$${parameter(out, e.value)}::text`
      return
    case 'null':
      out.text += 'NULL'
      return
    case 'boolean':
      out.text += String(e.value)
      return
    case 'column':
      column(out, e)
      return
    case 'unary':
      out.text += `(${e.operator} `
      expression(out, e.operand)
      out.text += ')'
      return
    case 'binary':
      infix(out, e.left, e.operator === '^' ? '#' : e.operator, e.right)
      return
    case 'comparison':
      infix(out, e.left, e.operator, e.right)
      return
    case 'and':
      infix(out, e.left, 'AND', e.right)
      return
    case 'or':
      infix(out, e.left, 'OR', e.right)
      return
    case 'not':
      out.text += '(NOT '
      expression(out, e.operand)
      out.text += ')'
      return
    case 'cast':
      cast(out, e)
      return
    case 'unit':
      out.text += '('
      expression(out, e.operand)
      out.text += ` * ${e.factor}::float8)`
      return
    case 'between':
      out.text += '('
      expression(out, e.operand)
      out.text += e.negated ? ' NOT BETWEEN ' : ' BETWEEN '
      expression(out, e.low)
      out.text += ' AND '
      expression(out, e.high)
      out.text += ')'
      return
    case 'like':
      out.text += '('
      expression(out, e.operand)
      out.text += `${e.negated ? ' NOT' : ''}${e.caseless ? ' ILIKE ' : ' LIKE '}`
      expression(out, e.pattern)
      // ADQL has no escape character, PostgreSQL's is the backslash unless it is told otherwise.
      out.text += " ESCAPE '')"
      return
    case 'in':
      inList(out, e)
      return
    case 'is':
      out.text += '('
      expression(out, e.operand)
      out.text += ` IS ${e.negated ? 'NOT ' : ''}${e.what})`
      return
    case 'exists':
      out.text += 'EXISTS ('
      body(out, e.query)
      out.text += ')'
      return
    case 'subquery':
      out.text += '('
      body(out, e.query)
      out.text += ')'
      return
    case 'case':
      caseOf(out, e)
      return
    case 'window':
      window(out, e)
      return
    case 'fragment':
      fragment(out, e)
      return
  }
}

/** The same string is the same parameter, so that GROUP BY recognises an expression of the select list. */
function parameter(out: Out, value: string): number {
  const known = out.parameters.get(value)
  if (known !== undefined) return known
  const number = out.values.push(value)
  out.parameters.set(value, number)
  return number
}

/** Stored types that are worked with as they are. */
const NATIVE = new Set([
  'timestamp',
  'spoint',
  'scircle',
  'spoly',
  'smoc',
  'float8[]',
  ...Object.values(SQL_TYPE),
])

/** A column, converted where it is stored in a type that the language does not have. */
function column(out: Out, e: ColumnReference): void {
  const name = `${e.relation.alias}.${quoted(e.column.sqlName)}`
  const { stored } = e.column
  if (stored === undefined || NATIVE.has(stored)) out.text += name
  else if (stored === 'timestamptz') out.text += `(${name} AT TIME ZONE 'UTC')`
  else out.text += `(${name}::${e.type === 'opaque' ? wireType(e.column.field) : SQL_TYPE[e.type]})`
}

function infix(out: Out, left: Printable, operator: string, right: Printable): void {
  out.text += '('
  expression(out, left)
  out.text += ` ${operator} `
  expression(out, right)
  out.text += ')'
}

function cast(out: Out, e: Printable & { kind: 'cast' }): void {
  const { from: source, type, length } = e
  if (type === 'char' && (source === 'timestamp' || length !== undefined || isGeometry(source))) {
    out.text += length === undefined ? '' : e.padded ? 'rpad(' : 'left('
    if (source === 'timestamp') {
      out.text += 'btrim(to_json('
      expression(out, e.operand)
      out.text += `)::text, '"')`
    } else if (isGeometry(source)) {
      out.text += 'array_to_string(adql.degrees('
      expression(out, e.operand)
      out.text += "), ' ')"
    } else {
      out.text += '('
      expression(out, e.operand)
      out.text += ')::text'
    }
    out.text += length === undefined ? '' : `, ${length})`
    return
  }
  if (isGeometry(type) && source === 'char') {
    out.text += `adql.${type}(regexp_split_to_array(btrim(`
    expression(out, e.operand)
    out.text += "), '\\s+')::float8[])"
    return
  }
  out.text += '('
  expression(out, e.operand)
  out.text += `)::${SQL_TYPE[type]}`
}

/** So many strings are one array, because a statement has at most 65,535 parameters. */
const MANY = 100

function inList(out: Out, e: Printable & { kind: 'in' }): void {
  const strings = (e.values ?? []).flatMap(v => (v.kind === 'string' ? [v.value] : []))
  out.text += '('
  expression(out, e.operand)
  if (strings.length > MANY && strings.length === e.values?.length) {
    out.text += `${e.negated ? ' <> ALL' : ' = ANY'} ($${parameter(out, arrayLiteral(strings))}::text[]))`
    return
  }
  out.text += e.negated ? ' NOT IN (' : ' IN ('
  if (e.query) body(out, e.query)
  else separated(out, e.values ?? [], ', ', v => expression(out, v))
  out.text += '))'
}

const arrayLiteral = (strings: readonly string[]): string =>
  `{${strings.map(s => `"${s.replace(/["\\]/g, '\\$&')}"`).join(',')}}`

function caseOf(out: Out, e: Printable & { kind: 'case' }): void {
  out.text += '(CASE'
  if (e.operand !== undefined) {
    out.text += ' '
    expression(out, e.operand)
  }
  for (const { when, result } of e.whens) {
    out.text += ' WHEN '
    expression(out, when)
    out.text += ' THEN '
    expression(out, result)
  }
  if (e.otherwise !== undefined) {
    out.text += ' ELSE '
    expression(out, e.otherwise)
  }
  out.text += ' END)'
}

/** The cast of an aggregate's result goes around OVER. */
function window(out: Out, e: Printable & { kind: 'window' }): void {
  const { call } = e
  const cast = call.kind === 'fragment' && call.template.at(-1) === ')::float8'
  if (cast) out.text += '('
  expression(out, cast ? { ...call, template: [...call.template.slice(0, -1), ')'] } : call)
  out.text += ' OVER ('
  if (e.partitionBy.length > 0) {
    out.text += 'PARTITION BY '
    separated(out, e.partitionBy, ', ', p => expression(out, p))
  }
  if (e.orderBy.length > 0) {
    out.text += `${e.partitionBy.length > 0 ? ' ' : ''}ORDER BY `
    separated(out, e.orderBy, ', ', s => sort(out, s))
  }
  out.text += cast ? '))::float8' : ')'
}

/** A predicate's operators need parentheses around them; functions, casts and CASE do not. */
function fragment(out: Out, e: Printable & { kind: 'fragment' }): void {
  const infixed = e.type === 'boolean'
  if (infixed) out.text += '('
  for (const p of e.template) {
    if (typeof p === 'number') expression(out, e.args[p]!)
    else if (p === '*') separated(out, e.args, ', ', a => expression(out, a))
    else if (p === 'q') out.text += e.distinct ? 'DISTINCT ' : ''
    else out.text += p
  }
  if (infixed) out.text += ')'
}

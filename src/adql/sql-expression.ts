/** Prints expressions: operators, casts, lists, templates. */
import { wireType } from '../votable/field.ts'
import type { FrameBound, WindowFrame } from './ast.ts'
import type { Printable } from './geometry.ts'
import type { Origin } from './index.ts'
import { body, sort } from './sql.ts'
import type { ColumnReference } from './tree.ts'
import { isGeometry, SQL_TYPE } from './types.ts'

/** The SQL so far, the parameters, and where each piece came from. */
export interface Out {
  text: string
  readonly values: string[]
  readonly parameters: Map<string, number>
  readonly origins: Origin[]
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

export function separated<T>(out: Out, list: readonly T[], separator: string, each: (item: T) => void): void {
  list.forEach((item, i) => {
    if (i > 0) out.text += separator
    each(item)
  })
}

/** Everything compound stands in parentheses, so that precedence never matters. */
export function expression(out: Out, e: Printable): void {
  const sqlStart = out.text.length
  piece(out, e)
  const construct = constructOf(e)
  const sqlEnd = out.text.length
  const span = { start: e.start, end: e.end }
  out.origins.push(
    construct === undefined ? { sqlStart, sqlEnd, span } : { sqlStart, sqlEnd, span, construct },
  )
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
      // PostgreSQL takes the sign into the literal: -2147483648 would be int4.
      out.text += e.operand.kind === 'number' && e.operand.type === 'bigint' ? '::int8)' : ')'
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
  if (e.frame !== undefined) out.text += frame(e.frame)
  out.text += cast ? '))::float8' : ')'
}

function frame({ unit, from, to }: WindowFrame): string {
  const bound = ({ edge, offset }: FrameBound) => (offset === undefined ? edge : `${offset} ${edge}`)
  return to ? ` ${unit} BETWEEN ${bound(from)} AND ${bound(to)}` : ` ${unit} ${bound(from)}`
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

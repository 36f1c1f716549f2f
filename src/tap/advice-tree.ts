/** Looking around in resolved queries: their SELECTs, conjuncts, columns, and the values of their expressions. */
import type { TableMeta } from '../adql/tables.ts'
import type {
  Body,
  ColumnReference,
  From,
  Query,
  Relation,
  Resolved,
  ResolvedStage,
  SelectBody,
} from '../adql/tree.ts'
import { isInteger } from '../adql/types.ts'
import { children } from '../adql/walk.ts'

export type Select = SelectBody<ResolvedStage>

/** Every SELECT of a query, sub-queries included. */
export function everySelect(query: Query<ResolvedStage>): Select[] {
  return [...query.with.flatMap(w => selectsOf(w.body)), ...selectsOf(query.body)]
}

function selectsOf(body: Body<ResolvedStage>): Select[] {
  if (body.kind === 'set') return [...selectsOf(body.left), ...selectsOf(body.right)]
  const expressions = [
    ...body.items.map(i => i.expression),
    ...conditions(body),
    ...body.groupBy,
    ...(body.having ? [body.having] : []),
  ]
  return [
    body,
    ...body.from.flatMap(fromSelects),
    ...expressions
      .flatMap(everyExpression)
      .flatMap(e =>
        (e.kind === 'subquery' || e.kind === 'exists' || e.kind === 'in') && e.query
          ? selectsOf(e.query)
          : [],
      ),
  ]
}

function fromSelects(from: From<ResolvedStage>): Select[] {
  if (from.kind === 'subquery') return selectsOf(from.body)
  return from.kind === 'join' ? [...fromSelects(from.left), ...fromSelects(from.right)] : []
}

/** WHERE, and ON of inner joins. */
export function conditions(select: Select): Resolved[] {
  const on = (from: From<ResolvedStage>): Resolved[] =>
    from.kind !== 'join'
      ? []
      : [...on(from.left), ...on(from.right), ...(from.type === 'INNER' && from.on ? [from.on] : [])]
  return [...(select.where ? [select.where] : []), ...select.from.flatMap(on)]
}

/** The conditions of a SELECT that all must hold. */
export function conjuncts(select: Select): Resolved[] {
  const all: Resolved[] = []
  const rest = conditions(select).reverse()
  for (let e = rest.pop(); e; e = rest.pop()) {
    if (e.kind === 'and') rest.push(e.right, e.left)
    else all.push(e)
  }
  return all
}

/** An expression and all its operands, without those in sub-queries. */
export function everyExpression(e: Resolved): Resolved[] {
  const all = [e]
  for (let i = 0; i < all.length; i++) {
    for (const operand of children(all[i]!)) all.push(operand)
  }
  return all
}

export function columnsIn(e: Resolved): ColumnReference[] {
  return everyExpression(e).filter(each => each.kind === 'column')
}

/** The table of a column that comes unchanged from one, and the column's metadata. */
export function storedColumn({ column }: ColumnReference) {
  const table = column.source?.table
  return table?.columns.find(c => c.sqlName === column.source?.sqlName)
}

/** The tables of FROM whose position has an index, with references to that position as the query may write them. */
export function positioned(
  select: Select,
): { relation: Relation; table: TableMeta; ra: string; dec: string }[] {
  const tables = (from: From<ResolvedStage>): Relation[] =>
    from.kind === 'join' ? [...tables(from.left), ...tables(from.right)] : [from.relation]
  const relations = select.from.flatMap(tables)
  return relations.flatMap(relation => {
    const { table } = relation
    if (!table?.position) return []
    const name = (sqlName: string) => {
      const column = table.columns.find(c => c.sqlName === sqlName)?.field.name ?? sqlName
      const spelled = /^[A-Za-z]\w*$/.test(column) ? column : `"${column}"`
      return relations.length > 1 ? `${relation.name}.${spelled}` : spelled
    }
    return [{ relation, table, ra: name(table.position.ra), dec: name(table.position.dec) }]
  })
}

export const isColumn = (e: Resolved, relation: Relation, sqlName: string): boolean =>
  e.kind === 'column' && e.relation === relation && e.column.source?.sqlName === sqlName

// ---------------------------------------------------------------- values

type Values = (column: ColumnReference) => number | undefined

const RAD = Math.PI / 180
const within = (x: number) => Math.min(1, Math.max(-1, x))

const FUNCTIONS: Readonly<Record<string, (...x: number[]) => number>> = {
  ABS: Math.abs,
  ACOS: x => Math.acos(within(x!)),
  ASIN: x => Math.asin(within(x!)),
  ATAN: Math.atan,
  ATAN2: Math.atan2,
  CEILING: Math.ceil,
  COS: Math.cos,
  DEGREES: x => x! / RAD,
  EXP: Math.exp,
  FLOOR: Math.floor,
  LOG: Math.log,
  LOG10: Math.log10,
  MOD: (x, y) => x! % y!,
  PI: () => Math.PI,
  POWER: Math.pow,
  RADIANS: x => x! * RAD,
  SIN: Math.sin,
  SQRT: Math.sqrt,
  TAN: Math.tan,
}

/** The value of an expression of numbers, of columns that have a value, and of the functions above. */
export function numberOf(e: Resolved, values: Values = () => undefined): number | undefined {
  const of = (operand: Resolved) => numberOf(operand, values)
  switch (e.kind) {
    case 'number':
      return Number(e.text)
    case 'column':
      return values(e)
    case 'unary': {
      const value = of(e.operand)
      return value === undefined || e.operator === '~' ? undefined : e.operator === '-' ? -value : value
    }
    case 'cast':
      return of(e.operand)
    case 'binary': {
      const [a, b] = [of(e.left), of(e.right)]
      if (a === undefined || b === undefined) return undefined
      if (e.operator === '/') return isInteger(e.type) ? Math.trunc(a / b) : a / b
      const results: Record<string, number> = { '+': a + b, '-': a - b, '*': a * b, '%': a % b }
      return results[e.operator]
    }
    case 'call': {
      const args = e.args.map(of)
      const known = FUNCTIONS[e.form.name.toUpperCase()]
      return known && args.every(a => a !== undefined) ? known(...args) : undefined
    }
    default:
      return undefined
  }
}

/** Whether a comparison or BETWEEN of numbers holds; undefined for anything else. */
export function truthOf(e: Resolved, values: Values): boolean | undefined {
  if (e.kind === 'between') {
    const [x, low, high] = [e.operand, e.low, e.high].map(o => numberOf(o, values))
    if (x === undefined || low === undefined || high === undefined) return undefined
    return (x >= low && x <= high) !== e.negated
  }
  if (e.kind !== 'comparison') return undefined
  const [a, b] = [numberOf(e.left, values), numberOf(e.right, values)]
  if (a === undefined || b === undefined) return undefined
  switch (e.operator) {
    case '<':
      return a < b
    case '<=':
      return a <= b
    case '>':
      return a > b
    case '>=':
      return a >= b
    case '=':
      return a === b
    case '<>':
      return a !== b
  }
}

/**
 * Search conditions (ADQL 2.1 Appendix A).
 *
 * The grammar keeps them apart from values, but `(` begins either, or a sub-query, and only what follows tells. So
 * everything is parsed by one ladder of precedence (OR, AND, NOT and predicates here; `||` and bits, sum, product,
 * sign, primary in `expressions.ts`), and each place that takes a node says whether it must be a value or a condition.
 */
import type { Expression, Span } from './ast.ts'
import { accept, advance, type Cursor, complain, enter, expect, fail, leave, note, peek } from './cursor.ts'
import { characterOrBits, parenthesisedList, subquery } from './expressions.ts'
import { isClauseWord } from './words.ts'

type Condition = 'and' | 'or' | 'not' | 'comparison' | 'between' | 'like' | 'in' | 'is' | 'exists'
const CONDITIONS: ReadonlySet<Expression['kind']> = new Set<Condition>([
  'and',
  'or',
  'not',
  'comparison',
  'between',
  'like',
  'in',
  'is',
  'exists',
])

const isCondition = (e: Expression) => CONDITIONS.has(e.kind)

export function valueExpression(c: Cursor): Expression {
  return asValue(c, expression(c))
}

export function searchCondition(c: Cursor): Expression {
  return asCondition(c, expression(c))
}

export function asValue(c: Cursor, e: Expression): Expression {
  if (isCondition(e))
    complain(
      c,
      e,
      'a condition stands where a value is needed',
      'conditions belong in WHERE, HAVING and ON; as a value: CASE WHEN condition THEN 1 ELSE 0 END',
    )
  if (e.kind === 'scalarSubquery')
    note(
      c,
      'extension',
      'scalar sub-query',
      'ADQL 2.1 has sub-queries in FROM, IN and EXISTS only, not as a value',
      e,
    )
  return e
}

/** A condition, where a value alone is read as one only if there is a single way to do so. */
function asCondition(c: Cursor, e: Expression): Expression {
  if (isCondition(e) || e.kind === 'boolean') return e
  const { start, end } = e
  if (c.token.kind === 'bad') fail(c, '')
  const ends =
    c.token.kind === 'end' ||
    [')', ';', 'AND', 'OR', 'THEN'].includes(c.token.key) ||
    isClauseWord(c.token.key)
  if (!ends)
    fail(
      c,
      'a comparison such as = or <',
      c.token.kind === 'string'
        ? "text stands between two single quotes, and a ' inside it is doubled"
        : undefined,
      ['LIKE', 'ILIKE', 'BETWEEN', 'AND', 'OR', ...AFTER_CONDITION],
    )
  if (e.kind === 'call' && /^(contains|intersects)$/i.test(e.name.text)) {
    const name = e.name.text.toUpperCase()
    note(c, 'repair', `${name} as a condition`, `${name}(…) is a number, 1 or 0: read as 1 = ${name}(…)`, e)
    return {
      kind: 'comparison',
      operator: '=',
      left: { kind: 'number', text: '1', integer: true, start, end: start },
      right: e,
      start,
      end,
    }
  }
  return complain(
    c,
    e,
    `${shown(c, e)} is a value where a condition is needed`,
    `compare it with something, as in ${shown(c, e)} = 1`,
  )
}

const AFTER_CONDITION = [
  'GROUP',
  'ORDER',
  'HAVING',
  'OFFSET',
  'UNION',
  'EXCEPT',
  'INTERSECT',
  'WHERE',
  'JOIN',
]

function shown(c: Cursor, e: Span): string {
  const text = c.text.slice(e.start, e.end).replace(/\s+/g, ' ')
  return text.length > 30 ? `${text.slice(0, 29)}…` : text
}

/** The condition of a clause, which may not be missing. */
export function searchConditionAfter(c: Cursor, clause: string): Expression {
  const { token } = c
  if (token.kind === 'end' || token.key === ')' || token.key === ';') fail(c, `a condition after ${clause}`)
  return searchCondition(c)
}

/** Anything that has a value or a truth: `<search_condition>` or `<value_expression>`. */
export function expression(c: Cursor): Expression {
  enter(c)
  const first = booleanTerm(c)
  let whole = first
  if (c.token.key === 'OR') {
    const terms = [asCondition(c, first)]
    while (accept(c, 'OR')) terms.push(asCondition(c, booleanTerm(c)))
    whole = balanced('or', terms, 0, terms.length)
  }
  leave(c)
  return whole
}

function booleanTerm(c: Cursor): Expression {
  const first = booleanFactor(c)
  if (c.token.key !== 'AND') return first
  const factors = [asCondition(c, first)]
  while (accept(c, 'AND')) factors.push(asCondition(c, booleanFactor(c)))
  return balanced('and', factors, 0, factors.length)
}

/** A chain of ANDs or ORs as a tree of logarithmic depth: queries with thousands of ORs are real. */
function balanced(kind: 'and' | 'or', terms: readonly Expression[], from: number, to: number): Expression {
  if (to - from === 1) return terms[from]!
  const middle = (from + to) >> 1
  const left = balanced(kind, terms, from, middle)
  const right = balanced(kind, terms, middle, to)
  return { kind, left, right, start: left.start, end: right.end }
}

function booleanFactor(c: Cursor): Expression {
  if (c.token.key !== 'NOT') return predicate(c)
  enter(c)
  const { start } = advance(c)
  const operand = asCondition(c, booleanFactor(c))
  leave(c)
  return { kind: 'not', operand, start, end: c.end }
}

const COMPARISONS = { '=': '=', '<>': '<>', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' } as const
const isComparison = (key: string): key is keyof typeof COMPARISONS => key in COMPARISONS

function predicate(c: Cursor): Expression {
  if (c.token.key === 'EXISTS') {
    const { start } = advance(c)
    const query = subquery(c, 'EXISTS (SELECT …)')
    return { kind: 'exists', query, start, end: c.end }
  }
  const operand = characterOrBits(c)
  const { key } = c.token
  if (isComparison(key)) return comparison(c, operand, COMPARISONS[key])
  if (key === 'IS') return is(c, operand)
  const negated = key === 'NOT'
  switch (negated ? peek(c).key : key) {
    case 'BETWEEN':
      return between(c, operand, negated)
    case 'LIKE':
    case 'ILIKE':
      return like(c, operand, negated)
    case 'IN':
      return inPredicate(c, operand, negated)
    default:
      if (!negated) return operand
      advance(c)
      return fail(
        c,
        'BETWEEN, LIKE, ILIKE or IN after NOT',
        c.token.key === 'NULL' ? 'write IS NOT NULL' : 'NOT stands before the whole condition: NOT x = 1',
      )
  }
}

function comparison(
  c: Cursor,
  operand: Expression,
  operator: '=' | '<>' | '<' | '<=' | '>' | '>=',
): Expression {
  const left = asValue(c, operand)
  advance(c)
  if (['ANY', 'SOME', 'ALL'].includes(c.token.key))
    complain(
      c,
      c.token,
      `${c.token.key} is not ADQL`,
      'write x IN (SELECT …), or compare with MIN or MAX in a sub-query',
    )
  const right = asValue(c, c.token.key === 'EXISTS' ? predicate(c) : characterOrBits(c))
  if (isComparison(c.token.key))
    complain(
      c,
      c.token,
      'comparisons cannot be chained',
      right.kind === 'binary' && right.operator === '||'
        ? '|| joins text: conditions are joined by OR'
        : 'write a < b AND b < c',
    )
  const node: Expression = { kind: 'comparison', operator, left, right, start: left.start, end: c.end }
  if (left.kind === 'null' || right.kind === 'null')
    note(c, 'advice', '= NULL', 'a comparison with NULL is never true: write IS NULL or IS NOT NULL', node)
  return node
}

function between(c: Cursor, operand: Expression, negated: boolean): Expression {
  if (negated) advance(c)
  advance(c)
  const low = asValue(c, characterOrBits(c))
  expect(c, 'AND', 'AND and the upper limit of BETWEEN', 'x BETWEEN low AND high')
  const high = asValue(c, characterOrBits(c))
  return {
    kind: 'between',
    negated,
    operand: asValue(c, operand),
    low,
    high,
    start: operand.start,
    end: c.end,
  }
}

function like(c: Cursor, operand: Expression, negated: boolean): Expression {
  if (negated) advance(c)
  const caseless = advance(c).key === 'ILIKE'
  const pattern = asValue(c, characterOrBits(c))
  if (c.token.key === 'ESCAPE')
    complain(c, c.token, 'ESCAPE is not ADQL', '% and _ are always wildcards in LIKE')
  return {
    kind: 'like',
    negated,
    caseless,
    operand: asValue(c, operand),
    pattern,
    start: operand.start,
    end: c.end,
  }
}

function inPredicate(c: Cursor, operand: Expression, negated: boolean): Expression {
  if (negated) advance(c)
  advance(c)
  const open = c.token
  if (open.key !== '(')
    fail(c, 'a list or a sub-query in parentheses', 'x IN (1, 2, 3) or x IN (SELECT y FROM t)')
  const first = parenthesisedList(c)
  const values =
    first.length === 1 && first[0]!.kind === 'scalarSubquery'
      ? first[0]!.query
      : first.map(e => asValue(c, e))
  return { kind: 'in', negated, operand: asValue(c, operand), values, start: operand.start, end: c.end }
}

function is(c: Cursor, operand: Expression): Expression {
  advance(c)
  const negated = accept(c, 'NOT')
  const what = c.token.key
  if (what !== 'NULL' && what !== 'TRUE' && what !== 'FALSE' && what !== 'UNKNOWN')
    fail(c, 'NULL or NOT NULL', 'compare with other values by = and <>')
  if (what === 'NULL') {
    asValue(c, operand)
    if (operand.kind !== 'column')
      note(c, 'extension', 'IS NULL of an expression', 'ADQL 2.1 has IS NULL for columns only', operand)
  } else note(c, 'extension', `IS ${what}`, `IS ${what} is not in ADQL 2.1`, c.token)
  advance(c)
  return { kind: 'is', negated, operand, what, start: operand.start, end: c.end }
}

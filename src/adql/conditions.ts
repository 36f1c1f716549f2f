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
    [')', ';', 'AND', '&&', 'OR', 'THEN'].includes(c.token.key) ||
    isClauseWord(c.token.key)
  if (!ends)
    fail(c, 'a comparison such as = or <', comparisonHint(c, e), [
      'LIKE',
      'ILIKE',
      'BETWEEN',
      'AND',
      'OR',
      ...AFTER_CONDITION,
    ])
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
  // Whether it is a truth value shows when its name is known.
  if (e.kind === 'column' || e.kind === 'call') {
    const write = e.kind === 'call' ? '1 = f(…)' : 'x = TRUE'
    note(c, 'extension', 'truth value', `a value as a condition is not in ADQL 2.1: write ${write}`, e)
    return e
  }
  const hint =
    e.kind === 'string' || e.kind === 'number'
      ? `on both sides of AND and OR are whole conditions: x = 1 OR x = 2, or x IN (1, 2)`
      : `compare it with something, as in ${shown(c, e)} = 1`
  return complain(c, e, `${shown(c, e)} is a value where a condition is needed`, hint)
}

function comparisonHint({ token }: Cursor, before: Expression): string | undefined {
  if (token.kind === 'string') return "text stands between two single quotes, and a ' inside it is doubled"
  if (token.key === 'CONTAINS') return '1 = CONTAINS(POINT(ra, dec), shape)'
  if (token.key === 'INTERSECTS') return '1 = INTERSECTS(shape, shape)'
  if (/^(REGEXP|RLIKE|SIMILAR|GLOB)$/i.test(token.text) || token.key === '~')
    return "text is compared by LIKE, with % and _ as wildcards; regular expressions by 1 = gavo_match('^NGC', name)"
  if (before.kind === 'number' || before.kind === 'string')
    return 'on both sides of AND and OR are whole conditions: x = 1 OR x = 2'
  return undefined
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
  if (!isAnd(c)) return first
  const factors = [asCondition(c, first)]
  while (isAnd(c)) {
    advance(c)
    if (isComparison(c.token.key)) fail(c, 'a whole condition', 'as in x >= 10 AND x <= 20')
    if (c.token.kind === 'end' || (isClauseWord(c.token.key) && c.token.key !== 'NOT'))
      fail(c, 'a condition after AND')
    factors.push(asCondition(c, booleanFactor(c)))
  }
  return balanced('and', factors, 0, factors.length)
}

/** AND, or as in MySQL `&&` after a condition. */
function isAnd(c: Cursor): boolean {
  if (c.token.key === '&&') note(c, 'repair', '&&', '&& is not ADQL: read as AND', c.token)
  return c.token.key === 'AND' || c.token.key === '&&'
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
  return predicateOf(c, characterOrBits(c))
}

/** What a value begins: a comparison, BETWEEN, LIKE …, or nothing more than the value. */
function predicateOf(c: Cursor, operand: Expression): Expression {
  const { key } = c.token
  if (isComparison(key)) return comparison(c, operand, COMPARISONS[key])
  if (isSpherical(key) && !isCondition(operand)) return spherical(c, operand, key)
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

/** pgSphere's operators: the function, whether it must hold, whether its arguments change places. */
const SPHERICAL = {
  '&&': ['INTERSECTS', '1', false],
  '!&&': ['INTERSECTS', '0', false],
  '<@': ['CONTAINS', '1', false],
  '!<@': ['CONTAINS', '0', false],
  '@>': ['CONTAINS', '1', true],
} as const
const isSpherical = (key: string): key is keyof typeof SPHERICAL => key in SPHERICAL

/** `shape && shape` is read as 1 = INTERSECTS(shape, shape); `truth && condition` as AND. */
function spherical(c: Cursor, left: Expression, key: keyof typeof SPHERICAL): Expression {
  const symbol = advance(c)
  const [name, truth, exchanged] = SPHERICAL[key]
  const { start } = left
  const value = c.token.key === 'NOT' ? booleanFactor(c) : characterOrBits(c)
  const right = key === '&&' && !isSpherical(c.token.key) ? predicateOf(c, value) : value
  if (key === '&&' && isCondition(right)) {
    note(c, 'repair', '&&', '&& is not ADQL: read as AND', symbol)
    return { kind: 'and', left: asCondition(c, left), right, start, end: c.end }
  }
  asValue(c, right)
  note(c, 'repair', key, `${key} is not ADQL: read as ${truth} = ${name}(…)`, symbol)
  const { start: nameStart, end: nameEnd } = symbol
  return {
    kind: 'comparison',
    operator: '=',
    left: { kind: 'number', text: truth, integer: true, start, end: start },
    right: {
      kind: 'call',
      name: { text: name, delimited: false, start: nameStart, end: nameEnd },
      args: exchanged ? [right, left] : [left, right],
      start,
      end: c.end,
    },
    start,
    end: c.end,
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
  if (c.token.key === '%') fail(c, 'a pattern', "patterns are text: x LIKE '%abc%'")
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

/**
 * Value expressions and search conditions (ADQL 2.1 Appendix A).
 *
 * The grammar keeps the two apart, but `(` begins either, or a sub-query, and only what follows tells. So
 * everything is parsed by one ladder of precedence (OR, AND, NOT, predicate, `||` and bits, sum, product, sign,
 * primary), and each place that takes a node says whether it must be a value or a condition.
 */
import type { CastTarget, Expression, Identifier, QueryExpression, SortSpecification, Span } from './ast.ts'
import {
  accept,
  advance,
  type Cursor,
  close,
  complain,
  countOperator,
  enter,
  expect,
  fail,
  identifier,
  isWord,
  leave,
  note,
  peek,
} from './cursor.ts'
import type { Token } from './lexer.ts'
import { closeQuery, continuesQuery, queryExpression, sortSpecifications } from './parser.ts'
import { isClauseWord, isNameLike } from './words.ts'

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

function asValue(c: Cursor, e: Expression): Expression {
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

// ---------------------------------------------------------------- conditions

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
    complain(c, c.token, 'comparisons cannot be chained', 'write a < b AND b < c')
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
  const first = parenthesisedOrList(c)
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

// ---------------------------------------------------------------- values

const BITS: Record<string, string> = {
  '&': 'the bits that both numbers have',
  '|': 'the bits that either number has',
  '^': 'the bits that differ; a power is written POWER(x, y)',
  '~': 'the bits turned round',
  '%': 'the remainder; write MOD(x, y)',
}

function extensionOperator(c: Cursor): void {
  const { key } = c.token
  const meaning = BITS[key]
  if (meaning)
    note(c, 'extension', `operator ${key}`, `${key} is not in ADQL 2.1; it is read as ${meaning}`, c.token)
}

/** `||`, and as in PostgreSQL the bitwise operators with it, below sums. */
function characterOrBits(c: Cursor): Expression {
  let left = numericValueExpression(c)
  for (let key = c.token.key; key === '||' || key === '&' || key === '|' || key === '^'; key = c.token.key) {
    left = binary(c, left, key, numericValueExpression)
  }
  return left
}

function numericValueExpression(c: Cursor): Expression {
  let left = term(c)
  for (let key = c.token.key; key === '+' || key === '-'; key = c.token.key) left = binary(c, left, key, term)
  return left
}

function term(c: Cursor): Expression {
  let left = factor(c)
  for (let key = c.token.key; key === '*' || key === '/' || key === '%'; key = c.token.key)
    left = binary(c, left, key, factor)
  return left
}

function binary(
  c: Cursor,
  left: Expression,
  operator: '+' | '-' | '*' | '/' | '%' | '||' | '&' | '|' | '^',
  operand: (c: Cursor) => Expression,
): Expression {
  asValue(c, left)
  countOperator(c)
  extensionOperator(c)
  advance(c)
  const right = asValue(c, operand(c))
  return { kind: 'binary', operator, left, right, start: left.start, end: c.end }
}

function factor(c: Cursor): Expression {
  const { key, start } = c.token
  if (key !== '+' && key !== '-' && key !== '~') return primary(c)
  extensionOperator(c)
  enter(c)
  advance(c)
  const operand = asValue(c, factor(c))
  leave(c)
  return { kind: 'unary', operator: key, operand, start, end: c.end }
}

function primary(c: Cursor): Expression {
  const { token } = c
  const { start, end } = token
  switch (token.kind) {
    case 'number':
      advance(c)
      return { kind: 'number', text: token.text, integer: /^(\d+|0[xX].*)$/.test(token.text), start, end }
    case 'string':
      return stringLiteral(c)
    case 'delimited':
      if (peek(c).key === '(')
        complain(c, token, `"${token.text}" is no function: functions are named without quotes`)
      return columnReference(c)
    case 'word':
      return token.key === '' ? named(c) : reserved(c, token)
    default:
      if (token.key === '(') return parenthesised(c)
      return fail(
        c,
        'a column or an expression',
        token.key === '*' ? '* stands alone in the list of columns, as t.* or in COUNT(*)' : undefined,
      )
  }
}

/** Text, which goes on after white space and comments (ADQL 2.1 §2.1.8, SQL92). */
function stringLiteral(c: Cursor): Expression {
  const { start } = c.token
  let value = ''
  while (c.token.kind === 'string') value += advance(c).text
  if (value === '' && c.token.kind === 'word' && c.token.start === c.end) {
    complain(
      c,
      c.token,
      "text stands between two single ', not between two doubled ones",
      `'${c.token.text}'`,
    )
  }
  return { kind: 'string', value, start, end: c.end }
}

/** A column or a call of a function whose name is no reserved word. */
function named(c: Cursor): Expression {
  return peek(c).key === '(' ? call(c) : columnReference(c)
}

function columnReference(c: Cursor): Expression {
  const name = qualifiedName(c, 'a column or an expression', 4)
  if (c.token.key === '(')
    complain(c, name[0]!, 'functions have no schema', `write ${name[name.length - 1]!.text}(…)`)
  return { kind: 'column', name, start: name[0]!.start, end: c.end }
}

/** Identifiers with dots between them, at most `most`. */
export function qualifiedName(c: Cursor, expected: string, most: number): Identifier[] {
  const name = [identifier(c, expected)]
  while (c.token.key === '.') {
    advance(c)
    if (name.length === most)
      complain(
        c,
        { start: name[0]!.start, end: c.token.end },
        `this name has more than ${most} parts`,
        most === 4
          ? 'a column is written [[catalogue.]schema.]table.column'
          : 'a table is written [catalogue.]schema.table',
      )
    name.push(identifier(c, 'a name after the dot', 'afterDot'))
  }
  return name
}

function reserved(c: Cursor, token: Token): Expression {
  const { key, start, end } = token
  const called = peek(c).key === '('
  switch (key) {
    case 'NULL':
      advance(c)
      return { kind: 'null', start, end }
    case 'TRUE':
    case 'FALSE':
      advance(c)
      note(c, 'extension', 'TRUE/FALSE', 'TRUE and FALSE are not in ADQL 2.1', token)
      return { kind: 'boolean', value: key === 'TRUE', start, end }
    case 'CASE':
      return caseExpression(c)
    case 'CAST':
      if (called) return cast(c)
      break
    case 'COUNT':
    case 'AVG':
    case 'MAX':
    case 'MIN':
    case 'SUM':
      if (called) return over(c, setFunction(c, key))
      break
    case 'EXISTS':
    case 'NOT':
    case 'SELECT':
    case 'WITH':
    case 'ALL':
    case 'ANY':
    case 'SOME':
      return fail(
        c,
        'a column or an expression',
        key === 'SELECT' ? 'a sub-query stands in parentheses' : undefined,
      )
  }
  if (called && !isClauseWord(key)) return call(c)
  if (peek(c).kind === 'string' && /^(DATE|TIME|TIMESTAMP|INTERVAL)$/.test(key)) {
    complain(
      c,
      token,
      `${key} '…' is not ADQL`,
      key === 'INTERVAL'
        ? 'ADQL does not calculate with dates'
        : "write CAST('…' AS TIMESTAMP), or compare with the text itself",
    )
  }
  if (!isNameLike(key)) {
    fail(
      c,
      'a column or an expression',
      isClauseWord(key)
        ? undefined
        : `if ${token.text} is a name, it stands in double quotes: "${token.text}"`,
    )
  }
  return columnReference(c)
}

/** Names of functions that are reserved words and in ADQL; every other reserved name of a function is an extension. */
const FUNCTIONS = new Set(
  `ABS ACOS AREA ASIN ATAN ATAN2 BOX CEILING CENTROID CIRCLE COALESCE CONTAINS COORD1 COORD2 COORDSYS COS COT DEGREES DISTANCE
  EXP FLOOR INTERSECTS IN_UNIT LOG LOG10 LOWER MOD PI POINT POLYGON POWER RADIANS RAND REGION ROUND SIN SQRT TAN TRUNCATE UPPER`.split(
    /\s+/,
  ),
)

function call(c: Cursor): Expression {
  const name = advance(c)
  if (name.key && !FUNCTIONS.has(name.key))
    note(c, 'extension', name.key, `${name.key} is a reserved word, but no function of ADQL 2.1`, name)
  const open = advance(c)
  const args: Expression[] = []
  if (c.token.key !== ')') {
    do
      args.push(
        c.token.key === 'DISTINCT'
          ? fail(c, 'an argument', 'DISTINCT works in COUNT, AVG, MAX, MIN and SUM')
          : valueExpression(c),
      )
    while (accept(c, ','))
  }
  close(c, open, `a comma or the ) of ${name.text}(…)`)
  return over(c, {
    kind: 'call',
    name: { text: name.text, delimited: false, start: name.start, end: name.end },
    args,
    start: name.start,
    end: c.end,
  })
}

function setFunction(c: Cursor, name: 'COUNT' | 'AVG' | 'MAX' | 'MIN' | 'SUM'): Expression {
  const { start } = advance(c)
  const open = advance(c)
  const quantifier = c.token.key === 'DISTINCT' || c.token.key === 'ALL' ? c.token.key : undefined
  if (quantifier) advance(c)
  if (!quantifier && name === 'COUNT' && c.token.key === '*') {
    advance(c)
    close(c, open)
    return { kind: 'aggregate', name, quantifier, argument: undefined, start, end: c.end }
  }
  if (c.token.key === ')')
    fail(c, 'something to aggregate', name === 'COUNT' ? 'rows are counted by COUNT(*)' : undefined)
  const argument = valueExpression(c)
  close(c, open, `the ) of ${name}(…), which takes one argument,`)
  return { kind: 'aggregate', name, quantifier, argument, start, end: c.end }
}

/** Extension: `call OVER (PARTITION BY … ORDER BY …)`. */
function over(c: Cursor, function_: Expression): Expression {
  if (!isWord(c.token, 'OVER') || peek(c).key !== '(') return function_
  note(c, 'extension', 'OVER', 'window functions (OVER) are not in ADQL 2.1', c.token)
  advance(c)
  const open = advance(c)
  const partitionBy: Expression[] = []
  if (isWord(c.token, 'PARTITION')) {
    advance(c)
    expect(c, 'BY', 'BY after PARTITION')
    do partitionBy.push(valueExpression(c))
    while (accept(c, ','))
  }
  const orderBy: readonly SortSpecification[] = c.token.key === 'ORDER' ? sortSpecifications(c) : []
  close(c, open, 'PARTITION BY, ORDER BY or a )')
  return { kind: 'window', call: function_, partitionBy, orderBy, start: function_.start, end: c.end }
}

/** Extension: CASE, in both forms of SQL92. */
function caseExpression(c: Cursor): Expression {
  const { start } = c.token
  note(c, 'extension', 'CASE', 'CASE is reserved in ADQL 2.1, but not in its grammar', c.token)
  advance(c)
  const operand = c.token.key === 'WHEN' ? undefined : valueExpression(c)
  const whens: { when: Expression; then: Expression }[] = []
  if (c.token.key !== 'WHEN') fail(c, 'WHEN', 'CASE WHEN condition THEN value ELSE value END')
  while (accept(c, 'WHEN')) {
    const when = operand ? valueExpression(c) : searchCondition(c)
    expect(c, 'THEN', 'THEN and a value')
    // biome-ignore lint/suspicious/noThenProperty: CASE WHEN … THEN, never awaited
    whens.push({ when, then: valueExpression(c) })
  }
  const otherwise = accept(c, 'ELSE') ? valueExpression(c) : undefined
  expect(c, 'END', 'WHEN, ELSE or END', 'CASE WHEN condition THEN value ELSE value END')
  return { kind: 'case', operand, whens, otherwise, start, end: c.end }
}

// ---------------------------------------------------------------- CAST

/** Targets of CAST (ADQL 2.1 §4.7), and whether a length may follow. */
const TARGETS: Record<string, boolean> = {
  SMALLINT: false,
  INTEGER: false,
  BIGINT: false,
  REAL: false,
  CHAR: true,
  VARCHAR: true,
  TIMESTAMP: false,
  POINT: false,
  CIRCLE: false,
  POLYGON: false,
}

/** Names of types in other languages, read as the ADQL one. */
const FOREIGN_TARGETS: Record<string, string> = {
  INT: 'INTEGER',
  INT2: 'SMALLINT',
  INT4: 'INTEGER',
  INT8: 'BIGINT',
  LONG: 'BIGINT',
  FLOAT: 'DOUBLE PRECISION',
  FLOAT4: 'REAL',
  FLOAT8: 'DOUBLE PRECISION',
  DOUBLE: 'DOUBLE PRECISION',
  DECIMAL: 'DOUBLE PRECISION',
  NUMERIC: 'DOUBLE PRECISION',
  TEXT: 'VARCHAR',
  STRING: 'VARCHAR',
  CHARACTER: 'CHAR',
  DATETIME: 'TIMESTAMP',
  SPOINT: 'POINT',
  SCIRCLE: 'CIRCLE',
  SPOLY: 'POLYGON',
}

function cast(c: Cursor): Expression {
  const { start } = advance(c)
  const open = advance(c)
  const operand = valueExpression(c)
  expect(c, 'AS', 'AS and a type', 'CAST(value AS type)')
  const target = castTarget(c)
  close(c, open, 'the ) of CAST(…)')
  return { kind: 'cast', operand, target, start, end: c.end }
}

function castTarget(c: Cursor): CastTarget {
  const { token } = c
  const { start } = token
  if (token.kind !== 'word') fail(c, 'a type', TYPES)
  const written = token.text.toUpperCase()
  if (!(written in TARGETS) && !(written in FOREIGN_TARGETS))
    complain(c, token, `${token.text} is not a type to cast to`, TYPES)
  advance(c)
  if (written === 'DOUBLE' && accept(c, 'PRECISION'))
    return { type: 'DOUBLE PRECISION', length: undefined, start, end: c.end }
  const type = FOREIGN_TARGETS[written] ?? written
  if (type !== written) note(c, 'repair', 'type', `${written} is read as the ADQL type ${type}`, token)
  let length: number | undefined
  if (c.token.key === '(') {
    const open = c.token
    if (!TARGETS[type]) complain(c, open, `${type} has no length`)
    advance(c)
    length = unsignedDecimal(c, 'a length')
    close(c, open)
  }
  return { type, length, start, end: c.end }
}

const TYPES =
  'the types are SMALLINT, INTEGER, BIGINT, REAL, DOUBLE PRECISION, CHAR(n), VARCHAR(n), TIMESTAMP, POINT, CIRCLE and POLYGON'

/** `<unsigned_decimal>`: a whole number without sign. */
export function unsignedDecimal(c: Cursor, expected: string, hint?: string): number {
  const { token } = c
  if (token.key === '-' || (token.kind === 'number' && !/^\d+$/.test(token.text)))
    complain(c, token, `${expected} is a whole number that is not negative`)
  if (token.kind !== 'number') fail(c, expected, hint)
  const value = Number(token.text)
  if (!Number.isSafeInteger(value)) complain(c, token, `${token.text} is too large`)
  advance(c)
  return value
}

// ---------------------------------------------------------------- parentheses

/** `(` begins a value, a condition or a sub-query. The node takes in its parentheses. */
function parenthesised(c: Cursor): Expression {
  const { start } = c.token
  const inside = parenthesisedOrList(c, 'one')
  return { ...inside[0]!, start, end: c.end }
}

/** From `(` to its `)`: expressions with commas between them, or a sub-query as one scalarSubquery. */
function parenthesisedOrList(c: Cursor, how?: 'one'): Expression[] {
  const open = advance(c)
  if (c.token.key === 'SELECT' || c.token.key === 'WITH') {
    const query = queryExpression(c)
    closeQuery(c, open)
    return [{ kind: 'scalarSubquery', query, start: open.start, end: c.end }]
  }
  if (c.token.key === ')') fail(c, 'an expression', 'these parentheses are empty')
  const list = [expression(c)]
  const first = list[0]!
  if (first.kind === 'scalarSubquery' && continuesQuery(c)) {
    const query = queryExpression(c, first.query)
    closeQuery(c, open)
    return [{ kind: 'scalarSubquery', query, start: open.start, end: c.end }]
  }
  if (how === 'one') {
    if (c.token.key === ',') fail(c, 'a ) or an operator', 'values are listed in parentheses only after IN')
  } else while (accept(c, ',')) list.push(expression(c))
  close(c, open, how === 'one' ? 'a ) or an operator' : 'a comma or a )')
  return list
}

/** `<subquery>`: a query in parentheses. */
export function subquery(c: Cursor, hint: string): QueryExpression {
  const { token } = c
  if (token.key !== '(') fail(c, 'a sub-query in parentheses', hint)
  const [inside] = parenthesisedOrList(c, 'one')
  if (inside!.kind !== 'scalarSubquery')
    return complain(c, { start: token.start, end: c.end }, 'there is no query in these parentheses', hint)
  return inside!.query
}

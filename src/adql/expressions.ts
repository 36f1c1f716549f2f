/**
 * Value expressions (ADQL 2.1 Appendix A), from `||` down to columns, literals, calls and parentheses. Conditions are
 * one ladder with them: see `conditions.ts`.
 */
import type { Expression, Identifier, QueryExpression, SortSpecification } from './ast.ts'
import { asValue, expression, searchCondition, valueExpression } from './conditions.ts'
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
import { insteadOf } from './foreign.ts'
import type { Token } from './lexer.ts'
import { closeQuery, continuesQuery, queryExpression } from './parser.ts'
import { sortSpecifications } from './tail.ts'
import { castSpecification } from './targets.ts'
import { windowFrame } from './window-frame.ts'
import { isClauseWord, isNameLike } from './words.ts'

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
export function characterOrBits(c: Cursor): Expression {
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
      if (token.key === ')') commaBefore(c)
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
  const { token } = c
  if (value === '' && token.kind === 'word' && token.start === c.end) {
    const close = peek(c)
    const doubled = close.kind === 'string' && close.text === '' && close.start === token.end
    const message = `text stands between two single ', not between two doubled ones: '${token.text}'`
    if (!doubled) complain(c, token, message)
    note(c, 'repair', 'quotes', message, token)
    value = advance(c).text
    advance(c)
  }
  return { kind: 'string', value, start, end: c.end }
}

/** A column or a call of a function whose name is no reserved word. */
function named(c: Cursor): Expression {
  return peek(c).key === '(' ? call(c) : columnReference(c)
}

function columnReference(c: Cursor): Expression {
  const name = qualifiedName(c, 'a column or an expression', 4)
  if (c.token.key === '(') {
    const [{ text: called }, schema] = [name.at(-1)!, name.at(-2)?.text]
    const span = { start: name[0]!.start, end: c.end }
    if (peek(c).key === '+' && peek(c, 2).key === ')')
      complain(c, span, '(+) is not ADQL', 'outer joins are written a LEFT OUTER JOIN b ON a.id = b.id')
    const instead = insteadOf(called, schema)
    if (instead) complain(c, span, `there is no function ${schema}.${called}`, instead)
    complain(c, span, 'functions have no schema', `write ${called}(…)`)
  }
  return { kind: 'column', name, start: name[0]!.start, end: c.end }
}

/** Identifiers with dots between them, at most `most`. */
export function qualifiedName(c: Cursor, expected: string, most: number): Identifier[] {
  if (c.token.key === '..') leftOut(c, 'in front')
  const name = [identifier(c, expected)]
  while (c.token.key === '.' || c.token.key === '..') {
    if (c.token.key === '..') leftOut(c, `after ${name.at(-1)!.text}`)
    else advance(c)
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

/** `db..table`, SQL Server's for the schema that one is in. */
function leftOut(c: Cursor, where: string): void {
  note(c, 'repair', '..', `.. is not ADQL: the name missing ${where} is left out`, c.token)
  advance(c)
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
      if (called) return castSpecification(c)
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
  if (called && key === 'EXTRACT') complain(c, token, 'EXTRACT is not ADQL', insteadOf('extract'))
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
    commaBefore(c)
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

/** A list goes on after a comma. */
function commaBefore(c: Cursor): void {
  const before = c.tokens[c.index - 1]
  if (before?.key === ',') complain(c, before, `there is a comma too many before ${c.token.key}`)
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
  if (c.token.key === ',' && quantifier === 'DISTINCT')
    fail(
      c,
      `the ) of ${name}(…)`,
      'different pairs are counted in a sub-query: SELECT COUNT(*) FROM (SELECT DISTINCT a, b FROM t) AS q',
    )
  close(c, open, `the ) of ${name}(…), which takes one argument,`)
  return { kind: 'aggregate', name, quantifier, argument, start, end: c.end }
}

/** Extension: `call OVER (PARTITION BY … ORDER BY … ROWS BETWEEN …)`. */
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
  const frame = windowFrame(c)
  close(c, open, 'PARTITION BY, ORDER BY, ROWS, RANGE or a )')
  return { kind: 'window', call: function_, partitionBy, orderBy, frame, start: function_.start, end: c.end }
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

// ---------------------------------------------------------------- parentheses

/** `(` begins a value, a condition or a sub-query. The node takes in its parentheses. */
function parenthesised(c: Cursor): Expression {
  const open = advance(c)
  const inside = firstInParentheses(c)
  if (c.token.key === ',') fail(c, 'a ) or an operator', 'values are listed in parentheses only after IN')
  if (inside.kind === 'scalarSubquery') closeQuery(c, open)
  else close(c, open)
  return { ...inside, start: open.start, end: c.end }
}

/** `<in_predicate_value>`: expressions with commas between them, or one sub-query. */
export function parenthesisedList(c: Cursor): Expression[] {
  const open = advance(c)
  const list = [firstInParentheses(c)]
  while (accept(c, ',')) list.push(expression(c))
  if (list[0]!.kind === 'scalarSubquery') closeQuery(c, open)
  else close(c, open, 'a comma or a )')
  return list
}

/** `((SELECT …) UNION SELECT …)` shows only after its inner `)` that it is a query and not a value. */
function firstInParentheses(c: Cursor): Expression {
  const { key, start } = c.token
  if (key === ')') fail(c, 'an expression', 'these parentheses are empty')
  let query: QueryExpression
  if (key === 'SELECT' || key === 'WITH') query = queryExpression(c)
  else {
    const inside = expression(c)
    if (inside.kind !== 'scalarSubquery' || !continuesQuery(c)) return inside
    query = queryExpression(c, { ...inside.query, parenthesised: true, start: inside.start, end: inside.end })
  }
  return { kind: 'scalarSubquery', query, start, end: c.end }
}

/** `<subquery>`: a query in parentheses. */
export function subquery(c: Cursor, hint: string): QueryExpression {
  if (c.token.key !== '(') fail(c, 'a sub-query in parentheses', hint)
  const inside = parenthesised(c)
  return inside.kind === 'scalarSubquery'
    ? inside.query
    : complain(c, inside, 'there is no query in these parentheses', hint)
}

/** Expressions and search conditions: names become columns, types are found and checked. */
import type { Expression, ExpressionOf, QueryExpression, Span, WindowFrame } from './ast.ts'
import { callOf, resolveCall, resolveNamed } from './calls.ts'
import { castTo } from './cast.ts'
import { alike, allAlike, cast, commonOf, open } from './coerce.ts'
import { resolveColumn, unknown } from './columns.ts'
import type { Complaint } from './error.ts'
import { formsOf } from './functions.ts'
import { resolveBody } from './resolve.ts'
import { complain, type Place } from './state.ts'
import type { Body, Resolved, ResolvedStage, Sort } from './tree.ts'
import { inWords, isGeometry, isInteger, isNumeric, isOpen, numericResult, type Type } from './types.ts'

export function resolveExpression(e: Expression, place: Place): Resolved {
  const { start, end } = e
  switch (e.kind) {
    case 'number':
      return number(e, place)
    case 'string':
      return { kind: 'string', value: e.value, type: 'char', start, end }
    case 'null':
      return { kind: 'null', type: 'null', start, end }
    case 'boolean':
      return { kind: 'boolean', value: e.value, type: 'boolean', start, end }
    case 'column':
      return resolveColumn(e.name, e, place)
    case 'unary':
      return unary(e, place)
    case 'binary':
      return binary(e, place)
    case 'call':
      return resolveCall(e, place)
    case 'aggregate':
      return resolveNamed(e.name, e.argument ? [e.argument] : [], e.quantifier, e, e, place)
    case 'cast':
      return castTo(resolveExpression(e.operand, place), e.target, e, place.state)
    case 'case':
      return caseOf(e, place)
    case 'window':
      return window(e, place)
    case 'scalarSubquery':
      return subquery(e, place)
    case 'and':
    case 'or': {
      const [left, right] = [resolveCondition(e.left, place), resolveCondition(e.right, place)]
      return { kind: e.kind, left, right, type: 'boolean', start, end }
    }
    case 'not':
      return { kind: 'not', operand: resolveCondition(e.operand, place), type: 'boolean', start, end }
    case 'comparison':
      return comparison(e, place)
    case 'between':
      return between(e, place)
    case 'like': {
      const [operand, pattern] = [likeOperand(e.operand, place), likeOperand(e.pattern, place)]
      return {
        kind: 'like',
        negated: e.negated,
        caseless: e.caseless,
        operand,
        pattern,
        type: 'boolean',
        start,
        end,
      }
    }
    case 'in':
      return inOf(e, place)
    case 'is': {
      const operand =
        e.what === 'NULL' ? resolveExpression(e.operand, place) : resolveCondition(e.operand, place)
      return { kind: 'is', negated: e.negated, what: e.what, operand, type: 'boolean', start, end }
    }
    case 'exists':
      return {
        kind: 'exists',
        query: resolveBody(e.query, place.scope, place.state).body,
        type: 'boolean',
        start,
        end,
      }
  }
}

/** An expression in the place of a search condition: true or false, or a 1/0 function standing alone. */
export function resolveCondition(e: Expression, place: Place): Resolved {
  const condition = resolveExpression(e, place)
  const { type } = condition
  if (type === 'boolean' || isOpen(type)) return condition
  if (condition.kind === 'call' && condition.form.predicate) return condition
  complain(
    place.state,
    e,
    `a condition is needed here, not ${inWords(type)}`,
    'Compare it with something, as in x = 1.',
  )
  return { ...condition, type: 'unknown' }
}

const complaints = (place: Place) => (c: Complaint) => {
  place.state.complaints.push(c)
}

// ---------------------------------------------------------------- numbers and strings

const INT4 = 2147483647n
const INT8 = 9223372036854775807n

function number(e: ExpressionOf<'number'>, place: Place): Resolved {
  const { start, end } = e
  if (!e.integer) {
    if (!Number.isFinite(Number(e.text))) complain(place.state, e, 'this number is too large')
    return { kind: 'number', text: e.text, type: 'double', start, end }
  }
  const value = BigInt(e.text)
  const type: Type = value <= INT4 ? 'int' : value <= INT8 ? 'bigint' : 'double'
  return { kind: 'number', text: String(value), type, start, end }
}

function unary(e: ExpressionOf<'unary'>, place: Place): Resolved {
  const operand = resolveExpression(e.operand, place)
  const { operator, start, end } = e
  if (operand.type === 'null')
    return { kind: 'unary', operator, operand: cast(operand, 'double'), type: 'double', start, end }
  const fits = operator === '~' ? isInteger(operand.type) : isNumeric(operand.type)
  if (!fits && !open(operand))
    complain(place.state, e, `${operator} needs a number, not ${inWords(operand.type)}`)
  return { kind: 'unary', operator, operand, type: fits ? operand.type : 'unknown', start, end }
}

function binary(e: ExpressionOf<'binary'>, place: Place): Resolved {
  const left = resolveExpression(e.left, place)
  const right = resolveExpression(e.right, place)
  const { operator, start, end } = e
  if (operator === '||') {
    return {
      kind: 'binary',
      operator,
      left: string(left, place),
      right: string(right, place),
      type: 'char',
      start,
      end,
    }
  }
  for (const side of [left, right]) {
    if (isNumeric(side.type) || open(side)) continue
    complain(place.state, side, `${operator} needs numbers, not ${inWords(side.type)}`, arithmeticHint(side))
    return unknown(e)
  }
  if (left.type === 'unknown' || right.type === 'unknown') return unknown(e)
  if (operator === '%') {
    const how = { quantifier: undefined, frame: undefined, nameSpan: e, span: e }
    return callOf(formsOf('MOD'), [left, right], how, place)
  }
  const type = numericResult(left.type, right.type)
  if ('&|^'.includes(operator) && !isInteger(type)) {
    const hint =
      operator === '^' ? 'It is the exclusive or of bits; powers are written POWER(x, y).' : undefined
    complain(place.state, e, `${operator} needs integers`, hint)
    return unknown(e)
  }
  if (operator === '/') noteDivision(e, place)
  const typed = (side: Resolved) => (side.type === 'null' ? cast(side, type) : side)
  return { kind: 'binary', operator, left: typed(left), right: typed(right), type, start, end }
}

/** `1/3600` is 0 in SQL, and hardly ever meant. */
function noteDivision(e: Span & { left: Expression; right: Expression }, place: Place): void {
  if (e.left.kind !== 'number' || e.right.kind !== 'number' || !e.left.integer || !e.right.integer) return
  const [a, b] = [Number(e.left.text), Number(e.right.text)]
  if (b === 0 || a % b === 0) return
  const message = `${a}/${b} divides integers and gives ${Math.trunc(a / b)}; write ${a}.0/${b} for the fraction`
  place.state.notes.push({ kind: 'advice', name: 'integer division', message, start: e.start, end: e.end })
}

function arithmeticHint(side: Resolved): string | undefined {
  if (side.type === 'char') return 'Convert it with CAST(… AS DOUBLE PRECISION).'
  if (side.type === 'timestamp') return 'ivo_to_mjd(…) makes a number of a time.'
  return undefined
}

function string(operand: Resolved, place: Place): Resolved {
  if (operand.type === 'char' || operand.type === 'unknown') return operand
  if (isNumeric(operand.type) || operand.type === 'timestamp' || operand.type === 'null')
    return cast(operand, 'char')
  complain(place.state, operand, `|| joins strings, not ${inWords(operand.type)}`)
  return unknown(operand)
}

function likeOperand(e: Expression, place: Place): Resolved {
  const operand = resolveExpression(e, place)
  if (operand.type === 'char' || operand.type === 'unknown') return operand
  if (operand.type === 'null') return cast(operand, 'char')
  const hint = 'Convert it with CAST(… AS VARCHAR).'
  complain(place.state, operand, `LIKE compares strings, and this is ${inWords(operand.type)}`, hint)
  return unknown(operand)
}

// ---------------------------------------------------------------- predicates

function comparison(e: ExpressionOf<'comparison'>, place: Place): Resolved {
  const { operator, start, end } = e
  const given = [resolveExpression(e.left, place), resolveExpression(e.right, place)] as const
  hintAtQuotes(e.left, given[1], place)
  hintAtQuotes(e.right, given[0], place)
  const [left, right] = alike(...given, complaints(place))
  if (operator !== '=' && operator !== '<>' && (isGeometry(left.type) || left.type === 'moc')) {
    complain(place.state, e, `${operator} does not order shapes`, 'Compare their DISTANCE or AREA.')
  }
  return { kind: 'comparison', operator, left, right, type: 'boolean', start, end }
}

/** `band = r`: an unknown name beside text may be text without its quotes. */
function hintAtQuotes(e: Expression, other: Resolved, place: Place): void {
  if (e.kind !== 'column' || e.name.length > 1 || e.name[0]!.delimited || other.type !== 'char') return
  const { complaints } = place.state
  const at = complaints.findLastIndex(c => c.start === e.start && c.message.startsWith('there is no column'))
  const complaint = complaints[at]
  if (!complaint) return
  const hint = [`Text is in single quotes: '${e.name[0]!.text}'.`, complaint.hint].filter(Boolean).join(' ')
  complaints[at] = { ...complaint, hint }
}

function between(e: ExpressionOf<'between'>, place: Place): Resolved {
  const { negated, start, end } = e
  const given = resolveExpression(e.operand, place)
  const bounds = [resolveExpression(e.low, place), resolveExpression(e.high, place)]
  const [operand, [low, high]] = allAlike(given, bounds, complaints(place))
  return { kind: 'between', negated, operand, low: low!, high: high!, type: 'boolean', start, end }
}

/** A column of nothing but NULLs, of the type that it is compared with: to PostgreSQL it would be text. */
function typed(body: Body<ResolvedStage>, type: Type): Body<ResolvedStage> {
  if (body.kind === 'set') return { ...body, left: typed(body.left, type), right: typed(body.right, type) }
  return { ...body, items: body.items.map(i => ({ ...i, expression: cast(i.expression, type) })) }
}

const isQuery = (values: readonly Expression[] | QueryExpression): values is QueryExpression =>
  !Array.isArray(values)

function inOf(e: ExpressionOf<'in'>, place: Place): Resolved {
  const { negated, start, end } = e
  let operand = resolveExpression(e.operand, place)
  if (isQuery(e.values)) {
    const { body, columns } = resolveBody(e.values, place.scope, place.state)
    const first = columns[0]
    if (columns.length > 1)
      complain(place.state, e.values, `the sub-query of IN has ${columns.length} columns, not one`)
    else if (first?.type === 'null' && !open(operand)) {
      const query = typed(body, operand.type)
      return { kind: 'in', negated, operand, values: undefined, query, type: 'boolean', start, end }
    } else if (first && first.type !== 'null') {
      const stand: Resolved = { kind: 'null', type: first.type, start: e.values.start, end: e.values.end }
      operand = alike(operand, stand, complaints(place))[0]
    }
    return { kind: 'in', negated, operand, values: undefined, query: body, type: 'boolean', start, end }
  }
  const listed = e.values.map(v => resolveExpression(v, place))
  const [value, values] = allAlike(operand, listed, complaints(place))
  return { kind: 'in', negated, operand: value, values, query: undefined, type: 'boolean', start, end }
}

// ---------------------------------------------------------------- extensions

function caseOf(e: ExpressionOf<'case'>, place: Place): Resolved {
  const { start, end } = e
  const given = e.operand && resolveExpression(e.operand, place)
  const tests = e.whens.map(w => (given ? resolveExpression : resolveCondition)(w.when, place))
  const [operand, compared] = given ? allAlike(given, tests, complaints(place)) : [undefined, tests]
  const whens = e.whens.map((w, i) => ({ when: compared[i]!, result: resolveExpression(w.then, place) }))
  const otherwise = e.otherwise && resolveExpression(e.otherwise, place)
  const type = commonOf([...whens.map(w => w.result), ...(otherwise ? [otherwise] : [])])
  if (!type) {
    const hint = 'Convert some of them by CAST(… AS VARCHAR), or write NULL.'
    complain(place.state, e, 'the results of this CASE are of different types', hint)
    return unknown(e)
  }
  return {
    kind: 'case',
    operand,
    whens: whens.map(w => ({ when: w.when, result: cast(w.result, type) })),
    otherwise: otherwise && cast(otherwise, type),
    type,
    start,
    end,
  }
}

function window(e: ExpressionOf<'window'>, place: Place): Resolved {
  const { start, end } = e
  if (place.clause !== 'SELECT' && place.clause !== 'ORDER BY') {
    complain(
      place.state,
      e,
      `a window function cannot stand in ${place.clause}`,
      'Compute it in a sub-query.',
    )
  }
  if (place.inside) complain(place.state, e, `a window function cannot be nested in ${place.inside}`)
  const call = e.call.kind === 'call' ? resolveCall(e.call, place, true) : resolveExpression(e.call, place)
  checkWindowCall(call, place)
  const orderBy = e.orderBy.map((s): Sort<ResolvedStage> => ({ ...s, key: resolveExpression(s.key, place) }))
  const partitionBy = e.partitionBy.map(p => resolveExpression(p, place))
  for (const key of [...partitionBy, ...orderBy.map(s => s.key as Resolved)]) {
    if (isGeometry(key.type) || key.type === 'moc')
      complain(place.state, key, `a window cannot be made by ${inWords(key.type)}`, 'Use its coordinates.')
  }
  if (e.frame) checkFrame(e.frame, orderBy, place)
  return { kind: 'window', call, partitionBy, orderBy, frame: e.frame, type: call.type, start, end }
}

/** Of ROWS and GROUPS the offsets count; those of RANGE are added to the one value that the window is ordered by. */
function checkFrame(frame: WindowFrame, orderBy: readonly Sort<ResolvedStage>[], place: Place): void {
  const { unit } = frame
  if (unit === 'GROUPS' && orderBy.length === 0)
    complain(place.state, frame, 'GROUPS needs an ORDER BY before it')
  for (const bound of [frame.from, frame.to]) {
    if (bound?.offset === undefined) continue
    const isWhole = /^\d+$/.test(bound.offset)
    const key = orderBy.length === 1 ? (orderBy[0]!.key as Resolved) : undefined
    if (unit !== 'RANGE') {
      if (!isWhole) complain(place.state, bound, `${unit} counts in whole numbers`)
    } else if (!key) complain(place.state, bound, 'RANGE with a number needs an ORDER BY of one value')
    else if (!isNumeric(key.type) && !isOpen(key.type))
      complain(
        place.state,
        bound,
        `RANGE with a number needs an ORDER BY of numbers, not ${inWords(key.type)}`,
      )
    else if (isInteger(key.type) && !isWhole)
      complain(place.state, bound, 'RANGE over integers needs a whole number')
  }
}

/** OVER takes aggregates and window functions; PostgreSQL has no DISTINCT and no sorted aggregates there. */
function checkWindowCall(call: Resolved, place: Place): void {
  if (call.type === 'unknown') return
  const form = call.kind === 'call' ? call.form : undefined
  const name = form?.name ?? 'IN_UNIT'
  if (!form || (form.kind !== 'aggregate' && form.kind !== 'window'))
    complain(place.state, call, `${name} is no aggregate or window function, so it takes no OVER`)
  else if (call.kind === 'call' && call.quantifier === 'DISTINCT')
    complain(place.state, call, `${name} with DISTINCT takes no OVER`)
  else if (form.template.some(p => typeof p === 'string' && p.includes('ORDER BY')))
    complain(place.state, call, `${name} takes no OVER`, 'Compute it in a sub-query with GROUP BY.')
}

function subquery(e: ExpressionOf<'scalarSubquery'>, place: Place): Resolved {
  const { body, columns } = resolveBody(e.query, place.scope, place.state)
  if (columns.length > 1)
    complain(place.state, e, `a sub-query used as a value has ${columns.length} columns, not one`)
  return { kind: 'subquery', query: body, type: columns[0]?.type ?? 'unknown', start: e.start, end: e.end }
}

/** Conversions between types where two values meet, and the complaint when there is none. */
import type { Complaint } from './error.ts'
import type { Resolved } from './tree.ts'
import { commonType, inWords, isInteger, isNumeric, isOpen, type Type } from './types.ts'

export function cast(operand: Resolved, type: Type): Resolved {
  if (operand.type === type || operand.type === 'unknown') return operand
  const { start, end } = operand
  return { kind: 'cast', operand, from: operand.type, type, length: undefined, padded: false, start, end }
}

/** DALI 1.1 §3.3.3, with a blank tolerated for the T. */
const TIMESTAMP = /^\s*\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d*)?)?)?Z?\s*$/

/** The timestamp that a string is; of a literal the form is checked here. */
export function asTimestamp(value: Resolved, complain: (c: Complaint) => void): Resolved {
  if (value.kind !== 'string') return cast(value, 'timestamp')
  if (TIMESTAMP.test(value.value)) {
    const text = value.value.trim().replace('Z', '').replace('T', ' ')
    return cast({ ...value, value: text }, 'timestamp')
  }
  complain({
    start: value.start,
    end: value.end,
    message: `'${value.value}' is not a time`,
    hint: "Times are written '2025-03-01T22:15:00', in UTC.",
  })
  return { ...value, type: 'unknown' }
}

const TRUTH = new Map([
  ...['true', 't', '1'].map(word => [word, true] as const),
  ...['false', 'f', '0'].map(word => [word, false] as const),
])

/**
 * Two values that are compared (ADQL 2.1 §2.2.3): numbers with numbers, strings with strings, times with ISO
 * strings, truth values with truth values, 1 and 0, or 'true' and 'false'.
 */
export function alike(
  left: Resolved,
  right: Resolved,
  complain: (c: Complaint) => void,
): [Resolved, Resolved] {
  const [l, r] = [left.type, right.type]
  if (l === r && l !== 'opaque') return [left, right]
  if (l === 'unknown' || r === 'unknown') return [left, right]
  if (l === 'null') return [r === 'null' ? left : cast(left, r), right]
  if (r === 'null') return [left, cast(right, l)]
  if (isNumeric(l) && isNumeric(r)) return [left, right]
  if (l === 'timestamp' && r === 'char') return [left, asTimestamp(right, complain)]
  if (l === 'char' && r === 'timestamp') return [asTimestamp(left, complain), right]
  if (l === 'boolean' && isInteger(r)) return [cast(left, 'int'), right]
  if (r === 'boolean' && isInteger(l)) return [left, cast(right, 'int')]
  if (l === 'boolean' && right.kind === 'string') {
    const value = TRUTH.get(right.value.toLowerCase())
    if (value !== undefined) return [left, { ...right, kind: 'boolean', value, type: 'boolean' }]
  }
  if (r === 'boolean' && left.kind === 'string') {
    const [b, a] = alike(right, left, complain)
    return [a, b]
  }
  complain(mismatch(left, right))
  return [
    { ...left, type: 'unknown' },
    { ...right, type: 'unknown' },
  ]
}

/** A value and all that it is compared with, each converted to what fits the others, wherever in the list it is. */
export function allAlike(
  given: Resolved,
  others: readonly Resolved[],
  complain: (c: Complaint) => void,
): [Resolved, Resolved[]] {
  let value = given
  for (const other of others) {
    const [made] = alike(value, other, () => {})
    if (made.type !== 'unknown') value = made
  }
  return [value, others.map(other => alike(value, other, complain)[1])]
}

/** The complaint that two values do not compare; it points at the literal, or at the second one. */
export function mismatch(left: Resolved, right: Resolved): Complaint {
  const at = left.kind === 'string' || left.kind === 'number' ? left : right
  const other = at === left ? right : left
  return {
    start: at.start,
    end: at.end,
    message: `${inWords(at.type)} is compared with ${inWords(other.type)}${columnName(other)}`,
    hint: hintFor(at, other),
  }
}

function columnName(expression: Resolved): string {
  return expression.kind === 'column' ? ` (${expression.column.name})` : ''
}

function hintFor(at: Resolved, other: Resolved): string {
  if (at.kind === 'string' && isNumeric(other.type)) {
    if (/^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(at.value.trim())) return `Write ${at.value.trim()} without quotes.`
    if (TIMESTAMP.test(at.value)) return `In a column of MJD, write ivo_to_mjd('${at.value.trim()}').`
    if (/^[-+]?(nan|inf(inity)?)$/i.test(at.value)) return `Write CAST('${at.value}' AS DOUBLE PRECISION).`
    return 'Compare it with a number.'
  }
  if (at.kind === 'number' && other.type === 'char') return "Put it in single quotes: '…'."
  if (isNumeric(at.type) && other.type === 'timestamp')
    return `ivo_to_mjd(${other.kind === 'column' ? other.column.name : '…'}) is a number of days.`
  if (isNumeric(at.type) || isNumeric(other.type)) return 'Convert one of them with CAST(… AS …).'
  return 'Both sides must be of the same kind.'
}

/** Values that become one column: COALESCE, CASE, set operations. Undefined where they have no common type. */
export function commonOf(values: readonly Resolved[]): Type | undefined {
  let type: Type | undefined = 'null'
  for (const value of values) type = type && commonType(type, value.type)
  return type
}

export const open = (expression: Resolved): boolean => isOpen(expression.type)

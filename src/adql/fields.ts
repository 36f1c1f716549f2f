/** What a result's column is described as: of a plain column all its metadata, of an expression what still holds. */
import type { Field } from '../votable/field.ts'
import type { Resolved } from './tree.ts'
import { fieldOf, isNumeric } from './types.ts'

type Described = Partial<Pick<Field, 'unit' | 'ucd' | 'utype' | 'description'>>

const STATISTIC: Partial<Record<string, string>> = { MIN: 'stat.min', MAX: 'stat.max', AVG: 'stat.mean' }

/** Unit, UCD and description of an expression's value. */
export function describe(expression: Resolved): Described {
  switch (expression.kind) {
    case 'column': {
      const { unit, ucd, utype, description } = expression.column.field
      return { unit, ucd, utype, description }
    }
    case 'unary':
    case 'cast': {
      const { unit, ucd, description } = describe(expression.operand)
      return { unit, ucd, description }
    }
    case 'unit':
      return { ...describe(expression.operand), unit: expression.unit }
    case 'binary':
      return { unit: sameUnit(expression) }
    case 'call':
      return describeCall(expression.form.name, expression.args)
    default:
      return {}
  }
}

/** The unit that a sum, or a product with a number, shares with its operands. */
function sameUnit(e: Resolved & { kind: 'binary' }): string | undefined {
  const [left, right] = [describe(e.left).unit, describe(e.right).unit]
  if (e.operator === '+' || e.operator === '-') return left === right ? left : undefined
  if (e.operator === '*' && e.left.kind === 'number') return right
  return (e.operator === '*' || e.operator === '/') && e.right.kind === 'number' ? left : undefined
}

/**
 * The unit of an expression for IN_UNIT (ADQL 2.1 §4.9), worked out through arithmetic, SQRT and POWER; '' is a
 * plain number, undefined is not known.
 */
export function unitOf(e: Resolved): string | undefined {
  if (e.kind === 'number') return ''
  if (e.kind === 'unary') return unitOf(e.operand)
  if (e.kind === 'binary') {
    const [left, right] = [unitOf(e.left), unitOf(e.right)]
    if (left === undefined || right === undefined) return undefined
    if (e.operator === '+' || e.operator === '-') return left === right ? left : undefined
    if (e.operator === '*') return left === '' ? right : right === '' ? left : `(${left}).(${right})`
    if (e.operator === '/') return right === '' ? left : `(${left === '' ? '1' : left})/(${right})`
    return undefined
  }
  if (e.kind === 'call' && (e.form.name === 'SQRT' || e.form.name === 'POWER')) {
    const [base, exponent] = e.args
    const unit = base && unitOf(base)
    if (!unit) return unit
    if (e.form.name === 'SQRT') return `(${unit})**(1/2)`
    return exponent?.kind === 'number' ? `(${unit})**${exponent.text}` : undefined
  }
  return describe(e).unit
}

function describeCall(name: string, args: readonly Resolved[]): Described {
  const first = args[0]
  switch (name) {
    case 'COUNT':
      return { ucd: 'meta.number' }
    case 'MIN':
    case 'MAX':
    case 'AVG': {
      if (!first) return {}
      const { unit, ucd } = describe(first)
      return { unit, ucd: ucd && ucd.split(';').length < 3 ? `${STATISTIC[name]};${ucd}` : undefined }
    }
    case 'SUM':
    case 'ABS':
    case 'CEILING':
    case 'FLOOR':
    case 'ROUND':
    case 'TRUNCATE':
    case 'COALESCE':
    case 'STDDEV':
      return first ? { unit: describe(first).unit } : {}
    case 'DISTANCE':
      return { unit: 'deg', ucd: 'pos.angDistance' }
    case 'AREA':
      return { unit: 'deg2', ucd: 'phys.angArea' }
    case 'COORD1':
    case 'COORD2':
    case 'POINT':
    case 'CIRCLE':
    case 'BOX':
    case 'POLYGON':
    case 'CENTROID':
    case 'DEGREES':
      return { unit: 'deg' }
    case 'RADIANS':
    case 'ACOS':
    case 'ASIN':
    case 'ATAN':
    case 'ATAN2':
      return { unit: 'rad' }
    default:
      return {}
  }
}

/** The field of an output column. A column unchanged keeps its datatype, arraysize and xtype. */
export function outputField(name: string, expression: Resolved): Field {
  if (expression.kind === 'column') return { ...expression.column.field, name }
  const made: Record<string, unknown> = { name, ...fieldOf(expression.type) }
  if (expression.kind === 'cast' && expression.length !== undefined) {
    made.arraysize = expression.padded ? String(expression.length) : `${expression.length}*`
  }
  const { unit, ...described } = describe(expression)
  if (unit !== undefined && (isNumeric(expression.type) || made.datatype === 'double')) made.unit = unit
  for (const [key, value] of Object.entries(described)) if (value !== undefined) made[key] = value
  return made as unknown as Field
}

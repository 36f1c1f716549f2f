/** CAST (ADQL 2.1 §4.7). */
import type { CastTarget, Span } from './ast.ts'
import { asTimestamp } from './coerce.ts'
import { unknown } from './columns.ts'
import { formsOf } from './functions.ts'
import { complain, type State } from './state.ts'
import type { Resolved } from './tree.ts'
import { inWords, isGeometry, isNumeric, type Type } from './types.ts'

const TARGET: Record<string, Type> = {
  SMALLINT: 'smallint',
  INTEGER: 'int',
  INT: 'int',
  BIGINT: 'bigint',
  REAL: 'real',
  FLOAT: 'double',
  DOUBLE: 'double',
  'DOUBLE PRECISION': 'double',
  CHAR: 'char',
  CHARACTER: 'char',
  VARCHAR: 'char',
  'CHARACTER VARYING': 'char',
  TIMESTAMP: 'timestamp',
  POINT: 'point',
  CIRCLE: 'circle',
  POLYGON: 'polygon',
  BOOLEAN: 'boolean',
}

export function castTo(operand: Resolved, target: CastTarget, span: Span, state: State): Resolved {
  const { start, end } = span
  const type = TARGET[target.type]
  if (!type) {
    complain(state, target, `there is no type ${target.type}`, `Types are ${Object.keys(TARGET).join(', ')}.`)
    return unknown(span)
  }
  const from = operand.type
  if (from === 'unknown') return unknown(span)
  if (!castable(from, type)) {
    const hint =
      from === 'timestamp' && isNumeric(type) ? 'ivo_to_mjd(…) makes a number of a time.' : undefined
    complain(state, span, `${inWords(from)} cannot be converted into ${target.type}`, hint)
    return unknown(span)
  }
  if (type === 'timestamp' && from === 'char') {
    const converted = asTimestamp(operand, c => state.complaints.push(c))
    return { ...converted, start, end }
  }
  if (from === 'point' && type === 'circle') {
    const form = formsOf('CIRCLE').find(f => f.parameters[0]?.type === 'POINT')!
    const radius: Resolved = { kind: 'number', text: '0', type: 'int', start, end }
    return {
      kind: 'call',
      form,
      args: [operand, radius],
      quantifier: undefined,
      frame: undefined,
      type,
      start,
      end,
    }
  }
  const padded = target.type === 'CHAR' || target.type === 'CHARACTER'
  return { kind: 'cast', operand, from, type, length: target.length, padded, start, end }
}

function castable(from: Type, to: Type): boolean {
  if (from === to || from === 'null' || (from === 'point' && to === 'circle')) return true
  if (to === 'char') return from !== 'opaque'
  if (isNumeric(to)) return isNumeric(from) || from === 'char' || from === 'boolean'
  if (to === 'boolean') return from === 'char' || from === 'int'
  if (isGeometry(to) || to === 'timestamp') return from === 'char'
  return false
}

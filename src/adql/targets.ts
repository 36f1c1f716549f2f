/** CAST and the types that it converts to (ADQL 2.1 §4.7). */
import type { CastTarget, Expression } from './ast.ts'
import { valueExpression } from './conditions.ts'
import {
  accept,
  advance,
  type Cursor,
  close,
  complain,
  expect,
  fail,
  note,
  unsignedDecimal,
} from './cursor.ts'

/** Targets of CAST (ADQL 2.1 §4.7), and whether a length may follow. */
const TARGETS: Record<string, boolean> = {
  SMALLINT: false,
  INTEGER: false,
  BIGINT: false,
  REAL: false,
  CHAR: true,
  VARCHAR: true,
  TIMESTAMP: false,
  BOOLEAN: false,
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
  BOOL: 'BOOLEAN',
  DATETIME: 'TIMESTAMP',
  SPOINT: 'POINT',
  SCIRCLE: 'CIRCLE',
  SPOLY: 'POLYGON',
}

/** `CAST(value AS type)`. */
export function castSpecification(c: Cursor): Expression {
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
  if (type === 'BOOLEAN') note(c, 'extension', 'BOOLEAN', 'the type BOOLEAN is not in ADQL 2.1', token)
  if (type !== written) note(c, 'repair', 'type', `${written} is read as the ADQL type ${type}`, token)
  let length: number | undefined
  if (c.token.key === '(') {
    const open = c.token
    if (!TARGETS[type]) {
      const decimal = /^(NUMERIC|DECIMAL)$/.test(written)
      complain(c, open, `${type} has no length`, decimal ? 'ROUND(x, 2) rounds to two decimals' : undefined)
    }
    advance(c)
    length = unsignedDecimal(c, 'a length')
    close(c, open)
  }
  return { type, length, start, end: c.end }
}

const TYPES =
  'the types are SMALLINT, INTEGER, BIGINT, REAL, DOUBLE PRECISION, CHAR(n), VARCHAR(n), TIMESTAMP, BOOLEAN, POINT, CIRCLE and POLYGON'

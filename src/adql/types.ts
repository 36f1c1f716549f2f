/** The types of ADQL 2.1 §3 and what they are in VOTable and in PostgreSQL. */
import { type Field, wireType } from '../votable/field.ts'
import type { ColumnMeta } from './tables.ts'

export type Type =
  | 'boolean'
  | 'smallint'
  | 'int'
  | 'bigint'
  | 'real'
  | 'double'
  | 'char'
  | 'timestamp'
  | 'point'
  | 'circle'
  | 'polygon'
  | 'moc'
  | 'int[]'
  | 'double[]'
  /** A column that can only be passed on: arrays, bytes, complex numbers. */
  | 'opaque'
  /** The literal NULL. */
  | 'null'
  /** Something was wrong here and has been complained about. */
  | 'unknown'

const RANK: Partial<Record<Type, number>> = { smallint: 1, int: 2, bigint: 3, real: 4, double: 5 }

export const isNumeric = (type: Type): boolean => RANK[type] !== undefined
export const isInteger = (type: Type): boolean => type === 'smallint' || type === 'int' || type === 'bigint'
export const isGeometry = (type: Type): boolean => type === 'point' || type === 'circle' || type === 'polygon'
/** Fits anywhere: NULL, and what has been complained about. */
export const isOpen = (type: Type): boolean => type === 'null' || type === 'unknown'

/**
 * The type of `left op right`, and of a column of two united queries, as PostgreSQL has it: integers widen, real
 * with real stays real, real with anything else is double.
 */
export function numericResult(left: Type, right: Type): Type {
  if (isOpen(left)) return isOpen(right) ? 'double' : right
  if (isOpen(right)) return left
  if (left === right) return left
  if (isInteger(left) && isInteger(right)) return (RANK[left] ?? 0) > (RANK[right] ?? 0) ? left : right
  return 'double'
}

/** The type that holds values of both, for COALESCE, CASE and set operations; undefined when there is none. */
export function commonType(left: Type, right: Type): Type | undefined {
  if (left === right || right === 'null' || left === 'unknown') return left
  if (left === 'null' || right === 'unknown') return right
  if (isNumeric(left) && isNumeric(right)) return numericResult(left, right)
  if ((left === 'timestamp' && right === 'char') || (left === 'char' && right === 'timestamp'))
    return 'timestamp'
  return undefined
}

/** VOTable's description of a value of a type (ADQL 2.1 §3, DALI 1.1 §3.3). */
export function fieldOf(type: Type): Pick<Field, 'datatype' | 'arraysize' | 'xtype'> {
  switch (type) {
    case 'boolean':
      return { datatype: 'boolean' }
    case 'smallint':
      return { datatype: 'short' }
    case 'int':
      return { datatype: 'int' }
    case 'bigint':
      return { datatype: 'long' }
    case 'real':
      return { datatype: 'float' }
    case 'double':
      return { datatype: 'double' }
    case 'timestamp':
      return { datatype: 'char', arraysize: '*', xtype: 'timestamp' }
    case 'point':
      return { datatype: 'double', arraysize: '2', xtype: 'point' }
    case 'circle':
      return { datatype: 'double', arraysize: '3', xtype: 'circle' }
    case 'polygon':
      return { datatype: 'double', arraysize: '*', xtype: 'polygon' }
    case 'moc':
      return { datatype: 'char', arraysize: '*', xtype: 'moc' }
    case 'int[]':
      return { datatype: 'int', arraysize: '*' }
    case 'double[]':
      return { datatype: 'double', arraysize: '*' }
    default:
      return { datatype: 'char', arraysize: '*' }
  }
}

/** The PostgreSQL type in which a type is worked with (not the one it travels in). */
export const SQL_TYPE: Record<Type, string> = {
  boolean: 'bool',
  smallint: 'int2',
  int: 'int4',
  bigint: 'int8',
  real: 'float4',
  double: 'float8',
  char: 'text',
  timestamp: 'timestamp',
  point: 'spoint',
  circle: 'scircle',
  polygon: 'spoly',
  moc: 'smoc',
  'int[]': 'int4[]',
  'double[]': 'float8[]',
  opaque: 'text',
  null: 'text',
  unknown: 'text',
}

const STORED: Record<string, Type> = {
  timestamp: 'timestamp',
  timestamptz: 'timestamp',
  date: 'timestamp',
  numeric: 'double',
  spoint: 'point',
  scircle: 'circle',
  spoly: 'polygon',
  smoc: 'moc',
}

const TYPE_OF_WIRE: Partial<Record<string, Type>> = {
  bool: 'boolean',
  int2: 'smallint',
  int4: 'int',
  int8: 'bigint',
  float4: 'real',
  float8: 'double',
  text: 'char',
}

const XTYPE: Partial<Record<string, Type>> = { point: 'point', circle: 'circle', polygon: 'polygon' }

/** The type of a table's column, from its field and the way it is stored. */
export function columnType(column: ColumnMeta): Type {
  const stored = column.sqlType && (STORED[column.sqlType] ?? TYPE_OF_WIRE[column.sqlType])
  if (stored) return stored
  const wire = wireType(column.field)
  if (wire === 'float8[]' && column.field.xtype) return XTYPE[column.field.xtype] ?? 'opaque'
  return TYPE_OF_WIRE[wire] ?? 'opaque'
}

/** How a type is called in messages and in the signatures of capabilities (ADQL 2.1 §3). */
export function typeName(type: Type): string {
  if (type === 'char') return 'VARCHAR'
  if (type === 'int') return 'INTEGER'
  if (type === 'int[]') return 'INTEGER[]'
  return type.toUpperCase()
}

/** In words, for messages. */
export function inWords(type: Type): string {
  if (isNumeric(type)) return 'a number'
  if (type === 'char') return 'a string'
  if (type === 'boolean') return 'a truth value'
  if (type === 'opaque' || type === 'int[]' || type === 'double[]') return 'an array'
  if (type === 'moc') return 'a MOC'
  return `a ${type}`
}

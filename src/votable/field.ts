import { ServiceError } from '../error.ts'

/** Column metadata in VOTable terms (VOTable 1.5 §4), the common language of queries, files and formats. */
export type Datatype =
  | 'boolean'
  | 'bit'
  | 'unsignedByte'
  | 'short'
  | 'int'
  | 'long'
  | 'char'
  | 'unicodeChar'
  | 'float'
  | 'double'
  | 'floatComplex'
  | 'doubleComplex'

export interface Field {
  readonly name: string
  readonly datatype: Datatype
  /** VOTable syntax: `*`, `8`, `2x3`, `16*`, `8x*`. Absent for scalars, never `1` (VOTable 1.5 §2.2). */
  readonly arraysize?: string
  /** DALI 1.1 §3.3: timestamp, point, circle, polygon, interval … */
  readonly xtype?: string
  readonly unit?: string
  readonly ucd?: string
  readonly utype?: string
  readonly description?: string
  /** XML ID, when something refers to this column. */
  readonly id?: string
  /** ID of a COOSYS or TIMESYS. */
  readonly ref?: string
}

/**
 * The PostgreSQL type in which a column travels from the database to a writer, in binary. Each Field has exactly
 * one (`wireType`), so a writer needs the Field alone to know the bytes it is given, and SQL that makes a result
 * casts to this type what is not of it already.
 */
export type WireType =
  | 'bool'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'float4'
  | 'float8'
  | 'text'
  | 'bytea'
  | 'bool[]'
  | 'int2[]'
  | 'int4[]'
  | 'int8[]'
  | 'float4[]'
  | 'float8[]'
  | 'text[]'

const SCALAR: Record<Datatype, WireType> = {
  boolean: 'bool',
  bit: 'bool',
  unsignedByte: 'int2',
  short: 'int2',
  int: 'int4',
  long: 'int8',
  char: 'text',
  unicodeChar: 'text',
  float: 'float4',
  double: 'float8',
  floatComplex: 'float4[]',
  doubleComplex: 'float8[]',
}

const ARRAY: Record<Datatype, WireType> = {
  boolean: 'bool[]',
  bit: 'bool[]',
  unsignedByte: 'bytea',
  short: 'int2[]',
  int: 'int4[]',
  long: 'int8[]',
  char: 'text',
  unicodeChar: 'text',
  float: 'float4[]',
  double: 'float8[]',
  floatComplex: 'float4[]',
  doubleComplex: 'float8[]',
}

export function isString(field: Pick<Field, 'datatype'>): boolean {
  return field.datatype === 'char' || field.datatype === 'unicodeChar'
}

/** The wire type of a field. Strings are text whatever their length; an array of strings (`8x*`) is text[]. */
export function wireType(field: Pick<Field, 'datatype' | 'arraysize'>): WireType {
  if (field.arraysize === undefined) return SCALAR[field.datatype]
  if (isString(field) && field.arraysize.includes('x')) return 'text[]'
  return ARRAY[field.datatype]
}

/** An arraysize taken apart (VOTable 1.5 §2.2). */
export interface Shape {
  /** Characters of each string; undefined when strings may have any length (`*`, `8*`) and for numbers. */
  readonly width: number | undefined
  /** Values in the fixed dimensions: 6 for `2x3`, 2 for `2x*`, 1 for `*`. A complex number counts as two. */
  readonly items: number
  /** Whether the last dimension varies, so that a cell has any multiple of `items`. */
  readonly variable: boolean
}

/** Throws `internal` on an arraysize that VOTable does not know: only the last dimension may vary. */
export function shapeOf(field: Pick<Field, 'name' | 'datatype' | 'arraysize'>): Shape {
  const { datatype, arraysize } = field
  const parts = datatype === 'floatComplex' || datatype === 'doubleComplex' ? 2 : 1
  if (arraysize === undefined)
    return { width: isString(field) ? 1 : undefined, items: parts, variable: false }
  if (!/^([1-9]\d*x)*([1-9]\d*\*?|\*)$/.test(arraysize)) {
    throw new ServiceError(
      'internal',
      `Column ${field.name} has the arraysize "${arraysize}", which is not valid.`,
    )
  }
  const variable = arraysize.endsWith('*')
  const sizes = arraysize.split('x').map(size => (size.endsWith('*') ? undefined : Number(size)))
  const width = isString(field) ? sizes.shift() : undefined
  const items = sizes.reduce<number>((product, size) => product * (size ?? 1), parts)
  return { width, items, variable: variable && sizes.length > 0 }
}

/**
 * How many NaN stand for a NULL array of floating-point numbers where the serialization wants values: all of a fixed
 * size; three vertices of a polygon, since readers that look at shapes (votlint) take no polygon of none.
 */
export function nanItems(field: Field, { items, variable }: Shape): number {
  if (!variable) return items
  return field.xtype === 'polygon' ? 6 : 0
}

/** Whether NaN alone, in an array of this column, are a shape that is not there (DALI 1.1 §3.3.5–3.3.7). */
export function isShape({ xtype }: Field): boolean {
  return xtype === 'point' || xtype === 'circle' || xtype === 'polygon'
}

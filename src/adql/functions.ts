/**
 * Every function of the service, in one table: signature, SQL, description. Argument checks, translation, the
 * capabilities document and the query doctor all read it.
 *
 * In a signature INTEGER takes smaller integers, BIGINT any integer, DOUBLE any number, GEOMETRY any shape; a
 * result of NUMERIC or ANY is of the first argument's type. In the SQL `$1` is an argument, `$*` all of them with
 * commas, `$q` the set quantifier. A predicate's SQL is a truth value, which ADQL sees as 1 or 0.
 */
import { AGGREGATES, GEOMETRY, MATHEMATICS, STRINGS } from './functions-standard.ts'
import { USER_DEFINED } from './functions-user.ts'
import type { Type } from './types.ts'

export type Row = readonly [signature: string, sql: string, description: string, predicate?: 'predicate']

export type ParameterType =
  | 'INTEGER'
  | 'BIGINT'
  | 'DOUBLE'
  | 'NUMERIC'
  | 'VARCHAR'
  | 'TIMESTAMP'
  | 'BOOLEAN'
  | 'POINT'
  | 'CIRCLE'
  | 'POLYGON'
  | 'GEOMETRY'
  | 'INTEGER[]'
  | 'DOUBLE[]'
  | 'ANY'

export interface Parameter {
  readonly name: string
  readonly type: ParameterType
}

/** One way to call a function. */
export interface Form {
  readonly name: string
  readonly signature: string
  readonly parameters: readonly Parameter[]
  /** The last parameter may be repeated. */
  readonly variadic: boolean
  readonly result: ParameterType
  readonly template: Template
  readonly description: string
  readonly kind: 'scalar' | 'geometry' | 'aggregate' | 'window'
  /** Not of the standard: capabilities declare it. */
  readonly userDefined: boolean
  readonly predicate: boolean
}

/** SQL with holes: text, argument numbers from 0, all arguments, the set quantifier. */
export type Template = readonly (string | number | '*' | 'q')[]

export function template(sql: string): Template {
  return sql
    .split(/(\$(?:\d|\*|q))/)
    .filter(piece => piece !== '')
    .map(piece => {
      if (!piece.startsWith('$')) return piece
      const what = piece.slice(1)
      return what === '*' || what === 'q' ? what : Number(what) - 1
    })
}

const SIGNATURE = /^(\w+)\((.*)\) -> (\S+)$/

function form(row: Row, kind: Form['kind'], userDefined: boolean): Form {
  const [signature, sql, description, predicate] = row
  const [, name, list, result] = SIGNATURE.exec(signature) ?? []
  if (name === undefined || list === undefined) throw new Error(`not a signature: ${signature}`)
  const pieces = list === '' ? [] : list.split(', ')
  const variadic = pieces.at(-1) === '...'
  const parameters = (variadic ? pieces.slice(0, -1) : pieces).map(piece => {
    const [parameter, type] = piece.split(' ')
    return { name: parameter ?? '', type: type as ParameterType }
  })
  return {
    name,
    signature,
    parameters,
    variadic,
    result: result as ParameterType,
    template: template(sql),
    description,
    kind,
    userDefined,
    predicate: predicate === 'predicate',
  }
}

export const FORMS: readonly Form[] = [
  ...[...MATHEMATICS, ...STRINGS].map(row => form(row, 'scalar', false)),
  ...GEOMETRY.map(row => form(row, 'geometry', false)),
  ...AGGREGATES.map(row => form(row, 'aggregate', false)),
  ...USER_DEFINED.scalars.map(row => form(row, 'scalar', true)),
  ...USER_DEFINED.aggregates.map(row => form(row, 'aggregate', true)),
  ...USER_DEFINED.windows.map(row => form(row, 'window', false)),
]

const byName = new Map<string, Form[]>()
for (const each of FORMS) {
  const key = each.name.toLowerCase()
  const same = byName.get(key)
  if (same) same.push(each)
  else byName.set(key, [each])
}

/** Every form of a function; names are without case. */
export function formsOf(name: string): readonly Form[] {
  return byName.get(name.toLowerCase()) ?? []
}

export const functionNames = (): string[] => [...new Set(FORMS.map(f => f.name))]

/** Whether a parameter takes an argument of this type, perhaps after the conversion that `resolve` adds. */
export function accepts(parameter: ParameterType, type: Type): boolean {
  if (type === 'null' || type === 'unknown' || parameter === 'ANY') return true
  switch (parameter) {
    case 'INTEGER':
      return type === 'int' || type === 'smallint'
    case 'BIGINT':
      return type === 'bigint' || type === 'int' || type === 'smallint'
    case 'DOUBLE':
    case 'NUMERIC':
      return (
        type === 'double' || type === 'real' || type === 'bigint' || type === 'int' || type === 'smallint'
      )
    case 'VARCHAR':
      return type === 'char'
    case 'TIMESTAMP':
      return type === 'timestamp' || type === 'char'
    case 'GEOMETRY':
      return type === 'point' || type === 'circle' || type === 'polygon' || type === 'moc'
    case 'INTEGER[]':
      return type === 'int[]'
    default:
      return parameter.toLowerCase() === type
  }
}

const RESULT: Partial<Record<ParameterType, Type>> = { INTEGER: 'int', VARCHAR: 'char', 'INTEGER[]': 'int[]' }

/** The type that a parameter or result is, where it does not depend on the arguments. */
export function typeOf(parameter: ParameterType): Type {
  return RESULT[parameter] ?? (parameter.toLowerCase() as Type)
}

/** The parameter that an argument is for; a variadic function has its last one again. */
export const parameterAt = (form: Form, i: number): ParameterType =>
  (form.parameters[i] ?? form.parameters[form.parameters.length - 1])!.type

/** Geometries whose first argument may be a coordinate system (ADQL 2.1 §4.2.5). */
export const FRAMED = new Set(['point', 'circle', 'box', 'polygon'])

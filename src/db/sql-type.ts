/** The PostgreSQL types of columns. */
import type { Field, WireType } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'

const SQL_TYPE: Record<WireType, string> = {
  bool: 'boolean',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  text: 'text',
  bytea: 'bytea',
  'bool[]': 'boolean[]',
  'int2[]': 'smallint[]',
  'int4[]': 'integer[]',
  'int8[]': 'bigint[]',
  'float4[]': 'real[]',
  'float8[]': 'double precision[]',
  'text[]': 'text[]',
}

/** In which a field is stored: that of its wire type. */
export function sqlType(field: Pick<Field, 'datatype' | 'arraysize'>): string {
  return SQL_TYPE[wireType(field)]
}

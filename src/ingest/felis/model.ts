/** A schema as a Felis file wants it. */
import type { Field } from '../../votable/field.ts'

export interface SchemaModel {
  /** Lower case, in TAP_SCHEMA and in PostgreSQL. */
  readonly name: string
  readonly description?: string
  readonly utype?: string
  readonly tables: readonly TableModel[]
}

export interface TableModel {
  /** In the spelling of the file. */
  readonly name: string
  readonly sqlName: string
  readonly description?: string
  readonly utype?: string
  readonly index?: number
  /** In the order in which they are to be listed. */
  readonly columns: readonly ColumnModel[]
  /** PostgreSQL names, as in `uniques` and `indexes`. */
  readonly primaryKey: readonly string[]
  readonly uniques: readonly (readonly string[])[]
  readonly indexes: readonly (readonly string[])[]
  readonly keys: readonly KeyModel[]
  /** Columns in degrees that get the index on the sphere. */
  readonly position?: { readonly ra: string; readonly dec: string }
}

export interface ColumnModel {
  readonly field: Field
  readonly sqlName: string
  /** As PostgreSQL's format_type prints it. */
  readonly sqlType: string
  /** As `ColumnMeta.sqlType`. */
  readonly stored?: string
  readonly nullable: boolean
  /** Default, as text. */
  readonly value?: string
  readonly principal: boolean
  readonly std: boolean
}

/** A foreign key, by the names of the file. */
export interface KeyModel {
  readonly name: string
  readonly description?: string
  readonly target: string
  readonly columns: readonly { readonly from: string; readonly target: string }[]
}

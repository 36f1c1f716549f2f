/**
 * The tree from `resolve` on: every name is a column of a relation, every expression has a type. The stages share
 * the shapes and differ in the expressions they may hold: a stage `S` says so by `S['expression']`.
 */
import type { Field } from '../votable/field.ts'
import type { Span, WindowFrame } from './ast.ts'
import type { Frame } from './frames.ts'
import type { Form } from './functions.ts'
import type { TableMeta } from './tables.ts'
import type { Type } from './types.ts'

export interface Stage {
  readonly expression: unknown
}

/** A column that a relation offers. */
export interface Column {
  /** Name in the query. */
  readonly name: string
  /** Name in the SQL: of the stored column, or one made for the output of a sub-query. */
  readonly sqlName: string
  readonly type: Type
  /** PostgreSQL type of a stored column when it is not the one that the type is worked with. */
  readonly stored: string | undefined
  /** Metadata to hand on. */
  readonly field: Field
  /** The table column that this is unchanged, through any number of sub-queries. */
  readonly source: Source | undefined
}

export interface Source {
  readonly table: TableMeta
  readonly sqlName: string
}

/** A table, sub-query or WITH query as it stands in FROM. */
export interface Relation {
  /** Range variable in the SQL, unique in the whole query. */
  readonly alias: string
  /** What qualifies its columns in the query: the alias, or the table's name. */
  readonly name: string
  /** Undefined for sub-queries, WITH queries, and tables with an alias. */
  readonly schema: string | undefined
  readonly table: TableMeta | undefined
  readonly columns: readonly Column[]
  find(name: string, delimited: boolean): readonly Column[]
}

interface Typed extends Span {
  readonly type: Type
}

export interface ColumnReference extends Typed {
  readonly kind: 'column'
  readonly relation: Relation
  readonly column: Column
}

export type Core<S extends Stage> =
  | ({ readonly kind: 'number'; readonly text: string } & Typed)
  | ({ readonly kind: 'string'; readonly value: string } & Typed)
  | ({ readonly kind: 'null' } & Typed)
  | ({ readonly kind: 'boolean'; readonly value: boolean } & Typed)
  | ColumnReference
  | ({
      readonly kind: 'unary'
      readonly operator: '+' | '-' | '~'
      readonly operand: S['expression']
    } & Typed)
  | ({
      readonly kind: 'binary'
      readonly operator: string
      readonly left: S['expression']
      readonly right: S['expression']
    } & Typed)
  /** CAST, and conversions that the standard implies. */
  | ({
      readonly kind: 'cast'
      readonly operand: S['expression']
      readonly from: Type
      readonly length: number | undefined
      readonly padded: boolean
    } & Typed)
  /** IN_UNIT: operand · factor. */
  | ({
      readonly kind: 'unit'
      readonly operand: S['expression']
      readonly factor: number
      readonly unit: string
    } & Typed)
  | ({
      readonly kind: 'case'
      readonly operand: S['expression'] | undefined
      readonly whens: readonly { readonly when: S['expression']; readonly result: S['expression'] }[]
      readonly otherwise: S['expression'] | undefined
    } & Typed)
  | ({
      readonly kind: 'window'
      readonly call: S['expression']
      readonly partitionBy: readonly S['expression'][]
      readonly orderBy: readonly Sort<S>[]
      readonly frame: WindowFrame | undefined
    } & Typed)
  | ({ readonly kind: 'subquery'; readonly query: Body<S> } & Typed)
  | ({ readonly kind: 'and' | 'or'; readonly left: S['expression']; readonly right: S['expression'] } & Typed)
  | ({ readonly kind: 'not'; readonly operand: S['expression'] } & Typed)
  | ({
      readonly kind: 'comparison'
      readonly operator: Comparison
      readonly left: S['expression']
      readonly right: S['expression']
    } & Typed)
  | ({
      readonly kind: 'between'
      readonly negated: boolean
      readonly operand: S['expression']
      readonly low: S['expression']
      readonly high: S['expression']
    } & Typed)
  | ({
      readonly kind: 'like'
      readonly negated: boolean
      readonly caseless: boolean
      readonly operand: S['expression']
      readonly pattern: S['expression']
    } & Typed)
  | ({
      readonly kind: 'in'
      readonly negated: boolean
      readonly operand: S['expression']
      readonly values: readonly S['expression'][] | undefined
      readonly query: Body<S> | undefined
    } & Typed)
  | ({
      readonly kind: 'is'
      readonly negated: boolean
      readonly operand: S['expression']
      readonly what: 'NULL' | 'TRUE' | 'FALSE' | 'UNKNOWN'
    } & Typed)
  | ({ readonly kind: 'exists'; readonly query: Body<S> } & Typed)

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>='

/** A function, aggregate or geometry; `form` says what it is in SQL. */
export interface Call<S extends Stage> extends Typed {
  readonly kind: 'call'
  readonly form: Form
  readonly args: readonly S['expression'][]
  readonly quantifier: 'ALL' | 'DISTINCT' | undefined
  /** Coordinate system of a geometry, when not ICRS. */
  readonly frame: Frame | undefined
}

export interface Query<S extends Stage> {
  readonly with: readonly {
    readonly sqlName: string
    readonly body: Body<S>
    /** Worked out as it stands, before what reads it. */
    readonly materialized?: boolean
  }[]
  readonly body: Body<S>
}

export type Body<S extends Stage> = SelectBody<S> | SetBody<S>

export interface SelectBody<S extends Stage> extends Span {
  readonly kind: 'select'
  readonly distinct: boolean
  readonly items: readonly Item<S>[]
  readonly from: readonly From<S>[]
  readonly where: S['expression'] | undefined
  readonly groupBy: readonly S['expression'][]
  readonly having: S['expression'] | undefined
  readonly orderBy: readonly Sort<S>[]
  readonly limit: number | undefined
  readonly offset: number | undefined
}

export interface SetBody<S extends Stage> extends Span {
  readonly kind: 'set'
  readonly operator: 'UNION' | 'EXCEPT' | 'INTERSECT'
  readonly all: boolean
  readonly left: Body<S>
  readonly right: Body<S>
  readonly orderBy: readonly Sort<S>[]
  readonly limit: number | undefined
  readonly offset: number | undefined
}

export interface Item<S extends Stage> {
  readonly expression: S['expression']
  readonly column: Column
}

export interface Sort<S extends Stage> extends Span {
  /** Position in the select list, from 1, or an expression. */
  readonly key: number | S['expression']
  readonly direction: 'ASC' | 'DESC' | undefined
  readonly nulls: 'FIRST' | 'LAST' | undefined
}

export type From<S extends Stage> =
  | {
      readonly kind: 'table'
      readonly relation: Relation
      readonly table: TableMeta
      readonly sample: number | undefined
      /** Where it is named in the query. */
      readonly span: Span
    }
  | { readonly kind: 'with'; readonly relation: Relation; readonly sqlName: string }
  | { readonly kind: 'subquery'; readonly relation: Relation; readonly body: Body<S> }
  | {
      readonly kind: 'join'
      readonly type: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS'
      readonly left: From<S>
      readonly right: From<S>
      readonly on: S['expression'] | undefined
    }

export interface ResolvedStage {
  readonly expression: Resolved
}
export type Resolved = Core<ResolvedStage> | Call<ResolvedStage>

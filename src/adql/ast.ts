/**
 * ADQL 2.1 as a tree, named by the grammar (ADQL 2.1 Appendix A). Every node holds the half-open range
 * `[start,end)` of the text it came from; line and column are worked out when something fails.
 */
import type { NamePart } from './tables.ts'

export interface Span {
  readonly start: number
  readonly end: number
}

export interface Identifier extends Span, NamePart {}

// ---------------------------------------------------------------- queries

export interface Query extends Span {
  readonly kind: 'query'
  /** WITH, only at the top level in the standard. */
  readonly with: readonly WithQuery[]
  readonly body: QueryExpression
}

export interface WithQuery extends Span {
  readonly name: Identifier
  readonly query: QueryExpression
}

/** `select` is one SELECT; `set` is UNION/EXCEPT/INTERSECT of two; ORDER BY and OFFSET hang on either. */
export type QueryExpression = Select | SetOperation

export interface Select extends Span {
  readonly kind: 'select'
  readonly quantifier: 'ALL' | 'DISTINCT' | undefined
  readonly top: number | undefined
  readonly items: readonly SelectItem[]
  readonly from: readonly TableReference[]
  readonly where: Expression | undefined
  readonly groupBy: readonly Expression[]
  readonly having: Expression | undefined
  readonly orderBy: readonly SortSpecification[]
  readonly offset: number | undefined
  /** Extension: LIMIT n. */
  readonly limit: number | undefined
  /** Written in parentheses of its own (matters for operands of set operations). */
  readonly parenthesised: boolean
}

export interface SetOperation extends Span {
  readonly kind: 'set'
  readonly operator: 'UNION' | 'EXCEPT' | 'INTERSECT'
  readonly all: boolean
  readonly left: QueryExpression
  readonly right: QueryExpression
  readonly orderBy: readonly SortSpecification[]
  readonly offset: number | undefined
  readonly limit: number | undefined
  readonly parenthesised: boolean
}

export type SelectItem =
  | ({ readonly kind: 'star' } & Span)
  | ({ readonly kind: 'tableStar'; readonly table: readonly Identifier[] } & Span)
  | ({
      readonly kind: 'item'
      readonly expression: Expression
      readonly alias: Identifier | undefined
      /** The alias follows AS. */
      readonly as: boolean
    } & Span)

export interface SortSpecification extends Span {
  /** A column, alias, ordinal (a bare unsigned integer literal) or expression (2.1). */
  readonly key: Expression
  readonly direction: 'ASC' | 'DESC' | undefined
  /** Extension. */
  readonly nulls: 'FIRST' | 'LAST' | undefined
}

export type TableReference =
  | ({
      readonly kind: 'table'
      /** One to three parts: [catalog.][schema.]table. */
      readonly name: readonly Identifier[]
      readonly alias: Identifier | undefined
      /** Extension: TABLESAMPLE (percent). */
      readonly sample: number | undefined
    } & Span)
  | ({ readonly kind: 'subquery'; readonly query: QueryExpression; readonly alias: Identifier } & Span)
  | ({
      readonly kind: 'join'
      readonly left: TableReference
      readonly right: TableReference
      readonly type: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS'
      readonly natural: boolean
      /** Undefined for NATURAL, CROSS and USING. A JOIN without a condition is read as CROSS, an outer one as ON TRUE. */
      readonly on: Expression | undefined
      readonly using: readonly Identifier[]
    } & Span)

// ---------------------------------------------------------------- expressions and search conditions

/** The span of an expression in parentheses takes them in. */
export type Expression =
  /** `text` as written; hexadecimal (`0x1F`) as an extension. */
  | ({ readonly kind: 'number'; readonly text: string; readonly integer: boolean } & Span)
  | ({ readonly kind: 'string'; readonly value: string } & Span)
  | ({ readonly kind: 'null' } & Span)
  /** Extension: TRUE/FALSE. */
  | ({ readonly kind: 'boolean'; readonly value: boolean } & Span)
  /** One to four parts: [[catalog.]schema.]table.]column. */
  | ({ readonly kind: 'column'; readonly name: readonly Identifier[] } & Span)
  | ({ readonly kind: 'unary'; readonly operator: '+' | '-' | '~'; readonly operand: Expression } & Span)
  | ({
      readonly kind: 'binary'
      readonly operator: '+' | '-' | '*' | '/' | '%' | '||' | '&' | '|' | '^'
      readonly left: Expression
      readonly right: Expression
    } & Span)
  | ({ readonly kind: 'call'; readonly name: Identifier; readonly args: readonly Expression[] } & Span)
  | ({
      readonly kind: 'aggregate'
      /** COUNT AVG MAX MIN SUM; other aggregates are calls. */
      readonly name: 'COUNT' | 'AVG' | 'MAX' | 'MIN' | 'SUM'
      readonly quantifier: 'ALL' | 'DISTINCT' | undefined
      /** Undefined for COUNT(*). */
      readonly argument: Expression | undefined
    } & Span)
  | ({ readonly kind: 'cast'; readonly operand: Expression; readonly target: CastTarget } & Span)
  /** Extension. */
  | ({
      readonly kind: 'case'
      readonly operand: Expression | undefined
      readonly whens: readonly { readonly when: Expression; readonly then: Expression }[]
      readonly otherwise: Expression | undefined
    } & Span)
  /** Extension: call OVER (PARTITION BY … ORDER BY … ROWS …). */
  | ({
      readonly kind: 'window'
      readonly call: Expression
      readonly partitionBy: readonly Expression[]
      readonly orderBy: readonly SortSpecification[]
      readonly frame: WindowFrame | undefined
    } & Span)
  /** Extension: a scalar sub-query; `(SELECT …)`. */
  | ({ readonly kind: 'scalarSubquery'; readonly query: QueryExpression } & Span)
  // search conditions
  | ({ readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression } & Span)
  | ({ readonly kind: 'not'; readonly operand: Expression } & Span)
  | ({
      readonly kind: 'comparison'
      readonly operator: '=' | '<>' | '<' | '<=' | '>' | '>='
      readonly left: Expression
      readonly right: Expression
    } & Span)
  | ({
      readonly kind: 'between'
      readonly negated: boolean
      readonly operand: Expression
      readonly low: Expression
      readonly high: Expression
    } & Span)
  | ({
      readonly kind: 'like'
      readonly negated: boolean
      readonly caseless: boolean
      readonly operand: Expression
      readonly pattern: Expression
    } & Span)
  | ({
      readonly kind: 'in'
      readonly negated: boolean
      readonly operand: Expression
      readonly values: readonly Expression[] | QueryExpression
    } & Span)
  | ({
      readonly kind: 'is'
      readonly negated: boolean
      readonly operand: Expression
      readonly what: 'NULL' | 'TRUE' | 'FALSE' | 'UNKNOWN'
    } & Span)
  | ({ readonly kind: 'exists'; readonly query: QueryExpression } & Span)

/** The rows of a window that count (SQL:2003): from a bound, to another or, without it, the current row. */
export interface WindowFrame extends Span {
  readonly unit: 'ROWS' | 'RANGE' | 'GROUPS'
  readonly from: FrameBound
  readonly to: FrameBound | undefined
}

export interface FrameBound extends Span {
  readonly edge: 'UNBOUNDED PRECEDING' | 'PRECEDING' | 'CURRENT ROW' | 'FOLLOWING' | 'UNBOUNDED FOLLOWING'
  /** A number as written, before PRECEDING and FOLLOWING. */
  readonly offset: string | undefined
}

export interface CastTarget extends Span {
  /** Upper case, single spaces: SMALLINT INTEGER BIGINT REAL 'DOUBLE PRECISION' CHAR VARCHAR TIMESTAMP POINT CIRCLE POLYGON … */
  readonly type: string
  readonly length: number | undefined
}

export type ExpressionOf<K extends Expression['kind']> = Extract<Expression, { kind: K }>

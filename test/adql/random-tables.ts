/** Small random tables for `random-queries`, and what queries over them are made of. */
import { dice } from '../../conformance/fuzz-queries.ts'

export type Value = number | string | null
export type Row = readonly Value[]
export type Type = 'int' | 'double' | 'char'
/** The values of all columns in sight, by `alias.column`. */
export type Scene = Readonly<Record<string, Value>>

export interface Column {
  readonly name: string
  readonly type: Type
}

export interface Relation {
  readonly alias: string
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

export interface Expression {
  readonly sql: string
  readonly type: Type
  of(scene: Scene): Value
}

export interface Condition {
  readonly sql: string
  of(scene: Scene): boolean | null
}

export interface Made {
  readonly sql: string
  readonly isSet: boolean
  readonly columns: readonly Column[]
  rows(outer: Scene): Row[]
}

export interface RandomTable {
  readonly name: string
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

export interface RandomQuery {
  readonly sql: string
  readonly rows: readonly Row[]
  /** Whether the order of the rows is told by the query. */
  readonly ordered: boolean
}

const A: readonly Column[] = [
  { name: 'id', type: 'int' },
  { name: 'k', type: 'int' },
  { name: 'x', type: 'double' },
  { name: 's', type: 'char' },
  { name: 'ra', type: 'double' },
  { name: 'dec', type: 'double' },
]
const B: readonly Column[] = [
  { name: 'id', type: 'int' },
  { name: 'y', type: 'double' },
  { name: 'w', type: 'char' },
]

/** Small tables of numbers and words, with NULLs, repeated values, poles and RA 0. */
export function randomTables(seed: number): RandomTable[] {
  const { below, pick } = dice(seed)
  const maybe = (value: Value): Value => (below(6) === 0 ? null : value)
  const a = Array.from({ length: 14 }, (_, i): Row => {
    const position: Row =
      below(8) === 0 ? [null, null] : [pick([0, 359.75, 0.25, 150, 151.5]), pick([-90, -1, 0, 0.5, 60, 90])]
    return [
      i + 1,
      maybe(below(7) - 3),
      maybe((below(41) - 20) / 4),
      maybe(pick(['a', 'A', 'ab', 'b', '', 'a_b', 'xyz'])),
      ...position,
    ]
  })
  const b = Array.from(
    { length: 9 },
    (): Row => [maybe(1 + below(10)), maybe((below(21) - 10) / 2), maybe(pick(['a', 'B', 'ab', 'zz']))],
  )
  return [
    { name: 'a', columns: A, rows: a },
    { name: 'b', columns: B, rows: b },
  ]
}

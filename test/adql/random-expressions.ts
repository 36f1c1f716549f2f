/** Random values and conditions over the relations in sight, each with its text and what it is in a row. */
import type { dice } from '../../conformance/fuzz-queries.ts'
import type { Condition, Expression, Relation, Scene, Type } from './random-tables.ts'
import { and, COMPARE, compare, like, not, or, sceneOf, separation } from './sql-rules.ts'

export interface Expressions {
  column(relations: readonly Relation[], type: Type): Expression
  ofType(type: Type, relations: readonly Relation[], depth?: number): Expression
  number(relations: readonly Relation[], depth: number): Expression
  condition(relations: readonly Relation[], depth: number, queries: number): Condition
}

/** `tableReference` makes the FROM of sub-queries. */
export function randomExpressions(
  { below, pick }: ReturnType<typeof dice>,
  tableReference: (depth: number) => { sql: string; relation: Relation },
): Expressions {
  const chance = (oneIn: number) => below(oneIn) === 0
  return { column, ofType, number, condition }

  function column(relations: readonly Relation[], type: Type): Expression {
    const all = relations.flatMap(r =>
      r.columns.filter(c => c.type === type).map(c => `${r.alias}.${c.name}`),
    )
    if (all.length === 0) return literal(type)
    const sql = pick(all)
    return { sql, type, of: scene => scene[sql] ?? null }
  }

  function literal(type: Type): Expression {
    if (type === 'char') {
      const text = pick(['a', 'B', "it''s", '', 'ab%'])
      return { sql: `'${text}'`, type, of: () => text.replace("''", "'") }
    }
    const value = type === 'int' ? below(10) : (1 + 2 * below(9)) / 4
    return { sql: type === 'int' ? String(value) : value.toFixed(2), type, of: () => value }
  }

  function ofType(type: Type, relations: readonly Relation[], depth = 0): Expression {
    if (type === 'char') return string(relations, 1)
    if (type === 'double' && depth > 0 && chance(5)) return scalarQuery(relations)
    let e = number(relations, 2)
    while (e.type !== type) e = number(relations, 2)
    return e
  }

  /** `(SELECT MAX(…) FROM … WHERE … = outer column)` */
  function scalarQuery(relations: readonly Relation[]): Expression {
    const { sql, relation } = tableReference(0)
    const [own, outer] = [column([relation], 'int'), column(relations, 'int')]
    const value = column([relation], 'double')
    return {
      sql: `(SELECT MAX(${value.sql}) FROM ${sql} WHERE ${own.sql} >= ${outer.sql})`,
      type: 'double',
      of: scene => {
        const inner = relation.rows.map(row => ({ ...scene, ...sceneOf(relation, row) }))
        const found = inner.filter(s => compare('>=', own.of(s), outer.of(s)) === true).map(s => value.of(s))
        const numbers = found.filter(v => v !== null) as number[]
        return numbers.length === 0 ? null : Math.max(...numbers)
      },
    }
  }

  function number(relations: readonly Relation[], depth: number): Expression {
    const type = pick(['int', 'double'] as const)
    if (depth === 0 || chance(3)) return chance(4) ? literal(type) : column(relations, type)
    const a = number(relations, depth - 1)
    switch (below(9)) {
      case 0:
      case 1:
      case 2: {
        const [b, operator] = [number(relations, depth - 1), pick(['+', '-', '*'])]
        const compute = (x: number, y: number) =>
          operator === '+' ? x + y : operator === '-' ? x - y : x * y
        return binary(`(${a.sql} ${operator} ${b.sql})`, a, b, compute)
      }
      case 3: {
        const b = literal(pick(['int', 'double']))
        if (b.of({}) === 0) return a
        const whole = a.type === 'int' && b.type === 'int'
        return binary(`(${a.sql} / ${b.sql})`, a, b, (x, y) => (whole ? Math.trunc(x / y) : x / y))
      }
      case 4:
        return unary(`ABS(${a.sql})`, a, a.type, Math.abs)
      case 5: {
        if (a.type === 'int') return unary(`MOD(${a.sql}, 4)`, a, 'int', x => x % 4)
        const down = chance(2)
        return unary(`${down ? 'FLOOR' : 'CEILING'}(${a.sql})`, a, 'double', down ? Math.floor : Math.ceil)
      }
      case 6:
        return unary(`SQRT(ABS(${a.sql}))`, a, 'double', x => Math.sqrt(Math.abs(x)))
      case 7: {
        const b = a.type === 'int' ? column(relations, 'int') : literal('double')
        return { sql: `COALESCE(${a.sql}, ${b.sql})`, type: a.type, of: scene => a.of(scene) ?? b.of(scene) }
      }
      default: {
        const [when, b] = [condition(relations, 0, 0), unary(`(-${a.sql})`, a, a.type, x => -x)]
        const of = (scene: Scene) => (when.of(scene) === true ? a.of(scene) : b.of(scene))
        return { sql: `CASE WHEN ${when.sql} THEN ${a.sql} ELSE ${b.sql} END`, type: a.type, of }
      }
    }
  }

  function string(relations: readonly Relation[], depth: number): Expression {
    const a = chance(5) ? literal('char') : column(relations, 'char')
    if (depth === 0) return a
    const text = (change: (s: string) => string) => (scene: Scene) => {
      const value = a.of(scene)
      return value === null ? null : change(String(value))
    }
    switch (below(5)) {
      case 0:
        return { sql: `UPPER(${a.sql})`, type: 'char', of: text(s => s.toUpperCase()) }
      case 1:
        return { sql: `LOWER(${a.sql})`, type: 'char', of: text(s => s.toLowerCase()) }
      case 2: {
        const b = string(relations, 0)
        const of = (scene: Scene) => {
          const [x, y] = [a.of(scene), b.of(scene)]
          return x === null || y === null ? null : `${x}${y}`
        }
        return { sql: `(${a.sql} || ${b.sql})`, type: 'char', of }
      }
      default:
        return a
    }
  }

  // ---------------------------------------------------------------- conditions

  function condition(relations: readonly Relation[], depth: number, queries: number): Condition {
    if (depth > 0 && chance(2)) {
      const a = condition(relations, depth - 1, queries)
      if (chance(4)) return { sql: `NOT (${a.sql})`, of: scene => not(a.of(scene)) }
      const b = condition(relations, depth - 1, queries)
      return chance(2)
        ? { sql: `(${a.sql} AND ${b.sql})`, of: scene => and(a.of(scene), b.of(scene)) }
        : { sql: `(${a.sql} OR ${b.sql})`, of: scene => or(a.of(scene), b.of(scene)) }
    }
    const a = number(relations, 1)
    switch (below(queries > 0 ? 10 : 8)) {
      case 0: {
        const [b, c] = [literal('int'), number(relations, 1)]
        const negated = chance(3)
        const of = (scene: Scene) => {
          const inside = and(compare('>=', a.of(scene), b.of(scene)), compare('<=', a.of(scene), c.of(scene)))
          return negated ? not(inside) : inside
        }
        return { sql: `${a.sql} ${negated ? 'NOT ' : ''}BETWEEN ${b.sql} AND ${c.sql}`, of }
      }
      case 1: {
        const negated = chance(2)
        const of = (scene: Scene) => (a.of(scene) === null) !== negated
        return { sql: `${a.sql} IS ${negated ? 'NOT ' : ''}NULL`, of }
      }
      case 2: {
        const list = [number(relations, 0), literal('int'), literal('int')]
        const negated = chance(2)
        const of = (scene: Scene) => {
          const found = list.map(b => compare('=', a.of(scene), b.of(scene))).reduce(or, false)
          return negated ? not(found) : found
        }
        return { sql: `${a.sql} ${negated ? 'NOT ' : ''}IN (${list.map(b => b.sql).join(', ')})`, of }
      }
      case 3: {
        const [s, pattern, negated] = [
          string(relations, 1),
          pick(['a%', '%b', '_', '%', '', 'a_b', '%A%']),
          chance(3),
        ]
        const of = (scene: Scene) => {
          const value = s.of(scene)
          return value === null ? null : like(String(value), pattern) !== negated
        }
        return { sql: `${s.sql} ${negated ? 'NOT ' : ''}LIKE '${pattern}'`, of }
      }
      case 4: {
        const [s, t, operator] = [string(relations, 1), string(relations, 1), pick(Object.keys(COMPARE))]
        return {
          sql: `${s.sql} ${operator} ${t.sql}`,
          of: scene => compare(operator, s.of(scene), t.of(scene)),
        }
      }
      case 5:
        return cone(relations) ?? condition(relations, 0, queries)
      case 8:
      case 9:
        return subquery(relations)
      default: {
        const [b, operator] = [number(relations, 1), pick(Object.keys(COMPARE))]
        return {
          sql: `${a.sql} ${operator} ${b.sql}`,
          of: scene => compare(operator, a.of(scene), b.of(scene)),
        }
      }
    }
  }

  function cone(relations: readonly Relation[]): Condition | undefined {
    const placed = relations.filter(r => r.columns.some(c => c.name === 'dec'))
    if (placed.length === 0) return undefined
    const { alias } = pick(placed)
    const [ra, dec, radius] = [
      pick([0, 150, 359.9, 77]),
      pick([-89.5, 0, 0.3, 90]),
      pick([0.71, 2.23, 33.3, 91.7, 178.9]),
    ]
    const distance = (scene: Scene): number | null => {
      const [l, b] = [scene[`${alias}.ra`] ?? null, scene[`${alias}.dec`] ?? null]
      return l === null || b === null ? null : separation(Number(l), Number(b), ra, dec)
    }
    const point = `POINT(${alias}.ra, ${alias}.dec)`
    const within = (scene: Scene) => compare('<=', distance(scene), radius)
    const circle = `CIRCLE(${ra}, ${dec}, ${radius})`
    return pick<Condition>([
      { sql: `1 = CONTAINS(${point}, ${circle})`, of: within },
      { sql: `CONTAINS(${point}, ${circle}) = 0`, of: scene => not(within(scene)) },
      { sql: `INTERSECTS(${point}, ${circle}) <> 0`, of: within },
      { sql: `DISTANCE(${point}, POINT(${ra}, ${dec})) < ${radius}`, of: within },
      { sql: `${radius} < DISTANCE(POINT(${ra}, ${dec}), ${point})`, of: scene => not(within(scene)) },
    ])
  }

  /** IN and EXISTS, the latter with a column of the query around it. */
  function subquery(relations: readonly Relation[]): Condition {
    const { sql, relation } = tableReference(0)
    const [own, outer] = [column([relation], 'int'), column(relations, 'int')]
    const inner = (scene: Scene) => relation.rows.map(row => ({ ...scene, ...sceneOf(relation, row) }))
    const negated = chance(3)
    const turned = (value: boolean | null) => (negated ? not(value) : value)
    if (chance(2)) {
      const of = (scene: Scene) =>
        turned(
          inner(scene)
            .map(s => compare('=', outer.of(s), own.of(s)))
            .reduce(or, false),
        )
      return { sql: `${outer.sql} ${negated ? 'NOT ' : ''}IN (SELECT ${own.sql} FROM ${sql})`, of }
    }
    const of = (scene: Scene) => turned(inner(scene).some(s => compare('<', own.of(s), outer.of(s)) === true))
    return {
      sql: `${negated ? 'NOT ' : ''}EXISTS (SELECT 1 FROM ${sql} WHERE ${own.sql} < ${outer.sql})`,
      of,
    }
  }
}

function unary(sql: string, a: Expression, type: Type, compute: (x: number) => number): Expression {
  const of = (scene: Scene) => {
    const x = a.of(scene)
    return x === null ? null : compute(Number(x)) + 0
  }
  return { sql, type, of }
}

function binary(
  sql: string,
  a: Expression,
  b: Expression,
  compute: (x: number, y: number) => number,
): Expression {
  const type = a.type === 'int' && b.type === 'int' ? 'int' : 'double'
  const of = (scene: Scene) => {
    const [x, y] = [a.of(scene), b.of(scene)]
    return x === null || y === null ? null : compute(Number(x), Number(y)) + 0
  }
  return { sql, type, of }
}

/**
 * Random well-typed queries with their answers: each piece of a query is its text and a function that computes it in
 * JavaScript, by the rules of SQL (three truth values, NULLs that compare to nothing, integer division) and nothing
 * of the compiler.
 */
import { dice } from '../../conformance/fuzz-queries.ts'

export type Value = number | string | null
export type Row = readonly Value[]
type Type = 'int' | 'double' | 'char'
/** The values of all columns in sight, by `alias.column`. */
type Scene = Readonly<Record<string, Value>>

interface Column {
  readonly name: string
  readonly type: Type
}

interface Relation {
  readonly alias: string
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

interface Expression {
  readonly sql: string
  readonly type: Type
  of(scene: Scene): Value
}

interface Condition {
  readonly sql: string
  of(scene: Scene): boolean | null
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

// ---------------------------------------------------------------- SQL's rules

const and = (a: boolean | null, b: boolean | null) =>
  a === false || b === false ? false : a === null || b === null ? null : true
const not = (a: boolean | null) => (a === null ? null : !a)
const or = (a: boolean | null, b: boolean | null) => not(and(not(a), not(b)))

const COMPARE: Readonly<Record<string, (a: number | string, b: number | string) => boolean>> = {
  '=': (a, b) => a === b,
  '<>': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

function compare(operator: string, a: Value, b: Value): boolean | null {
  return a === null || b === null ? null : COMPARE[operator]!(a, b)
}

/** NULLs are alike here, last when ascending. */
function order(a: Value, b: Value): number {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return a < b ? -1 : 1
}

const key = (row: Row): string => JSON.stringify(row)

function distinct(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map(row => [key(row), row])).values()]
}

function like(text: string, pattern: string): boolean {
  const expression = [...pattern].map(c =>
    c === '%' ? '.*' : c === '_' ? '.' : c.replace(/[.*+?^${}()|[\]\\]/, '\\$&'),
  )
  return new RegExp(`^${expression.join('')}$`, 's').test(text)
}

/** Great-circle distance in degrees, by the chord. */
function separation(ra1: number, dec1: number, ra2: number, dec2: number): number {
  const vector = (ra: number, dec: number) => {
    const [l, b] = [(ra * Math.PI) / 180, (dec * Math.PI) / 180]
    return [Math.cos(b) * Math.cos(l), Math.cos(b) * Math.sin(l), Math.sin(b)] as const
  }
  const [u, v] = [vector(ra1, dec1), vector(ra2, dec2)]
  const chord = Math.hypot(u[0] - v[0], u[1] - v[1], u[2] - v[2])
  return (2 * Math.asin(Math.min(1, chord / 2)) * 180) / Math.PI
}

// ---------------------------------------------------------------- queries

interface Made {
  readonly sql: string
  readonly isSet: boolean
  readonly columns: readonly Column[]
  rows(outer: Scene): Row[]
}

/** One query of its own for each seed. */
export function randomQuery(seed: number, tables: readonly RandomTable[]): RandomQuery {
  const { below, pick } = dice(seed)
  let aliases = 0
  return query()

  function chance(oneIn: number): boolean {
    return below(oneIn) === 0
  }

  function query(): RandomQuery {
    const made = chance(4) ? set() : select(2)
    if (!chance(3)) return { sql: made.sql, rows: made.rows({}), ordered: false }
    const { sql, rows } = inOrder(made, chance(2))
    return { sql, rows: rows({}), ordered: true }
  }

  /** ORDER BY every column, so that the order is known, and a piece of it. */
  function inOrder(made: Made, piece: boolean): Made {
    const directions = made.columns.map(() => pick(['', ' ASC', ' DESC']))
    const top = piece && !made.isSet ? below(8) : undefined
    const offset = piece && chance(2) ? below(4) : 0
    let sql =
      top === undefined
        ? made.sql
        : made.sql.replace(/^SELECT (DISTINCT )?/, (_, d = '') => `SELECT ${d}TOP ${top} `)
    sql += ` ORDER BY ${directions.map((d, i) => `${i + 1}${d}`).join(', ')}`
    if (offset > 0) sql += ` OFFSET ${offset}`
    const rows = (outer: Scene) => {
      const sorted = made.rows(outer).sort((a, b) => {
        for (const [i, d] of directions.entries()) {
          const o = order(a[i]!, b[i]!)
          if (o !== 0) return d === ' DESC' ? -o : o
        }
        return 0
      })
      return sorted.slice(offset, top === undefined ? undefined : offset + top)
    }
    return { sql, isSet: made.isSet, columns: made.columns, rows }
  }

  /** Two or three SELECTs of the same types; INTERSECT binds closer than the others. */
  function set(): Made {
    const types = pick([['int'], ['int', 'char'], ['double']] as const)
    const branch = (): Made => {
      const made = select(0, types)
      if (!chance(3)) return made
      const ordered = inOrder(made, true)
      return { ...ordered, sql: `(${ordered.sql})` }
    }
    const operator = () => pick(['UNION', 'UNION ALL', 'EXCEPT', 'EXCEPT ALL', 'INTERSECT', 'INTERSECT ALL'])
    const [a, b] = [branch(), branch()]
    const first = operator()
    if (chance(2)) return combined(a, first, b)
    const [c, second] = [branch(), operator()]
    const closer = second.startsWith('INTERSECT') && !first.startsWith('INTERSECT')
    return closer ? combined(a, first, combined(b, second, c)) : combined(combined(a, first, b), second, c)
  }

  function select(depth: number, types?: readonly Type[]): Made {
    const from = fromClause(depth)
    const where = chance(3) ? undefined : condition(from.relations, 2, depth)
    const grouped = types === undefined && chance(3)
    const clause = `FROM ${from.sql}${where ? ` WHERE ${where.sql}` : ''}`
    const chosen = (outer: Scene) =>
      from.scenes(outer).filter(scene => where === undefined || where.of(scene) === true)
    if (grouped) return groupedSelect(from.relations, clause, chosen)
    const items =
      types?.map(type => ofType(type, from.relations)) ??
      Array.from({ length: 1 + below(3) }, () =>
        ofType(pick(['int', 'double', 'char']), from.relations, depth),
      )
    const unique = chance(4)
    const list = items.map((item, i) => `${item.sql} AS c${i}`).join(', ')
    return {
      isSet: false,
      sql: `SELECT ${unique ? 'DISTINCT ' : ''}${list} ${clause}`,
      columns: items.map((item, i) => ({ name: `c${i}`, type: item.type })),
      rows: outer => {
        const rows = chosen(outer).map(scene => items.map(item => item.of(scene)))
        return unique ? distinct(rows) : rows
      },
    }
  }

  function groupedSelect(
    relations: readonly Relation[],
    clause: string,
    chosen: (outer: Scene) => Scene[],
  ): Made {
    const keys = Array.from({ length: below(3) }, () => column(relations, pick(['int', 'char'])))
    const aggregates = Array.from({ length: 1 + below(2) }, () => aggregate(relations))
    const having = chance(3) ? aggregates[0] : undefined
    const limit = below(5)
    const list = [...keys.map(k => k.sql), ...aggregates.map(a => a.sql)].map((sql, i) => `${sql} AS c${i}`)
    const sql = [
      `SELECT ${list.join(', ')} ${clause}`,
      keys.length > 0 ? `GROUP BY ${keys.map(k => k.sql).join(', ')}` : '',
      having ? `HAVING ${having.sql} > ${limit}` : '',
    ]
    return {
      isSet: false,
      sql: sql.filter(part => part !== '').join(' '),
      columns: [...keys, ...aggregates].map((e, i) => ({ name: `c${i}`, type: e.type })),
      rows: outer => {
        const groups = new Map<string, { keys: Row; scenes: Scene[] }>()
        if (keys.length === 0) groups.set('', { keys: [], scenes: [] })
        for (const scene of chosen(outer)) {
          const values = keys.map(k => k.of(scene))
          const id = keys.length === 0 ? '' : key(values)
          const group = groups.get(id) ?? { keys: values, scenes: [] }
          group.scenes.push(scene)
          groups.set(id, group)
        }
        return [...groups.values()]
          .filter(g => having === undefined || compare('>', having.over(g.scenes), limit) === true)
          .map(g => [...g.keys, ...aggregates.map(a => a.over(g.scenes))])
      },
    }
  }

  function aggregate(relations: readonly Relation[]): {
    sql: string
    type: Type
    over(scenes: readonly Scene[]): Value
  } {
    const name = pick(['COUNT(*)', 'COUNT', 'COUNT DISTINCT', 'SUM', 'AVG', 'MIN', 'MAX'])
    if (name === 'COUNT(*)') return { sql: name, type: 'int', over: scenes => scenes.length }
    const e = number(relations, 1)
    const values = (scenes: readonly Scene[]) => scenes.map(s => e.of(s)).filter(v => v !== null) as number[]
    const total = (list: readonly number[]) => list.reduce((a, b) => a + b, 0)
    switch (name) {
      case 'COUNT':
        return { sql: `COUNT(${e.sql})`, type: 'int', over: scenes => values(scenes).length }
      case 'COUNT DISTINCT':
        return { sql: `COUNT(DISTINCT ${e.sql})`, type: 'int', over: scenes => new Set(values(scenes)).size }
      default: {
        const fold: Record<string, (list: number[]) => number> = {
          SUM: total,
          AVG: list => total(list) / list.length,
          MIN: list => Math.min(...list),
          MAX: list => Math.max(...list),
        }
        const over = (scenes: readonly Scene[]) => {
          const list = values(scenes)
          return list.length === 0 ? null : fold[name]!(list)
        }
        return { sql: `${name}(${e.sql})`, type: name === 'AVG' ? 'double' : e.type, over }
      }
    }
  }

  // ---------------------------------------------------------------- FROM

  function fromClause(depth: number): { sql: string; relations: Relation[]; scenes(outer: Scene): Scene[] } {
    const left = tableReference(depth)
    if (chance(2)) {
      const scenes = (outer: Scene) =>
        left.relation.rows.map(row => ({ ...outer, ...sceneOf(left.relation, row) }))
      return { sql: left.sql, relations: [left.relation], scenes }
    }
    const right = tableReference(depth)
    const relations = [left.relation, right.relation]
    const type = pick([
      'INNER JOIN',
      'JOIN',
      'LEFT JOIN',
      'LEFT OUTER JOIN',
      'RIGHT JOIN',
      'FULL OUTER JOIN',
      ',',
    ])
    const on = joinCondition(left.relation, right.relation, type)
    const sql = type === ',' ? `${left.sql}, ${right.sql}` : `${left.sql} ${type} ${right.sql} ON ${on.sql}`
    return { sql, relations, scenes: outer => joined(left.relation, right.relation, type, on, outer) }
  }

  /** FULL JOIN needs an equality in PostgreSQL. */
  function joinCondition(left: Relation, right: Relation, type: string): Condition {
    const sides = [left, right].map(r => column([r], 'int'))
    const equal: Condition = {
      sql: `${sides[0]!.sql} = ${sides[1]!.sql}`,
      of: scene => compare('=', sides[0]!.of(scene), sides[1]!.of(scene)),
    }
    if (type === ',') return { sql: '', of: () => true }
    if (type === 'FULL OUTER JOIN' || !chance(3)) return equal
    const more = condition([left, right], 1, 0)
    return { sql: `${equal.sql} AND ${more.sql}`, of: scene => and(equal.of(scene), more.of(scene)) }
  }

  function tableReference(depth: number): { sql: string; relation: Relation } {
    const alias = `t${++aliases}`
    if (depth > 0 && chance(4)) {
      const made = select(depth - 1)
      if (made.columns.some(c => c.type === 'int'))
        return {
          sql: `(${made.sql}) AS ${alias}`,
          relation: { alias, columns: made.columns, rows: made.rows({}) },
        }
    }
    const table = pick(tables)
    return { sql: `small.${table.name} AS ${alias}`, relation: { ...table, alias } }
  }

  // ---------------------------------------------------------------- expressions

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

function sceneOf({ alias, columns }: Relation, row: Row | undefined): Scene {
  return Object.fromEntries(columns.map((c, i) => [`${alias}.${c.name}`, row?.[i] ?? null]))
}

function joined(left: Relation, right: Relation, type: string, on: Condition, outer: Scene): Scene[] {
  const scenes: Scene[] = []
  const met = new Set<Row>()
  for (const l of left.rows) {
    let found = false
    for (const r of right.rows) {
      const scene = { ...outer, ...sceneOf(left, l), ...sceneOf(right, r) }
      if (on.of(scene) !== true) continue
      scenes.push(scene)
      found = true
      met.add(r)
    }
    if (!found && /^(LEFT|FULL)/.test(type))
      scenes.push({ ...outer, ...sceneOf(left, l), ...sceneOf(right, undefined) })
  }
  if (/^(RIGHT|FULL)/.test(type)) {
    for (const r of right.rows.filter(row => !met.has(row)))
      scenes.push({ ...outer, ...sceneOf(left, undefined), ...sceneOf(right, r) })
  }
  return scenes
}

/** UNION, EXCEPT and INTERSECT: as sets, or with ALL by how often a row is there. */
function combined(a: Made, operator: string, b: Made): Made {
  const [name, all] = operator.split(' ')
  const rows = (outer: Scene): Row[] => {
    const [left, right] = [a.rows(outer), b.rows(outer)]
    if (name === 'UNION') return all ? [...left, ...right] : distinct([...left, ...right])
    const counts = new Map<string, number>()
    for (const row of right) counts.set(key(row), (counts.get(key(row)) ?? 0) + 1)
    const wanted = name === 'INTERSECT'
    if (!all) return distinct(left).filter(row => counts.has(key(row)) === wanted)
    return left.filter(row => {
      const n = counts.get(key(row)) ?? 0
      counts.set(key(row), n - 1)
      return n > 0 === wanted
    })
  }
  return { sql: `${a.sql} ${operator} ${b.sql}`, isSet: true, columns: a.columns, rows }
}

/**
 * Random well-typed queries with their answers: each piece of a query is its text and a function that computes it in
 * JavaScript, by the rules of SQL (`sql-rules`) and nothing of the compiler.
 */
import { dice } from '../../conformance/fuzz-queries.ts'
import { randomExpressions } from './random-expressions.ts'
import type {
  Condition,
  Made,
  RandomQuery,
  RandomTable,
  Relation,
  Row,
  Scene,
  Type,
  Value,
} from './random-tables.ts'
import { and, combined, compare, distinct, joined, key, order, sceneOf } from './sql-rules.ts'

/** One query of its own for each seed. */
export function randomQuery(seed: number, tables: readonly RandomTable[]): RandomQuery {
  const thrown = dice(seed)
  const { below, pick } = thrown
  let aliases = 0
  const { column, ofType, number, condition } = randomExpressions(thrown, tableReference)
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
}

/**
 * The rules of SQL in JavaScript: three truth values, NULLs that compare to nothing, joins, set operations as sets and
 * as bags. Nothing of the compiler.
 */
import type { Condition, Made, Relation, Row, Scene, Value } from './random-tables.ts'

export const and = (a: boolean | null, b: boolean | null) =>
  a === false || b === false ? false : a === null || b === null ? null : true
export const not = (a: boolean | null) => (a === null ? null : !a)
export const or = (a: boolean | null, b: boolean | null) => not(and(not(a), not(b)))

export const COMPARE: Readonly<Record<string, (a: number | string, b: number | string) => boolean>> = {
  '=': (a, b) => a === b,
  '<>': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

export function compare(operator: string, a: Value, b: Value): boolean | null {
  return a === null || b === null ? null : COMPARE[operator]!(a, b)
}

/** NULLs are alike here, last when ascending. */
export function order(a: Value, b: Value): number {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return a < b ? -1 : 1
}

export const key = (row: Row): string => JSON.stringify(row)

export function distinct(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map(row => [key(row), row])).values()]
}

export function like(text: string, pattern: string): boolean {
  const expression = [...pattern].map(c =>
    c === '%' ? '.*' : c === '_' ? '.' : c.replace(/[.*+?^${}()|[\]\\]/, '\\$&'),
  )
  return new RegExp(`^${expression.join('')}$`, 's').test(text)
}

/** Great-circle distance in degrees, by the chord. */
export function separation(ra1: number, dec1: number, ra2: number, dec2: number): number {
  const vector = (ra: number, dec: number) => {
    const [l, b] = [(ra * Math.PI) / 180, (dec * Math.PI) / 180]
    return [Math.cos(b) * Math.cos(l), Math.cos(b) * Math.sin(l), Math.sin(b)] as const
  }
  const [u, v] = [vector(ra1, dec1), vector(ra2, dec2)]
  const chord = Math.hypot(u[0] - v[0], u[1] - v[1], u[2] - v[2])
  return (2 * Math.asin(Math.min(1, chord / 2)) * 180) / Math.PI
}

export function sceneOf({ alias, columns }: Relation, row: Row | undefined): Scene {
  return Object.fromEntries(columns.map((c, i) => [`${alias}.${c.name}`, row?.[i] ?? null]))
}

export function joined(left: Relation, right: Relation, type: string, on: Condition, outer: Scene): Scene[] {
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
export function combined(a: Made, operator: string, b: Made): Made {
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

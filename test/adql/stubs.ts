/**
 * Tables for queries from elsewhere: what a query's names ask for, so that it compiles. Tables and columns are made
 * as the compiler misses them; their types follow from what the query compares them with.
 */
import type { Span, TableReference } from '../../src/adql/ast.ts'
import { compile } from '../../src/adql/index.ts'
import { parse } from '../../src/adql/parser.ts'
import { type TableMeta, type Tables, tablesOf } from '../../src/adql/tables.ts'
import { type Problem, ServiceError } from '../../src/error.ts'
import { type Field, wireType } from '../../src/votable/field.ts'

type Kind = 'double' | 'long' | 'char' | 'timestamp' | 'point' | 'polygon' | 'boolean'

interface Stub {
  readonly schema: string
  readonly name: string
  readonly columns: Map<string, Kind>
}

export interface Stubbed {
  readonly tables: Tables
  readonly all: readonly TableMeta[]
}

const FIELD: Record<Kind, readonly [Omit<Field, 'name'>, string | undefined]> = {
  double: [{ datatype: 'double', unit: 'deg' }, undefined],
  long: [{ datatype: 'long' }, undefined],
  char: [{ datatype: 'char', arraysize: '*' }, undefined],
  timestamp: [{ datatype: 'char', arraysize: '*', xtype: 'timestamp' }, 'timestamp'],
  point: [{ datatype: 'double', arraysize: '2', xtype: 'point' }, 'spoint'],
  polygon: [{ datatype: 'double', arraysize: '*', xtype: 'polygon' }, 'spoly'],
  boolean: [{ datatype: 'boolean' }, undefined],
}

const regular = (name: string) => (/^[A-Za-z]\w*$/.test(name) ? name.toLowerCase() : name)

/** Tables with which the query compiles; throws the compiler's last error when there are none. */
export function stubTables(query: string): Stubbed {
  const stubs: Stub[] = []
  for (let round = 0; round < 60; round++) {
    const all = stubs.map(tableMeta)
    const tables = tablesOf(all)
    try {
      compile(query, tables, { maxrec: 100 })
      return { tables, all }
    } catch (error) {
      if (!(error instanceof ServiceError) || error.problems.length === 0) throw error
      const changed = error.problems.map(p => repair(query, p, stubs)).some(Boolean)
      if (!changed) throw error
    }
  }
  throw new Error('no tables suit this query')
}

function tableMeta(stub: Stub): TableMeta {
  const columns = [...stub.columns].map(([name, kind]) => {
    const [field, sqlType] = FIELD[kind]
    const meta = { field: { ...field, name }, sqlName: name, indexed: false, principal: true }
    return sqlType ? { ...meta, sqlType } : meta
  })
  return { schema: stub.schema, name: stub.name, sqlSchema: stub.schema, sqlName: stub.name, columns }
}

export function createSql(all: readonly TableMeta[]): string {
  const q = (name: string) => `"${name.replaceAll('"', '""')}"`
  const schemas = [...new Set(all.map(t => t.sqlSchema))].map(
    s => `DROP SCHEMA IF EXISTS ${q(s)} CASCADE; CREATE SCHEMA ${q(s)};`,
  )
  const tables = all.map(t => {
    const columns = t.columns.map(c => `${q(c.sqlName)} ${c.sqlType ?? wireType(c.field)}`)
    return `CREATE TABLE ${q(t.sqlSchema)}.${q(t.sqlName)} (${columns.join(', ')});`
  })
  return [...schemas, ...tables].join('\n')
}

const unquoted = (part: string) =>
  part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : regular(part)
const parts = (name: string) => (name.match(/"(?:[^"]|"")*"|[^."]+/g) ?? []).map(p => unquoted(p.trim()))

/** Changes the stubs so that one complaint goes away; false when it cannot. */
function repair(query: string, p: Problem, stubs: Stub[]): boolean {
  const span = query.slice(p.start, p.end)
  const { message } = p
  if (/^there is no table .* in FROM$/.test(message)) return false
  if (/^there is no table/.test(message)) {
    const names = parts(span)
    const [schema, name] = names.length > 1 ? [names.at(-2)!, names.at(-1)!] : ['stub', names[0]!]
    if (stubs.some(s => s.schema === schema && s.name === name)) return false
    stubs.push({ schema, name, columns: new Map([['ra_of_' + name.replace(/\W/g, ''), 'double']]) })
    return true
  }
  const joined = /^the (left|right) of this join has no column (.+)$/.exec(message)
  if (joined) {
    const around = tablesAround(query, p, stubs)
    const column = unquoted(joined[2]!)
    const lacks = around.filter(s => !s.columns.has(column))
    return add(joined[1] === 'left' ? lacks[0] : lacks.at(-1), column)
  }
  const lacking = /^(?:(.+) has no column |there is no column )(?:"([^"]*)"|(.+))$/.exec(message)
  if (lacking) {
    const column = lacking[2] ?? unquoted(lacking[3]!)
    const target = lacking[1] ? tableOf(query, parts(lacking[1]), stubs) : tablesAround(query, p, stubs)[0]
    return add(target ?? stubs[0], column)
  }
  const wants: readonly [RegExp, Kind][] = [
    [/argument \d \((a|b|inner|outer|shape)\)/, 'polygon'],
    [/argument \d \((p|center)\)/, 'point'],
    [
      /a string is compared with|compared with a string|LIKE compares strings|\|\| joins|cannot be a number|COALESCE are of different/,
      'char',
    ],
    [/a time is compared|compared with a time/, 'timestamp'],
    [/a point is compared|compared with a point/, 'point'],
    [
      /polygon is compared|compared with a polygon|circle is compared|compared with a circle|does not take \(.*(a point|a polygon|a circle)|does not take \(a number, a number\)/,
      'polygon',
    ],
    [/does not take|CENTROID|COORD/, 'point'],
    [/truth value is compared|a condition is needed/, 'boolean'],
    [/needs integers/, 'long'],
  ]
  const parameter = /^argument \d \((\w+)\)/.exec(message)?.[1]
  const integer = parameter && p.hint?.includes(`${parameter} BIGINT`)
  const kind = integer ? 'long' : wants.find(([pattern]) => pattern.test(message))?.[1]
  const named = /\((\w+)\)/.exec(message)?.[1]
  const names = [named, ...(span.match(/"(?:[^"]|"")*"|[A-Za-z]\w*/g) ?? []).map(unquoted)]
  for (const name of names) {
    const stub = stubs.find(
      s => name !== undefined && s.columns.get(name.toLowerCase() === name ? name : name) !== undefined,
    )
    if (!stub || !kind || stub.columns.get(name!) === kind) continue
    if (stub.columns.get(name!) !== 'double') continue
    stub.columns.set(name!, kind)
    return true
  }
  return false
}

function add(stub: Stub | undefined, column: string): boolean {
  if (!stub || stub.columns.has(column)) return false
  stub.columns.set(column, 'double')
  return true
}

/** The stored tables in FROM of the innermost SELECT around a place that has some. */
function tablesAround(query: string, at: Span, stubs: readonly Stub[]): Stub[] {
  let found: Stub[] = []
  const tables = (t: TableReference): Stub[] => {
    if (t.kind === 'join') return [...tables(t.left), ...tables(t.right)]
    if (t.kind !== 'table') return []
    const name = t.name.at(-1)!
    return stubs.filter(s => s.name === (name.delimited ? name.text : name.text.toLowerCase()))
  }
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit)
    else if (node && typeof node === 'object') {
      const n = node as { kind?: string; from?: TableReference[]; start?: number; end?: number }
      if (n.kind === 'select' && n.from && n.start! <= at.start && at.end <= n.end!) {
        const own = n.from.flatMap(tables)
        if (own.length > 0) found = own
      }
      for (const value of Object.values(node)) visit(value)
    }
  }
  visit(parse(query).query)
  return found
}

/** The table that a qualifier means: by its own name, or by the alias after it. */
function tableOf(query: string, qualifier: readonly string[], stubs: readonly Stub[]): Stub | undefined {
  const name = qualifier.at(-1)!
  const own = stubs.find(s => s.name === name)
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const aliased = new RegExp(`((?:"(?:[^"]|"")*"|[\\w.])+)\\s+(?:AS\\s+)?"?${escaped}"?(?![\\w.])`, 'gi')
  for (const [, table] of query.matchAll(aliased)) {
    const names = parts(table!)
    const isIn = (schema: string) => names.length < 2 || names.at(-2) === schema
    const found = stubs.find(s => s.name === names.at(-1) && isIn(s.schema))
    if (found) return found
  }
  return own
}

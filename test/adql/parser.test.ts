import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Expression, QueryExpression, Select, TableReference } from '../../src/adql/ast.ts'
import { parse } from '../../src/adql/parser.ts'
import { ServiceError } from '../../src/error.ts'
import { adqlCorpus } from './corpus.ts'

const body = (text: string) => parse(text).query.body
const select = (text: string) => body(text) as Select
const value = (text: string): Expression => {
  const item = select(`SELECT ${text} FROM t`).items[0]!
  assert.equal(item.kind, 'item')
  return (item as Extract<typeof item, { kind: 'item' }>).expression
}
const condition = (text: string) => select(`SELECT a FROM t WHERE ${text}`).where!
const notes = (text: string) => parse(text).notes.map(note => note.name)

/** An expression with all its parentheses. */
function show(e: Expression): string {
  const list = (es: readonly Expression[]) => es.map(show).join(', ')
  switch (e.kind) {
    case 'number':
      return e.text
    case 'string':
      return `'${e.value}'`
    case 'column':
      return e.name.map(part => (part.delimited ? `"${part.text}"` : part.text)).join('.')
    case 'unary':
      return `(${e.operator}${show(e.operand)})`
    case 'binary':
    case 'comparison':
      return `(${show(e.left)} ${e.operator} ${show(e.right)})`
    case 'and':
    case 'or':
      return `(${show(e.left)} ${e.kind.toUpperCase()} ${show(e.right)})`
    case 'not':
      return `(NOT ${show(e.operand)})`
    case 'call':
      return `${e.name.text}(${list(e.args)})`
    case 'aggregate':
      return `${e.name}(${e.quantifier ? `${e.quantifier} ` : ''}${e.argument ? show(e.argument) : '*'})`
    case 'cast':
      return `CAST(${show(e.operand)} AS ${e.target.type}${e.target.length ?? ''})`
    case 'is':
      return `(${show(e.operand)} IS ${e.negated ? 'NOT ' : ''}${e.what})`
    case 'between':
      return `(${show(e.operand)} ${e.negated ? 'NOT ' : ''}BETWEEN ${show(e.low)} AND ${show(e.high)})`
    case 'like':
      return `(${show(e.operand)} ${e.negated ? 'NOT ' : ''}${e.caseless ? 'ILIKE' : 'LIKE'} ${show(e.pattern)})`
    case 'in':
      return `(${show(e.operand)} ${e.negated ? 'NOT ' : ''}IN ${'kind' in e.values ? showQuery(e.values) : `(${list(e.values)})`})`
    case 'exists':
      return `(EXISTS ${showQuery(e.query)})`
    case 'scalarSubquery':
      return `VALUE ${showQuery(e.query)}`
    case 'window':
      return `${show(e.call)} OVER (${list(e.partitionBy)} / ${list(e.orderBy.map(s => s.key))})`
    case 'case':
      return `CASE ${e.operand ? show(e.operand) : ''} ${e.whens.map(w => `${show(w.when)}:${show(w.then)}`).join(' ')} ELSE ${e.otherwise ? show(e.otherwise) : ''}`
    default:
      return e.kind === 'boolean' ? String(e.value).toUpperCase() : 'NULL'
  }
}

/** A query as the set operations and tables in it. */
function showQuery(q: QueryExpression): string {
  const ends = `${q.orderBy.length ? ' ORDER' : ''}${q.offset === undefined ? '' : ` OFFSET ${q.offset}`}${q.limit === undefined ? '' : ` LIMIT ${q.limit}`}`
  if (q.kind === 'set')
    return `(${showQuery(q.left)} ${q.operator}${q.all ? ' ALL' : ''} ${showQuery(q.right)}${ends})`
  return `[${q.top === undefined ? '' : `TOP ${q.top} `}${q.from.map(showTable).join(', ')}${ends}]`
}

function showTable(t: TableReference): string {
  if (t.kind === 'table')
    return (
      t.name.map(part => part.text).join('.') +
      (t.alias ? ` ${t.alias.text}` : '') +
      (t.sample === undefined ? '' : ` ${t.sample}%`)
    )
  if (t.kind === 'subquery') return `${showQuery(t.query)} ${t.alias.text}`
  const how = t.on ? ` ON ${show(t.on)}` : t.using.length ? ` USING ${t.using.map(part => part.text)}` : ''
  return `(${showTable(t.left)} ${t.natural ? 'NATURAL ' : ''}${t.type} ${showTable(t.right)}${how})`
}

for (const [text, expected] of [
  ['a + b * c - d / e', '((a + (b * c)) - (d / e))'],
  ['(a + b) * c', '((a + b) * c)'],
  ['-a * -b', '((-a) * (-b))'],
  ['a - b - c', '((a - b) - c)'],
  ["a || 'x' || b", "((a || 'x') || b)"],
  ["'x' \n -- and\n 'y'", "'xy'"],
  ['a & b + 1', '(a & (b + 1))'],
  ['~a | b ^ c', '(((~a) | b) ^ c)'],
  ['a % 2 * 3', '((a % 2) * 3)'],
  ['cat.sch.tab."Col"', 'cat.sch.tab."Col"'],
  ['COUNT(*)', 'COUNT(*)'],
  ['count ( DISTINCT a )', 'COUNT(DISTINCT a)'],
  ['MAX(ALL a + 1)', 'MAX(ALL (a + 1))'],
  ['RAND()', 'RAND()'],
  ["POINT('ICRS', ra, dec)", "POINT('ICRS', ra, dec)"],
  ['CAST(a AS double precision)', 'CAST(a AS DOUBLE PRECISION)'],
  ['CAST(a AS varchar(10))', 'CAST(a AS VARCHAR10)'],
  ['NULL', 'NULL'],
  ["COALESCE(a, b, 'c')", "COALESCE(a, b, 'c')"],
  ["IN_UNIT(a, 'deg')", "IN_UNIT(a, 'deg')"],
  ['CASE WHEN a = 1 THEN 2 END', 'CASE  (a = 1):2 ELSE '],
  ['CASE a WHEN 1 THEN 2 ELSE 3 END', 'CASE a 1:2 ELSE 3'],
  ['(SELECT MAX(b) FROM u)', 'VALUE [u]'],
  ['((SELECT b FROM u) UNION SELECT c FROM v)', 'VALUE ([u] UNION [v])'],
  ['(SELECT b FROM u) + 1', '(VALUE [u] + 1)'],
  ['((SELECT b FROM u) + 1)', '(VALUE [u] + 1)'],
  ['SUM(a) OVER (PARTITION BY b, c ORDER BY d)', 'SUM(a) OVER (b, c / d)'],
] as const) {
  test(`value ${text}`, () => assert.equal(show(value(text)), expected))
}

for (const [text, expected] of [
  ['a = 1 OR b = 2 AND NOT c = 3', '((a = 1) OR ((b = 2) AND (NOT (c = 3))))'],
  ['(a = 1 OR b = 2) AND c != 3', '(((a = 1) OR (b = 2)) AND (c <> 3))'],
  ['((a)) > ((b + 1))', '(a > (b + 1))'],
  ['(((a > b)))', '(a > b)'],
  ['(a + 1) * 2 > 3', '(((a + 1) * 2) > 3)'],
  ['a BETWEEN 1 AND 2 AND b = 3', '((a BETWEEN 1 AND 2) AND (b = 3))'],
  ['a NOT BETWEEN 1 + 1 AND 4', '(a NOT BETWEEN (1 + 1) AND 4)'],
  ["a NOT LIKE 'x%' AND b ILIKE 'Y'", "((a NOT LIKE 'x%') AND (b ILIKE 'Y'))"],
  ['a IN (1, 2)', '(a IN (1, 2))'],
  ['a NOT IN (SELECT b FROM u)', '(a NOT IN [u])'],
  ['a IN ((SELECT b FROM u) UNION (SELECT c FROM v))', '(a IN ([u] UNION [v]))'],
  ['a IS NULL OR b IS NOT NULL', '((a IS NULL) OR (b IS NOT NULL))'],
  ['EXISTS (SELECT b FROM u)', '(EXISTS [u])'],
  ['NOT EXISTS (SELECT b FROM u)', '(NOT (EXISTS [u]))'],
  ['1 = CONTAINS(p, q)', '(1 = CONTAINS(p, q))'],
  ['CONTAINS(p, q)', '(1 = CONTAINS(p, q))'],
  ['NOT INTERSECTS(p, q)', '(NOT (1 = INTERSECTS(p, q)))'],
  ['a = 1 AND b = 2 AND c = 3 AND d = 4', '(((a = 1) AND (b = 2)) AND ((c = 3) AND (d = 4)))'],
] as const) {
  test(`condition ${text}`, () => assert.equal(show(condition(text)), expected))
}

for (const [text, expected] of [
  [
    'SELECT a FROM t UNION SELECT a FROM u INTERSECT SELECT a FROM v EXCEPT SELECT a FROM w',
    '(([t] UNION ([u] INTERSECT [v])) EXCEPT [w])',
  ],
  [
    'SELECT TOP 2 a FROM t UNION ALL SELECT TOP 3 a FROM u ORDER BY a OFFSET 1',
    '([TOP 2 t] UNION ALL [TOP 3 u] ORDER OFFSET 1)',
  ],
  [
    '(SELECT TOP 2 a FROM t ORDER BY a) UNION (SELECT a FROM u OFFSET 5)',
    '([TOP 2 t ORDER] UNION [u OFFSET 5])',
  ],
  ['SELECT TOP 5 a FROM t ORDER BY a OFFSET 10', '[TOP 5 t ORDER OFFSET 10]'],
  ['(SELECT a FROM t) ORDER BY a', '[t ORDER]'],
  ['(SELECT TOP 5 a FROM t ORDER BY a) ORDER BY a', '[[TOP 5 t ORDER] parenthesised ORDER]'],
  ['SELECT a FROM t LIMIT 3 OFFSET 4', '[t OFFSET 4 LIMIT 3]'],
  ['SELECT a FROM t OFFSET 4 LIMIT 3', '[t OFFSET 4 LIMIT 3]'],
  ['SELECT a FROM s.t AS x, u y', '[s.t x, u y]'],
  ['SELECT a FROM t JOIN u USING (i, j)', '[(t INNER u USING i,j)]'],
  ['SELECT a FROM t NATURAL LEFT OUTER JOIN u', '[(t NATURAL LEFT u)]'],
  [
    'SELECT a FROM t FULL JOIN u ON i = j RIGHT JOIN v ON j = k',
    '[((t FULL u ON (i = j)) RIGHT v ON (j = k))]',
  ],
  ['SELECT a FROM t JOIN u JOIN v ON j = k ON i = j', '[(t INNER (u INNER v ON (j = k)) ON (i = j))]'],
  ['SELECT a FROM t JOIN u JOIN v ON j = k', '[((t CROSS u) INNER v ON (j = k))]'],
  ['SELECT a FROM t LEFT JOIN u', '[(t LEFT u ON TRUE)]'],
  ['SELECT a FROM t CROSS JOIN u', '[(t CROSS u)]'],
  ['SELECT a FROM t JOIN (u JOIN v USING (i)) USING (j)', '[(t INNER (u INNER v USING i) USING j)]'],
  ['SELECT a FROM ((t JOIN u USING (i)) JOIN v USING (j))', '[((t INNER u USING i) INNER v USING j)]'],
  ['SELECT a FROM (SELECT b FROM t) AS q', '[[t] q]'],
  ['SELECT a FROM ((SELECT b FROM t) UNION (SELECT b FROM u)) q', '[([t] UNION [u]) q]'],
  ['SELECT a FROM ((SELECT b FROM t) AS q JOIN u USING (i))', '[([t] q INNER u USING i)]'],
  ['SELECT a FROM t TABLESAMPLE (5) x', '[t x 5%]'],
  ['SELECT a FROM t x TABLESAMPLE BERNOULLI (.5)', '[t x 0.5%]'],
] as const) {
  test(text, () => assert.equal(showQuery(body(text)), expected))
}

test('a select holds all of its clauses', () => {
  const text =
    'WITH q AS (SELECT b FROM t) SELECT DISTINCT TOP 7 a AS x, q.*, s.t.* FROM q WHERE a > 1 GROUP BY a, b HAVING COUNT(*) > 2 ORDER BY 1 DESC, b, a + 1 ASC NULLS LAST OFFSET 3;'
  const { query } = parse(text)
  assert.deepEqual(
    query.with.map(w => [w.name.text, showQuery(w.query)]),
    [['q', '[t]']],
  )
  const s = query.body as Select
  assert.equal(s.quantifier, 'DISTINCT')
  assert.equal(s.top, 7)
  assert.deepEqual(
    s.items.map(i =>
      i.kind === 'tableStar' ? i.table.map(p => p.text).join('.') : i.kind === 'item' ? i.alias?.text : '*',
    ),
    ['x', 'q', 's.t'],
  )
  assert.deepEqual(s.groupBy.map(show), ['a', 'b'])
  assert.equal(show(s.having!), '(COUNT(*) > 2)')
  assert.deepEqual(
    s.orderBy.map(o => [show(o.key), o.direction, o.nulls]),
    [
      ['1', 'DESC', undefined],
      ['b', undefined, undefined],
      ['(a + 1)', 'ASC', 'LAST'],
    ],
  )
  assert.equal(s.offset, 3)
  assert.equal(text.slice(query.start, query.end), text.slice(0, -1))
})

for (const [text, ...expected] of [
  ['SELECT a FROM t'],
  ['SELECT a FROM t;'],
  ['SELECT a, b c FROM t WHERE a != 1 -- comment'],
  ['SELECT CASE WHEN a = 1 THEN CASE b WHEN 1 THEN 2 END END FROM t', 'CASE'],
  ['SELECT a FROM t WHERE a = TRUE', 'TRUE/FALSE'],
  ['SELECT a & 0xF FROM t', 'operator &', 'hexadecimal'],
  ['SELECT a FROM t LIMIT 5', 'LIMIT'],
  ['SELECT a FROM t CROSS JOIN u', 'CROSS JOIN'],
  ['SELECT a FROM t JOIN u', 'JOIN without ON'],
  ['SELECT a FROM t WHERE a = (SELECT 1 FROM u)', 'scalar sub-query'],
  ['SELECT a FROM t WHERE a IN (SELECT 1 FROM u) AND EXISTS (SELECT 2 FROM v)'],
  ['SELECT a FROM t ORDER BY a NULLS FIRST', 'NULLS FIRST/LAST'],
  ['SELECT RANK() OVER (ORDER BY a) FROM t', 'OVER'],
  ['SELECT *, a FROM t', '* among columns'],
  ['SELECT a FROM t WHERE a + 1 IS NULL', 'IS NULL of an expression'],
  ['SELECT a FROM t WHERE a = NULL', '= NULL'],
  ['SELECT CAST(a AS INT) FROM t', 'type'],
  ['SELECT SUBSTRING(a, 1, 2) FROM t', 'SUBSTRING'],
  [
    'SELECT size, t.order, a AS distance FROM schema.table',
    'reserved word',
    'reserved word',
    'reserved word',
    'reserved word',
    'reserved word',
  ],
  ['SELECT size FROM t WHERE size > 1', 'reserved word'],
  ['SELECT "size" FROM t WHERE "size" > 1'],
  ['SELECT date, year, value, position, count, point FROM t', ...Array(6).fill('reserved word')],
  ['SELECT a FROM t WHERE CONTAINS(b, c)', 'CONTAINS as a condition'],
  ['SELECT a FROM (t)', 'a table in parentheses'],
] as const) {
  test(`notes of ${text}`, () => assert.deepEqual(notes(text), expected))
}

test('a reserved word read as a name matches without case, as written', () => {
  assert.deepEqual(select('SELECT Size FROM t').items[0], {
    kind: 'item',
    expression: {
      kind: 'column',
      name: [{ text: 'Size', delimited: false, start: 7, end: 11 }],
      start: 7,
      end: 11,
    },
    alias: undefined,
    as: false,
    start: 7,
    end: 11,
  })
})

// ---------------------------------------------------------------- independent of our own reading

/** Deterministic numbers in [0, 1): mulberry32. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

test('arithmetic and logic group as in JavaScript, which has the same precedence', () => {
  const next = random(7)
  const pick = <T>(list: readonly T[]) => list[Math.floor(next() * list.length)]!
  const sum = (depth: number): string => {
    const operand = () =>
      depth > 0 && next() < 0.3
        ? `(${sum(depth - 1)})`
        : `${next() < 0.2 ? '- ' : ''}${Math.floor(next() * 9) + 1}`
    let text = operand()
    while (next() < 0.6) text += ` ${pick(['+', '-', '*', '/'])} ${operand()}`
    return text
  }
  const logic = (depth: number): string => {
    const operand = (): string =>
      depth > 0 && next() < 0.3
        ? `(${logic(depth - 1)})`
        : `${sum(1)} ${pick(['<', '>', '<=', '>='])} ${sum(1)}`
    let text = operand()
    while (next() < 0.6) text += ` ${pick(['AND', 'OR'])} ${next() < 0.3 ? `NOT (${operand()})` : operand()}`
    return text
  }
  const evaluate = (e: Expression): number | boolean => {
    if (e.kind === 'number') return Number(e.text)
    if (e.kind === 'unary') return -evaluate(e.operand)
    if (e.kind === 'not') return !evaluate(e.operand)
    if (e.kind !== 'binary' && e.kind !== 'comparison' && e.kind !== 'and' && e.kind !== 'or')
      throw new Error(e.kind)
    const [l, r] = [Number(evaluate(e.left)), Number(evaluate(e.right))]
    const operator = 'operator' in e ? e.operator : e.kind
    return {
      '+': l + r,
      '-': l - r,
      '*': l * r,
      '/': l / r,
      '<': l < r,
      '>': l > r,
      '<=': l <= r,
      '>=': l >= r,
      and: !!(l && r),
      or: !!(l || r),
    }[operator as '+']
  }
  for (let i = 0; i < 500; i++) {
    const text = logic(3)
    const js = text.replaceAll('AND', '&&').replaceAll('OR', '||').replaceAll('NOT', '!')
    assert.equal(evaluate(condition(text)), new Function(`return ${js}`)(), text)
  }
})

/** Everything in a tree that is an expression, with whether it is a condition. */
function* expressions(node: unknown): Generator<Expression> {
  if (Array.isArray(node)) for (const child of node) yield* expressions(child)
  else if (node && typeof node === 'object') {
    if (
      'kind' in node &&
      !['query', 'select', 'set', 'star', 'tableStar', 'item', 'table', 'subquery', 'join'].includes(
        String(node.kind),
      )
    )
      yield node as Expression
    for (const child of Object.values(node)) yield* expressions(child)
  }
}

const withoutPositions = (node: unknown) =>
  JSON.parse(JSON.stringify(node, (key, child) => (key === 'start' || key === 'end' ? undefined : child)))

test('the text under every node reads as that node again', adqlCorpus.skip, () => {
  let count = 0
  for (const { query: text } of [...adqlCorpus.read('adql-valid'), ...adqlCorpus.read('adql-dialect')]) {
    let tree: ReturnType<typeof parse>
    try {
      tree = parse(text)
    } catch {
      continue
    }
    for (const node of expressions(tree.query)) {
      if (node.start === node.end) continue
      // Read from an operator: a && b.
      if (node.kind === 'call' && /\W/.test(text.slice(node.name.start, node.name.end))) continue
      const under = text.slice(node.start, node.end)
      const isCondition = /^(and|or|not|comparison|between|like|in|is|exists)$/.test(node.kind)
      assert.deepEqual(
        withoutPositions(isCondition ? condition(under) : value(under)),
        withoutPositions(node),
        under,
      )
      count++
    }
  }
  assert.ok(count > 5000, `only ${count} nodes`)
})

test('a query of any depth or length is read or refused, and never overflows the stack', () => {
  const nest: readonly (readonly [open: string, core: string, close: string])[] = [
    ['(', 'a', ')'],
    ['- ', 'a', ''],
    ['ABS(', 'a', ')'],
    ['(SELECT ', 'a', ' FROM t)'],
    ['CASE WHEN a = 1 THEN ', 'a', ' END'],
    ['CAST(', 'a', ' AS REAL)'],
    ['COUNT(', 'a', ')'],
  ]
  for (const [open, core, close] of nest) {
    const text = (n: number) => `SELECT ${open.repeat(n)}${core}${close.repeat(n)} FROM t`
    parse(text(90))
    assert.throws(() => parse(text(5000)), /nested more than 200 levels/, open)
  }
  for (const [open, core, close] of [
    ['NOT ', 'a = 1', ''],
    ['(', 'a = 1', ')'],
    ['a IN (SELECT b FROM u WHERE ', 'a = 1', ')'],
    ['EXISTS (SELECT b FROM u WHERE ', 'a = 1', ')'],
  ] as const) {
    const text = (n: number) => `SELECT a FROM t WHERE ${open.repeat(n)}${core}${close.repeat(n)}`
    parse(text(90))
    assert.throws(() => parse(text(5000)), /nested more than 200 levels/, open)
  }
  for (const [open, core, close] of [
    ['(', 't JOIN u USING (i)', ')'],
    ['(SELECT a FROM ', 't', ') AS q'],
  ] as const) {
    const text = (n: number) => `SELECT a FROM ${open.repeat(n)}${core}${close.repeat(n)}`
    parse(text(90))
    assert.throws(() => parse(text(5000)), /nested more than 200 levels/, open)
  }
  assert.throws(() => parse(`${'('.repeat(5000)}SELECT a FROM t`), /nested more than 200 levels/)
  assert.throws(() => parse(`SELECT a${' + 1'.repeat(5000)} FROM t`), /more than 1000 operators/)
  assert.throws(() => parse(`SELECT a FROM t${' JOIN u USING (i)'.repeat(5000)}`), /more than 100 tables/)
  assert.throws(
    () => parse(`SELECT a FROM t${' UNION SELECT a FROM t'.repeat(5000)}`),
    /more than 1000 operators/,
  )
  parse(`SELECT a FROM t WHERE a = 0${' OR a = 1'.repeat(20000)}`)
  parse(`SELECT a FROM t WHERE a IN (0${', 1'.repeat(20000)})`)
})

test('mutated queries are read or refused with a position in the text', adqlCorpus.skip, () => {
  const next = random(20240)
  const queries = [...adqlCorpus.read('adql-valid'), ...adqlCorpus.read('adql-dialect')].map(
    entry => entry.query,
  )
  const scraps = [
    ' ',
    '(',
    ')',
    "'",
    '"',
    ',',
    '.',
    '*',
    '--',
    '/*',
    ';',
    ' SELECT ',
    ' FROM ',
    ' WHERE ',
    ' NOT ',
    ' IN ',
    ' JOIN ',
    ' ON ',
    ' AND ',
    ' AS ',
    ' UNION ',
    ' CASE ',
    '0x',
    '1',
    'é',
    '\u00a0',
    '\ud800',
    '😀',
    '&',
    '::',
  ]
  const at = (text: string) => Math.floor(next() * (text.length + 1))
  const slice = (text: string) => text.split(/(\W+)/)
  for (let i = 0; i < 10000; i++) {
    let text = queries[Math.floor(next() * queries.length)]!
    for (let n = Math.floor(next() * 4); n >= 0; n--) {
      const [from, to] = [at(text), at(text)].sort((a, b) => a - b) as [number, number]
      const how = next()
      if (how < 0.3)
        text = text.slice(0, from) + scraps[Math.floor(next() * scraps.length)] + text.slice(from)
      else if (how < 0.5) text = text.slice(0, from) + text.slice(Math.min(to, from + 8))
      else if (how < 0.6) text = text.slice(0, from)
      else {
        const words = slice(text)
        const [a, b] = [Math.floor(next() * words.length), Math.floor(next() * words.length)]
        if (how < 0.8) [words[a], words[b]] = [words[b]!, words[a]!]
        else words.splice(a, 1, ...(next() < 0.5 ? [] : [words[b]!]))
        text = words.join('')
      }
    }
    try {
      const { query } = parse(text)
      assert.ok(query.start >= 0 && query.end <= text.length)
    } catch (error) {
      assert.ok(error instanceof ServiceError, `${text}\n${(error as Error).stack}`)
      const [problem] = error.problems
      assert.ok(
        problem && problem.start >= 0 && problem.start <= problem.end && problem.end <= text.length,
        text,
      )
    }
  }
})

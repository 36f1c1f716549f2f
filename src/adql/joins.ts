/** FROM: tables, sub-queries, joins (ADQL 2.1 §2.2.2). */
import type { Expression, Identifier, QueryExpression, TableReference } from './ast.ts'
import { searchConditionAfter } from './conditions.ts'
import {
  accept,
  advance,
  at,
  type Cursor,
  close,
  complain,
  countOperator,
  countTable,
  describe,
  enter,
  expect,
  fail,
  identifier,
  isName,
  isWord,
  leave,
  note,
  peek,
} from './cursor.ts'
import { qualifiedName } from './expressions.ts'
import { insteadOf } from './foreign.ts'
import type { Token } from './lexer.ts'
import { closeQuery, continuesQuery, queryExpression } from './parser.ts'
import { isLimit } from './tail.ts'

type JoinType = 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS'
interface Specification {
  readonly on: Expression | undefined
  readonly using: readonly Identifier[]
}
interface Join {
  readonly type: JoinType
  readonly natural: boolean
  readonly word: Token
  readonly right: TableReference
  readonly specifications: Specification[]
  end: number
}

/** `<table_reference>` with the joins that follow it. */
export function tableReference(c: Cursor, first = tablePrimary(c)): TableReference {
  const joins: Join[] = []
  for (let kind = joinKind(c); kind; kind = joinKind(c)) {
    countOperator(c)
    countTable(c)
    const right = tablePrimary(c)
    const join: Join = { ...kind, right, specifications: [], end: c.end }
    while (c.token.key === 'ON' || c.token.key === 'USING') {
      if (kind.natural || kind.type === 'CROSS')
        complain(c, c.token, `a ${kind.natural ? 'NATURAL' : 'CROSS'} JOIN takes no ${c.token.key}`)
      join.specifications.push(joinSpecification(c))
      join.end = c.end
    }
    joins.push(join)
  }
  if (!joins.length) return first
  return joins.some(join => join.specifications.length > 1)
    ? nestedJoins(c, first, joins)
    : joins.reduce((left, join) => joined(c, left, join, join.right, join.specifications[0], join.end), first)
}

/** `a JOIN b JOIN c ON x ON y`: a condition belongs to the last JOIN that has none yet. */
function nestedJoins(c: Cursor, first: TableReference, joins: readonly Join[]): TableReference {
  const tables = [first]
  const open: Join[] = []
  const reduce = (specification: Specification | undefined, end: number) => {
    const join = open.pop()
    const right = tables.pop()!
    if (!join) return complain(c, { start: end - 1, end }, 'there are more ON conditions than JOINs')
    tables.push(joined(c, tables.pop()!, join, right, specification, end))
  }
  for (const join of joins) {
    open.push(join)
    tables.push(join.right)
    if (join.natural || join.type === 'CROSS') reduce(undefined, join.end)
    for (const specification of join.specifications) reduce(specification, specification.on?.end ?? join.end)
  }
  while (open.length) reduce(undefined, c.end)
  return tables[0]!
}

function joined(
  c: Cursor,
  left: TableReference,
  join: Join,
  right: TableReference,
  specification: Specification | undefined,
  end: number,
): TableReference {
  const { natural } = join
  let { type } = join
  let on = specification?.on
  if (!specification && !natural && type !== 'CROSS') {
    note(
      c,
      'advice',
      'JOIN without ON',
      'this JOIN has neither ON nor USING: it pairs every row with every row',
      join.word,
    )
    // The grammar lets the condition go missing. For outer joins a condition that is always true keeps the meaning.
    if (type === 'INNER') type = 'CROSS'
    else on = { kind: 'boolean', value: true, start: end, end }
  }
  return {
    kind: 'join',
    left,
    right,
    type,
    natural,
    on,
    using: specification?.using ?? [],
    start: left.start,
    end,
  }
}

/** `[NATURAL] [INNER | LEFT|RIGHT|FULL [OUTER]] JOIN`, and CROSS JOIN as an extension. */
function joinKind(c: Cursor): { type: JoinType; natural: boolean; word: Token } | undefined {
  const word = c.token
  const natural = accept(c, 'NATURAL')
  let type: JoinType = 'INNER'
  const { key } = c.token
  if (key === 'LEFT' || key === 'RIGHT' || key === 'FULL') {
    type = key
    advance(c)
    accept(c, 'OUTER')
  } else if (key === 'CROSS' && !natural) {
    type = 'CROSS'
    note(
      c,
      'extension',
      'CROSS JOIN',
      'CROSS JOIN is not in ADQL 2.1: write a comma between the tables',
      c.token,
    )
    advance(c)
    if (isWord(c.token, 'APPLY'))
      complain(
        c,
        c.token,
        'CROSS APPLY is not ADQL',
        'tables are joined by JOIN … ON, pairs by DISTANCE(…) < r',
      )
  } else if (key === 'INNER') advance(c)
  else if (key === 'OUTER')
    complain(c, c.token, 'OUTER needs a side', 'LEFT OUTER JOIN, RIGHT OUTER JOIN or FULL OUTER JOIN')
  if (c.token === word && word.key !== 'JOIN') return undefined
  expect(c, 'JOIN', 'JOIN', undefined, ['JOIN'])
  return { type, natural, word }
}

function joinSpecification(c: Cursor): Specification {
  if (accept(c, 'ON')) return { on: searchConditionAfter(c, 'ON'), using: [] }
  advance(c)
  const open = c.token
  expect(c, '(', 'the columns of USING in parentheses', 'USING (id)')
  const using: Identifier[] = []
  do {
    const column = identifier(c, 'a column that both tables have')
    if (c.token.key === '.')
      complain(c, column, 'the columns of USING have no table before them', 'USING (id), or ON a.id = b.id')
    using.push(column)
  } while (accept(c, ','))
  close(c, open, 'a comma or the ) of USING (…)')
  return { on: undefined, using }
}

/** A table, a sub-query with its name, or joins in parentheses. */
function tablePrimary(c: Cursor): TableReference {
  if (c.token.key === '(') {
    const inside = parenthesisedTable(c)
    return inside.kind === 'select' || inside.kind === 'set' ? derivedTable(c, inside) : inside
  }
  const { start } = c.token
  if (c.token.key === 'SELECT') fail(c, 'a table', 'a sub-query stands in parentheses: FROM (SELECT …) AS q')
  const name = qualifiedName(c, 'a table', 3)
  if (c.token.key === '(') {
    const called = name.at(-1)!.text
    complain(
      c,
      { start, end: c.end },
      'functions cannot be used as tables',
      insteadOf(called, name.at(-2)?.text),
    )
  }
  if (c.token.kind === 'number' || (c.token.key === '/' && c.token.start === c.end)) partOfName(c, name[0]!)
  if (c.token.key === 'WITH' && peek(c).key === '(') lockHint(c)
  let sample = isSample(c) ? tableSample(c) : undefined
  const alias = asClause(c, 'an alias after AS')
  if (sample === undefined && isSample(c)) sample = tableSample(c)
  return { kind: 'table', name, alias, sample, start, end: c.end }
}

/** VizieR's names have slashes and begin parts with digits. */
function partOfName(c: Cursor, { start }: Identifier): never {
  const name = /^[\w./+-]*/.exec(c.text.slice(start))![0]
  return complain(
    c,
    { start, end: start + name.length },
    `${name} is no regular name`,
    `such a name stands in double quotes: "${name}"`,
  )
}

/** `WITH (NOLOCK)`, SQL Server's, which changes no answer. */
function lockHint(c: Cursor): void {
  const { start } = advance(c)
  const open = advance(c)
  while (isName(c.token) || c.token.key === ',') advance(c)
  close(c, open)
  note(c, 'repair', 'WITH (…)', 'WITH (…) after a table is not ADQL: it is left out', { start, end: c.end })
}

function derivedTable(c: Cursor, query: QueryExpression): TableReference {
  const { start, end } = query
  const alias = asClause(c, 'a name for the sub-query after AS')
  if (!alias)
    return complain(c, { start: end - 1, end }, 'a sub-query in FROM needs a name', 'FROM (SELECT …) AS q')
  return { kind: 'subquery', query: query, alias, start, end: c.end }
}

/** `(` in FROM begins a sub-query or joins; `((` may begin either, and what follows the inner `)` tells. */
function parenthesisedTable(c: Cursor): TableReference | QueryExpression {
  enter(c)
  const open = advance(c)
  let inside: TableReference | QueryExpression
  if (c.token.key === 'SELECT' || c.token.key === 'WITH') inside = queryExpression(c)
  else if (c.token.key === '(') {
    inside = parenthesisedTable(c)
    if (inside.kind === 'select' || inside.kind === 'set') {
      if (continuesQuery(c)) inside = queryExpression(c, inside)
      else if (!at(c, ')')) inside = tableReference(c, derivedTable(c, inside))
    } else inside = tableReference(c, inside)
  } else {
    inside = tableReference(c)
    if (inside.kind === 'table')
      note(
        c,
        'extension',
        'a table in parentheses',
        'in ADQL 2.1, parentheses in FROM stand around joins and sub-queries only',
        inside,
      )
  }
  if (inside.kind === 'select' || inside.kind === 'set') closeQuery(c, open)
  else close(c, open, 'a JOIN or a )')
  leave(c)
  return inside.kind === 'select' || inside.kind === 'set'
    ? { ...inside, parenthesised: true, start: open.start, end: c.end }
    : { ...inside, start: open.start, end: c.end }
}

const isSample = (c: Cursor) =>
  isWord(c.token, 'TABLESAMPLE') && (peek(c).key === '(' || peek(c, 2).key === '(')

/** Extension: `TABLESAMPLE [SYSTEM|BERNOULLI] (percent)`. */
function tableSample(c: Cursor): number {
  note(c, 'extension', 'TABLESAMPLE', 'TABLESAMPLE is not in ADQL 2.1', c.token)
  advance(c)
  if (isWord(c.token, 'SYSTEM') || isWord(c.token, 'BERNOULLI')) advance(c)
  const open = c.token
  expect(c, '(', 'a percentage in parentheses', 'TABLESAMPLE (1)')
  const percent = c.token
  if (percent.kind !== 'number' || !(Number(percent.text) <= 100))
    complain(c, percent, `found ${describe(percent)} where a percentage from 0 to 100 was expected`)
  advance(c)
  close(c, open)
  return Number(percent.text)
}

/** `[AS] name`. Words that begin an extension are not taken for a name. */
export function asClause(c: Cursor, expected: string): Identifier | undefined {
  if (accept(c, 'AS')) {
    if (c.token.kind === 'number')
      fail(c, expected, `as a name it stands in double quotes: "${c.token.text}"`)
    return c.token.kind === 'string' ? textAlias(c) : identifier(c, expected)
  }
  if (!isName(c.token) || isLimit(c) || isSample(c)) return undefined
  return identifier(c, expected)
}

/** `AS 'name'`, as MySQL and SQL Server take it. */
function textAlias(c: Cursor): Identifier {
  const { text, start, end } = c.token
  if (text === '') complain(c, c.token, 'an alias is a name, not text')
  note(c, 'repair', 'alias', `an alias is a name, not text: write AS "${text}"`, c.token)
  advance(c)
  return { text, delimited: true, start, end }
}

/**
 * ADQL text to a tree: recursive descent named after the grammar (ADQL 2.1 Appendix A). This file has queries,
 * `tail.ts` how they end, `joins.ts` FROM, `conditions.ts` and `expressions.ts` what stands in them. Extensions and
 * repairs are accepted with a note (`grammar.ts` is strict); the first syntax error is thrown.
 */
import type {
  Expression,
  Query,
  QueryExpression,
  Select,
  SelectItem,
  SetOperation,
  TableReference,
  WithQuery,
} from './ast.ts'
import { searchConditionAfter, valueExpression } from './conditions.ts'
import {
  accept,
  advance,
  type Cursor,
  close,
  complain,
  countOperator,
  countTable,
  cursorOver,
  enter,
  expect,
  fail,
  identifier,
  isName,
  isWord,
  leave,
  neverClosed,
  note,
  peek,
  unsignedDecimal,
} from './cursor.ts'
import { asClause, tableReference } from './joins.ts'
import type { Token } from './lexer.ts'
import type { Note } from './notes.ts'
import { isLimit, tail } from './tail.ts'
import { isClauseWord } from './words.ts'

export interface Parsed {
  readonly query: Query
  /** In the order in which they stand in the text. */
  readonly notes: readonly Note[]
}

/**
 * Parses one query (ADQL 2.1, 2.0 and our extensions).
 * @throws ServiceError `usage` at the first syntax error, with its position and what to write instead.
 */
export function parse(text: string): Parsed {
  const c = cursorOver(text)
  begin(c)
  const { start } = c.token
  const withs = c.token.key === 'WITH' ? withClause(c) : []
  const body = queryExpression(c)
  const query: Query = { kind: 'query', with: withs, body, start, end: c.end }
  finish(c)
  return { query, notes: [...c.notes.values()].sort((a, b) => a.start - b.start) }
}

const STATEMENTS =
  /^(INSERT|UPDATE|DELETE|DROP|CREATE|ALTER|GRANT|REVOKE|TRUNCATE|MERGE|COPY|SET|BEGIN|COMMIT|ROLLBACK|EXEC|EXECUTE|CALL|USE|DECLARE)$/i

function begin(c: Cursor): void {
  const { token } = c
  if (token.kind === 'end') complain(c, token, 'the query is empty', 'SELECT TOP 10 * FROM schema.table')
  if (token.kind !== 'word' || token.key === 'SELECT' || token.key === 'WITH') return
  if (STATEMENTS.test(token.text))
    complain(
      c,
      token,
      `only SELECT queries are answered here, not ${token.text.toUpperCase()}`,
      /^(DECLARE|SET)$/i.test(token.text)
        ? 'there are no variables: write the values into the query'
        : undefined,
    )
  if (/^(SHOW|DESCRIBE|DESC|EXPLAIN|HELP)$/i.test(token.text))
    complain(
      c,
      token,
      `${token.text.toUpperCase()} is not ADQL`,
      'SELECT * FROM TAP_SCHEMA.tables lists the tables, TAP_SCHEMA.columns their columns',
    )
  fail(c, 'SELECT at the beginning of the query', 'SELECT … FROM schema.table WHERE …', ['SELECT', 'WITH'])
}

/** After the query: nothing, or one `;`, which is no ADQL but which every client's users write. */
function finish(c: Cursor): void {
  if (accept(c, ';')) {
    while (accept(c, ';'));
    if (c.token.kind !== 'end')
      complain(c, c.token, 'there is something after the ; that ends the query', 'send one query at a time')
  } else if (c.token.kind !== 'end') leftover(c, 'the end of the query')
}

const CLAUSES = [
  'WHERE',
  'GROUP',
  'HAVING',
  'ORDER',
  'OFFSET',
  'UNION',
  'EXCEPT',
  'INTERSECT',
  'JOIN',
  'AND',
  'OR',
]
const ORDER_OF_CLAUSES = 'the order is SELECT … FROM … WHERE … GROUP BY … HAVING … ORDER BY … OFFSET …'

/** A query is complete and something follows that cannot. */
function leftover(c: Cursor, expected: string): never {
  const { token } = c
  if (token.key === ')') complain(c, token, 'there is no ( for this )')
  if (token.key === 'UNION' || token.key === 'EXCEPT' || token.key === 'INTERSECT') {
    complain(
      c,
      token,
      `${token.key} cannot follow ORDER BY, OFFSET or LIMIT`,
      'put the query before it in parentheses',
    )
  }
  if (['FROM', 'WHERE', 'GROUP', 'HAVING', 'ORDER', 'OFFSET'].includes(token.key))
    complain(c, token, `${token.key} is out of place here`, ORDER_OF_CLAUSES)
  if (token.key === 'ON' || token.key === 'USING')
    complain(
      c,
      token,
      `${token.key} belongs to a JOIN`,
      'a JOIN b ON a.id = b.id; conditions on tables with commas between them belong in WHERE',
    )
  if (token.key === 'TOP') complain(c, token, 'TOP is out of place here', 'SELECT TOP n …')
  if (token.key === 'SELECT')
    complain(c, token, 'a second SELECT begins here', 'send one query at a time, or join two by UNION')
  fail(c, expected, leftoverHint(c), CLAUSES)
}

function leftoverHint(c: Cursor): string | undefined {
  const { token } = c
  const before = c.tokens[c.index - 1]
  const next = peek(c)
  if (isWord(token, 'LIMIT')) return 'SELECT TOP n …'
  if (before?.kind === 'number' && token.key === ',' && next.kind === 'number')
    return `decimals are written with a point: ${before.text}.${next.text}`
  if (before?.kind === 'string' && token.start === before.end)
    return `a ' inside text is doubled: '${before.text}''${token.text}'`
  return undefined
}

/** Takes the `)` of a query. */
export function closeQuery(c: Cursor, open: Token): void {
  if (accept(c, ')')) return
  if (c.token.kind === 'end' || c.token.key === ';') neverClosed(c, open)
  leftover(c, 'the ) of this query')
}

// ---------------------------------------------------------------- queries

const MAX_WITH = 200

/** WITH, at the top only (§4.5.1). */
function withClause(c: Cursor): WithQuery[] {
  advance(c)
  if (isWord(c.token, 'RECURSIVE') && isName(peek(c))) complain(c, c.token, 'ADQL has no recursive WITH')
  const withs: WithQuery[] = []
  do {
    const name = identifier(c, 'a name for the query')
    if (c.token.key === '(')
      complain(
        c,
        c.token,
        'WITH takes no list of columns',
        `name them inside: WITH ${name.text} AS (SELECT a AS x …)`,
      )
    expect(c, 'AS', 'AS and a query in parentheses', 'WITH name AS (SELECT …)')
    const open = c.token
    expect(c, '(', 'a query in parentheses', 'WITH name AS (SELECT …)')
    const query = queryExpression(c)
    closeQuery(c, open)
    withs.push({ name, query, start: name.start, end: c.end })
    if (withs.length > MAX_WITH) complain(c, name, `there are more than ${MAX_WITH} WITH queries`)
  } while (accept(c, ','))
  if (c.token.key !== 'SELECT' && c.token.key !== '(') fail(c, 'a comma or SELECT', undefined, ['SELECT'])
  return withs
}

/** Whether after a query in parentheses the query goes on. */
export function continuesQuery(c: Cursor): boolean {
  return ['UNION', 'EXCEPT', 'INTERSECT', 'ORDER', 'OFFSET', 'FETCH'].includes(c.token.key) || isLimit(c)
}

/** `<select_expression>`: INTERSECT binds tighter than UNION and EXCEPT. `first` is a parenthesised operand already read. */
export function queryExpression(c: Cursor, first?: QueryExpression): QueryExpression {
  enter(c)
  let left = querySetTerm(c, first)
  while (c.token.key === 'UNION' || c.token.key === 'EXCEPT') {
    const operator = c.token.key
    countOperator(c)
    advance(c)
    left = setOperation(c, left, operator, querySetTerm)
  }
  leave(c)
  return tail(c, left)
}

function querySetTerm(c: Cursor, first?: QueryExpression): QueryExpression {
  let left = first ?? querySetPrimary(c)
  while (c.token.key === 'INTERSECT') {
    countOperator(c)
    advance(c)
    left = setOperation(c, left, 'INTERSECT', querySetPrimary)
  }
  return left
}

function setOperation(
  c: Cursor,
  left: QueryExpression,
  operator: SetOperation['operator'],
  operand: (c: Cursor) => QueryExpression,
): SetOperation {
  const all = accept(c, 'ALL')
  if (!all && c.token.key === 'DISTINCT') {
    const message = `${operator} DISTINCT is not ADQL: ${operator} alone removes duplicates`
    note(c, 'repair', `${operator} DISTINCT`, message, advance(c))
  }
  const right = operand(c)
  return {
    kind: 'set',
    operator,
    all,
    left,
    right,
    orderBy: [],
    offset: undefined,
    limit: undefined,
    parenthesised: false,
    start: left.start,
    end: c.end,
  }
}

function querySetPrimary(c: Cursor): QueryExpression {
  if (c.token.key === '(') {
    const open = advance(c)
    const inside = queryExpression(c)
    closeQuery(c, open)
    return { ...inside, parenthesised: true, start: open.start, end: c.end }
  }
  if (c.token.key === 'WITH') complain(c, c.token, 'WITH stands only at the beginning of the whole query')
  if (c.token.key !== 'SELECT') fail(c, 'SELECT', undefined, ['SELECT'])
  return select(c)
}

// ---------------------------------------------------------------- SELECT

/** `<select_query>`, without ORDER BY and OFFSET. */
function select(c: Cursor): Select {
  const { start } = advance(c)
  const quantifier = c.token.key === 'ALL' || c.token.key === 'DISTINCT' ? c.token.key : undefined
  if (quantifier) advance(c)
  if (c.token.key === 'ON')
    complain(c, c.token, 'DISTINCT ON is not ADQL', 'write GROUP BY, with MIN or MAX of the other columns')
  const top = c.token.key === 'TOP' ? setLimit(c) : undefined
  const items = selectList(c)
  if (c.token.key !== 'FROM') missingFrom(c)
  advance(c)
  const from: TableReference[] = []
  const around = c.tables
  c.tables = 0
  do {
    countTable(c)
    from.push(tableReference(c))
  } while (accept(c, ','))
  c.tables = around
  const where = accept(c, 'WHERE') ? searchConditionAfter(c, 'WHERE') : undefined
  const groupBy: Expression[] = []
  if (accept(c, 'GROUP')) {
    expect(c, 'BY', 'BY after GROUP', 'GROUP BY column')
    do groupBy.push(valueExpression(c))
    while (accept(c, ','))
  }
  const having = accept(c, 'HAVING') ? searchConditionAfter(c, 'HAVING') : undefined
  return {
    kind: 'select',
    quantifier,
    top,
    items,
    from,
    where,
    groupBy,
    having,
    orderBy: [],
    offset: undefined,
    limit: undefined,
    parenthesised: false,
    start,
    end: c.end,
  }
}

function setLimit(c: Cursor): number {
  advance(c)
  const open = accept(c, '(') ? c.tokens[c.index - 1]! : undefined
  const top = unsignedDecimal(c, 'the number of TOP', 'SELECT TOP 10 …')
  if (open) {
    close(c, open)
    note(c, 'repair', 'TOP (n)', `TOP takes a number without parentheses: TOP ${top}`, open)
  }
  if (c.token.key === ',') complain(c, c.token, 'no comma follows TOP n', `SELECT TOP ${top} a, b FROM …`)
  if (isWord(c.token, 'PERCENT') && (isName(peek(c)) || peek(c).key === '*'))
    complain(
      c,
      c.token,
      'TOP takes a number of rows, not PERCENT',
      `a random part of a table: FROM schema.table TABLESAMPLE (${top})`,
    )
  if (c.token.key === 'DISTINCT' || c.token.key === 'ALL')
    complain(c, c.token, `${c.token.key} stands before TOP`, `SELECT ${c.token.key} TOP ${top} …`)
  return top
}

function missingFrom(c: Cursor): never {
  const { token } = c
  const before = c.tokens[c.index - 1]!
  if (token.kind === 'end' || token.key === ')' || token.key === ';' || isClauseWord(token.key))
    fail(c, 'FROM and a table', 'every query names the table it reads: SELECT … FROM schema.table', ['FROM'])
  if (token.key === 'INTO')
    complain(
      c,
      token,
      'SELECT … INTO is not ADQL',
      'the answer is sent to you; with UPLOAD it can be a table of your next query',
    )
  if (token.key === '-' && before.kind === 'word' && isWord(c.tokens[c.index - 2]!, 'AS')) {
    const name = /^[\w.-]*/.exec(c.text.slice(before.start))![0]
    complain(c, before, `${name} is no regular name`, `such a name stands in double quotes: "${name}"`)
  }
  const alias = isName(before) && before.key === '' && isName(c.tokens[c.index - 2]!)
  const comma = alias ? before : token
  const starts = isName(token) || token.kind === 'number' || token.kind === 'string' || token.key === '.'
  fail(
    c,
    'a comma or FROM',
    starts ? `is a comma or FROM missing before ${c.text.slice(comma.start, comma.end)}?` : undefined,
    ['FROM', 'AS', 'TOP'],
  )
}

function selectList(c: Cursor): SelectItem[] {
  if (c.token.key === 'FROM') fail(c, 'the list of columns', 'SELECT * FROM … gives all of them')
  const items: SelectItem[] = []
  do {
    if (c.token.key === 'FROM') complain(c, c.tokens[c.index - 1]!, 'there is a comma too many before FROM')
    items.push(selectSublist(c))
  } while (accept(c, ','))
  if (items.length > 1) {
    const star = items.find(item => item.kind === 'star')
    if (star)
      note(c, 'extension', '* among columns', 'in ADQL 2.1, * stands alone or with its table (t.*)', star)
  }
  return items
}

function selectSublist(c: Cursor): SelectItem {
  const { token } = c
  const { start } = token
  if (token.key === '*') {
    advance(c)
    return { kind: 'star', start, end: c.end }
  }
  const names = starAfter(c)
  if (names) {
    const table = [identifier(c, 'a table')]
    advance(c)
    while (c.token.key !== '*') {
      table.push(identifier(c, 'a name after the dot', 'afterDot'))
      advance(c)
    }
    advance(c)
    if (names > 3)
      complain(
        c,
        { start, end: c.end },
        'this name has more than 3 parts',
        'a table is written [catalogue.]schema.table',
      )
    return { kind: 'tableStar', table, start, end: c.end }
  }
  const expression = valueExpression(c)
  const as = c.token.key === 'AS'
  const alias = asClause(c, 'a name after AS')
  return { kind: 'item', expression, as, alias, start, end: c.end }
}

/** The number of names before `.*` if that is what follows, else 0. */
function starAfter(c: Cursor): number {
  let names = 0
  while (isNameToken(peek(c, 2 * names)) && peek(c, 2 * names + 1).key === '.') names++
  return names && peek(c, 2 * names).key === '*' ? names : 0
}

const isNameToken = (token: Token) => token.kind === 'word' || token.kind === 'delimited'

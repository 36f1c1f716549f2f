/** How a query ends: ORDER BY and OFFSET, and as extensions LIMIT and FETCH FIRST. */
import type { Identifier, QueryExpression, Select, SortSpecification } from './ast.ts'
import { valueExpression } from './conditions.ts'
import { accept, advance, type Cursor, expect, fail, isWord, note, peek, unsignedDecimal } from './cursor.ts'

export const isLimit = (c: Cursor) =>
  isWord(c.token, 'LIMIT') && (peek(c).kind === 'number' || isWord(peek(c), 'ALL') || peek(c).key === 'ALL')

/** ORDER BY and OFFSET of a whole select expression, and LIMIT as an extension. */
export function tail(c: Cursor, body: QueryExpression): QueryExpression {
  const orderBy = c.token.key === 'ORDER' ? sortSpecifications(c) : []
  let offset: number | undefined
  let limit: number | undefined
  for (;;) {
    if (c.token.key === 'OFFSET' && offset === undefined) {
      advance(c)
      offset = unsignedDecimal(c, 'the number of OFFSET')
      if (isWord(c.token, 'ROWS') || isWord(c.token, 'ROW')) advance(c)
    } else if (isLimit(c) && limit === undefined) {
      const counts = limitClause(c)
      limit = counts.limit
      offset = counts.offset ?? offset
    } else if (c.token.key === 'FETCH' && limit === undefined) limit = fetchClause(c)
    else break
  }
  if (!orderBy.length && offset === undefined && limit === undefined) return body
  const ends = { orderBy, offset, limit, start: body.start, end: c.end }
  const plain = body.kind === 'select' ? body.top === undefined : true
  if (plain && !body.orderBy.length && body.offset === undefined && body.limit === undefined)
    return { ...body, ...ends, parenthesised: false }
  if (body.kind === 'select' && !body.parenthesised) return { ...body, ...ends }
  return { ...everythingOf(body), ...ends }
}

/** `(query) ORDER BY …` where the query in parentheses has an order or limit of its own: SELECT * FROM (query). */
function everythingOf(query: QueryExpression): Select {
  const { start, end } = query
  const alias: Identifier = { text: 'parenthesised', delimited: true, start, end }
  return {
    kind: 'select',
    quantifier: undefined,
    top: undefined,
    items: [{ kind: 'star', start, end }],
    from: [{ kind: 'subquery', query, alias, start, end }],
    where: undefined,
    groupBy: [],
    having: undefined,
    orderBy: [],
    offset: undefined,
    limit: undefined,
    parenthesised: false,
    start,
    end,
  }
}

interface Counts {
  readonly limit: number | undefined
  readonly offset?: number
}

/** LIMIT n, and MySQL's LIMIT offset, n. */
function limitClause(c: Cursor): Counts {
  const word = advance(c)
  note(c, 'extension', 'LIMIT', 'LIMIT is not in ADQL 2.1: write SELECT TOP n', word)
  if (accept(c, 'ALL')) return { limit: undefined }
  const first = unsignedDecimal(c, 'the number of LIMIT')
  if (!accept(c, ',')) return { limit: first }
  const limit = unsignedDecimal(c, 'the second number of LIMIT')
  const message = `LIMIT ${first}, ${limit} is read as SELECT TOP ${limit} … OFFSET ${first}`
  note(c, 'repair', 'LIMIT m, n', message, { start: word.start, end: c.end })
  return { limit, offset: first }
}

/** `FETCH FIRST n ROWS ONLY` of SQL:2008. */
function fetchClause(c: Cursor): number {
  const usage = 'FETCH FIRST n ROWS ONLY, or better SELECT TOP n'
  const word = advance(c)
  note(c, 'extension', 'FETCH FIRST', 'FETCH FIRST is not in ADQL 2.1: write SELECT TOP n', word)
  if (c.token.key !== 'FIRST' && c.token.key !== 'NEXT') fail(c, 'FIRST', usage)
  advance(c)
  const limit = c.token.kind === 'number' ? unsignedDecimal(c, 'the number of FETCH') : 1
  const rows = c.token
  if (!isWord(rows, 'ROWS') && !isWord(rows, 'ROW')) fail(c, 'ROWS', usage)
  advance(c)
  expect(c, 'ONLY', 'ONLY', usage)
  return limit
}

export function sortSpecifications(c: Cursor): SortSpecification[] {
  advance(c)
  expect(c, 'BY', 'BY after ORDER', 'ORDER BY column')
  const list: SortSpecification[] = []
  do {
    const key = valueExpression(c)
    const direction = c.token.key === 'ASC' || c.token.key === 'DESC' ? c.token.key : undefined
    if (direction) advance(c)
    let nulls: 'FIRST' | 'LAST' | undefined
    if (isWord(c.token, 'NULLS')) {
      note(c, 'extension', 'NULLS FIRST/LAST', 'NULLS FIRST and NULLS LAST are not in ADQL 2.1', c.token)
      advance(c)
      if (c.token.key !== 'FIRST' && c.token.key !== 'LAST') fail(c, 'FIRST or LAST')
      nulls = c.token.key
      advance(c)
    }
    list.push({ key, direction, nulls, start: key.start, end: c.end })
  } while (accept(c, ','))
  return list
}

/** What would make a query better: a list of functions, each of which looks for one thing. */
import { locate } from '../adql/error.ts'
import { spelled } from '../adql/suggest.ts'
import type { TableMeta } from '../adql/tables.ts'
import type { Body, Resolved, ResolvedStage } from '../adql/tree.ts'
import type { TextSpan } from '../error.ts'
import { positionNotIndexed } from './advice-position.ts'
import { boxByRanges, coneFormula } from './advice-region.ts'
import { columnsIn, conjuncts, everyExpression, everySelect, numberOf, storedColumn } from './advice-tree.ts'
import type { Explained } from './explain.ts'

export interface Advised extends Explained {
  readonly text: string
  readonly maxrec: number
  readonly syncSeconds: number
}

export interface Found {
  readonly start: number
  readonly end: number
  readonly message: string
  /** What to do, in words. */
  readonly hint?: string
  /** What to write in place of `[start, end)`. */
  readonly replacement?: string
}

export interface Suggestion extends Found, TextSpan {}

export interface Advice {
  readonly suggestions: readonly Suggestion[]
  readonly infos: readonly string[]
}

const ADVICE: readonly ((advised: Advised) => readonly Found[])[] = [
  coneFormula,
  boxByRanges,
  positionNotIndexed,
  functionAroundIndex,
  degreesMeant,
  crossProduct,
  tooLongForSync,
  orderWithoutTop,
  starOfWideTable,
  countOfTable,
  notInNulls,
]

export function advise(advised: Advised): Advice {
  const found = ADVICE.flatMap(advice => advice(advised))
  const suggestions = found
    .sort((a, b) => a.start - b.start)
    .slice(0, MOST_SUGGESTIONS)
    .map(f => ({ ...f, ...apart(f, advised.text), ...locate(advised.text, f.start) }))
  return { suggestions, infos: [overflow(advised), guessed(advised)].filter(info => info !== undefined) }
}

/** A replacement does not grow together with the words around it. */
function apart({ start, end, replacement }: Found, text: string): Pick<Found, 'replacement'> {
  if (replacement === undefined) return {}
  const before = /\w$/.test(text.slice(0, start)) && /^\w/.test(replacement) ? ' ' : ''
  const after = /^\w/.test(text.slice(end)) && /\w$/.test(replacement) ? ' ' : ''
  return { replacement: before + replacement + after }
}

/** More than these are not read. */
const MOST_SUGGESTIONS = 20
/** Rows from which sorting, sending or scanning takes a while. */
const MANY = 100_000
/** Columns from which a table is wide. */
const WIDE = 20

const count = (n: number): string => Number(n.toPrecision(2)).toLocaleString('en')
const nameOf = ({ schema, name }: TableMeta): string => `${schema}.${name}`

function overflow({ estimate, maxrec }: Advised): string | undefined {
  if (estimate.rows <= maxrec * 1.1) return undefined
  return `the result has about ${count(estimate.rows)} rows, of which MAXREC lets the first ${maxrec.toLocaleString('en')} through`
}

function guessed({ uncounted }: Advised): string | undefined {
  if (uncounted.length === 0) return undefined
  const names = [...new Set(uncounted.map(nameOf))].join(', ')
  return `rows of ${names} are not counted by position, so the estimate of rows in a region of it is a guess`
}

// ---------------------------------------------------------------- indexes

/** `id + 0 = 5`, `LOG10(flux) > 3`: the index of a column serves the bare column alone. */
function functionAroundIndex({ query }: Advised): Found[] {
  return everySelect(query).flatMap(select => conjuncts(select).flatMap(e => wrapped(e) ?? []))
}

function wrapped(e: Resolved): Found | undefined {
  if (e.kind !== 'comparison' && e.kind !== 'between' && e.kind !== 'in' && e.kind !== 'like')
    return undefined
  const sides = e.kind === 'comparison' ? [e.left, e.right] : [e.operand]
  for (const side of sides) {
    const columns = columnsIn(side)
    const [column] = columns
    if (side.kind === 'column' || !column || columns.length !== 1) continue
    const stored = storedColumn(column)
    const table = column.column.source?.table
    const other = sides.find(s => s !== side)
    if (!stored?.indexed || !table || (other && columnsIn(other).length > 0)) continue
    if (isPosition(table, stored.sqlName) || side.kind === 'cast') continue
    const name = stored.field.name
    const replacement = e.kind === 'comparison' ? solved(e, side, column.column.name) : undefined
    return {
      start: side.start,
      end: side.end,
      message: `the index on ${name} of ${nameOf(table)} serves ${name} alone, not an expression of it`,
      hint: replacement ? `Write ${replacement}` : `Compare ${name} itself, and compute on the other side.`,
      ...(replacement && { start: e.start, end: e.end, replacement }),
    }
  }
  return undefined
}

const isPosition = ({ position }: TableMeta, sqlName: string) =>
  position !== undefined && [position.ra, position.dec].includes(sqlName)

const TURNED: Readonly<Record<string, string>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/** `a * column + b < c` solved for the column, where that is possible. */
function solved(e: Resolved & { kind: 'comparison' }, side: Resolved, name: string): string | undefined {
  const turned = e.right === side
  let value = numberOf(turned ? e.left : e.right)
  let operator: string = turned ? TURNED[e.operator]! : e.operator
  let left: Resolved = side
  while (left.kind !== 'column') {
    if (value === undefined) return undefined
    if (left.kind === 'unary' && left.operator === '-') {
      ;[value, operator, left] = [-value, TURNED[operator]!, left.operand]
      continue
    }
    if (left.kind === 'call' && left.args.length === 1) {
      const inverse = INVERSE[left.form.name.toUpperCase()]
      if (!inverse) return undefined
      ;[value, left] = [inverse(value), left.args[0]!]
      continue
    }
    if (left.kind !== 'binary') return undefined
    const [a, b] = [numberOf(left.left), numberOf(left.right)]
    const constant: number | undefined = a ?? b
    if (constant === undefined) return undefined
    const inner: Resolved = a === undefined ? left.left : left.right
    switch (left.operator) {
      case '+':
        value -= constant
        break
      case '-':
        if (a === undefined) value += constant
        else [value, operator] = [constant - value, TURNED[operator]!]
        break
      case '*':
        if (constant === 0 || left.type !== 'double') return undefined
        value /= constant
        if (constant < 0) operator = TURNED[operator]!
        break
      case '/':
        if (a !== undefined || constant === 0 || left.type !== 'double') return undefined
        value *= constant
        if (constant < 0) operator = TURNED[operator]!
        break
      default:
        return undefined
    }
    left = inner
  }
  return value === undefined || !Number.isFinite(value)
    ? undefined
    : `${name} ${operator} ${Number(value.toPrecision(15))}`
}

/** Of rising functions. */
const INVERSE: Readonly<Record<string, (y: number) => number>> = {
  LOG10: y => 10 ** y,
  LOG: Math.exp,
  RADIANS: y => (y * 180) / Math.PI,
  DEGREES: y => (y * Math.PI) / 180,
}

/** Every row of one table against every row of another. */
function crossProduct({ query, facts }: Advised): Found[] {
  if (facts.class !== 'nested scan') return []
  const [select] = everySelect(query).filter(s => s.from.length > 1 || s.from[0]?.kind === 'join')
  if (!select) return []
  const message = 'every row of one table is compared with every row of another'
  const hint = 'Join on equal identifiers, or on DISTANCE(POINT(…), POINT(…)) < radius of indexed positions.'
  return [{ ...wordAt(select.start, 'SELECT'), message, hint }]
}

const wordAt = (start: number, word: string) => ({ start, end: start + word.length })

// ---------------------------------------------------------------- values

/** A distance or radius of more than a degree is often meant in arcseconds. */
function degreesMeant({ query, text }: Advised): Found[] {
  return everySelect(query).flatMap(select =>
    conjuncts(select)
      .flatMap(everyExpression)
      .flatMap(e => largeDistance(e, text) ?? largeRadius(e, text) ?? []),
  )
}

function largeDistance(e: Resolved, text: string): Found | undefined {
  if (e.kind !== 'comparison') return undefined
  const sides = [e.left, e.right]
  const distance = sides.find(s => s.kind === 'call' && s.form.name === 'DISTANCE')
  const limit = sides.find(s => s !== distance)
  return distance && limit && inDegrees('a DISTANCE is', limit, columnsIn(distance).length > 2 ? 1 : 10, text)
}

function largeRadius(e: Resolved, text: string): Found | undefined {
  if (e.kind !== 'call' || e.form.name !== 'CIRCLE') return undefined
  const radius = e.args.at(-1)
  const isJoin = columnsIn(e).length > 0
  return radius && inDegrees('the radius of a CIRCLE is', radius, isJoin ? 1 : 10, text)
}

function inDegrees(what: string, e: Resolved, from: number, text: string): Found | undefined {
  const value = numberOf(e)
  if (value === undefined || value < from) return undefined
  const written = text.slice(e.start, e.end)
  // In REGION('…') the number has no place of its own.
  if (written.startsWith("'")) return undefined
  const replacement = `${written}/3600.`
  return {
    start: e.start,
    end: e.end,
    message: `${what} in degrees: this is one of ${Number(value.toPrecision(6))} degrees`,
    hint: `For arcseconds write ${replacement}`,
    replacement,
  }
}

/** `x NOT IN (SELECT y …)` is never true once a y is NULL. */
function notInNulls({ query, text }: Advised): Found[] {
  return everySelect(query)
    .flatMap(conjuncts)
    .flatMap(e => {
      const inner = e.kind === 'not' ? e.operand : e
      if (inner.kind !== 'in' || !inner.query || inner.negated === (e.kind === 'not')) return []
      const operand = text.slice(inner.operand.start, inner.operand.end)
      const message =
        'NOT IN (SELECT …) is true of no row as soon as the sub-query has a NULL, and cannot use an index'
      return [
        {
          start: e.start,
          end: e.end,
          message,
          hint: `Write NOT EXISTS (SELECT 1 FROM … WHERE … = ${operand}).`,
        },
      ]
    })
}

// ---------------------------------------------------------------- the result

function tooLongForSync({ estimate, syncSeconds, query }: Advised): Found[] {
  if (estimate.seconds < syncSeconds) return []
  const time =
    estimate.seconds < 600
      ? `${Math.round(estimate.seconds)} s`
      : `${Math.round(estimate.seconds / 60)} minutes`
  const message = `this takes about ${time}, and /sync ends queries after ${syncSeconds} s`
  const hint = 'Send it to /tap/async, or ask for a smaller region or fewer rows.'
  return [{ ...wordAt(firstSelect(query.body), 'SELECT'), message, hint }]
}

function firstSelect(body: Body<ResolvedStage>): number {
  return body.kind === 'select' ? body.start : firstSelect(body.left)
}

/** Sorting everything to send everything. */
function orderWithoutTop({ query, estimate, text, isSet }: Advised): Found[] {
  const { body } = query
  if (body.orderBy.length === 0 || body.limit !== undefined || estimate.rows < MANY) return []
  const message = `ORDER BY without TOP sorts all of about ${count(estimate.rows)} rows before the first is sent`
  const hint = 'Say how many are wanted, as in SELECT TOP 1000, or leave the sorting to your program.'
  if (isSet) return [{ start: body.orderBy[0]!.start, end: body.orderBy.at(-1)!.end, message, hint }]
  const [head] = /^\(*SELECT(\s+(DISTINCT|ALL))?/i.exec(text.slice(body.start)) ?? ['SELECT']
  return [{ ...wordAt(body.start, head), message, hint, replacement: `${head} TOP 1000` }]
}

/** `*` of a table of many columns and rows. */
function starOfWideTable({ query, estimate, text }: Advised): Found[] {
  const { body } = query
  if (body.kind !== 'select' || estimate.rows < 1000) return []
  const starred = body.items.filter(i => text.slice(i.expression.start, i.expression.end).endsWith('*'))
  const first = starred[0]?.expression
  if (!first || starred.length < WIDE) return []
  const same = starred.filter(i => i.expression.start === first.start)
  const principal = same.filter(i => i.expression.kind === 'column' && storedColumn(i.expression)?.principal)
  const few = (principal.length > 0 && principal.length < same.length ? principal : same).slice(0, 8)
  const names = few.map(i => spelled(i.column.name))
  const bytes = `${Number((estimate.bytes / 1e6).toPrecision(2))} MB`
  return [
    {
      start: first.start,
      end: first.end,
      message: `* stands for ${same.length} columns here, about ${bytes} in all`,
      hint: `Name the columns that you need, as in ${names.join(', ')}`,
      replacement: names.join(', '),
    },
  ]
}

/** The number of rows is known. */
function countOfTable({ query }: Advised): Found[] {
  const { body } = query
  if (body.kind !== 'select' || body.where || body.groupBy.length > 0 || body.items.length !== 1) return []
  const [from] = body.from
  const [item] = body.items
  if (body.from.length !== 1 || from?.kind !== 'table' || from.table.rows === undefined || from.sample)
    return []
  const e = item!.expression
  if (e.kind !== 'call' || e.form.name !== 'COUNT' || e.args.length > 0) return []
  const message = `${nameOf(from.table)} has ${from.table.rows.toLocaleString('en')} rows, as counted when it was loaded`
  return [
    {
      start: e.start,
      end: e.end,
      message,
      hint: '/tap/tables tells the rows of every table at once (nrows).',
    },
  ]
}

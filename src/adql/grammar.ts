/**
 * Strictness: whether a text is ADQL 2.1 (with 2.0 contained in it), judged by the grammar alone. What the parser
 * lets pass with a note is refused here, and so are the categories of values that the grammar's own productions
 * keep apart: numbers, text and geometries, and the arguments of the built-in functions. No tables are needed.
 */
import { ServiceError } from '../error.ts'
import type { Expression, ExpressionOf, Query, QueryExpression, TableReference } from './ast.ts'
import { adqlError, type Complaint } from './error.ts'
import { parse } from './parser.ts'

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly error: string }

/** Judges a query by the grammar of ADQL 2.1 and 2.0: no extensions, no repairs. Never throws. */
export function checkGrammar(text: string): Verdict {
  try {
    const { query, notes } = parse(text)
    const refused = notes.find(note => note.kind !== 'advice')
    const complaint = refused ?? firstViolation(query, text)
    return complaint ? { ok: false, error: adqlError(text, [complaint]).message } : { ok: true }
  } catch (error) {
    if (error instanceof ServiceError) return { ok: false, error: error.message }
    throw error
  }
}

type Category = 'number' | 'string' | 'geometry' | 'any'

/**
 * A built-in function. The forms of its arguments have one letter each: n number, c text, g geometry, p point or
 * column, v any value, L text literal, S coordinate system (a text literal, or NULL), i integer literal with an
 * optional sign, u the same without.
 */
interface BuiltIn {
  readonly result: Category
  readonly usage: string
  readonly forms: (count: number) => readonly string[]
}

const BUILT_INS = new Map<string, BuiltIn>()

function builtIn(names: string, usage: string, result: Category, forms: string | BuiltIn['forms']): void {
  const list = typeof forms === 'string' ? forms.split(' ') : []
  for (const name of names.split(' ')) {
    BUILT_INS.set(name, {
      result,
      usage: `${name}(${usage})`,
      forms: typeof forms === 'string' ? () => list : forms,
    })
  }
}

function vertices(count: number): string[] {
  const forms = (n: number) => [
    ...(n >= 6 && n % 2 === 0 ? ['n'.repeat(n)] : []),
    ...(n >= 3 ? ['p'.repeat(n)] : []),
  ]
  return [...forms(count), ...forms(count - 1).map(form => `S${form}`)]
}

builtIn(
  'ABS CEILING DEGREES EXP FLOOR LOG LOG10 RADIANS SQRT ACOS ASIN ATAN COS COT SIN TAN',
  'number',
  'number',
  'n',
)
builtIn('MOD POWER ATAN2', 'number, number', 'number', 'nn')
builtIn('ROUND TRUNCATE', 'number [, integer]', 'number', 'n ni')
builtIn('PI', '', 'number', '')
builtIn('RAND', '[integer]', 'number', count => (count ? ['u'] : ['']))
builtIn('IN_UNIT', "number, 'unit'", 'number', 'nL')
builtIn('LOWER UPPER', 'text', 'string', 'c')
builtIn('COALESCE', 'value, value …', 'any', count => [count ? 'v'.repeat(count) : 'v'])
builtIn('AREA', 'geometry', 'number', 'g')
builtIn('CENTROID', 'geometry', 'geometry', 'g')
builtIn('COORDSYS', 'geometry', 'string', 'g')
builtIn('COORD1 COORD2', 'point', 'number', 'p')
builtIn('CONTAINS INTERSECTS', 'geometry, geometry', 'number', 'gg')
builtIn('DISTANCE', 'point, point or lon, lat, lon, lat', 'number', 'pp nnnn')
builtIn('POINT', "['coordsys',] lon, lat", 'geometry', 'nn Snn')
builtIn('CIRCLE', "['coordsys',] lon, lat, radius or point, radius", 'geometry', 'nnn Snnn pn Spn')
builtIn(
  'BOX',
  "['coordsys',] lon, lat, width, height or point, width, height",
  'geometry',
  'nnnn Snnnn pnn Spnn',
)
builtIn(
  'POLYGON',
  "['coordsys',] lon, lat, lon, lat, lon, lat … or three points or more",
  'geometry',
  vertices,
)
builtIn('REGION', "'text'", 'geometry', 'L')

function category(e: Expression): Category {
  switch (e.kind) {
    case 'number':
      return 'number'
    case 'string':
      return 'string'
    case 'unary':
      return 'number'
    case 'binary':
      return e.operator === '||' ? 'string' : 'number'
    case 'call':
      return BUILT_INS.get(e.name.text.toUpperCase())?.result ?? 'any'
    case 'cast':
      if (/^(CHAR|VARCHAR|TIMESTAMP)$/.test(e.target.type)) return 'string'
      return /^(POINT|CIRCLE|POLYGON)$/.test(e.target.type) ? 'geometry' : 'number'
    default:
      return 'any'
  }
}

const WORDS: Record<Category, string> = {
  number: 'a number',
  string: 'text',
  geometry: 'a geometry',
  any: 'a value',
}

// ---------------------------------------------------------------- the walk

/** The first place where the tree leaves the grammar. */
function firstViolation(query: Query, text: string): Complaint | undefined {
  let first: Complaint | undefined
  const complain = (span: { start: number; end: number }, message: string) => {
    if (!first || span.start < first.start) first = { start: span.start, end: span.end, message }
  }
  /** Nodes take in their parentheses, so one that begins with ( is in them unless its first part is. */
  const parenthesised = (e: Expression) => {
    const firstPart = 'left' in e ? e.left : 'operand' in e && e.kind !== 'cast' ? e.operand : undefined
    return text[e.start] === '(' && firstPart?.start !== e.start
  }

  /** `<numeric_primary>`: what stands beside + − * / or in a numeric argument. */
  const isNumber = (e: Expression) => ['number', 'any'].includes(category(e))
  /** `<character_primary>`: no sign, sum or numeric function without parentheses, but a plain number. */
  const isCharacter = (e: Expression) => {
    const kind = category(e)
    if (kind !== 'number') return kind !== 'geometry'
    return e.kind === 'number' || (e.kind !== 'cast' && parenthesised(e))
  }

  const needNumber = (e: Expression, where: string) => {
    if (!isNumber(e)) complain(e, `${WORDS[category(e)]} stands where ${where} needs a number`)
  }
  const needCharacter = (e: Expression, where: string) => {
    if (!isCharacter(e)) complain(e, `${WORDS[category(e)]} stands where ${where} needs text`)
  }

  const fits = (letter: string, e: Expression): boolean => {
    const kind = category(e)
    switch (letter) {
      case 'n':
        return isNumber(e)
      case 'c':
        return isCharacter(e)
      case 'g':
        return kind === 'geometry' || (kind === 'any' && e.kind !== 'aggregate')
      case 'p':
        if (kind === 'geometry')
          return e.kind === 'call' ? /^(point|centroid)$/i.test(e.name.text) : e.kind === 'cast'
        return kind === 'any' && e.kind !== 'aggregate'
      case 'L':
        return e.kind === 'string'
      case 'S':
        return e.kind === 'string' || e.kind === 'null'
      case 'i':
        return (
          (e.kind === 'number' && e.integer) ||
          (e.kind === 'unary' && e.operand.kind === 'number' && e.operand.integer)
        )
      case 'u':
        return e.kind === 'number' && e.integer
      default:
        return true
    }
  }

  const call = (e: ExpressionOf<'call'>) => {
    e.args.forEach(expression)
    const rule = BUILT_INS.get(e.name.text.toUpperCase())
    if (!rule) return
    const forms = rule.forms(e.args.length).filter(form => form.length === e.args.length)
    if (forms.some(form => e.args.every((arg, i) => fits(form[i]!, arg)))) return
    const wrong = forms.length === 1 ? e.args.find((arg, i) => !fits(forms[0]![i]!, arg)) : undefined
    complain(wrong ?? e, `${e.name.text} is called as ${rule.usage}`)
  }

  const binary = (e: ExpressionOf<'binary'>) => {
    expression(e.left)
    expression(e.right)
    const need = e.operator === '||' ? needCharacter : needNumber
    if (!(e.operator === '||' && e.left.kind === 'binary' && e.left.operator === '||'))
      need(e.left, e.operator)
    need(e.right, e.operator)
  }

  /** Kinds that are extensions were refused by their note. */
  const expression = (e: Expression) => {
    switch (e.kind) {
      case 'unary':
        if (e.operand.kind === 'unary' && !parenthesised(e.operand)) complain(e, 'a number has one sign')
        expression(e.operand)
        needNumber(e.operand, e.operator)
        break
      case 'binary':
        binary(e)
        break
      case 'call':
        call(e)
        break
      case 'aggregate':
        if (e.argument) expression(e.argument)
        break
      case 'cast':
        expression(e.operand)
        break
      case 'and':
      case 'or':
      case 'comparison':
        expression(e.left)
        expression(e.right)
        break
      case 'not':
        if (e.operand.kind === 'not' && !parenthesised(e.operand))
          complain(e, 'NOT NOT is not in the grammar')
        expression(e.operand)
        break
      case 'between':
        expression(e.operand)
        expression(e.low)
        expression(e.high)
        break
      case 'like':
        expression(e.operand)
        expression(e.pattern)
        needCharacter(e.operand, 'LIKE')
        needCharacter(e.pattern, 'LIKE')
        break
      case 'in':
        expression(e.operand)
        if ('kind' in e.values) select(e.values)
        else e.values.forEach(expression)
        break
      case 'exists':
        select(e.query)
        break
    }
  }

  const table = (t: TableReference) => {
    if (t.kind === 'subquery') select(t.query)
    if (t.kind !== 'join') return
    table(t.left)
    table(t.right)
    if (t.on) expression(t.on)
  }

  const select = (q: QueryExpression) => {
    if (q.kind === 'set') {
      select(q.left)
      select(q.right)
    } else {
      for (const item of q.items) if (item.kind === 'item') expression(item.expression)
      q.from.forEach(table)
      if (q.where) expression(q.where)
      q.groupBy.forEach(expression)
      if (q.having) expression(q.having)
    }
    for (const sort of q.orderBy) expression(sort.key)
  }

  for (const named of query.with) select(named.query)
  select(query.body)
  return first
}

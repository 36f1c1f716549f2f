/** PostgreSQL's errors in the user's words, pointing into the user's text. */
import { type ErrorCode, ServiceError } from '../error.ts'
import type { Span } from './ast.ts'
import { adqlError, excerpt, locate } from './error.ts'
import type { Compiled } from './index.ts'

/** An error as `db/` reports it: SQLSTATE, and the offset in the SQL in code points from 0. */
export interface DatabaseFailure {
  readonly sqlState: string
  readonly message: string
  readonly position?: number | undefined
}

interface Reason {
  readonly message: string
  readonly hint?: string
}

/** Mistakes in values that only the data reveal. */
const USAGE: Record<string, Reason> = {
  '22012': {
    message: 'division by zero',
    hint: 'Leave out the rows in which the divisor is 0, with WHERE … <> 0.',
  },
  '22003': {
    message: 'a number is out of the range of its type',
    hint: 'Compute with a wider type, as in CAST(… AS DOUBLE PRECISION).',
  },
  '22P02': {
    message: 'a string could not be converted',
    hint: 'CAST needs strings of the right form in every row.',
  },
  '22007': { message: 'a string is not a time', hint: "Times are written '2025-03-01T22:15:00'." },
  '22008': { message: 'a time is out of range' },
  '2201E': { message: 'the logarithm of 0 or of a negative number was asked for' },
  '2201F': {
    message: 'a root or power that is no real number was asked for',
    hint: 'SQRT needs numbers from 0, POWER of a negative number an integer.',
  },
  '21000': { message: 'a sub-query that stands for one value returned several rows' },
  '54001': { message: 'the query is too deeply nested' },
  '54011': { message: 'the result has too many columns' },
  '42803': { message: 'a column is neither grouped nor aggregated' },
}

const OTHER: Record<string, readonly [ErrorCode, string]> = {
  '53100': ['unavailable', 'The database has no room for the temporary data of this query.'],
  '53200': ['unavailable', 'The database has not enough memory for this query at the moment.'],
  '53300': ['unavailable', 'The database has no free connection at the moment.'],
  '53400': ['unavailable', 'This query needs more temporary space than a query may use.'],
  '57P01': ['unavailable', 'The database is being restarted.'],
  '57P03': ['unavailable', 'The database is starting up.'],
  '08006': ['unavailable', 'A part of the database is not reachable at the moment.'],
  '42501': ['forbidden', 'You may not read a table of this query.'],
}

const DIED = ['unavailable', 'A part of the database died under this query.'] as const

/** Errors of the system below (class 58), and parallel workers that a crash took along. */
const isCrash = ({ sqlState, message }: DatabaseFailure): boolean =>
  sqlState.startsWith('58') || (sqlState === '55000' && /lost connection to parallel worker/.test(message))

/** Seconds after which it is worth another try. */
const RETRY_AFTER = 10

const EPOCHS = ['ivo_epoch_prop', 'epoch_prop', 'esdc_epoch_prop'].flatMap(name => [name, `${name}_pos`])

/** Errors whose words say more than their SQLSTATE; without words of ours, PostgreSQL's own. */
const SPECIFIC: readonly (readonly [words: RegExp, constructs: readonly string[], reason?: Reason])[] = [
  [
    /^input is out of range/,
    ['ACOS', 'ASIN', 'SIN', 'COS', 'TAN', 'COT'],
    {
      message: 'a number is out of the range of this function',
      hint: 'ACOS and ASIN need numbers from -1 to 1.',
    },
  ],
  [
    /^Healpix level/i,
    ['ivo_healpix_index', 'ivo_healpix_center'],
    { message: 'an order of HEALPix is not within 0 and 29' },
  ],
  [
    /^Healpix index/i,
    ['ivo_healpix_center'],
    {
      message: 'there is no cell of this number',
      hint: 'An order n has the cells 0 to 12 * POWER(4, n) - 1.',
    },
  ],
  [/^percentile value/, ['PERCENTILE']],
  [/substring length/, ['SUBSTRING']],
  [/bound|^count must be/, ['ivo_histogram', 'gavo_histogram', 'WIDTH_BUCKET']],
  [/^invalid regular expression/, ['gavo_match']],
  [/gaia_healpix_index/, ['gaia_healpix_index']],
  [/needed to move a star/, EPOCHS],
  [/ntile/, ['NTILE']],
  [/nth_value/, ['NTH_VALUE']],
]

/** The error to answer when PostgreSQL refused or ended a compiled query. */
export function statementError(
  failure: DatabaseFailure,
  compiled: Compiled,
  adql: string,
  timeoutMs?: number,
): ServiceError {
  const { sqlState } = failure
  if (sqlState === '57014') return timeout(timeoutMs, failure, compiled, adql)
  const other = OTHER[sqlState] ?? (isCrash(failure) ? DIED : undefined)
  if (other) {
    const soon = other[0] === 'unavailable' ? { retryAfter: RETRY_AFTER } : {}
    return new ServiceError(other[0], other[1], { cause: failure, ...soon })
  }
  const specific = SPECIFIC.find(([words]) => words.test(failure.message))
  const reason =
    specific?.[2] ?? (specific ? reasonOf(failure) : undefined) ?? USAGE[sqlState] ?? reasonOf(failure)
  if (!reason)
    return new ServiceError('internal', 'The database could not run this query.', { cause: failure })
  const { message, hint } = reason
  const spans =
    failure.position === undefined ? suspects(compiled, failure) : originOf(compiled, failure.position)
  if (spans.length === 1) return adqlError(adql, [{ ...spans[0]!, ...reason }])
  const places =
    spans.length <= 5 ? spans.map(span => ({ ...span, ...locate(adql, span.start), ...reason })) : []
  const shown = places.map(p => `line ${p.line}, column ${p.column}:\n${excerpt(adql, p)}`)
  const detail = [hint, ...(shown.length > 0 ? ['It comes from one of these:'] : []), ...shown].join('\n')
  return new ServiceError('usage', `ADQL: ${message}`, { detail: detail.trim(), problems: places })
}

/** What can have failed with a SQLSTATE, by the constructs of the query. */
const CONSTRUCTS: Record<string, readonly string[]> = {
  '22012': ['/', '%', 'MOD'],
  '2201E': ['LOG', 'LOG10'],
  '2201F': ['SQRT', 'POWER'],
  '22003': ['+', '-', '*', 'CAST', 'ACOS', 'ASIN', 'EXP', 'POWER', 'SUM'],
  '22P02': ['CAST'],
  '22007': ['CAST'],
  '22008': ['CAST'],
  '21000': ['sub-query'],
}

/** Shapes by the words of errors about them. */
const SHAPES: readonly (readonly [words: RegExp, construct: string])[] = [
  [/latitude/, 'POINT'],
  [/radius/, 'CIRCLE'],
  [/BOX/, 'BOX'],
  [/^spherepoly/, 'POLYGON'],
]

function suspects(compiled: Compiled, { sqlState, message }: DatabaseFailure): Span[] {
  const specific = SPECIFIC.find(([words]) => words.test(message))?.[1]
  const shape = SHAPES.find(([words]) => words.test(message))?.[1]
  const constructs = specific ?? (shape ? [shape] : (CONSTRUCTS[sqlState] ?? []))
  const found = new Map<string, Span>()
  for (const { construct, span } of compiled.origins) {
    if (construct !== undefined && constructs.includes(construct))
      found.set(`${span.start}-${span.end}`, span)
  }
  return [...found.values()].sort((a, b) => a.start - b.start)
}

/** Errors that pgSphere and our own functions raise without a SQLSTATE of their own. */
function reasonOf({ sqlState, message }: DatabaseFailure): Reason | undefined {
  if (/^radius must be not greater than 90/.test(message)) {
    return {
      message: 'a circle has a negative radius, or one over 90 degrees',
      hint: 'Limit the radius in the query.',
    }
  }
  if (/^spherepoly_from_array/.test(message)) {
    return {
      message: 'a polygon has crossing edges, fewer than three vertices, or is larger than a hemisphere',
    }
  }
  if (/^could not identify an (equality|ordering) operator/.test(message)) {
    return { message: 'shapes and arrays cannot be grouped, sorted or made distinct in a sub-query' }
  }
  if (/^FULL JOIN is only supported/.test(message)) {
    return {
      message: 'a FULL JOIN needs a condition of equal columns',
      hint: 'Unite two outer joins by UNION.',
    }
  }
  if (sqlState === '22023' || sqlState === '2202E') return { message }
  return sqlState.startsWith('22') ? { message } : undefined
}

/** Points at the largest table of the query: most time goes into reading it. */
function timeout(
  timeoutMs: number | undefined,
  cause: unknown,
  { origins }: Compiled,
  adql: string,
): ServiceError {
  const limit = timeoutMs === undefined ? 'its time limit' : `${Math.round(timeoutMs / 1000)} s`
  const advice =
    'Ask for fewer rows or a smaller region, or send it to /async, where queries may take longer; /tap/check says what takes the time.'
  const message = `The query took longer than ${limit}.`
  const tables = origins.filter(o => o.rows !== undefined).sort((a, b) => b.rows! - a.rows!)
  const [largest] = tables
  if (!largest) return new ServiceError('timeout', message, { detail: advice, cause })
  const { span, rows } = largest
  const problem = {
    ...span,
    ...locate(adql, span.start),
    message: `this table has ${rows!.toLocaleString('en-US')} rows`,
    hint: advice,
  }
  const where = `line ${problem.line}, column ${problem.column}: ${problem.message}`
  const detail = `${where}\n${excerpt(adql, span)}\n${advice}`
  return new ServiceError('timeout', message, { detail, problems: [problem], cause })
}

/** The smallest piece of the user's text that a place in the SQL came from. */
function originOf(compiled: Compiled, position: number): Span[] {
  const offset = [...compiled.text].slice(0, position).join('').length
  let best: Compiled['origins'][number] | undefined
  for (const origin of compiled.origins) {
    if (offset < origin.sqlStart || offset >= origin.sqlEnd || origin.span.end <= origin.span.start) continue
    if (!best || origin.sqlEnd - origin.sqlStart < best.sqlEnd - best.sqlStart) best = origin
  }
  return best ? [best.span] : []
}

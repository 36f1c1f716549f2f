/**
 * `/tap/check`, the query doctor: everything about a query short of running it. It is compiled as for /tap/sync and
 * explained by PostgreSQL, under the identity's role in a READ ONLY transaction.
 */

import { locate } from '../adql/error.ts'
import { statementError } from '../adql/failure.ts'
import { type Compiled, compile } from '../adql/index.ts'
import { parse } from '../adql/parser.ts'
import { withoutPositions } from '../adql/regions.ts'
import { resolve } from '../adql/resolve.ts'
import { tablesOf } from '../adql/tables.ts'
import type { Identity } from '../auth/identity.ts'
import type { Limits } from '../config.ts'
import type { Upload } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import { StatementError } from '../db/error.ts'
import { type Problem, ServiceError } from '../error.ts'
import type { Field } from '../votable/field.ts'
import { advise, type Suggestion } from './advice.ts'
import { countFractions, type Estimate, estimateBytes, estimateRows, estimateSeconds } from './estimate.ts'
import type { TapParameters } from './params.ts'
import { type PlanFacts, planFacts } from './plan-facts.ts'
import { EXPLAIN, type PlanNode, readPlan } from './plan-tree.ts'
import type { Catalog } from './tap-schema.ts'
import { readUploads, type UploadedTables } from './upload.ts'

export interface CheckDependencies {
  readonly db: Database
  readonly catalog: () => Promise<Catalog>
  readonly limits: Limits
}

/** What the doctor says; null where the query is too wrong to tell. */
export interface Check {
  readonly ok: boolean
  readonly problems: readonly Problem[]
  /** Sentences: repairs made, extensions used, what will surprise. */
  readonly infos: readonly string[]
  /** The statement for PostgreSQL, its parameters put in. */
  readonly sql: string | null
  readonly fields: readonly Field[]
  readonly estimate: Estimate | null
  readonly plan: Pick<PlanFacts, 'class' | 'index' | 'shards'> | null
  readonly suggestions: readonly Suggestion[]
}

/** Planning takes milliseconds; this much only where a constant expression is costly. */
const EXPLAIN_MS = 5000

/** Rejects when it is not the query that is wrong: the database is not there, an upload cannot be read. */
export async function checkQuery(
  deps: CheckDependencies,
  params: TapParameters,
  uploads: readonly Upload[],
  identity: Identity,
  signal: AbortSignal,
): Promise<Check> {
  const uploaded = await readUploads(uploads, deps.limits, signal)
  try {
    return await examined(deps, params, uploaded, identity, signal)
  } finally {
    await uploaded.close()
  }
}

async function examined(
  { db, catalog, limits }: CheckDependencies,
  params: TapParameters,
  uploaded: UploadedTables,
  identity: Identity,
  signal: AbortSignal,
): Promise<Check> {
  const { query } = params
  const published = (await catalog()).tables
  const tables = uploaded.metas.length > 0 ? tablesOf([...published.all, ...uploaded.metas]) : published
  const maxrec = Math.min(params.maxrec ?? limits.maxrecDefault, limits.maxrecHard)
  let compiled: Compiled
  try {
    compiled = compile(query, tables, { maxrec })
  } catch (error) {
    return refused(error, query, undefined)
  }
  const parsed = parse(query).query
  const resolution = resolve(parsed, tables)
  const free = withoutPositions(resolution)
  const explained = (statement: Statement) => explain(db, statement, uploaded, identity, signal)
  let plans: [PlanNode, PlanNode]
  try {
    plans = [await explained(compiled), await explained(free)]
  } catch (error) {
    return refused(translated(error, compiled, query), query, compiled)
  }
  const [plan, freePlan] = plans
  const facts = planFacts(plan, tables)
  const fractions = await countFractions(db, free)
  const rows = Math.round(estimateRows(freePlan, fractions))
  const sent = Math.min(rows, maxrec)
  const bytes = estimateBytes(plan, compiled.fields, sent)
  const seconds = estimateSeconds(plan, free.regions, fractions, { rows: sent, bytes })
  const estimate = { rows, bytes, seconds: Number(seconds.toPrecision(2)) }
  const { suggestions, infos } = advise({
    text: query,
    query: resolution.query,
    isSet: parsed.body.kind === 'set',
    estimate,
    facts,
    maxrec,
    syncSeconds: limits.syncSeconds,
    uncounted: fractions.uncounted,
  })
  return {
    ok: true,
    problems: [],
    infos: [...uploaded.infos, ...compiled.infos, ...infos],
    sql: readableSql(compiled),
    fields: compiled.fields,
    estimate,
    plan: { class: facts.class, index: facts.index, shards: facts.shards },
    suggestions,
  }
}

interface Statement {
  readonly text: string
  readonly values: readonly string[]
}

/** The plan, without running the statement. */
async function explain(
  db: Database,
  { text, values }: Statement,
  uploaded: UploadedTables,
  identity: Identity,
  signal: AbortSignal,
): Promise<PlanNode> {
  const batches = await db.stream({
    text: EXPLAIN + text,
    values,
    fields: [{ name: 'plan', datatype: 'char', arraysize: '*' }],
    wire: 'text',
    role: identity.role,
    timeoutMs: EXPLAIN_MS,
    stallMs: EXPLAIN_MS,
    signal,
    ...(uploaded.metas.length > 0 && { prepare: client => uploaded.create(client, identity.role, text) }),
  })
  let yaml = ''
  for await (const { data, starts, count } of batches) {
    for (let i = 0; i < count; i++) {
      const at = starts[i]! + 2
      yaml += `${data.toString('utf8', at + 4, at + 4 + data.readInt32BE(at))}\n`
    }
  }
  return readPlan(yaml)
}

/** PostgreSQL's refusal, pointing into the query; constants are computed while it plans. */
function translated(error: unknown, compiled: Compiled, query: string): unknown {
  if (!(error instanceof StatementError)) return error
  const { sqlState, message, position } = error
  const inQuery = position === undefined ? undefined : Math.max(0, position - EXPLAIN.length)
  return statementError({ sqlState, message, position: inQuery }, compiled, query, EXPLAIN_MS)
}

/** A wrong query is an answer; any other error goes on. */
function refused(error: unknown, query: string, compiled: Compiled | undefined): Check {
  if (!(error instanceof ServiceError) || (error.code !== 'usage' && error.code !== 'forbidden')) throw error
  const whole: Problem = { message: error.message, start: 0, end: query.length, ...locate(query, 0) }
  return {
    ok: false,
    problems: error.problems.length > 0 ? error.problems : [whole],
    infos: compiled?.infos ?? [],
    sql: compiled ? readableSql(compiled) : null,
    fields: compiled?.fields ?? [],
    estimate: null,
    plan: null,
    suggestions: [],
  }
}

/** The statement with its parameters as literals, to be read by people. */
function readableSql({ text, values }: Compiled): string {
  return text.replace(/"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\d+)/g, (piece, number?: string) =>
    number === undefined ? piece : `'${(values[Number(number) - 1] ?? '').replaceAll("'", "''")}'`,
  )
}

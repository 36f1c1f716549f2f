/**
 * `/tap/check`, the query doctor: everything about a query short of running it. It is compiled as for /tap/sync and
 * explained by PostgreSQL, under the identity's role in a READ ONLY transaction.
 */

import { locate } from '../adql/error.ts'
import { type Compiled, compile } from '../adql/index.ts'
import type { Identity } from '../auth/identity.ts'
import type { Limits } from '../config.ts'
import type { Upload } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import { shardsAsked } from '../db/shard-hash.ts'
import { type ErrorCode, type Problem, ServiceError } from '../error.ts'
import type { Field } from '../votable/field.ts'
import { advise, type Suggestion } from './advice.ts'
import type { Estimate } from './estimate.ts'
import { type Explained, type Explainer, explainQuery, explainRewritten } from './explain.ts'
import type { TapParameters } from './params.ts'
import type { PlanFacts } from './plan-facts.ts'
import type { CatalogOf } from './tap-schema.ts'
import { readUploads, type UploadedTables } from './upload.ts'
import { withTables } from './visible.ts'

export interface CheckDependencies {
  readonly db: Database
  readonly catalog: CatalogOf
  readonly limits: Limits
}

/** A problem, with every key in the answer. */
type Found = Omit<Problem, 'hint'> & { readonly hint: string | null }

/** What the doctor says; null where the query is too wrong to tell. */
export interface Check {
  readonly ok: boolean
  readonly problems: readonly Found[]
  /** Sentences: repairs made, extensions used, what will surprise. */
  readonly infos: readonly string[]
  /** The statement for PostgreSQL, its parameters put in. */
  readonly sql: string | null
  readonly fields: readonly Field[]
  readonly estimate: Estimate | null
  /** `shards`: asked on a Citus cluster; null without one. */
  readonly plan: (Pick<PlanFacts, 'class' | 'index'> & { readonly shards: number | null }) | null
  readonly suggestions: readonly Suggestion[]
}

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
  const tables = withTables((await catalog(identity)).tables, uploaded.metas)
  const maxrec = Math.min(params.maxrec ?? limits.maxrecDefault, limits.maxrecHard)
  const explainer = { db, tables, maxrec, uploaded, identity, signal }
  let compiled: Compiled | undefined
  let explained: Explained
  try {
    compiled = compile(query, tables, { maxrec })
    explained = await explainQuery(explainer, query, compiled)
  } catch (error) {
    return refused(error, query, compiled)
  }
  const { facts, estimate } = explained
  const advice = advise({ text: query, ...explained, maxrec, syncSeconds: limits.syncSeconds })
  return {
    ok: true,
    problems: [],
    infos: [...uploaded.infos, ...compiled.infos, ...advice.infos],
    sql: readableSql(compiled),
    fields: compiled.fields,
    estimate,
    plan: { class: facts.class, index: facts.index, shards: shardsAsked(compiled.asked) ?? null },
    suggestions: await withGain(advice.suggestions, query, estimate, explainer),
  }
}

/** Seconds from which it matters what a rewrite saves. */
const WORTH_SECONDS = 0.05

/** The first rewrite of a slow query tells what it saves, if it saves half. */
async function withGain(
  suggestions: readonly Suggestion[],
  query: string,
  { seconds }: Estimate,
  explainer: Explainer,
): Promise<readonly Suggestion[]> {
  const first = suggestions.find(s => s.replacement !== undefined)
  if (!first || seconds < WORTH_SECONDS) return suggestions
  const rewritten = query.slice(0, first.start) + first.replacement + query.slice(first.end)
  const better = await explainRewritten(explainer, rewritten)
  if (!better || better.estimate.seconds > seconds / 2) return suggestions
  const gain = `The query would then take about ${better.estimate.seconds} s instead of ${seconds} s.`
  return suggestions.map(s => (s === first ? { ...s, hint: s.hint ? `${s.hint}\n${gain}` : gain } : s))
}

/** A wrong query is an answer, and so is a table that is not open; any other error goes on. */
const FINDINGS: readonly ErrorCode[] = ['usage', 'unauthenticated', 'forbidden']

function refused(error: unknown, query: string, compiled: Compiled | undefined): Check {
  if (!(error instanceof ServiceError) || !FINDINGS.includes(error.code)) throw error
  const whole: Problem = { message: error.message, start: 0, end: query.length, ...locate(query, 0) }
  return {
    ok: false,
    problems: (error.problems.length > 0 ? error.problems : [whole]).map(found),
    infos: compiled?.infos ?? [],
    sql: compiled ? readableSql(compiled) : null,
    fields: compiled?.fields ?? [],
    estimate: null,
    plan: null,
    suggestions: [],
  }
}

const found = ({ message, line, column, start, end, hint }: Problem): Found => ({
  message,
  line,
  column,
  start,
  end,
  hint: hint ?? null,
})

/** The statement with its parameters as literals, to be read by people. */
function readableSql({ text, values }: Compiled): string {
  return text.replace(/"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\d+)/g, (piece, number?: string) =>
    number === undefined ? piece : `'${(values[Number(number) - 1] ?? '').replaceAll("'", "''")}'`,
  )
}

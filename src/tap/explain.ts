/** A query compiled as for /tap/sync, explained by PostgreSQL without running it, and estimated. */
import { statementError } from '../adql/failure.ts'
import { type Compiled, compile } from '../adql/index.ts'
import { parse } from '../adql/parser.ts'
import { withoutPositions } from '../adql/regions.ts'
import { resolve } from '../adql/resolve.ts'
import type { TableMeta, Tables } from '../adql/tables.ts'
import type { Query, ResolvedStage } from '../adql/tree.ts'
import type { Identity } from '../auth/identity.ts'
import { clusterRefusal } from '../db/citus.ts'
import type { Database } from '../db/database.ts'
import { StatementError } from '../db/error.ts'
import { countFractions, type Estimate, estimateBytes, estimateRows, estimateSeconds } from './estimate.ts'
import { type PlanFacts, planFacts } from './plan-facts.ts'
import { EXPLAIN, type PlanNode, readPlan } from './plan-tree.ts'
import type { UploadedTables } from './upload.ts'

/** For whom and among which tables queries are explained. */
export interface Explainer {
  readonly db: Database
  readonly tables: Tables
  readonly maxrec: number
  readonly uploaded: UploadedTables
  readonly identity: Identity
  readonly signal: AbortSignal
}

export interface Explained {
  readonly query: Query<ResolvedStage>
  /** Whether it unites, intersects or subtracts at the top. */
  readonly isSet: boolean
  readonly facts: PlanFacts
  readonly estimate: Estimate
  /** Tables whose rows in a region are a guess. */
  readonly uncounted: readonly TableMeta[]
}

/** Planning takes milliseconds; this much only where a constant expression is costly. */
const EXPLAIN_MS = 5000

/** Rejects with what PostgreSQL says of the query, pointing into its text: constants are computed while it plans. */
export async function explainQuery(
  explainer: Explainer,
  text: string,
  compiled: Compiled,
): Promise<Explained> {
  const { db, tables, maxrec } = explainer
  const parsed = parse(text).query
  const resolution = resolve(parsed, tables)
  const free = withoutPositions(resolution)
  let plan: PlanNode
  let freePlan: PlanNode
  try {
    plan = await explain(explainer, compiled)
    freePlan = await explain(explainer, free)
  } catch (error) {
    throw translated(error, compiled, text)
  }
  const fractions = await countFractions(db, free)
  const rows = Math.round(estimateRows(freePlan, fractions))
  const sent = Math.min(rows, maxrec)
  const bytes = estimateBytes(plan, compiled.fields, sent)
  const seconds = estimateSeconds(plan, free.regions, fractions, { rows: sent, bytes })
  return {
    query: resolution.query,
    isSet: parsed.body.kind === 'set',
    facts: planFacts(plan, tables),
    estimate: { rows, bytes, seconds: Number(seconds.toPrecision(2)) },
    uncounted: fractions.uncounted,
  }
}

/** Explains a query that stands in place of another; undefined when it does not compile or cannot run. */
export async function explainRewritten(explainer: Explainer, text: string): Promise<Explained | undefined> {
  try {
    const compiled = compile(text, explainer.tables, { maxrec: explainer.maxrec })
    return await explainQuery(explainer, text, compiled)
  } catch {
    return undefined
  }
}

async function explain(
  { db, uploaded, identity, signal }: Explainer,
  statement: { readonly text: string; readonly values: readonly string[] },
): Promise<PlanNode> {
  const batches = await db.stream({
    text: EXPLAIN + statement.text,
    values: statement.values,
    fields: [{ name: 'plan', datatype: 'char', arraysize: '*' }],
    wire: 'text',
    role: identity.role,
    timeoutMs: EXPLAIN_MS,
    stallMs: EXPLAIN_MS,
    signal,
    ...(uploaded.metas.length > 0 && {
      prepare: client => uploaded.create(client, identity.role, statement.text),
    }),
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

function translated(error: unknown, compiled: Compiled, text: string): unknown {
  const refusal = clusterRefusal(error)
  if (refusal) return refusal
  if (!(error instanceof StatementError)) return error
  const { sqlState, message, position } = error
  const inQuery = position === undefined ? undefined : Math.max(0, position - EXPLAIN.length)
  return statementError({ sqlState, message, position: inQuery }, compiled, text, EXPLAIN_MS)
}

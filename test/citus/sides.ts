/** A survey on one machine or on a cluster: what a query answers there, and how it is planned. */
import assert from 'node:assert/strict'
import { compile } from '../../src/adql/index.ts'
import type { Tables } from '../../src/adql/tables.ts'
import { clusterRefusal } from '../../src/db/citus.ts'
import type { Database } from '../../src/db/database.ts'
import { StatementError, sqlStateOf } from '../../src/db/error.ts'
import { PUBLIC_ROLE } from '../../src/db/roles.ts'
import { shardsAsked } from '../../src/db/shard-hash.ts'
import { EXPLAIN, everyNode, readPlan } from '../../src/tap/plan-tree.ts'
import { type CorpusQuery, corpus, type PlanClass } from './queries.ts'

export interface Side {
  readonly db: Database
  readonly tables: Tables
}

/** Rows as users get them, under their role. */
export async function answer({ db, tables }: Side, adql: string): Promise<unknown[][]> {
  const { text, values } = compile(adql, tables, { maxrec: undefined })
  const rows = await db.transaction(async client => {
    await client.query(`SET LOCAL ROLE ${PUBLIC_ROLE}`)
    return client.query<Record<string, unknown>>(text, values)
  })
  return rows.map(row => Object.values(row))
}

/** What Citus makes of a query, `refused` included. */
export async function planOf(side: Side, adql: string): Promise<PlanClass> {
  return planClass(side, adql).catch((error: unknown): PlanClass => {
    const state = sqlStateOf(error)
    if (!clusterRefusal(new StatementError(state ?? '', (error as Error).message))) throw error
    return 'refused'
  })
}

/** The class of a plan by what Citus says of it, whose largest part asks as many shards as the compiler counts. */
async function planClass({ db, tables }: Side, adql: string): Promise<PlanClass> {
  const compiled = compile(adql, tables, { maxrec: undefined })
  const rows = await db.query<{ 'QUERY PLAN': string }>(EXPLAIN + compiled.text, compiled.values)
  const tasks = everyNode(readPlan(rows.map(row => row['QUERY PLAN']).join('\n'))).map(
    node => node.tasks ?? 0,
  )
  const most = Math.max(...tasks)
  const counted = shardsAsked(compiled.asked) ?? 0
  const parts = tasks.filter(n => n > 0)
  // Parts of a set operation may each ask another shard.
  const agrees =
    parts.length > 1 ? most <= counted && counted <= tasks.reduce((a, b) => a + b) : most === counted
  assert.ok(agrees, `${counted} shards counted, ${parts.join(' + ')} by Citus: ${adql}`)
  return most === 0 ? 'local' : most === 1 ? 'router' : most < 32 ? 'pruned' : 'fan-out'
}

const text = (value: unknown): string =>
  typeof value === 'number' || (typeof value === 'string' && /^-?\d+\.\d+(e[+-]?\d+)?$/.test(value))
    ? Number(value).toPrecision(12)
    : JSON.stringify(value)

export function lines(rows: unknown[][], ordered: boolean | undefined): string[] {
  const all = rows.map(row => row.flat(2).map(text).join(' '))
  return ordered ? all : all.sort()
}

/** The queries, about objects that the survey has. */
export async function corpusOf(plain: Side): Promise<CorpusQuery[]> {
  const found = await answer(
    plain,
    `SELECT o.objectid, o.ra, o.dec FROM demo.object AS o JOIN demo.variable AS v ON v.objectid = o.objectid ORDER BY MOD(o.objectid, 97), o.objectid`,
  )
  const anchors = [0, 211, 505, 700, 977, 1300].map(i => found[i] as [string, number, number])
  return corpus({
    ids: anchors.map(([id]) => id),
    positions: anchors.map(([, ra, dec]) => [ra, dec] as const),
  })
}

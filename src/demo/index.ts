/** The demo survey in the database: whether it is there, and filling it. */
import { performance } from 'node:perf_hooks'
import type { Client, Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Report } from '../progress.ts'
import { BENCH_ROWS } from './bench-rows.ts'
import { readDescription } from './description.ts'
import { buildTables, publishTables } from './install.ts'
import { startRowMaker } from './stream.ts'
import { DEFAULT_SIZE, requireSize, type SurveySize } from './survey.ts'
import type { WorkerTask } from './worker.ts'

/** Counts the versions of the simulation: a demo survey of an earlier one is made anew. */
const EDITION = 2

/** Names the lock that makes two fillings run one after the other. */
const LOCK = 4_210_222

export interface Filled {
  /** False when the same tables were there already. */
  readonly filled: boolean
  readonly rows: Readonly<Record<string, number>>
  readonly seconds: number
}

/** `complete` when this edition's demo survey is there, of whatever size and seed. */
export async function demoState(db: Client): Promise<'complete' | 'absent'> {
  return (await recipeOf(db, 'demo.object'))?.edition === EDITION ? 'complete' : 'absent'
}

/** The size and seed of the demo survey that is there. */
export async function demoSize(db: Client): Promise<SurveySize | undefined> {
  const recipe = await recipeOf(db, 'demo.object')
  if (recipe?.edition !== EDITION) return undefined
  const { objects, areaDeg2, seed } = recipe
  return { objects: objects!, areaDeg2: areaDeg2!, seed: seed! }
}

/**
 * Fills schema demo and publishes it, in one transaction: a survey that is not complete is never seen, and what an
 * interruption leaves behind is nothing. The same survey is not made twice. Aborting `signal` rejects with its reason.
 */
export async function fillDemo(
  db: Database,
  size: Partial<SurveySize>,
  report: Report,
  signal: AbortSignal,
): Promise<Filled> {
  const survey = { ...DEFAULT_SIZE, ...size }
  requireSize(survey)
  return fill(db, 'demo.yaml', { edition: EDITION, ...survey }, { survey }, report, signal)
}

/** Makes and publishes bench.wide: seeded rows of 14 columns. */
export function fillBench(
  db: Database,
  { rows = BENCH_ROWS, seed = DEFAULT_SIZE.seed }: { readonly rows?: number; readonly seed?: number },
  report: Report,
  signal: AbortSignal,
): Promise<Filled> {
  return fill(db, 'bench.yaml', { edition: EDITION, rows, seed }, { bench: { rows, seed } }, report, signal)
}

async function fill(
  db: Database,
  file: string,
  recipe: Recipe,
  task: WorkerTask,
  report: Report,
  signal: AbortSignal,
): Promise<Filled> {
  const begun = performance.now()
  const schema = readDescription(file)
  const first = `${schema.name}.${schema.tables[0]!.name}`
  const seconds = () => (performance.now() - begun) / 1000
  return db.transaction(async client => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    const there = await recipeOf(client, first)
    if (there && sameRecipe(there, recipe)) {
      return { filled: false, rows: await rowCounts(client, schema.name), seconds: seconds() }
    }
    if (!there) await requireAbsent(client, first)
    report({ phase: 'plan', done: 0 })
    const maker = startRowMaker(task, signal)
    try {
      await client.query(`SET LOCAL maintenance_work_mem = '256MB'`)
      const counts = await buildTables(client, schema, maker, await maker.planned, report)
      signal.throwIfAborted()
      await publishTables(client, schema, counts)
      await client.query(`COMMENT ON TABLE ${first} IS '${JSON.stringify(recipe)}'`)
      return { filled: true, rows: Object.fromEntries(counts), seconds: seconds() }
    } finally {
      await maker.close()
    }
  })
}

/** What a table was made from, kept as the comment of the schema's first table: it comes and goes with the table. */
type Recipe = Readonly<Record<string, number>>

async function recipeOf(client: Client, table: string): Promise<Recipe | undefined> {
  const [row] = await client.query<{ recipe: string | null }>(
    `SELECT obj_description(to_regclass($1), 'pg_class') AS recipe`,
    [table],
  )
  try {
    return JSON.parse(row?.recipe ?? '') as Recipe
  } catch {
    return undefined // somebody else's table
  }
}

async function requireAbsent(client: Client, table: string): Promise<void> {
  const [row] = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [table])
  if (!row!.found) return
  throw new ServiceError('usage', `${table} exists and was not made by almagest demo`, {
    detail: 'It is left alone; rename or drop it to have the demo in its place.',
  })
}

function sameRecipe(there: Recipe, wanted: Recipe): boolean {
  return Object.entries(wanted).every(([key, value]) => there[key] === value)
}

async function rowCounts(client: Client, schema: string): Promise<Record<string, number>> {
  const rows = await client.query<{ sql_table: string; row_count: string }>(
    'SELECT sql_table, row_count FROM almagest.published_table WHERE sql_schema = $1',
    [schema],
  )
  return Object.fromEntries(rows.map(row => [row.sql_table, Number(row.row_count)]))
}

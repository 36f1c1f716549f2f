/** `ingest table`: files become one published table. */
import type { Database } from '../db/database.ts'
import type { Report } from '../progress.ts'
import { sqlIdentifier } from '../tap/publish.ts'
import { type LoadOptions, load, type Run } from './load.ts'
import { parseTableName } from './names.ts'
import { planColumns } from './plan.ts'
import { rejectFile } from './reject.ts'
import { dropRetired } from './retired.ts'
import type { SqlTable } from './statements.ts'

export interface IngestOptions extends LoadOptions {
  /** Columns to take for the identifier and the position, where the file does not tell. */
  readonly id?: string | undefined
  readonly ra?: string | undefined
  readonly dec?: string | undefined
  /** Where rows that cannot be taken are written: `<table>.rejects.csv` in the working directory. */
  readonly rejectFile?: string | undefined
}

export interface IngestResult {
  readonly table: string
  readonly rows: number
  readonly rejected: number
  readonly rejectFile: string | null
  readonly seconds: number
  /** What people should know: names changed, columns converted. */
  readonly notices: readonly string[]
}

/** How often and how long after another the replaced table is tried to be dropped. */
const DROP_TRIES = 5
const DROP_PAUSE_MS = 2200

/**
 * Throws ServiceError `usage` for what is wrong with the files or the options; then nothing is changed. Aborting
 * ends the load after the statement at work.
 */
export async function ingestTable(
  db: Database,
  options: IngestOptions,
  report: Report,
  signal: AbortSignal,
): Promise<IngestResult> {
  const begun = performance.now()
  const name = parseTableName(options.table)
  await dropRetired(db)
  const plan = await planColumns(options)
  const rejects = rejectFile(
    options.rejectFile ?? `${options.table.replaceAll('"', '')}.rejects.csv`,
    plan.fields,
  )
  const step: Report = progress => {
    signal.throwIfAborted()
    report(progress)
  }
  const run: Run = {
    db,
    name,
    plan,
    options,
    report: step,
    rejects,
    tally: { read: 0, taken: 0, rejected: 0, unplaced: 0, wrapped: 0 },
    notices: [...plan.notices],
  }
  try {
    const schemaMade = await ensureSchema(db, name.schema)
    try {
      await db.transaction(client => load(client, run))
    } catch (error) {
      if (schemaMade) await db.query(`DROP SCHEMA ${sqlIdentifier(name.schema)}`).catch(() => {})
      throw error
    }
  } finally {
    rejects.close()
  }
  if (options.mode === 'replace') await dropReplaced(db, run.notices, report)
  const { taken, rejected, unplaced, wrapped } = run.tally
  if (unplaced > 0)
    run.notices.push(`Rows without a position, which no cone or cross-match finds: ${unplaced}.`)
  if (wrapped > 0) run.notices.push(`Right ascensions that were brought into [0, 360): ${wrapped}.`)
  return {
    table: options.table,
    rows: taken,
    rejected,
    rejectFile: rejected > 0 ? rejects.path : null,
    seconds: Math.round(performance.now() - begun) / 1000,
    notices: run.notices,
  }
}

/** Apart from the load's transaction, in which a second load into the same new schema would have to wait. */
async function ensureSchema(db: Database, schema: string): Promise<boolean> {
  const found = await db.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
  if (found.length > 0) return false
  await db.query(`CREATE SCHEMA IF NOT EXISTS ${sqlIdentifier(schema)}`)
  return true
}

async function dropReplaced(db: Database, notices: string[], report: Report): Promise<void> {
  let left: SqlTable[] = []
  for (let i = 0; i < DROP_TRIES; i++) {
    report({ phase: 'waiting for queries on the old table', done: i, total: DROP_TRIES })
    await new Promise(resolve => setTimeout(resolve, DROP_PAUSE_MS))
    left = await dropRetired(db)
    if (left.length === 0) return
  }
  const names = left.map(({ schema, table }) => `${schema}.${table}`).join(', ')
  notices.push(`Queries are still reading ${names}: the next ingest drops what they leave.`)
}

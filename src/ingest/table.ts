/** `ingest table`: files become one published table. */
import { letIn, requireCitus } from '../db/citus.ts'
import type { Client, Database } from '../db/database.ts'
import { sqlStateOf } from '../db/error.ts'
import { PUBLIC_ROLE } from '../db/roles.ts'
import { ServiceError } from '../error.ts'
import type { Report } from '../progress.ts'
import { sqlIdentifier } from '../tap/publish.ts'
import { copyFiles, joinRejects } from './copy.ts'
import { type Existing, findPublished, requireSameColumns } from './existing.ts'
import type { FileReader } from './file-rows.ts'
import { openReaders } from './file-threads.ts'
import { foreignKey } from './foreign-key.ts'
import { finish, type LoadOptions, type Run } from './load.ts'
import { parseTableName, type TableName } from './names.ts'
import { newTally } from './place.ts'
import { type ColumnPlan, planColumns } from './plan.ts'
import { canHaveParts, rejectFile } from './reject.ts'
import { dropRetired } from './retired.ts'
import { dropStaging, fingerprintOf, openStaging } from './staging.ts'
import { lockTable, type SqlTable, tableExists } from './statements.ts'

export interface IngestOptions extends LoadOptions {
  /** Columns to take for the identifier and the position, where the file does not tell. */
  readonly id?: string | undefined
  readonly ra?: string | undefined
  readonly dec?: string | undefined
  /** More columns to index. */
  readonly indexes?: readonly string[] | undefined
  /** As `PlanOptions.shardId`. */
  readonly shardId?: string | undefined
  /** `COLUMN=schema.table.COLUMN` */
  readonly foreignKeys?: readonly string[] | undefined
  /** Where rows that cannot be taken are written: `<table>.rejects.csv` in the working directory. */
  readonly rejectFile?: string | undefined
  /** Threads that read files; as many as pay by default. */
  readonly threads?: number | undefined
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
 * ends the load after the statement at work; the same load goes on from there the next time.
 */
export async function ingestTable(
  db: Database,
  options: IngestOptions,
  report: Report,
  signal: AbortSignal,
): Promise<IngestResult> {
  const begun = performance.now()
  const name = parseTableName(options.table)
  if (options.distribute) {
    await requireCitus(db)
    await letIn(db, PUBLIC_ROLE)
  }
  await dropRetired(db)
  const existing = await findTarget(db, name, options)
  const files = openReaders(options.files, options.threads)
  try {
    const columns = options.mode === 'append' ? existing?.columns : undefined
    const plan = await planColumns(options, columns, files.readers)
    const run = await planRun(db, name, existing, options, plan, stoppable(report, signal))
    try {
      await loadLocked(run, files.readers, signal)
    } finally {
      if (!signal.aborted) joinRejects(run)
      run.rejects.close()
    }
    if (options.mode === 'replace') await dropReplaced(db, run.notices, report)
    return resultOf(run, begun)
  } finally {
    await files.close()
  }
}

async function planRun(
  db: Database,
  name: TableName,
  existing: Existing | undefined,
  options: IngestOptions,
  plan: ColumnPlan,
  report: Report,
): Promise<Run> {
  if (options.mode === 'append') requireSameColumns(existing!, plan)
  return {
    db,
    name,
    target: { schema: name.schema, table: name.sqlTable },
    existing,
    plan,
    keys: await Promise.all((options.foreignKeys ?? []).map(text => foreignKey(db, text, name, plan))),
    options,
    report,
    rejects: rejectFile(
      options.rejectFile ?? `${options.table.replaceAll('"', '')}.rejects.csv`,
      plan.fields,
    ),
    tally: newTally(),
    notices: [...plan.notices],
  }
}

function stoppable(report: Report, signal: AbortSignal): Report {
  return progress => {
    signal.throwIfAborted()
    report(progress)
  }
}

/** The lock is held by a transaction of its own, since the load has several. */
async function loadLocked(run: Run, readers: readonly FileReader[], signal: AbortSignal): Promise<void> {
  await run.db.transaction(async client => {
    if (!(await lockTable(client, run.target))) {
      throw new ServiceError('unavailable', `Somebody else is loading ${run.options.table} at this moment.`)
    }
    // Rows that are not sorted keep the order of the files.
    const mayMix = run.plan.sortColumn !== undefined && canHaveParts(run.rejects.path)
    await load(run, mayMix ? readers : readers.slice(0, 1), signal)
  })
}

/** The published table of that name; refuses what the mode does not allow. */
async function findTarget(
  client: Client,
  name: TableName,
  { mode, table }: LoadOptions,
): Promise<Existing | undefined> {
  const existing = await findPublished(client, name)
  if (!existing && mode === 'append') {
    throw new ServiceError('usage', `There is no table ${table} to append to.`)
  }
  if (existing && mode === 'create') {
    throw new ServiceError('usage', `Table ${existing.tableName} exists.`, {
      detail: 'Add rows to it with --append, or build it anew with --replace.',
    })
  }
  if (!existing && (await tableExists(client, { schema: name.schema, table: name.sqlTable }))) {
    throw new ServiceError('usage', `PostgreSQL has a table ${table} that is not published here.`, {
      detail:
        'It was not made by `ingest table` and is left alone: rename or drop it, or choose another name.',
    })
  }
  return existing
}

async function load(run: Run, readers: readonly FileReader[], signal: AbortSignal): Promise<void> {
  const { db, name, target, plan, options } = run
  const fingerprint = await fingerprintOf(options.files, plan, options.mode, readers.length)
  const schemaMade = await ensureSchema(db, name.schema)
  const staging = await openStaging(db, target, fingerprint, plan)
  try {
    await copyFiles(run, staging, readers)
    await db.transaction(client => finish(client, run, staging))
  } catch (error) {
    if (signal.aborted) throw error
    await db.transaction(client => dropStaging(client, target)).catch(() => {})
    if (schemaMade) await db.query(`DROP SCHEMA ${sqlIdentifier(name.schema)}`).catch(() => {})
    throw loadFailure(error)
  }
}

/** PostgreSQL's limits in words. */
function loadFailure(error: unknown): unknown {
  const state = sqlStateOf(error)
  if (state === '53100') {
    const message =
      'The disk of the database is full; nothing was changed, and what was loaded is gone again.'
    return new ServiceError('unavailable', message, { cause: error })
  }
  if (state === '54000') {
    return new ServiceError('usage', `A row is too long for PostgreSQL: ${(error as Error).message}.`, {
      detail: 'A row of numbers holds about 8,000 bytes: part the columns into several tables.',
      cause: error,
    })
  }
  return error
}

function resultOf({ options, tally, rejects, notices }: Run, begun: number): IngestResult {
  const { taken, rejected, unplaced, wrapped } = tally
  if (unplaced > 0) notices.push(`Rows without a position, which no cone or cross-match finds: ${unplaced}.`)
  if (wrapped > 0) notices.push(`Right ascensions that were brought into [0, 360): ${wrapped}.`)
  return {
    table: options.table,
    rows: taken,
    rejected,
    rejectFile: rejected > 0 ? rejects.path : null,
    seconds: Math.round(performance.now() - begun) / 1000,
    notices,
  }
}

/** True when it was made here. */
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

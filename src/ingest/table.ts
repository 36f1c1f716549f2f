/** `ingest table`: files become one published table. */
import { letIn, requireCitus } from '../db/citus.ts'
import type { Client, Database } from '../db/database.ts'
import { sqlStateOf } from '../db/error.ts'
import { PUBLIC_ROLE } from '../db/roles.ts'
import { ServiceError } from '../error.ts'
import type { Report } from '../progress.ts'
import { sqlIdentifier } from '../tap/publish.ts'
import { copyFiles } from './copy.ts'
import { type Existing, findPublished, requireSameColumns } from './existing.ts'
import { foreignKey } from './foreign-key.ts'
import { finish, type LoadOptions, type Run } from './load.ts'
import { parseTableName, type TableName } from './names.ts'
import { planColumns } from './plan.ts'
import { rejectFile } from './reject.ts'
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
  const plan = await planColumns(options, options.mode === 'append' ? existing?.columns : undefined)
  if (options.mode === 'append') requireSameColumns(existing!, plan)
  const keys = await Promise.all((options.foreignKeys ?? []).map(text => foreignKey(db, text, name, plan)))
  const rejects = rejectFile(
    options.rejectFile ?? `${options.table.replaceAll('"', '')}.rejects.csv`,
    plan.fields,
  )
  const target = { schema: name.schema, table: name.sqlTable }
  const run: Run = {
    db,
    name,
    target,
    existing,
    plan,
    keys,
    options,
    report(progress) {
      signal.throwIfAborted()
      report(progress)
    },
    rejects,
    tally: { read: 0, taken: 0, rejected: 0, unplaced: 0, wrapped: 0 },
    notices: [...plan.notices],
  }
  try {
    // The lock is held by a transaction of its own, since the load has several.
    await db.transaction(async client => {
      if (!(await lockTable(client, target))) {
        throw new ServiceError('unavailable', `Somebody else is loading ${options.table} at this moment.`)
      }
      await load(run, signal)
    })
  } finally {
    rejects.close()
  }
  if (options.mode === 'replace') await dropReplaced(db, run.notices, report)
  return resultOf(run, begun)
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

async function load(run: Run, signal: AbortSignal): Promise<void> {
  const { db, name, target, plan, options } = run
  const fingerprint = await fingerprintOf(options.files, plan, options.mode)
  const schemaMade = await ensureSchema(db, name.schema)
  const staging = await openStaging(db, target, fingerprint, plan)
  try {
    await copyFiles(run, staging)
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

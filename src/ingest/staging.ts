/**
 * Where rows are until they are published: a table beside the one that is to be, filled in steps that are each
 * committed with the note of how far they came. A load that is broken off goes on from the last step when the same
 * command is given again; one that fails is cleared away.
 */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Client, Database } from '../db/database.ts'
import type { Tally } from './place.ts'
import type { ColumnPlan } from './plan.ts'
import { createTable, freeName, type SqlTable, sqlName, tableExists } from './statements.ts'

/** How far each file was read, by its index among the files; without those that were not begun. */
export type LoadState = Readonly<Record<number, FileState>>

export interface FileState {
  /** It is read to its end. */
  readonly ended: boolean
  readonly tally: Tally
  /** Bytes of the reject file that its rows are in. */
  readonly rejectBytes: number
  readonly unicode: readonly number[]
  readonly long: readonly number[]
}

export interface Staging {
  readonly table: SqlTable
  /** How far an earlier run came; undefined for a fresh start. */
  readonly before: LoadState | undefined
}

/** What must be the same for a load to go on with the rows of another: the files as they are, and the columns. */
export async function fingerprintOf(
  files: readonly string[],
  plan: ColumnPlan,
  mode: string,
  lanes: number,
): Promise<string> {
  const hash = createHash('sha256').update(`${mode} ${lanes > 1}`)
  for (const file of files) {
    const { size, mtimeMs } = await stat(file)
    hash.update(`\0${path.resolve(file)}\0${size}\0${mtimeMs}`)
  }
  return hash.update(JSON.stringify([plan.sqlColumns, plan.placing, plan.kept])).digest('hex')
}

/** The staging table of a load into `target`: that of an earlier run where it is the same load, else a new one. */
export async function openStaging(
  db: Database,
  target: SqlTable,
  fingerprint: string,
  plan: ColumnPlan,
): Promise<Staging> {
  return db.transaction(async client => {
    const [run] = await client.query<{ staging: string; fingerprint: string; state: LoadState }>(
      'SELECT staging, fingerprint, state FROM almagest.load_run WHERE sql_schema = $1 AND sql_table = $2',
      [target.schema, target.table],
    )
    if (run) {
      const table = { schema: target.schema, table: run.staging }
      if (run.fingerprint === fingerprint && (await holds(client, table, run.state))) {
        return { table, before: run.state }
      }
      await dropStaging(client, target)
    }
    const table = await freeName(client, { schema: target.schema, table: `${target.table}~load` })
    // Rows that stay in this table must survive a crash of PostgreSQL; others are copied from it.
    await createTable(client, table, plan.sqlColumns, plan.sortColumn ? 'UNLOGGED' : '')
    await client.query('INSERT INTO almagest.load_run VALUES ($1, $2, $3, $4, $5)', [
      target.schema,
      target.table,
      table.table,
      fingerprint,
      '{}',
    ])
    return { table, before: undefined }
  })
}

/** After a crash of PostgreSQL a table that is not logged is empty. */
async function holds(client: Client, table: SqlTable, state: LoadState): Promise<boolean> {
  const taken = Object.values(state).reduce((sum, file) => sum + file.tally.taken, 0)
  if (taken === 0 || !(await tableExists(client, table))) return false
  const [row] = await client.query<{ count: string }>(`SELECT count(*) FROM ${sqlName(table)}`)
  return Number(row!.count) === taken
}

export async function saveState(
  client: Client,
  target: SqlTable,
  file: number,
  state: FileState,
): Promise<void> {
  await client.query(
    `UPDATE almagest.load_run SET state = state || jsonb_build_object($3::text, $4::jsonb)
      WHERE sql_schema = $1 AND sql_table = $2`,
    [target.schema, target.table, String(file), JSON.stringify(state)],
  )
}

/** Forgets a load and, unless it has become the table itself, drops what it staged. */
export async function dropStaging(client: Client, { schema, table }: SqlTable): Promise<boolean> {
  const [run] = await client.query<{ staging: string }>(
    'DELETE FROM almagest.load_run WHERE sql_schema = $1 AND sql_table = $2 RETURNING staging',
    [schema, table],
  )
  if (run) await client.query(`DROP TABLE IF EXISTS ${sqlName({ schema, table: run.staging })}`)
  return run !== undefined
}

/** The end of jobs, one statement a step; any number of processes may sweep at once. */
import type { Client } from '../db/database.ts'
import type { Jobs } from './job.ts'

/** Jobs at a time, so that no statement and no pile of files gets large. */
const BATCH = 500

/**
 * Expires jobs whose destruction has come, empties what is expired, archived or deleted, and forgets in the end.
 * Resolves to the number of jobs whose files are gone.
 */
export async function sweepJobs({ db, storage, limits }: Jobs): Promise<number> {
  while ((await expireJobs(db)) === BATCH);
  let emptied = 0
  for (;;) {
    const ids = await jobsToEmpty(db)
    for (const id of ids) await storage.remove(`${id}/`)
    await markEmptied(db, ids)
    emptied += ids.length
    if (ids.length < BATCH) break
  }
  await forgetJobs(db, limits.rememberDays)
  return emptied
}

/** Any phase → ARCHIVED with the mark that it is gone; a runner at work hears it and stops. */
async function expireJobs(client: Client): Promise<number> {
  const rows = await client.query(
    `WITH due AS MATERIALIZED (
       SELECT job_id FROM uws.job WHERE destruction < clock_timestamp() AND expired_at IS NULL AND deleted_at IS NULL
        LIMIT $1 FOR UPDATE SKIP LOCKED)
     UPDATE uws.job j
        SET was = CASE WHEN j.phase = 'ARCHIVED' THEN j.was ELSE j.phase END, phase = 'ARCHIVED',
            expired_at = clock_timestamp(), requester = NULL, emptied = false
       FROM due WHERE j.job_id = due.job_id RETURNING j.job_id`,
    [BATCH],
  )
  return rows.length
}

async function jobsToEmpty(client: Client): Promise<readonly string[]> {
  const rows = await client.query<{ job_id: string }>(
    `SELECT job_id FROM uws.job WHERE phase = 'ARCHIVED' AND NOT emptied LIMIT $1`,
    [BATCH],
  )
  return rows.map(row => row.job_id)
}

/** Of a deleted job nothing is kept; of an archived or expired one, what it was. */
async function markEmptied(client: Client, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await client.query('DELETE FROM uws.job WHERE job_id = ANY($1) AND deleted_at IS NOT NULL', [ids])
  await client.query('UPDATE uws.result SET body = NULL WHERE job_id = ANY($1) AND body IS NOT NULL', [ids])
  await client.query('UPDATE uws.job SET emptied = true WHERE job_id = ANY($1)', [ids])
}

async function forgetJobs(client: Client, rememberDays: number): Promise<void> {
  await client.query(
    `DELETE FROM uws.job WHERE expired_at < clock_timestamp() - $1 * interval '1 day' AND emptied`,
    [rememberDays],
  )
}

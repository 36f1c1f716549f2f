/** The list of jobs as people want it: a page at a time from any place, searched by text, phase and time. */
import { badValue } from '../dali/parameters.ts'
import type { Client } from '../db/database.ts'
import type { Job, Phase } from './job.ts'
import { type Viewer, viewerCondition } from './list.ts'
import { JOB_COLUMNS, type JobRow, jobOf } from './row.ts'

export interface Search {
  /** Empty: every phase. */
  readonly phases: readonly Phase[]
  /** Part of the title (the query) or of the runId, without case. */
  readonly text: string | undefined
  readonly runId: string | undefined
  readonly kind: string | undefined
  /** Creation time, both ends excluded. */
  readonly after: Date | undefined
  readonly until: Date | undefined
  readonly limit: number
  /** `next` of the page before. */
  readonly cursor: string | undefined
}

export interface Page {
  readonly jobs: readonly Job[]
  /** Cursor of the next page; undefined on the last. */
  readonly next: string | undefined
}

export async function searchJobs(client: Client, viewer: Viewer, search: Search): Promise<Page> {
  const { sql, values } = conditions(viewer, search)
  const from = search.cursor === undefined ? undefined : readCursor(search.cursor)
  const rows = await client.query<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM uws.job j
      WHERE ${sql} AND ($9::timestamptz IS NULL OR (j.creation_time, j.job_id) < ($9, $10::uuid))
      ORDER BY j.creation_time DESC, j.job_id DESC LIMIT $8`,
    [...values, search.limit + 1, from?.time, from?.id],
  )
  const page = rows.slice(0, search.limit)
  const last = page.at(-1)
  return {
    jobs: page.map(jobOf),
    next: rows.length > search.limit && last ? `${last.creation_time.getTime()}_${last.job_id}` : undefined,
  }
}

/** Ids of every job that the viewer may list and the search finds; of pages, nothing counts. */
export async function findIds(
  client: Client,
  viewer: Viewer,
  search: Omit<Search, 'limit' | 'cursor'>,
): Promise<readonly string[]> {
  const { sql, values } = conditions(viewer, search)
  const rows = await client.query<{ job_id: string }>(`SELECT job_id FROM uws.job j WHERE ${sql}`, values)
  return rows.map(row => row.job_id)
}

/** Uses $1 to $7. */
function conditions(
  viewer: Viewer,
  search: Omit<Search, 'limit' | 'cursor'>,
): { sql: string; values: readonly unknown[] } {
  const { sql, value } = viewerCondition(viewer, 1)
  const pattern = search.text && `%${search.text.replace(/[\\%_]/g, '\\$&')}%`
  return {
    sql: `${sql} AND j.deleted_at IS NULL
      AND (cardinality($2::text[]) = 0 OR j.phase = ANY($2))
      AND ($3::text IS NULL OR j.title ILIKE $3 OR j.run_id ILIKE $3)
      AND ($4::text IS NULL OR j.run_id = $4)
      AND ($5::text IS NULL OR j.kind = $5)
      AND ($6::timestamptz IS NULL OR j.creation_time > $6)
      AND ($7::timestamptz IS NULL OR j.creation_time < $7)`,
    values: [value, search.phases, pattern, search.runId, search.kind, search.after, search.until],
  }
}

function readCursor(text: string): { time: Date; id: string } {
  const match = /^(\d{1,15})_([0-9a-f-]{36})$/.exec(text)
  if (!match) throw badValue('cursor', text, 'what a page gave as next')
  return { time: new Date(Number(match[1])), id: match[2]! }
}

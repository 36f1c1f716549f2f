/** The list of jobs as UWS has it (UWS 1.1 §2.2.2.1): newest first, filters joined by AND, all of them however many. */
import type { Client } from '../db/database.ts'
import type { Phase } from './job.ts'

/** Whose jobs a list shows. */
export type Viewer =
  | { readonly owner: string }
  | { readonly session: string }
  /** Jobs that others share with these groups. */
  | { readonly groups: readonly string[] }
  /** Everybody's anonymous jobs. */
  | 'anonymous'
  | 'nobody'

export interface ListFilter {
  /** Empty: every phase but ARCHIVED. */
  readonly phases: readonly Phase[]
  readonly after: Date | undefined
  readonly last: number | undefined
}

export interface JobReference {
  readonly id: string
  readonly phase: Phase
  readonly runId: string | undefined
  readonly owner: string | undefined
  readonly creationTime: Date
}

interface ReferenceRow {
  job_id: string
  phase: Phase
  run_id: string | null
  owner: string | null
  creation_time: Date
}

/** Jobs read at once; the list goes out while the next ones are read. */
const PAGE = 2000

/** SQL that holds for the jobs `j` that the viewer may list; `$n` is its value. */
export function viewerCondition(viewer: Viewer, n: number): { sql: string; value: unknown } {
  if (viewer === 'nobody') return { sql: `$${n}::text IS NOT NULL`, value: undefined }
  const ofOwner = `coalesce(j.owner, '') = $${n}`
  if (viewer === 'anonymous') return { sql: ofOwner, value: '' }
  if ('groups' in viewer) {
    const sql = `j.job_id IN (SELECT s.job_id FROM uws.share AS s WHERE s.group_name = ANY($${n}::text[]))`
    return { sql, value: viewer.groups }
  }
  if ('owner' in viewer) return { sql: ofOwner, value: viewer.owner }
  return { sql: `j.session = $${n}::uuid`, value: viewer.session }
}

export async function* listJobs(
  client: Client,
  kind: string,
  viewer: Viewer,
  filter: ListFilter,
): AsyncGenerator<readonly JobReference[]> {
  const { sql, value } = viewerCondition(viewer, 2)
  let before: { time: Date; id: string } | undefined
  let left = filter.last ?? Number.POSITIVE_INFINITY
  while (left > 0) {
    const limit = Math.min(left, PAGE)
    const rows = await client.query<ReferenceRow>(
      `SELECT j.job_id, j.phase, j.run_id, j.owner, j.creation_time FROM uws.job j
        WHERE j.kind = $1 AND ${sql} AND j.deleted_at IS NULL
          AND CASE WHEN cardinality($3::text[]) = 0 THEN j.phase <> 'ARCHIVED' ELSE j.phase = ANY($3) END
          AND ($4::timestamptz IS NULL OR j.creation_time > $4)
          AND ($5::timestamptz IS NULL OR (j.creation_time, j.job_id) < ($5, $6::uuid))
        ORDER BY j.creation_time DESC, j.job_id DESC LIMIT $7`,
      [kind, value, filter.phases, filter.after, before?.time, before?.id, limit],
    )
    yield rows.map(row => ({
      id: row.job_id,
      phase: row.phase,
      runId: row.run_id ?? undefined,
      owner: row.owner ?? undefined,
      creationTime: row.creation_time,
    }))
    if (rows.length < limit) return
    const last = rows.at(-1)!
    before = { time: last.creation_time, id: last.job_id }
    left -= rows.length
  }
}

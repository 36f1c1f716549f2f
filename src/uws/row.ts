/** A row of `uws.job` with its results, as a Job. */
import type { Identity } from '../auth/identity.ts'
import type { ErrorSummary, Job, JobResult, Lane, Pairs, Phase, UploadedPart } from './job.ts'

/** The columns of a job `j`, for SELECT and RETURNING. */
export const JOB_COLUMNS = `
  j.job_id, j.kind, j.owner, j.session, j.identity, j.run_id, j.title, j.parameters, j.uploads, j.phase, j.creation_time,
  j.queued_at, j.start_time, j.end_time, j.quote, j.execution_duration, j.destruction, j.error, j.lane,
  j.estimate_seconds, j.row_count::float8, j.byte_count::float8, j.steps_done, j.steps_total, j.was, j.expired_at,
  j.claim, j.notify, j.shards,
  (SELECT json_agg(r) FROM (
     SELECT result_id, format, key, content_type, file_name, bytes, sha256, row_count, overflow
       FROM uws.result WHERE job_id = j.job_id ORDER BY sequence, format) AS r) AS results`

export interface JobRow {
  job_id: string
  kind: string
  owner: string | null
  session: string | null
  identity: Identity
  run_id: string | null
  title: string | null
  parameters: Pairs
  uploads: UploadedPart[]
  phase: Phase
  creation_time: Date
  queued_at: Date | null
  start_time: Date | null
  end_time: Date | null
  quote: Date | null
  execution_duration: number
  destruction: Date
  error: ErrorSummary | null
  lane: Lane | null
  estimate_seconds: number | null
  row_count: number | null
  byte_count: number | null
  steps_done: number | null
  steps_total: number | null
  was: Phase | null
  expired_at: Date | null
  claim: string | null
  notify: string[] | null
  shards: number | null
  results: ResultRow[] | null
}

interface ResultRow {
  result_id: string
  format: string
  key: string
  content_type: string
  file_name: string
  bytes: number
  sha256: string
  row_count: number | null
  overflow: boolean
}

export function jobOf(row: JobRow): Job {
  return {
    id: row.job_id,
    kind: row.kind,
    owner: row.owner ?? undefined,
    session: row.session ?? undefined,
    identity: { name: row.identity.name ?? undefined, groups: row.identity.groups, role: row.identity.role },
    runId: row.run_id ?? undefined,
    title: row.title ?? undefined,
    parameters: row.parameters,
    uploads: row.uploads,
    phase: row.phase,
    creationTime: row.creation_time,
    queuedAt: row.queued_at ?? undefined,
    startTime: row.start_time ?? undefined,
    endTime: row.end_time ?? undefined,
    quote: row.quote ?? undefined,
    executionDuration: row.execution_duration,
    destruction: row.destruction,
    error: row.error ?? undefined,
    lane: row.lane ?? undefined,
    estimateSeconds: row.estimate_seconds ?? undefined,
    shards: row.shards ?? undefined,
    rows: row.row_count ?? undefined,
    bytes: row.byte_count ?? undefined,
    was: row.was ?? undefined,
    expiredAt: row.expired_at ?? undefined,
    steps:
      row.steps_done === null || row.steps_total === null
        ? undefined
        : { done: row.steps_done, total: row.steps_total },
    notify: row.notify ?? [],
    claim: row.claim ?? undefined,
    results: (row.results ?? []).map(resultOf),
  }
}

function resultOf(row: ResultRow): JobResult {
  return {
    id: row.result_id,
    format: row.format,
    key: row.key,
    contentType: row.content_type,
    fileName: row.file_name,
    bytes: row.bytes,
    sha256: row.sha256,
    rows: row.row_count ?? undefined,
    overflow: row.overflow,
  }
}

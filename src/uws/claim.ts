/**
 * What runners do to jobs, one statement each. Every change of an executing job names its claim: a runner that lost a
 * job (aborted, deleted, its lease over) changes nothing any more, so no job is completed twice.
 */
import type { Client } from '../db/database.ts'
import type { ErrorSummary, Job, JobResult, Lane, Phase } from './job.ts'
import type { Assessment } from './lane.ts'
import { JOB_COLUMNS, type JobRow, jobOf } from './row.ts'
import { turn } from './store.ts'

export interface ClaimedJob extends Job {
  readonly claim: string
}

/**
 * Whether fewer than `most_at_once` jobs of the requester are executing or before it in the lane. Those before are
 * counted, too, so that several who claim at once cannot take more together.
 */
const HAS_ITS_TURN = `(q.most_at_once IS NULL OR q.most_at_once > (
  SELECT count(*) FROM (
    SELECT FROM uws.job AS e
     WHERE e.requester = q.requester AND (e.phase = 'EXECUTING'
        OR e.phase = 'QUEUED' AND e.lane = q.lane AND (e.turn, e.queued_at, e.job_id) < (q.turn, q.queued_at, q.job_id))
     LIMIT q.most_at_once) AS others))`

/** Claims of a job whose runner died in each; then it fails. */
const MOST_CLAIMS = 2

/**
 * QUEUED → EXECUTING for up to `count` jobs whose turn it is, passing over those that other runners are at. The commit
 * does not wait for the disk: should PostgreSQL's machine lose it, the job is still QUEUED and this claim void.
 */
export async function claimJobs(
  client: Client,
  wanted: { runner: string; lane: Lane; kinds: readonly string[]; count: number; leaseSeconds: number },
): Promise<readonly ClaimedJob[]> {
  const rows = await client.query<JobRow>(
    `WITH next AS MATERIALIZED (
       SELECT job_id FROM uws.job AS q WHERE phase = 'QUEUED' AND lane = $2 AND kind = ANY($3) AND ${HAS_ITS_TURN}
        ORDER BY turn, queued_at LIMIT $4 FOR UPDATE SKIP LOCKED)
     UPDATE uws.job j
        SET phase = 'EXECUTING', start_time = clock_timestamp(), runner = $1, claim = gen_random_uuid(),
            claims = claims + 1, lease_until = clock_timestamp() + $5 * interval '1 second',
            row_count = 0, byte_count = 0, steps_done = NULL, steps_total = NULL, quote = clock_timestamp() + estimate_seconds * interval '1 second'
       FROM next, (SELECT set_config('synchronous_commit', 'off', true)) AS fast WHERE j.job_id = next.job_id
     RETURNING ${JOB_COLUMNS}`,
    [wanted.runner, wanted.lane, wanted.kinds, wanted.count, wanted.leaseSeconds],
    'kept',
  )
  return rows.map(row => jobOf(row) as ClaimedJob)
}

/** A small result is written with the job's end, the others before. */
export interface WrittenResult extends JobResult {
  readonly body?: Buffer
}

export interface Progress {
  readonly id: string
  readonly claim: string
  readonly rows: number
  readonly bytes: number
  readonly done?: number
  readonly total?: number
  readonly shards?: number
}

/** Heartbeat: says how far the jobs are and resolves to those that are still ours. */
export async function renewLeases(
  client: Client,
  progress: readonly Progress[],
  leaseSeconds: number,
): Promise<readonly string[]> {
  const rows = await client.query<{ claim: string }>(
    `UPDATE uws.job j SET lease_until = clock_timestamp() + $2 * interval '1 second', row_count = p.rows,
            byte_count = p.bytes, steps_done = p.done, steps_total = p.total, shards = coalesce(p.shards, j.shards)
       FROM json_to_recordset($1) AS p (id uuid, claim uuid, rows bigint, bytes bigint, done int, total int, shards int)
      WHERE j.job_id = p.id AND j.claim = p.claim AND j.phase = 'EXECUTING'
      RETURNING j.claim`,
    [JSON.stringify(progress), leaseSeconds],
    'kept',
  )
  return rows.map(row => row.claim)
}

/** EXECUTING → COMPLETED with its results; false when the job is no longer ours. Saying it twice is saying it once. */
export async function completeJob(
  client: Client,
  id: string,
  claim: string,
  results: readonly WrittenResult[],
  shards?: number,
): Promise<boolean> {
  const rows = await client.query<{ ours: boolean }>(
    `WITH done AS (
       UPDATE uws.job SET phase = 'COMPLETED', end_time = clock_timestamp(), quote = NULL, requester = NULL,
              lease_until = NULL, row_count = NULL, byte_count = NULL, steps_done = NULL, steps_total = NULL,
              shards = coalesce($4::int, shards)
        WHERE job_id = $1 AND claim = $2 AND phase = 'EXECUTING' RETURNING job_id),
     kept AS (
       INSERT INTO uws.result (job_id, result_id, sequence, key, content_type, file_name, bytes, sha256, row_count, overflow, body)
       SELECT done.job_id, r.id, r.sequence, r.key, r."contentType", r."fileName", r.bytes, r.sha256, r.rows, r.overflow,
              decode(r.body, 'base64')
         FROM done, json_to_recordset($3) AS r (id text, sequence int, key text, "contentType" text, "fileName" text,
              bytes bigint, sha256 text, rows bigint, overflow boolean, body text))
     SELECT EXISTS (SELECT FROM done)
         OR EXISTS (SELECT FROM uws.job WHERE job_id = $1 AND claim = $2 AND phase = 'COMPLETED') AS ours`,
    [
      id,
      claim,
      JSON.stringify(
        results.map(({ body, ...result }, sequence) => ({
          ...result,
          sequence,
          body: body?.toString('base64'),
        })),
      ),
      shards,
    ],
    'kept',
  )
  return rows[0]!.ours
}

/** EXECUTING → ERROR; ABORTED when it is the executionDuration that is over (UWS 1.1 §2.1.4). */
export async function failJob(
  client: Client,
  id: string,
  claim: string,
  phase: Extract<Phase, 'ERROR' | 'ABORTED'>,
  error: ErrorSummary,
): Promise<void> {
  await client.query(
    `UPDATE uws.job SET phase = $3, end_time = clock_timestamp(), quote = NULL, requester = NULL, lease_until = NULL, error = $4
      WHERE job_id = $1 AND claim = $2 AND phase = 'EXECUTING'`,
    [id, claim, phase, JSON.stringify(error)],
  )
}

/** EXECUTING → QUEUED at its old turn: this runner stops in good order, which is no fault of the job. */
export async function releaseJob(client: Client, id: string, claim: string): Promise<void> {
  await client.query(
    `UPDATE uws.job SET phase = 'QUEUED', start_time = NULL, runner = NULL, claim = NULL, lease_until = NULL,
            row_count = NULL, byte_count = NULL, steps_done = NULL, steps_total = NULL, claims = claims - 1
      WHERE job_id = $1 AND claim = $2 AND phase = 'EXECUTING'`,
    [id, claim],
  )
}

/** EXECUTING → QUEUED behind others: a machine of the cluster that it needs is away, the rest goes on. */
export async function postponeJob(client: Client, id: string, claim: string): Promise<void> {
  await client.query(
    `UPDATE uws.job SET phase = 'QUEUED', start_time = NULL, runner = NULL, claim = NULL, lease_until = NULL,
            row_count = NULL, byte_count = NULL, steps_done = NULL, steps_total = NULL, claims = claims - 1,
            turn = ${turn('lane', 'requester')}
      WHERE job_id = $1 AND claim = $2 AND phase = 'EXECUTING'`,
    [id, claim],
  )
}

/** What a job that began without an estimate is found to be. */
export async function setEstimate(
  client: Client,
  id: string,
  claim: string,
  { lane, seconds, shards }: Assessment,
): Promise<void> {
  await client.query(
    `UPDATE uws.job SET lane = $3, estimate_seconds = $4::float8, quote = start_time + $4::float8 * interval '1 second',
            shards = coalesce($5::int, shards)
      WHERE job_id = $1 AND claim = $2 AND phase = 'EXECUTING'`,
    [id, claim, lane, seconds, shards],
  )
}

/** EXECUTING → QUEUED behind the long ones: it began where small ones are run, and is none. */
export async function queueAsSlow(client: Client, id: string, claim: string, seconds: number): Promise<void> {
  await client.query(
    `UPDATE uws.job SET phase = 'QUEUED', start_time = NULL, runner = NULL, claim = NULL, lease_until = NULL,
            row_count = NULL, byte_count = NULL, steps_done = NULL, steps_total = NULL, claims = claims - 1,
            lane = 'slow', estimate_seconds = $3::float8, turn = ${turn("'slow'", 'requester')}
      WHERE job_id = $1 AND claim = $2 AND phase = 'EXECUTING'`,
    [id, claim, seconds],
  )
}

export interface Recovered {
  readonly id: string
  /** The claim that is void now; what it has stored is to be removed. */
  readonly claim: string
  readonly phase: Phase
}

/** The words for a job that outlived its runners. */
export const RUNNER_DIED: ErrorSummary = {
  type: 'transient',
  message: 'The program that ran this job stopped without a word, twice.',
  detail:
    'The machine may have failed, or the job may need more memory than there is. Its operators find the reason in the log; run the job again, or ask for less at once.',
}

/** The words for a job that outlived its database connections. */
export const DATABASE_WENT: ErrorSummary = {
  type: 'transient',
  message: 'The database, or the storage of results, went away while this job was running, twice.',
  detail: 'Run the job again.',
}

const GIVE_BACK = `
  phase = CASE WHEN claims < ${MOST_CLAIMS} THEN 'QUEUED' ELSE 'ERROR' END,
  end_time = CASE WHEN claims < ${MOST_CLAIMS} THEN NULL ELSE clock_timestamp() END,
  start_time = CASE WHEN claims < ${MOST_CLAIMS} THEN NULL ELSE start_time END,
  requester = CASE WHEN claims < ${MOST_CLAIMS} THEN requester END,
  runner = NULL, claim = NULL, lease_until = NULL, row_count = NULL, byte_count = NULL, steps_done = NULL,
  steps_total = NULL, quote = NULL`

/** EXECUTING → QUEUED the first time, then ERROR: what we run on failed, not the job. */
export async function giveBackJob(
  client: Client,
  id: string,
  claim: string,
  error: ErrorSummary,
): Promise<void> {
  await client.query(
    `UPDATE uws.job SET ${GIVE_BACK}, error = CASE WHEN claims < ${MOST_CLAIMS} THEN NULL ELSE $3::jsonb END
      WHERE job_id = $1 AND claim = $2 AND phase = 'EXECUTING'`,
    [id, claim, JSON.stringify(error)],
  )
}

/** Jobs whose lease is over: their runner is dead, or deaf for so long that it must count as dead. */
export async function recoverJobs(client: Client): Promise<readonly Recovered[]> {
  return client.query<{ id: string; claim: string; phase: Phase }>(
    `WITH dead AS MATERIALIZED (
       SELECT job_id, claim FROM uws.job WHERE phase = 'EXECUTING' AND lease_until < clock_timestamp()
          FOR UPDATE SKIP LOCKED)
     UPDATE uws.job j SET ${GIVE_BACK}, error = CASE WHEN claims < ${MOST_CLAIMS} THEN NULL ELSE $1::jsonb END
       FROM dead WHERE j.job_id = dead.job_id
     RETURNING j.job_id AS id, dead.claim, j.phase`,
    [JSON.stringify(RUNNER_DIED)],
    'kept',
  )
}

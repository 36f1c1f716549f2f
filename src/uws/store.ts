/**
 * What people do to jobs, one statement each. A transition that does not apply changes nothing: the guard is in the
 * statement, so two who try at once cannot both succeed. The trigger of `uws.job` tells everybody who waits.
 */
import type { Identity } from '../auth/identity.ts'
import type { Client } from '../db/database.ts'
import type { ClaimedJob } from './claim.ts'
import type { Job, JobResult, Lane, Pairs, Place, UploadedPart } from './job.ts'
import { JOB_COLUMNS, type JobRow, jobOf } from './row.ts'

export interface NewJob {
  readonly id: string
  readonly kind: string
  readonly identity: Identity
  readonly session: string | undefined
  readonly runId: string | undefined
  readonly title: string | undefined
  readonly parameters: Pairs
  readonly uploads: readonly UploadedPart[]
  readonly notify: readonly string[]
  /** Seconds; 0: no limit. */
  readonly executionDuration: number
  /** Undefined: after `retentionSeconds`. */
  readonly destruction: Date | undefined
  readonly retentionSeconds: number
  /** No destruction is later than this after the creation. */
  readonly retentionSecondsHard: number
}

/** How a job enters the queue. */
export interface Queueing {
  readonly lane: Lane
  /** Jobs of one requester take turns with those of others. */
  readonly requester: string
  readonly estimateSeconds: number | undefined
  /** Of a cluster, that it asks. */
  readonly shards: number | undefined
  /** Jobs of the lane that run at once, for the quote. */
  readonly slots: number
  /** Jobs of the requester that may run at once; undefined: as many as there are places. */
  readonly mostAtOnce: number | undefined
}

/** Jobs ahead that a quote adds up; behind more of them the answer is "don't know". */
const FORESEEN = 1000

/**
 * Fairness without counting: a job's turn is that of the lane's head, or one after its requester's last, whichever is
 * later. Somebody who queues ten thousand jobs takes ten thousand turns; the next one who comes has the next.
 */
export const turn = (lane: string, requester: string) => `greatest(0,
  (SELECT turn FROM uws.job WHERE phase = 'QUEUED' AND lane = ${lane} ORDER BY turn, queued_at LIMIT 1),
  (SELECT max(turn) + 1 FROM uws.job WHERE requester = ${requester} AND phase IN ('QUEUED', 'EXECUTING')))`

/** When it is likely to be done (UWS 1.1 §2.1.6): after what is before it, which is shared by the lane's slots. */
const quote = (lane: string, seconds: string, slots: string) => `(
  SELECT CASE WHEN count(*) < ${FORESEEN}
    THEN clock_timestamp() + (${seconds} + coalesce(sum(estimate_seconds), 0) / ${slots}) * interval '1 second' END
    FROM (SELECT estimate_seconds FROM uws.job WHERE phase = 'QUEUED' AND lane = ${lane}
           ORDER BY turn, queued_at LIMIT ${FORESEEN}) AS ahead)`

const NEW_COLUMNS = `job_id, kind, owner, session, identity, run_id, title, parameters, uploads, notify, execution_duration,
  destruction`
const NEW_VALUES = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
  least(coalesce($12::timestamptz, clock_timestamp() + $13 * interval '1 second'),
        clock_timestamp() + $14 * interval '1 second')`

const newValues = (job: NewJob) => [
  job.id,
  job.kind,
  job.identity.name,
  job.session,
  JSON.stringify(job.identity),
  job.runId,
  job.title,
  JSON.stringify(job.parameters),
  JSON.stringify(job.uploads),
  job.notify.length > 0 ? JSON.stringify(job.notify) : null,
  job.executionDuration,
  job.destruction,
  job.retentionSeconds,
  job.retentionSecondsHard,
]

/** PENDING, or QUEUED at once. */
export async function createJob(client: Client, job: NewJob, queueing?: Queueing): Promise<void> {
  const queued = `'QUEUED', clock_timestamp(), $15, $16, $17::float8, ${turn('$15', '$16')}, ${quote('$15', '$17', '$18')}, $19::int, $20::int`
  await client.query(
    `INSERT INTO uws.job (${NEW_COLUMNS}, phase, queued_at, lane, requester, estimate_seconds, turn, quote, most_at_once, shards)
     VALUES (${NEW_VALUES}, ${queueing ? queued : "'PENDING', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"})`,
    [...newValues(job), ...(queueing ? queueValues(queueing) : [])],
    'kept',
  )
}

/**
 * EXECUTING in the fast lane, claimed for the place, at turn 0 since nobody waits; PENDING, and undefined, when others
 * wait for a place. The commit does not wait for the disk, so that the work may begin meanwhile: nobody may be told of
 * the job before `flushed` or another commit.
 */
export async function beginJob(
  client: Client,
  job: NewJob,
  requester: string,
  place: Pick<Place, 'runner' | 'leaseSeconds'>,
): Promise<ClaimedJob | undefined> {
  const rows = await client.query<Begun>(
    `INSERT INTO uws.job (${NEW_COLUMNS}, phase, queued_at, lane, requester, turn, start_time, runner, claim, claims,
                          lease_until)
     SELECT ${NEW_VALUES}, phase, at, lane, CASE WHEN at IS NOT NULL THEN $15 END,
            CASE WHEN at IS NOT NULL THEN 0 END, at, runner, claim, (at IS NOT NULL)::int,
            at + $17 * interval '1 second'
       FROM (SELECT 'PENDING' AS phase, NULL::timestamptz AS at, NULL AS lane, NULL::uuid AS runner, NULL::uuid AS claim
              WHERE EXISTS (SELECT FROM uws.job WHERE phase = 'QUEUED' AND lane = 'fast')
             UNION ALL
             SELECT 'EXECUTING', clock_timestamp(), 'fast', $16, gen_random_uuid()
              WHERE NOT EXISTS (SELECT FROM uws.job WHERE phase = 'QUEUED' AND lane = 'fast')) AS begun,
            (SELECT set_config('synchronous_commit', 'off', true)) AS fast
     RETURNING claim, creation_time, start_time, destruction`,
    [...newValues(job), requester, place.runner, place.leaseSeconds],
    'kept',
  )
  const { claim, creation_time, start_time, destruction } = rows[0]!
  if (claim === null) return undefined
  // Written out, since V8 gives a literal that begins with others and goes on a map of its own each time.
  return {
    id: job.id,
    kind: job.kind,
    owner: job.identity.name,
    session: job.session,
    identity: job.identity,
    runId: job.runId,
    title: job.title,
    parameters: job.parameters,
    uploads: job.uploads,
    phase: 'EXECUTING',
    creationTime: creation_time,
    queuedAt: start_time,
    startTime: start_time,
    endTime: undefined,
    quote: undefined,
    executionDuration: job.executionDuration,
    destruction,
    error: undefined,
    lane: 'fast',
    estimateSeconds: undefined,
    shards: undefined,
    rows: undefined,
    bytes: undefined,
    steps: undefined,
    was: undefined,
    expiredAt: undefined,
    notify: job.notify,
    claim,
    results: [],
  }
}

/** Resolves when every commit before it is on the disk: an empty message is a commit that waits. */
export async function flushed(client: Client): Promise<void> {
  await client.query(`SELECT pg_logical_emit_message(true, 'almagest', '')`, [], 'kept')
}

interface Begun {
  claim: string | null
  creation_time: Date
  start_time: Date
  destruction: Date
}

const queueValues = (queueing: Queueing) => [
  queueing.lane,
  queueing.requester,
  queueing.estimateSeconds,
  queueing.slots,
  queueing.mostAtOnce,
  queueing.shards,
]

/** PENDING, HELD or SUSPENDED → QUEUED; false when the job is in another phase. */
export async function queueJob(client: Client, id: string, queueing: Queueing): Promise<boolean> {
  const rows = await client.query(
    `UPDATE uws.job
        SET phase = 'QUEUED', queued_at = clock_timestamp(), lane = $2, requester = $3, estimate_seconds = $4::float8,
            turn = ${turn('$2', '$3')}, quote = ${quote('$2', '$4', '$5')}, most_at_once = $6::int, shards = $7::int
      WHERE job_id = $1 AND phase IN ('PENDING', 'HELD', 'SUSPENDED')
      RETURNING job_id`,
    [id, ...queueValues(queueing)],
    'kept',
  )
  return rows.length > 0
}

/** Any active phase → ABORTED; false when there was nothing to abort. */
export async function abortJob(client: Client, id: string): Promise<boolean> {
  const rows = await client.query(
    `UPDATE uws.job SET phase = 'ABORTED', end_time = clock_timestamp(), quote = NULL, requester = NULL
      WHERE job_id = $1 AND phase IN ('PENDING', 'QUEUED', 'EXECUTING', 'HELD', 'SUSPENDED')
      RETURNING job_id`,
    [id],
  )
  return rows.length > 0
}

/**
 * QUEUED → HELD, EXECUTING → SUSPENDED: it waits until PHASE=RUN queues it again (UWS 1.1 §2.1.3); what a broken-off
 * run had done is done anew. False when there was nothing to hold.
 */
export async function holdJob(client: Client, id: string): Promise<boolean> {
  const rows = await client.query(
    `UPDATE uws.job
        SET phase = CASE phase WHEN 'QUEUED' THEN 'HELD' ELSE 'SUSPENDED' END, quote = NULL, requester = NULL,
            runner = NULL, claim = NULL, claims = 0, lease_until = NULL
      WHERE job_id = $1 AND phase IN ('QUEUED', 'EXECUTING')
      RETURNING job_id`,
    [id],
  )
  return rows.length > 0
}

/** A job that has ended → ARCHIVED: what it was is kept, its results are not (UWS 1.1 §2.1.3). */
export async function archiveJob(client: Client, id: string): Promise<boolean> {
  const rows = await client.query(
    `UPDATE uws.job SET was = phase, phase = 'ARCHIVED' WHERE job_id = $1 AND phase IN ('COMPLETED', 'ERROR', 'ABORTED')
      RETURNING job_id`,
    [id],
  )
  return rows.length > 0
}

/** Gone for its owner at once, whatever its phase; a sweep takes its files and then the row. */
export async function deleteJobs(client: Client, ids: readonly string[]): Promise<number> {
  const rows = await client.query(
    `UPDATE uws.job SET was = phase, phase = 'ARCHIVED', deleted_at = clock_timestamp(), emptied = false, requester = NULL
      WHERE job_id = ANY($1) AND deleted_at IS NULL
      RETURNING job_id`,
    [ids],
  )
  return rows.length
}

export async function setDestruction(
  client: Client,
  id: string,
  at: Date,
  hardSeconds: number,
): Promise<void> {
  await client.query(
    `UPDATE uws.job SET destruction = least($2::timestamptz, creation_time + $3 * interval '1 second')
      WHERE job_id = $1 AND expired_at IS NULL`,
    [id, at, hardSeconds],
  )
}

/** While PENDING; later it would not reach the runner. */
export async function setExecutionDuration(client: Client, id: string, seconds: number): Promise<boolean> {
  const rows = await client.query(
    `UPDATE uws.job SET execution_duration = $2 WHERE job_id = $1 AND phase IN ('PENDING', 'HELD', 'SUSPENDED') RETURNING job_id`,
    [id, seconds],
  )
  return rows.length > 0
}

/** Who is told of its end; false when it has ended. */
export async function setNotify(client: Client, id: string, targets: readonly string[]): Promise<boolean> {
  const rows = await client.query(
    `UPDATE uws.job SET notify = $2
      WHERE job_id = $1 AND phase IN ('PENDING', 'QUEUED', 'EXECUTING', 'HELD', 'SUSPENDED') RETURNING job_id`,
    [id, targets.length > 0 ? JSON.stringify(targets) : null],
  )
  return rows.length > 0
}

export async function setRunId(client: Client, id: string, runId: string | undefined): Promise<void> {
  await client.query('UPDATE uws.job SET run_id = $2 WHERE job_id = $1 AND deleted_at IS NULL', [id, runId])
}

/** DALI 1.1 §2.1: parameters change while PENDING only; false in every other phase. */
export async function setParameters(
  client: Client,
  id: string,
  given: { parameters: Pairs; uploads: readonly UploadedPart[]; title: string | undefined },
): Promise<boolean> {
  const rows = await client.query(
    `UPDATE uws.job SET parameters = $2, uploads = $3, title = $4 WHERE job_id = $1 AND phase = 'PENDING' RETURNING job_id`,
    [id, JSON.stringify(given.parameters), JSON.stringify(given.uploads), given.title],
  )
  return rows.length > 0
}

/** Keeps another format of a result; false when it is there already, or the job is not. */
export async function addFormat(client: Client, id: string, result: JobResult): Promise<boolean> {
  const rows = await client.query(
    `INSERT INTO uws.result (job_id, result_id, format, sequence, key, content_type, file_name, bytes, sha256, row_count, overflow)
     SELECT job_id, $2, $3, 0, $4, $5, $6, $7, $8, $9, $10
       FROM uws.job WHERE job_id = $1 AND phase = 'COMPLETED' FOR SHARE
     ON CONFLICT DO NOTHING RETURNING job_id`,
    [
      id,
      result.id,
      result.format,
      result.key,
      result.contentType,
      result.fileName,
      result.bytes,
      result.sha256,
      result.rows,
      result.overflow,
    ],
  )
  return rows.length > 0
}

/** Undefined for a job that never was, that its owner deleted, or that is forgotten by now. */
export async function findJob(client: Client, id: string): Promise<Job | undefined> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return undefined
  const rows = await client.query<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM uws.job j WHERE j.job_id = $1 AND j.deleted_at IS NULL`,
    [id],
    'kept',
  )
  return rows[0] && jobOf(rows[0])
}

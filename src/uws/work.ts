/** One execution of a job: its signal, its sink, its folder; and how its failure is told. */
import { createHash } from 'node:crypto'
import { parametersOf } from '../dali/parameters.ts'
import { serviceError } from '../dali/respond.ts'
import { StatementError, sqlStateOf } from '../db/error.ts'
import { ServiceError } from '../error.ts'
import type { ClaimedJob, WrittenResult } from './claim.ts'
import type { ErrorSummary, Jobs, Lane } from './job.ts'
import type { JobKind, ResultHead, Work } from './kind.ts'
import { rowKey, SMALL_TOGETHER, small } from './small.ts'
import { copyParts, temporaryFolder } from './spool.ts'

export interface Execution {
  readonly job: ClaimedJob
  /** Whose place it takes. */
  lane: Lane
  readonly controller: AbortController
  /** So far; `done` of `total` things where its kind says so. */
  readonly progress: { rows: number; bytes: number; done?: number; total?: number; shards?: number }
}

/** Where in the storage a claim's results are; removed when the claim is lost. */
export function claimPrefix(id: string, claim: string): string {
  return `${id}/${claim}-`
}

/** Runs the job to its end; resolves to its results, rejects with what failed. */
export async function perform(
  jobs: Jobs,
  kind: JobKind,
  execution: Execution,
): Promise<readonly WrittenResult[]> {
  const { job, controller } = execution
  const results: WrittenResult[] = []
  const ids = new Set<string>()
  let room = SMALL_TOGETHER
  const { folder, remove } = temporaryFolder(jobs.spool, 'job-')
  const work: Work = {
    job,
    parameters: parametersOf(job.parameters),
    signal: controller.signal,
    folder,
    files: async () =>
      job.uploads.length > 0 ? copyParts(jobs.storage, job.uploads, await folder()) : new Map(),
    async write(head, chunks) {
      if (!/^[\w.-]+$/.test(head.id) || ids.has(head.id)) throw new Error(`bad result id ${head.id}`)
      const place = ids.add(head.id).size - 1
      if (head.outcome?.shards !== undefined) execution.progress.shards = head.outcome.shards
      const result = await writeResult(jobs, job, head, counted(chunks, head, execution), room)
      room -= result.body?.length ?? 0
      results[place] = result
    },
    progress(done, total) {
      Object.assign(execution.progress, { done, total })
    },
  }
  const overdue = executionTimer(job, controller)
  try {
    await kind.run(work)
    return results
  } finally {
    clearTimeout(overdue)
    await remove()
  }
}

async function writeResult(
  { storage }: Jobs,
  job: ClaimedJob,
  head: ResultHead,
  chunks: AsyncIterable<Uint8Array>,
  room: number,
): Promise<WrittenResult> {
  const read = await small(chunks, room)
  const { body } = read
  const key = body ? rowKey(job.id, head.id) : `${claimPrefix(job.id, job.claim)}${head.id}`
  const { bytes, sha256 } = body
    ? { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') }
    : await storage.write(key, read.rest)
  // A document that ends well-formed with an error is no result of a job.
  if (head.outcome?.error !== undefined) {
    throw head.outcome.cause ?? new ServiceError('internal', head.outcome.error)
  }
  return {
    body,
    id: head.id,
    format: '',
    key,
    contentType: head.contentType,
    fileName: head.fileName,
    bytes,
    sha256,
    rows: head.outcome?.rows,
    overflow: head.outcome?.overflow ?? false,
  }
}

/** Rows and bytes of all results of the job, as they go through. */
async function* counted(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { outcome }: ResultHead,
  { progress, controller }: Execution,
): AsyncGenerator<Uint8Array> {
  const before = progress.rows
  for await (const chunk of chunks) {
    controller.signal.throwIfAborted()
    progress.bytes += chunk.length
    if (outcome) progress.rows = before + outcome.rows
    yield chunk
  }
}

/** What the database's own limit does not catch: work outside of the one statement. */
function executionTimer(job: ClaimedJob, controller: AbortController): NodeJS.Timeout | undefined {
  const { executionDuration } = job
  if (executionDuration === 0) return undefined
  const late = () => controller.abort(overdueError(executionDuration))
  return setTimeout(late, Math.min(executionDuration * 1000 + 1000, 2 ** 31 - 1))
}

export function overdueError(seconds: number): ServiceError {
  return new ServiceError('timeout', `The job was ended after its executionDuration, ${seconds} seconds.`, {
    detail: 'Ask for a longer EXECUTIONDURATION before it runs, or for less at once.',
  })
}

/**
 * Whether it is what we run on that failed, so that the job deserves another try. What an ADQL query cannot have brought
 * about is told as `internal`.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return isConnectionLoss(error)
  return (error.code === 'unavailable' || error.code === 'internal') && isConnectionLoss(error.cause)
}

/** Whether the database itself says that a machine of its cluster cannot be reached: it is there, the machine is not. */
export function isNodeLoss(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error
  return cause instanceof StatementError && cause.sqlState.startsWith('08')
}

/**
 * Connection exceptions, an administrator's or a crash's shutdown, errors of the system below such as shared memory
 * that a dead postmaster took along (SQLSTATE classes 08, 57P, 58), a parallel worker that was killed (55000, before the
 * crash is told to all); sockets.
 */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const state = sqlStateOf(error)
  if (state === '55000') return /parallel worker|dynamic shared memory/.test(error.message)
  if (state !== undefined) return /^(08|57P|58|53300)/.test(state)
  const code = (error as NodeJS.ErrnoException).code
  if (code !== undefined)
    return /^(ECONN|ENOENT$|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ERR_STREAM_DESTROYED|ERR_STREAM_WRITE_AFTER_END)/.test(
      code,
    )
  return /connection|not queryable/i.test(error.message) || isConnectionLoss(error.cause)
}

export function errorSummary(error: unknown): ErrorSummary {
  const { code, message, detail } = serviceError(error)
  const type = code === 'unavailable' || code === 'internal' ? 'transient' : 'fatal'
  return detail === undefined ? { type, message } : { type, message, detail }
}

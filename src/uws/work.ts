/** One execution of a job: its signal, its sink, its folder; and how its failure is told. */
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parametersOf } from '../dali/parameters.ts'
import { serviceError } from '../dali/respond.ts'
import { sqlStateOf } from '../db/error.ts'
import { ServiceError } from '../error.ts'
import type { Outcome } from '../votable/row.ts'
import type { ClaimedJob } from './claim.ts'
import type { ErrorSummary, JobKind, JobResult, Jobs, ResultHead, Work } from './job.ts'

export interface Execution {
  readonly job: ClaimedJob
  readonly controller: AbortController
  /** So far. */
  readonly progress: { rows: number; bytes: number }
}

/** Where in the storage a claim's results are; removed when the claim is lost. */
export function claimPrefix(id: string, claim: string): string {
  return `${id}/${claim}-`
}

/** Runs the job to its end; resolves to its results, rejects with what failed. */
export async function perform(
  jobs: Jobs,
  kind: JobKind,
  { job, controller, progress }: Execution,
): Promise<readonly JobResult[]> {
  const results: JobResult[] = []
  const { folder, remove } = temporaryFolder(jobs.spool, 'job-')
  const work: Work = {
    job,
    parameters: parametersOf(job.parameters),
    signal: controller.signal,
    folder,
    files: async () => (job.uploads.length > 0 ? copyParts(jobs, job, await folder()) : new Map()),
    async write(head, chunks) {
      results.push(
        await writeResult(jobs, job, head, counted(chunks, head.outcome, progress, controller.signal)),
      )
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

/** A folder that is made when somebody wants it, and goes with `remove`. */
export function temporaryFolder(
  spool: string,
  prefix: string,
): { folder(): Promise<string>; remove(): Promise<void> } {
  let made: Promise<string> | undefined
  return {
    folder() {
      made ??= mkdir(spool, { recursive: true }).then(() => mkdtemp(path.join(spool, prefix)))
      return made
    },
    async remove() {
      if (made) await rm(await made, { recursive: true, force: true })
    },
  }
}

async function writeResult(
  { storage }: Jobs,
  job: ClaimedJob,
  head: ResultHead,
  chunks: AsyncIterable<Uint8Array>,
): Promise<JobResult> {
  const key = `${claimPrefix(job.id, job.claim)}${head.id}`
  const stored = await storage.write(key, chunks)
  // A document that ends well-formed with an error is no result of a job.
  if (head.outcome?.error !== undefined) {
    throw head.outcome.cause ?? new ServiceError('internal', head.outcome.error)
  }
  return {
    ...stored,
    id: head.id,
    format: '',
    key,
    contentType: head.contentType,
    fileName: head.fileName,
    rows: head.outcome?.rows,
    overflow: head.outcome?.overflow ?? false,
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  outcome: Outcome | undefined,
  progress: Execution['progress'],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    signal.throwIfAborted()
    progress.bytes += chunk.length
    if (outcome) progress.rows = outcome.rows
    yield chunk
  }
}

async function copyParts(
  { storage }: Jobs,
  job: ClaimedJob,
  folder: string,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const [i, { part, key }] of job.uploads.entries()) {
    const file = path.join(folder, `part-${i + 1}`)
    await pipeline(await storage.read(key), createWriteStream(file))
    files.set(part, file)
  }
  return files
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

/** Whether it is what we run on that failed, so that the job deserves another try. */
export function isOutage(error: unknown): boolean {
  if (error instanceof ServiceError) return error.code === 'unavailable' && isConnectionLoss(error.cause)
  return isConnectionLoss(error)
}

/** Connection exceptions, and an administrator's or a crash's shutdown (SQLSTATE classes 08 and 57P); sockets. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const state = sqlStateOf(error)
  if (state !== undefined) return /^(08|57P|53300)/.test(state)
  const code = (error as NodeJS.ErrnoException).code
  if (code !== undefined)
    return /^(ECONN|ENOENT$|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH)/.test(code)
  return /connection|client has encountered/i.test(error.message) || isConnectionLoss(error.cause)
}

export function errorSummary(error: unknown): ErrorSummary {
  const { code, message, detail } = serviceError(error)
  const type = code === 'unavailable' || code === 'internal' ? 'transient' : 'fatal'
  return detail === undefined ? { type, message } : { type, message, detail }
}

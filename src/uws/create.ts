/** How a request becomes a job, and a job enters the queue: the same for UWS and for people's side. */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Identity } from '../auth/identity.ts'
import type { Allowance } from '../auth/limits.ts'
import { badValue, type Parameters, parametersOf } from '../dali/parameters.ts'
import { ServiceError } from '../error.ts'
import type { ClaimedJob } from './claim.ts'
import type { Job, Jobs, Pairs, UploadedPart } from './job.ts'
import type { JobKind } from './kind.ts'
import { assess, type Question, questionOf } from './lane.ts'
import { notifyTargets } from './notify.ts'
import { requireRoom } from './room.ts'
import { beginJob, createJob, flushed, type NewJob, type Queueing, queueJob } from './store.ts'

/** Who wants something of jobs. */
export interface Requester {
  readonly identity: Identity
  /** Of a browser without login. */
  readonly session: string | undefined
  /** Network address. */
  readonly address: string
  readonly allowance: Allowance
}

/** What the creating request may say of the job itself; everything else is the work's. */
const CONTROL = ['PHASE', 'RUNID', 'DESTRUCTION', 'EXECUTIONDURATION', 'NOTIFY']

export const DAY_SECONDS = 86_400

export interface NewWork {
  readonly parameters: Parameters
  /** Paths of parts that are files. */
  readonly files: ReadonlyMap<string, string>
}

/** Creates a job; PENDING, or queued when the request says PHASE=RUN. Resolves to its id. */
export async function submitJob(
  jobs: Jobs,
  kind: JobKind,
  requester: Requester,
  { parameters, files }: NewWork,
): Promise<string> {
  const phase = parameters.single('PHASE')
  if (phase && phase.toUpperCase() !== 'RUN') throw badValue('PHASE', phase, 'RUN')
  const { limits } = jobs
  const own = workParameters(kind, parameters)
  const { identity } = requester
  if (identity.name === undefined) await kind.admit?.({ parameters: own, identity })
  const duration = durationValue(parameters.single('EXECUTIONDURATION'))
  const destruction = timeValue('DESTRUCTION', parameters.single('DESTRUCTION'))
  const runId = checkedText('RUNID', parameters.single('RUNID'))
  const notify = notifyTargets(parameters.all('NOTIFY'), requester.identity, jobs.notify)
  await requireRoom(jobs.db, requester.allowance, requesterName(requester), identity.name)
  const id = randomUUID()
  const uploads = await storeParts(jobs, id, files)
  try {
    const newJob = {
      id,
      kind: kind.name,
      identity,
      session: requester.session,
      runId,
      title: kind.title(own),
      parameters: own.pairs,
      uploads,
      notify,
      executionDuration: grantedDuration(jobs, duration),
      destruction,
      retentionSeconds: limits.retentionDays * DAY_SECONDS,
      retentionSecondsHard: limits.retentionDaysHard * DAY_SECONDS,
    }
    const asked = { parameters: own, identity, uploads, files: async () => files }
    if (phase) await createAndRun(jobs, kind, newJob, requester, asked)
    else await createJob(jobs.db, newJob)
  } catch (error) {
    if (uploads.length > 0) await jobs.storage.remove(`${id}/`)
    throw error
  }
  return id
}

/**
 * EXECUTING at once, when a runner of this process has a place for which nobody waits: whether such a job is a long one
 * is asked when it is not done in a moment (see run.ts). QUEUED otherwise.
 */
async function createAndRun(
  jobs: Jobs,
  kind: JobKind,
  newJob: NewJob,
  requester: Requester,
  asked: Question,
): Promise<void> {
  // Where one may have so many at once, the claims of the queue see to it.
  const isFree = requester.allowance.concurrentJobs === undefined
  const place = isFree ? jobs.here.place?.(kind.name) : undefined
  if (!place) {
    await createJob(jobs.db, newJob, await queueingOf(jobs, kind, requester, asked))
    return
  }
  let begun: ClaimedJob | undefined
  try {
    begun = await beginJob(jobs.db, newJob, requesterName(requester), place)
  } finally {
    place.take(begun)
  }
  if (begun) await flushed(jobs.db)
  else await queueJob(jobs.db, newJob.id, await queueingOf(jobs, kind, requester, asked))
}

/** PENDING → QUEUED, in the lane that its estimate says; false when the job is in another phase. */
export async function enqueue(
  jobs: Jobs,
  kind: JobKind,
  requester: Requester,
  job: Pick<Job, 'id' | 'parameters' | 'uploads'>,
): Promise<boolean> {
  await requireRoom(jobs.db, requester.allowance, requesterName(requester), requester.identity.name)
  const asked = questionOf(jobs, { ...job, identity: requester.identity })
  return queueJob(jobs.db, job.id, await queueingOf(jobs, kind, requester, asked))
}

/** 0: no job of theirs runs. */
const atOnce = ({ concurrentJobs: most }: Allowance) =>
  most === undefined || !Number.isFinite(most) ? undefined : most

const requesterName = ({ identity, address }: Requester) => identity.name ?? address

async function queueingOf(
  jobs: Jobs,
  kind: JobKind,
  requester: Requester,
  asked: Question,
): Promise<Queueing> {
  const { lane, seconds, shards } = await assess(jobs, kind, asked)
  return {
    lane,
    requester: requesterName(requester),
    estimateSeconds: seconds,
    shards,
    slots: lane === 'fast' ? jobs.limits.fastSlots : jobs.limits.slowSlots,
    mostAtOnce: atOnce(requester.allowance),
  }
}

/** The parameters that are the work's own, checked as far as they can be before it runs. */
export function workParameters(kind: JobKind, given: Parameters): Parameters {
  const pairs = given.pairs.filter(([name]) => !CONTROL.includes(name.toUpperCase()))
  for (const [name, value] of pairs) checkedText(name, value)
  const own = parametersOf(pairs)
  for (const name of kind.once) own.single(name)
  return own
}

/** What a later POST says about a parameter replaces what was said before. */
export function mergePairs(before: Pairs, given: Pairs): Pairs {
  const renewed = new Set(given.map(([name]) => name.toUpperCase()))
  return [...before.filter(([name]) => !renewed.has(name.toUpperCase())), ...given]
}

export async function storeParts(
  { storage }: Jobs,
  id: string,
  files: ReadonlyMap<string, string>,
): Promise<readonly UploadedPart[]> {
  const uploads: UploadedPart[] = []
  for (const [part, path] of files) {
    checkedText('a part name', part)
    const key = `${id}/uploads/${randomUUID()}`
    await storage.write(key, createReadStream(path))
    uploads.push({ part, key, bytes: (await stat(path)).size })
  }
  return uploads
}

/** Seconds; 0 asks for no limit (UWS 1.1 §2.1.4). */
export function durationValue(value: string | undefined): number | undefined {
  if (value === undefined || value === '') return undefined
  const seconds = /^\+?\d+$/.test(value.trim()) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(seconds)) throw badValue('EXECUTIONDURATION', value, 'a whole number of seconds')
  return seconds
}

/** What the service grants of what was asked; the client reads it back in the job. */
export function grantedDuration({ limits }: Jobs, seconds: number | undefined): number {
  if (seconds === undefined) return limits.executionSeconds
  return seconds === 0 ? limits.executionSecondsHard : Math.min(seconds, limits.executionSecondsHard)
}

/** DALI 1.1 §3.3.3: `YYYY-MM-DD['T'hh:mm:ss[.SSS]['Z']]`, UTC. */
export function timeValue(name: string, value: string | undefined): Date | undefined {
  if (value === undefined || value === '') return undefined
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)Z?)?$/.exec(value.trim())
  const time = match ? new Date(`${match[1]}T${match[2] ?? '00:00:00'}Z`) : undefined
  if (!time || Number.isNaN(time.getTime())) {
    throw badValue(name, value, 'a time of the form 2026-01-31T23:59:59Z (UTC)')
  }
  return time
}

/** PostgreSQL's text holds every character but NUL. */
export function checkedText(name: string, text: string | undefined): string | undefined {
  if (text?.includes('\0'))
    throw new ServiceError('usage', `${name.replaceAll('\0', '')} holds a NUL character`)
  return text || undefined
}

/** UWS 1.1 §2.2.1.2: WAIT. A request blocks until the job's phase changes, and costs nothing meanwhile. */
import { badValue, type Parameters } from '../dali/parameters.ts'
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Watch } from './events.ts'
import { ACTIVE, type Job, PHASES, type Phase } from './job.ts'
import { findJob } from './store.ts'

export interface Wait {
  readonly ms: number
  /** Only while the job is in this phase. */
  readonly phase: Phase | undefined
}

/** WAIT=-1 is for ever, which is `mostSeconds` (the client asks again); a PHASE without WAIT means nothing. */
export function waitParameters(parameters: Parameters, mostSeconds: number): Wait | undefined {
  const wait = parameters.single('WAIT')
  if (wait === undefined) return undefined
  if (!/^-?\d+$/.test(wait.trim())) throw badValue('WAIT', wait, 'a whole number of seconds, or -1')
  const seconds = Number(wait)
  return {
    ms: 1000 * (seconds < 0 ? mostSeconds : Math.min(seconds, mostSeconds)),
    phase: phaseValue(parameters.single('PHASE')),
  }
}

export function phaseValue(value: string | undefined): Phase | undefined {
  if (value === undefined || value === '') return undefined
  const phase = PHASES.find(known => known === value.toUpperCase())
  if (!phase) {
    throw new ServiceError('usage', `PHASE=${value} is no phase of UWS; those are ${PHASES.join(', ')}`)
  }
  return phase
}

/** A job that begins to run may be done at once: its client is told after so long, and spared a second WAIT. */
const SETTLE_MS = 8

/**
 * Resolves to the job when its phase is no longer `job.phase`, or as it is when the time is over. The watch began
 * before the job was read, so that no change falls between the two.
 */
export async function waitForChange(
  db: Client,
  watch: Watch,
  job: Job,
  wait: Wait,
): Promise<Job | undefined> {
  if (!ACTIVE.includes(job.phase) || (wait.phase && wait.phase !== job.phase)) return job
  const until = performance.now() + wait.ms
  for (;;) {
    const event = await watch.next(until - performance.now())
    if (event && event !== 'unknown' && event.phase === job.phase) continue // progress
    if (event && event !== 'unknown' && event.phase === 'EXECUTING') await watch.next(SETTLE_MS)
    const now = await findJob(db, job.id)
    if (!event || !now || now.phase !== job.phase) return now
  }
}

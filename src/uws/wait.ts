/** UWS 1.1 §2.2.1.2: WAIT. A request blocks until the job's phase changes, and costs nothing meanwhile. */
import { badValue, type Parameters } from '../dali/parameters.ts'
import { ServiceError } from '../error.ts'
import { nextEvent } from './events.ts'
import { ACTIVE, type Job, type Jobs, PHASES, type Phase } from './job.ts'
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

/** Resolves to the job when its phase is no longer `job.phase`, or as it is when the time is over. */
export async function waitForChange(
  { db, events }: Jobs,
  job: Job,
  wait: Wait,
  left: AbortSignal,
): Promise<Job | undefined> {
  if (!ACTIVE.includes(job.phase) || (wait.phase && wait.phase !== job.phase)) return job
  const controller = new AbortController()
  const end = () => controller.abort()
  const timer = setTimeout(end, wait.ms)
  left.addEventListener('abort', end, { once: true })
  try {
    for (;;) {
      // Listening begins before the job is read, so that no change falls between the two.
      const next = nextEvent(events, job.id, controller.signal)
      const now = await findJob(db, job.id)
      if (!now || now.phase !== job.phase || controller.signal.aborted) {
        end()
        return now
      }
      if (!(await next)) return await findJob(db, job.id)
    }
  } finally {
    clearTimeout(timer)
    left.removeEventListener('abort', end)
  }
}

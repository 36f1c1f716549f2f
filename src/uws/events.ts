/** What happens to jobs, as the database tells it (`NOTIFY uws_job`), to those who wait in this process. */
import type { Database } from '../db/database.ts'
import type { Lane, Phase } from './job.ts'

export interface JobEvent {
  readonly id: string
  readonly kind: string
  readonly phase: Phase
  readonly lane: Lane | null
  readonly owner: string | null
  readonly session: string | null
}

/** Undefined: the connection was away, anything may have happened; or this process stops. */
export type Heard = (event: JobEvent | undefined) => void

export interface JobEvents {
  /** Calls back on changes of one job, or of all; returns how to stop. */
  on(job: string | 'all', heard: Heard): () => void
  /** Set once the process stops: nobody waits any more. */
  readonly closed: boolean
  close(): Promise<void>
}

export async function openJobEvents(db: Database): Promise<JobEvents> {
  const heardBy = new Map<string, Set<Heard>>()
  let closed = false
  const tell = (job: string, event: JobEvent | undefined) => {
    for (const heard of [...(heardBy.get(job) ?? [])]) heard(event)
  }
  const unlisten = await db.listen('uws_job', payload => {
    if (payload === '') return tellAll()
    const event = JSON.parse(payload) as JobEvent
    tell(event.id, event)
    tell('all', event)
  })
  function tellAll(): void {
    for (const job of [...heardBy.keys()]) tell(job, undefined)
  }
  return {
    get closed() {
      return closed
    },
    on(job, heard) {
      const listeners = heardBy.get(job) ?? new Set()
      listeners.add(heard)
      heardBy.set(job, listeners)
      return () => {
        listeners.delete(heard)
        if (listeners.size === 0 && heardBy.get(job) === listeners) heardBy.delete(job)
      }
    },
    async close() {
      closed = true
      tellAll()
      await unlisten()
    },
  }
}

/** Resolves true on the next event of the job, false after `ms`, when the signal aborts, or when the process stops. */
export function nextEvent(events: JobEvents, job: string, signal: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const end = (heard: boolean) => {
      off()
      signal.removeEventListener('abort', leave)
      resolve(heard)
    }
    const leave = () => end(false)
    const off = events.on(job, () => end(!events.closed))
    if (signal.aborted || events.closed) end(false)
    else signal.addEventListener('abort', leave, { once: true })
  })
}

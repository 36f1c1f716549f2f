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

/** Events of one job since the watch began; none is missed between two looks. */
export interface Watch {
  /**
   * Resolves when there was an event that nobody has asked for yet; to undefined after `ms`, when the watch is closed,
   * or when the process stops.
   */
  next(ms: number): Promise<JobEvent | 'unknown' | undefined>
  close(): void
}

export function watchJob(events: JobEvents, job: string): Watch {
  let last: JobEvent | 'unknown' | undefined
  let isClosed = false
  let wake = () => {}
  const off = events.on(job, event => {
    last = event ?? 'unknown'
    wake()
  })
  return {
    close() {
      isClosed = true
      off()
      wake()
    },
    async next(ms) {
      if (last === undefined && !isClosed && !events.closed) {
        await new Promise<void>(resolve => {
          const timer = setTimeout(resolve, ms)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      const event = isClosed || events.closed ? undefined : last
      last = undefined
      return event
    },
  }
}

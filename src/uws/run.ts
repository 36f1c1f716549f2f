/**
 * The runner: claims jobs as places get free, runs them, and says how they ended. It wakes by NOTIFY; between, it
 * looks for jobs of dead runners and for what has expired. Any number of runners may run on any number of machines.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServiceError } from '../error.ts'
import type { Log } from '../log.ts'
import {
  type ClaimedJob,
  claimJobs,
  completeJob,
  DATABASE_WENT,
  failJob,
  giveBackJob,
  postponeJob,
  queueAsSlow,
  recoverJobs,
  releaseJob,
  renewLeases,
  setEstimate,
} from './claim.ts'
import { startDelivery } from './deliver.ts'
import type { JobEvent } from './events.ts'
import type { Jobs, Lane, Phase } from './job.ts'
import { assess, questionOf } from './lane.ts'
import { keepFresh } from './small.ts'
import { sweepJobs } from './sweep.ts'
import {
  claimPrefix,
  type Execution,
  errorSummary,
  isConnectionLoss,
  isNodeLoss,
  isOutage,
  perform,
} from './work.ts'

export interface Runner {
  /** No new jobs; those at work get `graceMs` to end, then they go back to the queue. */
  stop(graceMs: number): Promise<void>
}

/** How often an idle runner looks for what nobody tells: a lease that is over, a job whose NOTIFY was missed. */
const LOOK_MS = 5000
/** How often it sweeps what has expired. */
const SWEEP_MS = 60_000
/** Most jobs are done by then, and nobody need ask how long they take. */
const MOMENT_MS = 100
const RETRY_MS = 500
/** How long a job that needs a machine which is away holds its place before others have their turn. */
const NODE_MS = 2000

class Lost extends Error {}
class Stopping extends Error {}
class Slow extends Error {
  readonly seconds: number
  constructor(seconds: number) {
    super('the job is for the slow lane, which is full')
    this.seconds = seconds
  }
}

export function startRunner(jobs: Jobs, log: Log): Runner {
  const { db, limits, storage } = jobs
  const runner = randomUUID()
  const slots: Record<Lane, number> = { fast: limits.fastSlots, slow: limits.slowSlots }
  const kinds = jobs.kinds.map(kind => kind.name)
  const executions = new Map<string, Execution>()
  const ends = new Set<Promise<void>>()
  /** Places of the fast lane that are kept for jobs which are just being created. */
  let kept = 0
  const wanted = new Set<Lane>()
  let stopping = false
  let filling: Promise<void> | undefined
  let sweeping: Promise<void> | undefined

  /** One claim after the other, as long as there is a lane with a free place and news. */
  function fill(...lanes: readonly Lane[]): void {
    for (const lane of lanes) wanted.add(lane)
    filling ??= claimWhatFits().finally(() => {
      filling = undefined
      if (wanted.size > 0) fill()
    })
  }

  async function claimWhatFits(): Promise<void> {
    for (const lane of wanted) {
      wanted.delete(lane)
      const count = freePlaces(lane)
      if (count <= 0) continue
      try {
        const claimed = await claimJobs(db, { runner, lane, kinds, count, leaseSeconds: limits.leaseSeconds })
        for (const job of claimed) begin(job)
        if (claimed.length === count) wanted.add(lane)
      } catch (error) {
        log.warn({ err: error }, 'the runner cannot claim jobs; it looks again soon')
      }
    }
  }

  function freePlaces(lane: Lane): number {
    const busy = [...executions.values()].filter(execution => execution.lane === lane).length
    return stopping ? 0 : slots[lane] - busy - (lane === 'fast' ? kept : 0)
  }

  /** For a job that is created in this process: it need not be told of it, and claim it, to begin. */
  jobs.here.place = kind => {
    if (freePlaces('fast') <= 0 || !kinds.includes(kind)) return undefined
    kept++
    return {
      runner,
      leaseSeconds: limits.leaseSeconds,
      take(job) {
        kept--
        if (job) begin(job)
        else fill('fast')
      },
    }
  }

  function begin(job: ClaimedJob): void {
    const execution: Execution = {
      job,
      lane: job.lane!,
      controller: new AbortController(),
      progress: { rows: 0, bytes: 0 },
    }
    executions.set(job.claim, execution)
    const late =
      job.estimateSeconds === undefined ? setTimeout(() => assessLate(execution), MOMENT_MS) : undefined
    const end = execute(execution)
      .catch(error =>
        log.error({ err: error, job: job.id }, 'the runner cannot say how a job ended; its lease will'),
      )
      .finally(() => {
        clearTimeout(late)
        executions.delete(job.claim)
        ends.delete(end)
        fill(execution.lane)
      })
    ends.add(end)
  }

  /** A job without an estimate that is not done in a moment: a long one needs a place among the long ones. */
  async function assessLate(execution: Execution): Promise<void> {
    const { job, controller } = execution
    const kind = jobs.kinds.find(one => one.name === job.kind)!
    try {
      const found = await assess(jobs, kind, questionOf(jobs, job))
      if (!executions.has(job.claim) || found.seconds === undefined) return
      if (found.lane === 'slow' && execution.lane === 'fast') {
        if (freePlaces('slow') <= 0) return controller.abort(new Slow(found.seconds))
        execution.lane = 'slow'
        fill('fast')
      }
      await setEstimate(db, job.id, job.claim, found)
    } catch (error) {
      log.warn({ err: error, job: job.id }, 'a job that runs cannot be estimated')
    }
  }

  async function execute(execution: Execution): Promise<void> {
    const { job, controller } = execution
    const { id, claim } = job
    const begun = performance.now()
    const ended = (phase: Phase, error?: string) => {
      const { rows, bytes, shards } = execution.progress
      const ms = Math.round(performance.now() - begun)
      log.info({ job: id, kind: job.kind, phase, ms, rows, bytes, shards, error }, 'job')
    }
    try {
      const kind = jobs.kinds.find(one => one.name === job.kind)!
      const results = await perform(jobs, kind, execution)
      if (await told(() => completeJob(db, id, claim, results, execution.progress.shards))) {
        ended('COMPLETED')
        for (const { key, body } of results) if (body) keepFresh(key, body)
        return
      }
      await storage.remove(claimPrefix(id, claim))
    } catch (error) {
      const reason = controller.signal.aborted ? controller.signal.reason : error
      // First the files: once the job is given back, somebody else is at it.
      await storage.remove(claimPrefix(id, claim)).catch(e => log.warn({ err: e, job: id }, 'leftover files'))
      if (reason instanceof Lost) return
      if (reason instanceof Stopping) return told(() => releaseJob(db, id, claim))
      if (reason instanceof Slow) return told(() => queueAsSlow(db, id, claim, reason.seconds))
      if (isNodeLoss(reason)) {
        log.warn({ err: reason, job: id }, 'a job waits for a machine of the cluster')
        await sleep(NODE_MS, undefined, { signal: controller.signal }).catch(() => {})
        return told(() => postponeJob(db, id, claim))
      }
      if (isOutage(reason)) {
        log.warn({ err: reason, job: id }, 'the database went away under a job')
        return told(() => giveBackJob(db, id, claim, DATABASE_WENT))
      }
      const late = reason instanceof ServiceError && reason.code === 'timeout'
      if (!(reason instanceof ServiceError)) log.error({ err: reason, job: id }, 'a job failed by our fault')
      const phase = late ? 'ABORTED' : 'ERROR'
      const summary = errorSummary(reason)
      await told(() => failJob(db, id, claim, phase, summary))
      ended(phase, summary.message)
    }
  }

  /** Says it again while the database is away, as long as the lease lets it; after that, recovery speaks. */
  async function told<T>(say: () => Promise<T>): Promise<T> {
    const until = performance.now() + limits.leaseSeconds * 1000
    for (;;) {
      try {
        return await say()
      } catch (error) {
        if (!(isOutage(error) || isConnectionLoss(error)) || performance.now() > until) throw error
        await sleep(RETRY_MS)
      }
    }
  }

  const heard = (event: JobEvent | undefined) => {
    if (!event) return fill('fast', 'slow')
    if (event.phase === 'QUEUED' && event.lane && kinds.includes(event.kind)) return fill(event.lane)
    if (event.phase === 'EXECUTING' || event.phase === 'COMPLETED') return
    // Held and run again at once, it may be ours anew: the claims tell.
    if (event.phase === 'SUSPENDED') return void heartbeat()
    for (const { job, controller } of executions.values()) {
      if (job.id === event.id)
        controller.abort(new Lost('the job was aborted, deleted, or given to another runner'))
    }
  }

  async function heartbeat(): Promise<void> {
    if (executions.size === 0) return
    const all = [...executions.values()]
    try {
      const progress = all.map(({ job, progress }) => ({ id: job.id, claim: job.claim, ...progress }))
      const ours = new Set(await renewLeases(db, progress, limits.leaseSeconds))
      for (const { job, controller } of all) {
        if (!ours.has(job.claim)) controller.abort(new Lost('the lease is over'))
      }
    } catch (error) {
      log.warn({ err: error }, 'the heartbeat of the runner failed')
    }
  }

  async function look(): Promise<void> {
    try {
      for (const { id, claim, phase } of await recoverJobs(db)) {
        log.warn({ job: id, phase }, 'a job whose runner died was recovered')
        await storage.remove(claimPrefix(id, claim))
      }
    } catch (error) {
      log.warn({ err: error }, 'the runner cannot look after jobs; it looks again soon')
    }
    fill('fast', 'slow')
  }

  function sweep(): void {
    sweeping ??= sweepJobs(jobs)
      .then(emptied => {
        if (emptied > 0) log.info({ emptied }, 'expired and deleted jobs were emptied')
      })
      .catch(error => log.warn({ err: error }, 'the runner cannot sweep; it tries again soon'))
      .finally(() => {
        sweeping = undefined
      })
  }

  const delivery = jobs.notify ? startDelivery(jobs, jobs.notify, log) : undefined
  const offEvents = jobs.events.on('all', heard)
  const timers = [
    setInterval(heartbeat, (limits.leaseSeconds * 1000) / 4),
    setInterval(look, LOOK_MS),
    setInterval(sweep, SWEEP_MS),
  ]
  void look()
  sweep()

  return {
    async stop(graceMs) {
      stopping = true
      delete jobs.here.place
      offEvents()
      clearInterval(timers[1])
      clearInterval(timers[2])
      const late = performance.now() + graceMs
      while (kept > 0 && performance.now() < late) await sleep(5)
      await filling // what is being claimed just now gets the grace like the rest
      const left = new AbortController()
      await Promise.race([
        Promise.all(ends),
        sleep(graceMs, undefined, { signal: left.signal }).catch(() => {}),
      ])
      left.abort()
      for (const { controller } of executions.values()) controller.abort(new Stopping())
      await Promise.all(ends)
      clearInterval(timers[0])
      await sweeping
      await delivery?.stop()
    },
  }
}

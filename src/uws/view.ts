/** A job as JSON, for pages and scripts. */
import { availableResults, summary, timeText } from './document.ts'
import type { Job, Jobs } from './job.ts'
import { shownTarget } from './notify.ts'

/** `origin` is the service's URL; URLs in the answer are absolute. */
export function jobView(job: Job, jobs: Jobs, origin: string): Record<string, unknown> {
  const path = jobs.kinds.find(kind => kind.name === job.kind)?.path ?? ''
  const { rows, bytes, overflow } = summary(job)
  const time = (date: Date | undefined) => (date ? timeText(date) : null)
  return {
    id: job.id,
    kind: job.kind,
    url: `${origin}${path}/${job.id}`,
    runId: job.runId ?? null,
    ownerId: job.owner ?? null,
    title: job.title ?? null,
    phase: job.phase,
    // What an archived job was; and whether it is past its destruction.
    endedAs: job.was ?? null,
    expired: job.expiredAt !== undefined,
    creationTime: time(job.creationTime),
    startTime: time(job.startTime),
    endTime: time(job.endTime),
    quote: time(job.quote),
    destruction: time(job.destruction),
    executionDuration: job.executionDuration,
    lane: job.lane ?? null,
    estimatedSeconds: job.estimateSeconds ?? null,
    // Of a cluster, that are asked.
    shards: job.shards ?? null,
    rows: rows ?? null,
    bytes: bytes ?? null,
    // Of work in several parts.
    stepsDone: job.steps?.done ?? null,
    stepsTotal: job.steps?.total ?? null,
    overflow: overflow ?? null,
    error: job.error ?? null,
    notify: job.notify.map(shownTarget),
    parameters: job.parameters,
    uploads: job.uploads.map(({ part, bytes }) => ({ part, bytes })),
    results: availableResults(job).map(one => ({
      id: one.id,
      url: `${origin}${path}/${job.id}/results/${encodeURIComponent(one.id)}`,
      contentType: one.contentType,
      fileName: one.fileName,
      bytes: one.bytes,
      sha256: one.sha256,
      rows: one.rows ?? null,
      overflow: one.overflow,
    })),
  }
}

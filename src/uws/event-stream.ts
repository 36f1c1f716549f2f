/** Server-sent events (HTML §9.2): jobs as they change, each time the whole of what people see of them. */
import type { ServerResponse } from 'node:http'
import type { JobEvent } from './events.ts'
import { ENDED, type Job, type Jobs } from './job.ts'
import { JOB_COLUMNS, type JobRow, jobOf } from './row.ts'

/** Changes within this time go out together. */
const GATHER_MS = 50
/** A line now and then, so that no proxy takes the connection for dead. */
const ALIVE_MS = 25_000

export interface EventStreamOptions {
  /** One job, or those of which `belongs` is true. */
  readonly job: Job | undefined
  belongs(event: JobEvent): boolean
  /** What is sent of a job. */
  view(job: Job): object
}

/**
 * Sends events named `job` until the client leaves or the process stops; of one job, until it has ended. A deleted
 * job is told as `gone` with its id.
 */
export async function streamEvents(
  jobs: Jobs,
  response: ServerResponse,
  options: EventStreamOptions,
): Promise<void> {
  const { job, belongs, view } = options
  const changed = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const send = (name: string, data: object) =>
    response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  const flush = async () => {
    timer = undefined
    const ids = [...changed]
    changed.clear()
    try {
      const rows = await jobs.db.query<JobRow>(
        `SELECT ${JOB_COLUMNS} FROM uws.job j WHERE job_id = ANY($1) AND deleted_at IS NULL`,
        [ids],
      )
      const found = rows.map(jobOf)
      for (const one of found) send('job', view(one))
      const gone = ids.filter(id => !found.some(one => one.id === id))
      for (const id of gone) send('gone', { id })
      if (job && (gone.length > 0 || (found[0] && ENDED.includes(found[0].phase)))) response.end()
    } catch {
      response.end() // the client comes back and hears the state anew
    }
  }
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  })
  if (response.req.method === 'HEAD') {
    response.end()
    return
  }
  response.write('retry: 2000\n\n')
  const off = jobs.events.on(job?.id ?? 'all', event => {
    if (!event) {
      response.end()
      return
    }
    if (!belongs(event)) return
    changed.add(event.id)
    timer ??= setTimeout(flush, GATHER_MS)
  })
  const alive = setInterval(() => response.write(': alive\n\n'), ALIVE_MS)
  if (job) {
    changed.add(job.id)
    timer ??= setTimeout(flush, 0)
  }
  if (jobs.events.closed) response.end()
  await new Promise<void>(resolve => response.once('close', resolve))
  off()
  clearInterval(alive)
  clearTimeout(timer)
}

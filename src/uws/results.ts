/** A result in the format that a client wants: made once from what is stored, and kept beside it. */
import { randomUUID } from 'node:crypto'
import { ServiceError } from '../error.ts'
import { availableResults } from './document.ts'
import type { Job, JobResult, Jobs } from './job.ts'
import type { JobKind } from './kind.ts'
import { temporaryFolder } from './spool.ts'
import { addFormat, findJob } from './store.ts'

/** Conversions under way in this process, so that many who ask at once are served by one. */
const underWay = new Map<string, Promise<JobResult>>()

/** The result of that id, as it is stored or in another format. Throws `notFound`, or `usage` for the format. */
export async function resultOf(
  jobs: Jobs,
  kind: JobKind,
  job: Job,
  id: string,
  responseFormat: string | undefined,
): Promise<JobResult> {
  const stored = availableResults(job).find(result => result.id === id)
  if (!stored) {
    const why = job.phase === 'COMPLETED' ? '' : `; the job is ${job.phase}`
    throw new ServiceError('notFound', `the job has no result ${id}${why}`)
  }
  if (!responseFormat) return stored
  if (!kind.convert) throw new ServiceError('usage', 'Results of these jobs have no other format.')
  const task = `${job.id} ${id} ${responseFormat}`
  const known = underWay.get(task)
  if (known) return known
  const making = convert(jobs, kind, job, stored, responseFormat).finally(() => underWay.delete(task))
  underWay.set(task, making)
  return making
}

async function convert(
  { db, storage, spool }: Jobs,
  kind: JobKind,
  job: Job,
  stored: JobResult,
  responseFormat: string,
): Promise<JobResult> {
  const { folder, remove } = temporaryFolder(spool, 'format-')
  try {
    const source = {
      ...stored,
      read: (range?: { start: number; end: number }) => storage.read(stored.key, range),
    }
    const converted = await kind.convert!(source, responseFormat, folder)
    if (!converted) return stored
    const { contentType, fileName, chunks, outcome } = converted
    const there = (one: JobResult) => one.id === stored.id && one.format === contentType
    const made = job.results.find(there)
    if (made) return made
    const key = `${job.id}/${stored.id}.${randomUUID().slice(0, 8)}`
    const bytes = await storage.write(key, chunks)
    if (outcome.error !== undefined) {
      await storage.remove(key)
      throw outcome.cause ?? new ServiceError('internal', outcome.error)
    }
    const result = { ...stored, ...bytes, format: contentType, key, contentType, fileName }
    if (await addFormat(db, job.id, result)) return result
    // Somebody else was faster, or the job is gone.
    await storage.remove(key)
    const other = (await findJob(db, job.id))?.results.find(there)
    if (!other) throw new ServiceError('notFound', 'the job was removed meanwhile')
    return other
  } finally {
    await remove()
  }
}

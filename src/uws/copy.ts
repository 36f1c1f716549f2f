/** A job again: as it was, or with other parameters. */
import { createWriteStream } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parametersOf } from '../dali/parameters.ts'
import { ServiceError } from '../error.ts'
import { mergePairs, type Requester, submitJob } from './create.ts'
import type { Job, JobKind, Jobs, Pairs } from './job.ts'
import { temporaryFolder } from './work.ts'

export interface CopyChanges {
  /** Set in place of what was there. */
  readonly parameters: Pairs
  /** Names in upper case of those to leave out. */
  readonly without: readonly string[]
  readonly run: boolean
  readonly runId?: string
}

/** Resolves to the new job's id. Works for an expired job too, unless it had uploads, which are gone. */
export async function copyJob(
  jobs: Jobs,
  kind: JobKind,
  requester: Requester,
  job: Job,
  changes: CopyChanges,
): Promise<string> {
  const { folder, remove } = temporaryFolder(jobs.spool, 'copy-')
  const files = new Map<string, string>()
  try {
    for (const [i, { part, key }] of job.uploads.entries()) {
      const file = path.join(await folder(), `part-${i + 1}`)
      const bytes = await jobs.storage.read(key).catch(error => {
        throw new ServiceError(
          'usage',
          `The uploaded table '${part}' of this job is gone; send it with a new job.`,
          {
            cause: error,
          },
        )
      })
      await pipeline(bytes, createWriteStream(file))
      files.set(part, file)
    }
    const kept = job.parameters.filter(([name]) => !changes.without.includes(name.toUpperCase()))
    const runId = changes.runId ?? job.runId
    const parameters = parametersOf([
      ...mergePairs(kept, changes.parameters),
      ['EXECUTIONDURATION', String(job.executionDuration)],
      ...(runId === undefined ? [] : ([['RUNID', runId]] as const)),
      ...(changes.run ? ([['PHASE', 'RUN']] as const) : []),
    ])
    return await submitJob(jobs, kind, requester, { parameters, files })
  } finally {
    await remove()
  }
}

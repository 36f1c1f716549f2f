/** A job again: as it was, or with other parameters. */
import { parametersOf } from '../dali/parameters.ts'
import { ServiceError } from '../error.ts'
import { mergePairs, type Requester, submitJob } from './create.ts'
import type { Job, Jobs, Pairs } from './job.ts'
import type { JobKind } from './kind.ts'
import { copyParts, temporaryFolder } from './spool.ts'

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
  try {
    const files = await filesOf(jobs, job, folder)
    const kept = job.parameters.filter(([name]) => !changes.without.includes(name.toUpperCase()))
    const runId = changes.runId ?? job.runId
    const parameters = parametersOf([
      ...mergePairs(kept, changes.parameters),
      ['EXECUTIONDURATION', String(job.executionDuration)],
      ...(runId === undefined ? [] : ([['RUNID', runId]] as const)),
      ...(jobs.notify ? job.notify.map(target => ['NOTIFY', target] as const) : []),
      ...(changes.run ? ([['PHASE', 'RUN']] as const) : []),
    ])
    return await submitJob(jobs, kind, requester, { parameters, files })
  } finally {
    await remove()
  }
}

async function filesOf(
  jobs: Jobs,
  { uploads }: Job,
  folder: () => Promise<string>,
): Promise<ReadonlyMap<string, string>> {
  if (uploads.length === 0) return new Map()
  try {
    return await copyParts(jobs.storage, uploads, await folder())
  } catch (cause) {
    const names = uploads.map(({ part }) => `'${part}'`).join(', ')
    const message = `The uploaded table ${names} of this job is gone; send it with a new job.`
    throw new ServiceError('usage', message, { cause })
  }
}

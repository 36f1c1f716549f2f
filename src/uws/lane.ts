/** How long a job will take, and so in which lane it waits: small jobs do not wait behind long ones. */
import type { Identity } from '../auth/identity.ts'
import { type Parameters, parametersOf } from '../dali/parameters.ts'
import type { Job, Jobs, Lane, UploadedPart } from './job.ts'
import type { JobKind } from './kind.ts'
import { copyParts, temporaryFolder } from './spool.ts'

/** What is known of a job before it runs. */
export interface Question {
  readonly parameters: Parameters
  readonly identity: Identity
  readonly uploads: readonly UploadedPart[]
  /** Paths of the uploaded parts; `folder` makes a place for copies. */
  files(folder: () => Promise<string>): Promise<ReadonlyMap<string, string>>
}

export interface Assessment {
  readonly lane: Lane
  /** Undefined: nothing is known. */
  readonly seconds: number | undefined
  /** Of a cluster, that it asks. */
  readonly shards: number | undefined
}

export async function assess({ limits, spool }: Jobs, kind: JobKind, asked: Question): Promise<Assessment> {
  const { folder, remove } = temporaryFolder(spool, 'estimate-')
  const estimate = await kind
    .estimate({ ...asked, files: () => asked.files(folder), folder })
    .catch(() => undefined)
    .finally(remove)
  const seconds = estimate?.seconds
  return { lane: (seconds ?? 0) > limits.fastSeconds ? 'slow' : 'fast', seconds, shards: estimate?.shards }
}

/** Of a job that is stored. */
export function questionOf(
  { storage }: Jobs,
  { parameters, identity, uploads }: Pick<Job, 'parameters' | 'identity' | 'uploads'>,
): Question {
  return {
    parameters: parametersOf(parameters),
    identity,
    uploads,
    files: async folder => (uploads.length > 0 ? copyParts(storage, uploads, await folder()) : new Map()),
  }
}

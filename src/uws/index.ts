/** The parts of `uws` put together, once a process. */
import path from 'node:path'
import { siteSecret } from '../auth/secret.ts'
import type { BucketStorage, JobLimits } from '../config.ts'
import type { Database } from '../db/database.ts'
import { openJobEvents } from './events.ts'
import type { Jobs, Notify } from './job.ts'
import type { JobKind } from './kind.ts'
import { withRows } from './small.ts'
import { diskStorage, type Storage } from './storage.ts'

export interface JobsOptions {
  readonly db: Database
  /** ALMAGEST_DIR: results and spool are under it. */
  readonly dir: string
  readonly limits: JobLimits
  readonly storage: BucketStorage | undefined
  readonly kinds: readonly JobKind[]
  readonly notify?: Notify | undefined
  /** The site's own; absent: in a file under `dir`. */
  readonly secret?: string | undefined
}

export async function openJobs({
  db,
  dir,
  limits,
  storage,
  kinds,
  notify,
  secret,
}: JobsOptions): Promise<Jobs> {
  return {
    db,
    limits,
    kinds,
    notify,
    secret: () => siteSecret({ secret, dir }),
    events: await openJobEvents(db),
    storage: withRows(db, await openStorage(storage, dir)),
    here: {},
    spool: path.join(dir, 'spool'),
  }
}

/** The client of object storage is large, and loaded where a site has one. */
async function openStorage(bucket: BucketStorage | undefined, dir: string): Promise<Storage> {
  if (!bucket) return diskStorage(path.join(dir, 'results'))
  const { bucketStorage } = await import('./storage-s3.ts')
  return bucketStorage(bucket)
}

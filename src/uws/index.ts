/** The parts of `uws` put together, once a process. */
import path from 'node:path'
import type { JobLimits } from '../config.ts'
import type { Database } from '../db/database.ts'
import { openJobEvents } from './events.ts'
import type { JobKind, Jobs } from './job.ts'
import { diskStorage } from './storage.ts'

export interface JobsOptions {
  readonly db: Database
  /** ALMAGEST_DIR: results and spool are under it. */
  readonly dir: string
  readonly limits: JobLimits
  readonly kinds: readonly JobKind[]
}

export async function openJobs({ db, dir, limits, kinds }: JobsOptions): Promise<Jobs> {
  return {
    db,
    limits,
    kinds,
    events: await openJobEvents(db),
    storage: diskStorage(path.join(dir, 'results')),
    spool: path.join(dir, 'spool'),
  }
}

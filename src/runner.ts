/** What web and runner processes both stand on: the database, the catalogue, every kind of job. */
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import { openSite, type Site } from './site.ts'
import { tapJobs } from './tap/jobs.ts'
import { type CatalogSource, openCatalog } from './tap/tap-schema.ts'
import { openJobs } from './uws/index.ts'
import type { Jobs } from './uws/job.ts'

export interface Workshop {
  readonly site: Site
  readonly catalog: CatalogSource
  readonly jobs: Jobs
  close(): Promise<void>
}

export async function openWorkshop(config: Config, log: Log): Promise<Workshop> {
  const site = await openSite(config, log)
  try {
    const catalog = await openCatalog(site.db, log)
    const kinds = [tapJobs({ db: site.db, catalog: catalog.current, limits: config.limits })]
    const jobs = await openJobs({ db: site.db, dir: config.dir, limits: config.jobs, kinds })
    return {
      site,
      catalog,
      jobs,
      async close() {
        await jobs.events.close()
        await catalog.close()
        await site.close()
      },
    }
  } catch (error) {
    await site.close()
    throw error
  }
}

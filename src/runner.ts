/** What web and runner processes both stand on: the database, the catalogue, every kind of job. */

import { annotator } from './app.ts'
import type { Config } from './config.ts'
import { lightCurveJobs } from './datalink/jobs.ts'
import { type LightCurveSource, openLightCurves } from './datalink/source.ts'
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
  readonly curves: LightCurveSource
  close(): Promise<void>
}

/** `url` is where clients see the service, for what is written into results that no request is waiting for. */
export async function openWorkshop(
  config: Config,
  log: Log,
  url: () => string = () => config.publicUrl ?? `http://${config.host}:${config.port}`,
): Promise<Workshop> {
  const site = await openSite(config, log)
  try {
    const catalog = await openCatalog(site.db, log)
    const curves = await openLightCurves(config.lightCurves, catalog.current)
    const deps = { db: site.db, catalog: catalog.current, limits: config.limits, curves }
    const kinds = [tapJobs({ ...deps, annotate: annotator(deps, url) }), lightCurveJobs(deps)]
    const jobs = await openJobs({
      db: site.db,
      dir: config.dir,
      limits: config.jobs,
      storage: config.storage,
      kinds,
    })
    return {
      site,
      catalog,
      jobs,
      curves,
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

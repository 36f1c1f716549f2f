/** What web and runner processes both stand on: the database, the catalogue, every kind of job. */
import path from 'node:path'
import { annotator } from './app.ts'
import { type Access, openAccess } from './auth/access.ts'
import { type LimitsSource, openLimits, roleLimits } from './auth/limits.ts'
import type { Config, Limits } from './config.ts'
import { batchJobs } from './cutout/batch/jobs.ts'
import { cutoutJobs } from './cutout/jobs.ts'
import { lightCurveJobs } from './datalink/jobs.ts'
import { type LightCurveSource, openLightCurves } from './datalink/source.ts'
import type { Database } from './db/database.ts'
import type { Log } from './log.ts'
import { openSite, type Site } from './site.ts'
import { tapJobs } from './tap/jobs.ts'
import { type CatalogOf, type CatalogSource, openCatalog } from './tap/tap-schema.ts'
import { openRemote, type Remote } from './tap/upload-remote.ts'
import { openJobs } from './uws/index.ts'
import type { Jobs } from './uws/job.ts'
import type { JobKind } from './uws/kind.ts'
import { forOwners } from './uws/owners.ts'

export interface Workshop {
  readonly site: Site
  readonly catalog: CatalogSource
  readonly jobs: Jobs
  readonly curves: LightCurveSource
  readonly access: Access
  readonly allowances: LimitsSource
  close(): Promise<void>
}

export interface KindDependencies {
  readonly db: Database
  readonly catalog: CatalogOf
  readonly access: Access
  readonly allowances: LimitsSource
  readonly limits: Limits
  readonly curves: LightCurveSource
  readonly remote: Remote
  /** ALMAGEST_DIR/spool. */
  readonly spool: string
}

/** Every kind of job of this service, for whom it runs as they are when it runs; `url` is where clients see it. */
export function jobKinds(deps: KindDependencies, url: () => string): readonly JobKind[] {
  return forOwners(deps, limits => kindsOf({ ...deps, limits }, url))
}

function kindsOf(deps: KindDependencies, url: () => string): readonly JobKind[] {
  const cutouts = { db: deps.db, spool: deps.spool, cutoutPixels: deps.limits.cutoutPixels }
  return [
    tapJobs({ ...deps, annotate: annotator(deps, url) }),
    lightCurveJobs(deps),
    cutoutJobs(cutouts),
    batchJobs(cutouts),
  ]
}

/**
 * `url` is where clients see the service, for what is written into results that no request is waiting for; `processes`
 * share the database's connections.
 */
export async function openWorkshop(
  config: Config,
  log: Log,
  url: () => string = () => config.publicUrl ?? `http://${config.host}:${config.port}`,
  processes = 1,
): Promise<Workshop> {
  const site = await openSite(config, log, processes)
  try {
    const roles = roleLimits(config.roleLimits)
    const access = await openAccess(site.db, log)
    const allowances = await openLimits(site.db, roles)
    const catalog = await openCatalog(site.db, log, access.rules)
    const curves = await openLightCurves(config.lightCurves, catalog.current)
    const remote = openRemote(config, () => jobs)
    const spool = path.join(config.dir, 'spool')
    const deps = {
      db: site.db,
      access,
      allowances,
      catalog: catalog.current,
      limits: config.limits,
      curves,
      remote,
      spool,
    }
    const jobs: Jobs = await openJobs({
      db: site.db,
      dir: config.dir,
      limits: config.jobs,
      storage: config.storage,
      secret: config.secret,
      notify: config.notify && { ...config.notify, origin: url },
      kinds: jobKinds(deps, url),
    })
    return {
      site,
      catalog,
      jobs,
      curves,
      access,
      allowances,
      async close() {
        await jobs.events.close()
        await catalog.close()
        await access.close()
        await allowances.close()
        await site.close()
      },
    }
  } catch (error) {
    await site.close()
    throw error
  }
}

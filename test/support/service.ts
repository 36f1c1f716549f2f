/** The whole service on a port of its own, in this process, on a database of the test file's own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Express } from 'express'
import { pino } from 'pino'
import { createApp } from '../../src/app.ts'
import { openAccess } from '../../src/auth/access.ts'
import { openAuth } from '../../src/auth/index.ts'
import { openLimits, roleLimits } from '../../src/auth/limits.ts'
import { type Config, type JobLimits, type Limits, loadConfig } from '../../src/config.ts'
import { serverOptions } from '../../src/dali/server-options.ts'
import { openLightCurves } from '../../src/datalink/source.ts'
import type { Database } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { announceOrigin } from '../../src/images/origin.ts'
import { openLog } from '../../src/log.ts'
import { jobKinds } from '../../src/runner.ts'
import { openCatalog } from '../../src/tap/tap-schema.ts'
import { openRemote } from '../../src/tap/upload-remote.ts'
import { openJobs } from '../../src/uws/index.ts'
import type { Jobs } from '../../src/uws/job.ts'
import { startRunner } from '../../src/uws/run.ts'

export interface TestService {
  /** `http://127.0.0.1:port` */
  readonly url: string
  readonly app: Express
  readonly db: Database
  readonly jobs: Jobs
  close(): Promise<void>
}

export interface TestServiceOptions {
  /** From `testDatabase()`. */
  readonly database: string
  readonly limits?: Partial<Limits>
  readonly jobs?: Partial<JobLimits>
  /** False: jobs stay in the queue. */
  readonly runner?: boolean
  readonly config?: Partial<Config>
  /** Hears every line of the log. */
  readonly log?: (line: string) => void
  /** Puts data in before the catalogue is read. */
  readonly fill?: (db: Database) => Promise<unknown>
}

export async function startTestService(options: TestServiceOptions): Promise<TestService> {
  const { log: heard } = options
  const log = heard ? pino({ level: 'trace' }, { write: heard }) : openLog('silent')
  const db = await openDatabase({ url: options.database, log })
  await options.fill?.(db)
  const access = await openAccess(db, log)
  const allowances = await openLimits(db, roleLimits(options.config?.roleLimits))
  const catalog = await openCatalog(db, log, access.rules)
  const defaults = loadConfig({})
  const dir = mkdtempSync(join(tmpdir(), 'almagest-service-'))
  const config = {
    ...defaults,
    dir,
    ...options.config,
    limits: { ...defaults.limits, ...options.limits },
    jobs: { ...defaults.jobs, ...options.jobs },
  }
  const curves = await openLightCurves(config.lightCurves, catalog.current)
  const remote = openRemote(config, () => jobs)
  const spool = join(config.dir, 'spool')
  const deps = {
    db,
    access,
    allowances,
    catalog: catalog.current,
    limits: config.limits,
    curves,
    remote,
    spool,
  }
  let url = ''
  const kinds = jobKinds(deps, () => url)
  const jobs: Jobs = await openJobs({
    db,
    dir: config.dir,
    limits: config.jobs,
    storage: config.storage,
    secret: config.secret,
    notify: config.notify && { ...config.notify, origin: () => url },
    kinds,
  })
  const runner = options.runner === false ? undefined : startRunner(jobs, log)
  const auth = await openAuth(config, db)
  const app = createApp({ config, log, db, catalog: catalog.current, jobs, curves, auth, access, allowances })
  const server: Server = createServer(serverOptions(app), app)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await announceOrigin(db, url)
  return {
    url,
    app,
    db,
    jobs,
    async close() {
      await jobs.events.close()
      await runner?.stop(0)
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await auth.close()
      await catalog.close()
      await access.close()
      await allowances.close()
      await db.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** POSTs a sync query. */
export function sync(service: TestService, parameters: Record<string, string>): Promise<Response> {
  return fetch(`${service.url}/tap/sync`, {
    method: 'POST',
    body: new URLSearchParams({ LANG: 'ADQL', ...parameters }),
  })
}

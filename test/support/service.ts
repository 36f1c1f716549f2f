/** The whole service on a port of its own, in this process, on a database of the test file's own. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp } from '../../src/app.ts'
import { type Config, type Limits, loadConfig } from '../../src/config.ts'
import type { Database } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { openLog } from '../../src/log.ts'
import { openCatalog } from '../../src/tap/tap-schema.ts'

export interface TestService {
  /** `http://127.0.0.1:port` */
  readonly url: string
  readonly db: Database
  close(): Promise<void>
}

export interface TestServiceOptions {
  /** From `testDatabase()`. */
  readonly database: string
  readonly limits?: Partial<Limits>
  readonly config?: Partial<Config>
  /** Puts data in before the catalogue is read. */
  readonly fill?: (db: Database) => Promise<unknown>
}

export async function startTestService(options: TestServiceOptions): Promise<TestService> {
  const log = openLog('silent')
  const db = await openDatabase({ url: options.database, log })
  await options.fill?.(db)
  const catalog = await openCatalog(db, log)
  const defaults = loadConfig({})
  const config = { ...defaults, ...options.config, limits: { ...defaults.limits, ...options.limits } }
  const server: Server = createServer(createApp({ config, log, db, catalog: catalog.current }))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    db,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await catalog.close()
      await db.close()
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

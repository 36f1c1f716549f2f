/** The running service: database, catalogue, HTTP, and a runner of jobs unless it runs elsewhere; and how it stops. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { openAuth } from './auth/index.ts'
import type { Config } from './config.ts'
import { serverOptions } from './dali/server-options.ts'
import { announceOrigin } from './images/origin.ts'
import type { Log } from './log.ts'
import { openWorkshop } from './runner.ts'
import type { Site } from './site.ts'
import { startRunner } from './uws/run.ts'

export interface Service {
  readonly site: Site
  /** Where it can be reached, without a trailing slash. */
  readonly url: string
  /** No new requests; running ones get `GRACE_MS` to end, then are cut (and their queries cancelled). */
  stop(): Promise<void>
}

/** For requests, and for jobs before they go back to the queue. */
export const GRACE_MS = 10_000

/**
 * Small buffers are cut from pieces of this size (Node: 8 KiB). A small answer takes some six of them, and pieces are
 * dear to collect: 91 µs in place of 101 from a query's text to its bytes (without the database).
 */
Buffer.poolSize = 64 * 1024

/** Where this machine sees a service without PUBLIC_URL. */
export function serviceUrl({ host }: Config, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** `processes` share the database's connections, this one among them. */
export async function startService(
  config: Config,
  log: Log,
  { runner: withRunner = true, processes = 1 } = {},
): Promise<Service> {
  let url = config.publicUrl
  const workshop = await openWorkshop(config, log, () => url!, processes)
  try {
    const { site, catalog, jobs, curves, access, allowances } = workshop
    const auth = await openAuth(config, site.db)
    const app = createApp({
      config,
      log,
      db: site.db,
      catalog: catalog.current,
      jobs,
      curves,
      auth,
      access,
      allowances,
    })
    const server = createServer(serverOptions(app), app)
    await listen(server, config)
    url ??= serviceUrl(config, (server.address() as AddressInfo).port)
    await announceOrigin(site.db, url)
    const runner = withRunner ? startRunner(jobs, log) : undefined
    let stopping: Promise<void> | undefined
    return {
      site,
      url,
      stop() {
        stopping ??= (async () => {
          const closed = closeServer(server)
          await jobs.events.close() // whoever waits for a job is answered now
          await Promise.all([closed, runner?.stop(GRACE_MS)])
          await auth.close()
          await workshop.close()
        })()
        return stopping
      },
    }
  } catch (error) {
    await workshop.close()
    throw error
  }
}

function listen(server: Server, config: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      reject(new Error(`Port ${config.port} of ${config.host} is in use; set PORT to another one.`))
    })
    server.listen(config.port, config.host, resolve)
  })
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  server.closeIdleConnections()
  const idle = setInterval(() => server.closeIdleConnections(), 100)
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await closed
  clearInterval(idle)
  clearTimeout(timer)
}

/** `/auth/limits`: what one may use and has used of it, as a page for browsers and as JSON. */
import { type Request, Router } from 'express'
import type { Limits } from '../config.ts'
import type { Database } from '../db/database.ts'
import { formToken } from './csrf.ts'
import { callerOf, type Identity, identify } from './identity.ts'
import { AMOUNTS, type Amount, type LimitsSource } from './limits.ts'
import { listOverrides } from './override.ts'
import type { Visitor } from './pages.ts'
import { secondsToMidnight, storedBytes, usageToday } from './quota.ts'
import { countedAs } from './rate.ts'

export interface ShownLimit {
  readonly name: Amount
  readonly about: string
  /** Null: no limit. */
  readonly limit: number | null
  /** Null: not counted. */
  readonly used: number | null
}

export interface ShownLimits {
  readonly user: string | null
  readonly groups: readonly string[]
  readonly limits: readonly ShownLimit[]
  /** When other limits that an administrator has set end; null: there are none. */
  readonly overrideUntil: Date | null
  /** When rows and bytes of the day begin anew. */
  readonly dayEnds: Date
}

export interface LimitsRouterDependencies {
  readonly db: Database
  readonly limits: LimitsSource
  /** What holds for everybody. */
  readonly site: Limits
  readonly origin: (request: Request) => string
  readonly page: (visitor: Visitor, shown: ShownLimits) => string
}

const POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export function limitsRouter({ db, limits, site, origin, page }: LimitsRouterDependencies): Router {
  const router = Router()
  router.get('/', async (request, response) => {
    const shown = await shownLimits({ db, limits, site }, identify(request), request.ip)
    response.setHeader('Cache-Control', 'no-store')
    response.vary('Accept')
    if (request.accepts(['json', 'html']) === 'html') {
      response.setHeader('Content-Security-Policy', POLICY)
      const visitor = { caller: callerOf(request), formToken: formToken(request), origin: origin(request) }
      response.type('html').send(page(visitor, shown))
    } else response.json(shown)
  })
  return router
}

async function shownLimits(
  { db, limits, site }: Pick<LimitsRouterDependencies, 'db' | 'limits' | 'site'>,
  identity: Identity,
  address: string | undefined,
): Promise<ShownLimits> {
  const { name } = identity
  const allowance = limits.of(identity)
  const who = countedAs(identity, address)
  const [today, stored, jobs, minute, overrides] = await Promise.all([
    usageToday(db, who),
    name === undefined ? null : storedBytes(db, name),
    db.query<{ executing: number; queued: number }>(
      `SELECT count(*) FILTER (WHERE phase = 'EXECUTING')::int AS executing,
              count(*) FILTER (WHERE phase = 'QUEUED')::int AS queued FROM uws.job WHERE requester = $1`,
      [name ?? address ?? ''],
    ),
    db.query<{ hits: number }>(
      'SELECT hits FROM almagest.request_count WHERE who = $1 AND reset_at > clock_timestamp()',
      [who],
    ),
    listOverrides(db),
  ])
  const used: Readonly<Partial<Record<Amount, number | null>>> = {
    concurrentJobs: jobs[0]!.executing,
    queuedJobs: jobs[0]!.queued,
    storageBytes: stored,
    // These are counted where they are limited.
    ...(allowance.rowsPerDay !== undefined && { rowsPerDay: today.rows }),
    ...(allowance.bytesPerDay !== undefined && { bytesPerDay: today.bytes }),
    ...(allowance.requestsPerMinute !== undefined && { requestsPerMinute: minute[0]?.hits ?? 0 }),
  }
  const everybody: Readonly<Partial<Record<Amount, number>>> = {
    maxrec: site.maxrecHard,
    syncSeconds: site.syncSeconds,
    uploadBytes: site.uploadBytes,
  }
  return {
    user: name ?? null,
    groups: identity.groups,
    limits: (Object.entries(AMOUNTS) as [Amount, string][]).map(([amount, about]) => {
      const limit = allowance[amount] ?? everybody[amount]
      return {
        name: amount,
        about,
        limit: limit !== undefined && Number.isFinite(limit) ? limit : null,
        used: used[amount] ?? null,
      }
    }),
    overrideUntil: overrides.find(({ user }) => user === name)?.until ?? null,
    dayEnds: new Date(Math.round(Date.now() / 1000 + secondsToMidnight()) * 1000),
  }
}

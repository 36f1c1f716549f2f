/** What a request may use, found out before any router runs; refused where it is used up. */
import type { Request, RequestHandler, Response } from 'express'
import { ipKeyGenerator, rateLimit } from 'express-rate-limit'
import { serviceError } from '../dali/respond.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Outcome } from '../votable/row.ts'
import { tell } from './authenticate.ts'
import { type Identity, identify } from './identity.ts'
import { type Allowance, allowanceOf, grant, type LimitsSource } from './limits.ts'
import { addUsage, requireRest, usageToday } from './quota.ts'
import { rateStore } from './rate-store.ts'
import { needsOf, ruleFor } from './routes.ts'

const MINUTE_MS = 60_000

/** Who is counted: a user, or the address (of IPv6 the network) of nobody known, which no name of a user looks like. */
export function countedAs({ name }: Identity, address: string | undefined): string {
  return name ?? `@${ipKeyGenerator(address ?? '')}`
}

/** Mounted after `authenticate`. Without limits of roles it does nothing. */
export function limited({
  db,
  limits,
}: {
  readonly db: Database
  readonly limits: LimitsSource
}): RequestHandler {
  const perMinute = rateLimit({
    windowMs: MINUTE_MS,
    limit: request => allowanceOf(request).requestsPerMinute!,
    store: rateStore(db, MINUTE_MS),
    passOnStoreError: true,
    validate: { keyGeneratorIpFallback: false }, // `countedAs` takes the network of an address
    keyGenerator: request => countedAs(identify(request), request.ip),
    legacyHeaders: true,
    standardHeaders: false,
    handler: (request, response) => {
      tellOfRate(request, response)
      const most = allowanceOf(request).requestsPerMinute!
      refuse(
        request,
        response,
        new ServiceError('tooMany', `More than ${most} requests in a minute; wait a moment.`),
      )
    },
  })
  return async (request, response, next) => {
    const allowance = limits.of(identify(request))
    if (Object.keys(allowance).length === 0 || isOpen(request)) return next()
    grant(request, { allowance, rowsLeft: undefined })
    try {
      if (allowance.requestsPerMinute === 0) {
        throw new ServiceError('forbidden', 'Requests of your role are not answered here; ask the operators.')
      }
      if (isCounted(allowance)) await count(request, response, allowance)
    } catch (error) {
      refuse(request, response, serviceError(error))
      return
    }
    if (!Number.isFinite(allowance.requestsPerMinute)) return next()
    await perMinute(request, response, (error?: unknown) => {
      tellOfRate(request, response)
      next(error)
    })
  }

  /** Rows and bytes of the day: what is left of them, and what this request takes. */
  async function count(request: Request, response: Response, allowance: Allowance): Promise<void> {
    const who = countedAs(identify(request), request.ip)
    const used = await usageToday(db, who)
    if (!isOwnJob(request.path)) requireRest(allowance, used)
    const { rowsPerDay } = allowance
    const rowsLeft = Number.isFinite(rowsPerDay) ? rowsPerDay! - used.rows : undefined
    grant(request, { allowance, rowsLeft })
    const { socket } = request
    const before = socket.bytesWritten
    response.once('close', () => {
      const outcome = response.locals.outcome as Outcome | undefined
      const taken = { rows: outcome?.rows ?? 0, bytes: Math.max(0, socket.bytesWritten - before) }
      void addUsage(db, who, taken).catch(() => {}) // a request does not fail because it could not be counted
    })
  }
}

const isCounted = ({ rowsPerDay, bytesPerDay }: Allowance) =>
  Number.isFinite(rowsPerDay) || Number.isFinite(bytesPerDay)

/** Jobs that are there, and their results: their rows are counted already, and people must be able to see and end them. */
const isOwnJob = (path: string): boolean => /\/async\/[^/]+/.test(path) || path.startsWith('/jobs')

function isOpen(request: Request): boolean {
  const rule = ruleFor(request.path)
  return rule === undefined || needsOf(rule, request.method) === 'open' || request.path.startsWith('/auth/')
}

/** Beside what express-rate-limit says itself, as Gafaelfawr has it. */
function tellOfRate(request: Request, response: Response): void {
  const { rateLimit: rate } = request as Request & { rateLimit?: { used: number } }
  if (!rate || response.headersSent) return
  response.setHeader('X-RateLimit-Used', String(rate.used))
  response.setHeader('X-RateLimit-Resource', 'requests')
}

function refuse(request: Request, response: Response, error: ServiceError): void {
  response.locals.failure = error
  response.setHeader('Cache-Control', 'no-cache, no-store')
  if (error.retryAfter !== undefined) response.setHeader('Retry-After', String(error.retryAfter))
  tell(response, error, ruleFor(request.path)?.dialect ?? 'text')
}

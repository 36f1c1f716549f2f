/**
 * What each may use: amounts by role in the site file (`limits.roles`), and other ones for a user for a time. Of the
 * amounts of several groups the largest counts; what no role names is as the site has it for everybody.
 */
import type { IncomingMessage } from 'node:http'
import { ConfigError, type Limits } from '../config.ts'
import type { Database } from '../db/database.ts'
import { LOGGED_IN } from './access.ts'
import type { Identity } from './identity.ts'
import { listOverrides } from './override.ts'

/** Unit and what it is, for pages and messages. */
export const AMOUNTS = {
  maxrec: 'rows of one result',
  syncSeconds: 'seconds of a synchronous query',
  concurrentJobs: 'jobs that are executing at once',
  queuedJobs: 'jobs that wait in the queue',
  rowsPerDay: 'rows of results a day (UTC)',
  bytesPerDay: 'bytes sent a day (UTC)',
  requestsPerMinute: 'requests a minute',
  uploadBytes: 'bytes of the uploads of one request',
  storageBytes: 'bytes of results and uploads of all jobs that are kept',
} as const

export type Amount = keyof typeof AMOUNTS

/** Undefined: as for everybody. Infinity: without limit. */
export type Allowance = Readonly<Partial<Record<Amount, number>>>

/** Role of those who are not logged in. */
export const NOBODY = 'anonymous'

export type RoleLimits = ReadonlyMap<string, Allowance>

const NOTHING: Allowance = {}

/** The key `limits.roles`: `anonymous`, `authenticated` and names of groups, each with amounts. */
export function roleLimits(given: unknown): RoleLimits {
  if (given === undefined) return new Map()
  const isMapping = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isMapping(given)) throw new ConfigError('limits.roles: must be a mapping of roles')
  return new Map(
    Object.entries(given).map(([role, amounts]) => {
      const key = `limits.roles.${role}`
      if (!isMapping(amounts)) throw new ConfigError(`${key}: must be a mapping of amounts`)
      return [role, checkedAmounts(key, amounts, text => new ConfigError(text))]
    }),
  )
}

/** Names and values as they may be; throws what `wrong` makes of the text. */
export function checkedAmounts(
  key: string,
  given: Readonly<Record<string, unknown>>,
  wrong: (text: string) => Error,
): Allowance {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(AMOUNTS, name)) {
      throw wrong(`${key}.${name}: unknown; known are ${Object.keys(AMOUNTS).join(', ')}`)
    }
    const least = name === 'maxrec' || name === 'syncSeconds' || name === 'uploadBytes' ? 1 : 0
    const isAmount = value === Number.POSITIVE_INFINITY || Number.isSafeInteger(value)
    if (!isAmount || (value as number) < least) {
      throw wrong(`${key}.${name}: must be a whole number from ${least}, or .inf for no limit`)
    }
  }
  return Object.freeze({ ...given }) as Allowance
}

export interface LimitsSource {
  of(identity: Identity): Allowance
  close(): Promise<void>
}

export async function openLimits(db: Database, roles: RoleLimits): Promise<LimitsSource> {
  let overrides = new Map<string, { readonly limits: Allowance; readonly until: number }>()
  const read = async () => {
    const all = await listOverrides(db)
    overrides = new Map(all.map(one => [one.user, { limits: one.limits, until: one.until.getTime() }]))
  }
  const stop = await db.listen('access', () => void read().catch(() => {}))
  await read()
  return {
    of(identity) {
      const usual = roles.size === 0 ? NOTHING : byRoles(roles, identity)
      const own = identity.name === undefined ? undefined : overrides.get(identity.name)
      return own && own.until > Date.now() ? { ...usual, ...own.limits } : usual
    },
    close: stop,
  }
}

function byRoles(roles: RoleLimits, { name, groups }: Identity): Allowance {
  const mine = name === undefined ? [NOBODY] : [LOGGED_IN, ...groups]
  const most: Partial<Record<Amount, number>> = {}
  for (const role of mine) {
    for (const [amount, value] of Object.entries(roles.get(role) ?? NOTHING) as [Amount, number][]) {
      most[amount] = Math.max(most[amount] ?? 0, value)
    }
  }
  return most
}

/** What holds for one request; `rowsLeft` of the day's rows. */
export interface Granted {
  readonly allowance: Allowance
  readonly rowsLeft: number | undefined
}

const granted = new WeakMap<IncomingMessage, Granted>()

export function grant(request: IncomingMessage, given: Granted): void {
  granted.set(request, given)
}

export function allowanceOf(request: IncomingMessage): Allowance {
  return granted.get(request)?.allowance ?? NOTHING
}

/** The site's limits as they are for whoever sends a request. */
export function limitsOf(request: IncomingMessage, site: Limits): Limits {
  const found = granted.get(request)
  return found ? limitsUnder(site, found) : site
}

export function limitsUnder(site: Limits, { allowance, rowsLeft }: Granted): Limits {
  const { maxrec, syncSeconds, uploadBytes } = allowance
  if (
    maxrec === undefined &&
    syncSeconds === undefined &&
    uploadBytes === undefined &&
    rowsLeft === undefined
  )
    return site
  // Larger numbers than PostgreSQL counts with mean no limit.
  const finite = (value: number) => Math.min(value, 2 ** 31 - 1)
  const maxrecHard = Math.min(finite(maxrec ?? site.maxrecHard), rowsLeft ?? Number.POSITIVE_INFINITY)
  return {
    ...site,
    maxrecHard,
    maxrecDefault: Math.min(site.maxrecDefault, maxrecHard),
    syncSeconds: Math.min(syncSeconds ?? site.syncSeconds, 86_400),
    uploadBytes: Math.min(uploadBytes ?? site.uploadBytes, Number.MAX_SAFE_INTEGER),
  }
}

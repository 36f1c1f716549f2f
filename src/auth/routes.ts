/**
 * What each path asks of a token, and how it tells an error. One table, and no rule for what is not in it: a new route
 * without a rule fails test/auth/routes.test.ts. Scopes limit tokens only; whether a person may see a table or an image
 * is for the access rules.
 */
import type { Scope } from './identity.ts'

/**
 * `open`: answered to everybody, whatever credentials are shown (wrong ones are passed over).
 * `session`: of a person who has logged in with a browser; no token does.
 * Scopes: a token needs one of them; of none, only to be good.
 */
export type Needs = 'open' | 'session' | readonly Scope[]

export type Dialect = 'votable' | 'soda' | 'text' | 'json'

export interface RouteRule {
  /** As in express; `/**` at the end: everything from here down. */
  readonly path: string
  /** Of GET, HEAD and OPTIONS, and of other methods where `changes` does not differ. */
  readonly needs: Needs
  /** Of methods that change something. */
  readonly changes?: Needs
  readonly dialect: Dialect
  /** Tells clients by a challenge on 200 that one can log in (SSO 2.0 §2.2). */
  readonly challenges?: true
}

const TAP: readonly Scope[] = ['read:tap']
const IMAGE: readonly Scope[] = ['read:image']
const JOBS: readonly Scope[] = ['write:jobs']
const ANY_JOB: readonly Scope[] = ['read:tap', 'read:image', 'write:jobs']

/** The first that fits counts. */
export const ROUTES: readonly RouteRule[] = [
  ...open('text', '/', '/tap', '/sky', '/healthz', '/metrics', '/assets/**'),
  ...of([], 'json', '/auth/whoami'),
  ...open('json', '/auth/connect', '/auth/login', '/auth/callback', '/auth/logout'),
  ...open('json', '/auth/cookie', '/auth/limits'),
  { path: '/auth/tokens/**', needs: 'session', dialect: 'json' },
  ...of([], 'json', '/auth/link'),
  ...vosi('/tap', 'votable'),
  // A query is a query, at once or as a job of its own.
  ...of(TAP, 'votable', '/tap/sync', '/tap/tables/**', '/tap/examples', '/tap/async/**'),
  ...of(TAP, 'json', '/tap/check'),
  ...vosi('/datalink', 'votable'),
  ...of(TAP, 'votable', '/datalink/timeseries', '/datalink/async/**'),
  ...of(['read:tap', 'read:image'], 'votable', '/datalink/links'),
  ...vosi('/scs/:table', 'votable'),
  ...of(TAP, 'votable', '/scs/:table'),
  ...vosi('/sia1', 'votable'),
  ...vosi('/sia2', 'votable'),
  ...of(IMAGE, 'votable', '/sia1/query', '/sia2/query'),
  ...vosi('/cutout', 'soda'),
  ...of(IMAGE, 'soda', '/cutout/sync', '/cutout/async/**', '/cutout/batch/**'),
  ...of(IMAGE, 'text', '/files/**', '/preview/**', '/moc/**'),
  ...of(['read:hips'], 'text', '/hips/**'),
  { path: '/jobs/**', needs: ANY_JOB, changes: JOBS, dialect: 'text' },
]

/** What holds for a request, or undefined where nothing is. `path` is without the query. */
export function ruleFor(path: string): RouteRule | undefined {
  return COMPILED.find(({ pattern }) => pattern.test(path))?.rule
}

export function needsOf(rule: RouteRule, method: string): Needs {
  const reads = method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
  return reads ? rule.needs : (rule.changes ?? rule.needs)
}

function of(needs: Needs, dialect: Dialect, ...paths: readonly string[]): readonly RouteRule[] {
  return paths.map(path => ({ path, needs, dialect }))
}

function open(dialect: Dialect, ...paths: readonly string[]): readonly RouteRule[] {
  return of('open', dialect, ...paths)
}

/** Anonymous by VOSI 1.1 and TAP 1.1, whatever the rest of the service asks for. */
function vosi(base: string, dialect: Dialect): readonly RouteRule[] {
  return [
    { path: `${base}/capabilities`, needs: 'open', dialect, challenges: true },
    { path: `${base}/availability`, needs: 'open', dialect },
  ]
}

const COMPILED = ROUTES.map(rule => ({ rule, pattern: patternOf(rule.path) }))

/** As express matches: letters without case, a slash at the end allowed. */
function patternOf(path: string): RegExp {
  const [, base = '', below] = /^(.*?)(\/\*\*)?$/.exec(path)!
  const parts = base.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')
  return new RegExp(`^${parts}${below ? '(/.*)?' : '/?'}$`, 'i')
}

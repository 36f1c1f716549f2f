/**
 * The one door: finds who sends a request, before any router runs. Statuses follow Gafaelfawr's table: 400 for a
 * malformed header, 401 for credentials that are no good, 403 for a token without the scope, each with challenges.
 * Without credentials a request is anonymous and nothing is done.
 */
import type { Express, NextFunction, Request, Response } from 'express'
import { STATUS, sendError, serviceError } from '../dali/respond.ts'
import { ServiceError } from '../error.ts'
import { challenges, isNavigation, type Refusal, SECURITY_METHODS } from './challenges.ts'
import { type Credentials, credentialsOf, namesToken } from './credentials.ts'
import { isForged } from './forgery.ts'
import { type Caller, remember, type Scope } from './identity.ts'
import type { Known } from './known.ts'
import { type Dialect, type Needs, needsOf, type RouteRule, ruleFor } from './routes.ts'
import { type Ticket, ticketOf } from './ticket.ts'
import { isPrivate } from './transport.ts'
import type { User } from './users.ts'

export interface AuthenticateDependencies {
  readonly known: Known
  /** Whether the site file has `auth`. Without it only what names a token of ours is looked at, and nothing is asked for. */
  readonly announced: boolean
  /** PostgreSQL role for a set of groups. */
  readonly roleFor: (groups: readonly string[]) => Promise<string>
  /** What tickets in URLs are signed with. */
  readonly secret: () => string
  readonly publicUrl: string | undefined
  readonly origin: (request: Request) => string
}

const NO_STORE = 'no-cache, no-store'

export function authenticate(deps: AuthenticateDependencies) {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    if (deps.announced) announce(request, response, deps)
    const credentials = shownBy(request, deps)
    if (!credentials) return next()
    const rule = ruleFor(request.path)
    const needs = rule && needsOf(rule, request.method)
    try {
      const caller = await callerFor(request, credentials, deps)
      if (caller) {
        if (caller.scopes) requireScope(caller.scopes, needs)
        if (isForged(request, caller, deps.origin(request))) throw forged()
        remember(request, caller)
        if (caller.door !== 'ticket') {
          response.setHeader('X-VO-Authenticated', encodeURI(caller.identity.name!))
        }
        response.setHeader('Cache-Control', 'private')
      }
      next()
    } catch (error) {
      if (needs === 'open' && error instanceof Refused && error.code !== 'forbidden') return next()
      refuse(request, response, error, rule, deps)
    }
  }
}

type Shown =
  | Exclude<Credentials, { kind: 'none' }>
  | { readonly kind: 'ticket'; readonly ticket: Ticket | undefined }

/** Undefined: nothing that is looked at. A ticket is taken out of the URL, which routers see as it was signed. */
function shownBy(request: Request, { announced, secret }: AuthenticateDependencies): Shown | undefined {
  const { authorization, cookie } = request.headers
  if (authorization === undefined && request.url.includes('ticket=')) {
    const found = ticketOf(secret, request.url)
    if (found) {
      request.url = found.url
      request.originalUrl = found.url
      return { kind: 'ticket', ticket: found.ticket }
    }
  }
  if (authorization === undefined && cookie === undefined) return undefined
  if (!announced && !namesToken(request)) return undefined
  const credentials = credentialsOf(request)
  return credentials.kind === 'none' ? undefined : credentials
}

/** Who that is; undefined: nobody, as without credentials. Throws what is wrong with them. */
async function callerFor(
  request: Request,
  credentials: Shown,
  { known, roleFor, publicUrl }: AuthenticateDependencies,
): Promise<Caller | undefined> {
  if (credentials.kind === 'malformed') {
    throw new Refused('usage', { error: 'invalid_request', description: credentials.why })
  }
  if (credentials.kind === 'ticket') {
    const { ticket } = credentials
    const maker = ticket && (await known.maker(ticket))
    const reads = request.method === 'GET' || request.method === 'HEAD'
    if (!maker || !reads) throw spent(reads)
    return {
      ...(await admitted(maker.user, roleFor)),
      door: 'ticket',
      scopes: maker.scopes ?? READING,
      tokenKey: ticket.key ?? undefined,
    }
  }
  if (credentials.kind === 'session') {
    const session = await known.session(credentials.id)
    if (!session) return undefined
    const { user, token } = session
    return {
      ...(await admitted(user, roleFor)),
      door: 'session',
      scopes: token?.scopes,
      tokenKey: token?.key,
    }
  }
  if (!isPrivate(request, publicUrl)) throw overheard()
  const { door } = credentials
  const token = credentials.kind === 'token' ? credentials.token : undefined
  const found = token && (await known.token(token, request.ip))
  if (!token || !found) {
    const description = token
      ? 'This token is not known here, has expired or is revoked.'
      : 'There is no access token of this service in the Authorization header.'
    throw new Refused('unauthenticated', { error: 'invalid_token', description })
  }
  return { ...(await admitted(found.user, roleFor)), door, scopes: found.scopes, tokenKey: token.key }
}

async function admitted(
  { name, groups, blocked }: User,
  roleFor: AuthenticateDependencies['roleFor'],
): Promise<Pick<Caller, 'identity'>> {
  if (blocked) throw new ServiceError('forbidden', `The account ${name} is blocked here; ask the operators.`)
  return { identity: { name, groups, role: await roleFor(groups) } }
}

function requireScope(scopes: NonNullable<Caller['scopes']>, needs: Needs | undefined): void {
  if (needs === undefined || needs === 'open') return
  if (needs === 'session') {
    throw new ServiceError('forbidden', 'Tokens are made and changed by people: log in with a browser.')
  }
  if (needs.length === 0 || needs.some(scope => scopes.has(scope))) return
  const description = `The token lacks the scope ${needs.join(' or ')}; it has ${[...scopes].join(', ')}.`
  throw new Refused('forbidden', { error: 'insufficient_scope', description, scope: needs })
}

/** A refusal that a Bearer challenge tells. */
class Refused extends ServiceError {
  readonly refusal: Refusal

  constructor(code: 'usage' | 'unauthenticated' | 'forbidden', refusal: Refusal) {
    super(code, refusal.description)
    this.refusal = refusal
  }
}

function overheard(): ServiceError {
  return new ServiceError(
    'forbidden',
    'This token came over plain http, where others can read it: it was not looked at. Use https, and revoke the token. ' +
      '(Operators whose proxy ends TLS: set PUBLIC_URL to https://… or name the proxy in trustedProxies.)',
  )
}

/** What the ticket of somebody who has logged in may be used for, at its one URL. */
const READING: ReadonlySet<Scope> = new Set<Scope>(['read:tap', 'read:image', 'read:hips'])

function spent(reads: boolean): ServiceError {
  const why = 'This link is no longer good, or has been changed; ask for a new one.'
  return new ServiceError('forbidden', reads ? why : 'This link is for reading only.')
}

function forged(): ServiceError {
  return new ServiceError(
    'forbidden',
    'A page of another site sent this request with your login; it was not carried out.',
  )
}

/** On capabilities a challenge says that a login is possible. */
function announce(request: Request, response: Response, { origin }: AuthenticateDependencies): void {
  if (!request.path.endsWith('/capabilities') || !ruleFor(request.path)?.challenges) return
  response.setHeader('WWW-Authenticate', challenges(origin(request), { basic: true, cookie: true }))
  response.locals.securityMethods = SECURITY_METHODS
}

/**
 * Whoever answers 401 need not know what goes with it: `writeHead` of all responses of the app sees to it. (As a function
 * of each response's own it made V8 keep all that belongs to a request until its next full collection.)
 */
export function completeRefusals(app: Express, deps: AuthenticateDependencies): void {
  const { writeHead } = app.response
  function complete(this: Response, ...given: Parameters<typeof writeHead>) {
    const [status] = given
    if (status === 401 || status === 403) this.setHeader('Cache-Control', NO_STORE)
    if (status === 401) {
      if (!this.hasHeader('WWW-Authenticate')) challenge(this.req, this, deps)
      if (isScript(this.req)) given[0] = 403
    }
    return writeHead.apply(this, given)
  }
  app.response.writeHead = complete as typeof writeHead
}

function challenge(
  request: Request,
  response: Response,
  { origin, announced }: AuthenticateDependencies,
  refusal?: Refusal,
): void {
  const ways = { basic: !isNavigation(request.headers), cookie: announced }
  response.setHeader('WWW-Authenticate', challenges(origin(request), ways, refusal))
}

/** It shows what is wrong by itself: 401 would make the browser ask for a password. */
const isScript = (request: Request) => request.headers['x-requested-with'] === 'XMLHttpRequest'

function refuse(
  request: Request,
  response: Response,
  error: unknown,
  rule: RouteRule | undefined,
  deps: AuthenticateDependencies,
): void {
  response.locals.failure = error
  if (error instanceof Refused) challenge(request, response, deps, error.refusal)
  tell(response, serviceError(error), rule?.dialect ?? 'text')
}

/** SODA 1.0 §5.2 has words of its own. */
const SODA: Partial<Record<ServiceError['code'], string>> = {
  unauthenticated: 'AuthenticationError',
  forbidden: 'AuthorizationError',
  unavailable: 'ServiceUnavailable',
  usage: 'UsageError',
}

/** An error in the words and the form of a route. */
export function tell(response: Response, error: ServiceError, dialect: Dialect): void {
  if (dialect === 'json') {
    response
      .status(STATUS[error.code])
      .json({ ok: false, error: { code: error.code, message: error.message } })
  } else if (dialect === 'soda') {
    sendError(
      response,
      new ServiceError(error.code, `${SODA[error.code] ?? 'Error'}: ${error.message}`),
      true,
    )
  } else sendError(response, error, dialect === 'text')
}

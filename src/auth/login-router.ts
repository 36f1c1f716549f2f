/** `/auth/login`, `/auth/callback`, `/auth/logout`, `/auth/cookie`: how a browser session begins and ends. */
import express, { type NextFunction, type Request, type Response, Router } from 'express'
import { Passport } from 'passport'
import { STATUS, serviceError } from '../dali/respond.ts'
import type { Database } from '../db/database.ts'
import { errorText, ServiceError } from '../error.ts'
import { audit } from './audit.ts'
import { requireFormToken } from './csrf.ts'
import { isForeign } from './forgery.ts'
import { callerOf } from './identity.ts'
import type { Known } from './known.ts'
import { CheckedStrategy, type LoggedIn, newPending, takePending } from './oidc.ts'
import type { AuthPages, Visitor } from './pages.ts'
import type { Providers } from './provider.ts'
import { returnPath } from './return.ts'
import { PENDING_MS } from './sessions.ts'
import type { AuthSettings } from './settings.ts'
import { parseToken } from './token.ts'
import { isPrivate } from './transport.ts'
import { seePerson } from './users.ts'

export interface LoginRouterDependencies {
  readonly db: Database
  readonly known: Known
  readonly settings: AuthSettings
  readonly providers: Providers
  readonly pages: AuthPages
  readonly publicUrl: string | undefined
  readonly origin: (request: Request) => string
  readonly visitor: (request: Request) => Visitor
}

/** Logins that one browser may have under way. */
const MOST_PENDING = 5

export function loginRouter(deps: LoginRouterDependencies): Router {
  const { db, known, settings, providers, pages, publicUrl, origin, visitor } = deps
  const passport = new Passport()
  passport.serializeUser((user, done) => done(null, (user as { name: string }).name))
  const router = Router()
  router.use(passport.initialize())
  const form = express.urlencoded({ extended: false, limit: '16kb' })
  const callbackUrl = (request: Request) => `${origin(request)}/auth/callback`
  const { clockSkewSeconds } = settings

  router.get('/login', async (request, response, next) => {
    const returnTo = returnPath(request.query.return, origin(request))
    const named =
      request.query.provider ?? (settings.providers.length === 1 ? settings.providers[0]!.name : undefined)
    if (named === undefined) {
      response.type('html').send(pages.login(visitor(request), settings.providers, returnTo))
      return
    }
    if (!isPrivate(request, publicUrl)) throw overheard('Logins')
    const provider = await providers.find(String(named))
    const pending = newPending(provider.settings.name, returnTo)
    const leaving = (nonce: string) => {
      const { session } = request
      if (!session.passport?.user) session.cookie.maxAge = PENDING_MS
      session.pending = [...(session.pending ?? []), { ...pending, nonce }].slice(-MOST_PENDING)
    }
    const options = { provider, callbackUrl: callbackUrl(request), clockSkewSeconds, pending, leaving }
    passport.authenticate(new CheckedStrategy(options))(request, response, next)
  })

  router.get('/callback', async (request, response) => {
    const pending = takePending(request, request.query.state)
    if (!pending) {
      throw new ServiceError(
        'forbidden',
        'This login was not begun in this browser, has taken longer than 15 minutes, or is over already. Begin again.',
      )
    }
    await saved(request)
    const address = request.ip
    const object = pending.provider
    try {
      const loggedIn = await exchanged(request, response, pending)
      const user = await seePerson(db, loggedIn.person, pending.provider)
      if (user.blocked)
        throw new ServiceError('forbidden', `The account ${user.name} is blocked here; ask the operators.`)
      await new Promise<void>((resolve, reject) =>
        request.logIn(user as Express.User, error => (error ? reject(error) : resolve())),
      )
      request.session.provider = pending.provider
      request.session.idToken = loggedIn.idToken
      await saved(request)
      await audit(db, { actor: user.name, action: 'login', object, address, detail: { groups: user.groups } })
    } catch (error) {
      const detail = { why: error instanceof ServiceError ? error.message : 'the service failed' }
      await audit(db, { actor: undefined, action: 'login.refused', object, address, detail })
      throw error
    }
    response.redirect(303, pending.returnTo)
  })

  async function exchanged(
    request: Request,
    response: Response,
    pending: NonNullable<ReturnType<typeof takePending>>,
  ): Promise<LoggedIn> {
    const provider = await providers.find(pending.provider)
    const { title, issuer } = provider.settings
    const { error, error_description: why, iss } = request.query
    if (error !== undefined) {
      throw new ServiceError(
        'forbidden',
        `${title} did not log you in: ${String(why ?? error).slice(0, 300)}`,
      )
    }
    if (iss === undefined ? provider.namesIssuer : iss !== issuer) {
      throw new ServiceError('forbidden', `This answer is not of ${title} (RFC 9207).`)
    }
    if (typeof request.query.code !== 'string') throw new ServiceError('usage', `${title} sent no code.`)
    const options = {
      provider,
      callbackUrl: callbackUrl(request),
      clockSkewSeconds,
      pending,
      leaving: () => {},
    }
    return new Promise((resolve, reject) => {
      const done = (error: unknown, user: unknown, info: unknown) => {
        if (error) reject((error as { oauthError?: unknown }).oauthError ?? error)
        else if (user) resolve(user as LoggedIn)
        else reject(new ServiceError('forbidden', `Login by ${title} is refused: ${JSON.stringify(info)}`))
      }
      passport.authenticate(new CheckedStrategy(options), done)(request, response, reject)
    })
  }

  router.get('/logout', (request, response) => {
    response.type('html').send(pages.message(visitor(request), 'Log out', ''))
  })

  router.post('/logout', form, async (request, response) => {
    const { identity } = callerOf(request)
    if (identity.name !== undefined) requireFormToken(request)
    const { provider: name, idToken } = request.session
    await new Promise<void>((resolve, reject) =>
      request.session.destroy(error => (error ? reject(error) : resolve())),
    )
    response.clearCookie('almagest_login', { path: '/' })
    if (identity.name !== undefined)
      await audit(db, { actor: identity.name, action: 'logout', address: request.ip })
    response.redirect(
      303,
      (name && (await endSession(name, idToken, origin(request)))) || `${origin(request)}/`,
    )
  })

  /** OpenID Connect RP-Initiated Logout 1.0 §2; undefined: it has no such thing, or is down, and only this login ends. */
  async function endSession(
    name: string,
    idToken: string | undefined,
    home: string,
  ): Promise<string | undefined> {
    const provider = await providers.find(name).catch(() => undefined)
    if (!provider?.endSessionEndpoint) return undefined
    const url = new URL(provider.endSessionEndpoint)
    url.searchParams.set('client_id', provider.settings.clientId)
    url.searchParams.set('post_logout_redirect_uri', `${home}/`)
    if (idToken !== undefined) url.searchParams.set('id_token_hint', idToken)
    return url.href
  }

  /** `ivoa_cookie` (IVOA SSO 2.0): user and access token for a cookie that may do what the token may. */
  router.post('/cookie', form, async (request, response) => {
    if (isForeign(request, origin(request)))
      throw new ServiceError('forbidden', 'A page of another site sent this.')
    if (!isPrivate(request, publicUrl)) throw overheard('Tokens')
    const { username, password } = request.body ?? {}
    const token = [password, username].flatMap(one =>
      typeof one === 'string' ? (parseToken(one) ?? []) : [],
    )[0]
    const found = token && (await known.token(token, request.ip))
    if (!token || !found || found.user.blocked) {
      const why = 'There is no such access token; send it as password, with any username.'
      throw new ServiceError('unauthenticated', why)
    }
    await new Promise<void>((resolve, reject) =>
      request.session.regenerate(error => (error ? reject(error) : resolve())),
    )
    request.session.passport = { user: found.user.name }
    request.session.tokenKey = token.key
    await saved(request)
    await audit(db, { actor: found.user.name, action: 'login', object: token.key, address: request.ip })
    response.setHeader('X-VO-Authenticated', encodeURI(found.user.name))
    response.type('text/plain').send(`${found.user.name}\n`)
  })

  return router
}

/** Faults as a page for browsers, as text for others. */
export function endAuthRoutes(
  router: Router,
  pages: AuthPages,
  visitor: (request: Request) => Visitor,
): void {
  router.use((request: Request) => {
    throw new ServiceError('notFound', `There is nothing at ${request.baseUrl}${request.path}.`)
  })
  router.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    const told = bodyFault((error as { type?: unknown }).type) ?? serviceError(error)
    response.status(STATUS[told.code]).setHeader('Cache-Control', 'no-cache, no-store')
    if (told.retryAfter !== undefined) response.setHeader('Retry-After', String(told.retryAfter))
    if (wantsPage(request)) {
      response.type('html').send(pages.message(visitor(request), 'That did not work', errorText(told)))
    } else response.json({ ok: false, error: { code: told.code, message: errorText(told) } })
  })
}

/** What body-parser says of a body. */
function bodyFault(type: unknown): ServiceError | undefined {
  if (type === 'entity.too.large') return new ServiceError('tooLarge', 'The form is larger than any of ours.')
  return typeof type === 'string' ? new ServiceError('usage', 'The body cannot be read.') : undefined
}

/** Browsers ask for HTML by name; nobody else does. */
export function wantsPage(request: Request): boolean {
  return /\btext\/html\b/.test(request.get('accept') ?? '') && request.accepts(['html', 'json']) === 'html'
}

const saved = (request: Request) =>
  new Promise<void>((resolve, reject) => request.session.save(error => (error ? reject(error) : resolve())))

function overheard(what: string): ServiceError {
  return new ServiceError(
    'forbidden',
    `${what} go by https only: others can read what comes over plain http.`,
  )
}

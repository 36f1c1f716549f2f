/** `/auth`: login and logout, access tokens, and who one is. */
import { type Request, Router } from 'express'
import { PAGE_POLICY } from '../dali/policy.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { formToken } from './csrf.ts'
import { callerOf } from './identity.ts'
import type { Auth } from './index.ts'
import { linkRouter } from './link-router.ts'
import { endAuthRoutes, loginRouter } from './login-router.ts'
import { pageHeaders } from './page-headers.ts'
import type { AuthPages, Visitor } from './pages.ts'
import { openProviders } from './provider.ts'
import { sessions } from './sessions.ts'
import { tokensRouter } from './tokens-router.ts'
import { isByTls, isPrivate } from './transport.ts'
import { whoami } from './whoami.ts'

export interface AuthRouterDependencies {
  readonly db: Database
  readonly auth: Auth
  readonly pages: AuthPages
  readonly publicUrl: string | undefined
  readonly origin: (request: Request) => string
}

export function authRouter({ db, auth, pages, publicUrl, origin }: AuthRouterDependencies): Router {
  const { settings, known } = auth
  const router = Router()
  const visitor = (request: Request): Visitor => ({
    caller: callerOf(request),
    formToken: formToken(request),
    origin: origin(request),
  })
  const providers = openProviders(settings?.providers ?? [])
  // Logging out leads to the provider.
  const forms = () => ["form-action 'self'", ...providers.origins()].join(' ')
  router.use(pageHeaders(() => PAGE_POLICY.replace("form-action 'self'", forms())))
  router.use((request, _response, next) => {
    if (URL.canParse(origin(request))) next()
    else throw new ServiceError('usage', 'The Host header of this request is no host.')
  })
  router.get('/whoami', whoami(publicUrl))
  router.get('/connect', (request, response) => {
    response.type('html').send(pages.connect(visitor(request)))
  })
  router.use('/link', linkRouter({ db, secret: auth.secret, origin }))
  if (settings) {
    router.use((request, _response, next) => {
      // PUBLIC_URL says so, where the proxy does not: the cookie of a login is never without Secure behind TLS.
      const isSecure = isByTls(request, publicUrl) && isPrivate(request, publicUrl)
      if (isSecure) Object.defineProperty(request, 'secure', { value: true })
      next()
    })
    router.use('/tokens', tokensRouter({ db, settings, pages, origin, visitor }))
    router.use(sessions(db, auth.secret(), settings.sessionHours))
    router.use(loginRouter({ db, known, settings, providers, pages, publicUrl, origin, visitor }))
  } else {
    router.use((_request: Request) => {
      throw new ServiceError(
        'notFound',
        'Nobody logs in at this site: its operators have not set the key auth (docs/auth.md).',
      )
    })
  }
  endAuthRoutes(router, pages, visitor)
  return router
}

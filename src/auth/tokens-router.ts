/** `/auth/tokens`: a person's access tokens, as JSON and as a page with forms. Tokens make no tokens. */
import express, { type NextFunction, type Request, type Response, Router } from 'express'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { formToken, requireFormToken } from './csrf.ts'
import { callerOf, type Identity } from './identity.ts'
import { wantsPage } from './login-router.ts'
import type { AuthPages, Visitor } from './pages.ts'
import type { AuthSettings } from './settings.ts'
import {
  type Actor,
  checkedExpiry,
  checkedName,
  checkedScopes,
  createToken,
  editToken,
  findToken,
  listTokens,
  revokeToken,
  type TokenDescription,
  type TokenWish,
  tokenHistory,
} from './tokens.ts'

export interface TokensRouterDependencies {
  readonly db: Database
  readonly settings: AuthSettings
  readonly pages: AuthPages
  readonly origin: (request: Request) => string
  readonly visitor: (request: Request) => Visitor
}

const DAY_MS = 86_400_000

export function tokensRouter({ db, settings, pages, origin, visitor }: TokensRouterDependencies): Router {
  const router = Router()
  router.use(
    requireLogin,
    express.json({ limit: '16kb' }),
    express.urlencoded({ extended: false, limit: '16kb' }),
  )
  router.use((request, response, next) => {
    response.setHeader('Cache-Control', 'no-store')
    if (request.method !== 'GET' && request.method !== 'HEAD') requireFormToken(request)
    next()
  })

  const shown = async (
    request: Request,
    more: { made?: { name: string; token: string }; problem?: string },
  ) =>
    pages.tokens(visitor(request), {
      tokens: await listTokens(db, userOf(request)),
      made: more.made,
      problem: more.problem,
      mayAdminister: mayAdminister(callerOf(request).identity),
      tokenDays: settings.tokenDays,
    })

  router.get('/', async (request, response) => {
    if (wantsPage(request)) response.type('html').send(await shown(request, {}))
    else
      response.json({
        tokens: (await listTokens(db, userOf(request))).map(tokenView),
        csrf: formToken(request),
      })
  })

  router.post('/', async (request, response) => {
    if (!isForm(request)) {
      const { token, description } = await createToken(
        db,
        userOf(request),
        wishOf(request, request.body),
        actorOf(request),
      )
      response
        .status(201)
        .setHeader('Location', `${origin(request)}/auth/tokens/${description.key}`)
        .json({ token, ...tokenView(description) })
      return
    }
    try {
      const wish = wishOf(request, fieldsOf(request.body))
      const { token } = await createToken(db, userOf(request), wish, actorOf(request))
      response.type('html').send(await shown(request, { made: { name: wish.name, token } }))
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'usage') throw error
      response
        .status(400)
        .type('html')
        .send(await shown(request, { problem: error.message }))
    }
  })

  router.get('/:key', async (request, response) => {
    const token = await findToken(db, userOf(request), request.params.key)
    const history = await tokenHistory(db, token.key)
    if (wantsPage(request)) {
      const shown = { history, mayAdminister: mayAdminister(callerOf(request).identity) }
      response.type('html').send(pages.token(visitor(request), token, shown))
    } else response.json({ ...tokenView(token), history })
  })

  router.patch('/:key', async (request, response) => {
    const change = changeOf(request, request.body)
    const token = await editToken(db, userOf(request), request.params.key, change, actorOf(request))
    response.json(tokenView(token))
  })

  router.delete('/:key', async (request, response) => {
    await revokeToken(db, userOf(request), request.params.key, actorOf(request))
    response.status(204).end()
  })

  /** Forms know POST only: `action` says what is meant. */
  router.post('/:key', async (request, response) => {
    const { action } = request.body ?? {}
    const [user, key, actor] = [userOf(request), request.params.key, actorOf(request)]
    if (action === 'revoke') await revokeToken(db, user, key, actor)
    else if (action === 'edit') {
      const { expires, ...rest } = fieldsOf(request.body)
      const before = (await findToken(db, user, key)).expires
      // A form sends the day that it was filled with: of an operator's token that may be later than people can say.
      const isSame = before !== null && expires === lastSecond(before.toISOString())
      await editToken(db, user, key, changeOf(request, isSame ? rest : { ...rest, expires }), actor)
    } else throw new ServiceError('usage', 'action is edit or revoke')
    response.redirect(303, `${origin(request)}/auth/tokens`)
  })

  function requireLogin(request: Request, response: Response, next: NextFunction): void {
    if (callerOf(request).identity.name !== undefined) next()
    else if (request.method === 'GET' && wantsPage(request)) {
      const page = `${new URL(origin(request)).pathname.replace(/\/$/, '')}/auth/tokens`
      response.redirect(303, `${origin(request)}/auth/login?return=${encodeURIComponent(page)}`)
    } else {
      const page = `${origin(request)}/auth/login`
      throw new ServiceError('unauthenticated', `Log in with a browser first: ${page}`)
    }
  }

  function wishOf(request: Request, given: unknown): TokenWish {
    const change = changeOf(request, given)
    const { name, scopes = ['read:tap', 'read:image', 'read:hips'], expires = latest() } = change
    if (name === undefined) throw new ServiceError('usage', 'A token needs a name: say what it is for.')
    return { name, scopes, expires }
  }

  function changeOf(request: Request, given: unknown): Partial<TokenWish> {
    const { name, scopes, expires, ...unknown } = objectOf(given)
    const [wrong] = Object.keys(unknown)
    if (wrong !== undefined)
      throw new ServiceError('usage', `A token has name, scopes and expires, no ${wrong}.`)
    const change: { -readonly [K in keyof TokenWish]?: TokenWish[K] } = {}
    if (name !== undefined) change.name = checkedName(name)
    if (scopes !== undefined) change.scopes = checkedScopes(scopes)
    if (expires !== undefined) change.expires = checkedExpiry(expires)
    if (change.scopes?.includes('admin') && !mayAdminister(callerOf(request).identity)) {
      throw new ServiceError('forbidden', 'The scope admin is for administrators.')
    }
    if (change.expires !== undefined && (!change.expires || change.expires > latest())) {
      const most = `${settings.tokenDays} days`
      throw new ServiceError('usage', `A token is good for ${most} at most here; make a new one in time.`)
    }
    return change
  }

  const latest = () => new Date(Date.now() + settings.tokenDays * DAY_MS)

  function mayAdminister({ groups }: Identity): boolean {
    return settings.admins.some(group => groups.includes(group))
  }

  return router
}

function tokenView({ user: _, ...rest }: TokenDescription) {
  return rest
}

const userOf = (request: Request) => callerOf(request).identity.name!

function actorOf(request: Request): Actor {
  return { name: userOf(request), address: request.ip }
}

const isForm = (request: Request) => request.is('application/x-www-form-urlencoded') !== false

/** What a form says, as JSON has it: a date is the end of that day. */
function fieldsOf(body: unknown): Record<string, unknown> {
  const { csrf: _, action: __, scopes, expires, ...rest } = objectOf(body)
  return {
    ...rest,
    scopes: scopes === undefined ? [] : [scopes].flat(),
    ...(expires === undefined || expires === '' ? {} : { expires: lastSecond(String(expires)) }),
  }
}

const lastSecond = (date: string) => `${date.slice(0, 10)}T23:59:59Z`

function objectOf(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body }
  throw new ServiceError(
    'usage',
    'Send JSON such as {"name": "laptop", "scopes": ["read:tap"], "expires": "2030-12-31T00:00:00Z"}.',
  )
}

/** `POST /auth/link`: a link with a ticket for something that one may read oneself. */
import express, { type Request, Router } from 'express'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { audit } from './audit.ts'
import { requireFormToken } from './csrf.ts'
import { callerOf } from './identity.ts'
import { needsOf, ruleFor } from './routes.ts'
import { LONGEST_TICKET_SECONDS, withTicket } from './ticket.ts'

export interface LinkRouterDependencies {
  readonly db: Database
  readonly secret: () => string
  readonly origin: (request: Request) => string
}

const USUAL_SECONDS = 3600

export function linkRouter({ db, secret, origin }: LinkRouterDependencies): Router {
  const router = Router()
  router.post('/', express.json({ limit: '16kb' }), async (request, response) => {
    const { identity, door, scopes, tokenKey } = callerOf(request)
    const { name } = identity
    if (name === undefined)
      throw new ServiceError('unauthenticated', 'Log in, or send a token, to make a link.')
    if (door === 'session') requireFormToken(request)
    const { url: given, seconds = USUAL_SECONDS } = (request.body ?? {}) as {
      url?: unknown
      seconds?: unknown
    }
    const target = targetOf(given, origin(request))
    const rule = ruleFor(target.split('?')[0]!)
    const needs = rule && needsOf(rule, 'GET')
    if (!needs || needs === 'open' || needs === 'session') {
      throw new ServiceError(
        'usage',
        'Links are for queries, images, HiPS and jobs of this service, such as /files/…',
      )
    }
    if (scopes && !needs.some(scope => scopes.has(scope))) {
      throw new ServiceError('forbidden', `The token lacks the scope ${needs.join(' or ')}.`)
    }
    if (
      !Number.isInteger(seconds) ||
      (seconds as number) < 1 ||
      (seconds as number) > LONGEST_TICKET_SECONDS
    ) {
      throw new ServiceError('usage', `seconds is a whole number from 1 to ${LONGEST_TICKET_SECONDS}.`)
    }
    const expires = Math.floor(Date.now() / 1000) + (seconds as number)
    const signed = withTicket(secret(), target, { user: name, key: tokenKey ?? null, expires })
    const until = new Date(expires * 1000)
    const detail = { url: target.slice(0, 1000), until }
    await audit(db, {
      actor: name,
      action: 'link.create',
      address: request.ip,
      detail,
      ...(tokenKey && { object: tokenKey }),
    })
    response.setHeader('Cache-Control', 'no-store')
    response.status(201).json({ url: `${origin(request)}${signed}`, expires: until })
  })
  return router
}

/** Path and query below the service, of a whole URL or of a path. */
function targetOf(given: unknown, origin: string): string {
  const base = `${origin}/`
  if (typeof given === 'string' && given.length <= 8000 && URL.canParse(given, base)) {
    const { href, hash, search } = new URL(given.startsWith('/') ? origin + given : given, base)
    const isTicketed = /[?&]ticket=/i.test(search)
    if (href.startsWith(base) && hash === '' && !isTicketed) return href.slice(origin.length)
  }
  throw new ServiceError('usage', `url is one of this service: ${origin}/files/… or /files/…`)
}

/**
 * Cross-site request forgery: another site's page makes a browser send what the browser adds credentials to by itself,
 * a cookie or a Basic password that it keeps. Browsers say where such a request comes from, and clients that are no
 * browsers do not lend themselves to it. Login cookies are SameSite=Lax besides, and forms of /auth carry a token.
 */
import type { Request } from 'express'
import type { Caller } from './identity.ts'

const SAFE = ['GET', 'HEAD', 'OPTIONS']

export function isForged(request: Request, { door }: Pick<Caller, 'door'>, origin: string): boolean {
  if (door === 'bearer' || SAFE.includes(request.method)) return false
  return isForeign(request, origin)
}

/** Whether a browser says that a page of another origin sent this. */
export function isForeign(request: Request, origin: string): boolean {
  const site = request.get('sec-fetch-site')
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  const from = request.get('origin')
  return from !== undefined && from !== (URL.canParse(origin) && new URL(origin).origin)
}

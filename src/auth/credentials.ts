/** What a request shows of who sends it, read without asking anybody. */
import type { IncomingMessage } from 'node:http'
import { looksLikeToken, parseToken, type Token } from './token.ts'

export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly door: 'bearer' | 'basic'; readonly token: Token }
  /** Words that are no token of ours: of another service, cut off, a password. */
  | { readonly kind: 'unknown'; readonly door: 'bearer' | 'basic' }
  | { readonly kind: 'malformed'; readonly why: string }
  | { readonly kind: 'session'; readonly id: string }

/** Name of the cookie that a login leaves; its value is `s:<id>.<signature>`, as express-session writes it. */
export const LOGIN_COOKIE = 'almagest_login'

const NONE: Credentials = { kind: 'none' }

/** A header is meant; a cookie comes by itself. So the header counts where there are both. */
export function credentialsOf(request: IncomingMessage): Credentials {
  const { authorization, cookie } = request.headers
  if (authorization !== undefined) return authorizationOf(authorization)
  const id = cookie === undefined ? undefined : sessionIdOf(cookie)
  return id === undefined ? NONE : { kind: 'session', id }
}

/** RFC 9110 §11.4, RFC 6750 §2.1, RFC 7617. */
function authorizationOf(header: string): Credentials {
  const [, scheme = '', rest = ''] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?: +(.*))?$/.exec(header.trim()) ?? []
  switch (scheme.toLowerCase()) {
    case 'bearer':
      if (!/^[A-Za-z0-9._~+/-]+=*$/.test(rest)) return malformed('After Bearer there must be one token.')
      return shown('bearer', parseToken(rest))
    case 'basic':
      return basic(rest.trim())
    case '':
      return malformed('The Authorization header must be a scheme and a token: Authorization: Bearer TOKEN.')
    default:
      return malformed(`This service knows the schemes Bearer and Basic, not ${scheme.slice(0, 40)}.`)
  }
}

/** A token as user or as password; the other half is anything (`x-oauth-basic` by convention). */
function basic(encoded: string): Credentials {
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || colon < 0) {
    return malformed('After Basic there must be user:password in base64.')
  }
  const halves = [text.slice(0, colon), text.slice(colon + 1)]
  const [token, second] = halves.map(parseToken).filter(found => found !== undefined)
  if (token && second && (token.key !== second.key || token.secret !== second.secret)) {
    return malformed('User and password are two different tokens; send one of them.')
  }
  return shown('basic', token)
}

function shown(door: 'bearer' | 'basic', token: Token | undefined): Credentials {
  return token ? { kind: 'token', door, token } : { kind: 'unknown', door }
}

const malformed = (why: string): Credentials => ({ kind: 'malformed', why })

const SESSION = new RegExp(`(?:^|;)\\s*${LOGIN_COOKIE}=s%3A([A-Za-z0-9_-]{43})\\.`)

function sessionIdOf(cookie: string): string | undefined {
  return cookie.includes(LOGIN_COOKIE) ? SESSION.exec(cookie)?.[1] : undefined
}

/** Whether the header names a token of ours, as far as one can see: what a site without `auth` looks at. */
export function namesToken(request: IncomingMessage): boolean {
  const [, scheme = '', rest = ''] = /^(\w+) +(.*)$/.exec(request.headers.authorization ?? '') ?? []
  const text = scheme.toLowerCase() === 'basic' ? Buffer.from(rest, 'base64').toString() : rest
  return text.split(':').some(looksLikeToken)
}

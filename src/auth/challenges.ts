/**
 * What a client is told of the ways in (RFC 9110 §11.6.1, RFC 6750 §3, IVOA SSO 2.0 §2). Basic comes first, since
 * TOPCAT prompts for it; it carries no error, Bearer does.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Scope } from './identity.ts'

export interface Refusal {
  readonly error: 'invalid_token' | 'invalid_request' | 'insufficient_scope'
  readonly description: string
  /** What the token lacks. */
  readonly scope?: readonly Scope[]
}

/** Who asks for a page in a browser logs in by a page: Basic would bring a prompt for a password that they do not have. */
export function isNavigation(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-mode'] === 'navigate'
}

export interface Ways {
  /** Whether it may prompt for a password. */
  readonly basic: boolean
  /** Whether there is a login for clients that keep cookies. */
  readonly cookie: boolean
}

/** `origin`: where clients see the service. */
export function challenges(origin: string, { basic, cookie: hasLogin }: Ways, refusal?: Refusal): string[] {
  const realm = `realm=${quoted(origin.replace(/^\w+:\/\//, '').replace(/\/.*$/, ''))}`
  const cookie = [
    'standard_id="ivo://ivoa.net/sso#tls-with-password"',
    `access_url=${quoted(`${origin}/auth/cookie`)}`,
  ]
  const bearer = [
    realm,
    refusal && `error=${quoted(refusal.error)}`,
    refusal && `error_description=${quoted(refusal.description)}`,
    refusal?.scope && `scope=${quoted(refusal.scope.join(' '))}`,
  ]
  return [
    ...(basic ? [`Basic ${realm}, charset="UTF-8"`] : []),
    `Bearer ${bearer.filter(Boolean).join(', ')}`,
    ...(hasLogin ? [`ivoa_cookie ${cookie.join(', ')}`] : []),
  ]
}

/** For `securityMethod` in capabilities: pyvo chooses its credentials by them. Anonymous use has no identifier. */
export const SECURITY_METHODS: readonly (string | undefined)[] = [
  undefined,
  'ivo://ivoa.net/sso#BasicAA',
  'ivo://ivoa.net/sso#OAuth',
  'ivo://ivoa.net/sso#cookie',
]

/** RFC 9110 §5.6.4; RFC 6750 §3 allows printable ASCII only. */
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}

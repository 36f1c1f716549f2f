/**
 * A browser without login is known again by a cookie, so that it finds its own jobs. It names nobody; the database has
 * a hash of it, so that nobody who reads there can show it.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

const NAME = 'almagest_session'
const SECONDS = 90 * 86_400
const COOKIE = new RegExp(`(?:^|;\\s*)${NAME}=([0-9a-f-]{36})(?:;|$)`)

export function sessionOf(request: IncomingMessage): string | undefined {
  const [, cookie] = COOKIE.exec(request.headers.cookie ?? '') ?? []
  return cookie && hashed(cookie)
}

/** The session of the request, or a new one that the response tells the browser. */
export function ensureSession(request: IncomingMessage, response: ServerResponse, secure: boolean): string {
  const known = sessionOf(request)
  if (known) return known
  const cookie = randomUUID()
  response.setHeader(
    'Set-Cookie',
    `${NAME}=${cookie}; Path=/; Max-Age=${SECONDS}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`,
  )
  return hashed(cookie)
}

/** 128 bits of SHA-256, in the form of the column. */
function hashed(cookie: string): string {
  const digits = createHash('sha256').update(cookie).digest('hex')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5')
}

/** A browser without login is known again by a cookie, so that it finds its own jobs. It names nobody. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

const NAME = 'almagest_session'
const SECONDS = 90 * 86_400

export function sessionOf(request: IncomingMessage): string | undefined {
  return new RegExp(`(?:^|;\\s*)${NAME}=([0-9a-f-]{36})(?:;|$)`).exec(request.headers.cookie ?? '')?.[1]
}

/** The session of the request, or a new one that the response tells the browser. */
export function ensureSession(request: IncomingMessage, response: ServerResponse, secure: boolean): string {
  const known = sessionOf(request)
  if (known) return known
  const session = randomUUID()
  response.setHeader(
    'Set-Cookie',
    `${NAME}=${session}; Path=/; Max-Age=${SECONDS}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`,
  )
  return session
}

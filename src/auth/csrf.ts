/** The token in forms of /auth: made from the session's id, which no other site can read. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Request } from 'express'
import { ServiceError } from '../error.ts'
import { credentialsOf } from './credentials.ts'

/** Undefined: the request has no session. */
export function formToken(request: Request): string | undefined {
  const credentials = credentialsOf(request)
  if (credentials.kind !== 'session') return undefined
  return createHmac('sha256', credentials.id).update('form').digest('base64url')
}

/** `forbidden` unless the field `csrf` of a form or the header X-CSRF-Token is right. */
export function requireFormToken(request: Request): void {
  const expected = Buffer.from(formToken(request) ?? '')
  const given = Buffer.from(String(request.body?.csrf ?? request.get('x-csrf-token') ?? ''))
  if (expected.length > 0 && given.length === expected.length && timingSafeEqual(given, expected)) return
  throw new ServiceError(
    'forbidden',
    'This form is not of this login; open the page again. (Scripts: send what GET /auth/tokens gives as csrf in X-CSRF-Token.)',
  )
}

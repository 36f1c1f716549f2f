/** `/auth/whoami`: what the service saw of a request, for people who wonder whether their client is logged in. */
import type { Request, Response } from 'express'
import { callerOf } from './identity.ts'
import { isPrivate } from './transport.ts'

export function whoami(publicUrl: string | undefined) {
  return (request: Request, response: Response): void => {
    const { identity, door, scopes, tokenKey } = callerOf(request)
    response.setHeader('Cache-Control', 'no-store')
    response.json({
      user: identity.name ?? null,
      groups: identity.groups,
      door,
      /** Null: not limited by a token. */
      scopes: scopes ? [...scopes] : null,
      token: tokenKey ?? null,
      connection: isPrivate(request, publicUrl) ? 'private' : 'open to eavesdroppers',
      address: request.ip ?? null,
      agent: request.get('user-agent') ?? null,
    })
  }
}

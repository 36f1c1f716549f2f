/** Who asks. Routers ask `identify(request)`; `auth/authenticate` has found out before any of them runs. */
import type { IncomingMessage } from 'node:http'
import { PUBLIC_ROLE } from '../db/roles.ts'

export interface Identity {
  /** Undefined: anonymous. */
  readonly name: string | undefined
  readonly groups: readonly string[]
  /** NOLOGIN PostgreSQL role under which this identity's queries run. */
  readonly role: string
}

/** What a token may be used for; a browser's session may do all that its user may. */
export const SCOPES = ['read:tap', 'read:image', 'read:hips', 'write:jobs', 'write:tables', 'admin'] as const

export type Scope = (typeof SCOPES)[number]

/** An identity, and by which door it came in. */
export interface Caller {
  readonly identity: Identity
  readonly door: 'anonymous' | 'session' | 'bearer' | 'basic' | 'ticket'
  /** Undefined: not limited by a token. */
  readonly scopes: ReadonlySet<Scope> | undefined
  /** Public part of the token, for logs. */
  readonly tokenKey: string | undefined
}

export const ANONYMOUS: Identity = { name: undefined, groups: [], role: PUBLIC_ROLE }

const NOBODY: Caller = { identity: ANONYMOUS, door: 'anonymous', scopes: undefined, tokenKey: undefined }

const callers = new WeakMap<IncomingMessage, Caller>()

/** Keeps what was found out about a request for everything that looks at it later. */
export function remember(request: IncomingMessage, caller: Caller): void {
  callers.set(request, caller)
}

export function callerOf(request: IncomingMessage): Caller {
  return callers.get(request) ?? NOBODY
}

export function identify(request: IncomingMessage): Identity {
  return callerOf(request).identity
}

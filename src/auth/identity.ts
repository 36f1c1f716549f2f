/** Who asks. Everybody is anonymous until login exists; the shape is final from the first day. */
import type { IncomingMessage } from 'node:http'
import { PUBLIC_ROLE } from '../db/roles.ts'

export interface Identity {
  /** Undefined: anonymous. */
  readonly name: string | undefined
  readonly groups: readonly string[]
  /** NOLOGIN PostgreSQL role under which this identity's queries run. */
  readonly role: string
}

export const ANONYMOUS: Identity = { name: undefined, groups: [], role: PUBLIC_ROLE }

export function identify(_request: IncomingMessage): Identity {
  return ANONYMOUS
}

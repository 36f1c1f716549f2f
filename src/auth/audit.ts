/** Who did what, for those who ask afterwards. Rows are added in the transaction of what they tell of, where there is one. */
import type { Client } from '../db/database.ts'

export interface Act {
  /** Undefined: nobody who is known. */
  readonly actor: string | undefined
  /** `login`, `login.refused`, `logout`, `token.create`, `token.edit`, `token.revoke`, `grant.…`, `limit.…` */
  readonly action: string
  /** What it was done to: a token's key, a table, a user. */
  readonly object?: string
  /** Where from; undefined: by the command line. */
  readonly address?: string | undefined
  /** Never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>
}

export async function audit(client: Client, { actor, action, object, address, detail }: Act): Promise<void> {
  await client.query(
    'INSERT INTO auth.audit (actor, action, object, address, detail) VALUES ($1, $2, $3, $4, $5)',
    [actor ?? null, action, object ?? null, address || null, detail ? JSON.stringify(detail) : null],
  )
}

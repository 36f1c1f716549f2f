/** Other limits for a user, until a time: an administrative act. Processes hear of it by `NOTIFY access`. */
import type { Client, Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { audit } from './audit.ts'
import type { Allowance } from './limits.ts'
import type { Actor } from './tokens.ts'

export interface Override {
  readonly user: string
  readonly limits: Allowance
  readonly until: Date
  readonly setAt: Date
  readonly setBy: string
}

/** Those that still hold. */
export async function listOverrides(client: Pick<Client, 'query'>): Promise<Override[]> {
  const rows = await client.query<Omit<Override, 'limits'> & { limits: Record<string, number | null> }>(
    `SELECT user_name AS user, limits, until, set_at AS "setAt", set_by AS "setBy"
       FROM almagest.limit_override WHERE until > clock_timestamp() ORDER BY user_name`,
  )
  // JSON has no infinity.
  return rows.map(({ limits, ...row }) => ({
    ...row,
    limits: Object.fromEntries(
      Object.entries(limits).map(([name, value]) => [name, value ?? Number.POSITIVE_INFINITY]),
    ),
  }))
}

/** In place of what was set for the user before. */
export async function setOverride(
  db: Database,
  user: string,
  limits: Allowance,
  until: Date,
  actor: Actor,
): Promise<void> {
  await db.transaction(async client => {
    await client.query('DELETE FROM almagest.limit_override WHERE until <= clock_timestamp()')
    await client.query(
      `INSERT INTO almagest.limit_override (user_name, limits, until, set_by) VALUES ($1, $2, $3, $4)
       ON CONFLICT (user_name) DO UPDATE
         SET limits = excluded.limits, until = excluded.until, set_at = clock_timestamp(), set_by = excluded.set_by`,
      [user, JSON.stringify(limits), until, actor.name],
    )
    const detail = { limits, until: until.toISOString() }
    await audit(client, {
      actor: actor.name,
      action: 'limit.set',
      object: user,
      address: actor.address,
      detail,
    })
  })
}

export async function removeOverride(db: Database, user: string, actor: Actor): Promise<void> {
  await db.transaction(async client => {
    const gone = await client.query(
      'DELETE FROM almagest.limit_override WHERE user_name = $1 RETURNING 1 AS n',
      [user],
    )
    if (gone.length === 0) throw new ServiceError('notFound', `Nothing is set for ${user}.`)
    await audit(client, { actor: actor.name, action: 'limit.remove', object: user, address: actor.address })
  })
}

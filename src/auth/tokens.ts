/** Access tokens in the database: one function an act, each with its line in the token's history and the audit log. */
import type { Client, Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { audit } from './audit.ts'
import { SCOPES, type Scope } from './identity.ts'
import { hashSecret, newToken, tokenText } from './token.ts'

export interface TokenDescription {
  readonly key: string
  readonly user: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly created: Date
  /** Null: until it is revoked. */
  readonly expires: Date | null
  readonly revoked: Date | null
  readonly used: Date | null
  readonly usedFrom: string | null
}

/** Who acts, and from where; the command line has no address. */
export interface Actor {
  readonly name: string
  readonly address?: string | undefined
}

export interface TokenWish {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expires: Date | null
}

const COLUMNS = `token_key AS key, user_name AS user, token_name AS name, scopes, created_at AS created,
  expires_at AS expires, revoked_at AS revoked, used_at AS used, host(used_from) AS "usedFrom"`

/** The token itself is in the answer and nowhere else. `usage`: another live token of the user has that name. */
export async function createToken(
  db: Database,
  user: string,
  wish: TokenWish,
  actor: Actor,
): Promise<{ token: string; description: TokenDescription }> {
  const token = newToken()
  const description = await db.transaction(async client => {
    await requireFreeName(client, user, wish.name, token.key)
    const [row] = await client.query<TokenDescription>(
      `INSERT INTO auth.token (token_key, user_name, secret_hash, token_name, scopes, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
      [token.key, user, hashSecret(token.secret), wish.name, wish.scopes, wish.expires],
    )
    await note(client, row!, 'create', actor)
    return row!
  })
  return { token: tokenText(token), description }
}

/** Newest first; revoked and expired ones are there, too, so that a key in a log can be looked up. */
export function listTokens(client: Client, user?: string): Promise<TokenDescription[]> {
  return client.query(
    `SELECT ${COLUMNS} FROM auth.token WHERE $1::text IS NULL OR user_name = $1 ORDER BY created_at DESC, token_key`,
    [user ?? null],
  )
}

/** `notFound` for a token that is not this user's. */
export async function findToken(client: Client, user: string, key: string): Promise<TokenDescription> {
  const [row] = await client.query<TokenDescription>(
    `SELECT ${COLUMNS} FROM auth.token WHERE token_key = $1 AND user_name = $2`,
    [key, user],
  )
  if (!row) throw new ServiceError('notFound', `You have no token ${key}.`)
  return row
}

/** Another name, other scopes, another expiry. `usage`: it is revoked, or the name is taken. */
export async function editToken(
  db: Database,
  user: string,
  key: string,
  change: Partial<TokenWish>,
  actor: Actor,
): Promise<TokenDescription> {
  return db.transaction(async client => {
    const before = await findToken(client, user, key)
    if (before.revoked) throw new ServiceError('usage', `The token ${before.name} is revoked for good.`)
    const after = { ...before, ...change }
    await requireFreeName(client, user, after.name, key)
    const [row] = await client.query<TokenDescription>(
      `UPDATE auth.token SET token_name = $2, scopes = $3, expires_at = $4
        WHERE token_key = $1 RETURNING ${COLUMNS}`,
      [key, after.name, after.scopes, after.expires],
    )
    await note(client, row!, 'edit', actor)
    return row!
  })
}

/** From now on nobody gets in by it; a second time changes nothing. */
export async function revokeToken(
  db: Database,
  user: string,
  key: string,
  actor: Actor,
): Promise<TokenDescription> {
  return db.transaction(async client => {
    const before = await findToken(client, user, key)
    if (before.revoked) return before
    const [row] = await client.query<TokenDescription>(
      `UPDATE auth.token SET revoked_at = clock_timestamp() WHERE token_key = $1 RETURNING ${COLUMNS}`,
      [key],
    )
    await note(client, row!, 'revoke', actor)
    return row!
  })
}

export interface TokenChange {
  readonly at: Date
  readonly actor: string
  readonly address: string | null
  readonly action: 'create' | 'edit' | 'revoke'
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expires: Date | null
}

/** Oldest first. */
export function tokenHistory(client: Client, key: string): Promise<TokenChange[]> {
  return client.query(
    `SELECT changed_at AS at, actor, host(address) AS address, action, token_name AS name, scopes, expires_at AS expires
       FROM auth.token_change WHERE token_key = $1 ORDER BY change_id`,
    [key],
  )
}

/** Names and scopes as people write them; `usage` says what is wrong. */
export function checkedName(name: unknown): string {
  if (typeof name === 'string' && /^[^\p{C}\s](?:[^\p{C}]{0,78}[^\p{C}\s])?$/u.test(name)) return name
  throw new ServiceError(
    'usage',
    'The name of a token has 1 to 80 characters, none of them a control character.',
  )
}

export function checkedScopes(scopes: unknown): readonly Scope[] {
  const wrong = Array.isArray(scopes) ? scopes.find(one => !SCOPES.includes(one)) : scopes
  if (!Array.isArray(scopes) || scopes.length === 0 || wrong !== undefined) {
    const given = wrong === undefined ? '' : `${String(wrong).slice(0, 40)} is no scope. `
    throw new ServiceError('usage', `${given}A token has one or more of the scopes ${SCOPES.join(', ')}.`)
  }
  return SCOPES.filter(scope => scopes.includes(scope))
}

/** ISO 8601 in the future, or null for never. */
export function checkedExpiry(given: unknown): Date | null {
  if (given === null) return null
  const date = typeof given === 'string' && /^\d{4}-\d\d-\d\d/.test(given) ? new Date(given) : undefined
  if (date && date.getTime() > Date.now() && date.getUTCFullYear() < 10_000) return date
  throw new ServiceError(
    'usage',
    'A token expires at a time in the future, such as 2030-12-31T00:00:00Z, or never (null).',
  )
}

async function requireFreeName(client: Client, user: string, name: string, key: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`auth.token ${user}`])
  const [taken] = await client.query(
    `SELECT FROM auth.token WHERE user_name = $1 AND token_name = $2 AND revoked_at IS NULL AND token_key <> $3`,
    [user, name, key],
  )
  if (taken) throw new ServiceError('usage', `${user} has a token named ${name} already.`)
}

async function note(
  client: Client,
  token: TokenDescription,
  action: TokenChange['action'],
  { name, address }: Actor,
): Promise<void> {
  await client.query(
    `INSERT INTO auth.token_change (token_key, actor, address, action, token_name, scopes, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [token.key, name, address || null, action, token.name, token.scopes, token.expires],
  )
  const detail = { user: token.user, name: token.name, scopes: token.scopes, expires: token.expires }
  await audit(client, { actor: name, action: `token.${action}`, object: token.key, address, detail })
}

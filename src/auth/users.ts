/** People and accounts of programs, as they were last seen. */
import type { Client, Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { audit } from './audit.ts'

export interface User {
  readonly name: string
  readonly groups: readonly string[]
  readonly blocked: boolean
}

/** What an identity provider says of somebody who has just logged in. */
export interface Person {
  readonly issuer: string
  readonly subject: string
  /** The name they are to have here. */
  readonly name: string
  readonly fullName: string | undefined
  readonly email: string | undefined
  readonly groups: readonly string[]
}

/**
 * Knows people again by issuer and subject alone: names can be given anew at a provider, and two providers may have the
 * same. Whoever finds their name taken is `name@provider` here. Tokens of the user have the new groups from now on.
 */
export async function seePerson(client: Client, person: Person, provider: string): Promise<User> {
  const values = [person.issuer, person.subject, person.fullName ?? null, person.email ?? null, person.groups]
  const [known] = await client.query<User>(
    `UPDATE auth.user SET full_name = $3, email = $4, groups = $5, login_at = clock_timestamp()
      WHERE issuer = $1 AND subject = $2 RETURNING name, groups, blocked`,
    values,
  )
  if (known) return known
  for (const name of [person.name, `${person.name}@${provider}`]) {
    const [made] = await client.query<User>(
      `INSERT INTO auth.user (issuer, subject, full_name, email, groups, login_at, name)
       VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6)
       ON CONFLICT (name) DO NOTHING RETURNING name, groups, blocked`,
      [...values, name],
    )
    if (made) return made
  }
  throw new ServiceError(
    'forbidden',
    `The names ${person.name} and ${person.name}@${provider} are taken here.`,
  )
}

/** An account for a program; an existing one of that kind gets the groups. People have their provider's. */
export async function setAccount(client: Client, name: string, groups: readonly string[]): Promise<void> {
  const [row] = await client.query(
    `INSERT INTO auth.user (name, groups) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET groups = excluded.groups WHERE auth.user.issuer IS NULL RETURNING name`,
    [name, groups],
  )
  if (!row)
    throw new ServiceError('usage', `The groups of ${name} come from their identity provider at each login.`)
}

/** Names own jobs, stand in headers and logs: visible characters without blanks. */
export function checkedUserName(name: string): string {
  if (/^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,63}$/u.test(name)) return name
  throw new ServiceError(
    'usage',
    `'${name.slice(0, 80)}' cannot be the name of a user: letters, digits and . _ @ + - are allowed, 64 at most.`,
  )
}

export async function findUser(client: Client, name: string): Promise<User | undefined> {
  const [row] = await client.query<User>('SELECT name, groups, blocked FROM auth.user WHERE name = $1', [
    name,
  ])
  return row
}

export interface SeenUser extends User {
  /** Null: an account for a program. */
  readonly issuer: string | null
  readonly fullName: string | null
  readonly email: string | null
  readonly login: Date | null
  /** Tokens that are good now. */
  readonly tokens: number
}

export function listUsers(client: Client): Promise<SeenUser[]> {
  return client.query(
    `SELECT u.name, u.groups, u.blocked, u.issuer, u.full_name AS "fullName", u.email, u.login_at AS login,
            count(t.token_key)::int AS tokens
       FROM auth.user u LEFT JOIN auth.token t
         ON t.user_name = u.name AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
      GROUP BY u.name ORDER BY u.name`,
  )
}

/** Lets nobody in by that name, by session, token or login, until it is lifted. `notFound`: nobody has that name. */
export async function setBlocked(
  db: Database,
  name: string,
  blocked: boolean,
  actor: { readonly name: string },
): Promise<void> {
  await db.transaction(async client => {
    const [row] = await client.query('UPDATE auth.user SET blocked = $2 WHERE name = $1 RETURNING name', [
      name,
      blocked,
    ])
    if (!row) throw new ServiceError('notFound', `Nobody named ${name} is known here.`)
    await audit(client, { actor: actor.name, action: blocked ? 'user.block' : 'user.unblock', object: name })
  })
}

/**
 * Who is behind a token or a session, asked of the database once and remembered. `NOTIFY auth` (sql/000011) says what
 * to forget, so that what is revoked, blocked or regrouped counts in every process at once; a minute's limit is for
 * the case that a notification is lost without the connection being lost.
 */
import { createHash } from 'node:crypto'
import type { Database } from '../db/database.ts'
import type { Scope } from './identity.ts'
import type { Ticket } from './ticket.ts'
import { isSecret, type Token } from './token.ts'
import { findUser, type User } from './users.ts'

export interface KnownToken {
  readonly user: User
  readonly name: string
  readonly scopes: ReadonlySet<Scope>
  /** Undefined: never. */
  readonly expires: Date | undefined
}

export interface KnownSession {
  readonly user: User
  readonly expires: Date
  /** Of a session that was begun with a token, which it can do no more than; undefined: of a login. */
  readonly token: { readonly key: string; readonly scopes: ReadonlySet<Scope> } | undefined
}

export interface Known {
  /** Undefined: there is no such token, it has expired or is revoked. Notes its use, to the minute. */
  token(token: Token, address: string | undefined): Promise<KnownToken | undefined>
  /** Whose ticket that is, if they and the token that it was made with are still good. */
  maker(
    ticket: Ticket,
  ): Promise<{ readonly user: User; readonly scopes: ReadonlySet<Scope> | undefined } | undefined>
  /** Undefined: nobody is logged in by this session. */
  session(id: string): Promise<KnownSession | undefined>
  close(): Promise<void>
}

interface KnownUser {
  readonly user: User
}

const KEEP_MS = 60_000
const MOST = 20_000

interface Row {
  readonly name: string
  readonly groups: readonly string[]
  readonly blocked: boolean
  readonly expires: Date | null
}

interface TokenRow extends Row {
  readonly hash: Buffer
  readonly scopes: readonly Scope[]
  readonly tokenName: string
}

export async function openKnown(db: Database): Promise<Known> {
  const kept = new Map<string, { readonly value: Entry; readonly until: number }>()
  type Entry = (KnownToken & { readonly hash: Buffer }) | KnownSession | KnownUser
  const usedAt = new Map<string, number>()
  let changes = 0
  const stop = await db.listen('auth', payload => {
    changes++
    if (payload.startsWith('session ')) kept.delete(payload)
    else kept.clear() // users and tokens may have many sessions; or it was missed while the connection was away
  })

  async function lookUp<T extends Entry>(
    key: string,
    read: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const found = kept.get(key)
    if (found && found.until > Date.now()) return found.value as T
    const before = changes
    const value = await read()
    // What was read before a change must not be kept after it.
    if (value && changes === before) {
      if (kept.size >= MOST) kept.delete(kept.keys().next().value!)
      kept.set(key, { value, until: Date.now() + KEEP_MS })
    } else kept.delete(key)
    return value
  }

  async function readToken(key: string): Promise<(KnownToken & { hash: Buffer }) | undefined> {
    const [row] = await db.query<TokenRow>(
      `SELECT u.name, u.groups, u.blocked, t.secret_hash AS hash, t.scopes, t.token_name AS "tokenName",
              t.expires_at AS expires
         FROM auth.token t JOIN auth.user u ON u.name = t.user_name
        WHERE t.token_key = $1 AND t.revoked_at IS NULL`,
      [key],
    )
    if (!row) return undefined
    const { hash, tokenName: name, scopes, expires } = row
    return { user: userOf(row), hash, name, scopes: new Set(scopes), expires: expires ?? undefined }
  }

  async function readUser(name: string): Promise<KnownUser | undefined> {
    const user = await findUser(db, name)
    return user && { user }
  }

  async function readSession(hash: Buffer): Promise<KnownSession | undefined> {
    const [row] = await db.query<Row & { key: string | null; scopes: readonly Scope[] | null }>(
      `SELECT u.name, u.groups, u.blocked, least(s.expires_at, t.expires_at) AS expires, t.token_key AS key, t.scopes
         FROM auth.session s JOIN auth.user u ON u.name = s.user_name LEFT JOIN auth.token t USING (token_key)
        WHERE s.session_hash = $1 AND t.revoked_at IS NULL`,
      [hash],
    )
    if (!row) return undefined
    const { key, scopes, expires } = row
    const token = key === null ? undefined : { key, scopes: new Set(scopes) }
    return { user: userOf(row), expires: expires!, token }
  }

  /** Without waiting: a request does not fail because its use could not be noted. */
  function noteUse(key: string, address: string | undefined): void {
    const now = Date.now()
    if (now - (usedAt.get(key) ?? 0) < KEEP_MS) return
    if (usedAt.size >= MOST) usedAt.clear()
    usedAt.set(key, now)
    void db
      .query('UPDATE auth.token SET used_at = clock_timestamp(), used_from = $2 WHERE token_key = $1', [
        key,
        address || null,
      ])
      .catch(() => usedAt.delete(key))
  }

  return {
    async token({ key, secret }, address) {
      const known = await lookUp(`token ${key}`, () => readToken(key))
      if (!known || !isSecret(secret, known.hash) || isOver(known.expires)) return undefined
      noteUse(key, address)
      return known
    },
    async maker({ user: name, key, expires }) {
      if (isOver(new Date(expires * 1000))) return undefined
      if (key === null) {
        const user = await lookUp(`user ${name}`, () => readUser(name))
        return user && { user: user.user, scopes: undefined }
      }
      const token = await lookUp(`token ${key}`, () => readToken(key))
      return token && !isOver(token.expires) ? token : undefined
    },
    async session(id) {
      const hash = sessionHash(id)
      const known = await lookUp(`session ${hash.toString('hex')}`, () => readSession(hash))
      return known && !isOver(known.expires) ? known : undefined
    },
    close: stop,
  }
}

/** What the database has of a session's id. */
export function sessionHash(id: string): Buffer {
  return createHash('sha256').update(id).digest()
}

const isOver = (time: Date | undefined) => time !== undefined && time.getTime() <= Date.now()

const userOf = ({ name, groups, blocked }: Row): User => ({ name, groups, blocked })

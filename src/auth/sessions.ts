/**
 * Browser sessions in PostgreSQL. The table has the SHA-256 of a session's id, and what the session holds (state and
 * verifier of a login under way, the ID token) sealed with a key made from the id: who reads the table can do nothing.
 * A session ends at the time it was begun with; use does not prolong it.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import session, { type SessionData } from 'express-session'
import type { Client } from '../db/database.ts'
import { LOGIN_COOKIE } from './credentials.ts'
import { sessionHash } from './known.ts'

/** A login that has gone to the provider and not come back. */
export interface PendingLogin {
  readonly provider: string
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly returnTo: string
}

declare module 'express-session' {
  interface SessionData {
    /** As passport has it: the name of who is logged in. */
    passport?: { user?: string }
    pending?: readonly PendingLogin[]
    /** For logging out at the provider, too. */
    provider?: string
    idToken?: string
    /** Key of the token that the session was begun with. */
    tokenKey?: string
  }
}

/** Time for a password and a second factor. */
export const PENDING_MS = 15 * 60_000

export function sessions(client: Client, secret: string, hours: number) {
  return session({
    name: LOGIN_COOKIE,
    secret,
    genid: () => randomBytes(32).toString('base64url'),
    store: new SessionStore(client),
    resave: false,
    saveUninitialized: false,
    cookie: { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: hours * 3_600_000 },
  })
}

type Done = (error?: unknown) => void

class SessionStore extends session.Store {
  readonly #client: Client

  constructor(client: Client) {
    super()
    this.#client = client
  }

  override get(id: string, done: (error: unknown, data?: SessionData | null) => void): void {
    const work = async () => {
      const [row] = await this.#client.query<{ sealed: Buffer }>(
        'SELECT sealed FROM auth.session WHERE session_hash = $1 AND expires_at > clock_timestamp()',
        [sessionHash(id)],
      )
      return row ? (JSON.parse(opened(row.sealed, id)) as SessionData) : null
    }
    work().then(data => done(null, data), done)
  }

  override set(id: string, data: SessionData, done: Done = () => {}): void {
    const { passport, tokenKey, cookie } = data
    this.#client
      .query(
        `INSERT INTO auth.session (session_hash, user_name, token_key, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (session_hash) DO UPDATE
           SET user_name = excluded.user_name, token_key = excluded.token_key, sealed = excluded.sealed`,
        [
          sessionHash(id),
          passport?.user ?? null,
          tokenKey ?? null,
          sealed(JSON.stringify(data), id),
          cookie.expires,
        ],
      )
      .then(() => done(), done)
  }

  override destroy(id: string, done: Done = () => {}): void {
    this.#client
      .query('DELETE FROM auth.session WHERE session_hash = $1 OR expires_at < clock_timestamp()', [
        sessionHash(id),
      ])
      .then(() => done(), done)
  }

  /** express-session calls it on use. */
  override touch(_id: string, _data: SessionData, done: Done = () => {}): void {
    done()
  }
}

const keyOf = (id: string) => new Uint8Array(hkdfSync('sha256', id, '', 'almagest session', 32))

function sealed(text: string, id: string): Buffer {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyOf(id), iv)
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), body])
}

function opened(bytes: Buffer, id: string): string {
  const decipher = createDecipheriv('aes-256-gcm', keyOf(id), bytes.subarray(0, 12))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
}

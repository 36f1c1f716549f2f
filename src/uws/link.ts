/**
 * Links to results that need no header: signed, and good for a short time (HMAC-SHA-256). The key is made of the
 * database's secret, which can be changed, and the site's, without which a copy of the database signs nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { ServiceError } from '../error.ts'
import type { Jobs } from './job.ts'

/** Seconds for which a link is good when nobody says how long, and the longest that can be said. */
export const LINK_SECONDS = 900
export const LINK_SECONDS_MOST = 7 * 86_400

export interface Link {
  readonly expires: Date
  /** `expires=…&signature=…` */
  readonly query: string
}

type Signer = Pick<Jobs, 'db' | 'secret'>

export async function signLink(
  signer: Signer,
  job: string,
  result: string,
  lasts = LINK_SECONDS,
): Promise<Link> {
  const { secret, now } = await newestSecret(signer)
  const seconds = Math.floor(now) + lasts
  const signature = sign(secret, job, result, seconds).toString('base64url')
  return { expires: new Date(seconds * 1000), query: `expires=${seconds}&signature=${signature}` }
}

/** Throws `forbidden` for a link that is not ours or no longer good. */
export async function checkLink(
  signer: Signer,
  job: string,
  result: string,
  given: { expires: string | undefined; signature: string | undefined },
): Promise<void> {
  const seconds = Number(given.expires)
  const signature = Buffer.from(given.signature ?? '', 'base64url')
  const { secret, now } = await newestSecret(signer)
  const expected = sign(secret, job, result, seconds)
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
    throw new ServiceError('forbidden', 'The signature of this link is not right.')
  }
  if (seconds < now) {
    throw new ServiceError('forbidden', 'This link is no longer good; ask for a new one.')
  }
}

function sign(secret: string, job: string, result: string, seconds: number): Buffer {
  return createHmac('sha256', secret)
    .update(JSON.stringify([job, result, seconds]))
    .digest()
}

/** With the database's time in seconds: the clocks of web processes may differ. */
export async function newestSecret({ db, secret }: Signer): Promise<{ secret: string; now: number }> {
  const [row] = await db.query<{ secret: string; now: number }>(
    `SELECT secret, extract(epoch FROM clock_timestamp())::float8 AS now
       FROM uws.secret ORDER BY created_at DESC LIMIT 1`,
  )
  return { secret: createHmac('sha256', secret()).update(row!.secret).digest('hex'), now: row!.now }
}

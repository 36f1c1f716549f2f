/** Rows and bytes of the day (UTC), and what jobs take in the storage: counted in the database, for all processes. */
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Allowance } from './limits.ts'

export interface Usage {
  readonly rows: number
  readonly bytes: number
}

const TODAY = `(clock_timestamp() AT TIME ZONE 'UTC')::date`

export async function usageToday(client: Pick<Client, 'query'>, who: string): Promise<Usage> {
  const [row] = await client.query<{ row_count: string; byte_count: string }>(
    `SELECT row_count, byte_count FROM almagest.usage WHERE who = $1 AND day = ${TODAY}`,
    [who],
  )
  return { rows: Number(row?.row_count ?? 0), bytes: Number(row?.byte_count ?? 0) }
}

/** Whoever comes first on a day clears what is older than a month. */
export async function addUsage(
  client: Pick<Client, 'query'>,
  who: string,
  { rows, bytes }: Usage,
): Promise<void> {
  const [row] = await client.query<{ first: boolean }>(
    `INSERT INTO almagest.usage AS u (who, day, row_count, byte_count) VALUES ($1, ${TODAY}, $2, $3)
     ON CONFLICT (who, day) DO UPDATE
       SET row_count = u.row_count + excluded.row_count, byte_count = u.byte_count + excluded.byte_count
     RETURNING xmax = 0 AS first`,
    [who, rows, bytes],
  )
  if (row?.first) await client.query(`DELETE FROM almagest.usage WHERE day < ${TODAY} - 31`)
}

/** Throws `tooMany` when the day's rows or bytes are used up. */
export function requireRest({ rowsPerDay, bytesPerDay }: Allowance, used: Usage): void {
  const over = (most: number | undefined, now: number) => most !== undefined && now >= most
  const what = over(rowsPerDay, used.rows)
    ? `${rowsPerDay!.toLocaleString('en')} rows`
    : over(bytesPerDay, used.bytes)
      ? `${bytesPerDay!.toLocaleString('en')} bytes`
      : undefined
  if (what === undefined) return
  throw new ServiceError('tooMany', `The ${what} of today are used up; the count begins anew at 0:00 UTC.`, {
    detail: 'What you may use is at /auth/limits; the operators can give you more for a time.',
    retryAfter: secondsToMidnight(),
  })
}

export function secondsToMidnight(now = Date.now()): number {
  return Math.ceil((86_400_000 - (now % 86_400_000)) / 1000)
}

/** Bytes of results and uploads of a user's jobs that are kept. */
export async function storedBytes(client: Pick<Client, 'query'>, owner: string): Promise<number> {
  const [row] = await client.query<{ bytes: string }>(
    `SELECT (SELECT coalesce(sum(r.bytes), 0) FROM uws.job AS j JOIN uws.result AS r USING (job_id)
              WHERE coalesce(j.owner, '') = $1 AND NOT j.emptied AND j.phase <> 'ARCHIVED')
          + (SELECT coalesce(sum((u->>'bytes')::bigint), 0) FROM uws.job AS j, jsonb_array_elements(j.uploads) AS u
              WHERE coalesce(j.owner, '') = $1 AND NOT j.emptied AND j.phase <> 'ARCHIVED') AS bytes`,
    [owner],
  )
  return Number(row!.bytes)
}

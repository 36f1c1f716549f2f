/** Where express-rate-limit counts: in the database, so that all web processes count together. */
import type { Store } from 'express-rate-limit'
import type { Database } from '../db/database.ts'

export function rateStore(db: Pick<Database, 'query'>, windowMs: number): Store {
  return {
    localKeys: false,
    async increment(key) {
      const [row] = await db.query<{ hits: number; reset_at: Date }>(
        `INSERT INTO almagest.request_count AS c VALUES ($1, 1, clock_timestamp() + $2 * interval '1 millisecond')
         ON CONFLICT (who) DO UPDATE
           SET hits = CASE WHEN c.reset_at <= clock_timestamp() THEN 1 ELSE c.hits + 1 END,
               reset_at = CASE WHEN c.reset_at <= clock_timestamp() THEN excluded.reset_at ELSE c.reset_at END
         RETURNING hits, reset_at`,
        [key, windowMs],
      )
      const { hits, reset_at: resetTime } = row!
      // Now and then somebody clears those who have not been here for a while.
      if (hits === 1 && Math.random() < 0.01) {
        await db.query(
          `DELETE FROM almagest.request_count WHERE reset_at < clock_timestamp() - interval '1 hour'`,
        )
      }
      return { totalHits: hits, resetTime }
    },
    async decrement(key) {
      await db.query('UPDATE almagest.request_count SET hits = hits - 1 WHERE who = $1 AND hits > 0', [key])
    },
    async resetKey(key) {
      await db.query('DELETE FROM almagest.request_count WHERE who = $1', [key])
    },
  }
}

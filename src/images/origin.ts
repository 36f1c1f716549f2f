/** Where clients find this service, for addresses that are made in the database: access_url of ObsCore. */
import type { Client } from '../db/database.ts'

/** `origin` is without a trailing slash. */
export async function announceOrigin(client: Client, origin: string): Promise<void> {
  await client.query(
    `INSERT INTO almagest.service (one, origin) VALUES (true, $1)
     ON CONFLICT (one) DO UPDATE SET origin = excluded.origin WHERE service.origin <> excluded.origin`,
    [origin],
  )
}

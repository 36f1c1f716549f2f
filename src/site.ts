/** The database of this installation, ready for use: the site's own or the embedded cluster, migrated. */
import type { Config } from './config.ts'
import type { Database } from './db/database.ts'
import { openEmbedded } from './db/embedded.ts'
import { migrate } from './db/migrate.ts'
import { openDatabase } from './db/postgres.ts'
import type { Log } from './log.ts'

export interface Site {
  readonly db: Database
  /** libpq URL; a unix socket for the embedded cluster. */
  readonly url: string
  readonly embedded: boolean
  /** Migrations that this opening applied. */
  readonly migrated: readonly string[]
  close(): Promise<void>
}

/** `processes` like this one share the database's connections. */
export async function openSite(config: Config, log: Log, processes = 1): Promise<Site> {
  const embedded = config.databaseUrl ? undefined : await openEmbedded({ dir: config.dir, log })
  const url = config.databaseUrl ?? embedded!.url
  try {
    const migrated = await migrate(url, log)
    const db = await openDatabase({ url, log, processes })
    return {
      db,
      url,
      embedded: embedded !== undefined,
      migrated,
      async close() {
        await db.close()
        await embedded?.release()
      },
    }
  } catch (error) {
    await embedded?.release()
    throw error
  }
}

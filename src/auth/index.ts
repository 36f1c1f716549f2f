/** What a web process needs to know who is asking. */
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { type Known, openKnown } from './known.ts'
import { siteSecret } from './secret.ts'
import { type AuthSettings, authSettings } from './settings.ts'

export interface Auth {
  /** Undefined: the site says nothing of logins; tokens of the command line count all the same. */
  readonly settings: AuthSettings | undefined
  readonly known: Known
  /** What the site signs with; made when it is first asked for. */
  secret(): string
  close(): Promise<void>
}

export async function openAuth(config: Pick<Config, 'auth' | 'secret' | 'dir'>, db: Database): Promise<Auth> {
  const settings = authSettings(config.auth)
  const known = await openKnown(db)
  return { settings, known, secret: () => siteSecret(config), close: known.close }
}

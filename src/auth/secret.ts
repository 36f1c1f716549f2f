/** What this site signs with. It is not in the database, so that a copy of that is good for nothing. */
import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** The site's own (ALMAGEST_SECRET), or the one in the file `secret` of ALMAGEST_DIR, made by whoever comes first. */
export function siteSecret({
  secret,
  dir,
}: {
  readonly secret: string | undefined
  readonly dir: string
}): string {
  if (secret !== undefined) return secret
  const file = path.join(dir, 'secret')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  mkdirSync(dir, { recursive: true })
  const made = `${file}.${process.pid}`
  writeFileSync(made, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
  try {
    linkSync(made, file) // all there or not at all, and never over another process's
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(made)
  }
  return readFileSync(file, 'utf8').trim()
}

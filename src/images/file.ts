/** Whole files by collection and key. */
import { requireAdmission } from '../auth/access.ts'
import type { Identity } from '../auth/identity.ts'
import type { Database } from '../db/database.ts'
import { closedRule, type RuleRow, ruleOf } from './access.ts'

export interface ImageFile {
  readonly fileId: string
  readonly key: string
  /** What `fits` opens. */
  readonly location: string
  /** As they were when the file was read last. */
  readonly bytes: number
  readonly modified: Date
  /** Hexadecimal; undefined until it was worked out. */
  readonly sha256: string | undefined
  readonly mediaType: string
}

/**
 * The file, if there is one that the identity may have; throws where somebody who may not have it is told so. The key is looked up as it is: no path is made of it, so that
 * nothing but files of a collection can be reached.
 */
export async function findFile(
  db: Pick<Database, 'query'>,
  identity: Identity,
  collection: string,
  key: string,
): Promise<ImageFile | undefined> {
  const [row] = await db.query<{
    file_id: string
    location: string
    bytes: string
    modified: Date
    sha256: string | null
    media_type: string
    rule: RuleRow | null
  }>(
    `SELECT file_id, location, bytes, modified, sha256, media_type, ${closedRule('collection')} AS rule
       FROM almagest.image_file WHERE collection = $1 AND key = $2`,
    [collection, key],
  )
  if (!row || !requireAdmission(ruleOf(row.rule), `The collection ${collection}`, identity)) return undefined
  return {
    fileId: row.file_id,
    key,
    location: row.location,
    bytes: Number(row.bytes),
    modified: row.modified,
    sha256: row.sha256 ?? undefined,
    mediaType: row.media_type,
  }
}

/** Keeps a hash that was worked out of the file as it was read last. */
export async function rememberHash(
  db: Pick<Database, 'query'>,
  file: ImageFile,
  sha256: string,
): Promise<void> {
  await db.query(
    'UPDATE almagest.image_file SET sha256 = $1 WHERE file_id = $2 AND bytes = $3 AND modified = $4 AND sha256 IS NULL',
    [sha256, file.fileId, file.bytes, file.modified],
  )
}

/** Image files and their images in the database. */
import type { Client } from '../../db/database.ts'
import type { Position } from '../../fits/wcs/wcs.ts'
import { encodedKey } from '../../images/urls.ts'
import { publisherDid } from './names.ts'
import type { FoundImage, ReadFile } from './read-file.ts'
import { type FileRole, type Role, roleOfFile } from './role.ts'
import type { FileAt } from './walk.ts'

/** A file that is on the disk. */
export interface Present extends FileAt {
  readonly bytes: number
  readonly modified: Date
}

export interface Known {
  readonly key: string
  readonly location: string
  readonly bytes: number
  readonly modified: Date
  /** Why it gave no image; undefined where it did. */
  readonly reason: string | undefined
  readonly broken: boolean
}

/** What is known of files by their keys, from an earlier ingest. */
export async function knownFiles(
  client: Client,
  collection: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Known>> {
  const rows = await client.query<Omit<Known, 'bytes' | 'reason'> & { bytes: string; reason: string | null }>(
    `SELECT key, location, bytes, modified, NULL AS reason, false AS broken
       FROM almagest.image_file WHERE collection = $1 AND key = ANY($2)
     UNION ALL
     SELECT key, location, bytes, modified, reason, broken
       FROM almagest.image_skipped WHERE collection = $1 AND key = ANY($2)`,
    [collection, keys],
  )
  return new Map(
    rows.map(row => [row.key, { ...row, bytes: Number(row.bytes), reason: row.reason ?? undefined }]),
  )
}

export interface Collection {
  readonly name: string
  readonly authority: string
}

/** Puts a file with its images in, in place of what was there. */
export async function storeFile(
  client: Client,
  { name, authority }: Collection,
  file: Present,
  { images, mediaType }: ReadFile,
): Promise<void> {
  const byName = roleOfFile(file.key)
  await client.query('DELETE FROM almagest.image_skipped WHERE collection = $1 AND key = $2', [
    name,
    file.key,
  ])
  const encoded = encodedKey(file.key)
  const [row] = await client.query<{ file_id: string }>(
    `INSERT INTO almagest.image_file (collection, key, location, bytes, modified, media_type, url_key, stem)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (collection, key) DO UPDATE
       SET location = excluded.location, bytes = excluded.bytes, modified = excluded.modified, sha256 = NULL,
           media_type = excluded.media_type, stem = excluded.stem, ingested_at = now()
     RETURNING file_id`,
    [
      name,
      file.key,
      file.location,
      file.bytes,
      file.modified,
      mediaType,
      encoded === file.key ? null : encoded,
      byName.stem,
    ],
  )
  const fileId = row!.file_id
  await client.query('DELETE FROM almagest.image WHERE file_id = $1', [fileId])
  const did = (hdu: number) => publisherDid(authority, name, encoded, images.length > 1 ? hdu : undefined)
  const roles = images.map(image => image.role ?? byName.role)
  const rows = images.map((_, i) => imageRow(name, byName, did, images, roles, i))
  const made = await client.query<{ image_id: string; hdu: number }>(
    `INSERT INTO almagest.image (file_id, ${COLUMNS.join(', ')})
     SELECT $1, ${COLUMNS.map(column => `r.${column}`).join(', ')}
       FROM json_populate_recordset(NULL::almagest.image, $2) AS r
     RETURNING image_id, hdu`,
    [fileId, JSON.stringify(rows)],
  )
  for (const { image_id, hdu } of made) {
    const { pieces } = images.find(image => image.hdu === hdu)!.place
    if (pieces === undefined) continue
    for (const [table, regions] of [
      ['image_part', pieces.parts],
      ['image_gap', pieces.gaps],
    ] as const)
      await client.query(`INSERT INTO almagest.${table} SELECT $1, unnest($2::text[])::spoly`, [
        image_id,
        regions.map(polygon),
      ])
  }
}

type ImageRow = FoundImage['described'] & {
  readonly hdu: number
  readonly role: Role
  readonly science_did: string | undefined
  readonly dataproduct_subtype: string | undefined
  readonly obs_collection: string
  readonly obs_publisher_did: string
  readonly s_region: string | undefined
}

function imageRow(
  collection: string,
  { stem }: FileRole,
  did: (hdu: number) => string,
  images: readonly FoundImage[],
  roles: readonly Role[],
  i: number,
): ImageRow {
  const { hdu, described, place } = images[i]!
  const role = roles[i]!
  const science = role === 'science' ? undefined : scienceOf(images, roles, i)
  return {
    ...described,
    hdu,
    role,
    science_did: science && did(science.hdu),
    dataproduct_subtype: role === 'science' ? undefined : role,
    obs_collection: collection,
    obs_id: described.obs_id ?? stem,
    obs_publisher_did: did(hdu),
    s_region: place.region && polygon(place.region),
  }
}

/** The image of the same file that a weight map, mask … is of: of the same EXTVER, else the one before it, else the first. */
function scienceOf(images: readonly FoundImage[], roles: readonly Role[], i: number): FoundImage | undefined {
  const { hdu, extver } = images[i]!
  const science = images.filter((_, k) => roles[k] === 'science')
  const sameVersion = extver === undefined ? [] : science.filter(image => image.extver === extver)
  if (sameVersion.length === 1) return sameVersion[0]
  return science.filter(image => image.hdu < hdu).at(-1) ?? science[0]
}

/** pgSphere's text of a polygon. */
export function polygon(vertices: readonly Position[]): string {
  return `{${vertices.map(([ra, dec]) => `(${ra}d,${dec}d)`).join(',')}}`
}

const COLUMNS = [
  'hdu',
  'role',
  'science_did',
  'dataproduct_type',
  'dataproduct_subtype',
  'calib_level',
  'obs_collection',
  'obs_id',
  'obs_title',
  'obs_publisher_did',
  'target_name',
  's_ra',
  's_dec',
  's_fov',
  's_region',
  's_resolution',
  's_pixel_scale',
  's_xel1',
  's_xel2',
  't_min',
  't_max',
  't_exptime',
  't_resolution',
  't_xel',
  'em_min',
  'em_max',
  'em_res_power',
  'em_xel',
  'em_ucd',
  'o_ucd',
  'pol_states',
  'pol_xel',
  'facility_name',
  'instrument_name',
  'filter_name',
  'bunit',
  'bitpix',
] as const satisfies readonly (keyof ImageRow)[]

/** Keeps in mind that a file gives no image, and why; what it gave before is gone. */
export async function storeSkipped(
  client: Client,
  collection: string,
  file: Present,
  reason: string,
  broken: boolean,
): Promise<void> {
  await client.query('DELETE FROM almagest.image_file WHERE collection = $1 AND key = $2', [
    collection,
    file.key,
  ])
  await client.query(
    `INSERT INTO almagest.image_skipped VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (collection, key) DO UPDATE
       SET location = excluded.location, bytes = excluded.bytes, modified = excluded.modified,
           reason = excluded.reason, broken = excluded.broken`,
    [collection, file.key, file.location, file.bytes, file.modified, reason, broken],
  )
}

/**
 * Tells weight maps and the like that are files of their own which image they belong to: the one whose file has the
 * same stem, and the same HDU where that has several.
 */
export async function linkCompanions(client: Client, collection: string): Promise<void> {
  await client.query(
    `UPDATE almagest.image AS c SET science_did = NULL
      WHERE c.obs_collection = $1 AND c.science_did IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM almagest.image AS s WHERE s.obs_publisher_did = c.science_did)`,
    [collection],
  )
  await client.query(
    `UPDATE almagest.image AS c
        SET science_did = s.did
       FROM (SELECT DISTINCT ON (c.image_id) c.image_id, s.obs_publisher_did AS did
               FROM almagest.image AS c
               JOIN almagest.image_file AS cf ON cf.file_id = c.file_id
               JOIN almagest.image_file AS sf
                 ON sf.collection = cf.collection AND sf.stem = cf.stem AND sf.file_id <> cf.file_id
               JOIN almagest.image AS s ON s.file_id = sf.file_id AND s.role = 'science'
              WHERE c.obs_collection = $1 AND c.role <> 'science' AND c.science_did IS NULL
              ORDER BY c.image_id, s.hdu <> c.hdu, s.hdu, s.obs_publisher_did) AS s
      WHERE s.image_id = c.image_id`,
    [collection],
  )
}

/** A page of the files of a collection, by key. */
export async function filesAfter(
  client: Client,
  collection: string,
  after: string,
  count: number,
): Promise<{ key: string; location: string }[]> {
  return client.query(
    `SELECT key, location FROM almagest.image_file WHERE collection = $1 AND key > $2
     UNION ALL
     SELECT key, location FROM almagest.image_skipped WHERE collection = $1 AND key > $2
     ORDER BY key LIMIT ${count}`,
    [collection, after],
  )
}

export async function removeFiles(
  client: Client,
  collection: string,
  keys: readonly string[],
): Promise<void> {
  for (const table of ['image_file', 'image_skipped'])
    await client.query(`DELETE FROM almagest.${table} WHERE collection = $1 AND key = ANY($2)`, [
      collection,
      keys,
    ])
}

/** Forgets a collection with all its images; the files stay where they are. False when there is none of this name. */
export async function removeCollection(client: Client, collection: string): Promise<boolean> {
  await client.query('DELETE FROM almagest.image_file WHERE collection = $1', [collection])
  const gone = await client.query('DELETE FROM almagest.image_collection WHERE collection = $1 RETURNING 1', [
    collection,
  ])
  return gone.length > 0
}

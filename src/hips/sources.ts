/** The images of a HiPS and what is known of them: from a collection in ObsCore, or from the files themselves. */
import { statSync } from 'node:fs'
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { hdus } from '../fits/hdu.ts'
import { imageOf } from '../fits/image.ts'
import { openImage } from '../fits/open.ts'
import { needsTables } from '../fits/wcs/lookup.ts'
import { celestialWcs } from '../fits/wcs/wcs.ts'
import type { HipsImage } from './input.ts'

export interface Sources {
  readonly images: readonly HipsImage[]
  readonly title: string | undefined
  readonly description: string | undefined
  readonly tMin: number | undefined
  readonly tMax: number | undefined
  readonly emMin: number | undefined
  readonly emMax: number | undefined
}

interface Row {
  did: string
  location: string
  hdu: number
  bytes: string
  modified: Date
  weight_location: string | null
  weight_hdu: number | null
  weight_bytes: string | null
  weight_modified: Date | null
  t_min: number | null
  t_max: number | null
  em_min: number | null
  em_max: number | null
}

/** Images of a collection, in one filter where it is given, with their weight maps. */
export async function collectionSources(
  client: Client,
  collection: string,
  filter: string | undefined,
): Promise<Sources> {
  const [known] = await client.query<{ title: string | null; description: string | null }>(
    'SELECT title, description FROM almagest.image_collection WHERE collection = $1',
    [collection],
  )
  if (!known)
    throw new ServiceError('usage', `there is no collection ${collection}; \`ingest images\` makes one`)
  const rows = await client.query<Row>(
    `SELECT i.obs_publisher_did AS did, f.location, i.hdu, f.bytes::text, f.modified,
            w.location AS weight_location, w.hdu AS weight_hdu, w.bytes AS weight_bytes,
            w.modified AS weight_modified, i.t_min, i.t_max, i.em_min, i.em_max
       FROM almagest.image AS i JOIN almagest.image_file AS f USING (file_id)
       LEFT JOIN LATERAL (
         SELECT wf.location, w.hdu, wf.bytes::text, wf.modified FROM almagest.image AS w JOIN almagest.image_file AS wf USING (file_id)
          WHERE w.science_did = i.obs_publisher_did AND w.role = 'weight' ORDER BY w.image_id LIMIT 1) AS w ON true
      WHERE i.obs_collection = $1 AND i.role = 'science' AND ($2::text IS NULL OR i.filter_name = $2)
      ORDER BY i.obs_publisher_did`,
    [collection, filter ?? null],
  )
  if (rows.length === 0) {
    const filters = await client.query<{ name: string }>(
      `SELECT DISTINCT filter_name AS name FROM almagest.image
        WHERE obs_collection = $1 AND role = 'science' AND filter_name IS NOT NULL ORDER BY 1`,
      [collection],
    )
    const names = filters.map(({ name }) => name).join(', ')
    throw new ServiceError(
      'usage',
      filter === undefined
        ? `the collection ${collection} has no images`
        : `the collection ${collection} has no images in the filter ${filter}; it has ${names || 'none'}`,
    )
  }
  const least = (key: 't_min' | 'em_min') =>
    extreme(
      rows.map(row => row[key]),
      Math.min,
    )
  const most = (key: 't_max' | 'em_max') =>
    extreme(
      rows.map(row => row[key]),
      Math.max,
    )
  return {
    images: rows.map(row => ({
      name: row.did,
      location: row.location,
      hdu: row.hdu,
      stamp: [
        row.bytes,
        row.modified.toISOString(),
        row.weight_location,
        row.weight_hdu,
        row.weight_bytes,
        row.weight_modified?.toISOString(),
      ].join(' '),
      ...(row.weight_location !== null && {
        weight: { location: row.weight_location, hdu: row.weight_hdu! },
      }),
    })),
    title: known.title ?? undefined,
    description: known.description ?? undefined,
    tMin: least('t_min'),
    tMax: most('t_max'),
    emMin: least('em_min'),
    emMax: most('em_max'),
  }
}

function extreme(values: readonly (number | null)[], choose: (...n: number[]) => number): number | undefined {
  const known = values.filter(value => value !== null)
  return known.length > 0 ? choose(...known) : undefined
}

/** Every HDU with an image of the sky in these files; `unreadable` hears of files that cannot be read. */
export async function fileSources(
  files: AsyncIterable<{ readonly location: string; readonly key: string }>,
  spool: string,
  unreadable: (location: string, reason: string) => void,
): Promise<Sources> {
  const images: HipsImage[] = []
  for await (const { location, key } of files) {
    try {
      const { size, mtimeMs } = statSync(location)
      const file = await openImage(location, spool)
      const before = images.length
      try {
        for await (const hdu of hdus(file.source)) {
          const image = imageOf(hdu)
          if (!image || image.shape.length < 2 || !isOnSky(image.header)) continue
          images.push({ name: `${key}/${hdu.index}`, location, hdu: hdu.index, stamp: `${size} ${mtimeMs}` })
        }
      } finally {
        await file.close()
      }
      if (images.length === before) unreadable(location, 'it has no image of the sky')
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      unreadable(location, error.message)
    }
  }
  images.sort((a, b) => (a.name < b.name ? -1 : 1))
  const none = { title: undefined, description: undefined }
  return { images, ...none, tMin: undefined, tMax: undefined, emMin: undefined, emMax: undefined }
}

function isOnSky(header: Parameters<typeof celestialWcs>[0]): boolean {
  return needsTables(header) || celestialWcs(header) !== undefined
}

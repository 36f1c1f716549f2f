/** Images without files, for services that only read the database: what a test says of a row, the rest NULL. */
import type { Database } from '../../src/db/database.ts'

export interface TestImage {
  readonly did: string
  readonly collection?: string
  readonly key?: string
  readonly bytes?: number
  readonly mediaType?: string
  readonly location?: string
  /** Degrees, lon lat lon lat …; null: none. */
  readonly region?: readonly number[] | null
  /** Pieces of an image without a region. */
  readonly parts?: readonly (readonly number[])[]
  /** What such an image leaves free. */
  readonly gaps?: readonly (readonly number[])[]
  /** Columns of almagest.image. */
  readonly columns?: Readonly<Record<string, string | number | null>>
}

export const polygonText = (numbers: readonly number[]): string =>
  `{${numbers.flatMap((lon, i) => (i % 2 === 0 ? [`(${lon}d,${numbers[i + 1]}d)`] : [])).join(',')}}`

export async function addImages(db: Database, images: readonly TestImage[]): Promise<void> {
  for (const image of images) {
    const { did, collection = 'test', key = did.replace(/^.*\?/, ''), region, columns = {} } = image
    await db.query('INSERT INTO almagest.image_collection (collection) VALUES ($1) ON CONFLICT DO NOTHING', [
      collection,
    ])
    const [file] = await db.query<{ file_id: string }>(
      `INSERT INTO almagest.image_file (collection, key, location, bytes, modified, media_type)
       VALUES ($1, $2, $3, $4, '2026-01-02T03:04:05Z', $5)
       ON CONFLICT (collection, key) DO UPDATE SET bytes = excluded.bytes RETURNING file_id`,
      [
        collection,
        key,
        image.location ?? `/nowhere/${key}`,
        image.bytes ?? 2048,
        image.mediaType ?? 'application/fits',
      ],
    )
    const all = {
      obs_publisher_did: did,
      obs_collection: collection,
      obs_id: key,
      calib_level: 2,
      bitpix: -32,
      s_region: region ? polygonText(region) : null,
      ...columns,
    }
    const [row] = await db.query<{ image_id: string }>(
      `INSERT INTO almagest.image (file_id, hdu, ${Object.keys(all).join(', ')})
       VALUES ($1, (SELECT count(*) FROM almagest.image WHERE file_id = $1), ${Object.keys(all)
         .map((_, i) => `$${i + 2}`)
         .join(', ')})
       RETURNING image_id`,
      [file!.file_id, ...Object.values(all)],
    )
    for (const [table, regions] of Object.entries({ image_part: image.parts, image_gap: image.gaps }))
      for (const region of regions ?? [])
        await db.query(`INSERT INTO almagest.${table} VALUES ($1, $2::spoly)`, [
          row!.image_id,
          polygonText(region),
        ])
  }
}

/** A square of a degree with its centre at a position, away from the poles. */
export function square(lon: number, lat: number, size = 1): readonly number[] {
  const h = size / 2
  const at = (dx: number, dy: number) => [(lon + dx + 360) % 360, lat + dy]
  return [at(-h, -h), at(h, -h), at(h, h), at(-h, h)].flat()
}

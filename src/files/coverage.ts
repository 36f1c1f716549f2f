/** The part of the sky that a collection's images show, as a MOC (MOC 2.0). */
import type { Client } from '../db/database.ts'
import { coverPolygon } from '../healpix/cover.ts'
import { cellSide } from '../healpix/geometry.ts'
import { type Moc, mocOfCells, mocUnion } from '../healpix/moc.ts'

/** Images that are read by one statement. */
const PAGE = 500
/** Cells along the diameter of a usual image. */
const FINENESS = 24
const [COARSEST, FINEST] = [4, 11]
/** Collections of more images than this are drawn coarser. */
const MANY = 20_000
const FINEST_OF_MANY = 8

export interface Coverage {
  readonly moc: Moc
  /** Changes with the collection. */
  readonly state: string
  /** MJD; undefined where no image knows. */
  readonly times?: readonly [from: number, to: number] | undefined
  /** Metres. */
  readonly wavelengths?: readonly [shortest: number, longest: number] | undefined
}

/** Of cells that are as small as suits an image of this diameter. */
const orderFor = (fov: number) =>
  Math.min(FINEST, Math.max(COARSEST, Math.ceil(Math.log2((cellSide(0) * FINENESS) / fov))))

const remembered = new Map<string, Coverage>()

/** Undefined when there is no such collection. Kept in memory as long as the collection stays as it is. */
export async function coverageOf(db: Client, collection: string): Promise<Coverage | undefined> {
  const [row] = await db.query<{ state: string; images: number; fov: number | null }>(
    `SELECT count(f.*)::text || '-' || coalesce(max(f.file_id), 0) || '-' || coalesce(max(f.ingested_at), c.created_at) AS state,
            (SELECT count(*)::int FROM almagest.image WHERE obs_collection = c.collection) AS images,
            (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s_fov) FROM almagest.image
              WHERE obs_collection = c.collection) AS fov
       FROM almagest.image_collection AS c LEFT JOIN almagest.image_file AS f USING (collection)
      WHERE c.collection = $1 GROUP BY c.collection`,
    [collection],
  )
  if (!row) return undefined
  const known = remembered.get(collection)
  if (known?.state === row.state) return known
  const order = Math.min(row.images > MANY ? FINEST_OF_MANY : FINEST, orderFor(row.fov ?? 1))
  const coverage = {
    moc: await union(db, collection, order),
    state: row.state,
    ...(await extent(db, collection)),
  }
  remembered.set(collection, coverage)
  return coverage
}

async function extent(db: Client, collection: string): Promise<Pick<Coverage, 'times' | 'wavelengths'>> {
  const [row] = await db.query<Record<'t0' | 't1' | 'e0' | 'e1', number | null>>(
    `SELECT min(t_min) AS t0, max(t_max) AS t1, min(em_min) AS e0, max(em_max) AS e1 FROM almagest.image
      WHERE obs_collection = $1 AND role = 'science'`,
    [collection],
  )
  const pair = (a: number | null | undefined, b: number | null | undefined) =>
    a == null || b == null ? undefined : ([a, b] as const)
  return { times: pair(row?.t0, row?.t1), wavelengths: pair(row?.e0, row?.e1) }
}

async function union(db: Client, collection: string, order: number): Promise<Moc> {
  let all: Moc = { ...mocOfCells(order, []), order }
  for (let after = '0'; ; ) {
    const rows = await db.query<{ id: string; fov: number; regions: string[] }>(
      `SELECT i.image_id AS id, i.s_fov AS fov,
              ARRAY(SELECT i.s_region::text WHERE i.s_region IS NOT NULL
                    UNION ALL
                    SELECT p.region::text FROM almagest.image_part AS p WHERE p.image_id = i.image_id) AS regions
         FROM almagest.image AS i
        WHERE i.obs_collection = $1 AND i.role = 'science' AND i.image_id > $2
        ORDER BY i.image_id LIMIT ${PAGE}`,
      [collection, after],
    )
    if (rows.length === 0) return all
    after = rows.at(-1)!.id
    // The same outline in another band is the same cells. Large images are drawn with larger cells.
    const finest = new Map(rows.flatMap(({ fov, regions }) => regions.map(region => [region, orderFor(fov)])))
    const covers = [...finest].map(([region, own]) => coverPolygon(vertices(region), Math.min(own, order)))
    all = { ...mocUnion([all, ...covers]), order }
  }
}

/** pgSphere's text of a polygon, `{(lon , lat),…}` in radians. */
function vertices(region: string): (readonly [number, number])[] {
  return [...region.matchAll(/\(\s*([^,()\s]+)\s*,\s*([^,()\s]+)\s*\)/g)].map(
    ([, lon, lat]) => [Number(lon), Number(lat)] as const,
  )
}

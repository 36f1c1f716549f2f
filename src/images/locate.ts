/** From a publisher DID to the image and the file that holds it: what SODA, DataLink and file services begin with. */
import { type AccessRule, type Closed, isAdmitted, refusal } from '../auth/access.ts'
import type { Identity } from '../auth/identity.ts'
import type { Database } from '../db/database.ts'
import { closedRule, type RuleRow, ruleOf } from './access.ts'

export interface LocatedImage {
  /** obs_publisher_did, as it is stored. */
  readonly did: string
  readonly imageId: bigint
  readonly role: 'science' | 'weight' | 'mask' | 'variance'
  /** Of a weight map …: the image that it belongs to. */
  readonly scienceDid: string | undefined
  readonly collection: string
  /** Path of the file below the collection's folder, with / between its parts. */
  readonly key: string
  /** What `fits` opens. */
  readonly location: string
  /** Number of the HDU, 0 for the primary one. */
  readonly hdu: number
  readonly mediaType: string
  readonly bytes: number
  readonly title: string | undefined
  readonly productType: string
  readonly filterName: string | undefined
  /** Longitude and latitude of each vertex, ICRS degrees; undefined where no polygon outlines the image. */
  readonly region: readonly (readonly [ra: number, dec: number])[] | undefined
  /** ICRS degrees. */
  readonly sRa: number | undefined
  readonly sDec: number | undefined
  /** Diameter in degrees. */
  readonly sFov: number | undefined
  /** Arcseconds. */
  readonly sPixelScale: number | undefined
  /** Pixels. */
  readonly sXel1: number | undefined
  readonly sXel2: number | undefined
  /** Metres. */
  readonly emMin: number | undefined
  readonly emMax: number | undefined
  readonly emXel: number | undefined
  /** MJD. */
  readonly tMin: number | undefined
  readonly tMax: number | undefined
  /** `/I/Q/U/` (ObsCore 1.1 §B.6.5.3). */
  readonly polStates: string | undefined
  /** Of its collection, where that is not for everybody. */
  readonly rule: AccessRule | undefined
}

/** The image of this DID, if there is one that the identity may have. */
export async function locate(
  db: Pick<Database, 'query'>,
  identity: Identity,
  did: string,
): Promise<LocatedImage | undefined> {
  return (await locateAll(db, identity, [did])).get(did)
}

/** Many images by one statement; those that are not there, or not for the identity, are not in the map. */
export async function locateAll(
  db: Pick<Database, 'query'>,
  identity: Identity,
  dids: readonly string[],
): Promise<ReadonlyMap<string, LocatedImage>> {
  return (await locateKnown(db, identity, dids)).images
}

export interface KnownImages {
  readonly images: ReadonlyMap<string, LocatedImage>
  /** Those that the identity may not have, but is told of. */
  readonly closed: ReadonlyMap<string, Closed>
}

/** As `locateAll`, with what to say of the images that are not for the identity. */
export async function locateKnown(
  db: Pick<Database, 'query'>,
  identity: Identity,
  dids: readonly string[],
): Promise<KnownImages> {
  // A DID is a text of ours: what PostgreSQL cannot hold as a text is none.
  const asked = [...new Set(dids)].filter(did => !did.includes('\0'))
  if (asked.length === 0) return { images: new Map(), closed: new Map() }
  const rows = await db.query<Row>(`${SELECT} WHERE i.obs_publisher_did = ANY($1)`, [asked])
  const images = new Map<string, LocatedImage>()
  const closed = new Map<string, Closed>()
  for (const image of rows.map(located)) {
    if (isAdmitted(image.rule, identity)) images.set(image.did, image)
    else {
      const told = refusal(image.rule!, `the collection ${image.collection}`, identity)
      if (told) closed.set(image.did, told)
    }
  }
  return { images, closed }
}

const SELECT = `
  SELECT i.obs_publisher_did AS did, i.image_id, i.role, i.science_did, i.obs_collection AS collection, f.key,
         f.location, i.hdu, f.media_type, f.bytes, i.obs_title AS title, i.dataproduct_type, i.filter_name,
         i.s_region::text AS region, i.s_ra, i.s_dec, i.s_fov, i.s_pixel_scale, i.s_xel1, i.s_xel2, i.em_min, i.em_max,
         i.em_xel, i.t_min, i.t_max, i.pol_states,
         ${closedRule('i.obs_collection')} AS rule
    FROM almagest.image AS i JOIN almagest.image_file AS f USING (file_id)`

interface Row {
  readonly did: string
  readonly image_id: string
  readonly role: LocatedImage['role']
  readonly science_did: string | null
  readonly collection: string
  readonly key: string
  readonly location: string
  readonly hdu: number
  readonly media_type: string
  readonly bytes: string
  readonly title: string | null
  readonly dataproduct_type: string
  readonly filter_name: string | null
  readonly region: string | null
  readonly s_ra: number | null
  readonly s_dec: number | null
  readonly s_fov: number | null
  readonly s_pixel_scale: number | null
  readonly s_xel1: string | null
  readonly s_xel2: string | null
  readonly em_min: number | null
  readonly em_max: number | null
  readonly em_xel: string | null
  readonly t_min: number | null
  readonly t_max: number | null
  readonly pol_states: string | null
  readonly rule: RuleRow | null
}

const whole = (value: string | null) => (value === null ? undefined : Number(value))

function located(row: Row): LocatedImage {
  return {
    did: row.did,
    imageId: BigInt(row.image_id),
    role: row.role,
    scienceDid: row.science_did ?? undefined,
    collection: row.collection,
    key: row.key,
    location: row.location,
    hdu: row.hdu,
    mediaType: row.media_type,
    bytes: Number(row.bytes),
    title: row.title ?? undefined,
    productType: row.dataproduct_type,
    filterName: row.filter_name ?? undefined,
    region: row.region === null ? undefined : vertices(row.region),
    sRa: row.s_ra ?? undefined,
    sDec: row.s_dec ?? undefined,
    sFov: row.s_fov ?? undefined,
    sPixelScale: row.s_pixel_scale ?? undefined,
    sXel1: whole(row.s_xel1),
    sXel2: whole(row.s_xel2),
    emMin: row.em_min ?? undefined,
    emMax: row.em_max ?? undefined,
    emXel: whole(row.em_xel),
    tMin: row.t_min ?? undefined,
    tMax: row.t_max ?? undefined,
    polStates: row.pol_states ?? undefined,
    rule: ruleOf(row.rule),
  }
}

/** pgSphere's text of a polygon, `{(lon , lat),…}` in radians. */
function vertices(region: string): (readonly [number, number])[] {
  return [...region.matchAll(/\(\s*([^,()\s]+)\s*,\s*([^,()\s]+)\s*\)/g)].map(
    ([, lon, lat]) => [(Number(lon) * 180) / Math.PI, (Number(lat) * 180) / Math.PI] as const,
  )
}

/** Which images show a position: one a band, the one in whose middle the position lies most. */
import type { Identity } from '../../auth/identity.ts'
import type { Client, Database } from '../../db/database.ts'
import { ServiceError } from '../../error.ts'
import { type LocatedImage, locateAll } from '../../images/locate.ts'
import type { Wanted } from './positions.ts'

export interface Placed extends Wanted {
  readonly ra: number
  readonly dec: number
}

/** Positions of objects in a published table, by the identifier that it calls its main one. */
export async function placed(
  db: Database,
  identity: Identity,
  table: string | undefined,
  wanted: readonly Wanted[],
): Promise<readonly Wanted[]> {
  const names = wanted.filter(({ ra }) => ra === undefined).flatMap(({ name }) => name ?? [])
  if (names.length === 0) return wanted
  if (!table)
    throw new ServiceError(
      'usage',
      'The table has identifiers of objects: say by TABLE of which published table they are',
    )
  const { statement, numbers } = await lookup(db, identity, table)
  const plain = numbers ? wholeNumber : (name: string) => name
  const rows = await db.transaction(async client => {
    await client.query('SET TRANSACTION READ ONLY')
    await client.query(`SET LOCAL ROLE ${identity.role}`)
    return client.query<{ id: string; ra: number; dec: number }>(statement, [
      names.flatMap(name => plain(name) ?? []),
    ])
  })
  const found = new Map(rows.map(row => [row.id, row]))
  return wanted.map(one => {
    const id = one.ra === undefined && one.name !== undefined ? plain(one.name) : undefined
    const at = id === undefined ? undefined : found.get(id)
    return at ? { ...one, ra: at.ra, dec: at.dec } : one
  })
}

/** As PostgreSQL writes it; undefined for what is no bigint, which is no identifier of any object then. */
function wholeNumber(name: string): string | undefined {
  if (!/^[+-]?\d{1,40}$/.test(name)) return undefined
  const value = BigInt(name.replace('+', ''))
  return BigInt.asIntN(64, value) === value ? String(value) : undefined
}

interface Lookup {
  readonly statement: string
  /** Whether identifiers are integers. */
  readonly numbers: boolean
}

async function lookup(db: Database, identity: Identity, table: string): Promise<Lookup> {
  const [known] = await db.query<{ sql: string | null; numbers: boolean }>(
    `SELECT format('SELECT o.%1$I::text AS id, o.%2$I::float8 AS ra, o.%3$I::float8 AS dec FROM %4$I.%5$I AS o WHERE o.%1$I = ANY($1::%6$s[]) AND o.%2$I IS NOT NULL AND o.%3$I IS NOT NULL',
                   c.sql_name, t.ra_column, t.dec_column, t.sql_schema, t.sql_table,
                   CASE WHEN a.atttypid = ANY ($3::regtype[]) THEN 'bigint' ELSE 'text' END) AS sql,
            a.atttypid = ANY ($3::regtype[]) AS numbers
       FROM almagest.published_table AS t
       JOIN almagest.published_column AS c ON c.table_name = t.table_name AND c.ucd = 'meta.id;meta.main'
       JOIN pg_attribute AS a ON a.attrelid = format('%I.%I', t.sql_schema, t.sql_table)::regclass AND a.attname = c.sql_name
      WHERE lower(t.table_name) = lower($1) AND t.ra_column IS NOT NULL
        AND has_table_privilege($2::name, a.attrelid, 'SELECT')`,
    [table, identity.role, ['smallint', 'integer', 'bigint']],
  )
  if (known?.sql) return { statement: known.sql, numbers: known.numbers }
  throw new ServiceError(
    'usage',
    `TABLE=${table.slice(0, 60)} is no published table with positions and a main identifier`,
  )
}

export type Match = ReadonlyMap<string, LocatedImage>

interface Found {
  readonly n: number
  readonly did: string
  readonly filter: string
}

/** For each position the images of a collection by band. */
export async function matches(
  db: Database,
  identity: Identity,
  collection: string,
  positions: readonly Pick<Placed, 'ra' | 'dec'>[],
): Promise<readonly Match[]> {
  const rows = await covering(db, collection, positions)
  const images = await locateAll(
    db,
    identity,
    rows.map(({ did }) => did),
  )
  const found = positions.map(() => new Map<string, LocatedImage>())
  for (const { n, did, filter } of rows) {
    const image = images.get(did)
    const bands = found[n - 1]!
    // The nearest comes first.
    if (image && !bands.has(filter)) bands.set(filter, image)
  }
  return found
}

function covering(
  db: Pick<Client, 'query'>,
  collection: string,
  positions: readonly Pick<Placed, 'ra' | 'dec'>[],
): Promise<readonly Found[]> {
  return db.query<Found>(
    `SELECT p.n::int, i.obs_publisher_did AS did, coalesce(i.filter_name, '') AS filter
       FROM unnest($2::float8[], $3::float8[]) WITH ORDINALITY AS p(ra, dec, n)
       JOIN LATERAL (
         SELECT image_id, obs_publisher_did, filter_name, s_ra, s_dec FROM almagest.image
          WHERE s_region @> spoint(radians(p.ra), radians(p.dec)) AND obs_collection = $1 AND role = 'science'
         UNION ALL
         SELECT image_id, obs_publisher_did, filter_name, s_ra, s_dec
           FROM almagest.image_part JOIN almagest.image USING (image_id)
          WHERE region @> spoint(radians(p.ra), radians(p.dec)) AND obs_collection = $1 AND role = 'science' AND s_region IS NULL
       ) AS i ON true
      ORDER BY p.n, spoint(radians(i.s_ra), radians(i.s_dec)) <-> spoint(radians(p.ra), radians(p.dec)), i.image_id`,
    [collection, positions.map(({ ra }) => ra), positions.map(({ dec }) => dec)],
  )
}

/** The image of a band: `g` is `g`, `g DECam SDSS c0001`, `HSC-G`, `sdss_g` …, the exact name first. */
export function ofBand(match: Match, band: string): LocatedImage | undefined {
  const wanted = band.toLowerCase()
  const entries = [...match].map(([filter, image]) => ({ name: filter.toLowerCase(), image }))
  const exact = entries.find(({ name }) => name === wanted)
  if (exact) return exact.image
  return entries.find(({ name }) => name.split(/\s/)[0] === wanted || name.split(/[-_. ]/).at(-1) === wanted)
    ?.image
}

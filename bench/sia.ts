/**
 * SIA 2.0 on 1,000,000 images against the bare SELECT on a connection that stays open, in turn: cones of 0.5 and 5
 * degrees, and a cone with BAND, TIME and COLLECTION. The same rows come by either way, neither compressed; then the
 * small cones as pyvo and TOPCAT ask for them, in gzip.
 */
import pg from 'pg'
import { SELECT_LIST } from '../src/sia/columns.ts'
import { inTurn, report, startService } from './support.ts'

const IMAGES = 1_000_000
const ROUNDS = 5
const CONES = 30

const service = await startService({ wide: false })
const client = new pg.Client({
  connectionString: service.database,
  options: '-c search_path=pg_catalog,pgsphere -c jit=off',
})
await client.connect()

/** Squares of 0.2 degrees all over the sky. All at once: indexes and checks of references row by row take ten times as long. */
async function fill(): Promise<void> {
  const { rows } = await client.query('SELECT count(*)::int AS n FROM almagest.image')
  if (rows[0].n >= IMAGES) return
  console.log(`filling ${IMAGES} images`)
  const { rows: indexes } = await client.query<{ name: string; made: string }>(`
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made FROM pg_index
     WHERE indrelid IN ('almagest.image'::regclass, 'almagest.image_file'::regclass) AND NOT indisunique`)
  await client.query('BEGIN')
  await client.query(`SET LOCAL session_replication_role = replica; SET LOCAL maintenance_work_mem = '512MB'`)
  if (indexes.length > 0) await client.query(`DROP INDEX ${indexes.map(({ name }) => name).join(', ')}`)
  await client.query(
    `INSERT INTO almagest.image_collection (collection) VALUES ('bench') ON CONFLICT DO NOTHING`,
  )
  await client.query(`
    INSERT INTO almagest.image_file (collection, key, location, bytes, modified, media_type)
    SELECT 'bench', i || '.fits', '/nowhere/' || i, 8000000, now(), 'image/fits' FROM generate_series(1, ${IMAGES}) AS g(i)
    ON CONFLICT DO NOTHING`)
  await client.query(`
    INSERT INTO almagest.image (file_id, hdu, calib_level, obs_collection, obs_id, obs_publisher_did, obs_title, s_ra, s_dec,
      s_fov, s_region, s_resolution, s_pixel_scale, s_xel1, s_xel2, t_min, t_max, t_exptime, em_min, em_max, facility_name,
      instrument_name, filter_name, bitpix)
    SELECT file_id, 0, 2, 'bench', key, 'ivo://bench.test/bench?' || key, 'Image ' || key, ra, dec, 0.28,
      format('{(%1$sd,%3$sd),(%2$sd,%3$sd),(%2$sd,%4$sd),(%1$sd,%4$sd)}', west, east, dec - 0.1, dec + 0.1)::spoly,
      0.7, 0.2, 3600, 3600, t, t + 0.01, 60, em, em * 1.2, 'Bench', 'Camera', 'r', -32
    FROM (SELECT *, CASE WHEN ra < half THEN ra - half + 360 ELSE ra - half END AS west,
                 CASE WHEN ra + half >= 360 THEN ra + half - 360 ELSE ra + half END AS east
            FROM (SELECT *, 0.1 / cos(radians(dec)) AS half
                    FROM (SELECT file_id, key, random() * 360 AS ra,
                                 greatest(-89, least(89, degrees(asin(2 * random() - 1)))) AS dec,
                                 58000 + random() * 3000 AS t, (4 + (random() * 5)::int) * 1e-7 AS em
                            FROM almagest.image_file WHERE collection = 'bench') AS f) AS g) AS h`)
  for (const { made } of indexes) await client.query(made)
  await client.query('COMMIT')
  await client.query('VACUUM ANALYZE almagest.image, almagest.image_file')
}

interface Query {
  readonly parameters: Readonly<Record<string, string>>
  readonly where: string
}

const cone = (radius: number, i: number): Query => {
  const [ra, dec] = [(i * 137.508) % 360, ((i * 53.7) % 120) - 60]
  return {
    parameters: { POS: `CIRCLE ${ra} ${dec} ${radius}` },
    where: `s_region && scircle(spoint(radians(${ra}), radians(${dec})), radians(${radius}))`,
  }
}

const narrowed = (i: number): Query => {
  const { parameters, where } = cone(2, i)
  return {
    parameters: { ...parameters, BAND: '5e-7 6e-7', TIME: '58000 59000', COLLECTION: 'bench' },
    where: `${where} AND em_min <= 6e-7 AND em_max >= 5e-7 AND t_min <= 59000 AND t_max >= 58000 AND obs_collection = 'bench'`,
  }
}

const kinds = { '0.5 deg': (i: number) => cone(0.5, i), '5 deg': (i: number) => cone(5, i), narrowed }

async function bare({ where }: Query): Promise<number> {
  const { rows } = await client.query({
    text: `SELECT ${SELECT_LIST} FROM almagest.obscore AS o WHERE o.dataproduct_type IN ('image', 'cube') AND ${where} LIMIT 100001`,
    rowMode: 'array',
  })
  return rows.length
}

const http =
  (coding: string) =>
  async ({ parameters }: Query) => {
    const response = await fetch(`${service.url}/sia2/query?${new URLSearchParams(parameters)}`, {
      headers: { 'Accept-Encoding': coding },
    })
    return (await response.text()).split('<TR>').length - 1
  }

/** Milliseconds a query. */
async function each(work: (query: Query) => Promise<number>, kind: (i: number) => Query): Promise<number> {
  const begun = performance.now()
  for (let i = 0; i < CONES; i++) await work(kind(i))
  return (performance.now() - begun) / CONES
}

try {
  await fill()
  for (const [name, kind] of Object.entries(kinds)) {
    const rows = [await bare(kind(1)), await http('identity')(kind(1))]
    if (rows[0] !== rows[1]) throw new Error(`${name}: ${rows[0]} rows by SQL, ${rows[1]} by HTTP`)
    console.log(`${name}: ${rows[0]} rows`)
    const tasks: Record<string, () => Promise<number>> = { [`${name} SQL`]: () => each(bare, kind) }
    const against: Record<string, string> = {}
    for (const coding of kind === kinds['0.5 deg'] ? ['identity', 'gzip'] : ['identity']) {
      const title = `${name} SIA2${coding === 'gzip' ? ' gzip' : ''}`
      tasks[title] = () => each(http(coding), kind)
      against[title] = `${name} SQL`
    }
    report(await inTurn(tasks, ROUNDS), against)
  }
} finally {
  await client.end()
  await service.stop()
}

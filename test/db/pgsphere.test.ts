import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import test from 'node:test'
import type pg from 'pg'
import { installPgSphere, pgSphereSchema, plainScript } from '../../src/db/pgsphere.ts'
import { testDatabase, withClient } from '../support/database.ts'

const url = await testDatabase()
/** Points on a spiral over the whole sky, in degrees: every latitude, no two alike. */
const POINTS = `CREATE TABLE public.p AS
  SELECT i AS id, (i * 137.50776405003785)::numeric % 360 AS ra, degrees(asin(-1 + 2 * (i - 0.5) / 100000)) AS dec
  FROM generate_series(1, 100000) i`
const CONE = `FROM public.p WHERE spoint(radians(ra), radians(dec)) <@ scircle(spoint(radians(10), radians(89)), radians(3))`
/** The same cone by unit vectors, without pgSphere. */
const CONE_BY_VECTORS = `FROM public.p WHERE cos(radians(dec)) * cos(radians(ra)) * cosd(89) * cosd(10)
  + cos(radians(dec)) * sin(radians(ra)) * cosd(89) * sind(10) + sin(radians(dec)) * sind(89) >= cosd(3)`

async function cone(client: pg.Client): Promise<{ found: number; expected: number; plan: string }> {
  await client.query('SET search_path = pg_catalog, pgsphere')
  await client.query('SET enable_seqscan = off')
  const count = async (what: string) => Number((await client.query(`SELECT count(*) AS n ${what}`)).rows[0].n)
  const explained = await client.query(`EXPLAIN SELECT count(*) ${CONE}`)
  const plan = explained.rows.map(row => row['QUERY PLAN']).join('\n')
  return { found: await count(CONE), expected: await count(CONE_BY_VECTORS), plan }
}

test('a cone uses the GiST index and finds what unit vectors find, before and after dump and restore', async t => {
  await withClient(url, async client => {
    await client.query('SET search_path = pg_catalog, pgsphere')
    await client.query(POINTS)
    await client.query('CREATE INDEX ON public.p USING gist (spoint(radians(ra), radians(dec)))')
    await client.query('ANALYZE public.p')
    const { found, expected, plan } = await cone(client)
    assert.ok(found > 50 && found === expected, `${found} found, ${expected} expected`)
    assert.match(plan, /Index Scan|Bitmap Index Scan/)
  })
  const copy = url.replace(/test_\w+/, '$&_restored')
  const name = /test_\w+/.exec(copy)![0]
  await withClient(url, client => client.query(`CREATE DATABASE ${name} TEMPLATE template0`))
  t.after(() => withClient(url, client => client.query(`DROP DATABASE ${name} WITH (FORCE)`)))
  const dump = execFileSync('pg_dump', [url], { maxBuffer: 2 ** 28 })
  execFileSync('psql', ['--quiet', '--set=ON_ERROR_STOP=1', copy], {
    input: dump,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  await withClient(copy, async client => {
    assert.equal(await pgSphereSchema(client), 'pgsphere')
    await installPgSphere(client)
    const { found, expected, plan } = await cone(client)
    assert.ok(found > 50 && found === expected, `${found} found, ${expected} expected after restore`)
    assert.match(plan, /Index Scan|Bitmap Index Scan/)
  })
})

test('a region query runs in parallel and counts the same', async () => {
  await withClient(url, async client => {
    await client.query('SET search_path = pg_catalog, pgsphere')
    await client.query(
      'SET enable_indexscan = off; SET enable_bitmapscan = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0',
    )
    const explained = await client.query(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT count(*) ${CONE}`)
    const plan = explained.rows.map(row => row['QUERY PLAN']).join('\n')
    assert.match(plan, /Workers Launched: [1-9]/)
    const { rows } = await client.query(
      `SELECT (SELECT count(*) ${CONE}) = (SELECT count(*) ${CONE_BY_VECTORS}) AS same`,
    )
    assert.equal(rows[0].same, true)
  })
})

test('installing again changes nothing, and another schema that has pgSphere is used', async () => {
  await withClient(url, async client => {
    const first = await installPgSphere(client)
    assert.deepEqual(await installPgSphere(client), first)
    assert.equal(first.schema, 'pgsphere')
    await client.query('ALTER SCHEMA pgsphere RENAME TO sphere')
    assert.deepEqual(await installPgSphere(client), { ...first, schema: 'sphere' })
    await client.query('ALTER SCHEMA sphere RENAME TO pgsphere')
  })
})

test('only the two obsolete operators are left out of the packaged script', () => {
  const script = [
    '\\echo Use "CREATE EXTENSION pg_sphere" to load this file. \\quit',
    "CREATE FUNCTION f(spoint) RETURNS text AS 'MODULE_PATHNAME', 'f' LANGUAGE C;",
    "CREATE OPERATOR @ (\n   LEFTARG    = bigint,\n   RIGHTARG   = smoc,\n   COMMUTATOR = '@>'\n);",
    "CREATE OPERATOR @ (\n   LEFTARG    = spoint,\n   RIGHTARG   = smoc,\n   COMMUTATOR = '@>'\n);",
    "CREATE OPERATOR @ (\n   LEFTARG    = spoint,\n   RIGHTARG   = scircle,\n   COMMUTATOR = '~'\n);",
  ].join('\n')
  const plain = plainScript(script)
  assert.doesNotMatch(plain, /smoc|echo|MODULE_PATHNAME/)
  assert.match(plain, /RIGHTARG {3}= scircle/)
  assert.match(plain, /\$libdir\/pg_sphere/)
})

/**
 * One machine against a Citus cluster with the same survey: `npx tsx bench/citus.ts [OBJECTS] [DEG2]`, with the
 * coordinator's database in ALMAGEST_TEST_CITUS. Both are filled with the demo survey of that size (3,000,000 objects
 * over 2,000 square degrees unless said); the cluster's tables are then distributed, with neighbours to 5".
 */
import { tablesOf } from '../src/adql/tables.ts'
import { askedOf, each, inSql, milliseconds, openSide, pgbench, shards, wrk } from './citus-side.ts'
import { inTurn, median } from './support.ts'

const CLUSTER = process.env.ALMAGEST_TEST_CITUS
if (!CLUSTER) throw new Error('ALMAGEST_TEST_CITUS must name a database of a Citus coordinator')
const [objects = '3e6', area = '2000'] = process.argv.slice(2)
const ROUNDS = 5

const plain = await openSide({ objects, area })
const cluster = await openSide({ objects, area }, CLUSTER)
/** The cluster's tables as if nothing were known of shards and neighbours. */
const unpruned = tablesOf(
  cluster.tables.all.map(({ distribution: _, cellIds: __, neighbours: ___, ...table }) => table),
)

try {
  const { cones, curves } = await askedOf(plain)

  for (const [name, queries] of Object.entries({ cone: cones, 'light curve': curves })) {
    const timings = await inTurn(
      {
        plain: async () => median(await each(plain, queries)),
        cluster: async () => median(await each(cluster, queries)),
      },
      ROUNDS,
    )
    const [a, b] = [Math.min(...timings.plain!), Math.min(...timings.cluster!)]
    const asked = Math.max(...(await Promise.all(queries.slice(0, 20).map(q => shards(cluster, q)))))
    console.log(
      `${name}: ${a.toFixed(2)} ms plain, ${b.toFixed(2)} ms on the cluster: ${(b / a).toFixed(2)}x, at most ${asked} shards`,
    )
  }

  const rate = { pruned: 0, 'fan-out': 0, http: 0, 'http fan-out': 0 }
  const fanOut = cones.map(q => `${q} OR (ra < 0 AND dec > 90)`)
  for (let round = 0; round < 3; round++) {
    rate.pruned = Math.max(
      rate.pruned,
      pgbench(
        CLUSTER,
        cones.map(q => inSql(cluster.tables, q)),
      ),
    )
    rate['fan-out'] = Math.max(
      rate['fan-out'],
      pgbench(
        CLUSTER,
        cones.map(q => inSql(unpruned, q)),
      ),
    )
    rate.http = Math.max(rate.http, wrk(cluster.http, cones))
    rate['http fan-out'] = Math.max(rate['http fan-out'], wrk(cluster.http, fanOut))
  }
  console.log(
    `1' cones by pgbench: ${rate.pruned.toFixed(0)}/s pruned, ${rate['fan-out'].toFixed(0)}/s asking all shards: ${(rate.pruned / rate['fan-out']).toFixed(1)}x`,
  )
  console.log(
    `1' cones over HTTP: ${rate.http.toFixed(0)}/s pruned, ${rate['http fan-out'].toFixed(0)}/s asking all shards: ${(rate.http / rate['http fan-out']).toFixed(1)}x`,
  )

  const pairs =
    'SELECT COUNT(*) AS n FROM demo.object AS a JOIN demo.object AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 2 / 3600.0 WHERE a.objectid < b.objectid'
  const whole = {
    'pairs within 2"': pairs,
    'aggregate of all detections':
      'SELECT band, COUNT(*) AS n, AVG(psfflux) AS mean FROM demo.forcedsource GROUP BY band',
  }
  for (const [name, query] of Object.entries(whole)) {
    const timings = await inTurn(
      { plain: () => milliseconds(plain, query), cluster: () => milliseconds(cluster, query) },
      3,
    )
    const [a, b] = [Math.min(...timings.plain!), Math.min(...timings.cluster!)]
    console.log(
      `${name}: ${a.toFixed(0)} ms plain, ${b.toFixed(0)} ms on the cluster: ${(b / a).toFixed(2)}x`,
    )
  }
  const counts = await Promise.all([plain, cluster].map(side => side.db.query(inSql(side.tables, pairs))))
  console.log(`pairs: ${counts.map(rows => JSON.stringify(rows[0])).join(' and ')}`)
} finally {
  await plain.stop()
  await cluster.stop()
}

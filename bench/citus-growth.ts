/**
 * What a small query costs when the sky grows: the demo survey of 300,000 objects over 200 square degrees against the one
 * of 3,000,000 over 2,000 (the same density), on one machine and on a cluster, in turn.
 *
 *   ALMAGEST_TEST_CITUS=postgresql://…/small ALMAGEST_TEST_CITUS_WIDE=postgresql://…/wide npx tsx bench/citus-growth.ts [plain|cluster]
 *
 * Both are databases of a coordinator; what is not there is filled (a quarter of an hour for the wide ones).
 */
import { askedOf, each, inSql, openSide, pgbench, type Side, wrk } from './citus-side.ts'
import { median } from './support.ts'

const { ALMAGEST_TEST_CITUS: SMALL, ALMAGEST_TEST_CITUS_WIDE: WIDE } = process.env
if (!SMALL || !WIDE) throw new Error('ALMAGEST_TEST_CITUS and ALMAGEST_TEST_CITUS_WIDE must name databases')
const ROUNDS = 4
const LATENCY_ROUNDS = 16
const only = process.argv[2]

const small = { objects: '3e5', area: '200' }
const wide = { objects: '3e6', area: '2000' }
const sides: Record<string, [Side, Side]> = {}
if (only !== 'cluster') sides.plain = [await openSide(small), await openSide(wide)]
if (only !== 'plain') sides.cluster = [await openSide(small, SMALL), await openSide(wide, WIDE)]

try {
  for (const [name, pair] of Object.entries(sides)) {
    const asked = [await askedOf(pair[0]), await askedOf(pair[1])] as const
    for (const what of ['cones', 'curves'] as const) {
      // The fastest of each query's rounds: other work on the machine only ever adds.
      const fastest = ([0, 1] as const).map(i => asked[i][what].map(() => Number.POSITIVE_INFINITY))
      for (let round = 0; round < LATENCY_ROUNDS; round++) {
        for (const i of [0, 1] as const) {
          const times = await each(pair[i], asked[i][what])
          fastest[i] = fastest[i]!.map((ms, k) => Math.min(ms, times[k]!))
        }
      }
      say(`${name}, latency of ${what} (ms)`, median(fastest[0]!), median(fastest[1]!))
    }
    const sql = (i: 0 | 1) => asked[i].cones.map(q => inSql(pair[i].tables, q))
    best(`${name}, 1' cones by pgbench (1/s)`, i => pgbench(pair[i].url, sql(i)))
    best(`${name}, 1' cones over HTTP (1/s)`, i => wrk(pair[i].http, asked[i].cones))
  }
} finally {
  for (const side of Object.values(sides).flat()) await side.stop()
}

/** The best of some rounds in turn, one more first. */
function best(name: string, rate: (i: 0 | 1) => number): void {
  const most: [number, number] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    for (const i of [0, 1] as const) {
      const found = rate(i)
      if (round > 0) most[i] = Math.max(most[i], found)
    }
  }
  say(name, ...most)
}

function say(name: string, small: number, wide: number): void {
  console.log(
    `${name}: ${small.toPrecision(3)} small, ${wide.toPrecision(3)} wide: ${(wide / small).toFixed(2)}x`,
  )
}

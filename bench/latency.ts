/** Small queries: `TOP 1` and 1' cones over one HTTP connection, against the same SQL on one connection to PostgreSQL. */
import { Agent, request } from 'node:http'
import pg from 'pg'
import { inTurn, median, report, startService } from './support.ts'

const QUERIES = 2000
const ROUNDS = 5
const RADIUS = 1 / 60

const service = await startService()
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const client = new pg.Client(service.database)
await client.connect()
await client.query('SET search_path = pg_catalog, pgsphere; SET jit = off')
await client.query('SET statement_timeout = 300000')

const { rows } = await client.query(
  `SELECT ra, dec FROM bench.wide TABLESAMPLE BERNOULLI (1) REPEATABLE (1) LIMIT ${QUERIES}`,
)
const places = rows as { ra: number; dec: number }[]

function ask(query: string): Promise<void> {
  const body = new URLSearchParams({ LANG: 'ADQL', QUERY: query }).toString()
  return new Promise((resolve, reject) => {
    const post = request(
      `${service.url}/tap/sync`,
      { method: 'POST', agent, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
      response => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
        response.resume().on('end', resolve)
      },
    )
    post.on('error', reject)
    post.end(body)
  })
}

/** Median milliseconds of one query. */
async function each(work: (place: { ra: number; dec: number }) => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (const place of places) {
    const begun = performance.now()
    await work(place)
    times.push(performance.now() - begun)
  }
  return median(times)
}

try {
  const timings = await inTurn(
    {
      'SQL top 1': () => each(() => client.query('SELECT id, ra, dec FROM bench.wide LIMIT 1')),
      'TAP top 1': () => each(() => ask('SELECT TOP 1 id, ra, dec FROM bench.wide')),
      'SQL cone': () =>
        each(({ ra, dec }) =>
          client.query(
            `SELECT id, ra, dec FROM bench.wide WHERE spoint(radians(ra), radians(dec)) <@ scircle(spoint(radians(${ra}), radians(${dec})), radians(${RADIUS}))`,
          ),
        ),
      'TAP cone': () =>
        each(({ ra, dec }) =>
          ask(
            `SELECT id, ra, dec FROM bench.wide WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(${ra}, ${dec}, ${RADIUS}))`,
          ),
        ),
    },
    ROUNDS,
  )
  report(timings, { 'TAP top 1': 'SQL top 1', 'TAP cone': 'SQL cone' })
} finally {
  await client.end()
  agent.destroy()
  await service.stop()
}

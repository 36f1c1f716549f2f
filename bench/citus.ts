/**
 * One machine against a Citus cluster with the same survey: `npx tsx bench/citus.ts [OBJECTS] [DEG2]`, with the
 * coordinator's database in ALMAGEST_TEST_CITUS. Both are filled with the demo survey of that size (3,000,000 objects
 * over 2,000 square degrees unless said); the cluster's tables are then distributed, with neighbours to 5".
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../src/adql/index.ts'
import { type Tables, tablesOf } from '../src/adql/tables.ts'
import type { Database } from '../src/db/database.ts'
import { openDatabase } from '../src/db/postgres.ts'
import { openLog } from '../src/log.ts'
import { EXPLAIN, everyNode, readPlan } from '../src/tap/plan-tree.ts'
import { readCatalog } from '../src/tap/tap-schema.ts'
import { almagestIn, inTurn, median, ROOT, startService } from './support.ts'

const CLUSTER = process.env.ALMAGEST_TEST_CITUS
if (!CLUSTER) throw new Error('ALMAGEST_TEST_CITUS must name a database of a Citus coordinator')
const [objects = '3e6', area = '2000'] = process.argv.slice(2)
const CLIENTS = 4
const SECONDS = 5
const ROUNDS = 5

interface Side {
  readonly url: string
  readonly http: string
  readonly db: Database
  readonly tables: Tables
  stop(): Promise<void>
}

async function openSide(env: Readonly<Record<string, string>>, distributed: boolean): Promise<Side> {
  almagestIn(env, 'demo', '--no-images', '--objects', objects, '--area', area)
  if (distributed) {
    almagestIn(env, 'distribute', 'demo.object', '--neighbours', '5')
    almagestIn(env, 'distribute', 'demo.forcedsource', 'demo.visit', 'demo.variable')
  } else almagestIn(env, 'neighbours', 'demo.object')
  const service = await startService({ wide: false, env })
  const db = await openDatabase({ url: service.database, log: openLog('silent') })
  const { tables } = await readCatalog(db)
  const url = distributed ? CLUSTER! : service.database
  const stop = async () => {
    await db.close()
    await service.stop()
  }
  return { url, http: service.url, db, tables, stop }
}

/** Seconds of one statement in psql's own session: plans and connections of the cluster are warm. */
async function milliseconds(side: Side, adql: string, tables = side.tables): Promise<number> {
  const { text, values } = compile(adql, tables, { maxrec: undefined })
  const begun = performance.now()
  await side.db.query(text, values)
  return performance.now() - begun
}

async function shards({ db, tables }: Side, adql: string): Promise<number> {
  const { text, values } = compile(adql, tables, { maxrec: undefined })
  const rows = await db.query<{ 'QUERY PLAN': string }>(EXPLAIN + text, values)
  const plan = readPlan(rows.map(row => row['QUERY PLAN']).join('\n'))
  return Math.max(...everyNode(plan).map(node => node.tasks ?? 0))
}

/** Transactions a second of statements in turn. */
function pgbench(url: string, statements: readonly string[], seconds = SECONDS): number {
  const dir = mkdtempSync(join(tmpdir(), 'almagest-citus-'))
  try {
    const files = statements.flatMap((sql, i) => {
      const file = join(dir, `${i}.sql`)
      writeFileSync(file, `${sql};\n`)
      return ['-f', file]
    })
    const options = ['-n', '-c', `${CLIENTS}`, '-j', '1', '-T', `${seconds}`, ...files, url]
    const output = execFileSync('/usr/lib/postgresql/15/bin/pgbench', options, {
      encoding: 'utf8',
      env: { ...process.env, PGOPTIONS: '-c search_path=pg_catalog,pgsphere -c jit=off' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return Number(/tps = ([\d.]+)/.exec(output)?.[1])
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** Requests a second of TAP queries in turn, by as many keep-alive clients. */
function wrk(url: string, queries: readonly string[]): number {
  const dir = mkdtempSync(join(tmpdir(), 'almagest-citus-'))
  try {
    const bodies = queries.map(q => `"LANG=ADQL&QUERY=${encodeURIComponent(q).replaceAll('%20', '+')}"`)
    writeFileSync(
      join(dir, 'q.lua'),
      `local bodies = {${bodies.join(',\n')}}
local n = 0
function request()
  n = n % #bodies + 1
  return wrk.format("POST", "/tap/sync", {["Content-Type"] = "application/x-www-form-urlencoded"}, bodies[n])
end`,
    )
    const options = ['-t', '1', '-c', `${CLIENTS}`, '-d', `${SECONDS}s`, '-s', join(dir, 'q.lua'), url]
    const { stdout } = spawnSync('wrk', options, { encoding: 'utf8' })
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout)
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const plain = await openSide({ ALMAGEST_DIR: `${ROOT}var/bench-sky` }, false)
const cluster = await openSide({ DATABASE_URL: CLUSTER, ALMAGEST_DIR: `${ROOT}var/bench-cluster` }, true)
/** The cluster's tables as if nothing were known of shards and neighbours. */
const unpruned = tablesOf(
  cluster.tables.all.map(({ distribution: _, cellIds: __, neighbours: ___, ...table }) => table),
)

try {
  const some = await plain.db.query<{ objectid: string; ra: number; dec: number }>(
    'SELECT objectid, ra, dec FROM demo.object TABLESAMPLE SYSTEM (1) REPEATABLE (1) LIMIT 5000',
  )
  const picked = Array.from({ length: 100 }, (_, i) => some[Math.floor((i * some.length) / 100)]!)
  const cones = picked.map(
    ({ ra, dec }) =>
      `SELECT objectid, ra, dec FROM demo.object WHERE CONTAINS(POINT(ra, dec), CIRCLE(${ra}, ${dec}, ${1 / 60})) = 1`,
  )
  const curves = picked.map(
    ({ objectid }) => `SELECT visitid, band, psfflux FROM demo.forcedsource WHERE objectid = ${objectid}`,
  )
  const inSql = (tables: Tables, adql: string) => compile(adql, tables, { maxrec: undefined }).text

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

async function each(side: Side, queries: readonly string[]): Promise<number[]> {
  const times: number[] = []
  for (const query of queries) times.push(await milliseconds(side, query))
  return times
}

/**
 * The same answers on one machine and on a Citus cluster. ALMAGEST_TEST_CITUS names a database of its coordinator (as a
 * superuser) that may be filled with the demo survey; docs/operate-citus.md says how to make one.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { compile } from '../../src/adql/index.ts'
import { type TableMeta, type Tables, tablesOf } from '../../src/adql/tables.ts'
import { clusterRefusal, findCitus } from '../../src/db/citus.ts'
import type { Database } from '../../src/db/database.ts'
import { StatementError, sqlStateOf } from '../../src/db/error.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { PUBLIC_ROLE } from '../../src/db/roles.ts'
import { shardsAsked } from '../../src/db/shard-hash.ts'
import { fillDemo } from '../../src/demo/index.ts'
import { distribute } from '../../src/ingest/distribute.ts'
import { openLog } from '../../src/log.ts'
import { forecast } from '../../src/shards-command.ts'
import { EXPLAIN, everyNode, readPlan } from '../../src/tap/plan-tree.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { startTestService } from '../support/service.ts'
import { type CorpusQuery, corpus, type PlanClass } from './queries.ts'

const CLUSTER = process.env.ALMAGEST_TEST_CITUS
const skip = CLUSTER ? false : 'no Citus: ALMAGEST_TEST_CITUS names no database of a coordinator'
if (!CLUSTER && process.env.ALMAGEST_CITUS_REQUIRED) throw new Error(String(skip))

const SURVEY = { objects: 60_000, areaDeg2: 16, seed: 5 }
const silent = openLog('silent')
const still = new AbortController().signal

interface Side {
  readonly db: Database
  readonly tables: Tables
}

async function open(url: string): Promise<Side> {
  const db = await openDatabase({ url, log: silent })
  const { filled } = await fillDemo(db, SURVEY, () => {}, still)
  if (filled && (await findCitus(db))) {
    await distribute(db, 'demo.object', { neighbours: 5 }, () => {})
    for (const table of ['demo.forcedsource', 'demo.visit', 'demo.variable'])
      await distribute(db, table, { neighbours: undefined }, () => {})
  }
  return { db, tables: (await readCatalog(db)).tables }
}

/** Rows as users get them, under their role. */
async function answer({ db, tables }: Side, adql: string): Promise<unknown[][]> {
  const { text, values } = compile(adql, tables, { maxrec: undefined })
  const rows = await db.transaction(async client => {
    await client.query(`SET LOCAL ROLE ${PUBLIC_ROLE}`)
    return client.query<Record<string, unknown>>(text, values)
  })
  return rows.map(row => Object.values(row))
}

/** The class of a plan by what Citus says of it, whose largest part asks as many shards as the compiler counts. */
async function planClass({ db, tables }: Side, adql: string): Promise<PlanClass> {
  const compiled = compile(adql, tables, { maxrec: undefined })
  const rows = await db.query<{ 'QUERY PLAN': string }>(EXPLAIN + compiled.text, compiled.values)
  const tasks = everyNode(readPlan(rows.map(row => row['QUERY PLAN']).join('\n'))).map(
    node => node.tasks ?? 0,
  )
  const most = Math.max(...tasks)
  const counted = shardsAsked(compiled.asked) ?? 0
  const parts = tasks.filter(n => n > 0)
  // Parts of a set operation may each ask another shard.
  const agrees =
    parts.length > 1 ? most <= counted && counted <= tasks.reduce((a, b) => a + b) : most === counted
  assert.ok(agrees, `${counted} shards counted, ${parts.join(' + ')} by Citus: ${adql}`)
  return most === 0 ? 'local' : most === 1 ? 'router' : most < 32 ? 'pruned' : 'fan-out'
}

const text = (value: unknown): string =>
  typeof value === 'number' || (typeof value === 'string' && /^-?\d+\.\d+(e[+-]?\d+)?$/.test(value))
    ? Number(value).toPrecision(12)
    : JSON.stringify(value)

function lines(rows: unknown[][], ordered: boolean | undefined): string[] {
  const all = rows.map(row => row.flat(2).map(text).join(' '))
  return ordered ? all : all.sort()
}

describe('queries on a cluster', { skip }, () => {
  let plain: Side
  let cluster: Side
  let queries: CorpusQuery[] = []

  before(async () => {
    await migrate(CLUSTER!, silent)
    ;[plain, cluster] = [await open(await testDatabase()), await open(CLUSTER!)]
    const found = await answer(
      plain,
      `SELECT o.objectid, o.ra, o.dec FROM demo.object AS o JOIN demo.variable AS v ON v.objectid = o.objectid ORDER BY MOD(o.objectid, 97), o.objectid`,
    )
    const anchors = [0, 211, 505, 700, 977, 1300].map(i => found[i] as [string, number, number])
    queries = corpus({
      ids: anchors.map(([id]) => id),
      positions: anchors.map(([, ra, dec]) => [ra, dec] as const),
    })
  })
  after(async () => {
    await plain?.db.close()
    await cluster?.db.close()
  })

  test('have the rows that they have on one machine', async () => {
    assert.ok(queries.length >= 200, `${queries.length} queries`)
    const wrong: string[] = []
    for (const { adql, plan, ordered } of queries) {
      if ([plan].flat().includes('refused')) continue
      const [expected, found] = [await answer(plain, adql), await answer(cluster, adql)]
      const [a, b] = [lines(expected, ordered), lines(found, ordered)]
      if (a.join('\n') !== b.join('\n')) wrong.push(`${adql}\n  ${a.slice(0, 3)}\n  ${b.slice(0, 3)}`)
    }
    assert.deepEqual(wrong, [])
  })

  test('ask the shards that they must, and no more', async () => {
    const wrong: string[] = []
    for (const { adql, plan } of queries) {
      const found = await planClass(cluster, adql).catch((error: unknown): PlanClass => {
        const state = sqlStateOf(error)
        const refusal = clusterRefusal(new StatementError(state ?? '', (error as Error).message))
        if (!refusal) throw error
        return 'refused'
      })
      if (![plan].flat().includes(found)) wrong.push(`${found} and not ${plan}: ${adql}`)
    }
    assert.deepEqual(wrong, [])
  })

  test('with uploads have the rows that they have on one machine, and fetch no whole table', async () => {
    const positions = await answer(plain, 'SELECT TOP 40 ra, dec FROM demo.object ORDER BY objectid')
    const upload: TableMeta = {
      schema: 'TAP_UPLOAD',
      name: 't',
      sqlSchema: 'pg_temp',
      sqlName: 't',
      columns: ['id', 'ra', 'dec'].map(name => ({
        field: { name, datatype: name === 'id' ? 'long' : 'double' },
        sqlName: name,
        indexed: false,
        principal: true,
      })),
    }
    const rows = [...positions, [10, 10]].map(([ra, dec], i) => `(${i}, ${Number(ra) + 0.0001}, ${dec})`)
    const withUpload = async ({ db, tables }: Side, adql: string, explain = '') => {
      const { text, values } = compile(adql, tablesOf([...tables.all, upload]), { maxrec: undefined })
      return db.transaction(async client => {
        await client.query('CREATE TEMP TABLE t (id bigint, ra float8, dec float8) ON COMMIT DROP')
        await client.query(`INSERT INTO pg_temp.t VALUES ${rows.join(', ')}`)
        await client.query(`GRANT SELECT ON pg_temp.t TO ${PUBLIC_ROLE}`)
        await client.query(`SET LOCAL ROLE ${PUBLIC_ROLE}`)
        return (await client.query<Record<string, unknown>>(explain + text, values)).map(row =>
          Object.values(row),
        )
      })
    }
    const near = 'DISTANCE(o.ra, o.dec, t.ra, t.dec) < 0.002'
    for (const adql of [
      `SELECT t.id, o.objectid FROM TAP_UPLOAD.t AS t JOIN demo.object AS o ON ${near}`,
      `SELECT t.id, o.objectid, o.ra FROM TAP_UPLOAD.t AS t LEFT JOIN demo.object AS o ON ${near} WHERE t.id > 2`,
      `SELECT t.id, COUNT(o.objectid) AS n FROM TAP_UPLOAD.t AS t LEFT JOIN demo.object AS o ON ${near} GROUP BY t.id`,
      `SELECT t.id, o.objectid, f.n FROM TAP_UPLOAD.t AS t LEFT JOIN demo.object AS o ON ${near}
         LEFT JOIN (SELECT objectid, COUNT(*) AS n FROM demo.forcedsource GROUP BY objectid) AS f ON f.objectid = o.objectid`,
      `SELECT t.id, a.objectid, b.objectid FROM TAP_UPLOAD.t AS t
         LEFT JOIN demo.object AS a ON DISTANCE(a.ra, a.dec, t.ra, t.dec) < 0.002
         LEFT JOIN demo.object AS b ON DISTANCE(b.ra, b.dec, t.ra, t.dec) < 0.001`,
      `SELECT o.objectid, t.id FROM demo.object AS o RIGHT JOIN TAP_UPLOAD.t AS t ON ${near}`,
      `SELECT t.id FROM TAP_UPLOAD.t AS t WHERE t.id NOT IN (SELECT objectid FROM demo.object)`,
      `SELECT COUNT(*) FROM demo.object AS o JOIN TAP_UPLOAD.t AS t ON t.id = o.objectid`,
    ]) {
      const [a, b] = [await withUpload(plain, adql), await withUpload(cluster, adql)]
      assert.deepEqual(lines(b, false), lines(a, false), adql)
      assert.ok(a.length > 0, adql)
      if (!/LEFT|RIGHT/.test(adql)) continue
      const plan = (await withUpload(cluster, adql, 'EXPLAIN ')).flat().join('\n')
      assert.doesNotMatch(plan, /Task\n.*\n +-> {2}Seq Scan on object_\d+ o\n/, adql)
    }
  })

  test('tell how many shards they ask: in the check, the jobs and the log', async () => {
    const logged: { msg: string; url?: string; shards?: number }[] = []
    const service = await startTestService({
      database: CLUSTER!,
      log: line => logged.push(JSON.parse(line)),
    })
    try {
      const jobs = jobClient(service)
      const [{ objectid }] = (await cluster.db.query<{ objectid: string }>(
        'SELECT objectid FROM demo.object LIMIT 1',
      )) as [{ objectid: string }]
      for (const [query, shards] of [
        [`SELECT ra, dec FROM demo.object WHERE objectid = ${objectid}`, 1],
        ['SELECT COUNT(*) AS n FROM demo.object', 32],
        ['SELECT COUNT(*) AS n FROM demo.visit', 1],
        ['SELECT COUNT(*) AS n FROM TAP_SCHEMA.tables', undefined],
      ] as const) {
        const parameters = new URLSearchParams({ LANG: 'ADQL', FORMAT: 'json', QUERY: query })
        logged.length = 0
        const sync = await fetch(`${service.url}/tap/sync`, { method: 'POST', body: parameters })
        await sync.text()
        for (let i = 0; i < 100 && !logged.some(line => line.url === '/tap/sync'); i++) await sleep(20)
        assert.equal(logged.find(line => line.url === '/tap/sync')!.shards, shards, query)
        const check = await fetch(`${service.url}/tap/check`, { method: 'POST', body: parameters })
        const { plan } = (await check.json()) as { plan: { shards: number | null } }
        assert.equal(plan.shards, shards ?? null, query)
        const id = await jobs.create({ LANG: 'ADQL', QUERY: query, PHASE: 'RUN' })
        const document = await jobs.ended(id)
        assert.match(document, /<uws:phase>COMPLETED</)
        assert.equal(/<shards>(\d+)</.exec(document)?.[1], shards?.toString(), query)
      }
    } finally {
      await service.close()
    }
  })

  test('lie as the forecast says', async () => {
    const rows = await cluster.db.query<{ shard: number; rows: number }>(
      `SELECT rank() OVER (ORDER BY shardminvalue::int) - 1 AS shard, 0 AS rows FROM pg_dist_shard
        WHERE logicalrelid = 'demo.object'::regclass`,
    )
    const counted = await cluster.db.query<{ cell: number; n: number }>(
      'SELECT hpx_shard AS cell, count(*)::int AS n FROM demo.object GROUP BY 1',
    )
    const found = forecast({
      rows: SURVEY.objects,
      shards: rows.length,
      nodes: 2,
      rowBytes: 200,
      density: new Map(counted.map(({ cell, n }) => [cell, n])),
      cones: [1, 30],
    })
    const sizes = await cluster.db.query<{ n: string }>(
      `SELECT result AS n FROM run_command_on_shards('demo.object', 'SELECT count(*) FROM %s')`,
    )
    assert.equal(found.largestShard, Math.max(...sizes.map(({ n }) => Number(n))))
    const [small] = found.cones
    assert.ok(small!.most <= 4 && small!.mean < 2, JSON.stringify(small))
  })
})

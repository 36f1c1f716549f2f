/**
 * The same answers on one machine and on a Citus cluster. ALMAGEST_TEST_CITUS names a database of its coordinator (as a
 * superuser) that may be filled with the demo survey; docs/operate-citus.md says how to make one.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { compile } from '../../src/adql/index.ts'
import { type TableMeta, tablesOf } from '../../src/adql/tables.ts'
import { findCitus } from '../../src/db/citus.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { PUBLIC_ROLE } from '../../src/db/roles.ts'
import { fillDemo } from '../../src/demo/index.ts'
import { distribute } from '../../src/ingest/distribute.ts'
import { openLog } from '../../src/log.ts'
import { forecast } from '../../src/shards-command.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { startTestService } from '../support/service.ts'
import type { CorpusQuery } from './queries.ts'
import { answer, corpusOf, lines, planOf, type Side } from './sides.ts'

const CLUSTER = process.env.ALMAGEST_TEST_CITUS
const skip = CLUSTER ? false : 'no Citus: ALMAGEST_TEST_CITUS names no database of a coordinator'
if (!CLUSTER && process.env.ALMAGEST_CITUS_REQUIRED) throw new Error(String(skip))

const SURVEY = { objects: 60_000, areaDeg2: 16, seed: 5 }
const silent = openLog('silent')
const still = new AbortController().signal

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

describe('queries on a cluster', { skip }, () => {
  let plain: Side
  let cluster: Side
  let queries: CorpusQuery[] = []

  before(async () => {
    await migrate(CLUSTER!, silent)
    ;[plain, cluster] = [await open(await testDatabase()), await open(CLUSTER!)]
    queries = await corpusOf(plain)
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
      const found = await planOf(cluster, adql)
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
      // Looked up for the objects: the upload goes to the shards.
      `SELECT o.objectid FROM demo.object AS o WHERE EXISTS (SELECT 1 FROM TAP_UPLOAD.t AS t WHERE ${near})`,
      `SELECT COUNT(*) AS n FROM demo.object AS o WHERE NOT EXISTS (SELECT t.id FROM TAP_UPLOAD.t AS t WHERE ${near} AND t.id > 10)`,
      `SELECT o.objectid FROM demo.object AS o WHERE DISTANCE(o.ra, o.dec, 150.1, 2.1) < 0.1
          AND (EXISTS (SELECT * FROM TAP_UPLOAD.t AS t WHERE t.id = MOD(o.objectid, 100)) OR o.refextendedness = 1)`,
      `SELECT o.objectid, (SELECT COUNT(*) FROM TAP_UPLOAD.t AS t WHERE ${near}) AS n FROM demo.object AS o
         WHERE DISTANCE(o.ra, o.dec, 150.1, 2.1) < 0.5`,
      `SELECT COUNT(*) AS n FROM demo.object AS o WHERE MOD(o.objectid, 50) IN (SELECT t.id FROM TAP_UPLOAD.t AS t WHERE t.dec < o.dec)`,
      `WITH u AS (SELECT id + 1 AS k, ra, dec FROM TAP_UPLOAD.t) SELECT o.objectid FROM demo.object AS o
         WHERE EXISTS (SELECT 1 FROM u WHERE DISTANCE(o.ra, o.dec, u.ra, u.dec) < 0.002 AND u.k < 20)`,
      // Looked up in the shards for the upload: by a join with them.
      `SELECT t.id, t.ra FROM TAP_UPLOAD.t AS t WHERE EXISTS (SELECT 1 FROM demo.object AS o WHERE ${near})`,
      `SELECT t.id FROM TAP_UPLOAD.t AS t WHERE NOT EXISTS (SELECT 1 FROM demo.object AS o WHERE ${near}) AND t.id > 3`,
      `SELECT t.id, CASE WHEN EXISTS (SELECT 1 FROM demo.object AS o WHERE ${near}) THEN 'found' ELSE 'new' END AS c
         FROM TAP_UPLOAD.t AS t WHERE t.id BETWEEN 30 AND 50`,
      `SELECT COUNT(*) AS n FROM TAP_UPLOAD.t AS t WHERE EXISTS (SELECT 1 FROM demo.object AS o
         JOIN demo.forcedsource AS f ON f.objectid = o.objectid WHERE ${near} AND f.band = 'g')`,
      `SELECT t.id FROM TAP_UPLOAD.t AS t WHERE EXISTS (SELECT 1 FROM demo.object AS o WHERE ${near})
          AND EXISTS (SELECT 1 FROM demo.object AS o WHERE DISTANCE(o.ra, o.dec, t.ra, t.dec) < 0.01 AND o.refextendedness = 1)`,
      `SELECT v.visitid FROM demo.visit AS v WHERE v.band = 'g' AND EXISTS (SELECT 1 FROM demo.object AS o
         WHERE DISTANCE(o.ra, o.dec, v.ra, v.dec) < 0.05)`,
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

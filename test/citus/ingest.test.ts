/** Tables that are loaded into shards, added to and built anew, with their neighbours. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { compile } from '../../src/adql/index.ts'
import { shardedTables } from '../../src/db/citus.ts'
import type { Database } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { hash29 } from '../../src/healpix/nested.ts'
import { type IngestOptions, ingestTable } from '../../src/ingest/table.ts'
import { openLog } from '../../src/log.ts'
import { unpublishTable } from '../../src/tap/publish.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'

const CLUSTER = process.env.ALMAGEST_TEST_CITUS
const skip = CLUSTER ? false : 'no Citus: ALMAGEST_TEST_CITUS names no database of a coordinator'
const SCHEMA = 'loaded_in_a_test'
const FELIS = 'described_in_a_test'
const RAD = Math.PI / 180

describe('loading into a cluster', { skip }, () => {
  let db: Database
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))

  before(async () => {
    const log = openLog('silent')
    await migrate(CLUSTER!, log)
    db = await openDatabase({ url: CLUSTER!, log })
    await forget()
  })
  after(async () => {
    await forget()
    await db.close()
    rmSync(folder, { recursive: true })
  })

  function almagest(...args: string[]): string {
    const env = { ...process.env, DATABASE_URL: CLUSTER, ALMAGEST_DIR: folder }
    return execFileSync(process.execPath, ['bin/almagest.mjs', ...args], { env, encoding: 'utf8' })
  }

  async function forget(): Promise<void> {
    await db.transaction(async client => {
      for (const table of ['source', 'detection', 'visit']) await unpublishTable(client, FELIS, table)
      await client.query(`DELETE FROM almagest.published_schema WHERE schema_name = '${FELIS}'`)
      await client.query(`DELETE FROM almagest.applied_schema WHERE schema_name = '${FELIS}'`)
      await client.query(`DROP SCHEMA IF EXISTS ${FELIS} CASCADE`)
      for (const table of ['object', 'detection']) await unpublishTable(client, SCHEMA, table)
      await client.query(`DELETE FROM almagest.published_schema WHERE schema_name = '${SCHEMA}'`)
      await client.query(`DELETE FROM almagest.retired_table WHERE sql_schema = '${SCHEMA}'`)
      await client.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`)
    })
  }

  const cellOf = (ra: number, dec: number) =>
    hash29(Float64Array.of(ra * RAD), Float64Array.of(dec * RAD))[0]!

  /** Objects in pairs 1″ apart along a line across the sky, every tenth pair across the border of two shards. */
  function identify(i: number): { ra: number; dec: number; id: bigint } {
    const pair = i >> 1
    const ra = (pair * 7.3) % 360
    let dec = -80 + ((pair * 3.1) % 160)
    const shard = (at: number) => cellOf(ra, at) >> 44n
    while (pair % 10 === 0 && shard(dec) === shard(dec + 1 / 3600)) dec += 1 / 3600
    dec += (i & 1) / 3600
    return { ra, dec, id: ((cellOf(ra, dec) >> 34n) << 35n) | BigInt(i) }
  }

  /** So many objects from a number on, and four detections of each. */
  function survey(first: number, count: number): { objects: string[]; detections: string[] } {
    const objects: string[] = []
    const detections: string[] = []
    for (let i = first; i < first + count; i++) {
      const { ra, dec, id } = identify(i)
      objects.push(`${id},${ra},${dec},${i}`)
      for (let k = 0; k < 4; k++) detections.push(`${4 * i + k},${id},${i + k / 10}`)
    }
    return { objects, detections }
  }

  async function ingest(table: string, head: string, rows: string[], options: Partial<IngestOptions>) {
    const file = path.join(folder, `${table}.csv`)
    writeFileSync(file, `${head}\n${rows.join('\n')}\n`)
    return ingestTable(
      db,
      { files: [file], table: `${SCHEMA}.${table}`, mode: 'create', ...options },
      () => {},
      new AbortController().signal,
    )
  }

  async function one(adql: string): Promise<number> {
    const { tables } = await readCatalog(db)
    const { text, values } = compile(adql, tables, { maxrec: undefined })
    const [row] = await db.query<Record<string, unknown>>(text, values)
    return Number(Object.values(row!)[0])
  }

  const PAIRS = `SELECT COUNT(*) AS n FROM ${SCHEMA}.object AS a JOIN ${SCHEMA}.object AS b
    ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 2 / 3600.0 WHERE a.objectid < b.objectid`
  const JOINED = `SELECT COUNT(*) AS n FROM ${SCHEMA}.object AS o JOIN ${SCHEMA}.detection AS d ON d.objectid = o.objectid`

  test('keeps every row, pair and detection', async () => {
    const { objects, detections } = survey(0, 600)
    const loaded = await ingest('object', 'objectid,ra,dec,mag', objects, {
      distribute: true,
      id: 'objectid',
    })
    assert.equal(loaded.rows, 600)
    await ingest('detection', 'detid,objectid,flux', detections, {
      distribute: true,
      shardId: 'objectid',
      id: 'detid',
    })
    assert.equal(await one(PAIRS), 300)
    assert.equal(await one(JOINED), 2400)
    const tables = (await shardedTables(db)).filter(table => table.name.startsWith(SCHEMA))
    assert.equal(tables.length, 3, 'objects, their neighbours, detections')
    assert.equal(new Set(tables.map(table => table.colocation)).size, 1)
    const { tables: catalog } = await readCatalog(db)
    const metas = catalog.all.filter(table => table.schema === SCHEMA)
    assert.deepEqual(metas.map(({ name, cellIds }) => [name, [...(cellIds ?? [])].sort()]).sort(), [
      ['detection', ['objectid']],
      ['object', ['objectid']],
    ])
  })

  test('finds the neighbours of an object beyond the border of its shard', async () => {
    const { tables } = await readCatalog(db)
    const pairs = Array.from({ length: 30 }, (_, i) => [20 * i, 20 * i + 1] as const)
    for (const [i, k] of pairs) {
      const [own, other] = [identify(i).id, identify(k).id]
      assert.notEqual(own >> 45n, other >> 45n)
      for (const [named, found] of [
        [own, other],
        [other, own],
      ]) {
        for (const [a, b] of [
          ['a', 'b'],
          ['b', 'a'],
        ]) {
          const adql = `SELECT ${b}.objectid FROM ${SCHEMA}.object AS a JOIN ${SCHEMA}.object AS b
            ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 2 / 3600.0 WHERE ${a}.objectid = ${named} AND a.objectid <> b.objectid`
          const { text, values } = compile(adql, tables, { maxrec: undefined })
          assert.deepEqual(await db.query(text, values), [{ objectid: String(found) }])
        }
      }
    }
  })

  test('adds nights, and builds tables anew', async () => {
    const more = survey(600, 100)
    await ingest('object', 'objectid,ra,dec,mag', more.objects, { mode: 'append' })
    await ingest('detection', 'detid,objectid,flux', more.detections, { mode: 'append', shardId: 'objectid' })
    assert.equal(await one(PAIRS), 350)
    assert.equal(await one(JOINED), 2800)
    const { objects } = survey(0, 200)
    await ingest('object', 'objectid,ra,dec,mag', objects, { mode: 'replace', id: 'objectid' })
    assert.equal(await one(PAIRS), 100)
    assert.equal(await one(JOINED), 800)
  })

  test('no longer takes an identifier for a cell when rows come of which it tells none', async () => {
    await ingest('object', 'objectid,ra,dec,mag', ['7,123.4,56.7,1'], { mode: 'append' })
    assert.equal(await one(`SELECT COUNT(*) AS n FROM ${SCHEMA}.object WHERE objectid = 7`), 1)
    const { tables } = await readCatalog(db)
    assert.deepEqual(tables.all.find(t => t.schema === SCHEMA && t.name === 'object')!.cellIds, [])
  })

  test('lays the tables of a Felis file out, which fill up in shards and stay as they are when it is applied again', async () => {
    const felis = path.join(folder, 'felis.yaml')
    writeFileSync(
      felis,
      `name: ${FELIS}
"@id": "#${FELIS}"
tables:
- name: source
  "@id": "#source"
  primaryKey: "#source.sourceid"
  columns:
  - {name: sourceid, "@id": "#source.sourceid", datatype: long, nullable: false}
  - {name: ra, "@id": "#source.ra", datatype: double, "ivoa:ucd": pos.eq.ra;meta.main, "fits:tunit": deg}
  - {name: dec, "@id": "#source.dec", datatype: double, "ivoa:ucd": pos.eq.dec;meta.main, "fits:tunit": deg}
- name: detection
  "@id": "#detection"
  columns:
  - {name: detid, "@id": "#detection.detid", datatype: long}
  - {name: sourceid, "@id": "#detection.sourceid", datatype: long}
- name: visit
  "@id": "#visit"
  columns:
  - {name: visitid, "@id": "#visit.visitid", datatype: long}
`,
    )
    const apply = () => almagest('schema', 'apply', felis, '--distribute', '--shard-id', 'sourceid')
    assert.match(apply(), /changes made/)
    const laid = (await shardedTables(db)).filter(table => table.name.startsWith(FELIS))
    assert.deepEqual(
      laid.map(({ name, kind }) => [name.slice(FELIS.length + 1), kind]),
      [
        ['detection', 'sharded'],
        ['source', 'sharded'],
        ['visit', 'reference'],
      ],
    )
    const { objects, detections } = survey(0, 40)
    for (const [table, head, rows, shardId] of [
      ['source', 'sourceid,ra,dec', objects.map(line => line.replace(/,[^,]*$/, ''))],
      ['detection', 'detid,sourceid', detections.map(line => line.replace(/,[^,]*$/, '')), 'sourceid'],
    ] as const) {
      await ingest(table, head, rows, { table: `${FELIS}.${table}`, mode: 'append', shardId })
    }
    const JOIN = `SELECT COUNT(*) AS n FROM ${FELIS}.source AS s JOIN ${FELIS}.detection AS d ON d.sourceid = s.sourceid`
    assert.equal(await one(JOIN), 160)
    const { tables } = await readCatalog(db)
    const before = tables.all.filter(table => table.schema === FELIS)
    assert.deepEqual(
      before.flatMap(table => [...(table.cellIds ?? [])]),
      ['sourceid', 'sourceid'],
    )
    assert.match(apply(), /nothing to change/)
    writeFileSync(
      felis,
      readFileSync(felis, 'utf8').replace('- name: source\n', '- name: source\n  description: All.\n'),
    )
    assert.match(apply(), /1 changes made/)
    const after = (await readCatalog(db)).tables.all.filter(table => table.schema === FELIS)
    assert.deepEqual(
      after.map(({ distribution, cellIds }) => [distribution, cellIds]),
      before.map(({ distribution, cellIds }) => [distribution, cellIds]),
    )
  })

  test('refuses rows that have no place', async () => {
    await assert.rejects(
      ingest('detection', 'detid,flux', ['1,2'], { distribute: true, mode: 'replace' }),
      /no positions, and so no place in shards/,
    )
  })
})

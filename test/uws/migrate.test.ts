/** Jobs survive upgrades: a history made under any earlier schema is whole under this one. */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { migrate, migrations } from '../../src/db/migrate.ts'
import { installPgSphere } from '../../src/db/pgsphere.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { openLog } from '../../src/log.ts'
import { listJobs } from '../../src/uws/list.ts'
import { searchJobs } from '../../src/uws/search.ts'
import { findJob } from '../../src/uws/store.ts'
import { testDatabase, withClient } from '../support/database.ts'

const server = await testDatabase()
const log = openLog('silent')
const all = await migrations()
const UWS = 4

/** A database as it was when `version` was the newest, with a finished job in it as soon as there are jobs. */
async function asOf(url: string, version: number, id: string): Promise<void> {
  await withClient(url, async client => {
    const { schema } = await installPgSphere(client)
    await client.query(`CREATE SCHEMA almagest;
      CREATE TABLE almagest.migration (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
    for (const migration of all.filter(one => one.version <= version)) {
      await client.query(`BEGIN; SELECT set_config('search_path', 'pg_catalog,${schema}', true)`)
      await client.query(migration.sql)
      await client.query('INSERT INTO almagest.migration (version, name) VALUES ($1, $2)', [
        migration.version,
        migration.name,
      ])
      await client.query('COMMIT')
    }
    if (version < UWS) return
    await client.query(
      `INSERT INTO uws.job (job_id, kind, identity, run_id, title, parameters, phase, creation_time, start_time, end_time,
                            execution_duration, destruction)
       VALUES ($1, 'tap', '{"groups":[],"role":"almagest_public"}', 'old', 'SELECT 1', '[["QUERY","SELECT 1"]]', 'COMPLETED',
               '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:06Z', '2026-01-02T03:04:07Z', 60, '2999-01-01')`,
      [id],
    )
    await client.query(
      `INSERT INTO uws.result (job_id, result_id, sequence, key, content_type, file_name, bytes, sha256, row_count)
       VALUES ($1, 'result', 0, 'k', 'text/csv', 'result.csv', 12, 'ab', 3)`,
      [id],
    )
  })
}

describe('from schema', () => {
  for (const { version, name } of all) {
    it(name, async () => {
      const database = `test_${process.pid}_${randomBytes(4).toString('hex')}` // whoever cleans up knows us by the pid
      await withClient(server, client => client.query(`CREATE DATABASE ${database}`))
      const url = server.replace(/\/[^/?]*(\?|$)/, `/${database}$1`)
      const id = randomUUID()
      try {
        await asOf(url, version, id)
        const applied = await migrate(url, log)
        assert.deepEqual(
          applied,
          all.filter(one => one.version > version).map(one => one.name),
        )
        const db = await openDatabase({ url, log })
        try {
          if (version >= UWS) {
            const job = (await findJob(db, id))!
            assert.equal(job.creationTime.toISOString(), '2026-01-02T03:04:05.678Z')
            assert.deepEqual(job.parameters, [['QUERY', 'SELECT 1']])
            assert.equal(job.results[0]!.rows, 3)
          }
          const filter = { phases: [], after: undefined, last: undefined }
          const listed = (await listJobs(db, 'tap', 'anonymous', filter).next()).value ?? []
          const search = { phases: [], text: undefined, runId: undefined, kind: undefined, after: undefined }
          const page = await searchJobs(db, 'anonymous', {
            ...search,
            until: undefined,
            limit: 5,
            cursor: undefined,
          })
          assert.equal(listed.length, version >= UWS ? 1 : 0)
          assert.equal(page.jobs.length, listed.length)
        } finally {
          await db.close()
        }
      } finally {
        await withClient(server, client => client.query(`DROP DATABASE ${database} WITH (FORCE)`))
      }
    })
  }
})

/** What jobs stand on fails or lies: a full disk, clocks that go wrong; and what is known before a job runs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, mock } from 'node:test'
import { ANONYMOUS } from '../../src/auth/identity.ts'
import { parametersOf } from '../../src/dali/parameters.ts'
import { recoverJobs } from '../../src/uws/claim.ts'
import { assess } from '../../src/uws/lane.ts'
import { findJob } from '../../src/uws/store.ts'
import { sweepJobs } from '../../src/uws/sweep.ts'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const dir = mkdtempSync(join(tmpdir(), 'almagest-faults-'))
const results = join(dir, 'results')
mkdirSync(results)
const mounted = process.getuid?.() === 0 && mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', results)

function mount(...args: string[]): boolean {
  return spawnSync('mount', args).status === 0
}

describe('jobs', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>

  before(async () => {
    service = await startTestService({ database, fill: fillSample, config: { dir } })
    jobs = jobClient(service)
  })
  after(async () => {
    await service.close()
    if (mounted) spawnSync('umount', [results])
    rmSync(dir, { recursive: true, force: true })
  })

  it('that find the disk full fail with the reason, and leave nothing; small ones go on', {
    skip: mounted ? false : 'a small file system cannot be mounted here (it takes root)',
  }, async () => {
    const QUERY = 'SELECT TOP 50000 a.*, b.id AS other FROM sample.stars AS a, sample.stars AS b'
    const id = await jobs.create({ LANG: 'ADQL', QUERY, PHASE: 'RUN' })
    const document = await jobs.ended(id)
    assert.match(document, /<uws:phase>ERROR</)
    assert.match(document, /<uws:errorSummary type="transient" hasDetail="true">/)
    assert.match(document, /no room for the result/)
    assert.match(
      (await jobs.get(`/${id}/error`)).text,
      /Ask for fewer rows or columns, or run the job again later/,
    )
    assert.doesNotMatch(document, new RegExp(dir))
    const files = readdirSync(results, { recursive: true, withFileTypes: true }).filter(one => one.isFile())
    assert.deepEqual(files, [])
    const small = await jobs.create({ LANG: 'ADQL', QUERY: 'SELECT TOP 5 * FROM sample.stars', PHASE: 'RUN' })
    assert.match(await jobs.ended(small), /COMPLETED/)
  })

  for (const days of [-2, 2]) {
    it(`run, live and expire by the database's clock when ours is ${days} days off`, async () => {
      mock.timers.enable({ apis: ['Date'], now: Date.now() + days * 86_400_000 })
      try {
        const QUERY = 'SELECT TOP 5 id FROM sample.stars'
        const id = await jobs.create({ LANG: 'ADQL', QUERY, PHASE: 'RUN' })
        assert.match(await jobs.ended(id), /COMPLETED/)
        assert.deepEqual(await recoverJobs(service.db), [])
        await sweepJobs(service.jobs)
        const job = (await findJob(service.db, id))!
        const [clock] = await service.db.query<{ now: Date }>('SELECT clock_timestamp() AS now')
        assert.equal(job.phase, 'COMPLETED')
        for (const time of [job.creationTime, job.startTime!, job.endTime!]) {
          const ago = clock!.now.getTime() - time.getTime()
          assert.ok(ago >= 0 && ago < 600_000, `${ago} ms ago`)
        }
        assert.equal(Math.round((job.destruction.getTime() - job.creationTime.getTime()) / 86_400_000), 7)
        const link = await fetch(`${service.url}/jobs/${id}/results/result/link`, { method: 'POST' })
        const { url, expires } = (await link.json()) as { url: string; expires: string }
        const left = Date.parse(expires) - clock!.now.getTime()
        assert.ok(left > 600_000 && left <= 901_000, `${left} ms left`)
        assert.equal((await fetch(url)).status, 200)
      } finally {
        mock.timers.reset()
      }
    })
  }

  it('are assessed with the tables that they bring', async () => {
    const tap = service.jobs.kinds.find(kind => kind.name === 'tap')!
    const assessed = (query: string, csv: string, bytes = csv.length) =>
      assess(service.jobs, tap, {
        parameters: parametersOf([
          ['LANG', 'ADQL'],
          ['QUERY', query],
          ['UPLOAD', 't,param:part'],
        ]),
        identity: ANONYMOUS,
        uploads: [{ part: 'part', key: 'k', bytes }],
        async files(folder) {
          const { writeFile } = await import('node:fs/promises')
          const file = join(await folder(), 'part')
          await writeFile(file, csv)
          return new Map([['part', file]])
        },
      })
    const ids = `id\n${Array.from({ length: 1000 }, (_, i) => i).join('\n')}\n`
    const join1 = 'SELECT s.id FROM sample.stars AS s JOIN TAP_UPLOAD.t AS t ON s.id = t.id'
    const easy = await assessed(join1, ids)
    assert.equal(easy.lane, 'fast')
    assert.ok(easy.seconds! > 0 && easy.seconds! < 1, String(easy.seconds))
    const cross = `SELECT COUNT(*) AS n FROM TAP_UPLOAD.t AS a, TAP_UPLOAD.t AS b, TAP_UPLOAD.t AS c, TAP_UPLOAD.t AS d`
    assert.equal((await assessed(cross, ids)).lane, 'slow')
    const large = await assessed(join1, '', 300_000_000)
    assert.deepEqual(large, { lane: 'slow', seconds: 30, shards: undefined }, 'told by its size, unread')
    assert.deepEqual(readdirSync(service.jobs.spool), [])
  })

  it('say of a result in another format than VOTable that it is not converted, and how to have it', async () => {
    const QUERY = 'SELECT TOP 5 id FROM sample.stars'
    for (const format of ['csv', 'fits', 'parquet', 'votable/td']) {
      const id = await jobs.create({ LANG: 'ADQL', QUERY, RESPONSEFORMAT: format, PHASE: 'RUN' })
      await jobs.ended(id)
      const { status, text } = await jobs.get(`/${id}/results/result?RESPONSEFORMAT=json`)
      assert.equal(status, 400, `${format}: ${text}`)
      assert.match(
        text,
        /is stored as .* and is not converted[\s\S]*without a RESPONSEFORMAT, any format can be had/,
      )
    }
  })
})

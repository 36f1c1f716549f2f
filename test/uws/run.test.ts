/** Runners under bad luck: rivals, deaths, lost connections, no room. No job is lost or completed twice. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { compile, statementError } from '../../src/adql/index.ts'
import { tablesOf } from '../../src/adql/tables.ts'
import { ANONYMOUS } from '../../src/auth/identity.ts'
import { type JobLimits, loadConfig } from '../../src/config.ts'
import { parametersOf } from '../../src/dali/parameters.ts'
import type { Database } from '../../src/db/database.ts'
import { StatementError } from '../../src/db/error.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { ServiceError } from '../../src/error.ts'
import { openLog } from '../../src/log.ts'
import { claimJobs, completeJob, recoverJobs } from '../../src/uws/claim.ts'
import { enqueue, submitJob } from '../../src/uws/create.ts'
import { jobDocument } from '../../src/uws/document.ts'
import { openJobs } from '../../src/uws/index.ts'
import type { Job, Jobs } from '../../src/uws/job.ts'
import type { JobKind, Work } from '../../src/uws/kind.ts'
import { type Runner, startRunner } from '../../src/uws/run.ts'
import { abortJob, findJob, holdJob } from '../../src/uws/store.ts'
import { sweepJobs } from '../../src/uws/sweep.ts'
import { jobView } from '../../src/uws/view.ts'
import { testDatabase } from '../support/database.ts'

const url = await testDatabase()
const log = openLog('silent')

/** Kind of work that does what the test says. */
function kindOf(run: (work: Work) => Promise<void>): JobKind {
  return {
    name: 'test',
    path: '/test',
    once: [],
    title: () => undefined,
    async estimate({ parameters }) {
      return { seconds: Number(parameters.single('SECONDS') ?? 0), shards: 7 }
    },
    run,
  }
}

async function* bytes(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

/** Too large to stand beside the job's row. */
const PADDING = ' '.repeat(50_000)

const writeName = async ({ job, write }: Work) =>
  write({ id: 'result', contentType: 'text/plain', fileName: 'result.txt' }, bytes('job ', job.id))

const writePadded = async ({ job, write }: Work) =>
  write({ id: 'result', contentType: 'text/plain', fileName: 'result.txt' }, bytes('job ', job.id, PADDING))

describe('runners', () => {
  let db: Database
  let folder: string
  const open: { jobs: Jobs; runner?: Runner }[] = []

  before(async () => {
    db = await openDatabase({ url, log })
    folder = mkdtempSync(join(tmpdir(), 'almagest-run-'))
  })
  afterEach(async () => {
    for (const { jobs, runner } of open.splice(0)) {
      await runner?.stop(0)
      await jobs.events.close()
    }
    await db.query('DELETE FROM uws.job')
  })
  after(async () => {
    await db.close()
    rmSync(folder, { recursive: true })
  })

  const setUp = async (run: JobKind['run'], limits: Partial<JobLimits> = {}, isRunning = true) => {
    const jobs = await openJobs({
      db,
      dir: folder,
      limits: { ...loadConfig({}).jobs, ...limits },
      storage: undefined,
      kinds: [kindOf(run)],
    })
    const runner = isRunning ? startRunner(jobs, log) : undefined
    open.push(runner ? { jobs, runner } : { jobs })
    return { jobs, runner }
  }
  const submit = (jobs: Jobs, { owner = 'someone', seconds = 0, duration = 3600 } = {}) =>
    submitJob(
      jobs,
      jobs.kinds[0]!,
      { identity: { ...ANONYMOUS, name: owner }, session: undefined, address: '', allowance: {} },
      {
        parameters: parametersOf([
          ['PHASE', 'RUN'],
          ['SECONDS', String(seconds)],
          ['EXECUTIONDURATION', String(duration)],
        ]),
        files: new Map(),
      },
    )
  const phases = async () =>
    Object.fromEntries(
      (
        await db.query<{ phase: string; n: number }>(
          'SELECT phase, count(*)::int AS n FROM uws.job GROUP BY phase',
        )
      ).map(row => [row.phase, row.n]),
    )
  const until = async (condition: () => Promise<boolean> | boolean) => {
    for (let i = 0; !(await condition()); i++) {
      assert.ok(i < 1000, 'it takes too long')
      await sleep(10)
    }
  }
  const ended = async (id: string): Promise<Job> => {
    await until(async () => /COMPLETED|ERROR|ABORTED/.test((await findJob(db, id))!.phase))
    return (await findJob(db, id))!
  }
  const readResult = async (jobs: Jobs, job: Job) => {
    const parts: Buffer[] = []
    for await (const part of await jobs.storage.read(job.results[0]!.key)) parts.push(part)
    return Buffer.concat(parts).toString()
  }

  it('begin a job that is on the disk before its creation is answered', async () => {
    const { jobs } = await setUp(writeName)
    let written = ''
    const beginning = {
      ...db,
      async query<Row extends object>(text: string, values?: readonly unknown[], plan?: 'kept') {
        const rows = await db.query<Row>(text, values, plan)
        if (/^INSERT INTO uws\.job/.test(text)) {
          written = (await db.query<{ at: string }>('SELECT pg_current_wal_insert_lsn()::text AS at'))[0]!.at
        }
        return rows
      },
    }
    await submit({ ...jobs, db: beginning })
    const [flushed] = await db.query('SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn AS all', [written])
    assert.deepEqual(flushed, { all: true })
  })

  it('with a clock of their own that is wrong go by the database’s', async t => {
    for (const days of [-30, 30]) {
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + days * 86_400_000 })
      const { jobs, runner } = await setUp(writeName)
      const id = await submit(jobs)
      const job = await ended(id)
      await sweepJobs(jobs)
      await recoverJobs(db)
      await runner!.stop(1000)
      t.mock.timers.reset()
      assert.equal((await findJob(db, id))!.phase, 'COMPLETED')
      for (const time of [job.creationTime, job.startTime, job.endTime]) {
        assert.ok(Math.abs(time!.getTime() - Date.now()) < 3_600_000, String(time))
      }
      const kept = job.destruction.getTime() - job.creationTime.getTime()
      assert.ok(Math.abs(kept - jobs.limits.retentionDays * 86_400_000) < 60_000)
    }
  })

  it('that race run every job once', async () => {
    const runs = new Map<string, number>()
    const run = async (work: Work) => {
      runs.set(work.job.id, (runs.get(work.job.id) ?? 0) + 1)
      await writeName(work)
    }
    const { jobs } = await setUp(run)
    await setUp(run)
    await setUp(run)
    const ids = await Promise.all(Array.from({ length: 150 }, () => submit(jobs)))
    await until(async () => (await phases()).COMPLETED === 150)
    assert.equal(runs.size, 150)
    assert.deepEqual([...new Set(runs.values())], [1])
    const job = (await findJob(db, ids[77]!))!
    assert.equal(await readResult(jobs, job), `job ${job.id}`)
  })

  it('let small jobs pass long ones, and owners take turns', async () => {
    const order: string[] = []
    let release = () => {}
    const gate = new Promise<void>(resolve => {
      release = resolve
    })
    const { jobs } = await setUp(
      async work => {
        await gate
        if (work.job.owner === 'long') await sleep(20_000, undefined, { signal: work.signal })
        else order.push(work.job.owner!)
      },
      { fastSlots: 1, slowSlots: 1 },
    )
    await submit(jobs, { owner: 'long', seconds: 1000 })
    await submit(jobs, { owner: 'long', seconds: 1000 })
    for (let i = 0; i < 30; i++) await submit(jobs, { owner: 'greedy' })
    for (let i = 0; i < 3; i++) await submit(jobs, { owner: 'modest' })
    release()
    await until(() => order.length === 33)
    assert.ok(order.lastIndexOf('modest') < 9, order.join(' '))
  })

  it('tell how many shards of a cluster a job asks: foreseen in the queue, as it is when it runs', async () => {
    const run = ({ write }: Work) =>
      write(
        {
          id: 'result',
          contentType: 'text/plain',
          fileName: 'result.txt',
          outcome: { rows: 1, overflow: false, error: undefined, shards: 3 },
        },
        bytes('row'),
      )
    const { jobs } = await setUp(run, {}, false)
    const id = await submit(jobs)
    const told = async () => {
      const job = (await findJob(db, id))!
      const { shards } = jobView(job, jobs, 'https://host') as { shards: number }
      assert.match(
        jobDocument(job, 'https://host/job'),
        new RegExp(`<uws:jobInfo>.*<shards>${shards}</shards>`),
      )
      return shards
    }
    assert.equal(await told(), 7)
    const lines: string[] = []
    const runner = startRunner(jobs, pino({ level: 'info' }, { write: line => lines.push(line) }))
    open.push({ jobs, runner })
    await ended(id)
    assert.equal(await told(), 3)
    await until(() => lines.length > 0)
    const { msg, job, phase, rows, shards } = JSON.parse(lines[0]!)
    assert.deepEqual(
      { msg, job, phase, rows, shards },
      { msg: 'job', job: id, phase: 'COMPLETED', rows: 1, shards: 3 },
    )
  })

  it('put a job that began without an estimate among the long ones when it is one', async () => {
    const runs: string[] = []
    const { jobs } = await setUp(
      async work => {
        runs.push(work.job.owner!)
        if (work.job.owner !== 'short') await sleep(20_000, undefined, { signal: work.signal })
      },
      { fastSlots: 2, slowSlots: 1 },
    )
    const phaseOf = async (id: string) => (await findJob(db, id))!
    const first = await submit(jobs, { owner: 'first', seconds: 1000 })
    assert.equal((await phaseOf(first)).phase, 'EXECUTING', 'it begins at once')
    await until(async () => (await phaseOf(first)).lane === 'slow')
    assert.equal((await phaseOf(first)).estimateSeconds, 1000)
    assert.ok((await phaseOf(first)).quote! > new Date(Date.now() + 900_000))
    const second = await submit(jobs, { owner: 'second', seconds: 2000 })
    await until(async () => (await phaseOf(second)).phase === 'QUEUED')
    assert.equal((await phaseOf(second)).lane, 'slow')
    for (let i = 0; i < 3; i++) await ended(await submit(jobs, { owner: 'short' }))
    await abortJob(db, first)
    await until(async () => (await phaseOf(second)).phase === 'EXECUTING')
    assert.deepEqual(runs, ['first', 'second', 'short', 'short', 'short', 'second'])
  })

  it('hold a job where it is, until it is run again', async () => {
    let gate = true
    const { jobs } = await setUp(
      async work => {
        while (gate) await sleep(10, undefined, { signal: work.signal })
        await writeName(work)
      },
      { fastSlots: 1 },
    )
    const kind = jobs.kinds[0]!
    const me = { identity: { ...ANONYMOUS, name: 'someone' }, session: undefined, address: '', allowance: {} }
    const first = await submit(jobs)
    const second = await submit(jobs)
    assert.ok(await holdJob(db, second))
    assert.equal((await findJob(db, second))!.phase, 'HELD')
    assert.ok(await holdJob(db, first))
    assert.equal((await findJob(db, first))!.phase, 'SUSPENDED')
    assert.equal(await holdJob(db, first), false)
    assert.ok(await enqueue(jobs, kind, me, (await findJob(db, first))!))
    await until(async () => (await findJob(db, first))!.phase === 'EXECUTING')
    gate = false
    assert.equal(await readResult(jobs, await ended(first)), `job ${first}`)
    assert.equal((await findJob(db, second))!.phase, 'HELD', 'nothing runs it by itself')
    assert.ok(await enqueue(jobs, kind, me, (await findJob(db, second))!))
    assert.equal((await ended(second)).phase, 'COMPLETED')
    assert.equal(await holdJob(db, second), false)
  })

  it('keep several results of a job, small and large, in order; tell of progress', async () => {
    let told = () => {}
    const seen = new Promise<void>(resolve => {
      told = resolve
    })
    const { jobs } = await setUp(
      async ({ write, progress }) => {
        const result = (n: number, text: string) =>
          write({ id: `r${n}`, contentType: 'text/plain', fileName: `r${n}.txt` }, [Buffer.from(text)])
        await Promise.all([result(1, PADDING), result(2, 'two')])
        progress(2, 40)
        await seen
        for (let n = 3; n <= 40; n++) await result(n, n % 2 ? PADDING.slice(0, 15_000) : 'even')
        await assert.rejects(result(3, 'again'), /bad result id/)
      },
      { leaseSeconds: 1 },
    )
    const id = await submit(jobs)
    await until(async () => (await findJob(db, id))!.steps?.done === 2)
    assert.equal((await findJob(db, id))!.steps!.total, 40)
    told()
    const { results, steps } = await ended(id)
    assert.equal(steps, undefined)
    assert.deepEqual(
      results.map(one => one.id),
      Array.from({ length: 40 }, (_, i) => `r${i + 1}`),
    )
    const inRows = results.filter(one => one.key.startsWith('row:'))
    assert.ok(inRows.length > 20 && inRows.length < 39, 'small ones stand in rows, as long as there is room')
    for (const one of results) {
      const parts: Buffer[] = []
      for await (const part of await jobs.storage.read(one.key)) parts.push(part)
      const bytes = Buffer.concat(parts)
      assert.equal(bytes.length, one.bytes)
      assert.equal(createHash('sha256').update(bytes).digest('hex'), one.sha256)
    }
  })

  it('stop in good order: work goes back to the queue, uncounted, and another runner does it', async () => {
    let started = 0
    const waiting = async (work: Work) => {
      started++
      await sleep(20_000, undefined, { signal: work.signal })
    }
    const { jobs, runner } = await setUp(waiting)
    const id = await submit(jobs)
    for (let round = 0; round < 3; round++) {
      await until(() => started === round + 1)
      await (round === 0 ? runner! : open.at(-1)!.runner!).stop(0)
      assert.equal((await findJob(db, id))!.phase, 'QUEUED')
      if (round < 2) await setUp(waiting)
    }
    const { jobs: last } = await setUp(writeName)
    assert.equal(await readResult(last, await ended(id)), `job ${id}`)
  })

  it('that end within the grace are waited for', async () => {
    const { jobs, runner } = await setUp(async work => {
      await sleep(300)
      await writeName(work)
    })
    const id = await submit(jobs)
    await until(async () => (await findJob(db, id))!.phase === 'EXECUTING')
    await runner!.stop(5000)
    assert.equal((await findJob(db, id))!.phase, 'COMPLETED')
  })

  it('that die give their job back once; then it fails with the reason; a late word of the dead counts nothing', async () => {
    const { jobs } = await setUp(writeName, {}, false)
    const id = await submit(jobs)
    const claim = () =>
      claimJobs(db, {
        runner: crypto.randomUUID(),
        lane: 'fast',
        kinds: ['test'],
        count: 5,
        leaseSeconds: 0.05,
      })
    const [first] = await claim()
    await sleep(100)
    const recovered = await recoverJobs(db)
    assert.deepEqual(recovered, [{ id, claim: first!.claim, phase: 'QUEUED' }])
    assert.equal(await completeJob(db, id, first!.claim, []), false)
    const [second] = await claim()
    assert.equal(second!.id, id)
    await sleep(100)
    assert.equal((await recoverJobs(db))[0]!.phase, 'ERROR')
    const job = (await findJob(db, id))!
    assert.equal(job.error!.type, 'transient')
    assert.match(job.error!.message, /stopped without a word, twice/)
    assert.equal(await completeJob(db, id, second!.claim, []), false)
    assert.equal((await findJob(db, id))!.phase, 'ERROR')
  })

  it('renew their leases while they work, and drop what is not theirs any more', async () => {
    let dropped = false
    const { jobs } = await setUp(
      async work => {
        await sleep(3000, undefined, { signal: work.signal }).catch(() => {
          dropped = true
        })
        work.signal.throwIfAborted()
        await writeName(work)
      },
      { leaseSeconds: 1 },
    )
    const id = await submit(jobs)
    await sleep(2000)
    assert.deepEqual(await recoverJobs(db), [])
    await db.query(`UPDATE uws.job SET claim = gen_random_uuid() WHERE job_id = $1`, [id])
    await until(() => dropped)
    await until(async () => (await recoverJobs(db)).length > 0)
  })

  it('give a job back once when the database goes away under it', async () => {
    let runs = 0
    const { jobs } = await setUp(async work => {
      if (++runs === 1)
        throw new StatementError('57P01', 'terminating connection due to administrator command')
      if (runs > 2)
        throw new ServiceError('unavailable', 'gone', {
          cause: new Error('Connection terminated unexpectedly'),
        })
      await writeName(work)
    })
    assert.equal((await ended(await submit(jobs))).phase, 'COMPLETED')
    const failed = await ended(await submit(jobs))
    assert.equal(failed.phase, 'ERROR')
    assert.match(failed.error!.message, /went away/)
    assert.equal(runs, 4)
  })

  it('say how a job ended again when the connection broke while it was said', async () => {
    const broken = ['EPIPE', 'ECONNRESET']
    const { jobs } = await setUp(writeName, {}, false)
    const query: Database['query'] = async (text, values, plan) => {
      const code = /SET phase = 'COMPLETED'/.test(text) ? broken.pop() : undefined
      if (code) throw Object.assign(new Error(`write ${code}`), { code })
      return db.query(text, values, plan)
    }
    open.push({ jobs, runner: startRunner({ ...jobs, db: { ...db, query } }, log) })
    assert.equal((await ended(await submit(jobs))).phase, 'COMPLETED')
    assert.deepEqual(broken, [])
  })

  it('give a job back when a part of the database died, as a query tells it', async () => {
    const table = { schema: 's', name: 't', sqlSchema: 's', sqlName: 't', columns: [], position: undefined }
    const query = 'SELECT COUNT(*) AS n FROM s.t'
    const compiled = compile(query, tablesOf([table]), { maxrec: 1 })
    const failures = [
      new StatementError('55000', 'lost connection to parallel worker'),
      new StatementError('58P01', 'could not open shared memory segment "/PostgreSQL.1": No such file'),
      new StatementError('08006', 'could not receive data from client'),
    ]
    for (const failure of failures) {
      let runs = 0
      const { jobs } = await setUp(async work => {
        if (++runs === 1) throw statementError(failure, compiled, query)
        await writeName(work)
      })
      assert.equal((await ended(await submit(jobs))).phase, 'COMPLETED', failure.message)
      assert.equal(runs, 2)
      await open.pop()!.runner!.stop(0)
      await jobs.events.close()
    }
  })

  it('say what failed: their words for our faults, the standard’s phase for the duration', async () => {
    const { jobs } = await setUp(async ({ job, signal }) => {
      if (job.owner === 'secretive') throw new Error('a secret of the machine')
      await sleep(20_000, undefined, { signal })
    })
    const late = ended(await submit(jobs, { duration: 1 }))
    const failed = await ended(await submit(jobs, { owner: 'secretive' }))
    assert.equal(failed.phase, 'ERROR')
    assert.doesNotMatch(JSON.stringify(failed.error), /secret/)
    assert.equal((await late).phase, 'ABORTED')
    assert.match((await late).error!.message, /executionDuration, 1 seconds/)
  })

  it('fail a job that finds no room, and leave nothing of it', async () => {
    const { jobs } = await setUp(async work => {
      async function* failing() {
        yield* bytes('half of it'.repeat(10_000))
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      }
      await work.write({ id: 'result', contentType: 'text/plain', fileName: 'result.txt' }, failing())
    })
    const job = await ended(await submit(jobs))
    assert.equal(job.phase, 'ERROR')
    assert.equal(job.error!.type, 'transient')
    assert.match(job.error!.message, /no room/)
    const left = readdirSync(join(folder, 'results'), { recursive: true, encoding: 'utf8' })
    assert.deepEqual(
      left.filter(name => name.includes(job.id) && /(result|part)$/.test(name)),
      [],
    )
  })

  it('and aborts that cross: a job is aborted without a result or completed with one', async () => {
    const { jobs } = await setUp(async work => {
      await sleep(Math.random() * 10)
      await writePadded(work)
    })
    const ids = await Promise.all(
      Array.from({ length: 80 }, async (_, i) => {
        const id = await submit(jobs)
        // A quarter is aborted at once and a quarter when it has ended, however slow the machine; the rest may cross.
        if (i % 4 === 1) await ended(id)
        else if (i % 4 > 1) await sleep(Math.random() * 600)
        await abortJob(db, id)
        return id
      }),
    )
    await until(async () => !(await phases()).EXECUTING)
    await open.at(-1)!.runner!.stop(1000)
    const seen = new Set<string>()
    for (const id of ids) {
      const job = (await findJob(db, id))!
      seen.add(job.phase)
      if (job.phase === 'COMPLETED') assert.equal(await readResult(jobs, job), `job ${id}${PADDING}`)
      else {
        assert.equal(job.phase, 'ABORTED')
        assert.deepEqual(job.results, [])
        const left = readdirSync(join(folder, 'results'), { recursive: true, encoding: 'utf8' })
        assert.deepEqual(
          left.filter(name => name.includes(id) && name.endsWith('result')),
          [],
        )
      }
    }
    assert.equal(seen.size, 2, 'both happened')
  })
})

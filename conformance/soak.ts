/**
 * Jobs under fire: a web process, two runners and their PostgreSQL, killed with SIGKILL at random moments while
 * clients create jobs. Afterwards every job that was accepted must have ended, none completed twice, and every result
 * must be whole.
 *
 *   node --import tsx conformance/soak.ts [seconds=600] [seed]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

export interface SoakReport {
  readonly seed: number
  readonly kills: Readonly<Record<Target, number>>
  /** Jobs whose creation was answered; all that the database has. */
  readonly accepted: number
  readonly jobs: number
  /** Jobs by phase at the end. */
  readonly phases: Readonly<Record<string, number>>
  /** What must not be: each a sentence. Empty when all is well. */
  readonly faults: readonly string[]
}

type Target = 'web' | 'runner' | 'postgres' | 'backend'

const SITE = 'jobs:\n  leaseSeconds: 3\n  listAnonymous: true\n'

/** Work of about 0, 0.2 and 1 second, and a result too large to stand beside its job's row; the number comes back in the result, to know it by. */
const QUERIES = [
  (n: number) => `SELECT TOP 1 ${n} AS n, 1 AS c FROM tap_schema.tables`,
  (n: number) =>
    `SELECT ${n} AS n, COUNT(*) AS c FROM tap_schema.columns AS a, tap_schema.columns AS b, tap_schema.columns AS c, tap_schema.tables AS d`,
  (n: number) =>
    `SELECT ${n} AS n, COUNT(*) AS c FROM tap_schema.columns AS a, tap_schema.columns AS b, tap_schema.columns AS c, tap_schema.columns AS d`,
  (n: number) =>
    `SELECT TOP 3000 ${n} AS n, a.column_name AS c FROM tap_schema.columns AS a, tap_schema.columns AS b`,
]

export async function soak(
  seconds: number,
  seed = Date.now() % 1e6,
  say: (line: string) => void = () => {},
): Promise<SoakReport> {
  const random = randomOf(seed)
  const dir = mkdtempSync(join(tmpdir(), 'almagest-soak-'))
  chmodSync(dir, 0o711) // the server runs as another user when we are root
  writeFileSync(join(dir, 'site.yaml'), SITE)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...process.env,
    DATABASE_URL: '',
    ALMAGEST_DIR: dir,
    ALMAGEST_CONFIG: join(dir, 'site.yaml'),
    PORT: String(port),
    LOG_LEVEL: 'error',
  }
  const log = join(dir, 'log')
  const output = openSync(log, 'a')
  const kills: Record<Target, number> = { web: 0, runner: 0, postgres: 0, backend: 0 }
  const faults: string[] = []
  const accepted = new Map<string, number>()
  const processes = [
    start('web', ['serve', '--no-runner'], env, output),
    start('runner', ['runner'], env, output),
    start('runner', ['runner'], env, output),
  ]
  try {
    await answering(url, 60_000)
    const database = databaseUrl(dir)
    await countCompletions(database)
    const until = Date.now() + seconds * 1000
    let number = 0
    const client = async () => {
      while (Date.now() < until) {
        const n = ++number
        const id = await createJob(url, QUERIES[Math.floor(random() * QUERIES.length)]!(n))
        if (id) accepted.set(id, n)
        await sleep(random() * 400)
      }
    }
    const killer = async () => {
      while (Date.now() < until) {
        await sleep(500 + random() * 2500)
        const pick = random()
        const target: Target =
          pick < 0.25 ? 'web' : pick < 0.7 ? 'runner' : pick < 0.85 ? 'backend' : 'postgres'
        const victims = processes.filter(one => one.target === target)
        // What is still starting has nothing to lose, and on a slow machine it would start for ever. Some runners are
        // killed all the same: they, too, must bear a database that is not there.
        const worth = (target === 'runner' && random() < 0.3) || (await isUp(url))
        const done =
          worth &&
          (target === 'postgres' || target === 'backend'
            ? killServer(dir, target, random)
            : victims[Math.floor(random() * victims.length)]!.kill())
        if (done) kills[target]++
        say(
          `${((until - Date.now()) / 1000).toFixed(0)} s left: ${done ? 'killed' : 'missed'} ${target}; ${accepted.size} jobs accepted`,
        )
      }
    }
    await Promise.all([client(), client(), client(), client(), killer()])
    say('the fire has stopped; waiting for every job to end')
    await answering(url, 60_000)
    await allEnded(database, 90_000, faults)
    return {
      seed,
      kills,
      accepted: accepted.size,
      ...(await judge(url, database, accepted, faults, log)),
      faults,
    }
  } finally {
    for (const one of processes) await one.stop()
    closeSync(output)
    const location = join(dir, 'pg/location')
    if (existsSync(location)) rmSync(readFileSync(location, 'utf8').trim(), { recursive: true, force: true })
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Process {
  readonly target: Target
  /** SIGKILL; a new one starts a moment later. */
  kill(): boolean
  stop(): Promise<void>
}

function start(target: Target, args: readonly string[], env: NodeJS.ProcessEnv, output: number): Process {
  let stopping = false
  let child: ChildProcess
  const run = () => {
    child = spawn(process.execPath, [join(ROOT, 'bin/almagest.mjs'), ...args], {
      env,
      stdio: ['ignore', output, output],
    })
    // Whoever starts while the database is down ends; a service manager would start it again.
    child.once('exit', () => {
      if (!stopping) setTimeout(() => !stopping && run(), 300)
    })
  }
  run()
  return {
    target,
    kill: () => child.kill('SIGKILL'),
    async stop() {
      stopping = true
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** The postmaster, or one of its children, of the cluster under `dir`. */
function killServer(dir: string, target: 'postgres' | 'backend', random: () => number): boolean {
  try {
    const postmaster = Number(
      readFileSync(join(clusterHome(dir), 'data/postmaster.pid'), 'utf8').split('\n')[0],
    )
    if (target === 'postgres') return process.kill(postmaster, 'SIGKILL')
    const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').match(/\d+/g)
    if (!children) return false // it is just starting; process 0 would be all of our own group
    return process.kill(Number(children[Math.floor(random() * children.length)]), 'SIGKILL')
  } catch {
    return false // it is down just now
  }
}

function clusterHome(dir: string): string {
  const location = join(dir, 'pg/location')
  return existsSync(location) ? readFileSync(location, 'utf8').trim() : join(dir, 'pg')
}

function databaseUrl(dir: string): string {
  return `postgresql://almagest@/almagest?host=${encodeURIComponent(join(clusterHome(dir), 'run'))}`
}

async function withDatabase<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client(database)
    client.on('error', () => {})
    try {
      await client.connect()
      return await work(client)
    } catch (error) {
      if (tries === 60) throw error
      await sleep(500)
    } finally {
      await client.end().catch(() => {})
    }
  }
}

/** A witness that the service knows nothing of: every change to COMPLETED is one row. */
function countCompletions(database: string): Promise<unknown> {
  return withDatabase(database, client =>
    client.query(`
      CREATE SCHEMA witness;
      CREATE TABLE witness.completed (job_id uuid, at timestamptz DEFAULT clock_timestamp());
      CREATE FUNCTION witness.see() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO witness.completed (job_id) VALUES (NEW.job_id); RETURN NULL; END $$;
      CREATE TRIGGER see AFTER UPDATE ON uws.job FOR EACH ROW
        WHEN (NEW.phase = 'COMPLETED' AND OLD.phase <> 'COMPLETED') EXECUTE FUNCTION witness.see();`),
  )
}

/** Undefined when the service was not there to answer: then nothing was promised. */
async function createJob(url: string, query: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/tap/async`, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(15_000),
      body: new URLSearchParams({ LANG: 'ADQL', FORMAT: 'csv', PHASE: 'RUN', QUERY: query }),
    })
    await response.arrayBuffer()
    return response.status === 303 ? response.headers.get('location')!.split('/').at(-1) : undefined
  } catch {
    return undefined
  }
}

function isUp(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5000) }).then(
    response => response.ok,
    () => false,
  )
}

async function answering(url: string, ms: number): Promise<void> {
  for (const until = Date.now() + ms; !(await isUp(url)); await sleep(200)) {
    if (Date.now() > until) throw new Error(`the service did not answer within ${ms / 1000} s`)
  }
}

/**
 * Waits until every job has ended. How long that takes is the machine's affair, so the patience is for standing still:
 * a fault is when no job has ended for `ms`.
 */
async function allEnded(database: string, ms: number, faults: string[]): Promise<void> {
  let left = Number.POSITIVE_INFINITY
  for (let since = Date.now(); ; await sleep(500)) {
    const { rows } = await withDatabase(database, client =>
      client.query<{ job_id: string; phase: string; at: string }>(
        `SELECT job_id, phase, format('in lane %s, claim %s since %s, lease until %s, now %s; the server does: %s', lane, claims,
                start_time, lease_until, clock_timestamp(),
                (SELECT json_agg(json_build_array(state, wait_event, left(query, 90))) FROM pg_stat_activity WHERE backend_type = 'client backend')) AS at
           FROM uws.job WHERE phase IN ('QUEUED', 'EXECUTING')`,
      ),
    )
    if (rows.length === 0) return
    if (rows.length < left) {
      left = rows.length
      since = Date.now()
    }
    if (Date.now() < since + ms) continue
    for (const { job_id, phase, at } of rows) {
      faults.push(`job ${job_id} is still ${phase} and no job ended for ${ms / 1000} s: ${at}`)
    }
    return
  }
}

async function judge(
  url: string,
  database: string,
  accepted: ReadonlyMap<string, number>,
  faults: string[],
  log: string,
): Promise<Pick<SoakReport, 'jobs' | 'phases'>> {
  const { jobs, twice } = await withDatabase(database, async client => ({
    jobs: (
      await client.query(
        `SELECT j.job_id, j.phase, j.error, j.title, j.parameters, r.sha256, r.bytes::int AS bytes
           FROM uws.job j LEFT JOIN uws.result r USING (job_id)`,
      )
    ).rows,
    twice: (await client.query('SELECT job_id FROM witness.completed GROUP BY 1 HAVING count(*) > 1')).rows,
  }))
  for (const { job_id } of twice) faults.push(`job ${job_id} was completed more than once`)
  const byId = new Map(jobs.map(job => [job.job_id, job]))
  for (const id of accepted.keys()) if (!byId.has(id)) faults.push(`job ${id} was accepted and is lost`)
  const phases: Record<string, number> = {}
  for (const job of jobs) {
    phases[job.phase] = (phases[job.phase] ?? 0) + 1
    if (job.phase === 'COMPLETED') await judgeResult(url, job, accepted.get(job.job_id), faults)
    else if (job.phase === 'ERROR' && !/twice/.test(job.error?.message)) {
      faults.push(
        `job ${job.job_id} failed for another reason: ${JSON.stringify(job.error)}${logged(log, job.job_id)}`,
      )
    } else if (job.phase === 'PENDING' && accepted.has(job.job_id)) {
      faults.push(`job ${job.job_id} was accepted with PHASE=RUN and is PENDING`)
    }
  }
  return { jobs: jobs.length, phases }
}

/** What the runner's log says of a job. */
function logged(log: string, id: string): string {
  const line = readFileSync(log, 'utf8')
    .split('\n')
    .find(one => one.includes(id))
  return line ? `\n${line.slice(0, 3000)}` : ''
}

async function judgeResult(
  url: string,
  job: { job_id: string; sha256: string; bytes: number },
  number: number | undefined,
  faults: string[],
): Promise<void> {
  const response = await fetch(`${url}/tap/async/${job.job_id}/results/result`)
  const bytes = Buffer.from(await response.arrayBuffer())
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (response.status !== 200 || sha256 !== job.sha256 || bytes.length !== job.bytes) {
    faults.push(
      `the result of job ${job.job_id} is not what was stored: status ${response.status}, ${bytes.length} bytes`,
    )
  } else if (number !== undefined && !bytes.toString().startsWith(`n,c\r\n${number},`)) {
    faults.push(`the result of job ${job.job_id} is of another query: ${bytes.toString().slice(0, 60)}`)
  }
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const seed = process.argv[3]
  const report = await soak(Number(process.argv[2] ?? 600), seed ? Number(seed) : undefined, console.error)
  console.log(JSON.stringify(report, undefined, 2))
  process.exitCode = report.faults.length > 0 ? 1 : 0
}

/**
 * A cluster under fire: clients ask queries whose answers are known and create jobs, while all shards of a node are
 * moved to the others and back, and while it is killed, started again, frozen and thawed. Nothing may be answered
 * wrongly, every job must complete with the right count, while shards are moved nothing may fail at all, and nothing but
 * the node is restarted. All nodes are on this machine, and this runs as a user who may signal them.
 *
 *   ALMAGEST_TEST_CITUS=postgresql://…coordinator… node --import tsx conformance/citus-faults.ts
 *
 * The database must hold the distributed demo survey (test/citus and bench/citus leave one).
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfig } from '../src/config.ts'
import { findCitus } from '../src/db/citus.ts'
import { openDatabase } from '../src/db/postgres.ts'
import { openLog } from '../src/log.ts'
import { startService } from '../src/serve.ts'

const CLUSTER = process.env.ALMAGEST_TEST_CITUS
if (!CLUSTER) throw new Error('ALMAGEST_TEST_CITUS must name a database of a Citus coordinator')
const CLIENTS = 6
/** A rebalance of a small survey takes minutes where two cores carry all nodes. */
const MOVE_MS = 600_000
const SYNC_SECONDS = 6

const log = openLog('silent')
const db = await openDatabase({ url: CLUSTER, log })
const citus = await findCitus(db)
const node = citus?.nodes.at(-1)
if (!node || citus!.nodes.length < 2) throw new Error('the cluster must have two nodes with shards')
const [facts] = (
  await db.query<{ result: string }>(
    `SELECT result FROM run_command_on_workers('SHOW data_directory') WHERE nodeport = $1`,
    [node.port],
  )
).map(row => row.result)
const data = facts!

const processes = (): number[] => {
  const postmaster = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  const children = readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return new RegExp(`^PPid:\\s+${postmaster}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  })
  return [postmaster, ...children.map(Number)]
}
const signal = (name: NodeJS.Signals) => {
  for (const pid of processes()) {
    try {
      process.kill(pid, name)
    } catch {
      // it has ended
    }
  }
}
const start = () => {
  const { uid, gid } = statSync(data)
  const options = ['-D', data, '-l', join(data, 'faults.log'), '-w', 'start']
  execFileSync('/usr/lib/postgresql/15/bin/pg_ctl', options, {
    uid,
    gid,
    stdio: 'ignore',
    cwd: '/',
    env: { PATH: process.env.PATH },
  })
}

/** All shards of the node to the others, or evenly over all again, as an operator does it; resolves when it is done. */
async function move(holdsShards: boolean, mode: 'force_logical' | 'block_writes'): Promise<void> {
  const where = [node!.host, node!.port]
  await db.query(`SELECT citus_set_node_property($1, $2, 'shouldhaveshards', $3)`, [...where, holdsShards])
  const [job] = await db.query<{ id: number }>(
    'SELECT citus_rebalance_start(shard_transfer_mode => $1::citus.shard_transfer_mode) AS id',
    [mode],
  )
  const until = Date.now() + MOVE_MS
  for (let state = ''; state !== 'finished'; await sleep(500)) {
    ;[{ state }] = (await db.query<{ state: string }>(
      'SELECT state::text FROM citus_rebalance_status() LIMIT 1',
    )) as [{ state: string }]
    if (/fail|cancel/.test(state) || Date.now() > until) throw new Error(`rebalance ${job!.id}: ${state}`)
  }
  const [left] = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM citus_shards WHERE nodename = $1 AND nodeport = $2 AND citus_table_type = 'distributed'`,
    where,
  )
  if (holdsShards !== left!.n > 0) faults.push(`${left!.n} shards on the node after the move`)
}

const defaults = loadConfig({ DATABASE_URL: CLUSTER, PORT: '0' })
const config = { ...defaults, limits: { ...defaults.limits, syncSeconds: SYNC_SECONDS } }
const service = await startService(config, log)
const ask = async (query: string) => {
  const body = new URLSearchParams({ LANG: 'ADQL', FORMAT: 'csv', QUERY: query })
  const response = await fetch(`${service.url}/tap/sync`, { method: 'POST', body })
  return { status: response.status, text: await response.text(), retry: response.headers.get('retry-after') }
}

const QUERIES = [
  'SELECT COUNT(*) AS n FROM demo.object',
  "SELECT COUNT(*) AS n FROM demo.forcedsource WHERE band = 'r'",
  'SELECT COUNT(*) AS n FROM demo.visit',
  'SELECT COUNT(*) AS n FROM demo.object WHERE DISTANCE(ra, dec, 150.2, 2.2) < 0.05',
  'SELECT COUNT(*) AS n FROM demo.object WHERE DISTANCE(ra, dec, 149.6, 1.4) < 0.05',
  'SELECT COUNT(*) AS n FROM demo.object AS a JOIN demo.object AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 2 / 3600.0',
  'SELECT COUNT(*) AS n FROM demo.object AS o JOIN demo.forcedsource AS f ON f.objectid = o.objectid WHERE DISTANCE(o.ra, o.dec, 150.2, 2.2) < 0.1',
]
const truth = await Promise.all(QUERIES.map(async query => (await ask(query)).text))
const tally: Record<string, number> = {}
const faults: string[] = []
const jobs: { url: string; expected: string }[] = []
let over = false
let moving = false

async function client(n: number): Promise<void> {
  for (let i = n; !over; i++) {
    const at = i % QUERIES.length
    const { status, text, retry } = await ask(QUERIES[at]!).catch(() => ({
      status: 0,
      text: '',
      retry: null,
    }))
    tally[status] = (tally[status] ?? 0) + 1
    if (moving && status !== 200 && status !== 504)
      faults.push(`${status} while shards were moved: ${text.slice(0, 200)}`)
    if (status === 200 && text !== truth[at]) faults.push(`${QUERIES[at]}: ${text} and not ${truth[at]}`)
    if (status === 503 && retry === null) faults.push('a 503 without Retry-After')
    if (![200, 503, 504].includes(status) && !/ended after|time/.test(text))
      faults.push(`${status}: ${text.slice(0, 200)}`)
    if (i % 5 === 0) {
      const body = new URLSearchParams({ LANG: 'ADQL', FORMAT: 'csv', PHASE: 'RUN', QUERY: QUERIES[at]! })
      const made = await fetch(`${service.url}/tap/async`, { method: 'POST', body, redirect: 'manual' })
      const url = made.headers.get('location')
      if (url) jobs.push({ url, expected: truth[at]! })
    }
    await sleep(20)
  }
}

const clients = Array.from({ length: CLIENTS }, (_, n) => client(n))
const steps: [string, () => void | Promise<void>][] = [
  ['calm', () => {}],
  ['shards moved away', () => move(false, 'force_logical')],
  ['shards moved back', () => move(true, 'block_writes')],
  ['killed', () => signal('SIGKILL')],
  ['started', start],
  ['frozen', () => signal('SIGSTOP')],
  ['thawed', () => signal('SIGCONT')],
]
for (const [name, step] of steps) {
  moving = name.startsWith('shards')
  await step()
  moving = false
  await sleep(name === 'frozen' ? 2 * SYNC_SECONDS * 1000 : 6000)
  console.log(`${name}: ${JSON.stringify(tally)}, ${jobs.length} jobs`)
}
over = true
await Promise.all(clients)
for (const { url, expected } of jobs) {
  const until = Date.now() + 120_000
  let phase = ''
  do {
    phase = await (await fetch(`${url}/phase?WAIT=5`)).text()
    if (!/QUEUED|EXECUTING/.test(phase)) break
    await sleep(100)
  } while (Date.now() < until)
  const text = phase === 'COMPLETED' ? await (await fetch(`${url}/results/result`)).text() : ''
  if (text !== expected) faults.push(`${url}: ${phase} ${text}`)
}
const last = await ask(QUERIES[0]!)
if (last.text !== truth[0]) faults.push(`afterwards: ${last.status} ${last.text}`)
console.log(
  `${jobs.length} jobs, ${Object.values(tally).reduce((a, b) => a + b, 0)} answers, ${faults.length} faults`,
)
for (const fault of faults.slice(0, 20)) console.log(fault)
await service.stop()
await db.close()
process.exitCode = faults.length > 0 ? 1 : 0

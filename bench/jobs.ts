/**
 * Jobs: a trivial one from its creation to its result, against the same query by sync; trivial jobs a second; how soon
 * WAIT wakes; what a service without work costs; the list of 100,000 jobs.
 */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { inTurn, median, report, startService } from './support.ts'

const ROUNDS = 5
const EACH = 200
const JOBS = 2000
const CLIENTS = 16
const IDLE_SECONDS = 20
/** After its start, and after work, Node tidies its memory. */
const SETTLE_SECONDS = 20
const LISTED = 100_000
const QUERY = 'SELECT TOP 1 id, ra, dec FROM bench.wide'

const service = await startService()
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })

interface Reply {
  readonly status: number
  readonly location: string | undefined
  readonly body: string
}

function ask(method: string, url: string, form?: Record<string, string>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = form ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}
    const sent = request(url, { method, agent, headers }, response => {
      let body = ''
      response.on('data', chunk => {
        body += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode!, location: response.headers.location, body }),
      )
    })
    sent.on('error', reject)
    sent.end(form && new URLSearchParams(form).toString())
  })
}

async function sync(): Promise<void> {
  const { status } = await ask('POST', `${service.url}/tap/sync`, { LANG: 'ADQL', QUERY })
  if (status !== 200) throw new Error(`sync: status ${status}`)
}

async function job(): Promise<void> {
  const { location } = await ask('POST', `${service.url}/tap/async`, { LANG: 'ADQL', QUERY, PHASE: 'RUN' })
  for (;;) {
    const { body } = await ask('GET', `${location}?WAIT=-1`)
    if (/<uws:phase>COMPLETED</.test(body)) break
    if (/<uws:phase>(ERROR|ABORTED)</.test(body)) throw new Error(body)
  }
  const { status } = await ask('GET', `${location}/results/result`)
  if (status !== 200) throw new Error(`result: status ${status}`)
}

async function each(work: () => Promise<unknown>, times = EACH): Promise<number> {
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    const begun = performance.now()
    await work()
    taken.push(performance.now() - begun)
  }
  return median(taken)
}

async function throughput(): Promise<number> {
  let left = JOBS
  const client = async () => {
    while (left-- > 0) await job()
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return (1000 * JOBS) / (performance.now() - begun)
}

/** From the sending of PHASE=ABORT to the answer of the WAIT of another connection. */
async function wake(): Promise<number> {
  const { location } = await ask('POST', `${service.url}/tap/async`, { LANG: 'ADQL', QUERY })
  const waiting = ask('GET', `${location}?WAIT=20`)
  await sleep(20)
  const begun = performance.now()
  const abort = ask('POST', `${location}/phase`, { PHASE: 'ABORT' })
  await waiting
  const ms = performance.now() - begun
  await abort
  return ms
}

/** CPU seconds of a process so far, in ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function fill(): Promise<void> {
  const client = new pg.Client(service.database)
  await client.connect()
  await client.query(
    `INSERT INTO uws.job (job_id, kind, identity, title, parameters, phase, creation_time, start_time, end_time,
                          execution_duration, destruction)
     SELECT gen_random_uuid(), 'tap', '{"groups":[],"role":"almagest_public"}', 'SELECT ' || n || ' FROM bench.wide',
            json_build_array(json_build_array('QUERY', 'SELECT ' || n || ' FROM bench.wide')), 'COMPLETED',
            now() - n * interval '1 second', now(), now(), 3600, now() + interval '7 days'
       FROM generate_series(1, ${LISTED}) AS n`,
  )
  await client.query('ANALYZE uws.job')
  await client.end()
}

try {
  await sleep(SETTLE_SECONDS * 1000)
  const before = cpuSeconds(service.pid)
  await sleep(IDLE_SECONDS * 1000)
  console.log(
    `idle web and runner       ${((cpuSeconds(service.pid) - before) * 1000).toFixed(0)} ms of CPU in ${IDLE_SECONDS} s`,
  )
  const timings = await inTurn({ 'sync top 1': () => each(sync), 'job top 1': () => each(job) }, ROUNDS)
  report(timings, { 'job top 1': 'sync top 1' })
  const rates: number[] = []
  for (let round = 0; round < 3; round++) rates.push(await throughput())
  console.log(
    `trivial jobs              ${Math.max(...rates).toFixed(0)} /s with ${CLIENTS} clients (${rates.map(r => r.toFixed(0)).join(', ')})`,
  )
  const wakes: number[] = []
  for (let i = 0; i < 50; i++) wakes.push(await wake())
  console.log(
    `WAIT wakes                median ${median(wakes).toFixed(1)} ms, worst ${Math.max(...wakes).toFixed(1)} ms`,
  )
  await fill()
  for (const [name, path] of [
    ['first page of /jobs', '/jobs?limit=50'],
    ['search in /jobs', '/jobs?limit=50&search=bench.wide'],
    ['LAST=50 of /tap/async', '/tap/async?LAST=50'],
  ] as const) {
    const ms = await each(() => ask('GET', service.url + path), 50)
    console.log(`${name.padEnd(25)} median ${ms.toFixed(1)} ms of ${LISTED} jobs`)
  }
  const whole = await each(() => ask('GET', `${service.url}/tap/async`), 3)
  console.log(`the whole of /tap/async   ${whole.toFixed(0)} ms`)
} finally {
  agent.destroy()
  await service.stop()
}

/**
 * Memory of the service: how much its resident memory rises above that of one that has answered a single query, while
 * results of 1e5, 1e6 and 1e7 rows go out in each format, and while 32 clients read each of them slowly at once, and
 * then all of them; also while those vanish together, whose rows PostgreSQL gives until it feels the cancel.
 * `npx tsx bench/memory.ts [format…]`; all formats take six minutes.
 */
import { writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { memory, startService, timeCommand } from './support.ts'

const SIZES = [1e5, 1e6, 1e7]
const SLOW_CLIENTS = 32
const SLOW_SECONDS = 15
const GOAL_MB = 100
const ALL = ['votable/b2', 'votable/td', 'csv', 'json', 'fits', 'arrow', 'parquet', 'html']
const formats = process.argv.length > 2 ? process.argv.slice(2) : ALL

const service = await startService()

/** Ten million rows are a cross join of the million of bench.wide. */
function query(rows: number): string {
  return rows > 1e6
    ? `SELECT a.* FROM bench.wide AS a, (SELECT TOP ${rows / 1e6} id FROM bench.wide) AS b`
    : `SELECT TOP ${rows} * FROM bench.wide`
}

function address(format: string, rows: number, text = query(rows)): string {
  const asked = new URLSearchParams({ LANG: 'ADQL', RESPONSEFORMAT: format, MAXREC: `${rows}`, QUERY: text })
  return `${service.url}/tap/sync?${asked}`
}

/** MB of resident memory above idle at the peak of the work; the kernel counts from `clear_refs` on. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  writeFileSync(`/proc/${service.pid}/clear_refs`, '5')
  await work()
  return memory(service.pid).peak - idle
}

async function open(format: string): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(address(format, 1e6), { agent: false }, resolve).on('error', reject)
  })
  response.on('error', () => {})
  if (response.statusCode !== 200) throw new Error(`${format}: status ${response.statusCode}`)
  return response
}

/** Takes 100 kB of each ten times a second for a while; some may still wait for a connection of the database. */
async function readSlowly(clients: readonly IncomingMessage[]): Promise<void> {
  for (let i = 0; i < 10 * SLOW_SECONDS; i++) {
    for (const client of clients) client.read(100_000)
    await sleep(100)
  }
}

let idle = 0
let worst = 0
function report(name: string, mb: number): void {
  console.log(`${name.padEnd(32)} ${mb.toFixed(0).padStart(5)} MB above idle`)
  worst = Math.max(worst, mb)
}

async function reportSlow(name: string, all: readonly string[]): Promise<void> {
  const clients: IncomingMessage[] = []
  const opened = Array.from({ length: SLOW_CLIENTS }, async (_, i) => {
    clients.push(await open(all[i % all.length]!))
  })
  report(`${name}, ${SLOW_CLIENTS} slow clients`, await growth(() => readSlowly(clients)))
  const vanish = async () => {
    for (const client of clients) client.destroy()
    await Promise.all(opened)
    for (const client of clients) client.destroy()
    await sleep(2000)
  }
  const mb = await growth(vanish)
  console.log(`${'  and they vanish'.padEnd(32)} ${mb.toFixed(0).padStart(5)} MB above idle`)
}

try {
  await timeCommand(`curl -sf '${address('votable', 1)}'`)
  await sleep(1000)
  idle = memory(service.pid).now
  console.log(`${'idle'.padEnd(32)} ${idle.toFixed(0).padStart(5)} MB`)
  for (const format of formats) {
    for (const rows of SIZES) {
      const mb = await growth(() => timeCommand(`curl -sf '${address(format, rows)}'`))
      report(`${format}, ${rows.toExponential(0)} rows`, mb)
    }
    await reportSlow(format, [format])
  }
  if (formats.length > 1) await reportSlow('all', formats)
  if (worst > GOAL_MB) {
    console.log(`over the goal of ${GOAL_MB} MB`)
    process.exitCode = 1
  }
} finally {
  await service.stop()
}

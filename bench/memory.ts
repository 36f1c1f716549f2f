/**
 * Memory of the service: how much its resident memory rises above idle while results of 1e5, 1e6 and 1e7 rows go out
 * in each format, and while 32 clients read slowly at once. `npx tsx bench/memory.ts [format…]`
 */
import { writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { memory, startService, timeCommand } from './support.ts'

const SIZES = [1e5, 1e6, 1e7]
const SLOW_CLIENTS = 32
const SLOW_SECONDS = 20
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

/** MB that the work adds to the resident memory at its peak; the kernel counts from `clear_refs` on. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = memory(service.pid).now
  writeFileSync(`/proc/${service.pid}/clear_refs`, '5')
  await work()
  return memory(service.pid).peak - Math.min(before, idle)
}

/** Takes 100 kB ten times a second for a while, then leaves. */
async function readSlowly(format: string): Promise<void> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(address(format, 1e6), { agent: false }, resolve).on('error', reject)
  })
  response.on('error', () => {})
  if (response.statusCode !== 200) throw new Error(`${format}: status ${response.statusCode}`)
  for (let i = 0; i < 10 * SLOW_SECONDS && !response.readableEnded; i++) {
    response.read(100_000)
    await sleep(100)
  }
  response.destroy()
}

let idle = 0
let worst = 0
function report(name: string, mb: number): void {
  console.log(`${name.padEnd(32)} ${mb.toFixed(0).padStart(5)} MB above idle`)
  worst = Math.max(worst, mb)
}

try {
  for (const format of formats) await timeCommand(`curl -sf '${address(format, 1e4)}'`) // code is compiled
  await sleep(1000)
  idle = memory(service.pid).now
  console.log(`${'idle'.padEnd(32)} ${idle.toFixed(0).padStart(5)} MB`)
  for (const format of formats) {
    for (const rows of SIZES) {
      const mb = await growth(() => timeCommand(`curl -sf '${address(format, rows)}'`))
      report(`${format}, ${rows.toExponential(0)} rows`, mb)
    }
  }
  const clients = Array.from({ length: SLOW_CLIENTS }, (_, i) => formats[i % formats.length]!)
  report(`${SLOW_CLIENTS} slow clients`, await growth(() => Promise.all(clients.map(readSlowly))))
  if (worst > GOAL_MB) {
    console.log(`over the goal of ${GOAL_MB} MB`)
    process.exitCode = 1
  }
} finally {
  await service.stop()
}

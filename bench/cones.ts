/**
 * 1' cone searches over HTTP with 16 keep-alive clients (wrk), against pgbench running the same statements with 16
 * clients, in turn. `transaction` is what the service sends for a query (READ ONLY, role, timeout), `select` the
 * bare SELECT. `HTTP` is a service as it comes, of one web process; `HTTP of 2` has two (`serve --processes 2`).
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startService } from './support.ts'

const CLIENTS = 16
const SECONDS = 5
const ROUNDS = 5
const RADIUS = 1 / 60

const service = await startService()
const double = await startService({ args: ['--processes', '2', '--no-runner'] })
const dir = mkdtempSync(join(tmpdir(), 'almagest-cones-'))

// Both draw from the same square of the sky, away from its borders.
writeFileSync(
  join(dir, 'cones.lua'),
  `math.randomseed(1)
function request()
  local ra, dec = 149.2 + 1.6 * math.random(), 1.2 + 1.6 * math.random()
  local query = string.format("SELECT id, ra, dec FROM bench.wide WHERE 1=CONTAINS(POINT(ra,dec),CIRCLE(%.6f,%.6f,${RADIUS}))", ra, dec)
  local body = "LANG=ADQL&QUERY=" .. query:gsub(" ", "+")
  return wrk.format("POST", "/tap/sync", {["Content-Type"] = "application/x-www-form-urlencoded"}, body)
end
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary)
  print("errors " .. (summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end
`,
)
const select = `SELECT "id", "ra", "dec" FROM "bench"."wide"
 WHERE spoint(radians("ra"), radians("dec")) <@ scircle(spoint(:ra * pi() / 180, :dec * pi() / 180), ${(RADIUS * Math.PI) / 180}) LIMIT 100001;`
const variables =
  '\\set ra 149.2 + 1.6 * random(0, 1000000) / 1000000.0\n\\set dec 1.2 + 1.6 * random(0, 1000000) / 1000000.0\n'
writeFileSync(join(dir, 'select.sql'), `${variables}${select.replaceAll('\n', ' ')}\n`)
writeFileSync(
  join(dir, 'transaction.sql'),
  `${variables}BEGIN READ ONLY;\nSET LOCAL ROLE almagest_public;\nSET LOCAL statement_timeout = 300000;\n${select.replaceAll('\n', ' ')}\nCOMMIT;\n`,
)

function pgbench(script: string): number {
  const options = [
    '-n',
    '-c',
    `${CLIENTS}`,
    '-j',
    '1',
    '-T',
    `${SECONDS}`,
    '-M',
    'extended',
    '-f',
    join(dir, script),
  ]
  const output = execFileSync('/usr/lib/postgresql/15/bin/pgbench', [...options, service.database], {
    encoding: 'utf8',
    env: { ...process.env, PGOPTIONS: '-c search_path=pg_catalog,pgsphere -c jit=off' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return Number(/tps = ([\d.]+)/.exec(output)?.[1])
}

function wrk(url: string): number {
  const options = ['-t', '1', '-c', `${CLIENTS}`, '-d', `${SECONDS}s`, '-s', join(dir, 'cones.lua'), url]
  const output = execFileSync('wrk', options, { encoding: 'utf8' })
  if (!/errors 0/.test(output)) throw new Error(output)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1])
}

try {
  const rates: Record<string, number[]> = { select: [], transaction: [], HTTP: [], 'HTTP of 2': [] }
  for (let round = 0; round < ROUNDS; round++) {
    rates.select!.push(pgbench('select.sql'))
    rates.transaction!.push(pgbench('transaction.sql'))
    rates.HTTP!.push(wrk(service.url))
    rates['HTTP of 2']!.push(wrk(double.url))
  }
  const best = (name: string) => Math.max(...rates[name]!)
  for (const name of Object.keys(rates)) {
    const parts = ['select', 'transaction'].map(of => `${(best(name) / best(of)).toFixed(2)} of ${of}`)
    console.log(`${name.padEnd(12)} best ${best(name).toFixed(0).padStart(6)}/s  ${parts.join(', ')}`)
  }
} finally {
  rmSync(dir, { recursive: true })
  await double.stop()
  await service.stop()
}

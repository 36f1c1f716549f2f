/**
 * `npx tsx conformance/fuzz.ts [--count 100000] [--seed 1]`: mutated ADQL against the compiler and a private
 * PostgreSQL. Prints what was found, by class, with the shortest query of each; exit status 1 when there is any.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { openLog } from '../src/log.ts'
import { type Finding, fuzz } from './fuzz-run.ts'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
})
const dir = fileURLToPath(new URL('../var/fuzz', import.meta.url))
const server = await openEmbedded({ dir, log: { info() {}, warn: console.warn } })
const name = `fuzz_${process.pid}`
const url = server.url.replace(/\/[^/?]*\?/, `/${name}?`)
await onServer(`CREATE DATABASE ${name}`)
try {
  await migrate(url, openLog('silent'))
  const begun = performance.now()
  const report = await fuzz({
    url,
    count: Number(values.count),
    seed: Number(values.seed),
    progress: done => process.stderr.isTTY && process.stderr.write(`\r${done} queries`),
  })
  const { queries, refused, answered, failed } = report
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(
    `\n${queries} queries in ${seconds} s: ${refused} refused, ${answered} answered, ${failed} failed on their data`,
  )
  show('Refused by PostgreSQL, where the compiler might have', report.late)
  show('Findings', report.findings)
  process.exitCode = report.findings.length > 0 ? 1 : 0
} finally {
  await onServer(`DROP DATABASE ${name} WITH (FORCE)`)
  await server.release()
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client(server.url)
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

function show(title: string, findings: readonly Finding[]): void {
  console.log(`\n${title}: ${findings.length === 0 ? 'none' : findings.length}`)
  for (const { kind, count, message, query, sql } of findings) {
    console.log(`\n- ${kind}, ${count} times: ${message}`)
    console.log(`  ADQL: ${JSON.stringify(query)}`)
    if (sql) console.log(`  SQL:  ${sql}`)
  }
}

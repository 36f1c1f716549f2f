/**
 * `ingest table` of a file against a bare COPY of the same rows, read and placed beforehand, into the same columns with
 * the same indexes, on one PostgreSQL, in turn. Where the time goes is told by phase.
 *
 *   node --import tsx bench/ingest.ts FILE [rounds]      default: 5 rounds
 */
import { loadConfig } from '../src/config.ts'
import { readHere } from '../src/ingest/file-rows.ts'
import { planColumns } from '../src/ingest/plan.ts'
import { ingestTable } from '../src/ingest/table.ts'
import { openLog } from '../src/log.ts'
import { openSite } from '../src/site.ts'
import { sqlIdentifier, unpublishTable } from '../src/tap/publish.ts'
import { COPY_SIGNATURE, COPY_TRAILER } from '../src/votable/tuple.ts'
import { inTurn, median, memory, ROOT, report } from './support.ts'

const [file, rounds = '5'] = process.argv.slice(2)
if (file === undefined) throw new Error('name a file')
const dir = process.env.ALMAGEST_DIR ?? `${ROOT}var/bench`
const site = await openSite(loadConfig({ ...process.env, ALMAGEST_DIR: dir }), openLog('warn'))
const { db } = site
await db.query('CREATE SCHEMA IF NOT EXISTS bench_ingest')

const plan = await planColumns({ files: [file], table: 'bench_ingest.ours' })
const data = await tuples()
let indexes: string[] = []
const phases = new Map<string, number[]>()

/** The bytes of the COPY: a bare one has nothing to read. */
async function tuples(): Promise<Buffer[]> {
  const { fields, kept, placing } = plan
  const task = { file: file!, select: undefined, fields, kept, placing, skip: 0 }
  const copied: Buffer[] = [COPY_SIGNATURE]
  for await (const { data } of readHere.rows(task)) copied.push(Buffer.from(data))
  copied.push(COPY_TRAILER)
  return copied
}

async function ingest(): Promise<number> {
  const begun = performance.now()
  const seen = new Map<string, number>()
  let [phase, since] = ['header', begun]
  const turn = (next: string) => {
    const now = performance.now()
    seen.set(phase, (seen.get(phase) ?? 0) + now - since)
    phase = next
    since = now
  }
  await ingestTable(
    db,
    { files: [file!], table: 'bench_ingest.ours', mode: 'create' },
    progress => progress.phase === phase || turn(progress.phase),
    new AbortController().signal,
  )
  turn('')
  const ms = performance.now() - begun
  for (const [name, time] of seen) phases.set(name, [...(phases.get(name) ?? []), time])
  const defined = await db.query<{ indexdef: string }>(
    `SELECT indexdef FROM pg_indexes WHERE schemaname = 'bench_ingest' AND tablename = 'ours'`,
  )
  indexes = defined.map(({ indexdef }) =>
    indexdef.replace(/INDEX \S+ ON/, 'INDEX ON').replace(' bench_ingest.ours ', ' bench_ingest.bare '),
  )
  await db.transaction(async client => {
    await unpublishTable(client, 'bench_ingest', 'ours')
    await client.query('DROP TABLE bench_ingest.ours')
  })
  return ms
}

async function bareCopy(): Promise<number> {
  const columns = plan.sqlColumns.map(({ name, type }) => `${sqlIdentifier(name)} ${type}`)
  const begun = performance.now()
  await db.transaction(async client => {
    await client.query(`CREATE TABLE bench_ingest.bare (${columns.join(', ')})`)
    await client.copyFrom('COPY bench_ingest.bare FROM STDIN (FORMAT binary)', data)
    for (const index of indexes) await client.query(index)
    await client.query('ANALYZE bench_ingest.bare')
  })
  const ms = performance.now() - begun
  await db.query('DROP TABLE bench_ingest.bare')
  return ms
}

report(await inTurn({ 'ingest table': ingest, 'COPY and indexes': bareCopy }, Number(rounds)), {
  'ingest table': 'COPY and indexes',
})
console.log(indexes.join('\n'))
for (const [name, times] of phases) console.log(`${name.padEnd(12)} median ${median(times).toFixed(0)} ms`)
console.log(`peak memory of this process, the tuples included: ${memory(process.pid).peak.toFixed(0)} MB`)
await site.close()

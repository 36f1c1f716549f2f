/**
 * `ingest table` of a FITS file against a bare COPY of the same rows with the same indexes, on one PostgreSQL, in turn.
 *
 *   node --import tsx bench/ingest.ts FILE.fits[.gz] [rounds]      default: 3 rounds
 */

import { loadConfig } from '../src/config.ts'
import { sqlType } from '../src/db/sql-type.ts'
import { openTable } from '../src/formats/read/open.ts'
import { ingestTable } from '../src/ingest/table.ts'
import { openLog } from '../src/log.ts'
import { openSite } from '../src/site.ts'
import { sqlIdentifier, unpublishTable } from '../src/tap/publish.ts'
import { COPY_SIGNATURE, COPY_TRAILER } from '../src/votable/tuple.ts'
import { inTurn, memory, ROOT, report } from './support.ts'

const [file, rounds = '3'] = process.argv.slice(2)
if (file === undefined) throw new Error('name a FITS file')
const log = openLog('warn')
const dir = process.env.ALMAGEST_DIR ?? `${ROOT}var/bench`
const site = await openSite(loadConfig({ ...process.env, ALMAGEST_DIR: dir }), log)
const { db } = site
await db.query('CREATE SCHEMA IF NOT EXISTS bench_ingest')

/** The tuples as they are copied, read beforehand: a bare COPY has nothing to read. */
const source = await openTable(file)
const tuples: Buffer[] = []
for await (const { data } of source.batches()) tuples.push(Buffer.from(data))
await source.close()
const columns = source.fields.map(field => `${sqlIdentifier(field.name.toLowerCase())} ${sqlType(field)}`)

async function ingest(): Promise<number> {
  const begun = performance.now()
  await ingestTable(
    db,
    { files: [file!], table: 'bench_ingest.ours', mode: 'create' },
    () => {},
    new AbortController().signal,
  )
  const ms = performance.now() - begun
  await db.transaction(async client => {
    await unpublishTable(client, 'bench_ingest', 'ours')
    await client.query('DROP TABLE bench_ingest.ours')
  })
  return ms
}

async function bareCopy(): Promise<number> {
  const [ra, dec] = source.fields
    .filter(f => /^(ra|dec)/i.test(f.name))
    .map(f => sqlIdentifier(f.name.toLowerCase()))
  const begun = performance.now()
  await db.transaction(async client => {
    await client.query(`CREATE TABLE bench_ingest.bare (${columns.join(', ')})`)
    await client.copyFrom('COPY bench_ingest.bare FROM STDIN (FORMAT binary)', [
      COPY_SIGNATURE,
      ...tuples,
      COPY_TRAILER,
    ])
    await client.query(
      `CREATE INDEX ON bench_ingest.bare USING gist (spoint(radians(${ra}), radians(${dec})))`,
    )
    await client.query('ANALYZE bench_ingest.bare')
  })
  const ms = performance.now() - begun
  await db.query('DROP TABLE bench_ingest.bare')
  return ms
}

report(await inTurn({ 'ingest table': ingest, 'COPY and GiST': bareCopy }, Number(rounds)), {
  'ingest table': 'COPY and GiST',
})
console.log(`peak memory of this process, the tuples included: ${memory(process.pid).peak.toFixed(0)} MB`)
await site.close()

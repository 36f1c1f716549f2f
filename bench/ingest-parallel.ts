/**
 * Several files as one table: `ingest table` by threads, a file each, against one file after the other, in turn in one
 * run. How long the reading takes is told beside the whole, of which sorting and indexing are PostgreSQL's.
 *
 *   npx tsx bench/ingest-parallel.ts [--rows N] [--files N] [--rounds N] [format…]
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { loadConfig } from '../src/config.ts'
import { ingestTable } from '../src/ingest/table.ts'
import { openLog } from '../src/log.ts'
import { openSite } from '../src/site.ts'
import { inTurn, ROOT, report } from './support.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '250000' },
    files: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
  },
})
const rows = Number(values.rows)
const formats = positionals.length > 0 ? positionals : ['csv', 'csv.gz', 'parquet']
const dir = process.env.ALMAGEST_DIR ?? `${ROOT}var/bench`
const site = await openSite(loadConfig({ ...process.env, ALMAGEST_DIR: dir }), openLog('warn'))
const folder = mkdtempSync(join(process.env.TMPDIR ?? `${ROOT}var`, 'parallel-'))

/** Positions all over the sky, ten numbers and a name. */
async function write(file: string, first: number, format: string): Promise<void> {
  const numbers = Array.from(
    { length: 10 },
    (_, c) => `(hash(i * 11 + ${c}) % 1000000 / 7.0)::FLOAT AS m${c}`,
  )
  const select = `SELECT i AS id, (hash(i) % 360000000 / 1e6)::DOUBLE AS ra, (hash(-i) % 178000000 / 1e6 - 89)::DOUBLE AS dec,
    ${numbers.join(', ')}, 'star ' || i AS name FROM range(${first}, ${first + rows}) AS r (i)`
  const duck = await (await DuckDBInstance.create(':memory:')).connect()
  await duck.run(`COPY (${select}) TO '${file}' (FORMAT ${format.replace('.gz', '')})`)
  duck.closeSync()
  if (!format.endsWith('.gz')) return
  writeFileSync(file, gzipSync(readFileSync(file), { level: 1 }))
}

const sums = new Set<string>()

async function ingest(files: readonly string[], threads: number): Promise<{ all: number; reading: number }> {
  const begun = performance.now()
  let readUntil = begun
  const result = await ingestTable(
    site.db,
    { files, table: 'bench_parallel.t', mode: 'create', threads },
    ({ phase }) => {
      if (phase === 'reading') readUntil = performance.now()
    },
    new AbortController().signal,
  )
  const all = performance.now() - begun
  const [sum] = await site.db.query<{ sum: string }>(
    "SELECT count(*) || ' ' || sum(hashtextextended(t::text, 0)) AS sum FROM bench_parallel.t",
  )
  sums.add(`${result.rows} ${sum!.sum}`)
  await site.db.query('DROP TABLE bench_parallel.t')
  await site.db.query(`DELETE FROM almagest.published_table WHERE table_name = 'bench_parallel.t'`)
  return { all, reading: readUntil - begun }
}

try {
  for (const format of formats) {
    const files = Array.from({ length: Number(values.files) }, (_, i) => join(folder, `part${i}.${format}`))
    for (const [i, file] of files.entries()) await write(file, i * rows, format)
    const megabytes = files.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6
    console.log(`\n${format}: ${files.length} files of ${rows} rows, ${megabytes.toFixed(0)} MB`)
    const readings: Record<string, number[]> = { threads: [], serial: [] }
    const timed = (kind: 'threads' | 'serial', threads: number) => async () => {
      const { all, reading } = await ingest(files, threads)
      readings[kind]!.push(reading)
      return all
    }
    sums.clear()
    report(
      await inTurn({ threads: timed('threads', 2), serial: timed('serial', 1) }, Number(values.rounds)),
      { threads: 'serial' },
    )
    const [t, s] = [Math.min(...readings.threads!), Math.min(...readings.serial!)]
    console.log(`reading alone: ${t.toFixed(0)} against ${s.toFixed(0)} ms (${(t / s).toFixed(2)}x)`)
    console.log(sums.size === 1 ? `the same rows each time: ${[...sums][0]}` : `DIFFERENT ROWS: ${[...sums]}`)
    if (sums.size !== 1) process.exitCode = 1
    for (const file of files) rmSync(file)
  }
} finally {
  rmSync(folder, { recursive: true })
  await site.db.query('DROP SCHEMA IF EXISTS bench_parallel CASCADE')
  await site.close()
}

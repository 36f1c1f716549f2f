/**
 * Loading detections into a Citus cluster: `ingest table --distribute --shard-id` of a CSV file, against a bare `\copy` of
 * the same file into an empty table with the same distribution, whose indexes are then made. In turn.
 *
 *   ALMAGEST_TEST_CITUS=postgresql://…coordinator… npx tsx bench/citus-load.ts [MILLIONS=10] [ROUNDS=1]
 */

import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { almagestIn, ROOT, report, timeCommand } from './support.ts'

const CLUSTER = process.env.ALMAGEST_TEST_CITUS
if (!CLUSTER) throw new Error('ALMAGEST_TEST_CITUS must name a database of a Citus coordinator')
const [millions = '10', rounds = '1'] = process.argv.slice(2)
const env = { DATABASE_URL: CLUSTER, ALMAGEST_DIR: `${ROOT}var/bench-cluster` }
const folder = mkdtempSync(join(tmpdir(), 'almagest-load-'))
const file = join(folder, 'detections.csv')

/** Ten detections of each object; objects in 2,000 cells of order 7, in the order of the sky. */
async function writeDetections(rows: number): Promise<void> {
  const out = createWriteStream(file)
  out.write('detid,objectid,visit,band,flux,fluxerr,flags\n')
  let seed = 1
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return seed / 2 ** 31
  }
  const objects = rows / 10
  for (let object = 0; object < objects; object++) {
    const id = (BigInt(100_000 + Math.floor((object * 2000) / objects)) << 45n) | BigInt(object)
    let lines = ''
    for (let i = 0; i < 10; i++) {
      const flux = 10 ** (1 + 3 * random())
      lines += `${object * 10 + i},${id},${Math.floor(1e6 * random())},${'grizy'[i % 5]},${flux.toFixed(3)},${(0.05 * flux).toFixed(3)},${i % 4}\n`
    }
    if (!out.write(lines)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}

const psql = (sql: string) =>
  timeCommand(`psql -q -v ON_ERROR_STOP=1 ${JSON.stringify(CLUSTER)} <<'SQL'\n${sql}\nSQL`)

try {
  await writeDetections(Number(millions) * 1e6)
  // Minutes each: nothing is to be warmed up.
  const loads: Record<string, () => Promise<number>> = {
    async 'ingest table --distribute'() {
      const begun = performance.now()
      almagestIn(
        env,
        'ingest',
        'table',
        file,
        '--table',
        'load.detection',
        '--distribute',
        '--shard-id',
        'objectid',
        '--id',
        'detid',
      )
      const ms = performance.now() - begun
      almagestIn(env, 'drop', 'load.detection')
      return ms
    },
    async copy() {
      await psql(`CREATE SCHEMA IF NOT EXISTS load; DROP TABLE IF EXISTS load.bare;
          CREATE TABLE load.bare (detid bigint, objectid bigint, visit int, band text, flux float8, fluxerr float8, flags int,
            hpx_shard int GENERATED ALWAYS AS ((objectid >> 45)::int) STORED);
          ALTER TABLE load.bare ALTER hpx_shard DROP EXPRESSION; SELECT create_distributed_table('load.bare', 'hpx_shard');`)
      await timeCommand(
        `awk -F, 'NR > 1 { printf "%s,%d\\n", $0, $2 / 35184372088832 }' ${file} > ${file}.sharded`,
      )
      const load = await psql(`\\copy load.bare from '${file}.sharded' csv
          CREATE UNIQUE INDEX ON load.bare (detid, hpx_shard); CREATE INDEX ON load.bare (objectid); ANALYZE load.bare;`)
      await psql('DROP TABLE load.bare')
      return load
    },
  }
  const timings: Record<string, number[]> = Object.fromEntries(Object.keys(loads).map(name => [name, []]))
  for (let round = 0; round < Number(rounds); round++) {
    for (const [name, load] of Object.entries(loads)) {
      timings[name]!.push(await load())
      console.log(`${name}: ${(timings[name]!.at(-1)! / 1000).toFixed(1)} s`)
    }
  }
  report(timings, { 'ingest table --distribute': 'copy' })
} finally {
  rmSync(folder, { recursive: true })
}

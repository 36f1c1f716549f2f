/**
 * A million rows over HTTP in each format, against `psql COPY` of the same rows in the same run.
 * `npx tsx bench/throughput.ts [rounds]`
 */
import { inTurn, report, startService, timeCommand } from './support.ts'

const ROUNDS = Number(process.argv[2] ?? 5)
const TABLE = 'bench.wide'

/** What each format is measured against, and the most that it may take of that. */
const GOALS: Readonly<Record<string, readonly [against: string, atMost: number]>> = {
  BINARY2: ['COPY binary', 1.3],
  BINARY: ['COPY binary', 1.3],
  FITS: ['COPY binary', 1.4],
  Arrow: ['COPY binary', 2],
  Parquet: ['COPY binary', 7],
  CSV: ['COPY csv', 1.1],
  TSV: ['COPY csv', 1.1],
  TABLEDATA: ['COPY text', 1.3],
  JSON: ['COPY text', 1.3],
}

const service = await startService()
const psql = (copy: string) =>
  timeCommand(`psql -qX '${service.database}' -c "COPY (SELECT * FROM ${TABLE}) TO STDOUT ${copy}"`)
const tap = (format: string) =>
  timeCommand(
    `curl -sf '${service.url}/tap/sync' -d LANG=ADQL -d MAXREC=2000000 --data-urlencode 'RESPONSEFORMAT=${format}' ` +
      `--data-urlencode 'QUERY=SELECT * FROM ${TABLE}'`,
  )
try {
  const timings = await inTurn(
    {
      'COPY binary': () => psql('(FORMAT binary)'),
      BINARY2: () => tap('votable/b2'),
      BINARY: () => tap('votable/b'),
      FITS: () => tap('fits'),
      Arrow: () => tap('arrow'),
      Parquet: () => tap('parquet'),
      'COPY csv': () => psql('(FORMAT csv)'),
      CSV: () => tap('csv'),
      TSV: () => tap('tsv'),
      'COPY text': () => psql(''),
      TABLEDATA: () => tap('votable/td'),
      JSON: () => tap('json'),
    },
    ROUNDS,
  )
  report(timings, Object.fromEntries(Object.entries(GOALS).map(([name, [against]]) => [name, against])))
  const least = (name: string) => Math.min(...timings[name]!)
  for (const [name, [against, atMost]] of Object.entries(GOALS)) {
    if (least(name) > atMost * least(against)) {
      console.log(`${name} misses its goal of ${atMost}x ${against}`)
      process.exitCode = 1
    }
  }
} finally {
  await service.stop()
}

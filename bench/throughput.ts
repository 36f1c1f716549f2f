/** A million rows over HTTP in each format, against `psql COPY` of the same rows in the same run. */
import { inTurn, memory, report, startService, timeCommand } from './support.ts'

const ROUNDS = 5
const TABLE = 'bench.wide'

const service = await startService()
const psql = (copy: string) =>
  timeCommand(`psql -qX '${service.database}' -c "COPY (SELECT * FROM ${TABLE}) TO STDOUT ${copy}"`)
const tap = (format: string) =>
  timeCommand(
    `curl -sf '${service.url}/tap/sync' -d LANG=ADQL -d MAXREC=2000000 --data-urlencode 'RESPONSEFORMAT=${format}' ` +
      `--data-urlencode 'QUERY=SELECT * FROM ${TABLE}'`,
  )
try {
  const before = memory(service.pid)
  const timings = await inTurn(
    {
      'COPY binary': () => psql('(FORMAT binary)'),
      BINARY2: () => tap('votable/b2'),
      'COPY csv': () => psql('(FORMAT csv)'),
      CSV: () => tap('csv'),
      'COPY text': () => psql(''),
      TABLEDATA: () => tap('votable/td'),
      BINARY: () => tap('votable/b'),
    },
    ROUNDS,
  )
  report(timings, { BINARY2: 'COPY binary', BINARY: 'COPY binary', CSV: 'COPY csv', TABLEDATA: 'COPY text' })
  const after = memory(service.pid)
  console.log(
    `memory of the service: ${before.now.toFixed(0)} MB before, ${after.peak.toFixed(0)} MB at the peak`,
  )
} finally {
  await service.stop()
}

/**
 * Light curves of the demo survey: one over HTTP against the bare SQL, all that are watched against COPY of the same
 * rows, and the CPU of a picture. `npx tsx bench/lightcurve.ts [rounds]`
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { almagest, inTurn, median, report, startService, timeCommand } from './support.ts'

const ROUNDS = Number(process.argv[2] ?? 5)
const CURVE = `SELECT f.objectid, expmidptmjd, f.band, psfflux, psffluxerr, forcedsourceid, visitid, pixelflags
  FROM demo.forcedsource f JOIN demo.visit v USING (visitid)`

almagest('demo', '--no-images')
const service = await startService()
const client = new pg.Client(service.database)
await client.connect()
let failed = false
const claim = (text: string, holds: boolean) => {
  console.log(`${holds ? 'holds ' : 'MISSES'} ${text}`)
  failed ||= !holds
}
try {
  const { rows } = await client.query<{ id: string }>(
    'SELECT objectid::text AS id FROM demo.forcedsource GROUP BY 1 HAVING count(*) > 100 ORDER BY 1',
  )
  const ids = rows.map(row => row.id)
  const url = `${service.url}/datalink/timeseries`

  const timed = async (one: (id: string) => Promise<unknown>) => {
    const times: number[] = []
    for (let i = 0; i < 300; i++) {
      const begun = performance.now()
      await one(ids[(i * 7) % ids.length]!)
      times.push(performance.now() - begun)
    }
    return median(times)
  }
  const sql = () => timed(id => client.query(`${CURVE} WHERE f.objectid = $1 ORDER BY expmidptmjd`, [id]))
  // Node's fetch asks for compression where nothing else is said.
  const http = (coding: string) => () =>
    timed(async id =>
      (await fetch(`${url}?ID=${id}`, { headers: { 'Accept-Encoding': coding } })).arrayBuffer(),
    )
  const one = await inTurn({ 'bare SQL': sql, HTTP: http('identity'), 'HTTP, gzip': http('gzip') }, ROUNDS)
  report(one, { HTTP: 'bare SQL', 'HTTP, gzip': 'bare SQL' })
  claim(
    'one light curve over HTTP ≤ 3x the bare SQL',
    Math.min(...one.HTTP!) <= 3 * Math.min(...one['bare SQL']!),
  )

  const body = path.join(tmpdir(), `almagest-ids-${process.pid}`)
  writeFileSync(body, `ID=${ids.join(',')}`)
  const copy = `psql -qX '${service.database}' -c "COPY (${CURVE} WHERE f.objectid IN (${`SELECT objectid FROM demo.forcedsource GROUP BY 1 HAVING count(*) > 100`}) ORDER BY 1, 2) TO STDOUT (FORMAT binary)"`
  const many = await inTurn(
    {
      'COPY binary, sorted': () => timeCommand(copy.replaceAll('\n', ' ')),
      BINARY2: () => timeCommand(`curl -sf -d @${body} '${url}'`),
      CSV: () => timeCommand(`curl -sf -d @${body} '${url}?RESPONSEFORMAT=csv'`),
    },
    Math.min(ROUNDS, 3),
  )
  report(many, { BINARY2: 'COPY binary, sorted', CSV: 'COPY binary, sorted' })
  const rate = Math.min(...many['COPY binary, sorted']!) / Math.min(...many.BINARY2!)
  claim(`${ids.length} objects at ${rate.toFixed(2)} of the rate of COPY (≥ 0.6)`, rate >= 0.6)

  for (const type of ['svg', 'png']) {
    await fetch(`${url}?ID=${ids[0]}&RESPONSEFORMAT=${type}`).then(answer => answer.arrayBuffer())
    const before = cpuMs(service.pid)
    const count = 200
    for (let i = 0; i < count; i++)
      await (await fetch(`${url}?ID=${ids[i * 5]}&RESPONSEFORMAT=${type}`)).arrayBuffer()
    const each = (cpuMs(service.pid) - before) / count
    claim(`${type}: ${each.toFixed(1)} ms of CPU a picture (≤ 15)`, each <= 15)
  }
} finally {
  await client.end()
  await service.stop()
}
process.exitCode = failed ? 1 : 0

/** User and system time of a process with its threads. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

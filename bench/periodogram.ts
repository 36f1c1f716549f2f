/**
 * The periods of the demo's variable stars and of as many constant ones, as PERIODOGRAM finds them. Every n-th star:
 * `npx tsx bench/periodogram.ts [n]`; all 6,000 (n = 1) take half an hour of one core.
 */
import pg from 'pg'
import { almagest, startService } from './support.ts'

const EVERY = Number(process.argv[2] ?? 10)
const SIGNIFICANT = 1e-3

interface Found {
  readonly id: string
  readonly period: number
  readonly falseAlarm: number
}

almagest('demo')
const service = await startService()
const client = new pg.Client(service.database)
await client.connect()
try {
  const { rows: stars } = await client.query<{
    id: string
    class: string | null
    period: number | null
    baseline: number
  }>(
    `SELECT objectid::text AS id, class, period, baseline
       FROM (SELECT objectid, max(expmidptmjd) - min(expmidptmjd) AS baseline FROM demo.forcedsource JOIN demo.visit USING (visitid)
              GROUP BY 1 HAVING count(*) > 100) s LEFT JOIN demo.variable USING (objectid) ORDER BY objectid`,
  )
  const variables = stars.filter(star => star.class).filter((_, i) => i % EVERY === 0)
  const constants = stars.filter(star => !star.class).filter((_, i) => i % EVERY === 0)
  const begun = performance.now()
  const found = await periodsOf([...variables, ...constants].map(star => star.id))
  const seconds = (performance.now() - begun) / 1000

  const misses = variables.filter(star => {
    const ratio = (found.get(star.id)?.period ?? Number.NaN) / star.period!
    const eclipses = /^E/.test(star.class!)
    return !(Math.abs(ratio - 1) < 1e-4 || (eclipses && Math.abs(2 * ratio - 1) < 1e-4))
  })
  for (const star of misses) {
    const got = found.get(star.id)
    console.log(
      `missed ${star.id} ${star.class} P ${star.period} found ${got?.period} (false alarm ${got?.falseAlarm})`,
    )
  }
  const alarms = constants.filter(star => found.get(star.id)!.falseAlarm < SIGNIFICANT)
  const unseen = variables.filter(star => !(found.get(star.id)!.falseAlarm < SIGNIFICANT))
  const recovered = 1 - misses.length / variables.length
  console.log(
    `${(100 * recovered).toFixed(2)} % of ${variables.length} periods recovered (≥ 95), ${unseen.length} not significant`,
  )
  console.log(
    `${alarms.length} false alarms below ${SIGNIFICANT} among ${constants.length} constant stars (≤ 1 %)`,
  )
  console.log(`${((1000 * seconds) / found.size).toFixed(0)} ms a star`)
  process.exitCode = recovered >= 0.95 && alarms.length <= 0.01 * constants.length ? 0 : 1
} finally {
  await client.end()
  await service.stop()
}

async function periodsOf(ids: readonly string[]): Promise<ReadonlyMap<string, Found>> {
  const found = new Map<string, Found>()
  for (let from = 0; from < ids.length; from += 50) {
    const body = new URLSearchParams({
      ID: ids.slice(from, from + 50).join(','),
      PERIODOGRAM: 'true',
      RESPONSEFORMAT: 'csv',
    })
    const answer = await fetch(`${service.url}/datalink/timeseries`, { method: 'POST', body })
    if (!answer.ok) throw new Error(await answer.text())
    for (const line of (await answer.text()).trim().split(/\r?\n/).slice(1)) {
      const [id, , period, , falseAlarm] = line.split(',')
      found.set(id!, { id: id!, period: Number(period), falseAlarm: Number(falseAlarm) })
    }
  }
  return found
}

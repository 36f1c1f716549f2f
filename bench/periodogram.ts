/**
 * The periods of the demo's variable stars and of as many constant ones, as PERIODOGRAM finds them.
 *
 *     npx tsx bench/periodogram.ts [--every N] [--from K] [--out FOLDER]
 *
 * Every N-th star (10) from the K-th on (0); all 6,000 take half an hour of one core. With --out what is found goes to
 * FOLDER/found.csv, beside what is there of other parts; the report is then of all in it, and every miss is written to
 * FOLDER/misses.csv and drawn at its true period and at the one that was found.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { almagest, startService } from './support.ts'

const { values } = parseArgs({
  options: {
    every: { type: 'string', default: '10' },
    from: { type: 'string', default: '0' },
    out: { type: 'string' },
  },
})
const [every, from] = [Number(values.every), Number(values.from)]
const SIGNIFICANT = 1e-3

interface Star {
  readonly id: string
  /** Undefined: constant. */
  readonly class: string | undefined
  readonly period: number
}

interface Found {
  readonly period: number
  readonly falseAlarm: number
}

almagest('demo', '--no-images')
const service = await startService()
const client = new pg.Client(service.database)
await client.connect()
try {
  const { rows } = await client.query<{ id: string; class: string | null; period: number | null }>(
    `SELECT objectid::text AS id, class, period
       FROM (SELECT objectid FROM demo.forcedsource GROUP BY 1 HAVING count(*) > 100) s LEFT JOIN demo.variable USING (objectid)
      ORDER BY objectid`,
  )
  const stars = rows.map(
    (row): Star => ({
      id: row.id,
      class: row.class ?? undefined,
      period: row.period ?? Number.NaN,
    }),
  )
  const part = (list: readonly Star[]) => list.filter((_, i) => i % every === from)
  const asked = [...part(stars.filter(star => star.class)), ...part(stars.filter(star => !star.class))]
  const begun = performance.now()
  const own = await periodsOf(asked.map(star => star.id))
  console.log(`${((performance.now() - begun) / own.size).toFixed(0)} ms a star`)
  const found = values.out === undefined ? own : kept(values.out, own)
  const misses = await judge(stars, found)
  if (values.out !== undefined) await show(values.out, misses, found)
} finally {
  await client.end()
  await service.stop()
}

/** Prints what holds; resolves to the variables whose period was missed. */
async function judge(stars: readonly Star[], found: ReadonlyMap<string, Found>): Promise<readonly Star[]> {
  const seen = stars.filter(star => found.has(star.id))
  const variables = seen.filter(star => star.class)
  const constants = seen.filter(star => !star.class)
  const isSignificant = (star: Star) => found.get(star.id)!.falseAlarm < SIGNIFICANT
  const misses = variables.filter(star => {
    const ratio = found.get(star.id)!.period / star.period
    const turns = star.class!.startsWith('E') ? [1, 0.5] : [1]
    return !turns.some(turn => Math.abs(ratio / turn - 1) < 1e-4)
  })
  for (const star of misses) {
    const { period, falseAlarm } = found.get(star.id)!
    console.log(
      `missed ${star.id} ${star.class} P ${star.period} found ${period} (false alarm ${falseAlarm})`,
    )
  }
  for (const type of new Set(variables.map(star => star.class))) {
    const of = (list: readonly Star[]) => list.filter(star => star.class === type).length
    console.log(`${type}: ${of(variables) - of(misses)} of ${of(variables)}`)
  }
  const recovered = 1 - misses.length / variables.length
  const alarms = constants.filter(isSignificant).length
  console.log(
    `${(100 * recovered).toFixed(2)} % of ${variables.length} periods recovered (≥ 95), ` +
      `${variables.filter(star => !isSignificant(star)).length} not significant`,
  )
  console.log(`${alarms} false alarms below ${SIGNIFICANT} among ${constants.length} constant stars (≤ 1 %)`)
  process.exitCode = recovered >= 0.95 && alarms <= 0.01 * constants.length ? 0 : 1
  return misses
}

/** Adds what was found to what the folder has; all of it. */
function kept(folder: string, own: ReadonlyMap<string, Found>): ReadonlyMap<string, Found> {
  mkdirSync(folder, { recursive: true })
  const file = `${folder}/found.csv`
  const lines = [...own].map(([id, { period, falseAlarm }]) => `${id},${period},${falseAlarm}\n`)
  appendFileSync(file, lines.join(''))
  return new Map(
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map(line => {
        const [id, period, falseAlarm] = line.split(',')
        return [id!, { period: Number(period), falseAlarm: Number(falseAlarm) }]
      }),
  )
}

/** A list of the misses, and two pictures of each. */
async function show(
  folder: string,
  misses: readonly Star[],
  found: ReadonlyMap<string, Found>,
): Promise<void> {
  const lines = misses.map(
    star =>
      `${star.id},${star.class},${star.period},${found.get(star.id)!.period},${found.get(star.id)!.falseAlarm}`,
  )
  writeFileSync(`${folder}/misses.csv`, ['id,class,period,found,falseAlarm', ...lines, ''].join('\n'))
  for (const { id, period } of misses) {
    for (const [name, fold] of [
      ['true', period],
      ['found', found.get(id)!.period],
    ] as const) {
      const file = `${folder}/${id}-${name}.png`
      if (existsSync(file)) continue
      const url = `${service.url}/datalink/timeseries?ID=${id}&FOLD=${fold}&RESPONSEFORMAT=png`
      writeFileSync(file, Buffer.from(await (await fetch(url)).arrayBuffer()))
    }
  }
}

async function periodsOf(ids: readonly string[]): Promise<ReadonlyMap<string, Found>> {
  const found = new Map<string, Found>()
  for (let at = 0; at < ids.length; at += 50) {
    const body = new URLSearchParams({
      ID: ids.slice(at, at + 50).join(','),
      PERIODOGRAM: 'true',
      RESPONSEFORMAT: 'csv',
    })
    const answer = await fetch(`${service.url}/datalink/timeseries`, { method: 'POST', body })
    if (!answer.ok) throw new Error(await answer.text())
    for (const line of (await answer.text()).trim().split(/\r?\n/).slice(1)) {
      const [id, , period, , falseAlarm] = line.split(',')
      found.set(id!, { period: Number(period), falseAlarm: Number(falseAlarm) })
    }
  }
  return found
}

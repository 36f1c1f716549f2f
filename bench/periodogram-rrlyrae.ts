/**
 * The periods of the RR Lyrae stars of Stripe 82, as PERIODOGRAM finds them, against those of Sesar et al. (2010,
 * ApJ 708, 717, table 2). The light curves and the table are not in the repository:
 * `npx tsx bench/periodogram-rrlyrae.ts FOLDER table2.dat.gz [n]` takes every n-th file (1) of the unpacked archive.
 */
import { createReadStream, readdirSync } from 'node:fs'
import path from 'node:path'
import { createGunzip } from 'node:zlib'
import { defaultRange, periodogramOf } from '../src/datalink/periodogram.ts'
import type { Points } from '../src/datalink/points.ts'
import { cellsOf } from '../src/ingest/light-curve-cells.ts'
import { readWide } from '../src/ingest/light-curve-wide.ts'

const [folder, table, every = '1'] = process.argv.slice(2)
if (!folder || !table) throw new Error('say the folder of the light curves and the table of periods')

const periods = new Map<string, { type: string; period: number }>()
for (const line of (await textOf(table)).split('\n')) {
  const [id, type, period] = line.trim().split(/\s+/)
  if (Number(period) > 0) periods.set(id!, { type: type!, period: Number(period) })
}
const files = readdirSync(folder)
  .filter(file => file.endsWith('.dat'))
  .filter((_, i) => i % Number(every) === 0)
  .map(file => path.join(folder, file))
const { detections } = await readWide(files, textOf)
const stars = new Map<string, [time: number, value: number, error: number, band: number][]>()
for await (const batch of detections.batches()) {
  for (const [id, time, band, value, error] of cellsOf(batch, detections.fields)) {
    const points = stars.get(String(id)) ?? []
    points.push([Number(time), Number(value), Number(error), 'ugriz'.indexOf(String(band))])
    stars.set(String(id), points)
  }
}

let good = 0
let judged = 0
const begun = performance.now()
for (const [id, rows] of stars) {
  const known = periods.get(id)
  if (!known) continue
  rows.sort((a, b) => a[0] - b[0])
  const points: Points = {
    time: Float64Array.from(rows, row => row[0]),
    value: Float64Array.from(rows, row => row[1]),
    error: Float64Array.from(rows, row => (row[2] > 0 ? row[2] : Number.NaN)),
    band: Uint8Array.from(rows, row => row[3]),
  }
  const found = periodogramOf(points, defaultRange(points))
  judged++
  if (found && Math.abs(found.period / known.period - 1) < 1e-4) good++
  else
    console.log(
      `missed ${id} RR${known.type} P ${known.period} found ${found?.period} (ratio ${((found?.period ?? Number.NaN) / known.period).toFixed(4)}, false alarm ${found?.falseAlarm}, ${rows.length} points)`,
    )
}
console.log(`${((performance.now() - begun) / judged).toFixed(0)} ms a star`)
console.log(`${((100 * good) / judged).toFixed(1)} % of ${judged} literature periods within 1e-4 (≥ 90)`)
process.exitCode = good >= 0.9 * judged ? 0 : 1

async function textOf(file: string): Promise<string> {
  const bytes = createReadStream(file)
  const chunks: Buffer[] = []
  for await (const chunk of file.endsWith('.gz') ? bytes.pipe(createGunzip()) : bytes) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

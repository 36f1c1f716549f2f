/**
 * Resident memory of a service that cuts whole images of 16 megapixels for 8 clients at once: as FITS, as PNG, and as
 * composites of three. The peak must stay under a bound. `npx tsx bench/cutout-memory.ts`
 */
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { writeNoise } from './images.ts'
import { almagest, memory, ROOT, startService } from './support.ts'

const CLIENTS = 8
/** MB above the idle service. */
const BOUND = 1000

const folder = `${ROOT}var/bench/cutout-memory`
mkdirSync(folder, { recursive: true })
for (const band of ['g', 'r', 'i']) writeNoise(path.join(folder, `field_${band}.fits`), -32, 4000, band)
const service = await startService({ wide: false })
let failed = false
try {
  almagest('ingest', 'images', folder, '--collection', 'bench_memory')
  const did = (band: string) => `ivo://almagest.invalid/bench_memory?field_${band}.fits`
  const cut = async (pairs: readonly (readonly [string, string])[]) => {
    const query = new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value]))
    const response = await fetch(`${service.url}/cutout/sync?${query}`)
    if (response.status !== 200) throw new Error(await response.text())
    let bytes = 0
    for await (const chunk of response.body!) bytes += chunk.length
    return bytes
  }
  const byMany = (rounds: number, work: (i: number) => Promise<unknown>) =>
    Promise.all(
      Array.from({ length: CLIENTS }, async (_, client) => {
        for (let i = 0; i < rounds; i++) await work(client + i)
      }),
    )
  const idle = memory(service.pid).now
  const tasks: Record<string, () => Promise<unknown>> = {
    'whole images as FITS': () => byMany(4, i => cut([['ID', did('gri'[i % 3]!)]])),
    'whole images as PNG': () =>
      byMany(1, i =>
        cut([
          ['ID', did('gri'[i % 3]!)],
          ['RESPONSEFORMAT', 'png'],
          ['WIDTH', '1000'],
        ]),
      ),
    'composites of whole images': () =>
      byMany(1, () =>
        cut([
          ...['g', 'r', 'i'].map(band => ['ID', did(band)] as const),
          ['COMPOSITE', 'true'],
          ['RESPONSEFORMAT', 'jpeg'],
          ['WIDTH', '1000'],
        ]),
      ),
  }
  for (const [name, work] of Object.entries(tasks)) {
    await work()
    const { now, peak } = memory(service.pid)
    console.log(`${name}, ${CLIENTS} clients: ${now.toFixed(0)} MB, peak so far ${peak.toFixed(0)} MB`)
  }
  const above = memory(service.pid).peak - idle
  failed = above > BOUND
  console.log(
    `${failed ? 'MISSES' : 'holds '} ${above.toFixed(0)} MB above the idle service (${idle.toFixed(0)} MB)`,
  )
} finally {
  await service.stop()
  rmSync(folder, { recursive: true })
}
process.exitCode = failed ? 1 : 0

/** `npm start`: the demo service. It answers at once and fills the demo survey when there is none. */
import { type Config, loadConfig } from './config.ts'
import type { Database } from './db/database.ts'
import { fillDemoHips } from './demo/hips.ts'
import { fillDemoTables } from './demo/hips-tables.ts'
import { fillDemoImages } from './demo/images/index.ts'
import { demoSize, demoState, fillDemo } from './demo/index.ts'
import { openLog } from './log.ts'
import { progressBar } from './progress.ts'
import { type Service, startService } from './serve.ts'

try {
  await main()
} catch (error) {
  console.error(`almagest: ${(error as Error).message}`)
  process.exit(1)
}

async function main(): Promise<void> {
  const config = loadConfig()
  const log = openLog(config.logLevel)
  const service = await startService(config, log)
  const filling = new AbortController()
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, async () => {
      if (stopping) process.exit(130)
      stopping = true
      console.log('\nStopping; requests at work get 10 seconds. Press Ctrl-C again to cut them.')
      filling.abort(new Error('the service is stopping'))
      await service.stop()
      process.exit(0)
    })
  }
  console.log(greeting(service.url))
  if (service.site.embedded) await fill(service, config, filling.signal)
}

/** First the tables, so that queries have something to read, then the images. */
async function fill(service: Service, config: Config, signal: AbortSignal): Promise<void> {
  const { db } = service.site
  const bar = progressBar(process.stderr, 'Demo survey')
  try {
    if ((await demoState(db)) !== 'complete') {
      const { seconds } = await fillDemo(db, {}, bar.report, signal)
      bar.end()
      console.log(`The demo survey is filled (${seconds.toFixed(0)} s). Try an example: ${service.url}/`)
    }
    await fillImages(db, config, bar, signal)
    await fillHips(db, config, bar, signal)
  } catch (error) {
    bar.end()
    if (!signal.aborted) throw error
  }
}

/** Without images (no room on the disk, an ObsCore of the site's own) the service still has its tables. */
async function fillImages(
  db: Database,
  config: Config,
  bar: ReturnType<typeof progressBar>,
  signal: AbortSignal,
): Promise<void> {
  try {
    const size = await demoSize(db)
    const made = size && (await fillDemoImages(db, size, config, bar.report, signal))
    bar.end()
    if (made?.filled) console.log(`Its ${made.images} images are there, too (${made.seconds.toFixed(0)} s).`)
  } catch (error) {
    bar.end()
    if (!signal.aborted) console.error(`The demo has no images: ${(error as Error).message}`)
  }
}

async function fillHips(
  db: Database,
  config: Config,
  bar: ReturnType<typeof progressBar>,
  signal: AbortSignal,
): Promise<void> {
  try {
    const images = await fillDemoHips(db, config, bar.report, signal)
    const size = await demoSize(db)
    const tables = size ? await fillDemoTables(db, size, config, bar.report, signal) : []
    const made = [...images, ...tables]
    bar.end()
    if (made.length > 0) console.log(`And so is its sky, to pan and zoom: /sky (${made.join(', ')}).`)
  } catch (error) {
    bar.end()
    if (!signal.aborted) console.error(`The demo has no HiPS: ${(error as Error).message}`)
  }
}

function greeting(url: string): string {
  const query = 'SELECT TOP 5 * FROM demo.object'
  return `
Almagest is at ${url}/

  curl ${url}/tap/sync -d LANG=ADQL -d FORMAT=csv -d QUERY='${query}'
  stilts tapquery tapurl=${url}/tap sync=true adql='${query}'
  python3 -c "import pyvo; print(pyvo.dal.TAPService('${url}/tap').search('${query}'))"
`
}

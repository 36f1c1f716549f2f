/** `npx almagest demo`: the simulated survey, or the benchmark's table. */
import { parseArgs } from 'node:util'
import { type Command, UsageError } from '../command.ts'
import { progressBar } from '../progress.ts'
import { BENCH_ROWS } from './bench-rows.ts'
import { fillDemoImages, type ImagesMade } from './images/index.ts'
import { type Filled, fillBench, fillDemo } from './index.ts'
import { DEFAULT_SIZE } from './survey.ts'

const HELP = `Usage: npx almagest demo [--objects N] [--area DEG2] [--seed S] [--no-images] [--json]
       npx almagest demo --bench [--seed S] [--json]

Fills the simulated demo survey (schema demo) and publishes it, with images of its inner 2 x 2 deg² (collection
demo_coadd, 1.2 GB below ALMAGEST_DIR). What is there is replaced when the new one is complete; the same survey is not
made twice.

  --objects N   rows of demo.object (default ${DEFAULT_SIZE.objects}); 3e6 is understood
  --area DEG2   area around RA 150, Dec +2 (default ${DEFAULT_SIZE.areaDeg2})
  --seed S      whole number; the same seed gives the same survey (default ${DEFAULT_SIZE.seed})
  --no-images   only the tables
  --bench       make bench.wide instead: ${BENCH_ROWS.toLocaleString('en')} rows of 14 columns
  --json        print the result as JSON`

export const demoCommand: Command = {
  name: 'demo',
  summary: 'fill the simulated demo survey',
  help: HELP,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        objects: { type: 'string' },
        area: { type: 'string' },
        seed: { type: 'string' },
        bench: { type: 'boolean', default: false },
        'no-images': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    if (values.bench && (values.objects !== undefined || values.area !== undefined)) {
      throw new UsageError('--bench makes a table of one size; --objects and --area are for the survey')
    }
    const objects = number('objects', values.objects)
    const areaDeg2 = number('area', values.area)
    const seed = number('seed', values.seed)
    const { db } = await setting.database()
    const bar = progressBar(setting.stderr, values.bench ? 'bench.wide' : 'Demo survey')
    const stop = new AbortController()
    const interrupt = () => stop.abort(new Error('interrupted; the same command goes on from here'))
    process.once('SIGINT', interrupt)
    try {
      const given = seed === undefined ? {} : { seed }
      if (values.bench) {
        const result = await fillBench(db, given, bar.report, stop.signal)
        bar.end()
        setting.stdout.write(values.json ? `${JSON.stringify(result)}\n` : sentence(result))
        return 0
      }
      const size = {
        ...given,
        ...(objects !== undefined && { objects }),
        ...(areaDeg2 !== undefined && { areaDeg2 }),
      }
      const result = await fillDemo(db, size, bar.report, stop.signal)
      const images = values['no-images']
        ? undefined
        : await fillDemoImages(db, { ...DEFAULT_SIZE, ...size }, setting.config, bar.report, stop.signal)
      bar.end()
      setting.stdout.write(
        values.json
          ? `${JSON.stringify({ ...result, ...(images && { images }) })}\n`
          : sentence(result, images),
      )
      return 0
    } finally {
      bar.end()
      process.off('SIGINT', interrupt)
    }
  },
}

function number(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value))
    throw new UsageError(`--${option}: '${text}' is not a number`)
  return value
}

function sentence({ filled, rows, seconds }: Filled, images?: ImagesMade): string {
  const tables = Object.entries(rows).map(([table, count]) => `${count.toLocaleString('en')} in ${table}`)
  const first = filled
    ? `Rows: ${tables.join(', ')} (${seconds.toFixed(1)} s).\n`
    : `It is there already: ${tables.join(', ')}.\n`
  if (!images) return first
  return images.filled
    ? `${first}${images.images} images (${images.seconds.toFixed(1)} s).\n`
    : `${first}So are its ${images.images} images.\n`
}

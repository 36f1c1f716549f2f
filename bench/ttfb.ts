/**
 * First byte and last byte of a million rows in each format, in turn: the first may take 2 % of the whole, or 20 ms.
 * `npx tsx bench/ttfb.ts [rounds]`
 */
import { get } from 'node:http'
import { startService } from './support.ts'

const ROUNDS = Number(process.argv[2] ?? 5)
const FORMATS = [
  'votable/b2',
  'votable/b',
  'votable/td',
  'csv',
  'tsv',
  'json',
  'ndjson',
  'html',
  'text',
  'arrow',
  'parquet',
  'fits',
]

interface Times {
  readonly first: number
  readonly all: number
}

const service = await startService()

function ask(format: string): Promise<Times> {
  const query = 'SELECT * FROM bench.wide'
  const asked = new URLSearchParams({ LANG: 'ADQL', RESPONSEFORMAT: format, MAXREC: '1000000', QUERY: query })
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    let first = 0
    get(`${service.url}/tap/sync?${asked}`, response => {
      if (response.statusCode !== 200) reject(new Error(`${format}: status ${response.statusCode}`))
      response.on('data', () => {
        first ||= performance.now() - begun
      })
      response.on('end', () => resolve({ first, all: performance.now() - begun }))
    }).on('error', reject)
  })
}

try {
  const times = new Map<string, Times[]>(FORMATS.map(format => [format, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const format of FORMATS) {
      const one = await ask(format)
      if (round > 0) times.get(format)!.push(one)
    }
  }
  for (const [format, all] of times) {
    const first = Math.min(...all.map(t => t.first))
    const last = Math.min(...all.map(t => t.all))
    const isLate = first > Math.max(20, last / 50)
    console.log(
      `${format.padEnd(12)} first ${first.toFixed(0).padStart(5)} ms  all ${last.toFixed(0).padStart(5)} ms  ${((100 * first) / last).toFixed(1)} %${isLate ? '  late' : ''}`,
    )
  }
} finally {
  await service.stop()
}

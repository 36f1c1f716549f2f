/**
 * Resident memory of a service that 8 clients ask for pieces of files made to hurt it: images of 64 megapixels in one
 * compressed tile of a few megabytes (RICE_1, GZIP_1, HCOMPRESS_1), tiles that unpack to more than they may, and a
 * header that promises a tile far larger than the file. The peak must stay under a bound, every answer be a cutout or
 * an error of SODA, and the service go on. `npx tsx bench/cutout-hostile.ts`
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { almagest, memory, ROOT, startService } from './support.ts'

const CLIENTS = 8
/** MB above the idle service. */
const BOUND = 2000
const SIDE = 8000

type Card = readonly [keyword: string, value: string | number]

/** A compressed image of `side`² pixels in one tile. */
function oneTile(name: string, cards: readonly Card[], side: number, heap: Buffer): void {
  const block = (list: readonly Card[]) =>
    [
      ...list.map(([keyword, value]) => {
        const text =
          typeof value === 'number' || value === 'T' ? String(value).padStart(20) : `'${value.padEnd(8)}'`
        return `${keyword.padEnd(8)}= ${text}`.padEnd(80)
      }),
      'END'.padEnd(80),
    ].join('')
  const padded = (text: string) => text.padEnd(Math.ceil(text.length / 2880) * 2880)
  const descriptor = Buffer.alloc(8)
  descriptor.writeInt32BE(heap.length, 0)
  const header = block([
    ['XTENSION', 'BINTABLE'],
    ['BITPIX', 8],
    ['NAXIS', 2],
    ['NAXIS1', 8],
    ['NAXIS2', 1],
    ['PCOUNT', heap.length],
    ['GCOUNT', 1],
    ['TFIELDS', 1],
    ['TTYPE1', 'COMPRESSED_DATA'],
    ['TFORM1', `1PB(${heap.length})`],
    ['ZIMAGE', 'T'],
    ['ZNAXIS', 2],
    ['ZNAXIS1', side],
    ['ZNAXIS2', side],
    ['ZTILE1', side],
    ['ZTILE2', side],
    ...cards,
    ['CTYPE1', 'RA---TAN'],
    ['CTYPE2', 'DEC--TAN'],
    ['CRVAL1', 150],
    ['CRVAL2', 2],
    ['CRPIX1', side / 2],
    ['CRPIX2', side / 2],
    ['CDELT1', -5e-5],
    ['CDELT2', 5e-5],
  ])
  const primary = padded(
    block([
      ['SIMPLE', 'T'],
      ['BITPIX', 8],
      ['NAXIS', 0],
      ['EXTEND', 'T'],
    ]),
  )
  const body = Buffer.concat([Buffer.from(primary), Buffer.from(padded(header)), descriptor, heap])
  writeFileSync(
    path.join(folder, name),
    Buffer.concat([body, Buffer.alloc((2880 - (body.length % 2880)) % 2880)]),
  )
}

const folder = `${ROOT}var/bench/cutout-hostile`
mkdirSync(folder, { recursive: true })
const pixels = SIDE * SIDE
// Zeros: the first pixel is 0, and every block of 32 pixels is like the one before.
const zeros = Buffer.alloc(4 + Math.ceil((pixels / 32) * (5 / 8)) + 8)
oneTile(
  'rice.fits',
  [
    ['ZBITPIX', 32],
    ['ZCMPTYPE', 'RICE_1'],
    ['ZNAME1', 'BLOCKSIZE'],
    ['ZVAL1', 32],
    ['ZNAME2', 'BYTEPIX'],
    ['ZVAL2', 4],
  ],
  SIDE,
  zeros,
)
oneTile(
  'gzip.fits',
  [
    ['ZBITPIX', -32],
    ['ZCMPTYPE', 'GZIP_1'],
  ],
  SIDE,
  gzipSync(Buffer.alloc(4 * pixels), { level: 1 }),
)
const hcompress = Buffer.alloc(4096)
hcompress.set([0xdd, 0x99])
hcompress.writeInt32BE(SIDE, 2)
hcompress.writeInt32BE(SIDE, 6)
oneTile(
  'hcompress.fits',
  [
    ['ZBITPIX', 32],
    ['ZCMPTYPE', 'HCOMPRESS_1'],
  ],
  SIDE,
  hcompress,
)
// 400 MB where 4 were promised; 40,000² pixels of a tile in a file of 4 MB; a tile that ends too soon.
oneTile(
  'bomb.fits',
  [
    ['ZBITPIX', -32],
    ['ZCMPTYPE', 'GZIP_1'],
  ],
  1000,
  gzipSync(Buffer.alloc(400e6), { level: 1 }),
)
oneTile(
  'promise.fits',
  [
    ['ZBITPIX', 32],
    ['ZCMPTYPE', 'RICE_1'],
  ],
  40_000,
  zeros,
)
oneTile(
  'short.fits',
  [
    ['ZBITPIX', 32],
    ['ZCMPTYPE', 'RICE_1'],
  ],
  SIDE,
  zeros.subarray(0, 1000),
)

const service = await startService({ wide: false })
let failed = false
try {
  console.log(almagest('ingest', 'images', folder, '--collection', 'bench_hostile', '--json').trim())
  const cut = async (name: string, i: number) => {
    const half = SIDE * 2.5e-5 * 0.9
    const [ra, dec] = [150 + half * (i % 2 ? 1 : -1), 2 + half * (i % 3 ? 1 : -1)]
    const query = new URLSearchParams({
      ID: `ivo://almagest.invalid/bench_hostile?${name}`,
      CIRCLE: `${name === 'bomb.fits' ? '150 2' : `${ra} ${dec}`} 0.004`,
    })
    const response = await fetch(`${service.url}/cutout/sync?${query}`)
    const text =
      response.status === 200
        ? `${(await response.arrayBuffer()).byteLength} bytes`
        : (await response.text()).trim()
    return `${response.status} ${text}`
  }
  const idle = memory(service.pid).now
  for (const name of ['rice', 'gzip', 'hcompress', 'bomb', 'promise', 'short']) {
    const begun = performance.now()
    const told = new Set<string>()
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, client) => {
        told.add(await cut(`${name}.fits`, client))
      }),
    )
    const seconds = (performance.now() - begun) / 1000
    const { now, peak } = memory(service.pid)
    console.log(
      `${name}: ${[...told].join(' | ')}; ${seconds.toFixed(1)} s, ${now.toFixed(0)} MB, peak so far ${peak.toFixed(0)} MB`,
    )
    failed ||= [...told].some(answer => !/^(200 \d+ bytes|\d+ (Usage)?Error: |400 \w*Error)/.test(answer))
  }
  const alive = await fetch(`${service.url}/healthz`)
  const above = memory(service.pid).peak - idle
  failed ||= above > BOUND || alive.status !== 200
  console.log(
    `${failed ? 'MISSES' : 'holds '} ${above.toFixed(0)} MB above the idle service (${idle.toFixed(0)} MB)`,
  )
} finally {
  await service.stop()
  rmSync(folder, { recursive: true })
}
process.exitCode = failed ? 1 : 0

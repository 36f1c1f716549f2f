/**
 * Cutouts of 300 x 300 pixels of a 10,000 x 10,000 image over HTTP keep-alive against an `imcopy` process: plain
 * float32, and 16-bit integers in RICE_1 by rows (fpack). `npx tsx bench/cutout.ts [rounds]`
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:http'
import path from 'node:path'
import { writeNoise } from './images.ts'
import { almagest, inTurn, median, ROOT, startService } from './support.ts'

const ROUNDS = Number(process.argv[2] ?? 30)
const SIDE = 10_000
const WINDOW = 300
const SCALE = 5e-5
const folder = `${ROOT}var/bench/cutout`

mkdirSync(folder, { recursive: true })
const files = { float32: path.join(folder, 'float32.fits'), rice: path.join(folder, 'rice.fits.fz') }
const short = path.join(folder, 'int16.tmp')
writeNoise(files.float32, -32, SIDE, 'g')
writeNoise(short, 16, SIDE, 'r')
rmSync(files.rice, { force: true })
if (spawnSync('fpack', ['-r', '-O', files.rice, short]).status !== 0) throw new Error('no fpack')
rmSync(short)
const service = await startService({ wide: false })
let failed = false
try {
  almagest('ingest', 'images', folder, '--collection', 'bench_cutout')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const fetched = (url: string) =>
    new Promise<number>((resolve, reject) => {
      get(url, { agent }, response => {
        let bytes = 0
        response.on('data', chunk => {
          bytes += chunk.length
        })
        response.on('end', () =>
          response.statusCode === 200 ? resolve(bytes) : reject(new Error(`${response.statusCode}`)),
        )
      }).once('error', reject)
    })
  let turn = 0
  /** First pixel of a window, from 0, another one every time. */
  const place = () => {
    turn++
    return [(turn * 2654435) % (SIDE - WINDOW), (turn * 7654321) % (SIDE - WINDOW)] as const
  }
  const wanted = WINDOW * WINDOW
  const ours = (key: string) => async () => {
    const [x, y] = place()
    // Half a pixel less than the window's edge, so that it is 300 pixels.
    const corners = [
      [x, y],
      [x + WINDOW - 1, y],
      [x + WINDOW - 1, y + WINDOW - 1],
      [x, y + WINDOW - 1],
    ].map(([u, v]) => skyOf(u!, v!).join(' '))
    const did = `ivo://almagest.invalid/bench_cutout?${key}`
    const query = new URLSearchParams({ ID: did, POLYGON: corners.join(' ') })
    const begun = performance.now()
    const bytes = await fetched(`${service.url}/cutout/sync?${query}`)
    const ms = performance.now() - begun
    const pixels = key.startsWith('float') ? 4 : 2
    if (bytes < wanted * pixels || bytes > 1.05 * wanted * pixels + 3 * 2880)
      throw new Error(`${bytes} bytes`)
    return ms
  }
  const imcopy = (file: string, hdu: number) => async () => {
    const [x, y] = place()
    const output = path.join(folder, 'imcopy.tmp')
    rmSync(output, { force: true })
    const section = `${file}[${hdu}][${x + 1}:${x + WINDOW},${y + 1}:${y + WINDOW}]`
    const begun = performance.now()
    if (spawnSync('imcopy', [section, output]).status !== 0) throw new Error('imcopy failed')
    const ms = performance.now() - begun
    rmSync(output)
    return ms
  }
  const tasks = {
    'float32, HTTP': ours('float32.fits'),
    'float32, imcopy': imcopy(files.float32, 0),
    'RICE_1, HTTP': ours('rice.fits.fz'),
    'RICE_1, imcopy': imcopy(files.rice, 1),
  }
  for (let i = 0; i < 30; i++)
    for (const task of [tasks['float32, HTTP'], tasks['RICE_1, HTTP']]) await task()
  const timings = await inTurn(tasks, ROUNDS)
  for (const [name, times] of Object.entries(timings))
    console.log(`${name}: best ${Math.min(...times).toFixed(2)} ms, median ${median(times).toFixed(2)} ms`)
  for (const kind of ['float32', 'RICE_1']) {
    const [a, b] = [timings[`${kind}, HTTP`]!, timings[`${kind}, imcopy`]!]
    const holds = Math.min(...a) <= Math.min(...b) && median(a) <= median(b)
    console.log(
      `${holds ? 'holds ' : 'MISSES'} ${kind}: ${(Math.min(...a) / Math.min(...b)).toFixed(2)} of imcopy`,
    )
    failed ||= !holds
  }
  const before = readBytes(service.pid)
  for (let i = 0; i < 20; i++) await tasks['float32, HTTP']()
  const each = (readBytes(service.pid) - before) / 20
  const least = wanted * 4 + 2880
  console.log(
    `${each <= 1.5 * least ? 'holds ' : 'MISSES'} ${Math.round(each)} bytes read for each cutout, all of the process; ${(each / least).toFixed(2)} of rows and header`,
  )
  failed ||= each > 1.5 * least
  agent.destroy()
} finally {
  await service.stop()
  rmSync(folder, { recursive: true })
}
process.exitCode = failed ? 1 : 0

/** TAN about (150, 2), the middle of pixel SIDE/2 − 1. */
function skyOf(x: number, y: number): [number, number] {
  const rad = Math.PI / 180
  const [xi, eta] = [-(x - SIDE / 2 + 1) * SCALE * rad, (y - SIDE / 2 + 1) * SCALE * rad]
  const dec0 = 2 * rad
  const d = Math.cos(dec0) - eta * Math.sin(dec0)
  const ra = 150 * rad + Math.atan2(xi, d)
  return [ra / rad, Math.atan2(Math.sin(dec0) + eta * Math.cos(dec0), Math.hypot(xi, d)) / rad]
}

/** Bytes that a process has read so far: files, sockets, all. */
function readBytes(pid: number): number {
  return Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1])
}

/**
 * 300 x 300 pixels of a 10,000 x 10,000 image in process: header, window, WCS, and the cutout's bytes; a plain float32
 * file, and RICE_1 in row tiles (made by fpack of 16-bit noise; left out without it), each against an `imcopy` process.
 * `npx tsx bench/fits-window.ts [rounds]`
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type ByteSource, type Hdu, hdus } from '../src/fits/hdu.ts'
import { imageOf } from '../src/fits/image.ts'
import { windowCards } from '../src/fits/wcs/shift.ts'
import { celestialWcs } from '../src/fits/wcs/wcs.ts'
import { readWindow } from '../src/fits/window.ts'
import { imageHdu } from '../src/fits/write.ts'

const ROUNDS = Number(process.argv[2] ?? 40)
const SIDE = 10_000
const WINDOW = 300
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-bench-'))

/** A file whose pixels are noise, written a row at a time. */
function make(file: string, bitpix: -32 | 16): void {
  const card = (keyword: string, value: string | number) =>
    `${keyword.padEnd(8)}= ${typeof value === 'string' && value !== 'T' ? `'${value}'` : String(value).padStart(20)}`.padEnd(
      80,
    )
  const cards = [
    card('SIMPLE', 'T'),
    card('BITPIX', bitpix),
    card('NAXIS', 2),
    card('NAXIS1', SIDE),
    card('NAXIS2', SIDE),
    card('CTYPE1', 'RA---TAN'),
    card('CTYPE2', 'DEC--TAN'),
    card('CRVAL1', 150),
    card('CRVAL2', 2),
    card('CRPIX1', 5000),
    card('CRPIX2', 5000),
    card('CDELT1', -5e-5),
    card('CDELT2', 5e-5),
    'END'.padEnd(80),
  ]
  const handle = openSync(file, 'w')
  writeSync(handle, cards.join('').padEnd(2880))
  const row = Buffer.alloc((SIDE * Math.abs(bitpix)) / 8)
  let state = 1
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      state = (state * 48271) % 2147483647
      const noise = (state % 200) + (state % 157)
      if (bitpix === 16) row.writeInt16BE(noise, 2 * x)
      else row.writeFloatBE(noise / 7, 4 * x)
    }
    writeSync(handle, row)
  }
  const rest = (SIDE * row.length) % 2880
  writeSync(handle, Buffer.alloc(rest === 0 ? 0 : 2880 - rest))
  closeSync(handle)
}

interface Reading {
  readonly milliseconds: number
  readonly bytes: number
  readonly calls: number
}

/** From opening the file to the bytes of the cutout. */
async function cutout(file: string, start: readonly number[]): Promise<Reading> {
  const begun = performance.now()
  const handle = openSync(file, 'r')
  let [bytes, calls] = [0, 0]
  const source: ByteSource = {
    random: true,
    size: statSync(file).size,
    async read(offset, length) {
      const buffer = Buffer.allocUnsafeSlow(length)
      const got = readSync(handle, buffer, 0, length, offset)
      bytes += got
      calls++
      return buffer.subarray(0, got)
    },
  }
  const hdu = await firstImage(source)
  const image = imageOf(hdu)!
  if (!celestialWcs(image.header)!.skyOf(start[0]!, start[1]!)) throw new Error('off the sky')
  const pixels = await readWindow(source, image, { start, size: [WINDOW, WINDOW] })
  imageHdu(pixels, windowCards(image.header, start), 'primary')
  closeSync(handle)
  return { milliseconds: performance.now() - begun, bytes, calls }
}

async function firstImage(source: ByteSource): Promise<Hdu> {
  for await (const hdu of hdus(source)) if (imageOf(hdu)) return hdu
  throw new Error('no image')
}

function imcopy(file: string, hdu: number, start: readonly number[]): number | undefined {
  const [x, y] = start as [number, number]
  const output = path.join(folder, 'imcopy.fits')
  rmSync(output, { force: true })
  const section = `${file}[${hdu}][${x + 1}:${x + WINDOW},${y + 1}:${y + WINDOW}]`
  const begun = performance.now()
  const run = spawnSync('imcopy', [section, output])
  return run.status === 0 ? performance.now() - begun : undefined
}

async function measure(title: string, file: string, hdu: number): Promise<void> {
  const [ours, theirs]: [Reading[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    const start = [(round * 2654435) % (SIDE - WINDOW), (round * 7654321) % (SIDE - WINDOW)]
    ours.push(await cutout(file, start))
    const other = imcopy(file, hdu, start)
    if (other !== undefined) theirs.push(other)
  }
  const times = ours.map(reading => reading.milliseconds).sort((a, b) => a - b)
  const most = ours.reduce((a, b) => (b.bytes > a.bytes ? b : a))
  console.log(`${title}: best ${times[0]!.toFixed(2)} ms, median ${times[times.length >> 1]!.toFixed(2)} ms`)
  console.log(`  ${most.bytes} bytes in ${most.calls} reads (300 rows of 1,200 bytes are 360,000)`)
  const best = Math.min(...theirs)
  console.log(
    theirs.length > 0
      ? `  imcopy, a process each: best ${best.toFixed(2)} ms`
      : '  no imcopy to compare with',
  )
}

try {
  const plain = path.join(folder, 'float32.fits')
  make(plain, -32)
  await measure('float32, plain', plain, 0)
  rmSync(plain)
  const short = path.join(folder, 'int16.fits')
  const rice = path.join(folder, 'rice.fits.fz')
  make(short, 16)
  if (spawnSync('fpack', ['-r', '-O', rice, short]).status === 0)
    await measure('int16, RICE_1 by rows', rice, 1)
  else console.log('RICE_1: no fpack')
} finally {
  rmSync(folder, { recursive: true })
}

/**
 * A HiPS of many images: what one more, and one less, of a hundred costs beside the whole build; and the memory that a
 * thousand take. CPU and peak memory of the command itself, with its start. Needs `time`.
 *
 *   npx tsx bench/hips-updates.ts           100 images of 4096 × 4096 pixels, or as wide as is said
 *   npx tsx bench/hips-updates.ts memory    1,000 images of 600 × 600 pixels with --memory 256
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = path.join(root, 'var', 'bench', 'hips-updates')
const images = path.join(folder, 'images')

/** A square of overlapping images. */
const IMAGES = `
import sys, numpy as np
from astropy.io import fits
folder, count, n, d = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), 0.2 / 3600
rng = np.random.default_rng(1)
noise = rng.normal(0, 50, (n, n)).astype('i2')
side = int(count ** .5 + .999)
for k in range(count):
    h = fits.Header()
    step = 0.94 * n * d
    h['CTYPE1'], h['CTYPE2'] = 'RA---TAN', 'DEC--TAN'
    h['CRVAL1'], h['CRVAL2'] = 150 + (k % side) * step, 2.2 + (k // side) * step
    h['CRPIX1'] = h['CRPIX2'] = n / 2 + .5
    h['CD1_1'], h['CD1_2'], h['CD2_1'], h['CD2_2'] = -d, 0., 0., d
    fits.PrimaryHDU(np.roll(noise, k), h).writeto(f'{folder}/{k:04d}.fits', overwrite=True)
`

function build(...more: string[]): { cpu: number; megabytes: number; tiles: number } {
  const args = [
    'bin/almagest.mjs',
    'hips',
    'build',
    '--images',
    images,
    '--name',
    'bench',
    '--order',
    '11',
    '--json',
    ...more,
  ]
  const run = spawnSync('/usr/bin/time', ['-f', 'COST %U %S %M', process.execPath, ...args], {
    cwd: root,
    env: { ...process.env, ALMAGEST_DIR: path.join(folder, 'site') },
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
  const cost = /COST (\S+) (\S+) (\S+)\s*$/.exec(run.stderr)
  if (!cost || run.status !== 0) throw new Error(run.stderr.slice(-500))
  const [user, system, kilobytes] = cost.slice(1).map(Number) as [number, number, number]
  return { cpu: user + system, megabytes: kilobytes / 1024, tiles: JSON.parse(run.stdout).tiles }
}

const say = (what: string, { cpu, megabytes, tiles }: ReturnType<typeof build>, whole?: number) =>
  console.log(
    `${what}: ${tiles} tiles, ${cpu.toFixed(1)} s CPU${whole === undefined ? '' : ` (${((100 * cpu) / whole).toFixed(1)} %)`}, ${megabytes.toFixed(0)} MB`,
  )

rmSync(folder, { recursive: true, force: true })
mkdirSync(images, { recursive: true })
const isMemory = process.argv[2] === 'memory'
const [count, width] = isMemory ? [1000, 600] : [100, Number(process.argv[2] ?? 4096)]
execFileSync('/usr/bin/python3', ['-c', IMAGES, images, String(count), String(width)])
if (isMemory) say(`${count} images`, build('--memory', '256'))
else {
  const away = path.join(folder, 'away.fits')
  const one = path.join(images, '0044.fits')
  const whole = build()
  say('100 images', whole)
  renameSync(one, away)
  say('one less', build(), whole.cpu)
  renameSync(away, one)
  say('one more', build(), whole.cpu)
}
rmSync(folder, { recursive: true, force: true })

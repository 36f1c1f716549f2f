/**
 * A HiPS of nine images of 4096 × 4096 pixels with FITS and PNG tiles, Allsky and coverage, against CDS Hipsgen on the same
 * images at the same order in the same run: CPU, wall clock, memory. Needs Debian's `aladin` and `time`.
 *
 *   npx tsx bench/hips.ts [rounds]
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = path.join(root, 'var', 'bench', 'hips')
const JAR = '/usr/share/java/aladin.jar'
const ORDER = 11

const IMAGES = `
import sys, numpy as np
from astropy.io import fits
rng = np.random.default_rng(1)
n, d = 4096, 0.2 / 3600
for i in range(3):
    for j in range(3):
        h = fits.Header()
        h['CTYPE1'], h['CTYPE2'] = 'RA---TAN', 'DEC--TAN'
        h['CRVAL1'], h['CRVAL2'] = 150 + (i - 1) * 0.215, 2.2 + (j - 1) * 0.215
        h['CRPIX1'] = h['CRPIX2'] = n / 2 + .5
        h['CD1_1'], h['CD1_2'], h['CD2_1'], h['CD2_2'] = -d, 0., 0., d
        fits.PrimaryHDU(rng.normal(0, 5, (n, n)).astype('f4'), h).writeto(f'{sys.argv[1]}/{i}{j}.fits', overwrite=True)
`

interface Cost {
  readonly cpu: number
  readonly wall: number
  readonly megabytes: number
}

function timed(command: string, args: readonly string[], env: Record<string, string>): Cost {
  const { stderr, status } = spawnSync('/usr/bin/time', ['-f', 'COST %U %S %e %M', command, ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
  const found = /COST (\S+) (\S+) (\S+) (\S+)\s*$/.exec(stderr)
  if (!found || status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.slice(-500)}`)
  const [user, system, wall, kilobytes] = found.slice(1).map(Number) as [number, number, number, number]
  return { cpu: user + system, wall, megabytes: kilobytes / 1024 }
}

const images = path.join(folder, 'images')
if (!existsSync(path.join(images, '22.fits'))) {
  mkdirSync(images, { recursive: true })
  execFileSync('/usr/bin/python3', ['-c', IMAGES, images])
}
const clear = () => {
  const trees = readdirSync(folder).filter(name => /^(ours|theirs)/.test(name))
  for (const name of trees) rmSync(path.join(folder, name), { recursive: true })
  return trees.length > 0
}
// For 35 s ext4 looks at what was deleted whenever a file is made: trees of a broken-off run must not count.
const mustWait = clear()
execFileSync('sync')
if (mustWait) await setTimeout(40_000)
const rounds = Number(process.argv[2] ?? 2)
const runs: Record<'almagest' | 'hipsgen', Cost[]> = { almagest: [], hipsgen: [] }
for (let round = 0; round < rounds; round++) {
  const ours = path.join(folder, `ours-${round}`)
  const build = [
    'bin/almagest.mjs',
    'hips',
    'build',
    '--images',
    images,
    '--name',
    'bench',
    '--order',
    String(ORDER),
  ]
  runs.almagest.push(timed(process.execPath, build, { ALMAGEST_DIR: ours }))
  if (!existsSync(JAR)) continue
  const theirs = path.join(folder, `theirs-${round}`)
  const options = [
    `in=${images}`,
    `out=${theirs}`,
    'creator_did=ivo://bench/hips',
    `order=${ORDER}`,
    'maxThread=2',
  ]
  const java = ['-Xmx4g', '-cp', JAR, 'cds.allsky.HipsGen', ...options, 'INDEX', 'TILES', 'PNG']
  runs.hipsgen.push(timed('java', java, { HOME: folder }))
}
clear()
const least = (costs: readonly Cost[], key: keyof Cost) => Math.min(...costs.map(cost => cost[key]))
for (const [name, costs] of Object.entries(runs)) {
  if (costs.length === 0) continue
  const [cpu, wall, megabytes] = [least(costs, 'cpu'), least(costs, 'wall'), least(costs, 'megabytes')]
  console.log(`${name}: ${cpu.toFixed(1)} s CPU, ${wall.toFixed(1)} s, ${megabytes.toFixed(0)} MB`)
}
if (runs.hipsgen.length > 0) {
  const ratio = (key: keyof Cost) => (least(runs.almagest, key) / least(runs.hipsgen, key)).toFixed(2)
  console.log(`ratios: CPU ${ratio('cpu')}, wall ${ratio('wall')}, memory ${ratio('megabytes')}`)
} else console.log('Hipsgen is not here (Debian package aladin)')

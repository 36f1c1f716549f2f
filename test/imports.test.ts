/** Imports point down only (ARCHITECTURE.md, "The floors"). */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../src', import.meta.url))

const SERVICES = ['tap', 'scs', 'sia', 'datalink', 'cutout', 'files', 'hips']
const BELOW_SERVICES = [
  'sphere',
  'healpix',
  'fits',
  'votable',
  'formats',
  'adql',
  'db',
  'dali',
  'vosi',
  'auth',
  'images',
  'uws',
]
const LEAVES = ['config', 'log', 'error', 'command', 'progress', 'thread']

/** Folder (or file of src/ itself) → what it may import beside itself; error.ts is for all. */
const MAY: Record<string, readonly string[]> = {
  sphere: [],
  healpix: ['sphere'],
  fits: ['sphere', 'votable'],
  votable: [],
  formats: ['votable', 'fits', 'sphere', 'healpix'],
  adql: ['votable', 'sphere', 'healpix'],
  db: ['config', 'log', 'votable'],
  dali: ['votable', 'formats', 'sphere'],
  vosi: ['dali', 'db', 'votable'],
  auth: ['dali', 'db', 'votable', 'config'],
  images: ['auth', 'db', 'fits', 'sphere', 'healpix', 'votable', 'config'],
  uws: ['dali', 'auth', 'db', 'votable', 'config', 'log'],
  ...Object.fromEntries(SERVICES.map(service => [service, [...BELOW_SERVICES, ...LEAVES]])),
  ingest: [...BELOW_SERVICES, ...SERVICES, ...LEAVES],
  demo: [...BELOW_SERVICES, ...SERVICES, ...LEAVES, 'ingest'],
  hats: [...BELOW_SERVICES, ...LEAVES],
  portal: [...BELOW_SERVICES, ...SERVICES, ...LEAVES],
  config: [],
  log: [],
  error: [],
  progress: [],
  thread: [],
}

/** Packages that only some places may use. */
const PACKAGES: Record<string, (file: string) => boolean> = {
  pg: file => file.startsWith('db/'),
  express: file => /router\.ts$/.test(file) || /^(dali|auth)\//.test(file) || file === 'app.ts',
}

const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(/(?:from|import|import\()\s*['"]([^'"]+)['"]/g)].map(match => match[1]!)
}

function floorOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : file.replace(/\.ts$/, '')
}

it('imports follow the table of floors', () => {
  const broken: string[] = []
  for (const file of sources) {
    const floor = floorOf(file)
    const may = MAY[floor]
    if (!may) continue // src's own files may import everything
    for (const target of importsOf(file).filter(name => name.startsWith('.'))) {
      const imported = floorOf(relative(src, join(src, dirname(file), target)))
      if (imported !== floor && imported !== 'error' && !may.includes(imported))
        broken.push(`${file} → ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})

it('pg and express stay where they belong, and the environment is read in one place', () => {
  const broken: string[] = []
  for (const file of sources) {
    for (const name of importsOf(file)) {
      if (PACKAGES[name] && !PACKAGES[name](file)) broken.push(`${file} imports ${name}`)
    }
    if (file !== 'config.ts' && readFileSync(join(src, file), 'utf8').includes('process.env')) {
      broken.push(`${file} reads process.env`)
    }
  }
  assert.deepEqual(broken, [])
})

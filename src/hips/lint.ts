/**
 * Looks at a finished image HiPS as it lies on the disk for what viewers and other people's tools trip over: tiles that
 * the coverage promises, their size and type, parents that are the means of their children, Allsky, the vocabulary of
 * `properties`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import { mocCells, mocDegraded, mocMeets } from '../healpix/moc.ts'
import { readAnyTile } from './any-tile.ts'
import type { PublishedTree } from './published.ts'
import { TILE_PIXELS, TILE_WIDTH, type Tile, tilePath } from './tile.ts'
import { addChild } from './tree.ts'

export interface Finding {
  readonly level: 'error' | 'warning' | 'info'
  readonly text: string
}

/** What each stage looks at comes first as an info. */
export async function* lintTree(tree: PublishedTree): AsyncGenerator<Finding> {
  yield* lintProperties(tree)
  if (tree.properties.get('dataproduct_type') !== 'image') {
    yield info('the tiles of anything but images are not looked at')
    return
  }
  yield* lintCoverage(tree)
  yield* lintTiles(tree)
  yield* lintParents(tree)
  yield* lintAllsky(tree)
}

const error = (text: string): Finding => ({ level: 'error', text })
const warning = (text: string): Finding => ({ level: 'warning', text })
const info = (text: string): Finding => ({ level: 'info', text })

/** HiPS 1.0 §4.4.1. */
const MANDATORY = [
  'creator_did',
  'obs_title',
  'dataproduct_type',
  'hips_version',
  'hips_release_date',
  'hips_status',
  'hips_frame',
  'hips_order',
  'hips_tile_format',
]
const RECOMMENDED = [
  'obs_description',
  'prov_progenitor',
  'obs_regime',
  't_min',
  't_max',
  'em_min',
  'em_max',
  'hips_creation_date',
  'hips_builder',
  'hips_estsize',
  'hips_pixel_scale',
  'hips_initial_ra',
  'hips_initial_dec',
  'hips_initial_fov',
  'moc_sky_fraction',
]
const VALUES: readonly (readonly [key: string, pattern: RegExp, meaning: string])[] = [
  ['creator_did', /^ivo:\/\/[^/\s]{3,}\/\S+$/, 'an IVOA identifier'],
  ['hips_frame', /^(equatorial|galactic|ecliptic)$/, 'equatorial, galactic or ecliptic'],
  ['hips_order', /^\d{1,2}$/, 'an order'],
  ['hips_tile_width', /^(8|16|32|64|128|256|512|1024|2048|4096)$/, 'a power of two'],
  ['hips_release_date', /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/, 'a date such as 2026-11-25T12:00Z'],
  [
    'hips_status',
    /^(?=.*\b(public|private)\b)(?=.*\b(master|mirror|partial)\b)(?=.*\b(clonable|unclonable|clonableOnce)\b)/,
    'public or private, master, mirror or partial, and clonable, unclonable or clonableOnce',
  ],
  ['dataproduct_type', /^(image|catalog|cube|meta)$/, 'image, catalog, cube or meta'],
  [
    'hips_tile_format',
    /^(fits|png|jpeg|webp|tsv)( (fits|png|jpeg|webp|tsv))*$/,
    'of fits, png, jpeg, webp, tsv',
  ],
]

function* lintProperties({ properties }: PublishedTree): Generator<Finding> {
  yield info('properties: keys that must or should be there, and what they may say')
  for (const key of MANDATORY) if (!properties.get(key)) yield error(`properties: ${key} is missing`)
  for (const key of RECOMMENDED) if (!properties.get(key)) yield warning(`properties: ${key} is missing`)
  for (const [key, pattern, meaning] of VALUES) {
    const value = properties.get(key)
    if (value !== undefined && !pattern.test(value))
      yield error(`properties: ${key} is '${value}', not ${meaning}`)
  }
}

/** Extension by the name in `hips_tile_format`. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  fits: 'fits',
  png: 'png',
  jpeg: 'jpg',
  jpg: 'jpg',
  webp: 'webp',
}

function extensionsOf({ properties }: PublishedTree): string[] {
  return (properties.get('hips_tile_format') ?? '').split(/\s+/).flatMap(name => EXTENSIONS[name] ?? [])
}

function tilesThere(tree: PublishedTree, order: number, extension: string): Set<number> {
  const there = new Set<number>()
  let names: string[] = []
  try {
    names = readdirSync(path.join(tree.root, `Norder${order}`), { recursive: true, encoding: 'utf8' })
  } catch {}
  for (const name of names) {
    const found = /^Dir(\d+)\/Npix(\d+)\.(\w+)$/.exec(name)
    if (!found || found[3] !== extension) continue
    const npix = Number(found[2])
    if (Number(found[1]) === Math.floor(npix / 10_000) * 10_000) there.add(npix)
  }
  return there
}

function* lintCoverage(tree: PublishedTree): Generator<Finding> {
  yield info('coverage: every tile that Moc.fits promises is there at every order, and no other')
  if (!tree.moc) {
    yield error('Moc.fits is missing')
    return
  }
  for (const extension of extensionsOf(tree)) {
    for (let order = 0; order <= tree.order; order++) {
      const there = tilesThere(tree, order, extension)
      let missing = 0
      let example = 0
      for (const { order: own, first, last } of mocCells(mocDegraded(tree.moc, order))) {
        const scale = 4 ** (order - own)
        for (let npix = Number(first) * scale; npix < (Number(last) + 1) * scale; npix++) {
          if (there.has(npix)) continue
          if (missing++ === 0) example = npix
        }
      }
      const extra = [...there].filter(npix => !mocMeets(tree.moc!, order, npix))
      if (missing > 0)
        yield error(
          `coverage: ${missing} tiles are missing at order ${order}, such as ${tilePath({ order, npix: example })}.${extension}`,
        )
      if (extra.length > 0)
        yield warning(
          `coverage: ${extra.length} tiles of order ${order} are outside of it, such as ${tilePath({ order, npix: extra[0]! })}.${extension}`,
        )
    }
  }
}

/** Tiles that are opened of each order and format. */
const SAMPLE = 50

const sampled = (npix: ReadonlySet<number>) => {
  const all = [...npix].sort((a, b) => a - b)
  const step = Math.max(1, Math.floor(all.length / SAMPLE))
  return all.filter((_, i) => i % step === 0)
}

async function* lintTiles(tree: PublishedTree): AsyncGenerator<Finding> {
  const width = Number(tree.properties.get('hips_tile_width') ?? TILE_WIDTH)
  yield info(
    `tiles: up to ${SAMPLE} of each order and format are images of ${width} by ${width} pixels of their type`,
  )
  for (const extension of extensionsOf(tree)) {
    for (let order = 0; order <= tree.order; order++) {
      for (const npix of sampled(tilesThere(tree, order, extension))) {
        const file = `${tilePath({ order, npix })}.${extension}`
        const problem = await tileProblem(path.join(tree.root, file), extension, width)
        if (problem) yield error(`${file}: ${problem}`)
      }
    }
  }
}

async function tileProblem(file: string, extension: string, width: number): Promise<string | undefined> {
  try {
    if (extension === 'fits') {
      const shape = (await readAnyTile(readFileSync(file)))?.shape
      return shape?.[0] === width && shape[1] === width
        ? undefined
        : `it is ${shape?.join(' by ') ?? 'no image'}`
    }
    const { format, width: w, height: h } = await sharp(file).metadata()
    const expected = extension === 'jpg' ? 'jpeg' : extension
    if (format !== expected) return `it is ${format}`
    return w === width && h === width ? undefined : `it is ${w} by ${h}`
  } catch (cause) {
    return (cause as Error).message
  }
}

/** Undefined for a tile that is missing or broken: another stage tells. */
async function fitsValues(tree: PublishedTree, tile: Tile): Promise<Float64Array<ArrayBuffer> | undefined> {
  try {
    const read = await readAnyTile(readFileSync(path.join(tree.root, `${tilePath(tile)}.fits`)))
    return read?.values.length === TILE_PIXELS ? Float64Array.from(read.values) : undefined
  } catch {
    return undefined
  }
}

async function* lintParents(tree: PublishedTree): AsyncGenerator<Finding> {
  const width = Number(tree.properties.get('hips_tile_width') ?? TILE_WIDTH)
  if (!extensionsOf(tree).includes('fits') || width !== TILE_WIDTH) return
  yield info(
    'parents: each pixel of a FITS tile is the mean of four of its children, which shows wrong orientation, too',
  )
  for (let order = 0; order < tree.order; order++) {
    const parents = sampled(tilesThere(tree, order, 'fits')).slice(0, 10)
    for (const npix of parents) {
      const parent = await fitsValues(tree, { order, npix })
      if (!parent) continue
      const mean = new Float64Array(TILE_PIXELS).fill(Number.NaN)
      for (let child = 0; child < 4; child++) {
        const values = await fitsValues(tree, { order: order + 1, npix: 4 * npix + child })
        if (values) addChild(mean, child, values)
      }
      const share = disagreement(parent, mean)
      if (share > 0.001)
        yield error(
          `${tilePath({ order, npix })}.fits: ${(100 * share).toFixed(1)} % of its pixels are not the means of its children`,
        )
    }
  }
}

/** Share of pixels that differ by more than rounding, or have a value on one side only. */
function disagreement(a: Float64Array, b: Float64Array): number {
  let scale = 0
  for (const v of b) if (Math.abs(v) > scale) scale = Math.abs(v)
  let wrong = 0
  for (let p = 0; p < a.length; p++) {
    const [x, y] = [a[p]!, b[p]!]
    if (Number.isNaN(x) !== Number.isNaN(y) || Math.abs(x - y) > 1e-3 * Math.abs(y) + 1e-6 * scale) wrong++
  }
  return wrong / a.length
}

async function* lintAllsky(tree: PublishedTree): AsyncGenerator<Finding> {
  yield info('Allsky: 27 tiles of order 3 a row, each a power of two wide')
  for (const extension of extensionsOf(tree)) {
    const file = path.join(tree.root, 'Norder3', `Allsky.${extension}`)
    try {
      const size =
        extension === 'fits'
          ? (await readAnyTile(readFileSync(file)))?.shape
          : await sharp(file, { limitInputPixels: false })
              .metadata()
              .then(({ width, height }) => [width, height])
      const side = (size?.[0] ?? 0) / 27
      if (!Number.isInteger(Math.log2(side)) || size?.[1] !== 29 * side)
        yield error(`Norder3/Allsky.${extension}: it is ${size?.join(' by ')}`)
    } catch {
      yield warning(`Norder3/Allsky.${extension} is missing`)
    }
  }
}

/**
 * Looks at a finished HiPS in a folder or at a URL for what viewers and other people's tools trip over: tiles that the
 * coverage promises, their size and type, parents that are the means of their children, Allsky, the vocabulary of
 * `properties`. At a URL, where nothing can be listed, some of the tiles of each order are asked for.
 */
import sharp from 'sharp'
import { type Moc, mocCells, mocDegraded, mocMeets } from '../healpix/moc.ts'
import { readAnyTile } from './any-tile.ts'
import { lintCatalogue } from './lint-catalogue.ts'
import { localFiles, someCells, type TreeFiles } from './lint-files.ts'
import { error, type Finding, info, warning } from './lint-finding.ts'
import type { PublishedTree } from './published.ts'
import { TILE_PIXELS, TILE_WIDTH, type Tile, tilePath } from './tile.ts'
import { addChild } from './tree.ts'

/** What each stage looks at comes first as an info. */
export async function* lintTree(
  tree: PublishedTree,
  files: TreeFiles = localFiles(tree.root),
): AsyncGenerator<Finding> {
  const kind = tree.properties.get('dataproduct_type')
  yield* lintProperties(tree)
  if (kind === 'catalog') {
    yield* lintCatalogue(tree, files)
    return
  }
  if (kind !== 'image') {
    yield info('the tiles of anything but images and catalogues are not looked at')
    return
  }
  yield* lintCoverage(tree, files)
  yield* lintTiles(tree, files)
  yield* lintParents(tree, files)
  yield* lintAllsky(tree, files)
}

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
/** Of a catalogue; what it knows of times and wavelengths is in its columns. */
const RECOMMENDED_OF_CATALOGUES = [
  'obs_description',
  'prov_progenitor',
  'hips_creation_date',
  'hips_builder',
  'hips_cat_nrows',
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
  const isCatalogue = properties.get('dataproduct_type') === 'catalog'
  for (const key of isCatalogue ? RECOMMENDED_OF_CATALOGUES : RECOMMENDED)
    if (!properties.get(key)) yield warning(`properties: ${key} is missing`)
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

async function* lintCoverage(tree: PublishedTree, files: TreeFiles): AsyncGenerator<Finding> {
  const { moc } = tree
  if (!moc) {
    const there = await files.read('Moc.fits')
    yield error(
      there ? 'Moc.fits is no coverage map, or not in the frame of the tiles' : 'Moc.fits is missing',
    )
    return
  }
  yield info('coverage: every tile that Moc.fits promises is there at every order, and no other')
  for (const extension of extensionsOf(tree)) {
    for (let order = firstOrder(tree); order <= tree.order; order++) {
      const there = files.list(order, extension)
      const [missing, asked] = there
        ? missingOf(moc, order, there)
        : await missingAtUrl(files, moc, order, extension)
      if (missing.length > 0)
        yield error(
          `coverage: ${missing.length} tiles${there ? '' : ` of ${asked} asked for`} are missing at order ${order}, such as ${tilePath({ order, npix: missing[0]! })}.${extension}`,
        )
      const extra = there
        ? [...there].filter(npix => !mocMeets(moc, order, npix))
        : await extraAtUrl(files, moc, order, extension)
      if (extra.length > 0)
        yield warning(
          `coverage: ${extra.length} tiles of order ${order} are outside of it, such as ${tilePath({ order, npix: extra[0]! })}.${extension}`,
        )
    }
  }
}

const firstOrder = ({ properties }: PublishedTree) => Number(properties.get('hips_order_min') ?? 0) || 0

function missingOf(moc: Moc, order: number, there: ReadonlySet<number>): [missing: number[], asked: number] {
  const missing: number[] = []
  let asked = 0
  for (const { order: own, first, last } of mocCells(mocDegraded(moc, order))) {
    const scale = 4 ** (order - own)
    for (let npix = Number(first) * scale; npix < (Number(last) + 1) * scale; npix++) {
      asked++
      if (!there.has(npix)) missing.push(npix)
    }
  }
  return [missing, asked]
}

/** Tiles of each order and format that are asked for at a URL. */
const ASKED = 12

async function missingAtUrl(
  files: TreeFiles,
  moc: Moc,
  order: number,
  extension: string,
): Promise<[missing: number[], asked: number]> {
  const asked = someCells(moc, order, ASKED)
  const missing: number[] = []
  for (const npix of asked)
    if (!(await files.read(`${tilePath({ order, npix })}.${extension}`))) missing.push(npix)
  return [missing, asked.length]
}

/** Neighbours in number of tiles that are there; a page that says so in words is a tile for a viewer. */
async function extraAtUrl(files: TreeFiles, moc: Moc, order: number, extension: string): Promise<number[]> {
  const outside = someCells(moc, order, ASKED)
    .flatMap(npix => [npix - 1, npix + 1])
    .filter(npix => npix >= 0 && npix < 12 * 4 ** order && !mocMeets(moc, order, npix))
    .slice(0, 2)
  const extra: number[] = []
  for (const npix of outside)
    if (await files.read(`${tilePath({ order, npix })}.${extension}`)) extra.push(npix)
  return extra
}

/** Tiles that are opened of each order and format. */
const SAMPLE = 50

function sampled(tree: PublishedTree, files: TreeFiles, order: number, extension: string): number[] {
  const there = files.list(order, extension)
  if (!there) return tree.moc ? someCells(tree.moc, order, ASKED) : []
  const all = [...there].sort((a, b) => a - b)
  const step = Math.max(1, Math.floor(all.length / SAMPLE))
  return all.filter((_, i) => i % step === 0)
}

async function* lintTiles(tree: PublishedTree, files: TreeFiles): AsyncGenerator<Finding> {
  const width = Number(tree.properties.get('hips_tile_width') ?? TILE_WIDTH)
  yield info(
    `tiles: up to ${SAMPLE} of each order and format are images of ${width} by ${width} pixels of their type`,
  )
  for (const extension of extensionsOf(tree)) {
    for (let order = firstOrder(tree); order <= tree.order; order++) {
      for (const npix of sampled(tree, files, order, extension)) {
        const file = `${tilePath({ order, npix })}.${extension}`
        const bytes = await files.read(file)
        const problem = bytes && (await tileProblem(bytes, extension, width))
        if (problem) yield error(`${file}: ${problem}`)
      }
    }
  }
}

async function tileProblem(bytes: Buffer, extension: string, width: number): Promise<string | undefined> {
  try {
    if (extension === 'fits') {
      const shape = (await readAnyTile(bytes))?.shape
      return shape?.[0] === width && shape[1] === width
        ? undefined
        : `it is ${shape?.join(' by ') ?? 'no image'}`
    }
    const { format, width: w, height: h } = await sharp(bytes).metadata()
    const expected = extension === 'jpg' ? 'jpeg' : extension
    if (format !== expected) return `it is ${format}`
    return w === width && h === width ? undefined : `it is ${w} by ${h}`
  } catch (cause) {
    return (cause as Error).message
  }
}

/** Undefined for a tile that is missing or broken: another stage tells. */
async function fitsValues(files: TreeFiles, tile: Tile): Promise<Float64Array<ArrayBuffer> | undefined> {
  try {
    const bytes = await files.read(`${tilePath(tile)}.fits`)
    const read = bytes && (await readAnyTile(bytes))
    return read?.values.length === TILE_PIXELS ? Float64Array.from(read.values) : undefined
  } catch {
    return undefined
  }
}

async function* lintParents(tree: PublishedTree, files: TreeFiles): AsyncGenerator<Finding> {
  const width = Number(tree.properties.get('hips_tile_width') ?? TILE_WIDTH)
  if (!extensionsOf(tree).includes('fits') || width !== TILE_WIDTH) return
  if ((tree.properties.get('hips_hierarchy') ?? 'mean') !== 'mean') return
  yield info(
    'parents: each pixel of a FITS tile is the mean of four of its children, which shows wrong orientation, too',
  )
  for (let order = firstOrder(tree); order < tree.order; order++) {
    const parents = sampled(tree, files, order, 'fits').slice(0, files.list(order, 'fits') ? 10 : 2)
    for (const npix of parents) {
      const parent = await fitsValues(files, { order, npix })
      if (!parent) continue
      const mean = new Float64Array(TILE_PIXELS).fill(Number.NaN)
      for (let child = 0; child < 4; child++) {
        const values = await fitsValues(files, { order: order + 1, npix: 4 * npix + child })
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

async function* lintAllsky(tree: PublishedTree, files: TreeFiles): AsyncGenerator<Finding> {
  yield info('Allsky: 27 tiles of order 3 a row, each a power of two wide')
  for (const extension of extensionsOf(tree)) {
    const file = `Norder3/Allsky.${extension}`
    const bytes = await files.read(file)
    if (!bytes) {
      yield warning(`${file} is missing`)
      continue
    }
    const size = await (extension === 'fits' ? fitsSize(bytes) : pictureSize(bytes)).catch(() => undefined)
    const side = (size?.[0] ?? 0) / 27
    if (!Number.isInteger(Math.log2(side)) || size?.[1] !== 29 * side)
      yield error(`${file}: it is ${size?.join(' by ') ?? 'no picture'}`)
  }
}

const fitsSize = async (bytes: Buffer) => (await readAnyTile(bytes))?.shape

async function pictureSize(bytes: Buffer): Promise<readonly number[]> {
  const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata()
  return [width, height]
}

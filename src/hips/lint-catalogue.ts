/**
 * Catalogue HiPS: metadata.xml with a position, TSV tiles of the same columns whose rows lie in them, the rows that
 * `hips_cat_nrows` promises, Completeness that adds up, Allsky files with the rows of their tiles.
 */
import { mocMeets } from '../healpix/moc.ts'
import { hashBig } from '../healpix/nested.ts'
import { someCells, type TreeFiles } from './lint-files.ts'
import { error, type Finding, info, warning } from './lint-finding.ts'
import type { PublishedTree } from './published.ts'
import { type Tile, tilePath } from './tile.ts'

const FIRST_ORDER = 1
/** Tiles of each order that are asked for at a URL, and whose rows are looked at in a folder. */
const [ASKED, SAMPLE] = [12, 200]
const DEGREE = Math.PI / 180

interface Columns {
  readonly names: readonly string[]
  readonly ra: number
  readonly dec: number
}

export async function* lintCatalogue(tree: PublishedTree, files: TreeFiles): AsyncGenerator<Finding> {
  yield info('catalogue: metadata.xml has the columns, with a position')
  if (!(tree.properties.get('hips_tile_format') ?? '').split(/\s+/).includes('tsv'))
    yield error('properties: hips_tile_format is without tsv')
  const metadata = (await files.read('metadata.xml')) ?? (await files.read('Metadata.xml'))
  if (!metadata) {
    yield error('metadata.xml is missing')
    return
  }
  const columns = columnsOf(metadata.toString())
  if (columns.names.length === 0) yield error('metadata.xml has no FIELD')
  if (columns.ra < 0 || columns.dec < 0)
    yield error('metadata.xml has no FIELD of UCD pos.eq.ra or pos.eq.dec')
  const counted = yield* lintTiles(tree, files, columns)
  yield* lintRows(tree, counted)
  yield* lintAllskies(files, counted)
}

/** By UCD, whatever the namespace is called. */
function columnsOf(xml: string): Columns {
  const fields = [...xml.matchAll(/<(?:\w+:)?FIELD\b([^>]*)>/g)].map(([, attributes]) => {
    const value = (name: string) =>
      unescaped(new RegExp(`\\b${name}\\s*=\\s*["']([^"']*)`).exec(attributes!)?.[1])
    return { name: value('name') ?? value('ID') ?? '', ucd: value('ucd') ?? '' }
  })
  const withUcd = (...starts: string[]) =>
    fields.findIndex(({ ucd }) => starts.some(start => ucd.toLowerCase().startsWith(start)))
  return {
    names: fields.map(({ name }) => name),
    ra: withUcd('pos.eq.ra', 'pos_eq_ra'),
    dec: withUcd('pos.eq.dec', 'pos_eq_dec'),
  }
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
const unescaped = (text: string | undefined) =>
  text?.replace(/&(lt|gt|amp|quot|apos);/g, (_, name) => ENTITIES[name]!)

interface Counted {
  /** Whether every tile was read. */
  readonly all: boolean
  readonly rows: number
  /** Rows in the cells of the first order, as their tiles say. */
  readonly promised: number | undefined
  /** Rows of the tiles of orders 1 and 2. */
  readonly ofOrder: ReadonlyMap<number, number>
}

async function* lintTiles(
  tree: PublishedTree,
  files: TreeFiles,
  columns: Columns,
): AsyncGenerator<Finding, Counted> {
  yield info(
    'tiles: a line of names, rows of as many values that lie in their tile, none outside of the coverage',
  )
  let [rows, promised, all] = [0, 0 as number | undefined, true]
  const ofOrder = new Map<number, number>()
  for (let order = FIRST_ORDER; order <= tree.order; order++) {
    const there = files.list(order, 'tsv')
    if (!there) all = false
    const asked = there ? [...there].sort((a, b) => a - b) : tree.moc ? someCells(tree.moc, order, ASKED) : []
    if (there?.size === 0 && order > FIRST_ORDER) yield error(`tiles: there are none of order ${order}`)
    const step = Math.max(1, Math.floor(asked.length / SAMPLE))
    for (const [i, npix] of asked.entries()) {
      const file = `${tilePath({ order, npix })}.tsv`
      const bytes = await files.read(file)
      if (!bytes) continue
      if (tree.moc && !mocMeets(tree.moc, order, npix))
        yield warning(`${file}: it is outside of the coverage`)
      const tile = parseTile(bytes.toString())
      rows += tile.rows.length
      ofOrder.set(order, (ofOrder.get(order) ?? 0) + tile.rows.length)
      if (order === FIRST_ORDER && promised !== undefined)
        promised = tile.total === undefined ? undefined : promised + tile.total
      if (i % step === 0) yield* lintTile(tile, { order, npix }, file, columns)
    }
  }
  return { all, rows, promised: promised || undefined, ofOrder }
}

interface ParsedTile {
  readonly names: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly shown: number | undefined
  readonly total: number | undefined
}

function parseTile(text: string): ParsedTile {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  const comments = lines.filter(line => line.startsWith('#'))
  const [header = '', ...rows] = lines.filter(line => !line.startsWith('#'))
  const found = comments.map(line => /^#\s*Completeness\s*=\s*(\d+)\s*\/\s*(\d+)/.exec(line)).find(Boolean)
  return {
    names: header.split('\t'),
    rows: rows.map(row => row.split('\t')),
    shown: found ? Number(found[1]) : undefined,
    total: found ? Number(found[2]) : undefined,
  }
}

function* lintTile(
  { names, rows, shown, total }: ParsedTile,
  { order, npix }: Tile,
  file: string,
  { names: expected, ra, dec }: Columns,
): Generator<Finding> {
  if (names.join('\t') !== expected.join('\t'))
    yield error(`${file}: its columns are ${names.join(', ')}, those of metadata.xml ${expected.join(', ')}`)
  if (shown !== undefined && (shown > total! || shown < rows.length))
    yield error(`${file}: Completeness = ${shown}/${total} with ${rows.length} rows`)
  let [short, far] = [0, 0]
  for (const row of rows) {
    if (row.length !== names.length) short++
    else if (ra >= 0 && dec >= 0 && !liesIn(order, npix, Number(row[ra]), Number(row[dec]))) far++
  }
  if (short > 0) yield error(`${file}: ${short} of ${rows.length} rows have not ${names.length} values`)
  if (far > 0) yield error(`${file}: ${far} of ${rows.length} rows do not lie in the tile`)
}

/** Within a milliarcsecond: what is printed with few digits may fall beside a border. */
const NEAR = 1e-3 / 3600

function liesIn(order: number, npix: number, ra: number, dec: number): boolean {
  if (!Number.isFinite(ra) || !(Math.abs(dec) <= 90)) return false
  return [0, -NEAR, NEAR].some(dRa =>
    [0, -NEAR, NEAR].some(dDec => {
      const lat = Math.min(90, Math.max(-90, dec + dDec)) * DEGREE
      return hashBig(order, (ra + dRa) * DEGREE, lat) === BigInt(npix)
    }),
  )
}

function* lintRows({ properties }: PublishedTree, { all, rows, promised }: Counted): Generator<Finding> {
  const count = Number(properties.get('hips_cat_nrows'))
  if (!all || !Number.isFinite(count)) return
  yield info('rows: as many as hips_cat_nrows says')
  if (rows !== count) yield error(`rows: the tiles have ${rows}, hips_cat_nrows says ${count}`)
  if (promised !== undefined && promised !== count)
    yield error(
      `rows: Completeness of order ${FIRST_ORDER} promises ${promised}, hips_cat_nrows says ${count}`,
    )
}

async function* lintAllskies(files: TreeFiles, { all, ofOrder }: Counted): AsyncGenerator<Finding> {
  yield info('Allsky: Norder1 and Norder2 have the rows of their tiles')
  for (const order of [1, 2]) {
    const file = `Norder${order}/Allsky.tsv`
    const bytes = await files.read(file)
    if (!bytes) {
      yield warning(`${file} is missing`)
      continue
    }
    const { length } = parseTile(bytes.toString()).rows
    const expected = ofOrder.get(order) ?? 0
    if (all && expected > 0 && length !== expected)
      yield error(`${file}: it has ${length} rows, the tiles of its order ${expected}`)
  }
}

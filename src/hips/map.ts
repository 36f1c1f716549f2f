/** A map of a table as HiPS: tiles, pictures in colour, Allsky, coverage, preview; in place when it is whole. */
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Report } from '../progress.ts'
import { lonLat } from '../sphere/vector.ts'
import { readAnyTile } from './any-tile.ts'
import { colorPicture } from './color-map.ts'
import { cutoutView } from './cutout.ts'
import { type Center, centerOf, type Description, describeTree, short } from './describe.ts'
import { encodePixels, type Look } from './image-tile.ts'
import { cutsOf, drawMap, type MapTile, type MapTree, type MapValue, mapTree } from './map-tree.ts'
import { openTree } from './published.ts'
import { emptyPart, putInPlace } from './replace.ts'

export interface MapRequest {
  readonly root: string
  /** Of the finest tiles; at least 3. */
  readonly order: number
  readonly value: MapValue
  /** In ascending order. */
  readonly leaves: AsyncIterable<MapTile> | Iterable<MapTile>
  readonly cuts: readonly [low: number, high: number] | undefined
  readonly stretch: Look['stretch']
  /** Further properties, or other values of those that every map has. */
  readonly properties: readonly (readonly [key: string, value: string | number | undefined])[]
  readonly about: Description
  readonly report: Report
}

/** Resolves to the number of tiles; 0 where there was nothing, and nothing is changed. */
export async function buildMap(request: MapRequest): Promise<number> {
  const { root, order, value, leaves, stretch, properties, about, report } = request
  const part = emptyPart(root)
  const tree: MapTree = { root: part, order, value }
  const built = await mapTree(tree, leaves)
  if (built.tiles.length === 0) {
    rmSync(part, { recursive: true, force: true })
    return 0
  }
  const [low, high] = request.cuts ?? cutsOf(built.sample)
  const look = { low, high, stretch }
  await drawMap(tree, built, look, done => report({ phase: 'pictures', done, total: built.tiles.length }))
  const moc = built.coverage.moc()
  const center = centerOf(moc)
  const entries = [
    ['hips_tile_format', 'png fits'],
    ['hips_pixel_bitpix', -32],
    ['hips_pixel_cut', `${short(low)} ${short(high)}`],
    // By the number of rows, or of pixels with a value: not the mean of the four children.
    ['hips_hierarchy', 'weighted mean'],
    ...properties,
  ] as const
  describeTree({ root: part, order, frame: 'equatorial', moc, center, entries }, about)
  await preview(part, center, look)
  putInPlace(part, root)
  return built.tiles.length
}

const DEGREE = Math.PI / 180
const PREVIEW = 512

async function preview(root: string, { direction, radius }: Center, look: Look): Promise<void> {
  const [lon, lat] = lonLat(direction)
  const fov = Math.min(360, (2 * radius) / DEGREE)
  const isWide = fov > 90
  const { bytes } = await cutoutView(await openTree(root), {
    lon: lon / DEGREE,
    lat: lat / DEGREE,
    fov: isWide ? 360 : fov,
    width: PREVIEW,
    height: isWide ? PREVIEW / 2 : PREVIEW,
    rotation: 0,
    projection: isWide ? 'AIT' : 'SIN',
    format: 'fits',
    frame: 'icrs',
  })
  const values = Float32Array.from((await readAnyTile(bytes))!.values)
  const pixels = colorPicture(values, PREVIEW, look)
  writeFileSync(path.join(root, 'preview.jpg'), await encodePixels('jpg', pixels, PREVIEW, 4))
}

/** What a tree has beside its tiles: Allsky files, a preview, and what describes it. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { mocUnion } from '../healpix/moc.ts'
import type { Bands } from '../images/lupton.ts'
import { lonLat } from '../sphere/vector.ts'
import { ALLSKY_WIDTH, allsky } from './allsky.ts'
import type { BuiltTree } from './build.ts'
import { type ColorRequest, colorPixels, readFits } from './color.ts'
import { STRETCH_KEY } from './cutout.ts'
import { type Center, centerOf, type Description, describeTree, short } from './describe.ts'
import { encodePixels, encodeTile, grayLevels } from './image-tile.ts'
import type { HipsFrame } from './plan.ts'
import { FORMAT_NAMES } from './properties.ts'
import type { Floats } from './resample.ts'
import type { Tile } from './tile.ts'
import { readTile } from './tree.ts'
import { type TilePlanes, view } from './view.ts'

const PREVIEW = 512

/** Writes everything but the tiles of an image HiPS. */
export async function finishTree(built: BuiltTree, about: Description, levelled: boolean): Promise<void> {
  const { settings, moc, order3 } = built
  const { root, order, frame, formats, storage, look } = settings
  const picture = allsky(order3)
  for (const format of formats) {
    const bytes = await encodeTile(format, picture, ALLSKY_WIDTH, storage, look, undefined)
    writeFileSync(path.join(root, 'Norder3', `Allsky.${format}`), bytes)
  }
  const center = centerOf(moc)
  const [values] = await around(center, order, 1, async tile => {
    const one = readTile(settings, tile)
    return one && [one]
  })
  const gray = grayLevels(values as Float32Array<ArrayBuffer>, PREVIEW, look)
  writeFileSync(path.join(root, 'preview.jpg'), await encodePixels('jpg', gray, PREVIEW, 1))
  const entries = [
    ['hips_tile_format', formats.map(format => FORMAT_NAMES[format]).join(' ')],
    ['hips_pixel_bitpix', storage.bitpix],
    ['hips_pixel_cut', `${short(look.low)} ${short(look.high)}`],
    [STRETCH_KEY, look.stretch],
    ['hips_data_range', rangeOf(order3)],
    ['hips_sampling', 'bilinear'],
    ['hips_overlay', levelled ? 'mean of images without their medians' : 'mean'],
    ['hips_hierarchy', 'mean'],
  ] as const
  describeTree({ root, order, frame, moc, center, entries }, about)
}

/** The same for a colour HiPS, after its tiles. */
export async function finishColor(request: ColorRequest, about: Description): Promise<void> {
  const { root, trees, formats, look } = request
  const order = Math.min(...trees.map(tree => tree.order))
  const bands = trees.map(tree => {
    const order3 = new Map<number, Floats>()
    for (let npix = 0; npix < 768; npix++) {
      const values = readFits(tree, { order: 3, npix })
      if (values) order3.set(npix, values)
    }
    return allsky(order3)
  }) as unknown as Bands
  const picture = colorPixels(bands, ALLSKY_WIDTH, look)
  for (const format of formats) {
    writeFileSync(
      path.join(root, 'Norder3', `Allsky.${format}`),
      await encodePixels(format, picture, ALLSKY_WIDTH, 4),
    )
  }
  const moc = mocUnion(trees.flatMap(tree => tree.moc ?? []))
  const center = centerOf(moc)
  const planes = await around(center, order, 3, async tile => {
    const values = trees.map(tree => readFits(tree, tile))
    return values.some(one => one === undefined) ? undefined : (values as Floats[])
  })
  const preview = colorPixels(planes as unknown as Bands, PREVIEW, look)
  writeFileSync(path.join(root, 'preview.jpg'), await encodePixels('jpg', preview, PREVIEW, 4))
  const entries = [
    ['dataproduct_subtype', 'color'],
    ['hips_tile_format', formats.map(format => FORMAT_NAMES[format]).join(' ')],
    ['hips_rgb_red', trees[0].name],
    ['hips_rgb_green', trees[1].name],
    ['hips_rgb_blue', trees[2].name],
  ] as const
  const frame = (trees[0].properties.get('hips_frame') ?? 'equatorial') as HipsFrame
  describeTree({ root, order, frame, moc, center, entries }, about)
}

function rangeOf(order3: BuiltTree['order3']): string | undefined {
  let [low, high] = [Infinity, -Infinity]
  for (const values of order3.values()) {
    for (const value of values) {
      if (value < low) low = value
      if (value > high) high = value
    }
  }
  return low <= high ? `${short(low)} ${short(high)}` : undefined
}

/** A square of the sky around a region. */
function around(
  { direction, radius }: Center,
  order: number,
  planes: number,
  tileAt: (tile: Tile) => Promise<TilePlanes | undefined>,
): Promise<Float32Array[]> {
  const [lon0, lat0] = lonLat(direction)
  const scale = (2 * Math.min(radius, 1)) / PREVIEW
  const directionOf = (x: number, y: number) =>
    zenithal(lon0, lat0, (PREVIEW / 2 - x - 0.5) * scale, (y + 0.5 - PREVIEW / 2) * scale, radius)
  return view({ width: PREVIEW, height: PREVIEW, scale, order, directionOf }, planes, tileAt)
}

/** Tangential for small fields, zenithal equidistant for wide ones; radians, x to the east. */
function zenithal(
  lon0: number,
  lat0: number,
  x: number,
  y: number,
  radius: number,
): readonly [number, number] | undefined {
  const r = Math.hypot(x, y)
  const distance = radius > 0.5 ? (r / Math.min(radius, 1)) * radius : Math.atan(r)
  if (distance > Math.PI) return undefined
  const turn = Math.atan2(x, y)
  const sinLat = Math.sin(lat0) * Math.cos(distance) + Math.cos(lat0) * Math.sin(distance) * Math.cos(turn)
  const lat = Math.asin(Math.max(-1, Math.min(1, sinLat)))
  const lon =
    lon0 +
    Math.atan2(
      Math.sin(turn) * Math.sin(distance) * Math.cos(lat0),
      Math.cos(distance) - Math.sin(lat0) * sinLat,
    )
  return [lon, lat]
}

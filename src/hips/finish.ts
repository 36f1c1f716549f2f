/** What a tree has beside its tiles; `properties` is written last: a tree that has it is finished. */
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { mocFits } from '../fits/moc.ts'
import { cellCentre } from '../healpix/geometry.ts'
import { type Moc, mocCells, mocUniq, skyFraction } from '../healpix/moc.ts'
import { frameChange } from '../sphere/frames.ts'
import { angle, lonLat, unitVector, type Vector } from '../sphere/vector.ts'
import { ALLSKY_WIDTH, allsky } from './allsky.ts'
import type { BuiltTree } from './build.ts'
import { encodeJpeg, encodeTile, grayLevels } from './image-tile.ts'
import { indexPage, metadataXml } from './page.ts'
import { FORMAT_NAMES, hipsDate, parseProperties, propertiesText } from './properties.ts'
import { pixelScale } from './tile.ts'
import { readTile } from './tree.ts'
import { view } from './view.ts'

/** What the images know and the tiles do not. */
export interface Description {
  /** `ivo://authority/name`. */
  readonly did: string
  readonly title: string
  readonly description: string
  readonly collection: string
  readonly copyright?: string | undefined
  /** Where the images come from. */
  readonly progenitor: string
  /** Radio, Millimeter, Infrared, Optical, UV, EUV, X-ray, Gamma-ray. */
  readonly regime: string | undefined
  /** MJD and metres. */
  readonly tMin: number | undefined
  readonly tMax: number | undefined
  readonly emMin: number | undefined
  readonly emMax: number | undefined
}

const DEGREE = Math.PI / 180
const PREVIEW = 512
const GALACTIC = frameChange({ name: 'GALACTIC' })

/** Writes everything but the tiles of an image HiPS. Resolves to its properties. */
export async function finishTree(built: BuiltTree, about: Description, levelled: boolean): Promise<void> {
  const { settings, moc, order3 } = built
  const { root, order, frame, formats, storage, look } = settings
  const picture = allsky(order3)
  for (const format of formats) {
    const bytes = await encodeTile(format, picture, ALLSKY_WIDTH, storage, look, undefined)
    writeFileSync(path.join(root, 'Norder3', `Allsky.${format}`), bytes)
  }
  writeFileSync(path.join(root, 'Moc.fits'), mocFits(mocUniq(moc), moc.order, frame))
  const center = centerOf(moc)
  const [lon, lat] = lonLat(center.direction)
  writeFileSync(path.join(root, 'preview.jpg'), await preview(built, center))
  const [ra, dec] = frame === 'equatorial' ? [lon, lat] : lonLat(GALACTIC.toIcrs(unitVector(lon, lat)))
  const size = treeSize(root)
  const now = hipsDate(new Date())
  const created = createdBefore(root) ?? now
  const text = (extra: { nbTiles: number; kilobytes: number }) =>
    propertiesText([
      ['creator_did', about.did],
      ['obs_collection', about.collection],
      ['obs_title', about.title],
      ['obs_description', about.description],
      ['obs_copyright', about.copyright],
      ['obs_regime', about.regime],
      ['prov_progenitor', about.progenitor],
      ['t_min', about.tMin],
      ['t_max', about.tMax],
      ['em_min', about.emMin],
      ['em_max', about.emMax],
      ['dataproduct_type', 'image'],
      ['hips_version', '1.4'],
      ['hips_builder', 'Almagest'],
      ['hips_creation_date', created],
      ['hips_release_date', now],
      ['hips_status', 'public master clonableOnce'],
      ['hips_frame', frame],
      ['hips_order', order],
      ['hips_order_min', 0],
      ['hips_tile_width', 512],
      ['hips_tile_format', formats.map(format => FORMAT_NAMES[format]).join(' ')],
      ['hips_pixel_bitpix', storage.bitpix],
      ['hips_pixel_cut', `${short(look.low)} ${short(look.high)}`],
      ['hips_data_range', rangeOf(order3)],
      ['hips_pixel_scale', short(pixelScale(order) / DEGREE)],
      ['s_pixel_scale', short(pixelScale(order) / DEGREE)],
      ['hips_sampling', 'bilinear'],
      ['hips_overlay', levelled ? 'mean of images without their medians' : 'mean'],
      ['hips_hierarchy', 'mean'],
      ['hips_initial_ra', short(ra / DEGREE)],
      ['hips_initial_dec', short(dec / DEGREE)],
      ['hips_initial_fov', short(Math.min(180, (2 * center.radius) / DEGREE))],
      ['hips_nb_tiles', extra.nbTiles],
      ['hips_estsize', extra.kilobytes],
      ['moc_sky_fraction', short(skyFraction(moc))],
      ['moc_order', moc.order],
    ])
  const properties = text({ nbTiles: size.tiles, kilobytes: Math.ceil(size.bytes / 1024) })
  const parsed = parseProperties(properties)
  writeFileSync(path.join(root, 'metadata.xml'), metadataXml(parsed))
  writeFileSync(path.join(root, 'index.html'), indexPage(parsed))
  writeFileSync(path.join(root, 'properties.part'), properties)
  renameSync(path.join(root, 'properties.part'), path.join(root, 'properties'))
}

const short = (value: number) => Number(value.toPrecision(7))

function createdBefore(root: string): string | undefined {
  try {
    return parseProperties(readFileSync(path.join(root, 'properties'), 'utf8')).get('hips_creation_date')
  } catch {
    return undefined
  }
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

/** Middle of a region and the radius of the circle around it that holds it. */
function centerOf(moc: Moc): { readonly direction: Vector; readonly radius: number } {
  let sum: Vector = [0, 0, 0]
  const places: Vector[] = []
  for (const { order, first, last } of mocCells(moc)) {
    const step = (last - first) / 64n + 1n
    for (let cell = first; cell <= last; cell += step) {
      const v = unitVector(...cellCentre(order, cell))
      const area = 4 ** -order
      places.push(v)
      sum = [sum[0] + v[0] * area, sum[1] + v[1] * area, sum[2] + v[2] * area]
    }
  }
  const length = Math.hypot(...sum)
  const direction: Vector = length > 1e-9 ? [sum[0] / length, sum[1] / length, sum[2] / length] : [1, 0, 0]
  const radius = Math.max(...places.map(v => angle(v, direction)))
  return { direction, radius: Math.max(radius, pixelScale(0)) }
}

/** A square of the sky around the middle, in gray. */
async function preview(
  { settings }: BuiltTree,
  { direction, radius }: ReturnType<typeof centerOf>,
): Promise<Buffer> {
  const [lon0, lat0] = lonLat(direction)
  const scale = (2 * Math.min(radius, 1)) / PREVIEW
  const [values] = await view(
    {
      width: PREVIEW,
      height: PREVIEW,
      scale,
      order: settings.order,
      directionOf: (x, y) =>
        zenithal(lon0, lat0, (PREVIEW / 2 - x - 0.5) * scale, (y + 0.5 - PREVIEW / 2) * scale, radius),
    },
    1,
    async tile => {
      const tileValues = readTile(settings, tile)
      return tileValues && [tileValues]
    },
  )
  return encodeJpeg(grayLevels(values as Float32Array<ArrayBuffer>, PREVIEW, settings.look), PREVIEW, 1)
}

/** Tangential for small fields, zenithal equidistant for wide ones; radians, x to the east. */
export function zenithal(
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

/** Tiles and bytes of what is served. */
function treeSize(root: string): { tiles: number; bytes: number } {
  let tiles = 0
  let bytes = 0
  const visit = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) visit(file)
      else {
        bytes += statSync(file).size
        if (/^Npix\d+\./.test(entry.name)) tiles++
      }
    }
  }
  visit(root)
  return { tiles, bytes }
}

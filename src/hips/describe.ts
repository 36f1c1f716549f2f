/** What a tree says of itself: coverage, `properties`, `metadata.xml`, `index.html`. */
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { mocFits } from '../fits/moc.ts'
import { cellCentre } from '../healpix/geometry.ts'
import { type Moc, mocCells, mocUniq, skyFraction } from '../healpix/moc.ts'
import { frameChange } from '../sphere/frames.ts'
import { angle, lonLat, unitVector, type Vector } from '../sphere/vector.ts'
import type { Field } from '../votable/field.ts'
import { indexPage, metadataXml } from './page.ts'
import type { HipsFrame } from './plan.ts'
import { hipsDate, parseProperties, propertiesText } from './properties.ts'
import { pixelScale } from './tile.ts'

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

/** What holds for any tree. */
export interface TreeFacts {
  readonly root: string
  readonly order: number
  readonly frame: HipsFrame
  readonly moc: Moc
  readonly center: Center
  /** Further properties, or other values of those that every tree has. */
  readonly entries: readonly (readonly [key: string, value: string | number | undefined])[]
  /** Columns of a catalogue. */
  readonly fields?: readonly Field[]
}

/** Middle of a region, and the radius of a circle around it that holds it. */
export interface Center {
  readonly direction: Vector
  readonly radius: number
}

const DEGREE = Math.PI / 180
const GALACTIC = frameChange({ name: 'GALACTIC' })

/** `properties` comes last: a tree that has it is finished. */
export function describeTree(facts: TreeFacts, about: Description): void {
  const { root, order, frame, moc, center, entries, fields } = facts
  writeFileSync(path.join(root, 'Moc.fits'), mocFits(mocUniq(moc), moc.order, frame))
  const [lon, lat] = lonLat(center.direction)
  const [ra, dec] = frame === 'equatorial' ? [lon, lat] : lonLat(GALACTIC.toIcrs(unitVector(lon, lat)))
  const { tiles, bytes } = treeSize(root)
  const now = hipsDate(new Date())
  const all = new Map<string, string | number | undefined>([
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
    ['hips_creation_date', createdBefore(root) ?? now],
    ['hips_release_date', now],
    ['hips_status', 'public master clonableOnce'],
    ['hips_frame', frame],
    ['hips_order', order],
    ['hips_order_min', 0],
    ['hips_tile_width', 512],
    ['hips_pixel_scale', short(pixelScale(order) / DEGREE)],
    ['s_pixel_scale', short(pixelScale(order) / DEGREE)],
    ['hips_initial_ra', short(ra / DEGREE)],
    ['hips_initial_dec', short(dec / DEGREE)],
    ['hips_initial_fov', short(Math.min(180, (2 * center.radius) / DEGREE))],
    ['hips_nb_tiles', tiles],
    ['hips_estsize', Math.ceil(bytes / 1024)],
    ['moc_sky_fraction', short(skyFraction(moc))],
    ['moc_order', moc.order],
    ...entries,
  ])
  const text = propertiesText([...all])
  const parsed = parseProperties(text)
  writeFileSync(path.join(root, 'metadata.xml'), metadataXml(parsed, fields))
  writeFileSync(path.join(root, 'index.html'), indexPage(parsed))
  writeFileSync(path.join(root, 'properties.part'), text)
  renameSync(path.join(root, 'properties.part'), path.join(root, 'properties'))
}

/** Seven digits. */
export const short = (value: number) => Number(value.toPrecision(7))

function createdBefore(root: string): string | undefined {
  try {
    return parseProperties(readFileSync(path.join(root, 'properties'), 'utf8')).get('hips_creation_date')
  } catch {
    return undefined
  }
}

/** Of the region itself. */
export function centerOf(moc: Moc): Center {
  let sum: Vector = [0, 0, 0]
  for (const [v, area] of placesIn(moc))
    sum = [sum[0] + v[0] * area, sum[1] + v[1] * area, sum[2] + v[2] * area]
  const length = Math.hypot(...sum)
  const direction: Vector = length > 1e-9 ? [sum[0] / length, sum[1] / length, sum[2] / length] : [1, 0, 0]
  let radius = pixelScale(0)
  for (const [v] of placesIn(moc)) radius = Math.max(radius, angle(v, direction))
  return { direction, radius }
}

/** Middles of cells, of long runs some, with their areas in those of order 0. */
function* placesIn(moc: Moc): Generator<readonly [place: Vector, area: number]> {
  for (const { order, first, last } of mocCells(moc)) {
    const step = (last - first) / 64n + 1n
    for (let cell = first; cell <= last; cell += step)
      yield [unitVector(...cellCentre(order, cell)), 4 ** -order]
  }
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

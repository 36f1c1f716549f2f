/** From the rows of a batch to the stamps to make: images by band, sizes, names of files. */
import type { Identity } from '../../auth/identity.ts'
import type { Database } from '../../db/database.ts'
import { ServiceError } from '../../error.ts'
import { admittingGroups, closedCollections } from '../../images/access.ts'
import type { LocatedImage } from '../../images/locate.ts'
import { type Match, matches, ofBand, type Placed } from './match.ts'
import { type BatchRequest, sizeFault } from './params.ts'
import type { Wanted } from './positions.ts'
import type { StampTask } from './stamp.ts'

export interface PlannedStamp {
  readonly wanted: Wanted
  readonly task: StampTask
  /** Bands without an image here. */
  readonly unmatched: readonly string[]
  /** Why nothing can be made of the row. */
  readonly fault: string | undefined
  /** Folder in the archive, and what its files begin with. */
  readonly stem: string
}

/** Positions that are looked up together. */
const TOGETHER = 200

export interface PlanDependencies {
  readonly db: Database
  readonly identity: Identity
  readonly collection: string
  readonly spool: string
  readonly cutoutPixels: number
}

export async function* planned(
  deps: PlanDependencies,
  request: BatchRequest,
  wanted: readonly Wanted[],
): AsyncGenerator<PlannedStamp> {
  const digits = String(wanted.length).length
  for (let at = 0; at < wanted.length; at += TOGETHER) {
    const rows = wanted.slice(at, at + TOGETHER)
    const good = rows.filter(row => faultOf(row, request) === undefined) as Placed[]
    const found = await matches(deps.db, deps.identity, deps.collection, good)
    const byRow = new Map(good.map((row, i) => [row.row, found[i]!]))
    for (const row of rows) yield plannedOf(deps, request, row, byRow.get(row.row), digits)
  }
}

function plannedOf(
  { spool, cutoutPixels }: PlanDependencies,
  request: BatchRequest,
  wanted: Wanted,
  match: Match | undefined,
  digits: number,
): PlannedStamp {
  const asked = wanted.bands.length > 0 ? wanted.bands : request.bands
  const bands = asked.length > 0 ? asked : match ? [...match.keys()] : []
  const images = bands.flatMap(band => {
    const image = match && ofBand(match, band)
    return image ? [{ band, image }] : []
  })
  const none = match && bands.length === 0 ? [''] : []
  const unmatched = match ? [...none, ...bands.filter(band => !images.some(one => one.band === band))] : []
  const task: StampTask = {
    ra: wanted.ra ?? 0,
    dec: wanted.dec ?? 0,
    width: (wanted.width ?? request.width) / 60,
    height: (wanted.height ?? request.height) / 60,
    images,
    colors: request.color ? (request.colors ?? colorsOf(images)) : undefined,
    fits: request.fits,
    spool,
    cutoutPixels,
  }
  const stem = `${String(wanted.row).padStart(digits, '0')}_${fileName(wanted)}`
  return { wanted, task, unmatched, fault: faultOf(wanted, request), stem }
}

function faultOf(row: Wanted, request: BatchRequest): string | undefined {
  const { ra, dec, name } = row
  if (ra === undefined || dec === undefined)
    return name === undefined
      ? 'neither a position nor an object'
      : `no object ${name} with a position in ${request.table ?? 'the table'}`
  if (!(ra >= 0 && ra <= 360) || !(dec >= -90 && dec <= 90)) return `${ra}, ${dec} is no position in degrees`
  return sizeFault(row.width ?? request.width) ?? sizeFault(row.height ?? request.height)
}

/** i, r, g where they are; else the longest, middle and shortest wavelength of three or more. */
function colorsOf(images: StampTask['images']): readonly string[] | undefined {
  const match: Match = new Map(images.map(({ band, image }) => [band, image]))
  const usual = ['i', 'r', 'g'].map(band => ofBand(match, band))
  const bandOf = (image: LocatedImage | undefined) => images.find(one => one.image === image)?.band
  if (usual.every(image => image !== undefined)) return usual.map(image => bandOf(image)!)
  const sorted = images
    .filter(({ image }) => image.emMin !== undefined)
    .sort((a, b) => b.image.emMin! - a.image.emMin!)
  if (sorted.length < 3) return undefined
  return [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!].map(({ band }) => band)
}

/** The name of the object, or of the position: J100012.34+021234.5. */
export function fileName({ name, ra, dec }: Wanted): string {
  const plain = name
    ?.replace(/[^\w.+-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 60)
  if (plain) return plain
  if (ra === undefined || dec === undefined || !Number.isFinite(ra + dec)) return 'row'
  return `J${sexagesimal(ra / 15, 2, 2)}${dec < 0 ? '-' : '+'}${sexagesimal(Math.abs(dec), 2, 1)}`
}

/** Cut off, not rounded, as names of positions are. */
function sexagesimal(value: number, digits: number, places: number): string {
  const scale = 10 ** places
  const total = Math.floor(value * 3600 * scale + 1e-6)
  const seconds = ((total % (60 * scale)) / scale).toFixed(places).padStart(3 + places, '0')
  const minutes = Math.floor(total / (60 * scale)) % 60
  return `${String(Math.floor(total / (3600 * scale))).padStart(digits, '0')}${String(minutes).padStart(2, '0')}${seconds}`
}

/** The collection that is asked for, or the only one. */
export async function collectionOf(
  db: Database,
  identity: Identity,
  asked: string | undefined,
): Promise<string> {
  const rows = await db.query<{ collection: string }>(
    `SELECT collection FROM almagest.image_collection
      WHERE collection NOT IN ${closedCollections('$1')} ORDER BY collection`,
    [admittingGroups(identity)],
  )
  const names = rows.map(({ collection }) => collection)
  const found = asked === undefined && names.length === 1 ? names[0] : names.find(name => name === asked)
  if (found !== undefined) return found
  const what =
    asked === undefined
      ? 'COLLECTION is missing'
      : `COLLECTION=${asked.slice(0, 60)}: there is no such collection`
  throw new ServiceError('usage', what, { detail: `Collections here: ${names.join(', ') || 'none yet'}.` })
}

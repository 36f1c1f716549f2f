/** Parameters of SIA 1.0 §4. */
import { boxCorners } from '../adql/shapes.ts'
import { badValue, integerParameter, type Parameters } from '../dali/parameters.ts'
import { numberLiteral, type Position, type Shape } from '../dali/shapes.ts'
import { ServiceError } from '../error.ts'

export type Intersect = 'OVERLAPS' | 'COVERS' | 'ENCLOSED' | 'CENTER'

export interface Sia1Parameters {
  /** Undefined: only the columns are asked for. */
  readonly region: { readonly center: Position; readonly shape: Shape; readonly isPoint: boolean } | undefined
  readonly intersect: Intersect
  /** Media types of files in lower case; undefined: all. */
  readonly formats: readonly string[] | undefined
  /** Whether files, and whether thumbnails are asked for. */
  readonly files: boolean
  readonly pictures: boolean
  readonly verb: number
  readonly maxrec: number | undefined
  readonly responseFormat: string | undefined
}

const INTERSECTS: readonly Intersect[] = ['OVERLAPS', 'COVERS', 'ENCLOSED', 'CENTER']

export function sia1Parameters(parameters: Parameters): Sia1Parameters {
  const format = parameters.single('FORMAT')?.trim() || 'ALL'
  const responseFormat = parameters.single('RESPONSEFORMAT') || undefined
  const maxrec = integerParameter(parameters, 'MAXREC')
  const verb = integerParameter(parameters, 'VERB') ?? 2
  if (/^METADATA$/i.test(format)) {
    const none = {
      region: undefined,
      intersect: 'OVERLAPS',
      formats: undefined,
      files: true,
      pictures: true,
    } as const
    return { ...none, verb: 3, maxrec, responseFormat }
  }
  const intersect = (parameters.single('INTERSECT')?.trim() || 'OVERLAPS').toUpperCase() as Intersect
  if (!INTERSECTS.includes(intersect))
    throw badValue('INTERSECT', intersect, `one of ${INTERSECTS.join(', ')}`)
  return { region: regionOf(parameters), intersect, ...formatsOf(format), verb, maxrec, responseFormat }
}

function regionOf(parameters: Parameters): Sia1Parameters['region'] {
  const pos = degrees('POS', parameters.single('POS'))
  const size = degrees('SIZE', parameters.single('SIZE'))
  const [lon, lat] = pos as readonly [number, number]
  if (pos.length !== 2) throw new ServiceError('usage', 'POS has two numbers: right ascension, declination')
  if (!(lat >= -90 && lat <= 90))
    throw new ServiceError('usage', `POS: the declination ${lat} is not within -90 and 90`)
  if (!(lon >= -360 && lon <= 720))
    throw new ServiceError('usage', `POS: the right ascension ${lon} is not within 0 and 360`)
  const [width, height = width] = size as readonly [number, number?]
  if (size.length < 1 || size.length > 2 || !(width >= 0 && height! >= 0))
    throw new ServiceError('usage', 'SIZE has one number that is not negative, or two: width, height')
  const center: Position = [((lon % 360) + 360) % 360, lat]
  return { center, isPoint: width === 0 && height === 0, shape: box(center, width, height!) }
}

/** Degrees: a box that is narrower is a line, which outlines nothing. */
const NARROW = 1e-6
/** Degrees: a wider box is bounded by parallels and meridians, since it goes round the sky. */
const WIDE = 120

function box(center: Position, width: number, height: number): Shape {
  if (width === 0 && height === 0) return { kind: 'circle', center, radius: 0 }
  if (width < WIDE && height < WIDE)
    return {
      kind: 'polygon',
      vertices: boxCorners(center, Math.max(width, NARROW), Math.max(height, NARROW)).map(turned),
    }
  const [lon, lat] = center
  const [lat1, lat2] = [Math.max(-90, lat - height / 2), Math.min(90, lat + height / 2)]
  const cosine = Math.cos((Math.max(Math.abs(lat1), Math.abs(lat2)) * Math.PI) / 180)
  const span = Math.min(360, width / Math.max(cosine, 1e-9))
  if (span >= 360) return { kind: 'range', lon1: 0, lon2: 360, lat1, lat2 }
  const lon1 = (lon - span / 2 + 360) % 360
  return { kind: 'range', lon1, lon2: lon1 + span, lat1, lat2 }
}

const turned = ([lon, lat]: Position): Position => [((lon % 360) + 360) % 360, lat]

function degrees(name: string, given: string | undefined): readonly number[] {
  if (!given?.trim())
    throw new ServiceError('usage', `${name} is missing; say POS=ra,dec and SIZE=width,height in degrees`)
  return given
    .trim()
    .split(/\s*,\s*|\s+/, 4)
    .map(word => {
      const number = numberLiteral(word)
      if (number === undefined || !Number.isFinite(number))
        throw badValue(name, given, 'decimal degrees with a comma between them')
      return number
    })
}

/** `ALL`, `GRAPHIC` (also with a list: `GRAPHIC-jpeg,png`), or media types with commas. */
function formatsOf(format: string): Pick<Sia1Parameters, 'formats' | 'files' | 'pictures'> {
  const types = format.toLowerCase().split(/\s*,\s*/)
  if (types.includes('all')) return { formats: undefined, files: true, pictures: true }
  if (types[0]!.startsWith('graphic')) return { formats: undefined, files: false, pictures: true }
  const fits = types.some(type => /^(image|application)\/fits$/.test(type))
  return {
    formats: [...types, ...(fits ? ['image/fits', 'application/fits'] : [])],
    files: true,
    pictures: types.includes('image/jpeg') || types.includes('image/jpg'),
  }
}

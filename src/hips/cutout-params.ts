/** Parameters of a view of a HiPS, as CDS's hips2fits has them. Degrees. */
import type { CutoutRequest } from './cutout.ts'
import { COLOR_MAPS, type Cut, type PictureLook, STRETCHES, type Stretch } from './cutout-picture.ts'

const MOST_PIXELS = 4_000_000
const PROJECTIONS = ['TAN', 'SIN', 'ARC', 'STG', 'ZEA', 'CAR', 'AIT', 'MOL', 'SFL', 'MER'] as const
const FORMATS = ['fits', 'jpg', 'png', 'webp'] as const

const KNOWN = [
  ...['ra', 'dec', 'fov', 'width', 'height', 'projection', 'coordsys', 'rotation_angle', 'format'],
  ...['stretch', 'min_cut', 'max_cut', 'cmap'],
]

/** Parameters of hips2fits that say here what others say. */
const OTHERWISE = new Map([
  ['hips', 'hips is no parameter here: the address names the HiPS, /hips/<name>/cutout'],
  ['wcs', 'wcs is not taken: say ra, dec, fov, width, height, projection and rotation_angle'],
])

/** What is wrong comes as a text. */
export function parseCutout(query: Readonly<Record<string, unknown>>): CutoutRequest | string {
  const given = new Map<string, string>()
  for (const [name, value] of Object.entries(query)) {
    const key = name.toLowerCase()
    if (typeof value !== 'string') return `${name} is given more than once`
    if (!KNOWN.includes(key))
      return OTHERWISE.get(key) ?? `${name} is no parameter; known are ${KNOWN.join(', ')}`
    if (given.has(key)) return `${name} is given more than once`
    given.set(key, value)
  }
  const number = (key: string, fallback?: number) => {
    const text = given.get(key)
    if (text === undefined) return fallback ?? `${key} is missing`
    const n = Number(text)
    return text.trim() === '' || !Number.isFinite(n) ? `${key}: '${text.slice(0, 40)}' is not a number` : n
  }
  const [lon, lat, fov] = [number('ra'), number('dec'), number('fov')]
  const [width, height] = [number('width', 512), number('height', 512)]
  const rotation = number('rotation_angle', 0)
  for (const value of [lon, lat, fov, width, height, rotation]) if (typeof value === 'string') return value
  const look = lookOf(given)
  if (typeof look === 'string') return look
  const request = {
    ...(look && { look }),
    lon: lon as number,
    lat: lat as number,
    fov: fov as number,
    width: width as number,
    height: height as number,
    rotation: rotation as number,
    projection: (given.get('projection') ?? 'TAN').toUpperCase() as CutoutRequest['projection'],
    format: (given.get('format') ?? 'jpg').toLowerCase().replace('jpeg', 'jpg') as CutoutRequest['format'],
    frame: (given.get('coordsys') ?? 'icrs').toLowerCase() as CutoutRequest['frame'],
  }
  if (Math.abs(request.lat) > 90) return `dec: ${request.lat} is not within -90 and 90`
  if (!(request.fov > 0 && request.fov <= 360)) return `fov: ${request.fov} is not within 0 and 360 degrees`
  const sides = [request.width, request.height]
  if (!sides.every(n => Number.isInteger(n) && n >= 1) || request.width * request.height > MOST_PIXELS)
    return `width and height must be positive integers of at most ${MOST_PIXELS} pixels together`
  if (!PROJECTIONS.some(one => one === request.projection))
    return `projection must be one of ${PROJECTIONS.join(', ')}`
  if (!FORMATS.some(one => one === request.format)) return `format must be one of ${FORMATS.join(', ')}`
  if (request.frame !== 'icrs' && request.frame !== 'galactic') return 'coordsys must be icrs or galactic'
  return request
}

/** Undefined where nothing is said of it. */
function lookOf(given: ReadonlyMap<string, string>): Partial<PictureLook> | string | undefined {
  const [stretch, cmap] = [given.get('stretch')?.toLowerCase(), given.get('cmap')]
  if (stretch !== undefined && !Object.hasOwn(STRETCHES, stretch))
    return `stretch must be one of ${Object.keys(STRETCHES).join(', ')}`
  const map = COLOR_MAPS.find(one => one.toLowerCase() === cmap?.toLowerCase())
  if (cmap !== undefined && !map) return `cmap must be one of ${COLOR_MAPS.join(', ')}`
  const cuts: { low?: Cut; high?: Cut } = {}
  for (const [key, side] of [
    ['min_cut', 'low'],
    ['max_cut', 'high'],
  ] as const) {
    const text = given.get(key)?.trim()
    if (text === undefined) continue
    const isPercent = text.endsWith('%')
    const n = text === '' ? Number.NaN : Number(isPercent ? text.slice(0, -1) : text)
    if (!Number.isFinite(n) || (isPercent && !(n >= 0 && n <= 100)))
      return `${key}: '${text.slice(0, 40)}' is neither a number nor a percentage such as 99.5%`
    cuts[side] = isPercent ? { percent: n } : { value: n }
  }
  const look = {
    ...cuts,
    ...(stretch !== undefined && { stretch: stretch as Stretch }),
    ...(map && { cmap: map }),
  }
  return Object.keys(look).length > 0 ? look : undefined
}

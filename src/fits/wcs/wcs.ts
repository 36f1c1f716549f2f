/**
 * World coordinates of an image on the sky (FITS Standard 4.0 §8; Papers I and II), both ways: pixel → SIP → linear →
 * TPV, TNX … → projection → native → celestial → ICRS. What cannot be placed for certain is refused. Pixels are
 * 0-based with whole numbers in their middles; angles are degrees.
 */
import { type Frame, frameChange } from '../../sphere/frames.ts'
import { lonLat, unitVector } from '../../sphere/vector.ts'
import { fitsError, type Header } from '../header.ts'
import { type CelestialAxes, celestialAxes } from './axes.ts'
import { rotationOf } from './celestial.ts'
import { invert, type PlaneMap } from './distortion.ts'
import { plateSolution } from './dss.ts'
import { frameOf } from './frame.ts'
import { type WcsKeywords, wcsKeywords } from './keywords.ts'
import { degreesOf, inverse, linearOf, times } from './linear.ts'
import { type LookupTables, needsTables } from './lookup.ts'
import { DEGREE, type Plane, type Projection } from './projection.ts'
import { projection } from './projections.ts'
import { sipOf } from './sip.ts'
import { tpvOf } from './tpv.ts'
import { watOf } from './wat.ts'

export type Position = readonly [lon: number, lat: number]

export interface CelestialWcs {
  /** The two axes of the image that are on the sky, from 0; x and y below are pixels along them. */
  readonly axes: readonly [number, number]
  readonly frame: Frame
  /** Longitude in [0, 360) and latitude in the image's own frame; undefined for pixels off the sky. */
  worldOf(x: number, y: number): Position | undefined
  /** Undefined for directions that the projection does not show. The pixel may be outside of the image. */
  pixelOfWorld(lon: number, lat: number): Plane | undefined
  /** ICRS. */
  skyOf(x: number, y: number): Position | undefined
  pixelOf(ra: number, dec: number): Plane | undefined
}

/** Between pixels and the plane of projection in degrees. */
interface ToPlane {
  readonly axes: readonly [number, number]
  plane(p: Plane): Plane
  pixel(plane: Plane): Plane | undefined
}

/** Between the plane of projection and celestial coordinates in the image's frame. */
interface ToWorld {
  world(plane: Plane): Position | undefined
  plane(lon: number, lat: number): Plane | undefined
}

/**
 * Undefined when no axes of the image are on the sky; throws where they are and cannot be placed. `tables` are those
 * of `lookupTables`, which images of the Hubble Space Telescope need.
 */
export function celestialWcs(header: Header, tables?: LookupTables): CelestialWcs | undefined {
  const keywords = wcsKeywords(header)
  try {
    const plate = plateWcs(header, keywords)
    if (plate) return plate
    const sky = celestialAxes(keywords)
    if (!sky) return undefined
    refuseUnknown(header, tables)
    const [toPlane, toWorld] = placed(header, keywords, sky, tables)
    return joined(toPlane, toWorld, frameOf(keywords, sky.type))
  } catch (error) {
    if (error instanceof RangeError) throw fitsError(header.title, error.message)
    throw error
  }
}

function joined(toPlane: ToPlane, toWorld: ToWorld, frame: Frame): CelestialWcs {
  const change = frameChange(frame)
  const worldOf = (x: number, y: number) => toWorld.world(toPlane.plane([x, y]))
  const pixelOfWorld = (lon: number, lat: number) => {
    const plane = toWorld.plane(lon, lat)
    return plane && toPlane.pixel(plane)
  }
  const turned = ([lon, lat]: Position, turn: typeof change.toIcrs): Position => {
    const [a, b] = lonLat(turn(unitVector(lon * DEGREE, lat * DEGREE)))
    return [a / DEGREE, b / DEGREE]
  }
  if (frame.name === 'ICRS')
    return { axes: toPlane.axes, frame, worldOf, pixelOfWorld, skyOf: worldOf, pixelOf: pixelOfWorld }
  return {
    axes: toPlane.axes,
    frame,
    worldOf,
    pixelOfWorld,
    skyOf(x, y) {
      const world = worldOf(x, y)
      return world && turned(world, change.toIcrs)
    },
    pixelOf: (ra, dec) => pixelOfWorld(...turned([ra, dec], change.fromIcrs)),
  }
}

/** Distortions that would move pixels by unknown amounts. */
function refuseUnknown(header: Header, tables: LookupTables | undefined): void {
  const keyword = [...header.first.keys()].find(name => /^CQDIS[12]$/.test(name))
  if (keyword !== undefined) {
    throw new RangeError(
      `the distortion ${keyword} = '${header.first.get(keyword)?.value}' cannot be applied`,
    )
  }
  if (needsTables(header) && !tables) {
    throw new RangeError('its distortion is in tables of other HDUs (CPDIS, D2IMDIS), which are not at hand')
  }
}

function placed(
  header: Header,
  keywords: WcsKeywords,
  sky: CelestialAxes,
  tables: LookupTables | undefined,
): [ToPlane, ToWorld] {
  const linear = linearOf(keywords, sky)
  const { code, lon, lat, distortion, sip } = algorithm(header, keywords, sky)
  const bent = sip || tables ? bentPixels(linear.reference, sip, tables) : undefined
  if (bent && (linear.axes[0] !== 1 || linear.axes[1] !== 2)) {
    throw new RangeError('distortions of pixels (SIP, CPDIS) need the sky on the first two axes')
  }
  const back = inverse(linear.matrix)
  const [cx, cy] = [linear.reference[0] - 1, linear.reference[1] - 1]
  const toPlane: ToPlane = {
    axes: [linear.axes[0] - 1, linear.axes[1] - 1],
    plane([x, y]) {
      const from: Plane = [x - cx, y - cy]
      const plane = times(linear.matrix, bent ? bent(from) : from)
      return distortion ? distortion(plane) : plane
    },
    pixel(plane) {
      // Distortions in degrees: to a thousandth of a milliarcsecond; in pixels: to a millionth.
      const straight = distortion ? invert(distortion, plane, plane, 1e-4, 1e-12) : plane
      const far = straight && times(back, straight)
      const from = far && bent ? invert(bent, far, far, 0.5, 1e-8) : far
      return from && [from[0] + cx, from[1] + cy]
    },
  }
  return [
    toPlane,
    code === undefined ? linearWorld(keywords, sky) : projectedWorld(keywords, sky, code, lon, lat),
  ]
}

/** Pixels from CRPIX: those of the detector become those of the image, then SIP and tables are added to them. */
function bentPixels([cx, cy]: Plane, sip: PlaneMap | undefined, tables: LookupTables | undefined): PlaneMap {
  return ([u, v]) => {
    const detector = tables?.detector?.([u + cx, v + cy]) ?? [0, 0]
    const from: Plane = [u + detector[0], v + detector[1]]
    const table = tables?.image?.([from[0] + cx, from[1] + cy]) ?? [0, 0]
    const [x, y] = sip ? sip(from) : from
    return [x + table[0], y + table[1]]
  }
}

type Values = ReadonlyMap<number, number>

interface AlgorithmOfAxes {
  /** Code of the projection proper; undefined for linear axes. */
  readonly code: string | undefined
  /** PVi_m that are left for the projection. */
  readonly lon: Values
  readonly lat: Values
  readonly distortion?: PlaneMap | undefined
  readonly sip?: PlaneMap | undefined
}

/** What CTYPE, PV, SIP and WAT make of each other. */
function algorithm(header: Header, keywords: WcsKeywords, sky: CelestialAxes): AlgorithmOfAxes {
  const [lon, lat] = [keywords.parameters(sky.lon), keywords.parameters(sky.lat)]
  const none: Values = new Map()
  const code = sky.projection
  if (code === undefined) return { code, lon: none, lat: none, sip: sipOf(header) }
  if (code === 'TPV' || (code === 'TAN' && !sky.sip && isScamp(lon, lat))) {
    ordered(keywords, sky, 'TPV')
    return { code: 'TAN', lon: none, lat: none, distortion: tpvOf(lon, lat) }
  }
  // SIP made from the PV of SCAMP, which were left in the header.
  if (code === 'TAN' && sky.sip && isScamp(lon, lat))
    return { code, lon: none, lat: none, sip: sipOf(header) }
  if (code === 'TNX' || code === 'ZPX') {
    ordered(keywords, sky, code)
    const { map, parameters } = watOf(header, code)
    const zpn = new Map([...lat, ...parameters])
    return { code: code === 'TNX' ? 'TAN' : 'ZPN', lon, lat: zpn, distortion: map }
  }
  const tooHigh = [...lon.keys()].find(m => m > 4)
  if (tooHigh !== undefined) {
    throw new RangeError(`PV${sky.lon}_${tooHigh} means nothing for the longitude axis of ${code}`)
  }
  return { code, lon, lat, sip: sipOf(header) }
}

/**
 * SCAMP before 2012 wrote TPV coefficients under the name TAN. TAN has no parameters on the latitude axis and at most
 * four on the longitude axis, so astropy goes by an m of 5 or more; a linear solution shows in PVlat_1, which is
 * close to 1.
 */
function isScamp(lon: Values, lat: Values): boolean {
  const highest = Math.max(-1, ...lon.keys(), ...lat.keys())
  return highest >= 5 || (lat.get(1) ?? 0) !== 0
}

/** Which coefficients are whose is not defined when latitude comes first; wcslib and SCAMP differ. */
function ordered(keywords: WcsKeywords, sky: CelestialAxes, code: string): void {
  if (sky.lon < sky.lat) return
  throw fitsError(keywords.title, `${code} is ambiguous with the latitude on the first axis`)
}

function linearWorld(keywords: WcsKeywords, sky: CelestialAxes): ToWorld {
  const [lon0, lat0] = origin(keywords, sky)
  return {
    world: ([x, y]) => (Math.abs(lat0 + y) <= 90 ? [turn360(lon0 + x), lat0 + y] : undefined),
    plane: (lon, lat) => [turn180(lon - lon0), lat - lat0],
  }
}

function origin(keywords: WcsKeywords, sky: CelestialAxes): [lon: number, lat: number] {
  const value = (axis: number) => (keywords.number(`CRVAL${axis}`) ?? 0) * degreesOf(keywords, axis)
  return [value(sky.lon), value(sky.lat)]
}

const turn360 = (angle: number) => ((angle % 360) + 360) % 360
const turn180 = (angle: number) => turn360(angle + 180) - 180

function projectedWorld(
  keywords: WcsKeywords,
  sky: CelestialAxes,
  given: string,
  lon: Values,
  lat: Values,
): ToWorld {
  const [lon0, lat0] = origin(keywords, sky)
  if (Math.abs(lat0) > 90) throw new RangeError(`CRVAL${sky.lat} is ${lat0}, which is no latitude`)
  let code = given
  let [latValues, offset, phi0, theta0] = [lat, (lon.get(0) ?? 0) !== 0, lon.get(1), lon.get(2)]
  if (given === 'GLS') {
    // AIPS: the map is moved to the reference latitude, not turned there (wcslib).
    ;[code, offset, phi0, theta0] = ['SFL', true, 0, lat0]
  } else if (given === 'NCP') {
    if (lat0 === 0) throw new RangeError('NCP cannot be centred on the equator')
    code = 'SIN'
    latValues = new Map([
      [1, 0],
      [2, 1 / Math.tan(lat0 * DEGREE)],
    ])
  }
  const map = projection(code, m => latValues.get(m))
  if (!map) throw new RangeError(`the projection ${given} is not known (CTYPE${sky.lon})`)
  const native = { phi0: phi0 ?? 0, theta0: theta0 ?? map.theta0 / DEGREE }
  if (Math.abs(native.theta0) > 90)
    throw new RangeError(`PV${sky.lon}_2 is ${native.theta0}, which is no latitude`)
  const rotation = rotationOf({
    lon: lon0,
    lat: lat0,
    ...native,
    lonPole: lon.get(3) ?? keywords.number('LONPOLE'),
    latPole: lon.get(4) ?? keywords.number('LATPOLE'),
  })
  const [dx, dy] = offset ? moved(map, native) : [0, 0]
  return {
    world([x, y]) {
      const place = map.toNative(x * DEGREE + dx, y * DEGREE + dy)
      if (!place) return undefined
      const [a, b] = lonLat(rotation.toSky(place))
      return [a / DEGREE, b / DEGREE]
    },
    plane(a, b) {
      const place = map.fromNative(...rotation.toNative(unitVector(a * DEGREE, b * DEGREE)))
      return place && [(place[0] - dx) / DEGREE, (place[1] - dy) / DEGREE]
    },
  }
}

/** PVi_0: where the projection has the reference point (Paper II §2.5). */
function moved(map: Projection, native: { phi0: number; theta0: number }): Plane {
  const at = map.fromNative(native.phi0 * DEGREE, native.theta0 * DEGREE)
  if (!at) throw new RangeError('the reference point (PVi_1, PVi_2) is not on the map')
  return at
}

function plateWcs(header: Header, keywords: WcsKeywords): CelestialWcs | undefined {
  const plate = plateSolution(header)
  if (!plate) return undefined
  const toPlane: ToPlane = {
    axes: [0, 1],
    plane: ([x, y]) => plate.map([x + 1, y + 1]),
    pixel(plane) {
      const start = plate.guess(plane)
      const found = invert(p => plate.guess(plate.map(p)), start, start, 1, 1e-8)
      return found && [found[0] - 1, found[1] - 1]
    },
  }
  const tan = projection('TAN', () => undefined)!
  const { lon, lat } = plate
  const rotation = rotationOf({ lon, lat, phi0: 0, theta0: 90, lonPole: 180, latPole: undefined })
  const toWorld: ToWorld = {
    world([x, y]) {
      const [a, b] = lonLat(rotation.toSky(tan.toNative(x * DEGREE, y * DEGREE)!))
      return [a / DEGREE, b / DEGREE]
    },
    plane(a, b) {
      const place = tan.fromNative(...rotation.toNative(unitVector(a * DEGREE, b * DEGREE)))
      return place && [place[0] / DEGREE, place[1] / DEGREE]
    },
  }
  return joined(toPlane, toWorld, frameOf(keywords, 'RA'))
}

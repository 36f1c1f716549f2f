/**
 * From native to celestial directions: the pole of the native system from the reference point, LONPOLE and LATPOLE
 * (Paper II §2.2–2.5), as a rotation.
 */
import { apply, type Matrix, product, transposed, turn } from '../../sphere/frames.ts'
import { unitVector, type Vector } from '../../sphere/vector.ts'
import { DEGREE, type Native } from './projection.ts'

export interface Rotation {
  toSky(native: Native): Vector
  toNative(direction: Vector): Native
}

/** Degrees throughout. */
export interface Reference {
  /** CRVAL of longitude and latitude. */
  readonly lon: number
  readonly lat: number
  /** Native coordinates of the reference point. */
  readonly phi0: number
  readonly theta0: number
  /** LONPOLE and LATPOLE, or PVi_3 and PVi_4 of the longitude axis. */
  readonly lonPole: number | undefined
  readonly latPole: number | undefined
}

const TOLERANCE = 1e-10

/** Throws a RangeError where no rotation fits. */
export function rotationOf(reference: Reference): Rotation {
  const [lonP, latP, phiP] = nativePole(reference)
  // Paper II eq. 2 as matrices: native longitude from φp, the tilt, celestial longitude from αp.
  const tilt: Matrix = [
    [-Math.sin(latP * DEGREE), 0, Math.cos(latP * DEGREE)],
    [0, -1, 0],
    [Math.cos(latP * DEGREE), 0, Math.sin(latP * DEGREE)],
  ]
  const toSky = product(turn('z', -lonP * DEGREE), tilt, turn('z', phiP * DEGREE))
  const back = transposed(toSky)
  return {
    toSky: ([phi, theta]) => apply(toSky, unitVector(phi, theta)),
    toNative(direction) {
      const [x, y, z] = apply(back, direction)
      return [x === 0 && y === 0 ? 0 : Math.atan2(y, x), Math.atan2(z, Math.hypot(x, y))]
    },
  }
}

/** Celestial coordinates of the native pole, and the native longitude of the celestial pole (§2.4, eqs. 8–10). */
function nativePole(reference: Reference): [lonP: number, latP: number, phiP: number] {
  const { lon, lat, phi0, theta0 } = reference
  const phiP = lonPoleOf(reference)
  if (theta0 === 90) return [lon, lat, phiP]
  const [sinLat, cosLat] = [Math.sin(lat * DEGREE), Math.cos(lat * DEGREE)]
  const [sinTheta, cosTheta] = [Math.sin(theta0 * DEGREE), Math.cos(theta0 * DEGREE)]
  const delta = (phiP - phi0) * DEGREE
  const latP = nativePoleLatitude(reference, delta)
  const z = Math.cos(latP * DEGREE) * cosLat
  if (Math.abs(z) < TOLERANCE) {
    if (Math.abs(cosLat) < TOLERANCE) return [lon, latP, phiP]
    return [latP > 0 ? lon + phiP - phi0 - 180 : lon - phiP + phi0, latP, phiP]
  }
  const x = (sinTheta - Math.sin(latP * DEGREE) * sinLat) / z
  const y = (phiP === phi0 ? 0 : Math.sin(delta) * cosTheta) / cosLat
  return [lon - Math.atan2(y, x) / DEGREE, latP, phiP]
}

/** §2.3: by default the celestial pole is up where it can be. AIPS writes 999 for a default. */
function lonPoleOf({ lat, phi0, theta0, lonPole }: Reference): number {
  if (lonPole !== undefined && lonPole !== 999) return lonPole
  const phiP = (lat < theta0 ? 180 : 0) + phi0
  return phiP > 180 ? phiP - 360 : phiP < -180 ? phiP + 360 : phiP
}

/** Of two latitudes that fit, the one closer to LATPOLE, by default to the north. */
function nativePoleLatitude({ lat, theta0, lonPole, latPole }: Reference, delta: number): number {
  const wanted = latPole ?? 90
  let [u, v] = [theta0, 90 - lat]
  if (delta !== 0) {
    const x = Math.cos(theta0 * DEGREE) * Math.cos(delta)
    const y = Math.sin(theta0 * DEGREE)
    const z = Math.hypot(x, y)
    if (z < 1e-15) {
      if (Math.abs(Math.sin(lat * DEGREE)) > TOLERANCE) {
        throw new RangeError('LONPOLE 90° off needs a reference point on the equator')
      }
      return Math.max(-90, Math.min(90, wanted))
    }
    const ratio = Math.sin(lat * DEGREE) / z
    if (Math.abs(ratio) > 1 + TOLERANCE) {
      throw new RangeError(`LONPOLE ${lonPole} does not go with a reference point at latitude ${lat}`)
    }
    u = Math.atan2(y, x) / DEGREE
    v = Math.acos(Math.max(-1, Math.min(1, ratio))) / DEGREE
  }
  const wrapped = (angle: number) => (angle > 180 ? angle - 360 : angle < -180 ? angle + 360 : angle)
  const solutions = [wrapped(u - v), wrapped(u + v)].filter(angle => Math.abs(angle) < 90 + TOLERANCE)
  if (solutions.length === 0) throw new RangeError('no pole fits LONPOLE and the reference point')
  const best = solutions.reduce((a, b) => (Math.abs(wanted - b) < Math.abs(wanted - a) ? b : a))
  return Math.max(-90, Math.min(90, best))
}

/**
 * The reference frames of queries (IVOA vocabulary refframe), which differ from ICRS by a rotation. FK4 is that of
 * B1950 without its elliptic terms, which are no rotation (0.34″).
 */
import { frameChange } from '../sphere/frames.ts'
import { lonLat, unitVector, type Vector } from '../sphere/vector.ts'

const CHANGES = {
  ICRS: frameChange({ name: 'ICRS' }),
  FK5: frameChange({ name: 'FK5', equinox: 2000 }),
  FK4: frameChange({ name: 'FK4-NO-E', equinox: 1950 }),
  GALACTIC: frameChange({ name: 'GALACTIC' }),
  SUPER_GALACTIC: frameChange({ name: 'SUPERGALACTIC' }),
  ECLIPTIC: frameChange({ name: 'ECLIPTIC', equinox: 2000 }),
}

export type Frame = keyof typeof CHANGES

export const FRAME_NAMES = Object.keys(CHANGES) as readonly Frame[]

export const isFrame = (name: string): name is Frame => Object.hasOwn(CHANGES, name)

/** Euler angles about Z, X, Z of the rotation between two frames, as pgSphere's strans takes them; radians. */
export function eulerAngles(from: Frame, to: Frame): readonly [number, number, number] {
  const axis = (v: Vector) => CHANGES[to].fromIcrs(CHANGES[from].toIcrs(v))
  const [x, y, z] = [axis([1, 0, 0]), axis([0, 1, 0]), axis([0, 0, 1])]
  const theta = Math.atan2(Math.hypot(x[2], y[2]), z[2])
  if (theta < 1e-12) return [Math.atan2(x[1], x[0]), 0, 0]
  return [Math.atan2(x[2], y[2]), theta, Math.atan2(z[0], -z[1])]
}

const DEGREE = Math.PI / 180

/** A direction in ICRS; degrees. */
export function toIcrs(frame: Frame, lon: number, lat: number): readonly [ra: number, dec: number] {
  const [ra, dec] = lonLat(CHANGES[frame].toIcrs(unitVector(lon * DEGREE, lat * DEGREE)))
  return [ra / DEGREE, dec / DEGREE]
}

/** All projections by their codes. */
import type { Parameters, Projection } from './projection.ts'
import { conic } from './projection-conic.ts'
import { cylindrical } from './projection-cylindrical.ts'
import { healpix } from './projection-healpix.ts'
import { quadCube } from './projection-quad-cube.ts'
import { zenithal } from './projection-zenithal.ts'

/** The projection of a three-letter code; undefined for an unknown one. Wrong parameters throw a RangeError. */
export function projection(code: string, pv: Parameters): Projection | undefined {
  return zenithal(code, pv) ?? cylindrical(code, pv) ?? conic(code, pv) ?? quadCube(code) ?? healpix(code, pv)
}

/**
 * Spherical projections of the FITS standard (Calabretta & Greisen 2002, "Paper II", §5; HEALPix: Calabretta &
 * Roukema 2007). Angles and plane coordinates are in radians, on a sphere of radius 1.
 */

export type Plane = readonly [x: number, y: number]
export type Native = readonly [phi: number, theta: number]

export interface Projection {
  /** Native latitude of the reference point; its native longitude is 0. */
  readonly theta0: number
  /** Undefined where the plane holds no sky. */
  toNative(x: number, y: number): Native | undefined
  /** Undefined for directions that the projection cannot show, or shows in a place that another one has. */
  fromNative(phi: number, theta: number): Plane | undefined
}

/** Parameters PVi_m of the latitude axis as they stand in the header, m from 0. */
export type Parameters = (m: number) => number | undefined

export const DEGREE = Math.PI / 180

/** asin of a number that rounding may have left a little outside of −1 to 1; NaN beyond that. */
export function asinNear(value: number, tolerance = 1e-12): number {
  if (Math.abs(value) <= 1) return Math.asin(value)
  return Math.abs(value) <= 1 + tolerance ? Math.sign(value) * (Math.PI / 2) : Number.NaN
}

/** Native coordinates, when they are on the sphere within a tolerance; undefined else, for NaN too. */
export function native(phi: number, theta: number, tolerance = 1e-12): Native | undefined {
  const [most, pole] = [Math.PI + tolerance, Math.PI / 2 + tolerance]
  return Math.abs(phi) <= most && Math.abs(theta) <= pole ? [phi, theta] : undefined
}

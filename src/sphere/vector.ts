/** Directions on the unit sphere; every angle is in radians. */

export type Vector = readonly [x: number, y: number, z: number]

/** Unit vector of a direction. */
export function unitVector(lon: number, lat: number): Vector {
  const cosLat = Math.cos(lat)
  return [cosLat * Math.cos(lon), cosLat * Math.sin(lon), Math.sin(lat)]
}

/** Longitude in [0, 2π) and latitude of a vector of any length but zero. */
export function lonLat([x, y, z]: Vector): [lon: number, lat: number] {
  return [positiveAngle(Math.atan2(y, x)), Math.atan2(z, Math.hypot(x, y))]
}

/** The same angle in [0, 2π). */
export function positiveAngle(angle: number): number {
  const turn = 2 * Math.PI
  const rest = angle % turn
  if (rest >= 0) return rest
  const positive = rest + turn
  return positive < turn ? positive : 0
}

export function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

export function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/** Angle between two vectors, exact near 0 and near π, where acos of the dot product is not. */
export function angle(a: Vector, b: Vector): number {
  return Math.atan2(Math.hypot(...cross(a, b)), dot(a, b))
}

/** Angular distance of two directions by Vincenty's formula on the sphere: exact near 0 and near π. */
export function distance(lon1: number, lat1: number, lon2: number, lat2: number): number {
  const dLon = lon2 - lon1
  const [sin1, cos1, sin2, cos2] = [Math.sin(lat1), Math.cos(lat1), Math.sin(lat2), Math.cos(lat2)]
  const cosLon = Math.cos(dLon)
  // cos1·sin2 − sin1·cos2·cosLon cancels for close points; this form keeps the small difference.
  const halfLon = Math.sin(dLon / 2)
  const north = Math.sin(lat2 - lat1) + 2 * sin1 * cos2 * halfLon * halfLon
  return Math.atan2(Math.hypot(cos2 * Math.sin(dLon), north), sin1 * sin2 + cos1 * cos2 * cosLon)
}

/** Regions that exposures cover, held against HEALPix cells and directions. */
import { ServiceError } from '../error.ts'
import { dot, unitVector, type Vector } from '../sphere/vector.ts'

export interface Footprint {
  /** How all directions within `reach` radians of one lie to the region; 'partly' where it is not sure. */
  lies(centre: Vector, reach: number): 'inside' | 'outside' | 'partly'
  contains(direction: Vector): boolean
}

const DEGREE = Math.PI / 180

/** Degrees. */
export function circle(lon: number, lat: number, radiusDeg: number): Footprint {
  const middle = unitVector(lon * DEGREE, lat * DEGREE)
  const radius = radiusDeg * DEGREE
  const nearest = Math.cos(radius)
  return {
    lies(centre, reach) {
      const distance = arc(dot(centre, middle))
      return distance + reach <= radius ? 'inside' : distance - reach > radius ? 'outside' : 'partly'
    },
    contains: direction => dot(direction, middle) >= nearest,
  }
}

const arc = (cosine: number) => Math.acos(Math.min(1, Math.max(-1, cosine)))

/** Vertices in degrees, lon and lat in turn; simple, smaller than a hemisphere, of either winding. */
export function polygon(degrees: readonly number[]): Footprint {
  const corners: Vector[] = []
  for (let i = 0; i + 1 < degrees.length; i += 2)
    corners.push(unitVector(degrees[i]! * DEGREE, degrees[i + 1]! * DEGREE))
  const middle = normal(corners.reduce<Vector>((a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]], [0, 0, 0]))
  const radius = Math.max(...corners.map(corner => arc(dot(corner, middle))))
  if (corners.length < 3 || !(radius < Math.PI / 2))
    throw new ServiceError(
      'usage',
      `a polygon of ${corners.length} vertices is none, or larger than half of the sky`,
    )
  /** Normals of the great circles of the edges. */
  const edges = corners.map((corner, i) => normal(cross(corner, corners[(i + 1) % corners.length]!)))
  const [east, north] = axes(middle)
  const flat = corners.map(corner => project(corner, middle, east, north))

  function contains(direction: Vector): boolean {
    if (dot(direction, middle) <= 0) return false
    const [x, y] = project(direction, middle, east, north)
    let inside = false
    for (let i = 0, j = flat.length - 1; i < flat.length; j = i++) {
      const [ax, ay] = flat[i]!
      const [bx, by] = flat[j]!
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside
    }
    return inside
  }

  return {
    contains,
    lies(centre, reach) {
      if (arc(dot(centre, middle)) - reach > radius) return 'outside'
      // No edge comes near when the great circle of none does.
      const sure = edges.every(
        edge => Math.abs(Math.asin(Math.min(1, Math.max(-1, dot(centre, edge))))) > reach,
      )
      if (!sure) return 'partly'
      return contains(centre) ? 'inside' : 'outside'
    },
  }
}

/** East and north at a direction. */
function axes(middle: Vector): readonly [Vector, Vector] {
  const lon = Math.atan2(middle[1], middle[0])
  const east: Vector = [-Math.sin(lon), Math.cos(lon), 0]
  return [east, cross(middle, east)]
}

/** Gnomonic: great circles become straight lines. */
function project(v: Vector, middle: Vector, east: Vector, north: Vector): readonly [number, number] {
  const forward = dot(v, middle)
  return [dot(v, east) / forward, dot(v, north) / forward]
}

const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
]

function normal(v: Vector): Vector {
  const length = Math.hypot(...v)
  return [v[0] / length, v[1] / length, v[2] / length]
}

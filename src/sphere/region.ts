/** Circles, ranges of longitude and latitude, and polygons on the sphere: what is inside, and their outlines. Radians. */
import { angle, cross, dot, lonLat, positiveAngle, unitVector, type Vector } from './vector.ts'

export type Region =
  | { readonly kind: 'circle'; readonly center: Vector; readonly radius: number }
  /** Longitudes go east from the first to the second, which may be beyond 2π: the width is their difference. */
  | {
      readonly kind: 'range'
      readonly lon: readonly [west: number, east: number]
      readonly lat: readonly [south: number, north: number]
    }
  /** Great-circle edges; not closed; of either winding; within a hemisphere, which holds what is inside. */
  | { readonly kind: 'polygon'; readonly vertices: readonly Vector[] }

/** Tells of directions whether they are in the region; its edge belongs to it. */
export function membership(region: Region): (v: Vector) => boolean {
  if (region.kind === 'circle') {
    const { center, radius } = region
    // By the chord: exact for small circles, too.
    const limit = 2 * Math.sin(Math.min(radius, Math.PI) / 2) * (1 + 1e-14)
    return v => Math.hypot(v[0] - center[0], v[1] - center[1], v[2] - center[2]) <= limit
  }
  if (region.kind === 'range') {
    const [west, east] = region.lon
    const [south, north] = region.lat
    return v => {
      const [lon, lat] = lonLat(v)
      return lat >= south && lat <= north && positiveAngle(lon - west) <= east - west
    }
  }
  return polygonMembership(region.vertices)
}

/** Tells of directions outside at most how far they are from the region; 0 or less of those inside. */
export function distanceTo(region: Region): (v: Vector) => number {
  if (region.kind === 'circle') return v => angle(v, region.center) - region.radius
  if (region.kind === 'range') {
    const [west, east] = region.lon
    const [south, north] = region.lat
    return v => {
      const [lon, lat] = lonLat(v)
      const along = Math.max(south - lat, lat - north)
      if (positiveAngle(lon - west) <= east - west) return along
      // To the great circles of both meridians.
      const sine = Math.min(Math.abs(Math.sin(lon - west)), Math.abs(Math.sin(lon - east)))
      return Math.max(along, Math.asin(Math.cos(lat) * sine))
    }
  }
  const contains = polygonMembership(region.vertices)
  const edges = region.vertices.map((a, i) => {
    const b = region.vertices[(i + 1) % region.vertices.length]!
    const normal = cross(a, b)
    return { a, b, normal, size: Math.hypot(...normal) }
  })
  return v => (contains(v) ? 0 : Math.min(...edges.map(edge => toArc(v, edge))))
}

function toArc(
  v: Vector,
  {
    a,
    b,
    normal,
    size,
  }: { readonly a: Vector; readonly b: Vector; readonly normal: Vector; readonly size: number },
): number {
  const ends = Math.min(angle(v, a), angle(v, b))
  if (size === 0) return ends
  const between = dot(cross(normal, a), v) > 0 && dot(cross(b, normal), v) > 0
  return between ? Math.asin(Math.min(1, Math.abs(dot(normal, v)) / size)) : ends
}

/** A direction that is in the region. */
export function middleOf(region: Region): Vector {
  if (region.kind === 'circle') return region.center
  if (region.kind === 'range') {
    return unitVector((region.lon[0] + region.lon[1]) / 2, (region.lat[0] + region.lat[1]) / 2)
  }
  return region.vertices[0]!
}

/** Points along the outline, at most `step` from each other; the whole sphere has none. */
export function outline(region: Region, step: number): Vector[] {
  if (region.kind === 'circle') {
    const { center, radius } = region
    if (radius >= Math.PI) return []
    const [u, w] = tangents(center)
    const count = Math.max(16, Math.ceil((2 * Math.PI * Math.sin(radius)) / step))
    return Array.from({ length: count }, (_, i) => {
      const [c, s] = [
        Math.sin(radius) * Math.cos((2 * Math.PI * i) / count),
        Math.sin(radius) * Math.sin((2 * Math.PI * i) / count),
      ]
      const along = (k: 0 | 1 | 2) => Math.cos(radius) * center[k] + c * u[k] + s * w[k]
      return [along(0), along(1), along(2)] as const
    })
  }
  if (region.kind === 'range') return rangeOutline(region.lon, region.lat, step)
  return region.vertices.flatMap((v, i) => arc(v, region.vertices[(i + 1) % region.vertices.length]!, step))
}

function rangeOutline(
  [west, east]: readonly number[],
  [south, north]: readonly number[],
  step: number,
): Vector[] {
  const line = (from: readonly [number, number], to: readonly [number, number]) => {
    const length = Math.max(Math.abs(to[0] - from[0]) * Math.cos(to[1]), Math.abs(to[1] - from[1]))
    const count = Math.max(4, Math.ceil(length / step))
    return Array.from({ length: count }, (_, i) =>
      unitVector(from[0] + ((to[0] - from[0]) * i) / count, from[1] + ((to[1] - from[1]) * i) / count),
    )
  }
  const parallels = [
    ...line([west!, south!], [east!, south!]),
    ...line([east!, south!], [east!, north!]),
    ...line([east!, north!], [west!, north!]),
    ...line([west!, north!], [west!, south!]),
  ]
  return parallels
}

/** Points on the great circle from one direction up to before another. */
function arc(from: Vector, to: Vector, step: number): Vector[] {
  const length = angle(from, to)
  const count = Math.max(1, Math.ceil(length / step))
  const sine = Math.sin(length)
  return Array.from({ length: count }, (_, i) => {
    if (i === 0 || sine === 0) return from
    const [a, b] = [Math.sin(length * (1 - i / count)) / sine, Math.sin((length * i) / count) / sine]
    const along = (k: 0 | 1 | 2) => a * from[k] + b * to[k]
    return [along(0), along(1), along(2)] as const
  })
}

/** Two directions at right angles to a third and to each other. */
function tangents(v: Vector): [Vector, Vector] {
  const u = unit(cross(Math.abs(v[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0], v))
  return [u, cross(v, u)]
}

function unit(v: Vector): Vector {
  const length = Math.hypot(...v)
  return [v[0] / length, v[1] / length, v[2] / length]
}

/** A direction from which all vertices are less than 90° away. */
function hemisphere(vertices: readonly Vector[]): Vector {
  const middle = (i: 0 | 1 | 2) => Math.min(...vertices.map(v => v[i])) + Math.max(...vertices.map(v => v[i]))
  return unit([middle(0), middle(1), middle(2)])
}

/**
 * By crossings: the way from a direction to one that is known to be outside crosses the edges an odd number of times
 * when it begins inside.
 */
function polygonMembership(vertices: readonly Vector[]): (v: Vector) => boolean {
  const count = vertices.length
  const center = hemisphere(vertices)
  // Turned by a little, so that no vertex of a symmetric polygon is on the way.
  const far = unit([-center[0] + 1.3e-7, -center[1] - 0.7e-7, -center[2] + 0.9e-7])
  const normals = vertices.map((v, i) => cross(v, vertices[(i + 1) % count]!))
  return v => {
    const way = cross(v, far)
    let inside = false
    let before = dot(way, vertices[0]!) > 0
    for (let i = 0; i < count; i++) {
      const after = dot(way, vertices[i + 1 === count ? 0 : i + 1]!) > 0
      if (after !== before) {
        const normal = normals[i]!
        const [sideV, sideFar] = [dot(normal, v) > 0, dot(normal, far) > 0]
        // Both arcs cross each other's great circle; on the same side of the sphere when the turns agree.
        if (sideV !== sideFar && before !== sideV) inside = !inside
      }
      before = after
    }
    return inside
  }
}

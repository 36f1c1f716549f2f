/** Where an image is: s_ra, s_dec, s_fov, s_region, s_pixel_scale (ObsCore 1.1 §4.9–4.12). */

import type { Footprint } from '../../fits/wcs/footprint.ts'
import { footprint } from '../../fits/wcs/footprint.ts'
import type { CelestialWcs, Position } from '../../fits/wcs/wcs.ts'
import { angle, cross, lonLat, unitVector, type Vector } from '../../sphere/vector.ts'
import { type Pieces, piecesOf } from './pieces.ts'

export interface Place {
  readonly center: Position
  /** Diameter of a circle around all of it, degrees. */
  readonly fovDeg: number
  /** Vertices, counter-clockwise, of what is smaller than a hemisphere. */
  readonly region: readonly Position[] | undefined
  /** Where there is no region. */
  readonly pieces: Pieces | undefined
  /** Side of the square that a pixel at the centre is as large as. */
  readonly pixelScaleArcsec: number | undefined
}

const DEGREE = Math.PI / 180

/** Undefined when no pixel of the image is on the sky. */
export function placeOf(wcs: CelestialWcs, width: number, height: number): Place | undefined {
  const outline = footprint(wcs, width, height)
  if (!outline) return undefined
  const middle = wcs.skyOf((width - 1) / 2, (height - 1) / 2)
  const pixelScaleArcsec = pixelScale(wcs, (width - 1) / 2, (height - 1) / 2)
  if (outline.kind === 'polygon') {
    const center = middle ?? outline.vertices[0]!
    const reach = Math.max(...outline.vertices.map(vertex => angle(vector(center), vector(vertex))))
    return {
      center,
      fovDeg: (2 * reach) / DEGREE,
      region: outline.vertices,
      pieces: undefined,
      pixelScaleArcsec,
    }
  }
  const center = middle ?? outline.center
  const place = { center, fovDeg: Math.min(360, 2 * outline.radiusDeg), pixelScaleArcsec }
  // The circle has a margin of its own: the polygon is drawn around it, up to what pgSphere takes for a polygon.
  if (outline.radiusDeg < 80) return { ...place, region: around(outline), pieces: undefined }
  return { ...place, region: undefined, pieces: piecesOf(wcs, width, height) }
}

const vector = ([lon, lat]: Position): Vector => unitVector(lon * DEGREE, lat * DEGREE)

const degrees = (v: Vector): Position => {
  const [lon, lat] = lonLat(v)
  return [lon / DEGREE, lat / DEGREE]
}

function pixelScale(wcs: CelestialWcs, x: number, y: number): number | undefined {
  const [left, right, below, above] = [
    wcs.skyOf(x - 0.5, y),
    wcs.skyOf(x + 0.5, y),
    wcs.skyOf(x, y - 0.5),
    wcs.skyOf(x, y + 0.5),
  ].map(sky => sky && vector(sky))
  if (!left || !right || !below || !above) return undefined
  const [dx, dy] = [minus(right, left), minus(above, below)]
  return (Math.sqrt(Math.hypot(...cross(dx, dy))) / DEGREE) * 3600
}

const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]]

const CORNERS = 32

/** A polygon around a circle. */
function around({ center, radiusDeg }: Footprint & { kind: 'circle' }): Position[] {
  const c = vector(center)
  const lon = center[0] * DEGREE
  const east: Vector = [-Math.sin(lon), Math.cos(lon), 0]
  const north = cross(c, east)
  const reach = Math.tan(radiusDeg * DEGREE) / Math.cos(Math.PI / CORNERS)
  return Array.from({ length: CORNERS }, (_, i) => {
    const turn = (2 * Math.PI * i) / CORNERS
    const [e, n] = [reach * Math.cos(turn), reach * Math.sin(turn)]
    return degrees([
      c[0] + e * east[0] + n * north[0],
      c[1] + e * east[1] + n * north[1],
      c[2] + e * east[2] + n * north[2],
    ])
  })
}

/**
 * Which outlines a shape overlaps, as conditions on a column of spoly that its GiST index answers.
 *
 * pgSphere has circles up to 90 degrees: beyond, an outline overlaps the circle where it is not within the rest of the
 * sky. Its boxes of longitude and latitude miss an outline whose edge, a great circle, bulges over the parallel on
 * their side towards the equator; the parallel itself, as a path, finds that. A box of all longitudes is what
 * overlaps the cap above its lower parallel and the cap below its upper one, since an outline is in one piece.
 */
import type { Position, Range, Shape } from '../dali/shapes.ts'

/** Takes a value and gives its placeholder in the SQL. */
export type Bind = (value: string) => string

/** The condition for a column. */
export type Overlap = (column: string) => string

export function overlap(shape: Shape, bind: Bind): Overlap {
  switch (shape.kind) {
    case 'circle':
      return circleOverlap(shape.center, shape.radius, bind)
    case 'polygon': {
      const polygon = bind(`{${shape.vertices.map(point).join(',')}}`)
      return column => `${column} && ${polygon}::spoly`
    }
    case 'range':
      return rangeOverlap(shape, bind)
  }
}

const point = ([lon, lat]: Position) => `(${lon}d,${lat}d)`

function circleOverlap([lon, lat]: Position, radius: number, bind: Bind): Overlap {
  if (radius <= 90) {
    const circle = bind(`<${point([lon, lat])},${radius}d>`)
    return column => `${column} && ${circle}::scircle`
  }
  const rest = bind(`<${point([(lon + 180) % 360, -lat])},${180 - radius}d>`)
  return column => `NOT (${column} <@ ${rest}::scircle)`
}

/** Degrees: pgSphere takes a box that is narrower (6e-8) for one of all longitudes. */
const NARROW = 2e-7

function rangeOverlap({ lon1, lon2, lat1, lat2 }: Range, bind: Bind): Overlap {
  if (lon2 - lon1 >= 360 - NARROW) {
    const caps = [circleOverlap([0, 90], 90 - lat1, bind), circleOverlap([0, -90], 90 + lat2, bind)] as const
    return column => `(${caps.map(cap => cap(column)).join(' AND ')})`
  }
  const [west, east] = lon2 - lon1 < NARROW ? [lon1 - NARROW / 2, lon2 + NARROW / 2] : [lon1, lon2]
  const box = bind(`(${point([turned(west), lat1])},${point([turned(east), lat2])})`)
  const inner = lat1 > 0 ? lat1 : lat2 < 0 ? lat2 : undefined
  if (inner === undefined || Math.abs(inner) === 90) return column => `${column} && ${box}::sbox`
  const path = bind(`{${parallel(west, east, inner).map(point).join(',')}}`)
  return column => `(${column} && ${box}::sbox OR ${column} && ${path}::spath)`
}

const turned = (lon: number) => (lon + 360) % 360

/** Degrees by which a piece of the path may leave its parallel: 0.2 arcseconds. */
const SAGITTA = 6e-5

/** A piece of w degrees at latitude b leaves its parallel by w²/8 sin b cos b. */
function parallel(west: number, east: number, lat: number): readonly Position[] {
  const b = (lat * Math.PI) / 180
  const bend = (Math.abs(Math.sin(b) * Math.cos(b)) * Math.PI) / 180
  const step = Math.min(90, Math.sqrt((8 * SAGITTA) / bend))
  const pieces = Math.ceil((east - west) / step)
  return Array.from({ length: pieces + 1 }, (_, i) => [turned(west + ((east - west) * i) / pieces), lat])
}

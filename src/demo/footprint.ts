/**
 * Where the demo survey is: a box around RA 150°, Dec +2° whose order-12 cells make its footprint, grouped by order-7
 * cells (the shards) and divided into fields, each of which one pointing of the camera covers. Radians.
 */
import { ServiceError } from '../error.ts'
import { cellCentre, type Direction, faceDirection } from '../healpix/geometry.ts'
import { type FaceCell, faceCell, hash } from '../healpix/nested.ts'
import { unitVector } from '../sphere/vector.ts'

const DEGREE = Math.PI / 180
const CENTRE_RA = 150
const CENTRE_DEC = 2
const WHOLE_SKY = 360 ** 2 / Math.PI

/** Order of the cells that number objects, and of those that number shards. */
export const CELL_ORDER = 12
export const SHARD_ORDER = 7
/** Order-12 cells in an order-7 cell. */
export const CELLS_PER_SHARD = 4 ** (CELL_ORDER - SHARD_ORDER)
/** Area of an order-12 cell, in deg². */
export const CELL_AREA = WHOLE_SKY / (12 * 4 ** CELL_ORDER)

/** Longest side of a field in degrees, so that its corners are within the camera's circle with the dither. */
const FIELD_SIDE = 2

export interface Field {
  readonly ra: number
  readonly dec: number
}

/** A box in RA and Dec, in degrees; `west` to `east` may pass RA 0 and then runs below 0 or above 360. */
export interface Footprint {
  readonly south: number
  readonly north: number
  readonly west: number
  readonly east: number
  readonly rows: number
  readonly columns: number
}

/** A box of the given area, as square as the sphere allows. */
export function footprintOf(areaDeg2: number): Footprint {
  if (!(areaDeg2 > CELL_AREA && areaDeg2 <= WHOLE_SKY)) {
    throw new ServiceError(
      'usage',
      `The area must be between 0.001 and ${WHOLE_SKY.toFixed(0)} deg², not ${areaDeg2}`,
    )
  }
  let height = Math.sqrt(areaDeg2)
  for (;;) {
    const south = Math.max(-90, CENTRE_DEC - height / 2)
    const north = Math.min(90, CENTRE_DEC + height / 2)
    const perDegree = (Math.sin(north * DEGREE) - Math.sin(south * DEGREE)) / DEGREE
    const width = areaDeg2 / perDegree
    if (width <= 360.000001) {
      const nearest = south <= 0 && north >= 0 ? 0 : Math.min(Math.abs(south), Math.abs(north))
      return {
        south,
        north,
        west: CENTRE_RA - width / 2,
        east: CENTRE_RA + width / 2,
        rows: Math.ceil((north - south) / FIELD_SIDE - 1e-6),
        columns: Math.ceil((width * Math.cos(nearest * DEGREE)) / FIELD_SIDE - 0.01),
      }
    }
    height += 0.5
  }
}

/** The fields' centres, row by row from the south, in radians. */
export function fieldsOf(box: Footprint): Field[] {
  const fields: Field[] = []
  for (let row = 0; row < box.rows; row++) {
    for (let column = 0; column < box.columns; column++) {
      const ra = box.west + ((column + 0.5) / box.columns) * (box.east - box.west)
      const dec = box.south + ((row + 0.5) / box.rows) * (box.north - box.south)
      fields.push({ ra: ((ra + 360) % 360) * DEGREE, dec: dec * DEGREE })
    }
  }
  return fields
}

/** Index in `fieldsOf` of the field that a direction inside the box belongs to. */
export function fieldAt(box: Footprint, ra: number, dec: number): number {
  const east = eastOf(box, ra / DEGREE)
  const column = Math.floor((east / (box.east - box.west)) * box.columns)
  const row = Math.floor(((dec / DEGREE - box.south) / (box.north - box.south)) * box.rows)
  const within = (n: number, count: number) => Math.min(count - 1, Math.max(0, n))
  return within(row, box.rows) * box.columns + within(column, box.columns)
}

/** Degrees eastwards from the box's western side, in [0, 360). */
function eastOf(box: Footprint, raDeg: number): number {
  return (((raDeg - box.west) % 360) + 360) % 360
}

function contains(box: Footprint, [ra, dec]: Direction): boolean {
  const decDeg = dec / DEGREE
  return decDeg >= box.south && decDeg < box.north && eastOf(box, ra / DEGREE) < box.east - box.west
}

/** An order-7 cell with those of its order-12 cells that are in the footprint, in NESTED order. */
export interface Shard {
  /** NESTED number at order 7, the value of `hpx_shard`. */
  readonly shard: number
  /** The cell's face and coordinates at order 7. */
  readonly at: FaceCell
  /** NESTED numbers at order 12. */
  readonly cells: Int32Array
  /** Centres of the cells as unit vectors: x, y, z of each. */
  readonly centres: Float64Array
}

/** The shards of a footprint, in NESTED order; some of those at its border may turn out to be empty. */
export function shardsOf(box: Footprint): number[] {
  const found: number[] = []
  const descend = (order: number, cell: number): void => {
    if (!mayTouch(box, order, cell)) return
    if (order === SHARD_ORDER) {
      found.push(cell)
      return
    }
    for (let child = 0; child < 4; child++) descend(order + 1, 4 * cell + child)
  }
  for (let face = 0; face < 12; face++) descend(0, face)
  return found
}

/** Whether the circle around a cell, of radius 61.2° / nside and a little, reaches the box. */
function mayTouch(box: Footprint, order: number, cell: number): boolean {
  if (order < 3) return true
  const [ra, dec] = cellCentre(order, cell)
  const reach = 61.5 / 2 ** order
  const decDeg = dec / DEGREE
  if (decDeg + reach < box.south || decDeg - reach > box.north) return false
  if (Math.abs(decDeg) + reach > 85) return true
  const reachRa = reach / Math.cos((Math.abs(decDeg) + reach) * DEGREE)
  return eastOf(box, ra / DEGREE + reachRa) <= box.east - box.west + 2 * reachRa
}

/** Coordinates of the cells of a shard within it: x in the first half, y in the second. */
const INSIDE = (() => {
  const xy = new Int32Array(2 * CELLS_PER_SHARD)
  for (let k = 0; k < CELLS_PER_SHARD; k++) {
    const { x, y } = faceCell(CELL_ORDER - SHARD_ORDER, k)
    xy[k] = x
    xy[k + CELLS_PER_SHARD] = y
  }
  return xy
})()

const NSIDE = 2 ** CELL_ORDER
const SHARD_SIDE = 2 ** (CELL_ORDER - SHARD_ORDER)

export function openShard(box: Footprint, shard: number): Shard {
  const at = faceCell(SHARD_ORDER, shard)
  const cells = new Int32Array(CELLS_PER_SHARD)
  const centres = new Float64Array(3 * CELLS_PER_SHARD)
  let count = 0
  for (let k = 0; k < CELLS_PER_SHARD; k++) {
    const direction = pointInCell(at, k, 0.5, 0.5)
    if (!contains(box, direction)) continue
    cells[count] = shard * CELLS_PER_SHARD + k
    centres.set(unitVector(direction[0], direction[1]), 3 * count)
    count++
  }
  return { shard, at, cells: cells.subarray(0, count), centres: centres.subarray(0, 3 * count) }
}

/** A direction in the k-th order-12 cell of a shard; u and v run from 0 to 1 across the cell. */
export function pointInCell({ face, x, y }: FaceCell, k: number, u: number, v: number): Direction {
  return faceDirection(
    face,
    (x * SHARD_SIDE + INSIDE[k]! + u) / NSIDE,
    (y * SHARD_SIDE + INSIDE[k + CELLS_PER_SHARD]! + v) / NSIDE,
  )
}

/** A shard and those around it, edges and corners (and at distorted places one or two beyond). */
export function withNeighbours(shard: number): number[] {
  const [lon, lat] = cellCentre(SHARD_ORDER, shard)
  const cosLat = Math.max(0.01, Math.cos(lat))
  const found = new Set([shard])
  for (const distance of [27.5, 39]) {
    for (let turn = 0; turn < 16; turn++) {
      const along = (distance / 60) * DEGREE
      const angle = (turn * Math.PI) / 8
      const near = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, lat + along * Math.cos(angle)))
      found.add(hash(SHARD_ORDER, lon + (along * Math.sin(angle)) / cosLat, near))
    }
  }
  return [...found]
}

/**
 * HEALPix NESTED cell numbers (Górski et al. 2005, ApJ 622, 759, §5 and appendix A).
 *
 * A direction falls into one of 12 faces and there on integer coordinates x, y. The cell number is the face
 * followed by the bits of y and x interleaved: 62 bits at order 29, more than a double holds. Everything is worked
 * out at order 29, as two halves of 32 bits; a coarser cell is a right shift of that, exactly, because scaling by a
 * power of two does not round. Angles are in radians; longitudes of any turn are taken.
 */

export const MAX_ORDER = 29

const NSIDE = 2 ** MAX_ORDER
const HALF_PI = Math.PI / 2

/** A cell as face number (0–11) and coordinates in the face: x towards the north-east, y towards the north-west. */
export interface FaceCell {
  readonly face: number
  readonly x: number
  readonly y: number
}

/** The order-29 cell of the last `locate`: no object is made per direction. */
let face = 0
let x = 0
let y = 0

/**
 * A direction on the border of cells belongs to the one north of it. Within a quarter turn of longitude, `a` and
 * `b` count from the quarter's southern and western corners along x and y.
 */
function locate(lon: number, lat: number): void {
  const z = Math.sin(lat)
  let turn = (lon / HALF_PI) % 4
  if (turn < 0) turn += 4
  if (turn >= 4) turn = 0
  const quarter = Math.floor(turn)
  const part = turn - quarter
  const height = 0.5 + 0.75 * z
  if (height > 0 && height < 1) {
    const a = Math.floor(NSIDE * (height + part))
    const b = Math.floor(NSIDE * (height - part))
    if (a >= NSIDE) face = b >= 0 ? quarter : 4 + ((quarter + 1) & 3)
    else face = b >= 0 ? 4 + quarter : 8 + quarter
    x = a & (NSIDE - 1)
    y = b & (NSIDE - 1)
    return
  }
  // √(3(1−|z|)) without the cancellation near the poles.
  const width = (NSIDE * Math.cos(lat)) / Math.sqrt((1 + Math.abs(z)) / 3)
  const [east, west] = [part * width, (1 - part) * width]
  face = z >= 0 ? quarter : quarter + 8
  x = Math.min(Math.floor(z >= 0 ? NSIDE - west : east), NSIDE - 1)
  y = Math.min(Math.floor(z >= 0 ? NSIDE - east : west), NSIDE - 1)
}

/** The low 16 bits of a number, spread to the even bits of 32. */
function spread(bits: number): number {
  let v = bits & 0xffff
  v = (v | (v << 8)) & 0x00ff00ff
  v = (v | (v << 4)) & 0x0f0f0f0f
  v = (v | (v << 2)) & 0x33333333
  return (v | (v << 1)) & 0x55555555
}

/** The even bits of 32, gathered to 16. */
function gather(bits: number): number {
  let v = bits & 0x55555555
  v = (v | (v >>> 1)) & 0x33333333
  v = (v | (v >>> 2)) & 0x0f0f0f0f
  v = (v | (v >>> 4)) & 0x00ff00ff
  return (v | (v >>> 8)) & 0xffff
}

/** Upper half (30 bits) of the order-29 number of the located cell. */
function upper(): number {
  return (face << 26) | (spread(y >>> 16) << 1) | spread(x >>> 16)
}

/** Lower half (32 bits) of the order-29 number of the located cell, unsigned. */
function lower(): number {
  return ((spread(y) << 1) | spread(x)) >>> 0
}

function requireOrder(order: number, max: number): void {
  if (!Number.isInteger(order) || order < 0 || order > max) {
    throw new RangeError(`HEALPix order ${order} is not an integer from 0 to ${max}`)
  }
}

/** NESTED cell number of a direction, order 0 … 29. */
export function hashBig(order: number, lon: number, lat: number): bigint {
  requireOrder(order, MAX_ORDER)
  locate(lon, lat)
  return ((BigInt(upper()) << 32n) | BigInt(lower())) >> BigInt(2 * (MAX_ORDER - order))
}

/** NESTED cell number of a direction as a number: order 0 … 24, up to which a double holds it exactly. */
export function hash(order: number, lon: number, lat: number): number {
  requireOrder(order, 24)
  locate(lon, lat)
  // Without its last ten bits the order-29 number fits a double, and orders to 24 do not need them.
  return Math.floor((upper() * 2 ** 32 + ((lower() & ~1023) >>> 0)) / 4 ** (MAX_ORDER - order))
}

/** Writes the order-29 number of a direction as 8 big-endian bytes (a PostgreSQL int8, a FITS K). */
export function writeHash29(out: Buffer, offset: number, lon: number, lat: number): void {
  locate(lon, lat)
  out.writeInt32BE(upper(), offset)
  out.writeUInt32BE(lower(), offset + 4)
}

/** The order-29 numbers of many directions. */
export function hash29(lon: Float64Array, lat: Float64Array): BigInt64Array {
  const halves = new Uint32Array(2 * lon.length)
  for (let i = 0; i < lon.length; i++) {
    locate(lon[i]!, lat[i]!)
    halves[2 * i] = lower()
    halves[2 * i + 1] = upper()
  }
  return new BigInt64Array(halves.buffer)
}

/** Face and coordinates of a NESTED cell number. */
export function faceCell(order: number, cell: number | bigint): FaceCell {
  requireOrder(order, MAX_ORDER)
  const wide = BigInt(cell)
  if (wide < 0n || wide >= 12n << BigInt(2 * order)) {
    throw new RangeError(
      `${cell} is not a HEALPix cell of order ${order} (0 to ${(12n << BigInt(2 * order)) - 1n})`,
    )
  }
  const inFace = BigInt.asUintN(2 * order, wide)
  const low = Number(inFace & 0xffffffffn)
  const high = Number(inFace >> 32n)
  return {
    face: Number(wide >> BigInt(2 * order)),
    x: gather(low) | (gather(high) << 16),
    y: gather(low >>> 1) | (gather(high >>> 1) << 16),
  }
}

/** NESTED cell number of face and coordinates. */
export function nestedCell(order: number, { face, x, y }: FaceCell): bigint {
  requireOrder(order, MAX_ORDER)
  const low = ((spread(y) << 1) | spread(x)) >>> 0
  const high = ((spread(y >>> 16) << 1) | spread(x >>> 16)) >>> 0
  return (BigInt(face) << BigInt(2 * order)) | (BigInt(high) << 32n) | BigInt(low)
}

/** The cell that contains this one at a coarser order. */
export function parent(order: number, cell: number | bigint, parentOrder: number): bigint {
  return BigInt(cell) >> BigInt(2 * (order - parentOrder))
}

/** First cell and number of cells inside this one at a finer order: children are numbered in a row. */
export function children(
  order: number,
  cell: number | bigint,
  childOrder: number,
): { first: bigint; count: bigint } {
  const shift = BigInt(2 * (childOrder - order))
  return { first: BigInt(cell) << shift, count: 1n << shift }
}

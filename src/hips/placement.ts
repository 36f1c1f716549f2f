/**
 * Where the pixels of a tile lie in an image. The exact way (HEALPix, frame, projection, distortion) costs a
 * microsecond, too much for each of 262,144 pixels; but image coordinates are so smooth in tile coordinates that they
 * can be interpolated over blocks of pixels. Each block is tested: where the exact middles of it and of its edges do
 * not agree with the interpolation, it is quartered, and in the end pixels are placed one by one. Blocks across
 * |z| = 2/3, where HEALPix has a kink that middles may miss, are always quartered.
 */
import { faceDirection } from '../healpix/geometry.ts'
import { faceCell } from '../healpix/nested.ts'
import { PIXEL_DEPTH, TILE_WIDTH, type Tile } from './tile.ts'

/** Image coordinates of a direction (radians, in the frame of the HiPS); undefined where the image shows it nowhere. */
export type ToPixel = (lon: number, lat: number) => readonly [x: number, y: number] | undefined

/** A block of pixels, from column i0 and row j0, whose coordinates are bilinear between its corners. */
export interface Block {
  i0: number
  j0: number
  width: number
  height: number
  /** Image coordinates of pixel (i0, j0), and how they change along a row and along a column. */
  x: number
  y: number
  xPerColumn: number
  yPerColumn: number
  xPerRow: number
  yPerRow: number
  /** Change of the change along a row from one row to the next. */
  xTwist: number
  yTwist: number
}

/**
 * Error of the interpolation in the middles that is let pass, in pixels of the image. Were it everywhere like that, values
 * would be off by 7e-5 of the noise (rms); half of it makes four times as many blocks.
 */
const TOLERANCE = 6e-5
/** Blocks have corners at every eighth pixel, and begin with 64 pixels. */
const STEP = 8
const NODES = TILE_WIDTH / STEP + 1
const FIRST = 8
/** Rings of HEALPix where its projection changes, counted from the north pole of a face in face widths. */
const FIRST_KINK = 1
const SECOND_KINK = 3
const FACE_RING = [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]

const UNKNOWN = 0
const KNOWN = 1
const NOWHERE = 2

/** Pixel at which a node lies: the last one within the tile, because beyond a face there is nothing. */
const nodePixel = (k: number) => Math.min(k * STEP, TILE_WIDTH - 1)

/** A tile that is being placed in an image: exact image coordinates of its nodes, as far as they were asked for. */
interface Net {
  readonly face: number
  readonly nside: number
  /** Cells of the tile's first pixel. */
  readonly left: number
  readonly bottom: number
  readonly toPixel: ToPixel
  readonly width: number
  readonly height: number
  readonly place: (block: Block) => void
  readonly xs: Float64Array
  readonly ys: Float64Array
  readonly state: Uint8Array
  readonly block: Block
}

/** One at a time, so the room for the nodes is the same for all. */
const xs = new Float64Array(NODES * NODES)
const ys = new Float64Array(NODES * NODES)
const state = new Uint8Array(NODES * NODES)

/** Gives each block of the tile that may lie in the image of `width` × `height` pixels to `place`; blocks are reused. */
export function placeTile(
  { order, npix }: Tile,
  toPixel: ToPixel,
  [width, height]: readonly [number, number],
  place: (block: Block) => void,
): void {
  const { face, x, y } = faceCell(order, npix)
  const nside = 2 ** (order + PIXEL_DEPTH)
  const at = { face, nside, left: x * TILE_WIDTH, bottom: y * TILE_WIDTH }
  const net: Net = {
    ...at,
    toPixel,
    width,
    height,
    place,
    xs,
    ys,
    state: state.fill(UNKNOWN),
    block: emptyBlock(),
  }
  for (let b = 0; b < NODES - 1; b += FIRST)
    for (let a = 0; a < NODES - 1; a += FIRST) visit(net, a, b, FIRST)
}

function exact({ face, nside, left, bottom, toPixel }: Net, i: number, j: number): ReturnType<ToPixel> {
  const direction = faceDirection(face, (left + TILE_WIDTH - 1 - j + 0.5) / nside, (bottom + i + 0.5) / nside)
  return toPixel(direction[0], direction[1])
}

function node(net: Net, a: number, b: number): number {
  const n = b * NODES + a
  if (net.state[n] !== UNKNOWN) return n
  const at = exact(net, nodePixel(a), nodePixel(b))
  net.state[n] = at ? KNOWN : NOWHERE
  if (at) {
    net.xs[n] = at[0]
    net.ys[n] = at[1]
  }
  return n
}

function ring({ face, nside, left, bottom }: Net, i: number, j: number): number {
  return FACE_RING[face]! - (left + TILE_WIDTH - j + bottom + i) / nside
}

function isBent(net: Net, i0: number, j0: number, i1: number, j1: number): boolean {
  const near = ring(net, i1 + 1, j0 - 1)
  const far = ring(net, i0 - 1, j1 + 1)
  return (near < FIRST_KINK && FIRST_KINK < far) || (near < SECOND_KINK && SECOND_KINK < far)
}

function visit(net: Net, a: number, b: number, size: number): void {
  const { state, block, width, height } = net
  const [a1, b1] = [a + size, b + size]
  const corners = [node(net, a, b), node(net, a1, b), node(net, a, b1), node(net, a1, b1)] as const
  const [i0, j0, i1, j1] = [nodePixel(a), nodePixel(b), nodePixel(a1), nodePixel(b1)]
  // The last pixel of a block is the first of the next one, but for the last block.
  const [columns, rows] = [i1 - i0 + (a1 === NODES - 1 ? 1 : 0), j1 - j0 + (b1 === NODES - 1 ? 1 : 0)]
  let outside = 0
  for (const n of corners) if (state[n] === NOWHERE) outside++
  if (outside === 0 && isFar(net, corners)) return
  if (outside === 0 && !isBent(net, i0, j0, i1, j1)) {
    bilinear(net, corners, i0, j0, i1 - i0, j1 - j0, columns, rows)
    if (isTrue(net, i1 - i0, j1 - j0)) {
      if (touches(block, width, height)) net.place(block)
      return
    }
  } else if (outside === 4 && size < FIRST && exact(net, (i0 + i1) >> 1, (j0 + j1) >> 1) === undefined) {
    return
  }
  if (size > 1) {
    const half = size / 2
    visit(net, a, b, half)
    visit(net, a + half, b, half)
    visit(net, a, b + half, half)
    visit(net, a + half, b + half, half)
  } else {
    oneByOne(net, i0, j0, columns, rows)
  }
}

/**
 * Whether the block lies further from the image than it is wide. Far from an image its projection and distortion bend
 * most, and all pixels there would be placed one by one.
 */
function isFar(
  { xs, ys, width, height }: Net,
  [p, q, r, s]: readonly [number, number, number, number],
): boolean {
  const [left, right] = [Math.min(xs[p]!, xs[q]!, xs[r]!, xs[s]!), Math.max(xs[p]!, xs[q]!, xs[r]!, xs[s]!)]
  const [low, high] = [Math.min(ys[p]!, ys[q]!, ys[r]!, ys[s]!), Math.max(ys[p]!, ys[q]!, ys[r]!, ys[s]!)]
  const margin = 1 + Math.max(right - left, high - low)
  return left - margin > width || right + margin < 0 || low - margin > height || high + margin < 0
}

/** Fills the net's block. */
function bilinear(
  { xs, ys, block }: Net,
  [p, q, r, s]: readonly [number, number, number, number],
  i0: number,
  j0: number,
  across: number,
  up: number,
  columns: number,
  rows: number,
): void {
  block.i0 = i0
  block.j0 = j0
  block.width = columns
  block.height = rows
  block.x = xs[p]!
  block.y = ys[p]!
  block.xPerColumn = (xs[q]! - xs[p]!) / across
  block.yPerColumn = (ys[q]! - ys[p]!) / across
  block.xPerRow = (xs[r]! - xs[p]!) / up
  block.yPerRow = (ys[r]! - ys[p]!) / up
  block.xTwist = (xs[s]! - xs[r]! - xs[q]! + xs[p]!) / (across * up)
  block.yTwist = (ys[s]! - ys[r]! - ys[q]! + ys[p]!) / (across * up)
}

/** Whether the middles of the block and of its edges lie where the interpolation has them. */
function isTrue(net: Net, across: number, up: number): boolean {
  const [i, j] = [across >> 1, up >> 1]
  return (
    agrees(net, i, j) &&
    agrees(net, i, 0) &&
    agrees(net, i, up) &&
    agrees(net, 0, j) &&
    agrees(net, across, j)
  )
}

function agrees(net: Net, i: number, j: number): boolean {
  const b = net.block
  const at = exact(net, b.i0 + i, b.j0 + j)
  if (!at) return false
  const x = b.x + j * b.xPerRow + i * (b.xPerColumn + j * b.xTwist)
  const y = b.y + j * b.yPerRow + i * (b.yPerColumn + j * b.yTwist)
  return Math.abs(at[0] - x) <= TOLERANCE && Math.abs(at[1] - y) <= TOLERANCE
}

function oneByOne(net: Net, i0: number, j0: number, columns: number, rows: number): void {
  const { block, width, height, place } = net
  Object.assign(block, emptyBlock(), { width: 1, height: 1 })
  for (let j = j0; j < j0 + rows; j++) {
    for (let i = i0; i < i0 + columns; i++) {
      const at = exact(net, i, j)
      if (!at) continue
      block.i0 = i
      block.j0 = j
      block.x = at[0]
      block.y = at[1]
      if (touches(block, width, height)) place(block)
    }
  }
}

/** −0 where fractions will be: for a small integer V8 makes a shape that the first fraction changes, and code with it. */
function emptyBlock(): Block {
  const [i0, j0, width, height] = [0, 0, 0, 0]
  const [x, y, xPerColumn, yPerColumn, xPerRow, yPerRow, xTwist, yTwist] = [-0, -0, -0, -0, -0, -0, -0, -0]
  return { i0, j0, width, height, x, y, xPerColumn, yPerColumn, xPerRow, yPerRow, xTwist, yTwist }
}

/** Corners of the block, which are its extremes. */
export function blockExtent(b: Block): { left: number; right: number; bottom: number; top: number } {
  const [i, j] = [b.width - 1, b.height - 1]
  const [x1, y1] = [b.x + i * b.xPerColumn, b.y + i * b.yPerColumn]
  const [x2, y2] = [b.x + j * b.xPerRow, b.y + j * b.yPerRow]
  const [x3, y3] = [x2 + i * (b.xPerColumn + j * b.xTwist), y2 + i * (b.yPerColumn + j * b.yTwist)]
  return {
    left: Math.min(b.x, x1, x2, x3),
    right: Math.max(b.x, x1, x2, x3),
    bottom: Math.min(b.y, y1, y2, y3),
    top: Math.max(b.y, y1, y2, y3),
  }
}

/** An image reaches to the outer edge of its pixels. */
function touches(block: Block, width: number, height: number): boolean {
  const { left, right, bottom, top } = blockExtent(block)
  return right >= -0.5 && left <= width - 0.5 && top >= -0.5 && bottom <= height - 0.5
}

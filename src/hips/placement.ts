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

/** Gives each block of the tile that may lie in the image of `width` × `height` pixels to `place`; blocks are reused. */
export function placeTile(
  { order, npix }: Tile,
  toPixel: ToPixel,
  [width, height]: readonly [number, number],
  place: (block: Block) => void,
): void {
  const cell = faceCell(order, npix)
  const { face } = cell
  const nside = 2 ** (order + PIXEL_DEPTH)
  const [left, bottom] = [cell.x * TILE_WIDTH, cell.y * TILE_WIDTH]
  const xs = new Float64Array(NODES * NODES)
  const ys = new Float64Array(NODES * NODES)
  const state = new Uint8Array(NODES * NODES)
  const block = emptyBlock()

  const exact = (i: number, j: number) =>
    toPixel(...faceDirection(face, (left + TILE_WIDTH - 1 - j + 0.5) / nside, (bottom + i + 0.5) / nside))

  function node(a: number, b: number): number {
    const n = b * NODES + a
    if (state[n] !== UNKNOWN) return n
    const at = exact(nodePixel(a), nodePixel(b))
    state[n] = at ? KNOWN : NOWHERE
    if (at) [xs[n], ys[n]] = at
    return n
  }

  const ring = (i: number, j: number) => FACE_RING[face]! - (left + TILE_WIDTH - j + bottom + i) / nside

  function isBent(i0: number, j0: number, i1: number, j1: number): boolean {
    const near = ring(i1 + 1, j0 - 1)
    const far = ring(i0 - 1, j1 + 1)
    return (near < FIRST_KINK && FIRST_KINK < far) || (near < SECOND_KINK && SECOND_KINK < far)
  }

  function visit(a: number, b: number, size: number): void {
    const [a1, b1] = [a + size, b + size]
    const corners = [node(a, b), node(a1, b), node(a, b1), node(a1, b1)] as const
    const [i0, j0, i1, j1] = [nodePixel(a), nodePixel(b), nodePixel(a1), nodePixel(b1)]
    // The last pixel of a block is the first of the next one, but for the last block.
    const [columns, rows] = [i1 - i0 + (a1 === NODES - 1 ? 1 : 0), j1 - j0 + (b1 === NODES - 1 ? 1 : 0)]
    let outside = 0
    for (const n of corners) if (state[n] === NOWHERE) outside++
    if (outside === 0 && isFar(corners)) return
    if (outside === 0 && !isBent(i0, j0, i1, j1)) {
      bilinear(block, corners, i0, j0, i1 - i0, j1 - j0, columns, rows)
      if (isTrue(block, i1 - i0, j1 - j0)) {
        if (touches(block, width, height)) place(block)
        return
      }
    } else if (outside === 4 && size < FIRST && exact((i0 + i1) >> 1, (j0 + j1) >> 1) === undefined) {
      return
    }
    if (size > 1) {
      const half = size / 2
      visit(a, b, half)
      visit(a + half, b, half)
      visit(a, b + half, half)
      visit(a + half, b + half, half)
    } else {
      oneByOne(i0, j0, columns, rows)
    }
  }

  /**
   * Whether the block lies further from the image than it is wide. Far from an image its projection and distortion bend
   * most, and all pixels there would be placed one by one.
   */
  function isFar([p, q, r, s]: readonly [number, number, number, number]): boolean {
    const [left, right] = [Math.min(xs[p]!, xs[q]!, xs[r]!, xs[s]!), Math.max(xs[p]!, xs[q]!, xs[r]!, xs[s]!)]
    const [low, high] = [Math.min(ys[p]!, ys[q]!, ys[r]!, ys[s]!), Math.max(ys[p]!, ys[q]!, ys[r]!, ys[s]!)]
    const margin = 1 + Math.max(right - left, high - low)
    return left - margin > width || right + margin < 0 || low - margin > height || high + margin < 0
  }

  function bilinear(
    into: Block,
    [p, q, r, s]: readonly [number, number, number, number],
    i0: number,
    j0: number,
    across: number,
    up: number,
    columns: number,
    rows: number,
  ): void {
    into.i0 = i0
    into.j0 = j0
    into.width = columns
    into.height = rows
    into.x = xs[p]!
    into.y = ys[p]!
    into.xPerColumn = (xs[q]! - xs[p]!) / across
    into.yPerColumn = (ys[q]! - ys[p]!) / across
    into.xPerRow = (xs[r]! - xs[p]!) / up
    into.yPerRow = (ys[r]! - ys[p]!) / up
    into.xTwist = (xs[s]! - xs[r]! - xs[q]! + xs[p]!) / (across * up)
    into.yTwist = (ys[s]! - ys[r]! - ys[q]! + ys[p]!) / (across * up)
  }

  /** Whether the middles of the block and of its edges lie where the interpolation has them. */
  function isTrue(b: Block, across: number, up: number): boolean {
    const [i, j] = [across >> 1, up >> 1]
    return agrees(b, i, j) && agrees(b, i, 0) && agrees(b, i, up) && agrees(b, 0, j) && agrees(b, across, j)
  }

  function agrees(b: Block, i: number, j: number): boolean {
    const at = exact(b.i0 + i, b.j0 + j)
    if (!at) return false
    const x = b.x + j * b.xPerRow + i * (b.xPerColumn + j * b.xTwist)
    const y = b.y + j * b.yPerRow + i * (b.yPerColumn + j * b.yTwist)
    return Math.abs(at[0] - x) <= TOLERANCE && Math.abs(at[1] - y) <= TOLERANCE
  }

  function oneByOne(i0: number, j0: number, columns: number, rows: number): void {
    Object.assign(block, emptyBlock(), { width: 1, height: 1 })
    for (let j = j0; j < j0 + rows; j++) {
      for (let i = i0; i < i0 + columns; i++) {
        const at = exact(i, j)
        if (!at) continue
        block.i0 = i
        block.j0 = j
        ;[block.x, block.y] = at
        if (touches(block, width, height)) place(block)
      }
    }
  }

  for (let b = 0; b < NODES - 1; b += FIRST) for (let a = 0; a < NODES - 1; a += FIRST) visit(a, b, FIRST)
}

function emptyBlock(): Block {
  return {
    i0: 0,
    j0: 0,
    width: 0,
    height: 0,
    x: 0,
    y: 0,
    xPerColumn: 0,
    yPerColumn: 0,
    xPerRow: 0,
    yPerRow: 0,
    xTwist: 0,
    yTwist: 0,
  }
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

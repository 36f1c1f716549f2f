/**
 * Bilinear resampling of an image into a tile. A pixel of the tile whose middle lies within the outer edge of the
 * image (−0.5 … n − 0.5) has a value: beyond the middles of the outer pixels their values go on. A pixel whose nearest
 * pixel of the image has no value has none either; where only others around it have none, the rest share the weight.
 */
import { type Block, blockExtent, placeTile, type ToPixel } from './placement.ts'
import { TILE_PIXELS, TILE_WIDTH, type Tile } from './tile.ts'

export type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>

/** Pixels of a part of an image: NaN for none. */
export interface Part {
  readonly values: Floats
  /** Of the part within its image. */
  readonly left: number
  readonly bottom: number
  readonly width: number
  readonly height: number
}

/** Sums over the images that a tile has been given. */
export interface Sums {
  readonly value: Float64Array
  readonly weight: Float64Array
}

export function newSums(): Sums {
  return { value: new Float64Array(TILE_PIXELS), weight: new Float64Array(TILE_PIXELS) }
}

/** The blocks of a tile in one image; kept, because the part of the image that they need is read between. */
export function blocksOf(tile: Tile, toPixel: ToPixel, size: readonly [number, number]): readonly Block[] {
  const blocks: Block[] = []
  placeTile(tile, toPixel, size, block => blocks.push({ ...block }))
  return blocks
}

/** The pixels of the image that the blocks need, with a halo for the interpolation; undefined for none. */
export function partNeeded(
  blocks: readonly Block[],
  [width, height]: readonly [number, number],
): Omit<Part, 'values'> | undefined {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity]
  for (const block of blocks) {
    const extent = blockExtent(block)
    left = Math.min(left, extent.left)
    right = Math.max(right, extent.right)
    bottom = Math.min(bottom, extent.bottom)
    top = Math.max(top, extent.top)
  }
  if (left === Infinity) return undefined
  const from = (low: number) => Math.max(0, Math.floor(low) - 1)
  const count = (low: number, high: number, n: number) => Math.min(n, Math.floor(high) + 3) - from(low)
  return {
    left: from(left),
    bottom: from(bottom),
    width: count(left, right, width),
    height: count(bottom, top, height),
  }
}

/**
 * Fills the pixels of a tile that the blocks cover with the image's values less `offset`, NaN where the image has none;
 * the others stay.
 */
export function resample(
  into: Floats,
  blocks: readonly Block[],
  size: readonly [number, number],
  part: Part,
  offset: number,
): void {
  for (const block of blocks) {
    const { left, right, bottom, top } = blockExtent(block)
    const inside = left >= 0 && bottom >= 0 && right < size[0] - 1 && top < size[1] - 1
    if (inside) fillInside(into, block, part, offset)
    else fillCarefully(into, block, size, part, offset)
  }
}

/** All four neighbours of every pixel are there. */
function fillInside(into: Floats, block: Block, part: Part, offset: number): void {
  const { values, width } = part
  const columns = block.width
  for (let row = 0; row < block.height; row++) {
    let x = block.x + row * block.xPerRow - part.left
    let y = block.y + row * block.yPerRow - part.bottom
    const dx = block.xPerColumn + row * block.xTwist
    const dy = block.yPerColumn + row * block.yTwist
    const first = (block.j0 + row) * TILE_WIDTH + block.i0
    for (let p = first; p < first + columns; p++, x += dx, y += dy) {
      const column = x | 0
      const line = y | 0
      const q = line * width + column
      const fx = x - column
      const a = values[q]!
      const c = values[q + width]!
      const low = a + (values[q + 1]! - a) * fx
      const high = c + (values[q + width + 1]! - c) * fx
      const v = low + (high - low) * (y - line)
      into[p] = (Number.isNaN(v) ? bilinear(part, x, y) : v) - offset
    }
  }
}

function fillCarefully(
  into: Floats,
  block: Block,
  [width, height]: readonly [number, number],
  part: Part,
  offset: number,
): void {
  for (let row = 0; row < block.height; row++) {
    for (let column = 0; column < block.width; column++) {
      const x = block.x + row * block.xPerRow + column * (block.xPerColumn + row * block.xTwist)
      const y = block.y + row * block.yPerRow + column * (block.yPerColumn + row * block.yTwist)
      const isInside = x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5
      into[(block.j0 + row) * TILE_WIDTH + block.i0 + column] = isInside
        ? bilinear(part, x - part.left, y - part.bottom) - offset
        : Number.NaN
    }
  }
}

/** Coordinates within the part; beyond its outer pixels their values go on. */
function bilinear({ values, width, height }: Part, x: number, y: number): number {
  const cx = Math.min(Math.max(x, 0), width - 1)
  const cy = Math.min(Math.max(y, 0), height - 1)
  const nearest = values[Math.round(cy) * width + Math.round(cx)]!
  if (Number.isNaN(nearest)) return nearest
  const x0 = Math.min(Math.floor(cx), Math.max(0, width - 2))
  const y0 = Math.min(Math.floor(cy), Math.max(0, height - 2))
  const fx = cx - x0
  const fy = cy - y0
  let sum = 0
  let total = 0
  for (let k = 0; k < 4; k++) {
    const right = k & 1
    const up = k >> 1
    const share = (right ? fx : 1 - fx) * (up ? fy : 1 - fy)
    if (share === 0) continue
    const v = values[(y0 + up) * width + x0 + right]!
    if (Number.isNaN(v)) continue
    sum += v * share
    total += share
  }
  return sum / total
}

/** Adds the values of one image in its blocks, with the weights of its pixels (all 1 without). */
export function addValues(
  { value, weight }: Sums,
  blocks: readonly Block[],
  values: Floats,
  weights: Floats | undefined,
): void {
  for (const { i0, j0, width, height } of blocks) {
    for (let row = j0; row < j0 + height; row++) {
      const first = row * TILE_WIDTH + i0
      for (let p = first; p < first + width; p++) {
        const v = values[p]!
        const w = weights ? weights[p]! : 1
        if (Number.isNaN(v) || !(w > 0)) continue
        value[p]! += v * w
        weight[p]! += w
      }
    }
  }
}

/** Writes the means of the sums; NaN where no image has a value. */
export function writeMeans({ value, weight }: Sums, into: Floats): void {
  for (let p = 0; p < TILE_PIXELS; p++) into[p] = weight[p]! > 0 ? value[p]! / weight[p]! : Number.NaN
}

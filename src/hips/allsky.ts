/** Allsky files: the 768 tiles of order 3 in one picture, 27 a row and 64 pixels wide each (HiPS 1.0 §4.3.4). */
import type { Floats } from './resample.ts'
import { TILE_WIDTH } from './tile.ts'

export const ALLSKY_COLUMNS = 27
export const ALLSKY_TILE = 64
export const ALLSKY_WIDTH = ALLSKY_COLUMNS * ALLSKY_TILE
const CELLS = 768
const ROWS = Math.ceil(CELLS / ALLSKY_COLUMNS)

/** Means of eight by eight pixels, in the order of FITS: the row of the first tiles is on top. */
export function allsky(order3: ReadonlyMap<number, Floats>): Floats {
  const height = ROWS * ALLSKY_TILE
  const isDouble = [...order3.values()].some(values => values instanceof Float64Array)
  const picture: Floats = isDouble
    ? new Float64Array(ALLSKY_WIDTH * height)
    : new Float32Array(ALLSKY_WIDTH * height)
  picture.fill(Number.NaN)
  const block = TILE_WIDTH / ALLSKY_TILE
  for (const [npix, values] of order3) {
    const left = (npix % ALLSKY_COLUMNS) * ALLSKY_TILE
    const bottom = height - (Math.floor(npix / ALLSKY_COLUMNS) + 1) * ALLSKY_TILE
    for (let row = 0; row < ALLSKY_TILE; row++) {
      for (let column = 0; column < ALLSKY_TILE; column++) {
        picture[(bottom + row) * ALLSKY_WIDTH + left + column] = mean(
          values,
          column * block,
          row * block,
          block,
        )
      }
    }
  }
  return picture
}

function mean(values: Floats, column: number, row: number, block: number): number {
  let sum = 0
  let n = 0
  for (let j = row; j < row + block; j++) {
    for (let i = column; i < column + block; i++) {
      const v = values[j * TILE_WIDTH + i]!
      if (Number.isNaN(v)) continue
      sum += v
      n++
    }
  }
  return n > 0 ? sum / n : Number.NaN
}

/** Arrays for the values of tiles, used again: making and clearing a megabyte for each costs more than filling it. */
import type { Floats } from './resample.ts'
import { TILE_PIXELS } from './tile.ts'

export interface TileArrays {
  /** Without any value. */
  take(): Floats
  /** Nobody looks at it any more. */
  giveBack(array: Floats): undefined
}

export function tileArrays(as: 'float32' | 'float64'): TileArrays {
  const free: Floats[] = []
  return {
    take() {
      const array =
        free.pop() ?? (as === 'float32' ? new Float32Array(TILE_PIXELS) : new Float64Array(TILE_PIXELS))
      return array.fill(Number.NaN)
    },
    giveBack(array) {
      free.push(array)
      return undefined
    },
  }
}

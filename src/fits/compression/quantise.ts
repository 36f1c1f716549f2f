/**
 * Floating-point pixels from integers (FITS Standard 4.0 §10.2): value = zero + scale × integer, where dithering took
 * away a random offset of every pixel before rounding. Its 10,000 numbers are those of Park and Miller (1988).
 */

const COUNT = 10_000
/** SUBTRACTIVE_DITHER_2: the integer that stands for exactly 0. */
const ZERO = -2147483646

const RANDOM = randomNumbers()

function randomNumbers(): Float32Array {
  const numbers = new Float32Array(COUNT)
  let seed = 1
  for (let i = 0; i < COUNT; i++) {
    seed = (16807 * seed) % 2147483647
    numbers[i] = seed / 2147483647
  }
  if (seed !== 1043618065) throw new Error('the random numbers of FITS dithering came out wrong')
  return numbers
}

export interface Quantisation {
  readonly scale: number
  readonly zero: number
  /** The integer that becomes NaN. */
  readonly blank: number | undefined
  readonly dither: 0 | 1 | 2
  /** Row of the tile in its table, from 0, + ZDITHER0 − 1. */
  readonly seed: number
}

/** Pixels `from` up to `to` of a tile, written to `out` at `at`. */
export function dequantise(
  integers: Int32Array,
  from: number,
  to: number,
  quantisation: Quantisation,
  out: Float32Array | Float64Array,
  at: number,
): void {
  const { scale, zero, blank, dither } = quantisation
  let j = at
  if (dither === 0) {
    for (let i = from; i < to; i++) {
      const integer = integers[i]!
      out[j++] = integer === blank ? Number.NaN : integer * scale + zero
    }
    return
  }
  for (let i = from; i < to; ) {
    const { index, left } = placeOf(i, quantisation.seed)
    const end = Math.min(to, i + left)
    for (let random = index; i < end; i++, random++) {
      const integer = integers[i]!
      if (integer === blank) out[j++] = Number.NaN
      else if (dither === 2 && integer === ZERO) out[j++] = 0
      else out[j++] = (integer - RANDOM[random]! + 0.5) * scale + zero
    }
  }
}

/** The random number of a tile's pixel, and how many pixels go on with the ones behind it. */
function placeOf(pixel: number, seed: number): { index: number; left: number } {
  let start = seed % COUNT
  let rest = pixel
  for (;;) {
    const first = Math.trunc(Math.fround(RANDOM[start]! * 500))
    if (rest < COUNT - first) return { index: first + rest, left: COUNT - first - rest }
    rest -= COUNT - first
    start = (start + 1) % COUNT
  }
}

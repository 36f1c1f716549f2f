/**
 * Random numbers as streams: everything in the demo survey is a pure function of (seed, what, which), so an object
 * comes out the same in whatever order, number or thread it is made.
 *
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand 0.94, "small fast counting"): 32-bit operations alone, 128
 * bits of state, of which 96 are free to be the key; the rest counts, so that no stream repeats within 2^32 numbers.
 */

/** What a stream is for; a number of its own keeps streams of the same cell apart. */
export const STREAM = {
  shardCounts: 1,
  cellCounts: 2,
  clusters: 3,
  object: 4,
  coadd: 5,
  epochs: 6,
  weather: 7,
  schedule: 8,
  pointing: 9,
  bench: 10,
  image: 11,
} as const

/** Rounds after seeding, as the author of sfc32 does it for a 96-bit key. */
const WARM_UP = 15

export interface Random {
  /** Goes to the beginning of a stream; each number is taken as 32 bits. */
  seek(stream: number, a: number, b: number): void
  /** 32 random bits, unsigned. */
  bits(): number
  /** Uniform in (0, 1), never 0 or 1. */
  uniform(): number
  /** Uniform in (low, high). */
  between(low: number, high: number): number
  /** Standard normal deviate. */
  normal(): number
  /** Poisson deviate for means of up to some hundreds (multiplication of uniforms, Knuth). */
  poisson(mean: number): number
}

export function createRandom(seed: number): Random {
  let a = 0
  let b = 0
  let c = 0
  let counter = 1
  let spare = Number.NaN

  function bits(): number {
    const result = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + result
    c |= 0
    return result >>> 0
  }

  function seek(stream: number, first: number, second: number): void {
    a = (seed ^ Math.imul(stream, 0x9e3779b1)) | 0
    b = first | 0
    c = second | 0
    counter = 1
    spare = Number.NaN
    for (let round = 0; round < WARM_UP; round++) bits()
  }

  const uniform = () => (bits() + 0.5) / 2 ** 32

  /** Marsaglia's polar method, which gives two at a time. */
  function normal(): number {
    if (!Number.isNaN(spare)) {
      const kept = spare
      spare = Number.NaN
      return kept
    }
    for (;;) {
      const x = 2 * uniform() - 1
      const y = 2 * uniform() - 1
      const square = x * x + y * y
      if (square >= 1) continue
      const scale = Math.sqrt((-2 * Math.log(square)) / square)
      spare = y * scale
      return x * scale
    }
  }

  function poisson(mean: number): number {
    if (mean > 700) throw new RangeError(`Poisson mean ${mean} is too large for this method (700)`)
    const floor = Math.exp(-mean)
    let count = -1
    for (let product = 1; product > floor; count++) product *= uniform()
    return count
  }

  return {
    seek,
    bits,
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    normal,
    poisson,
  }
}

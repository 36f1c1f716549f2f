/** Pixels as they are stored, and what they mean (FITS Standard 4.0 §4.4.2.5, §5.2.5 unsigned integers). */
import type { Bitpix } from './image.ts'

export type StoredArray =
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>

export type PhysicalArray = StoredArray | Int8Array | Uint16Array | Uint32Array | BigUint64Array

/** A block of pixels; written with the same BSCALE, BZERO and BLANK nothing is lost. */
export interface Pixels {
  readonly bitpix: Bitpix
  /** The fastest axis first. */
  readonly shape: readonly number[]
  /** In the machine's byte order. */
  readonly stored: StoredArray
  readonly scale: number
  readonly zero: number
  readonly blank: bigint | undefined
}

export interface Physical {
  readonly values: PhysicalArray
  /** The integer among the values that means no value; floating-point values are NaN there. */
  readonly blank: number | bigint | undefined
}

export function newStored(bitpix: Bitpix, length: number): StoredArray {
  switch (bitpix) {
    case 8:
      return new Uint8Array(length)
    case 16:
      return new Int16Array(length)
    case 32:
      return new Int32Array(length)
    case 64:
      return new BigInt64Array(length)
    case -32:
      return new Float32Array(length)
    case -64:
      return new Float64Array(length)
  }
}

/** Turns big-endian numbers into those of this machine, or back, in place. */
export function swapBytes(stored: StoredArray): void {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  if (stored.BYTES_PER_ELEMENT === 2) bytes.swap16()
  else if (stored.BYTES_PER_ELEMENT === 4) bytes.swap32()
  else if (stored.BYTES_PER_ELEMENT === 8) bytes.swap64()
}

/** Pixels as FITS stores them, big-endian. */
export function storedBytes({ stored }: Pixels): Buffer {
  const copy = stored.slice() as StoredArray
  swapBytes(copy)
  return Buffer.from(copy.buffer)
}

/**
 * Physical values, in the types and with the rounding of astropy: integers stay integers without BSCALE, BZERO and
 * BLANK, and with the BZERO of unsigned ones; else 8 and 16 bits become float32, 32 and 64 bits float64.
 */
export function physicalValues(pixels: Pixels): Physical {
  const { bitpix, stored, scale, zero, blank } = pixels
  if (scale === 1 && zero === 0 && blank === undefined) return { values: stored, blank: undefined }
  const unsigned = scale === 1 && bitpix > 0 ? unsignedValues(stored, zero) : undefined
  if (unsigned) {
    const physical = blank === undefined ? undefined : blank + BigInt(zero)
    return { values: unsigned, blank: bitpix === 64 || physical === undefined ? physical : Number(physical) }
  }
  const values = floats(bitpix, stored)
  const round = values instanceof Float32Array ? Math.fround : (x: number) => x
  const [by, plus] = [round(scale), round(zero)]
  // Each step is rounded, as arrays of float32 are in numpy.
  if (by !== 1) for (let i = 0; i < values.length; i++) values[i]! *= by
  if (plus !== 0) for (let i = 0; i < values.length; i++) values[i]! += plus
  if (blank !== undefined) {
    const none = bitpix === 64 ? blank : Number(blank)
    for (let i = 0; i < values.length; i++) if (stored[i] === none) values[i] = Number.NaN
  }
  return { values, blank: undefined }
}

function floats(bitpix: Bitpix, stored: StoredArray): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  if (bitpix === 64) return Float64Array.from(stored as BigInt64Array, Number)
  const numbers = stored as Exclude<StoredArray, BigInt64Array>
  return bitpix === 32 || bitpix === -64 ? new Float64Array(numbers) : new Float32Array(numbers)
}

/** The signed or unsigned integers that this BZERO stands for: the top bit turns. */
function unsignedValues(stored: StoredArray, zero: number): PhysicalArray | undefined {
  if (stored instanceof Uint8Array && zero === -128) return new Int8Array(stored.map(v => v ^ 0x80).buffer)
  if (stored instanceof Int16Array && zero === 2 ** 15)
    return new Uint16Array(stored.map(v => v ^ 0x8000).buffer)
  if (stored instanceof Int32Array && zero === 2 ** 31) {
    return new Uint32Array(stored.map(v => v ^ 0x80000000).buffer)
  }
  if (stored instanceof BigInt64Array && zero === 2 ** 63) {
    return new BigUint64Array(stored.map(v => v ^ -0x8000000000000000n).buffer)
  }
  return undefined
}

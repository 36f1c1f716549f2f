/**
 * RICE_1 (FITS Standard 4.0 §10.4.1): differences of neighbours, in blocks that each choose how many low bits of a
 * difference are written as they are; the high part is a count of zeros before a one.
 */

/** Decodes up to `count` pixels of a tile; values of 1, 2 or 4 bytes wrap around as they did when written. */
export function riceDecode(
  bytes: Uint8Array,
  count: number,
  blockSize: number,
  bytesPerPixel: number,
): Int32Array {
  const pixels = new Int32Array(count)
  const [choiceBits, direct] = bytesPerPixel === 4 ? [5, 25] : bytesPerPixel === 2 ? [4, 14] : [3, 6]
  const pixelBits = 8 * bytesPerPixel
  let last = 0
  let at = 0
  while (at < bytesPerPixel) last = (last << 8) | bytes[at++]!
  /** Bits not yet used: the low `held` bits of `bits`. */
  let bits = 0
  let held = 0

  for (let i = 0; i < count; ) {
    if (held < choiceBits) {
      bits = (bits << 8) | bytes[at++]!
      held += 8
    }
    held -= choiceBits
    const low = (bits >> held) - 1
    bits &= (1 << held) - 1
    const end = Math.min(i + blockSize, count)
    if (low < 0) {
      pixels.fill(last, i, end)
      i = end
    } else if (low === direct) {
      // Too noisy: differences as they are. A byte is held back at most, so 32 bits fit into two halves.
      for (; i < end; i++) {
        let missing = pixelBits - held
        let difference = missing >= 32 ? 0 : bits << missing
        while (missing >= 8) {
          missing -= 8
          difference |= bytes[at++]! << missing
        }
        if (missing > 0) {
          const byte = bytes[at++]!
          difference |= byte >> (8 - missing)
          held = 8 - missing
          bits = byte & ((1 << held) - 1)
        } else {
          held = 0
          bits = 0
        }
        last = (last + ((difference >>> 1) ^ -(difference & 1))) | 0
        pixels[i] = last
      }
    } else {
      for (; i < end; i++) {
        let zeros = 0
        while (bits === 0) {
          zeros += held
          if (at >= bytes.length) throw new RangeError('the compressed bytes end too soon')
          bits = bytes[at++]!
          held = 8
        }
        const leading = Math.clz32(bits) - (32 - held)
        zeros += leading
        held -= leading + 1
        bits &= (1 << held) - 1
        while (held < low) {
          bits = (bits << 8) | bytes[at++]!
          held += 8
        }
        held -= low
        const difference = (zeros << low) | (bits >>> held)
        bits &= (1 << held) - 1
        last = (last + ((difference >>> 1) ^ -(difference & 1))) | 0
        pixels[i] = last
      }
    }
    if (at > bytes.length) throw new RangeError('the compressed bytes end too soon')
  }
  return bytesPerPixel === 4 ? pixels : wrapped(pixels, bytesPerPixel)
}

/** Bytes are unsigned, 16-bit integers signed. */
function wrapped(pixels: Int32Array, bytesPerPixel: number): Int32Array {
  if (bytesPerPixel === 1) for (let i = 0; i < pixels.length; i++) pixels[i]! &= 0xff
  else for (let i = 0; i < pixels.length; i++) pixels[i] = (pixels[i]! << 16) >> 16
  return pixels
}

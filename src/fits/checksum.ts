/** DATASUM and CHECKSUM (FITS Standard 4.0 §4.4.2.7 and appendix J). */

/** Ones' complement sum of big-endian 32-bit words; `bytes` must be whole words. `sum` is that of what lies before. */
export function checksum(bytes: Uint8Array, sum = 0): number {
  let [high, low] = [sum >>> 16, sum & 0xffff]
  // Halves of words are summed apart, and carried before doubles lose bits: 2^36 words would do that.
  for (let i = 0; i < bytes.length; i += 4) {
    high += bytes[i]! * 256 + bytes[i + 1]!
    low += bytes[i + 2]! * 256 + bytes[i + 3]!
  }
  while (high > 0xffff || low > 0xffff) {
    const [carryHigh, carryLow] = [Math.floor(high / 65536), Math.floor(low / 65536)]
    high = (high % 65536) + carryLow
    low = (low % 65536) + carryHigh
  }
  return high * 65536 + low
}

/** The 16 characters of CHECKSUM that bring the sum of an HDU to −0, from its sum with sixteen zeros there. */
export function checksumText(sum: number): string {
  const complement = ~sum >>> 0
  const characters = new Array<number>(16)
  for (let byte = 0; byte < 4; byte++) {
    const value = (complement >>> (24 - 8 * byte)) & 0xff
    const quotient = Math.floor(value / 4) + 0x30
    const four = [quotient + (value % 4), quotient, quotient, quotient]
    // Punctuation is avoided by moving two of them apart, which keeps their sum.
    for (let changed = true; changed; ) {
      changed = false
      for (const [a, b] of [
        [0, 1],
        [2, 3],
      ] as const) {
        if (isPunctuation(four[a]!) || isPunctuation(four[b]!)) {
          four[a]!++
          four[b]!--
          changed = true
        }
      }
    }
    for (let i = 0; i < 4; i++) characters[4 * i + byte] = four[i]!
  }
  // The value begins in column 12: turned by one character, it stands on the words again.
  return String.fromCharCode(characters[15]!, ...characters.slice(0, 15))
}

function isPunctuation(code: number): boolean {
  return (code >= 0x3a && code <= 0x40) || (code >= 0x5b && code <= 0x60)
}

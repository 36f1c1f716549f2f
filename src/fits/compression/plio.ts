/**
 * PLIO_1, the line lists of IRAF's pixel masks (FITS Standard 4.0 §10.4.3): 16-bit words of a 4-bit instruction and
 * 12 bits of data, which draw zeros and runs of a current high value. Values are 0 to 2^24.
 */

/** Decodes up to `count` pixels of a tile from big-endian words. */
export function plioDecode(bytes: Buffer, count: number): Int32Array {
  const pixels = new Int32Array(count)
  const words = bytes.length >> 1
  const word = (i: number) => bytes.readInt16BE(2 * i)
  if (words < 3) throw new RangeError('the line list is shorter than its header')
  // Old lists have their length in word 2, newer ones its two halves in words 3 and 4 and the header's in word 1.
  const old = word(2) > 0
  if (!old && words < 5) throw new RangeError('the line list is shorter than its header')
  const length = old ? word(2) : (word(4) << 15) + word(3)
  if (length > words) throw new RangeError(`the line list says ${length} words and has ${words}`)
  let value = 1
  let at = 0
  for (let i = old ? 3 : word(1); i < length && at < count; i++) {
    const instruction = (word(i) >> 12) & 0xf
    const data = word(i) & 0xfff
    switch (instruction) {
      case 0: // zeros
        at += data
        break
      case 4: // a run of the value
        pixels.fill(value, at, at + data)
        at += data
        break
      case 5: // zeros, then the value once
        at += data
        if (at <= count && data > 0) pixels[at - 1] = value
        break
      case 1: // set the value, high bits in the next word
        if (i + 1 >= length) throw new RangeError('the line list ends inside an instruction')
        value = (word(++i) << 12) + data
        break
      case 2:
        value += data
        break
      case 3:
        value -= data
        break
      case 6: // change the value and draw it once
        value += data
        pixels[at++] = value
        break
      case 7:
        value -= data
        pixels[at++] = value
        break
      default:
        throw new RangeError(`the line list has the instruction ${instruction}, which is not defined`)
    }
  }
  return pixels
}

/** LZ4 frames (LZ4 Frame Format 1.6.4), as Arrow compresses its buffers with. Checksums are passed over. */

const MAGIC = 0x184d2204
const CONTENT_SIZE = 0x08
const BLOCK_CHECKSUM = 0x10
const DICTIONARY = 0x01

/** Throws RangeError for a frame that is none. */
export function decodeLz4Frame(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (frame.length < 7 || view.getUint32(0, true) !== MAGIC) throw new RangeError('no LZ4 frame')
  const flags = frame[4]!
  let out = new Uint8Array(flags & CONTENT_SIZE ? Number(view.getBigUint64(6, true)) : 4 * frame.length)
  let o = 0
  let p = 6 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0) + 1
  for (;;) {
    const head = view.getUint32(p, true)
    p += 4
    if (head === 0) return out.subarray(0, o)
    const size = head & 0x7fffffff
    const block = frame.subarray(p, p + size)
    if (block.length < size) throw new RangeError('an LZ4 block is cut')
    if (head & 0x80000000) {
      out = room(out, o, size)
      out.set(block, o)
      o += size
    } else {
      ;[out, o] = decodeBlock(block, out, o)
    }
    p += size + (flags & BLOCK_CHECKSUM ? 4 : 0)
  }
}

function room(out: Uint8Array<ArrayBuffer>, o: number, bytes: number): Uint8Array<ArrayBuffer> {
  if (o + bytes <= out.length) return out
  const longer = new Uint8Array(Math.max(2 * out.length, o + bytes))
  longer.set(out.subarray(0, o))
  return longer
}

/** Sequences of literals and copies of what came before. */
function decodeBlock(
  block: Uint8Array,
  out: Uint8Array<ArrayBuffer>,
  o: number,
): [Uint8Array<ArrayBuffer>, number] {
  let p = 0
  const length = (first: number): number => {
    let sum = first
    if (first === 15) {
      let byte: number
      do {
        byte = block[p++] ?? 0
        sum += byte
      } while (byte === 255)
    }
    return sum
  }
  while (p < block.length) {
    const token = block[p++]!
    const literals = length(token >> 4)
    out = room(out, o, literals)
    out.set(block.subarray(p, p + literals), o)
    p += literals
    o += literals
    if (p >= block.length) break
    const offset = block[p]! | (block[p + 1]! << 8)
    p += 2
    const copied = 4 + length(token & 15)
    if (offset === 0 || offset > o) throw new RangeError('an LZ4 block refers to what is not there')
    out = room(out, o, copied)
    for (let i = 0; i < copied; i++, o++) out[o] = out[o - offset]!
  }
  return [out, o]
}

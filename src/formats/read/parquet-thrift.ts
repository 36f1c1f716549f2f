/** Thrift's compact protocol, walked before a library makes objects of it: lists say how long they are, and lie. */

const DEPTH = 32

/**
 * The offset after the struct at `start`; undefined when the bytes end within it. Throws for what cannot be: lists
 * that hold more than the bytes after them, structs within structs without end, types that Parquet has not.
 */
export function thriftEnd(bytes: Uint8Array, start: number): number | undefined {
  let p = start

  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (p >= bytes.length) throw CUT
      const byte = bytes[p++]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Error('a number has no end')
  }
  const element = (type: number, depth: number): void => {
    switch (type) {
      case 1:
      case 2:
        return
      case 3:
        p += 1
        return
      case 4:
      case 5:
      case 6:
        varint()
        return
      case 7:
        p += 8
        return
      case 8: {
        const length = varint()
        p += length
        return
      }
      case 9:
        list(depth)
        return
      case 12:
        struct(depth)
        return
      default:
        throw new Error(`there is no type ${type}`)
    }
  }
  const list = (depth: number): void => {
    if (depth > DEPTH) throw new Error('lists are nested too deeply')
    if (p >= bytes.length) throw CUT
    const head = bytes[p++]!
    const size = head >> 4 === 15 ? varint() : head >> 4
    // No element takes less than a byte.
    if (size > bytes.length - p) {
      if (size > MOST_ELEMENTS) throw new Error(`a list of ${size} elements`)
      throw CUT
    }
    // In a list a boolean is a byte.
    const type = (head & 0x0f) <= 2 ? 3 : head & 0x0f
    for (let i = 0; i < size; i++) element(type, depth + 1)
  }
  const struct = (depth: number): void => {
    if (depth > DEPTH) throw new Error('structs are nested too deeply')
    for (;;) {
      if (p >= bytes.length) throw CUT
      const head = bytes[p++]!
      if ((head & 0x0f) === 0) return
      if (head >> 4 === 0) varint()
      element(head & 0x0f, depth + 1)
    }
  }

  try {
    struct(0)
  } catch (error) {
    if (error === CUT) return undefined
    throw error
  }
  return p <= bytes.length ? p : undefined
}

const CUT = new Error('the bytes end')
const MOST_ELEMENTS = 2 ** 24

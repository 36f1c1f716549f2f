/**
 * The part of the FlatBuffers encoding that Arrow's messages need, written from the root down: a table's vtable stands
 * before it, what it refers to after it, and offsets are filled in when the place is known.
 */

/** A table's fields in the order of their ids; undefined ones take their default. */
export type Slot =
  | undefined
  | { readonly type: 'byte' | 'bool' | 'short' | 'int' | 'long'; readonly value: number }
  | { readonly type: 'ref'; readonly value: Target }

export type Target =
  | { readonly kind: 'table'; readonly slots: readonly Slot[] }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'tables'; readonly items: readonly Target[] }
  /** Structs of 64-bit numbers, `width` each. */
  | { readonly kind: 'longs'; readonly values: readonly number[]; readonly width: number }

export const byte = (value: number): Slot => ({ type: 'byte', value })
export const bool = (value: boolean): Slot => ({ type: 'bool', value: value ? 1 : 0 })
export const short = (value: number): Slot => ({ type: 'short', value })
export const int = (value: number): Slot => ({ type: 'int', value })
export const long = (value: number): Slot => ({ type: 'long', value })
export const ref = (value: Target): Slot => ({ type: 'ref', value })
export const table = (...slots: Slot[]): Target => ({ kind: 'table', slots })
export const string = (text: string): Target => ({ kind: 'string', text })
export const tables = (items: readonly Target[]): Target => ({ kind: 'tables', items })
export const structs = (width: number, values: readonly number[]): Target => ({
  kind: 'longs',
  values,
  width,
})

const SIZE = { byte: 1, bool: 1, short: 2, int: 4, long: 8, ref: 4 } as const

/** The bytes of a buffer with this root, a multiple of 8. */
export function flatbuffer(root: Target): Buffer {
  let out = Buffer.alloc(1024)
  let end = 4

  /** Moves the end to where `end + lead` is a multiple of `size`, and makes room for `bytes`. */
  const place = (size: number, lead: number, bytes: number): number => {
    while ((end + lead) % size !== 0) end++
    const at = end
    end += bytes
    if (end + 8 > out.length) out = Buffer.concat([out, Buffer.alloc(Math.max(end, out.length))])
    return at
  }

  const write = (target: Target): number => {
    switch (target.kind) {
      case 'table':
        return writeTable(target.slots)
      case 'string': {
        const bytes = Buffer.from(target.text)
        const at = place(4, 0, 4 + bytes.length + 1)
        out.writeUInt32LE(bytes.length, at)
        bytes.copy(out, at + 4)
        return at
      }
      case 'tables': {
        const at = place(4, 0, 4 + 4 * target.items.length)
        out.writeUInt32LE(target.items.length, at)
        for (const [i, item] of target.items.entries()) refer(at + 4 + 4 * i, item)
        return at
      }
      case 'longs': {
        const at = place(8, 4, 4 + 8 * target.values.length)
        out.writeUInt32LE(target.values.length / target.width, at)
        for (const [i, value] of target.values.entries()) out.writeBigInt64LE(BigInt(value), at + 4 + 8 * i)
        return at
      }
    }
  }

  const refer = (at: number, target: Target): void => {
    const found = write(target)
    out.writeUInt32LE(found - at, at)
  }

  const writeTable = (slots: readonly Slot[]): number => {
    // Fields lie by size, the largest first, behind the 4 bytes that lead to the vtable: the table begins 4 before a
    // multiple of 8.
    const offsets = slots.map(() => 0)
    let size = 4
    for (const width of [8, 4, 2, 1]) {
      slots.forEach((slot, i) => {
        if (!slot || SIZE[slot.type] !== width) return
        offsets[i] = size
        size += width
      })
    }
    const vtableBytes = 4 + 2 * slots.length
    const vtable = place(2, 0, vtableBytes)
    out.writeUInt16LE(vtableBytes, vtable)
    out.writeUInt16LE(size, vtable + 2)
    for (const [i, offset] of offsets.entries()) out.writeUInt16LE(offset, vtable + 4 + 2 * i)
    const at = place(8, 4, size)
    out.writeInt32LE(at - vtable, at)
    slots.forEach((slot, i) => {
      if (!slot) return
      const where = at + offsets[i]!
      if (slot.type === 'ref') refer(where, slot.value)
      else if (slot.type === 'long') out.writeBigInt64LE(BigInt(slot.value), where)
      else out.writeIntLE(slot.value, where, SIZE[slot.type])
    })
    return at
  }

  refer(0, root)
  place(8, 0, 0)
  return out.subarray(0, end)
}

/**
 * bzip2 (by the description in J. Seward's bzip2 1.0 manual and its format notes): blocks of up to 900,000 bytes,
 * each run-length coded, Burrows–Wheeler transformed, moved to front, and Huffman coded with two to six tables that
 * change every 50 symbols. One block is in memory at a time.
 */
import { fitsError } from './header.ts'

const BLOCK_MAGIC = 0x314159265359
const END_MAGIC = 0x177245385090
const GROUP = 50

/** Bits of a stream, high bit first. */
interface Bits {
  /** Up to 32 bits as a number. */
  take(count: number): Promise<number> | number
}

/** Symbols by code length: those of a length follow one another from `first` on. */
interface Table {
  readonly minLength: number
  /** Per length: the last code of that length, and what to add to a code to get its place in `symbols`. */
  readonly limit: Int32Array
  readonly offset: Int32Array
  readonly symbols: Uint16Array
}

export async function* bunzip2(packed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const reader = bitReader(packed)
  try {
    // Streams may follow one another in a file (pbzip2).
    while (await reader.more()) {
      const [b, z, h, level] = [
        await reader.take(8),
        await reader.take(8),
        await reader.take(8),
        await reader.take(8),
      ]
      if (b !== 0x42 || z !== 0x5a || h !== 0x68 || level < 0x31 || level > 0x39)
        throw damaged('no bzip2 stream')
      const size = (level - 0x30) * 100_000
      for (;;) {
        const magic = (await reader.take(24)) * 2 ** 24 + (await reader.take(24))
        const checksum = await reader.take(32)
        if (magic === END_MAGIC) break
        if (magic !== BLOCK_MAGIC) throw damaged('no block where one must be')
        yield* expanded(await block(reader, size), checksum)
      }
      reader.align()
    }
  } finally {
    await packed.return(undefined)
  }
}

function damaged(why: string) {
  return fitsError('the bzip2 file cannot be unpacked', `${why}; it is truncated or damaged`)
}

function bitReader(packed: AsyncGenerator<Buffer>): Bits & { more(): Promise<boolean>; align(): void } {
  let chunk: Buffer = Buffer.alloc(0)
  let at = 0
  let held = 0
  let count = 0

  const refill = async (): Promise<boolean> => {
    while (at >= chunk.length) {
      const { value, done } = await packed.next()
      if (done) return false
      chunk = value
      at = 0
    }
    return true
  }
  const slow = async (wanted: number): Promise<number> => {
    while (count < wanted) {
      if (!(await refill())) throw damaged('it ends too soon')
      held = held * 256 + chunk[at++]!
      count += 8
    }
    return cut(wanted)
  }
  const cut = (wanted: number): number => {
    const unit = 2 ** (count - wanted)
    const value = Math.floor(held / unit)
    held -= value * unit
    count -= wanted
    return value
  }
  return {
    take(wanted) {
      while (count < wanted) {
        if (at >= chunk.length) return slow(wanted)
        held = held * 256 + chunk[at++]!
        count += 8
      }
      return cut(wanted)
    },
    more: async () => count >= 8 || (await refill()),
    align: () => {
      cut(count % 8)
    },
  }
}

/** A block up to the inverse of the Burrows–Wheeler transform: the bytes that are still run-length coded. */
async function block(bits: Bits, size: number): Promise<Uint8Array> {
  if ((await bits.take(1)) === 1) throw damaged('a randomised block (bzip2 0.9.0) cannot be read')
  const origin = await bits.take(24)
  const alphabet = await bytesInUse(bits)
  const { tables, selectors } = await codes(bits, alphabet.length + 2)

  const end = alphabet.length + 1
  const order = Uint8Array.from(alphabet)
  const data = new Uint32Array(size)
  const counts = new Int32Array(256)
  let length = 0
  let run = 0
  let weight = 1
  const flush = () => {
    if (length + run > size) throw damaged('a block is longer than it may be')
    counts[order[0]!]! += run
    data.fill(order[0]!, length, length + run)
    length += run
    run = 0
    weight = 1
  }
  for (let group = 0; ; group++) {
    const table = tables[selectors[group] ?? -1]
    if (!table) throw damaged('a block has more symbols than tables')
    for (let i = 0; i < GROUP; i++) {
      const pending = symbol(bits, table)
      const next = typeof pending === 'number' ? pending : await pending
      if (next <= 1) {
        // Runs of the front byte, in bijective base 2.
        run += weight << next
        weight *= 2
        if (run > size) throw damaged('a run is longer than a block')
        continue
      }
      if (run > 0) flush()
      if (next === end) return untransformed(data, length, counts, origin)
      if (length >= size) throw damaged('a block is longer than it may be')
      const place = next - 1
      const byte = order[place]!
      order.copyWithin(1, 0, place)
      order[0] = byte
      data[length++] = byte
      counts[byte]!++
    }
  }
}

/** Which of the 256 bytes are in the block: a map of sixteens, then one of each. */
async function bytesInUse(bits: Bits): Promise<number[]> {
  const sixteens = await bits.take(16)
  const bytes: number[] = []
  for (let i = 0; i < 16; i++) {
    if (((sixteens >> (15 - i)) & 1) === 0) continue
    const map = await bits.take(16)
    for (let j = 0; j < 16; j++) if ((map >> (15 - j)) & 1) bytes.push(16 * i + j)
  }
  if (bytes.length === 0) throw damaged('a block without bytes')
  return bytes
}

async function codes(bits: Bits, symbols: number): Promise<{ tables: Table[]; selectors: Uint8Array }> {
  const count = await bits.take(3)
  if (count < 2 || count > 6) throw damaged(`${count} Huffman tables`)
  const selectors = new Uint8Array(await bits.take(15))
  const order = [0, 1, 2, 3, 4, 5]
  for (let i = 0; i < selectors.length; i++) {
    let place = 0
    while ((await bits.take(1)) === 1) if (++place >= count) throw damaged('a wrong table number')
    const table = order.splice(place, 1)[0]!
    order.unshift(table)
    selectors[i] = table
  }
  const tables: Table[] = []
  for (let t = 0; t < count; t++) {
    const lengths = new Uint8Array(symbols)
    let length = await bits.take(5)
    for (let s = 0; s < symbols; s++) {
      while ((await bits.take(1)) === 1) length += (await bits.take(1)) === 1 ? -1 : 1
      if (length < 1 || length > 20) throw damaged('a wrong code length')
      lengths[s] = length
    }
    tables.push(tableOf(lengths))
  }
  return { tables, selectors }
}

/** Canonical Huffman codes: shorter ones first, symbols of one length in order. */
function tableOf(lengths: Uint8Array): Table {
  const minLength = Math.min(...lengths)
  const limit = new Int32Array(22).fill(-1)
  const offset = new Int32Array(22)
  const symbols = new Uint16Array(lengths.length)
  let code = 0
  let place = 0
  for (let length = minLength; length <= 20; length++) {
    offset[length] = place - code
    for (let s = 0; s < lengths.length; s++) {
      if (lengths[s] === length) {
        symbols[place++] = s
        code++
      }
    }
    limit[length] = code - 1
    code <<= 1
  }
  return { minLength, limit, offset, symbols }
}

function symbol(bits: Bits, table: Table): number | Promise<number> {
  const code = bits.take(table.minLength)
  return typeof code === 'number'
    ? longer(bits, table, code, table.minLength)
    : symbolLater(bits, table, code)
}

async function symbolLater(bits: Bits, table: Table, code: Promise<number>): Promise<number> {
  return longer(bits, table, await code, table.minLength)
}

function longer(bits: Bits, table: Table, start: number, from: number): number | Promise<number> {
  let code = start
  for (let length = from; length <= 20; length++) {
    if (code <= table.limit[length]!) return table.symbols[code + table.offset[length]!]!
    const bit = bits.take(1)
    if (typeof bit !== 'number') {
      const [before, next] = [code, length + 1]
      return bit.then(late => longer(bits, table, before * 2 + late, next))
    }
    code = code * 2 + bit
  }
  throw damaged('a code that stands for nothing')
}

/** Inverse Burrows–Wheeler transform; the high 24 bits of `data` become the chain of successors. */
function untransformed(data: Uint32Array, length: number, counts: Int32Array, origin: number): Uint8Array {
  if (origin >= length) throw damaged('the origin is outside of the block')
  let sum = 0
  const start = counts.map(count => {
    sum += count
    return sum - count
  })
  for (let i = 0; i < length; i++) {
    const byte = data[i]! & 0xff
    data[start[byte]!++]! |= i << 8
  }
  const bytes = new Uint8Array(length)
  let at = data[origin]! >>> 8
  for (let i = 0; i < length; i++) {
    const entry = data[at]!
    bytes[i] = entry & 0xff
    at = entry >>> 8
  }
  return bytes
}

/** CRC-32 with the high bit first, which is not zlib's. */
const CRC = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0)
  return crc
})

/** Four equal bytes are followed by the number of further ones. */
function* expanded(bytes: Uint8Array, checksum: number): Generator<Buffer> {
  const CHUNK = 64 * 1024
  let crc = -1
  const checked = (piece: Buffer) => {
    for (let i = 0; i < piece.length; i++) crc = (crc << 8) ^ CRC[(crc >>> 24) ^ piece[i]!]!
    return piece
  }
  let chunk = Buffer.allocUnsafe(CHUNK + 260)
  let filled = 0
  let equal = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (equal === 4) {
      chunk.fill(bytes[i - 1]!, filled, filled + byte)
      filled += byte
      equal = 0
    } else {
      equal = i > 0 && equal > 0 && byte === bytes[i - 1] ? equal + 1 : 1
      chunk[filled++] = byte
    }
    if (filled >= CHUNK) {
      yield checked(chunk.subarray(0, filled))
      chunk = Buffer.allocUnsafe(CHUNK + 260)
      filled = 0
    }
  }
  yield checked(chunk.subarray(0, filled))
  if (~crc !== (checksum | 0)) throw damaged('the checksum of a block is wrong')
}

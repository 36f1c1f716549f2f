/**
 * Pages of Parquet (Apache Parquet format 2.10), one at a time, into values. Levels, dictionaries and lengths are
 * checked here, since they say how much there is: a run may claim 2^31 values in five bytes. Plain and delta values
 * are hyparquet's.
 */
import type { CompressionCodec, DecodedArray, PageHeader, ParquetType } from 'hyparquet'
import { decompressPage } from 'hyparquet/src/datapage.js'
import { deltaBinaryUnpack, deltaLengthByteArray } from 'hyparquet/src/delta.js'
import { byteStreamSplit } from 'hyparquet/src/encoding.js'
import { readPlain } from 'hyparquet/src/plain.js'
import { compressors } from 'hyparquet-compressors'

/** Bytes of a page when it is unpacked, and values in it: writers make pages of 1 MB and some 100,000 values. */
const MOST_BYTES = 2 ** 28
const MOST_VALUES = 2 ** 24

/** What is stored of a column. */
export interface Leaf {
  readonly type: ParquetType
  readonly codec: CompressionCodec
  /** Bytes of a value of FIXED_LEN_BYTE_ARRAY. */
  readonly width: number | undefined
  readonly maxDefinition: number
  readonly maxRepetition: number
}

export interface Page {
  /** How many values are there, without the NULLs. */
  readonly count: number
  /** The next so many of them; indexes, where `isIndexed`. */
  readonly take: (count: number) => DecodedArray
  /** They are indexes into the dictionary. */
  readonly isIndexed: boolean
  /** One for each value and each NULL; undefined where nothing can be NULL. */
  readonly definition: Uint8Array | undefined
  readonly repetition: Uint8Array | undefined
}

/** Throws Error for a page that is damaged. */
export function readDataPage(header: PageHeader, bytes: Uint8Array, leaf: Leaf): Page {
  const v2 = header.data_page_header_v2
  const head = v2 ?? header.data_page_header
  if (!head) throw new Error('a page has no header')
  const { num_values: count, encoding } = head
  if (!(count >= 0 && count <= MOST_VALUES)) throw new Error(`a page says that it has ${count} values`)
  if (!v2) {
    const page = unpacked(bytes, header.uncompressed_page_size, leaf.codec)
    let at = 0
    const levels = (most: number, how: string): Uint8Array | undefined => {
      if (most === 0) return undefined
      if (how === 'BIT_PACKED') throw new Error('levels in BIT_PACKED are not read')
      const end = at + 4 + viewOf(page).getUint32(at, true)
      const found = levelsOf(page, at + 4, end, most, count)
      at = end
      return found
    }
    const { repetition_level_encoding, definition_level_encoding } = header.data_page_header!
    const repetition = levels(leaf.maxRepetition, repetition_level_encoding)
    const definition = levels(leaf.maxDefinition, definition_level_encoding)
    return { repetition, ...valuesOf(page, at, encoding, definition, count, leaf) }
  }
  const repetitionEnd = v2.repetition_levels_byte_length
  const levelsEnd = repetitionEnd + v2.definition_levels_byte_length
  if (!(repetitionEnd >= 0 && levelsEnd >= repetitionEnd && levelsEnd <= bytes.length))
    throw new Error('levels of a page are longer than it')
  const levels = (from: number, end: number, most: number) =>
    most > 0 ? levelsOf(bytes, from, end, most, count) : undefined
  const repetition = levels(0, repetitionEnd, leaf.maxRepetition)
  const definition = levels(repetitionEnd, levelsEnd, leaf.maxDefinition)
  const packed = bytes.subarray(levelsEnd)
  const size = header.uncompressed_page_size - levelsEnd
  const page = v2.is_compressed === false || size === 0 ? packed : unpacked(packed, size, leaf.codec)
  return { repetition, ...valuesOf(page, 0, encoding, definition, count, leaf) }
}

/** The values that later pages have indexes of. */
export function readDictionary(header: PageHeader, bytes: Uint8Array, leaf: Leaf): DecodedArray {
  const { num_values: count } = header.dictionary_page_header ?? { num_values: 0 }
  const page = unpacked(bytes, header.uncompressed_page_size, leaf.codec)
  requirePlain(page, 0, count, leaf)
  return readPlain({ view: viewOf(page), offset: 0 }, leaf.type, count, leaf.width)
}

function unpacked(bytes: Uint8Array, size: number, codec: CompressionCodec): Uint8Array {
  if (!(size >= 0 && size <= MOST_BYTES)) throw new Error(`a page says that it has ${size} bytes`)
  return decompressPage(bytes, size, codec, compressors)
}

function levelsOf(bytes: Uint8Array, from: number, end: number, most: number, count: number): Uint8Array {
  const levels = new Uint8Array(count)
  readRuns(bytes, from, end, 32 - Math.clz32(most), levels)
  return levels
}

function valuesOf(
  page: Uint8Array,
  at: number,
  encoding: string,
  definition: Uint8Array | undefined,
  values: number,
  leaf: Leaf,
): Omit<Page, 'repetition'> {
  let count = values
  if (definition) for (const level of definition) if (level !== leaf.maxDefinition) count--
  const reader = { view: viewOf(page), offset: at }
  const direct = (decoded: DecodedArray) => ({ count, take: portions(decoded), isIndexed: false, definition })
  if (count === 0) return direct([])
  switch (encoding) {
    case 'PLAIN': {
      requirePlain(page, at, count, leaf)
      // Booleans are bits, of which a portion may end within a byte.
      if (leaf.type === 'BOOLEAN') return direct(readPlain(reader, leaf.type, count, undefined))
      const take = (some: number) => readPlain(reader, leaf.type, some, leaf.width)
      return { count, take, isIndexed: false, definition }
    }
    case 'RLE': {
      // Booleans: their length stands before them.
      const bits = new Uint8Array(count)
      readRuns(page, at + 4, page.length, 1, bits)
      return direct(Array.from(bits, bit => bit === 1))
    }
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY': {
      const indexes = new Int32Array(count)
      const width = page[at]
      if (width === undefined || width > 32) throw new Error('indexes of a dictionary have no width')
      readRuns(page, at + 1, page.length, width, indexes)
      return { count, take: portions(indexes), isIndexed: true, definition }
    }
    case 'DELTA_BINARY_PACKED': {
      const numbers = leaf.type === 'INT32' ? new Int32Array(count) : new BigInt64Array(count)
      deltaBinaryUnpack(reader, count, numbers)
      return direct(numbers)
    }
    case 'DELTA_LENGTH_BYTE_ARRAY': {
      const texts = new Array<Uint8Array>(count)
      deltaLengthByteArray(reader, count, texts)
      return direct(texts)
    }
    case 'DELTA_BYTE_ARRAY':
      return direct(prefixed(page, reader, count))
    case 'BYTE_STREAM_SPLIT':
      requireBytes(page, at, count * widthOf(leaf))
      return direct(byteStreamSplit(reader, count, leaf.type, leaf.width))
    default:
      throw new Error(`the encoding ${encoding} is not read`)
  }
}

function portions(values: DecodedArray): Page['take'] {
  let at = 0
  return count => {
    const portion = Array.isArray(values) ? values.slice(at, at + count) : values.subarray(at, at + count)
    at += count
    return portion
  }
}

function requirePlain(page: Uint8Array, at: number, count: number, leaf: Leaf): void {
  requireBytes(page, at, leaf.type === 'BOOLEAN' ? count / 8 : count * widthOf(leaf))
}

function requireBytes(page: Uint8Array, at: number, bytes: number): void {
  if (!(bytes <= page.length - at)) throw new Error('a page says that it has more values than bytes')
}

/** What a value takes at least. */
function widthOf({ type, width }: Leaf): number {
  if (type === 'FIXED_LEN_BYTE_ARRAY') return width ?? 1
  if (type === 'INT96') return 12
  return type === 'INT64' || type === 'DOUBLE' ? 8 : 4
}

/** DELTA_BYTE_ARRAY: each text begins with so many bytes of the one before. */
function prefixed(page: Uint8Array, reader: { view: DataView; offset: number }, count: number): Uint8Array[] {
  const [prefixes, suffixes] = [new Int32Array(count), new Int32Array(count)]
  deltaBinaryUnpack(reader, count, prefixes)
  deltaBinaryUnpack(reader, count, suffixes)
  let bytes = 0
  for (let i = 0; i < count; i++) bytes += prefixes[i]! + suffixes[i]!
  if (bytes > MOST_BYTES) throw new Error(`texts of a page say that they have ${bytes} bytes`)
  let at = reader.offset
  let before = new Uint8Array(0)
  return Array.from(prefixes, (prefix, i) => {
    const suffix = suffixes[i]!
    if (prefix < 0 || prefix > before.length || suffix < 0 || at + suffix > page.length)
      throw new Error('texts of a page are longer than it')
    const text = new Uint8Array(prefix + suffix)
    text.set(before.subarray(0, prefix))
    text.set(page.subarray(at, at + suffix), prefix)
    at += suffix
    before = text
    return text
  })
}

/** RLE / bit-packing hybrid: fills `out`, whatever the runs say of their lengths. */
export function readRuns(
  bytes: Uint8Array,
  from: number,
  end: number,
  width: number,
  out: Uint8Array | Int32Array,
): void {
  const most = Math.min(end, bytes.length)
  let at = from
  let done = 0
  if (width === 0) return
  while (done < out.length) {
    let head = 0
    for (let shift = 0; ; shift += 7) {
      if (at >= most || shift > 35) throw new Error('the runs of a page are cut')
      const byte = bytes[at++]!
      head += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) break
    }
    const length = Math.floor(head / 2)
    if (head % 2 === 0) {
      let value = 0
      for (let i = 0; i < (width + 7) >> 3; i++) value |= (bytes[at++] ?? 0) << (8 * i)
      out.fill(value, done, done + length)
      done += length
      continue
    }
    const stop = Math.min(out.length, done + 8 * length)
    // The last group may lack what nobody reads of it.
    if (at + ((stop - done) * width) / 8 > most + 1) throw new Error('the runs of a page are cut')
    const next = at + length * width
    let held = 0
    let bits = 0
    for (; done < stop; done++) {
      while (bits < width) {
        held += (bytes[at++] ?? 0) * 2 ** bits
        bits += 8
      }
      const value = held % 2 ** width
      out[done] = value
      held = (held - value) / 2 ** width
      bits -= width
    }
    at = next
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

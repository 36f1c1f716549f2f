/**
 * HCOMPRESS_1 (FITS Standard 4.0 §10.4.4; R. L. White 1992, Proc. NASA Space and Earth Science Data Compression
 * Workshop, 117): a Haar-like transform of the tile whose coefficients are written bit plane by bit plane, each plane
 * of each quadrant as a quadtree of Huffman codes or as it is. Coefficients can have more than 32 bits, so they are
 * kept as doubles, and bits are set and asked for by arithmetic.
 */

interface Source {
  readonly bytes: Uint8Array
  at: number
  /** Bits not yet used: the low `held` bits of `bits`. */
  bits: number
  held: number
}

/** Decodes a tile of width × height pixels. */
export function hcompressDecode(bytes: Buffer, width: number, height: number, smooth: boolean): Int32Array {
  if (bytes.length < 25 || bytes[0] !== 0xdd || bytes[1] !== 0x99) throw new RangeError('no HCOMPRESS code')
  // The rows are its slower axis, which it calls x.
  const [rows, columns] = [bytes.readInt32BE(2), bytes.readInt32BE(6)]
  if (rows !== height || columns !== width) {
    throw new RangeError(`the tile is ${columns} x ${rows} pixels, not ${width} x ${height}`)
  }
  const scale = bytes.readInt32BE(10)
  const sum = Number(bytes.readBigInt64BE(14))
  const planes = [bytes[22]!, bytes[23]!, bytes[24]!] as const
  if (planes.some(n => n > 62)) throw new RangeError('more bit planes than a coefficient has')
  const a = new Float64Array(rows * columns)
  const source: Source = { bytes, at: 25, bits: 0, held: 0 }
  const [halfRows, halfColumns] = [(rows + 1) >> 1, (columns + 1) >> 1]
  const quadrant = (top: number, left: number, bitPlanes: number) =>
    decodeQuadrant(source, a, columns, {
      offset: top * columns + left,
      rows: top === 0 ? halfRows : rows - top,
      columns: left === 0 ? halfColumns : columns - left,
      planes: bitPlanes,
    })
  quadrant(0, 0, planes[0])
  quadrant(0, halfColumns, planes[1])
  quadrant(halfRows, 0, planes[1])
  quadrant(halfRows, halfColumns, planes[2])
  if (take(source, 4) !== 0) throw new RangeError('the bit planes do not end where they must')
  source.held = 0
  source.bits = 0
  for (let i = 0; i < a.length; i++) if (a[i] !== 0 && take(source, 1) === 1) a[i] = -a[i]!
  a[0] = sum
  if (source.at > bytes.length) throw new RangeError('the compressed bytes end too soon')
  if (scale > 1) for (let i = 0; i < a.length; i++) a[i]! *= scale
  invert(a, rows, columns, smooth ? scale : 0)
  // Lossy compression of the integer for no value can leave 32 bits; it wraps around, as in cfitsio.
  return Int32Array.from(a)
}

function take(source: Source, count: number): number {
  if (source.held < count) {
    source.bits = (source.bits << 8) | source.bytes[source.at++]!
    source.held += 8
  }
  source.held -= count
  const value = source.bits >> source.held
  source.bits &= (1 << source.held) - 1
  return value
}

interface Quadrant {
  readonly offset: number
  readonly rows: number
  readonly columns: number
  readonly planes: number
}

function decodeQuadrant(source: Source, a: Float64Array, stride: number, quadrant: Quadrant): void {
  const { rows, columns } = quadrant
  const levels = log2Up(Math.max(rows, columns))
  const codes = new Uint8Array(Math.max(1, ((rows + 1) >> 1) * ((columns + 1) >> 1)))
  for (let plane = quadrant.planes - 1; plane >= 0; plane--) {
    if (source.at > source.bytes.length) throw new RangeError('the compressed bytes end too soon')
    const format = take(source, 4)
    if (format === 0) {
      for (let i = 0; i < ((rows + 1) >> 1) * ((columns + 1) >> 1); i++) codes[i] = take(source, 4)
    } else if (format === 15) {
      codes[0] = huffman(source)
      // Sizes of the tree's levels: n halves, rounded up, from one level to the next.
      for (let level = levels - 1; level > 0; level--) {
        expand(source, codes, ceilShift(rows, level), ceilShift(columns, level))
      }
    } else {
      throw new RangeError(`a bit plane has the format ${format}, which is not defined`)
    }
    insert(codes, a, stride, quadrant, 2 ** plane)
  }
}

const ceilShift = (n: number, bits: number) => Math.ceil(n / 2 ** bits)

function log2Up(n: number): number {
  let bits = 0
  while (1 << bits < n) bits++
  return bits
}

/** Codes of two by two cells from 3, 4, 5 or 6 bits; the commonest are the shortest. */
function huffman(source: Source): number {
  const three = take(source, 3)
  if (three < 4) return 1 << three
  const four = (three << 1) | take(source, 1)
  if (four === 8) return 3
  if (four === 9) return 5
  if (four === 10) return 10
  if (four === 11) return 12
  if (four === 12) return 15
  const five = (four << 1) | take(source, 1)
  if (five === 26) return 6
  if (five === 27) return 7
  if (five === 28) return 9
  if (five === 29) return 11
  if (five === 30) return 13
  return take(source, 1) === 0 ? 0 : 14
}

/** A level of the tree from the one above: every set bit of a code is replaced by a code of its own. */
function expand(source: Source, codes: Uint8Array, rows: number, columns: number): void {
  const above = codes.slice(0, ((rows + 1) >> 1) * ((columns + 1) >> 1))
  let k = 0
  for (let i = 0; i < rows; i += 2) {
    for (let j = 0; j < columns; j += 2) {
      const code = above[k++]!
      const at = i * columns + j
      codes[at] = (code >> 3) & 1
      if (j + 1 < columns) codes[at + 1] = (code >> 2) & 1
      if (i + 1 < rows) codes[at + columns] = (code >> 1) & 1
      if (i + 1 < rows && j + 1 < columns) codes[at + columns + 1] = code & 1
    }
  }
  for (let i = rows * columns - 1; i >= 0; i--) if (codes[i]) codes[i] = huffman(source)
}

/** Adds a bit plane to the coefficients of a quadrant. */
function insert(codes: Uint8Array, a: Float64Array, stride: number, quadrant: Quadrant, bit: number): void {
  const { offset, rows, columns } = quadrant
  let k = 0
  for (let i = 0; i < rows; i += 2) {
    for (let j = 0; j < columns; j += 2) {
      const code = codes[k++]!
      if (code === 0) continue
      const at = offset + i * stride + j
      if (code & 8) a[at]! += bit
      if (code & 4 && j + 1 < columns) a[at + 1]! += bit
      if (code & 2 && i + 1 < rows) a[at + stride]! += bit
      if (code & 1 && i + 1 < rows && j + 1 < columns) a[at + stride + 1]! += bit
    }
  }
}

/** Rounds to a multiple of `unit`, halves away from zero. */
function rounded(value: number, unit: number): number {
  const half = Math.floor(unit / 2)
  return Math.floor((value + (value >= 0 ? half : half - 1)) / unit) * unit
}

/** Whether the bit `unit` of a multiple of `unit` is set, in two's complement. */
function odd(multiple: number, unit: number): boolean {
  return (multiple / unit) % 2 !== 0
}

/** The inverse transform, in place, from the coarsest level to the pixels. */
function invert(a: Float64Array, rows: number, columns: number, smoothing: number): void {
  const levels = log2Up(Math.max(rows, columns))
  if (levels === 0) return
  const scratch = new Float64Array((Math.max(rows, columns) + 1) >> 1)
  let unit = 2 ** (levels - 1)
  a[0] = rounded(a[0]!, 4 * unit)
  for (let level = levels - 1; level >= 0; level--, unit /= 2) {
    const [height, width] = [ceilShift(rows, level), ceilShift(columns, level)]
    for (let i = 0; i < height; i++) interleave(a, i * columns, width, 1, scratch)
    for (let j = 0; j < width; j++) interleave(a, j, height, columns, scratch)
    if (smoothing) smoothed(a, height, width, columns, smoothing)
    combine(a, height, width, columns, unit, level === 0)
  }
}

/** First and second half of a line become its even and odd elements. */
function interleave(
  a: Float64Array,
  offset: number,
  length: number,
  step: number,
  scratch: Float64Array,
): void {
  const half = (length + 1) >> 1
  for (let i = half; i < length; i++) scratch[i - half] = a[offset + i * step]!
  for (let i = half - 1; i > 0; i--) a[offset + 2 * i * step] = a[offset + i * step]!
  for (let i = half; i < length; i++) a[offset + (2 * (i - half) + 1) * step] = scratch[i - half]!
}

/** Sums and differences of two by two pixels become the pixels; `unit` is bit 0 of the coefficients of this level. */
function combine(
  a: Float64Array,
  height: number,
  width: number,
  stride: number,
  unit: number,
  last: boolean,
): void {
  const shift = last ? 4 : 2
  // The lowest bits are whole on the last level: nothing is left to be rounded.
  const roundCross = (value: number) => (last ? value : rounded(value, unit))
  for (let i = 0; i < height; i += 2) {
    const lower = i + 1 < height
    for (let j = 0; j < width; j += 2) {
      const right = j + 1 < width
      const at = i * stride + j
      let h0 = a[at]!
      if (lower && right) {
        let hx = rounded(a[at + stride]!, 2 * unit)
        let hy = rounded(a[at + 1]!, 2 * unit)
        const hc = roundCross(a[at + stride + 1]!)
        const bit0 = odd(hc, unit) ? unit : 0
        hx += hx >= 0 ? -bit0 : bit0
        hy += hy >= 0 ? -bit0 : bit0
        const bit1 = (bit1Of(hc, unit) !== bit1Of(hx, unit)) !== bit1Of(hy, unit) ? 2 * unit : 0
        if (h0 >= 0) h0 += bit0 - bit1
        else h0 += bit0 === 0 ? bit1 : bit0 - bit1
        a[at + stride + 1] = Math.floor((h0 + hx + hy + hc) / shift)
        a[at + stride] = Math.floor((h0 + hx - hy - hc) / shift)
        a[at + 1] = Math.floor((h0 - hx + hy - hc) / shift)
        a[at] = Math.floor((h0 - hx - hy + hc) / shift)
      } else if (lower || right) {
        const other = lower ? at + stride : at + 1
        const h = rounded(a[other]!, 2 * unit)
        const bit1 = odd(h, 2 * unit) ? 2 * unit : 0
        h0 += h0 >= 0 ? -bit1 : bit1
        a[other] = Math.floor((h0 + h) / shift)
        a[at] = Math.floor((h0 - h) / shift)
      } else {
        a[at] = Math.floor(h0 / shift)
      }
    }
  }
}

/** Whether the bit above `unit` of a multiple of `unit` is set, in two's complement. */
function bit1Of(multiple: number, unit: number): boolean {
  const pair = (multiple / unit) % 4
  return (pair < 0 ? pair + 4 : pair) >= 2
}

/**
 * Undoes some of the blockiness of coarse scales: differences move towards those of a smooth image through the means
 * of the neighbouring zones, at most by what rounding can have taken, and never so that a new extreme arises.
 */
function smoothed(a: Float64Array, height: number, width: number, stride: number, scale: number): void {
  const most = Math.floor(scale / 2)
  if (most <= 0) return
  const { min, max } = Math
  const adjust = (at: number, slope: number, least: number, greatest: number, unit: number) => {
    if (least >= greatest) return
    const difference = max(min(slope, greatest), least) - a[at]! * unit
    const change = Math.floor((difference >= 0 ? difference : difference + unit - 1) / unit)
    a[at]! += max(min(change, most), -most)
  }
  /** Differences along one axis, whose neighbouring zones are `zone` apart. */
  const along = (at: number, target: number, zone: number) => {
    const [before, mean, after] = [a[at - zone]!, a[at]!, a[at + zone]!]
    const greatest = 4 * max(min(after - mean, mean - before), 0)
    const least = 4 * min(max(after - mean, mean - before), 0)
    adjust(target, after - before, least, greatest, 8)
  }
  for (let i = 2; i < height - 2; i += 2) {
    for (let j = 0; j < width; j += 2) along(i * stride + j, (i + 1) * stride + j, 2 * stride)
  }
  for (let i = 0; i < height; i += 2) {
    for (let j = 2; j < width - 2; j += 2) along(i * stride + j, i * stride + j + 1, 2)
  }
  for (let i = 2; i < height - 2; i += 2) {
    for (let j = 2; j < width - 2; j += 2) {
      const at = i * stride + j
      const [mm, pm] = [a[at - 2 * stride - 2]!, a[at + 2 * stride - 2]!]
      const [mp, pp] = [a[at - 2 * stride + 2]!, a[at + 2 * stride + 2]!]
      const mean = a[at]!
      const hx2 = 2 * a[at + stride]!
      const hy2 = 2 * a[at + 1]!
      const greatest = min(
        max(pp - mean, 0) - hx2 - hy2,
        max(mean - pm, 0) + hx2 - hy2,
        max(mean - mp, 0) - hx2 + hy2,
        max(mm - mean, 0) + hx2 + hy2,
      )
      const least = max(
        min(pp - mean, 0) - hx2 - hy2,
        min(mean - pm, 0) + hx2 - hy2,
        min(mean - mp, 0) - hx2 + hy2,
        min(mm - mean, 0) + hx2 + hy2,
      )
      adjust(at + stride + 1, pp + mm - mp - pm, 16 * least, 16 * greatest, 64)
    }
  }
}

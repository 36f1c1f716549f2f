/**
 * Multi-order coverage maps (MOC 2.0): regions of the sky as HEALPix cells of any order. Kept as sorted ranges of cells
 * at order 29, which touch nowhere.
 */
import { MAX_ORDER } from './nested.ts'

export interface Moc {
  /** The finest order of the cells that it was made of. */
  readonly order: number
  /** First cell and the one after the last, in turn, at order 29. */
  readonly ranges: BigUint64Array
}

/** A run of cells of one order; `last` belongs to it. */
export interface MocCells {
  readonly order: number
  readonly first: bigint
  readonly last: bigint
}

const shiftOf = (order: number) => BigInt(2 * (MAX_ORDER - order))

/** Cells of one order, in any order of theirs, repeated or not. */
export function mocOfCells(order: number, cells: Iterable<number | bigint>): Moc {
  const sorted =
    cells instanceof BigUint64Array ? cells.slice() : BigUint64Array.from(Array.from(cells, BigInt))
  return mocOfSortedCells(order, sorted.sort())
}

/** The same, of cells that are in ascending order. */
export function mocOfSortedCells(order: number, cells: BigUint64Array): Moc {
  const shift = shiftOf(order)
  let [ranges, length] = [new BigUint64Array(1024), 0]
  for (const cell of cells) {
    const start = cell << shift
    const end = (cell + 1n) << shift
    if (length > 0 && ranges[length - 1]! >= start) {
      if (end > ranges[length - 1]!) ranges[length - 1] = end
      continue
    }
    if (length === ranges.length) {
      const larger = new BigUint64Array(2 * length)
      larger.set(ranges)
      ranges = larger
    }
    ranges[length++] = start
    ranges[length++] = end
  }
  return { order, ranges: ranges.slice(0, length) }
}

/** Ranges of cells of one order, first and the one after the last in turn; ascending, touching nowhere. */
export function mocOfRanges(order: number, ranges: readonly number[]): Moc {
  const shift = shiftOf(order)
  return { order, ranges: BigUint64Array.from(ranges, cell => BigInt(cell) << shift) }
}

export function mocUnion(mocs: readonly Moc[]): Moc {
  const pairs = mocs.reduce((sum, { ranges }) => sum + ranges.length / 2, 0)
  const [starts, ends] = [new BigUint64Array(pairs), new BigUint64Array(pairs)]
  let n = 0
  for (const { ranges } of mocs) {
    for (let i = 0; i < ranges.length; i += 2, n++) {
      starts[n] = ranges[i]!
      ends[n] = ranges[i + 1]!
    }
  }
  starts.sort()
  ends.sort()
  const ranges = new BigUint64Array(2 * pairs)
  let length = 0
  // Ranges that are open at a start; where none is left, one of the union ends.
  let open = 0
  for (let i = 0, j = 0; j < pairs; ) {
    if (i < pairs && starts[i]! <= ends[j]!) {
      if (open++ === 0) ranges[length++] = starts[i]!
      i++
    } else if (--open === 0) ranges[length++] = ends[j++]!
    else j++
  }
  return { order: Math.max(0, ...mocs.map(moc => moc.order)), ranges: ranges.slice(0, length) }
}

/** Whether a cell and the region have a point in common. */
export function mocMeets({ ranges }: Moc, order: number, cell: number | bigint): boolean {
  const start = BigInt(cell) << shiftOf(order)
  const end = (BigInt(cell) + 1n) << shiftOf(order)
  // The first range that ends after the start of the cell.
  let [low, high] = [0, ranges.length / 2]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[2 * middle + 1]! > start) high = middle
    else low = middle + 1
  }
  return low < ranges.length / 2 && ranges[2 * low]! < end
}

/** The region in cells of a coarser order: whatever it touches belongs to it. */
export function mocDegraded({ ranges }: Moc, order: number): Moc {
  const shift = shiftOf(order)
  const coarse: bigint[] = []
  for (let i = 0; i < ranges.length; i += 2) {
    const start = (ranges[i]! >> shift) << shift
    const end = (((ranges[i + 1]! - 1n) >> shift) + 1n) << shift
    if (coarse.length > 0 && coarse.at(-1)! >= start) coarse[coarse.length - 1] = end
    else coarse.push(start, end)
  }
  return { order, ranges: BigUint64Array.from(coarse) }
}

/** The largest cells that make up the region, order by order. */
export function mocCells({ ranges }: Moc): readonly MocCells[] {
  const byOrder: MocCells[][] = Array.from({ length: MAX_ORDER + 1 }, () => [])
  for (let i = 0; i < ranges.length; i += 2) {
    let at = ranges[i]!
    const end = ranges[i + 1]!
    while (at < end) {
      let order = MAX_ORDER
      while (order > 0) {
        const size = 1n << shiftOf(order - 1)
        if (at % size !== 0n || at + size > end) break
        order--
      }
      const shift = shiftOf(order)
      const cell = at >> shift
      const run = byOrder[order]!
      const before = run.at(-1)
      if (before && before.last + 1n === cell) run[run.length - 1] = { ...before, last: cell }
      else run.push({ order, first: cell, last: cell })
      at += 1n << shift
    }
  }
  return byOrder.flat()
}

/** Share of the sky, 0 to 1. */
export function skyFraction({ ranges }: Moc): number {
  let cells = 0n
  for (let i = 0; i < ranges.length; i += 2) cells += ranges[i + 1]! - ranges[i]!
  return Number(cells) / (12 * 4 ** MAX_ORDER)
}

/** MOC 2.0 §4.3.2. An order without cells at the end says how fine the map is. */
export function mocAscii(moc: Moc): string {
  const byOrder = new Map<number, string[]>()
  for (const { order, first, last } of mocCells(moc)) {
    const texts = byOrder.get(order) ?? []
    texts.push(first === last ? String(first) : `${first}-${last}`)
    byOrder.set(order, texts)
  }
  if (!byOrder.has(moc.order)) byOrder.set(moc.order, [])
  return [...byOrder].map(([order, texts]) => `${order}/${texts.join(' ')}`).join(' ')
}

/** MOC 2.0 §4.3.3. */
export function mocJson(moc: Moc): string {
  const byOrder = new Map<number, string[]>()
  for (const { order, first, last } of mocCells(moc)) {
    const texts = byOrder.get(order) ?? []
    for (let cell = first; cell <= last; cell++) texts.push(String(cell))
    byOrder.set(order, texts)
  }
  if (!byOrder.has(moc.order)) byOrder.set(moc.order, [])
  return `{${[...byOrder].map(([order, texts]) => `"${order}":[${texts.join(',')}]`).join(',')}}`
}

/** The rows of the FITS form (MOC 2.0 §4.3.1, NUNIQ): 4 × 4^order + cell, big-endian 64-bit integers, ascending. */
export function mocUniq(moc: Moc): Buffer {
  const numbers: bigint[] = []
  for (const { order, first, last } of mocCells(moc)) {
    const base = 4n << BigInt(2 * order)
    for (let cell = first; cell <= last; cell++) numbers.push(base + cell)
  }
  const bytes = Buffer.alloc(8 * numbers.length)
  numbers.forEach((n, i) => {
    bytes.writeBigInt64BE(n, 8 * i)
  })
  return bytes
}

/** The region of NUNIQ numbers (4 × 4^order + cell). */
export function mocOfUniq(order: number, numbers: Iterable<bigint>): Moc {
  const ranges: [bigint, bigint][] = []
  for (const uniq of numbers) {
    const cellOrder = (uniq.toString(2).length - 3) >> 1
    const shift = shiftOf(cellOrder)
    const cell = uniq - (4n << BigInt(2 * cellOrder))
    ranges.push([cell << shift, (cell + 1n) << shift])
  }
  return mocUnion([
    { order, ranges: BigUint64Array.from(ranges.sort(([a], [b]) => (a < b ? -1 : 1)).flat()) },
  ])
}

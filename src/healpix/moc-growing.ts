/** A MOC that is made of cells as they come, in ascending order, in bounded memory. */
import { type Moc, mocOfRanges } from './moc.ts'

export interface GrowingMoc {
  /** `cell` of the order that it began with, not smaller than the one before. */
  add(cell: number): void
  moc(): Moc
}

/** At more than `mostRanges` ranges it becomes an order coarser. */
export function growingMoc(order: number, mostRanges: number): GrowingMoc {
  /** First cell and the one after the last, in turn. */
  let ranges: number[] = []
  let now = order

  function coarser(): void {
    const before = ranges
    ranges = []
    now--
    for (let i = 0; i < before.length; i += 2)
      append(Math.floor(before[i]! / 4), Math.floor((before[i + 1]! - 1) / 4) + 1)
  }

  function append(start: number, end: number): void {
    const last = ranges.length - 1
    if (last > 0 && ranges[last]! >= start) {
      if (end > ranges[last]!) ranges[last] = end
    } else ranges.push(start, end)
  }

  return {
    add(cell) {
      const own = now === order ? cell : Math.floor(cell / 4 ** (order - now))
      append(own, own + 1)
      while (ranges.length > 2 * mostRanges && now > 0) coarser()
    },
    moc: () => mocOfRanges(now, ranges),
  }
}

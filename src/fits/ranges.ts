/** Pieces of a file, read with as few calls and as few bytes as goes well together. */
import type { ByteSource } from './hdu.ts'
import { fitsError } from './header.ts'

export interface Range {
  readonly offset: number
  readonly length: number
}

/** Gaps are read over while they are at most this part of what is wanted: at most a quarter more bytes. */
const WASTE = 0.25
/** Pieces are put together up to this size. */
const TOGETHER = 4 * 1024 * 1024
/** Reads under way at once, where the source has no order: hides the latency of disks and object stores. */
const AT_ONCE = 16

interface Span extends Range {
  /** Numbers of the ranges in it. */
  readonly pieces: readonly number[]
}

/** Reads all ranges and gives each to `use`, in no order; short reads are an error. `title` says what is read. */
export async function readRanges(
  source: ByteSource,
  ranges: readonly Range[],
  title: string,
  use: (index: number, bytes: Buffer) => void,
): Promise<void> {
  const spans = spansOf(ranges)
  const end = spans.reduce((most, span) => Math.max(most, span.offset + span.length), 0)
  if (source.size !== undefined && end > source.size) throw truncated(title, end, source.size)
  let next = 0
  const work = async () => {
    while (next < spans.length) {
      const span = spans[next++]!
      const bytes = await source.read(span.offset, span.length)
      if (bytes.length < span.length) throw truncated(title, end, span.offset + bytes.length)
      for (const index of span.pieces) {
        const { offset, length } = ranges[index]!
        use(index, bytes.subarray(offset - span.offset, offset - span.offset + length))
      }
    }
  }
  await Promise.all(Array.from({ length: source.random ? Math.min(AT_ONCE, spans.length) : 1 }, work))
}

function truncated(title: string, wanted: number, have: number) {
  return fitsError(
    title,
    `the file ends at byte ${have}, but data are to be read up to ${wanted}: it is truncated`,
  )
}

function spansOf(ranges: readonly Range[]): Span[] {
  const order = ranges.map((_, i) => i).sort((a, b) => ranges[a]!.offset - ranges[b]!.offset)
  const spans: { offset: number; length: number; wanted: number; pieces: number[] }[] = []
  for (const index of order) {
    const { offset, length } = ranges[index]!
    const last = spans.at(-1)
    const whole = last ? Math.max(last.length, offset + length - last.offset) : Number.POSITIVE_INFINITY
    const wanted = (last?.wanted ?? 0) + length
    if (last && (whole === last.length || (whole <= TOGETHER && whole <= (1 + WASTE) * wanted))) {
      last.length = whole
      last.wanted = wanted
      last.pieces.push(index)
    } else {
      spans.push({ offset, length, wanted: length, pieces: [index] })
    }
  }
  return spans
}

/** The header Range, and an answer of several ranges (RFC 9110 §14). */
import { randomUUID } from 'node:crypto'

/** Bytes from `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** More are answered by the whole: each costs a header of its own, and who asks for many means harm (§17.15). */
const MOST_RANGES = 32

/**
 * The ranges that are asked for, in their order; those beyond the end are left out. Undefined where the whole is to be
 * sent: no ranges, ranges of another unit or that cannot be read, too many, or more bytes in all than there are.
 */
export function requestedRanges(
  header: string | undefined,
  bytes: number,
): readonly ByteRange[] | 'unsatisfiable' | undefined {
  const match = /^bytes=(.*)$/i.exec(header?.trim() ?? '')
  const words = match?.[1]?.split(',').map(word => word.trim())
  if (!words || words.length > MOST_RANGES) return undefined
  const ranges: ByteRange[] = []
  for (const word of words.filter(one => one !== '')) {
    const [, first, last] = /^(\d*)-(\d*)$/.exec(word) ?? []
    if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
    if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined
    const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first)
    const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
    if (start <= end) ranges.push({ start, end })
  }
  if (words.every(word => word === '')) return undefined
  if (ranges.length === 0) return 'unsatisfiable'
  const wanted = ranges.reduce((sum, { start, end }) => sum + end + 1 - start, 0)
  return ranges.length > 1 && wanted > bytes ? undefined : ranges
}

export interface Multipart {
  readonly contentType: string
  readonly bytes: number
  /** The parts, each read when those before it are sent. */
  chunks(read: (range: ByteRange) => Promise<AsyncIterable<Uint8Array>>): AsyncGenerator<Uint8Array>
}

/** §14.6: multipart/byteranges. */
export function multipart(ranges: readonly ByteRange[], contentType: string, bytes: number): Multipart {
  const boundary = randomUUID()
  const heads = ranges.map(({ start, end }) =>
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: bytes ${start}-${end}/${bytes}\r\n\r\n`,
    ),
  )
  const last = Buffer.from(`\r\n--${boundary}--\r\n`)
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    bytes: ranges.reduce((sum, { start, end }, i) => sum + heads[i]!.length + end + 1 - start, last.length),
    async *chunks(read) {
      for (const [i, range] of ranges.entries()) {
        yield heads[i]!
        yield* await read(range)
      }
      yield last
    },
  }
}

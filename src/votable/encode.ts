/**
 * Rows into output buffers, the loop that all streaming writers share. A buffer is given away when it is full and
 * after the first batch, so that the first byte leaves when the first rows are there; the consumer pulls, and
 * memory holds one batch and one buffer.
 */
import { ServiceError } from '../error.ts'
import { recordFailure } from './document.ts'
import type { RowBatch, RowSource } from './row.ts'

export interface RowEncoder {
  /** Appends the row at `start` of `data` to `out` at `o`; returns the offset after it. */
  readonly encode: (data: Buffer, start: number, out: Buffer, o: number) => number
  /** A row of n bytes encodes to at most `growth` · n + `fixed` bytes. */
  readonly growth: number
  readonly fixed: number
}

/** Bytes of an output buffer. */
const STEP = 64 * 1024

const NONE = Buffer.alloc(0)

/** A failure of the source or the encoder ends the rows after the last whole one and is kept in the outcome. */
export async function* encodeRows(source: RowSource, encoder: RowEncoder): AsyncGenerator<Buffer, void> {
  const { encode, growth, fixed } = encoder
  // Made when rows come, and no larger than a small result needs: half the garbage of a query.
  let out = NONE
  let o = 0
  let isFirst = true

  /** Encodes from row `i` until the buffer is full or the batch ends; returns the next row. */
  const fill = (batch: RowBatch, i: number): number => {
    const { data, starts, count } = batch
    for (; i < count; i++) {
      const start = starts[i]!
      const end = i + 1 < count ? starts[i + 1]! : data.length
      const most = growth * (end - start) + fixed
      if (o + most > out.length) {
        if (o > 0) return i
        const all = growth * (data.length - start) + fixed * (count - i)
        out = Buffer.allocUnsafe(Math.max(most, isFirst ? Math.min(all, STEP) : STEP))
      }
      const next = encode(data, start, out, o)
      if (next > out.length)
        throw new RangeError(`A row took ${next - o} bytes, at most ${most} were foreseen.`)
      o = next
    }
    return i
  }

  const take = (): Buffer => {
    const full = out.subarray(0, o)
    out = NONE
    o = 0
    return full
  }

  try {
    for await (const batch of source.batches) {
      for (let i = 0; i < batch.count; ) {
        i = fill(batch, i)
        if (i < batch.count || isFirst) yield take()
        isFirst = false
      }
    }
  } catch (error) {
    recordFailure(source.outcome, error)
  }
  if (o > 0) yield take()
}

/** Base64 of a stream of bytes, a line for each buffer: no reader needs to hold one endless line. */
export async function* base64(buffers: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const buffer of buffers) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, buffer]) : buffer
    const whole = bytes.length - (bytes.length % 3)
    rest = bytes.subarray(whole)
    if (whole > 0) yield line(bytes.subarray(0, whole))
  }
  if (rest.length > 0) yield line(rest)
}

function line(bytes: Buffer): Buffer {
  const text = bytes.toString('base64')
  const out = Buffer.allocUnsafe(text.length + 1)
  out.write(text, 'latin1')
  out[text.length] = 0x0a
  return out
}

/** Number of columns in the row at `start`, checked; returns the offset of the first column's length. */
export function openRow(data: Buffer, start: number, columns: number): number {
  const found = (data[start]! << 8) | data[start + 1]!
  if (found !== columns) {
    throw new ServiceError('internal', `A row has ${found} columns, the result has ${columns}.`)
  }
  return start + 2
}

/** Length of the cell whose header is at `p`: −1 for NULL, else its bytes follow at `p` + 4. */
export function cellLength(data: Buffer, p: number): number {
  return (data[p]! << 24) | (data[p + 1]! << 16) | (data[p + 2]! << 8) | data[p + 3]!
}

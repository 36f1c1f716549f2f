/** Rows of BINARY and BINARY2 (VOTable 1.5 §5.3–5.4), and the base64 that they come in. */

import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ServiceError } from '../../error.ts'
import { beginRow, putNull, type Tuples } from '../tuple.ts'
import type { BinaryCell } from './binary-cell.ts'
import { INCOMPLETE } from './binary-cell.ts'
import type { Feed } from './feed.ts'

/** Appends the row at `p`; returns the offset after it or INCOMPLETE. BINARY2 has a flag for each NULL. */
export function binaryRow(
  cells: readonly BinaryCell[],
  hasFlags: boolean,
): (data: Buffer, p: number, t: Tuples) => number {
  const flagBytes = hasFlags ? Math.ceil(cells.length / 8) : 0
  return (data, begin, t) => {
    const [mark, count] = [t.at, t.count]
    let p = begin + flagBytes
    if (p > data.length || data.length === begin) return INCOMPLETE
    beginRow(t, cells.length)
    for (let c = 0; c < cells.length; c++) {
      const cell = cells[c]!
      const end = cell.end(data, p, data.length)
      if (end === INCOMPLETE) {
        t.at = mark
        t.count = count
        t.bad.delete(count)
        return INCOMPLETE
      }
      if (hasFlags && (data[begin + (c >> 3)]! >> (7 - (c & 7))) & 1) putNull(t)
      else cell.put(data, p, end, t)
      p = end
    }
    return p
  }
}

const LESS = 0x3c
/** What a byte is in base64: a digit by its value, a blank, padding, or nothing. */
const [BLANK, PADDING, NOTHING] = [64, 65, 66]
const KIND = new Uint8Array(256).fill(NOTHING)
for (const [value, c] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  KIND[c.charCodeAt(0)] = value
for (const c of ' \t\r\n') KIND[c.charCodeAt(0)] = BLANK
KIND['='.charCodeAt(0)] = PADDING

/**
 * The bytes of a STREAM's text, which ends at the next tag; that is where the feed stands afterwards. Decoded here, since
 * Node's decoder takes strings, which are twice the memory on the way.
 */
export async function* base64Bytes(feed: Feed): AsyncGenerator<Buffer> {
  let padded = false
  let bits = 0
  let held = 0
  for (;;) {
    if (feed.at >= feed.data.length && !(await feed.more()))
      throw new ServiceError('usage', 'the document ends inside STREAM: it is truncated')
    const { data, at } = feed
    const less = data.indexOf(LESS, at)
    const to = less < 0 ? data.length : less
    const out = Buffer.allocUnsafeSlow(Math.ceil((to - at) * 0.75) + 1)
    let o = 0
    for (let p = at; p < to; p++) {
      const kind = KIND[data[p]!]!
      if (kind < 64 && !padded) {
        bits = ((bits << 6) | kind) & 0xffff
        held += 6
        if (held >= 8) {
          held -= 8
          out[o++] = bits >> held
        }
      } else if (kind === PADDING) padded = true
      else if (kind !== BLANK) {
        throw new ServiceError(
          'usage',
          `STREAM: '${String.fromCharCode(data[p]!)}' does not belong into base64`,
        )
      }
    }
    feed.at = to
    if (o > 0) yield out.subarray(0, o)
    if (less >= 0) return
  }
}

export async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = Readable.from(chunks).compose(createGunzip()) as AsyncIterable<Buffer>
  try {
    yield* gunzip
  } catch (error) {
    if (error instanceof ServiceError) throw error
    throw new ServiceError('usage', `STREAM: the gzip cannot be unpacked: ${(error as Error).message}`)
  }
}

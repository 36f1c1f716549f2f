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
/** What a byte is in base64: a digit, a blank, padding, nothing. */
const [DIGIT, BLANK, PADDING] = [1, 2, 3]
const KIND = new Uint8Array(256)
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
  KIND[c.charCodeAt(0)] = DIGIT
for (const c of ' \t\r\n') KIND[c.charCodeAt(0)] = BLANK
KIND['='.charCodeAt(0)] = PADDING

/** The bytes of a STREAM's text, which ends at the next tag; that is where the feed stands afterwards. */
export async function* base64Bytes(feed: Feed): AsyncGenerator<Buffer> {
  let rest = ''
  let padded = false
  for (;;) {
    if (feed.at >= feed.data.length && !(await feed.more()))
      throw new ServiceError('usage', 'the document ends inside STREAM: it is truncated')
    const { data, at } = feed
    const less = data.indexOf(LESS, at)
    const to = less < 0 ? data.length : less
    const text = Buffer.allocUnsafe(to - at)
    let o = 0
    for (let p = at; p < to; p++) {
      const byte = data[p]!
      const kind = KIND[byte]
      if (kind === BLANK) continue
      if (kind !== PADDING && (kind !== DIGIT || padded)) {
        throw new ServiceError('usage', `STREAM: '${String.fromCharCode(byte)}' does not belong into base64`)
      }
      if (kind === PADDING) padded = true
      text[o++] = byte
    }
    feed.at = to
    const digits = rest + text.toString('latin1', 0, o)
    const whole = less < 0 ? digits.length - (digits.length % 4) : digits.length
    rest = digits.slice(whole)
    if (whole > 0) yield Buffer.from(digits.slice(0, whole), 'base64')
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

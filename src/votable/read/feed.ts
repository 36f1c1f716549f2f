/** Bytes that come in chunks, for parsers that go back to the beginning of a row when it is not all there. */
import { isAscii, isUtf8 } from 'node:buffer'
import { ServiceError } from '../../error.ts'

export interface Feed {
  data: Buffer
  /** The next byte. */
  at: number
  /** Appends more bytes to what is left, twice as many as that at least; false at the end. */
  more(): Promise<boolean>
}

export function feedOf(chunks: AsyncIterable<Buffer>): Feed {
  const iterator = chunks[Symbol.asyncIterator]()
  return {
    data: Buffer.alloc(0),
    at: 0,
    async more() {
      const pieces = [this.data.subarray(this.at)]
      const left = pieces[0]!.length
      let size = left
      do {
        const { value, done } = await iterator.next()
        if (done) break
        pieces.push(value)
        size += value.length
      } while (size < 2 * left)
      if (size === left) return false
      this.data = left === 0 && pieces.length === 2 ? pieces[1]! : Buffer.concat(pieces, size)
      this.at = 0
      return true
    },
  }
}

/** The chunks as UTF-8: UTF-16 is known by its byte order mark, other encodings by the XML declaration. */
export async function* utf8Xml(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done) return
  async function* all(): AsyncGenerator<Buffer> {
    yield first.value as Buffer
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  const label = encodingOf(first.value)
  if (label === 'utf-8') yield* checkedUtf8(all())
  else yield* decoded(all(), label)
}

function encodingOf(head: Buffer): string {
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  const declared = /^[^<]{0,3}<\?xml[^>]*\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(
    head.toString('latin1', 0, 400),
  )?.[1]
  if (!declared || /^(utf-?8|us-ascii|ascii)$/i.test(declared)) return 'utf-8'
  return declared
}

export async function* decoded(chunks: AsyncIterable<Buffer>, label: string): AsyncGenerator<Buffer> {
  let decoder: InstanceType<typeof TextDecoder>
  try {
    decoder = new TextDecoder(label)
  } catch {
    throw new ServiceError('usage', `the encoding '${label}' is not known; save the file as UTF-8`)
  }
  for await (const chunk of chunks) yield Buffer.from(decoder.decode(chunk, { stream: true }))
  yield Buffer.from(decoder.decode())
}

/** The chunks, cut at whole characters, without a byte order mark; throws where they are not UTF-8. */
export async function* checkedUtf8(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  let offset = 0
  for await (const chunk of chunks) {
    let data: Buffer = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    if (offset === 0 && data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf) {
      data = data.subarray(3)
      offset = 3
    }
    const whole = isAscii(data) ? data.length : wholeCharacters(data)
    rest = data.subarray(whole)
    const text = data.subarray(0, whole)
    if (whole > 0 && !isUtf8(text)) throw notUtf8(offset, text)
    offset += whole
    if (whole > 0) yield text
  }
  if (rest.length > 0) throw notUtf8(offset, rest)
}

/** Whether all of it is UTF-8. */
export async function areUtf8(chunks: AsyncIterable<Buffer>): Promise<boolean> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    if (rest.length === 0 && isAscii(chunk)) continue
    const data: Buffer = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    const whole = wholeCharacters(data)
    if (!isUtf8(data.subarray(0, whole))) return false
    rest = data.subarray(whole)
  }
  return rest.length === 0
}

/** Length without a last character that is cut. */
function wholeCharacters(data: Buffer): number {
  for (let back = 1; back <= Math.min(4, data.length); back++) {
    const byte = data[data.length - back]!
    if (byte < 0x80) return data.length
    if (byte >= 0xc0) {
      const need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return need > back ? data.length - back : data.length
    }
  }
  return data.length
}

function notUtf8(offset: number, data: Buffer): ServiceError {
  let low = 0
  let high = data.length
  // The longest beginning that is UTF-8, give or take a character.
  while (low + 4 < high) {
    const middle = (low + high) >> 1
    const cut = wholeCharacters(data.subarray(0, middle))
    if (isUtf8(data.subarray(0, cut))) low = middle
    else high = middle
  }
  return new ServiceError('usage', `the text is not UTF-8 near byte ${offset + low}`, {
    detail: 'Convert it to UTF-8, or declare the encoding that it has.',
  })
}

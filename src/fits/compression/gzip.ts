/** GZIP_1 and GZIP_2 (FITS Standard 4.0 §10.4.2): the big-endian bytes of a tile, for GZIP_2 sorted by significance. */
import { unzipSync } from 'node:zlib'

/** The big-endian pixels of a tile; their size follows from how many bytes there are. */
export function gunzipTile(
  bytes: Buffer,
  count: number,
  shuffled: boolean,
): { data: Buffer; pixelSize: number } {
  // Eight bytes a pixel are the most there can be: more is a bomb.
  const data = unzipSync(bytes, { maxOutputLength: 8 * count })
  const pixelSize = data.length / count
  if (![1, 2, 4, 8].includes(pixelSize)) {
    throw new RangeError(`${data.length} bytes are unpacked, which are not those of ${count} pixels`)
  }
  return { data: shuffled ? unshuffled(data, count, pixelSize) : data, pixelSize }
}

function unshuffled(data: Buffer, count: number, pixelSize: number): Buffer {
  const pixels = Buffer.allocUnsafeSlow(data.length)
  for (let byte = 0; byte < pixelSize; byte++) {
    for (let i = 0, from = byte * count, to = byte; i < count; i++, to += pixelSize)
      pixels[to] = data[from + i]!
  }
  return pixels
}

/** Values in the colours of viridis (van der Walt & Smith 2015), which grow evenly brighter. */
import { crc32, deflateSync } from 'node:zlib'
import { grayLevels, type Look } from './image-tile.ts'

const ANCHORS = [0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725]

/** RGB of the levels 1 … 255; level 0 is no value. */
const TABLE = Buffer.alloc(3 * 256)
for (let level = 1; level < 256; level++) {
  const place = ((level - 1) / 254) * (ANCHORS.length - 1)
  const i = Math.min(ANCHORS.length - 2, Math.floor(place))
  for (let c = 0; c < 3; c++) {
    const [a, b] = [ANCHORS[i]!, ANCHORS[i + 1]!].map(color => (color >> (16 - 8 * c)) & 255) as [
      number,
      number,
    ]
    TABLE[3 * level + c] = Math.round(a + (b - a) * (place - i))
  }
}

/** RGBA from the top row down, transparent where there is no value. */
export function colorPicture(values: Float32Array<ArrayBuffer>, width: number, look: Look): Buffer {
  const levels = grayLevels(values, width, look)
  const rgba = Buffer.alloc(4 * levels.length)
  for (let p = 0; p < levels.length; p++) {
    const level = levels[p]!
    if (level === 0) continue
    TABLE.copy(rgba, 4 * p, 3 * level, 3 * level + 3)
    rgba[4 * p + 3] = 255
  }
  return rgba
}

/** PNG with a palette: a quarter of the bytes of RGBA, in a tenth of the time. */
export function colorPng(values: Float32Array<ArrayBuffer>, width: number, look: Look): Buffer {
  const levels = grayLevels(values, width, look)
  const height = levels.length / width
  const raw = Buffer.alloc((width + 1) * height) // filter type 0 before each row
  for (let row = 0; row < height; row++)
    levels.copy(raw, row * (width + 1) + 1, row * width, (row + 1) * width)
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head[8] = 8
  head[9] = 3
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('PLTE', TABLE),
    chunk('tRNS', Buffer.from([0])),
    chunk('IDAT', deflateSync(raw, { level: 3 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length)
  bytes.writeUInt32BE(data.length, 0)
  bytes.write(type, 4, 'latin1')
  data.copy(bytes, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length)
  return bytes
}

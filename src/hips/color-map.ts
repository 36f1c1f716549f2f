/** Values in the colours of viridis (van der Walt & Smith 2015), which grow evenly brighter. */
import { grayLevels, type Look } from './image-tile.ts'

const ANCHORS = [0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725]

/** Colours of the levels 1 … 255; level 0 is transparent. */
const TABLE = Buffer.alloc(4 * 256)
for (let level = 1; level < 256; level++) {
  const place = ((level - 1) / 254) * (ANCHORS.length - 1)
  const i = Math.min(ANCHORS.length - 2, Math.floor(place))
  for (let c = 0; c < 3; c++) {
    const [a, b] = [ANCHORS[i]!, ANCHORS[i + 1]!].map(color => (color >> (16 - 8 * c)) & 255) as [
      number,
      number,
    ]
    TABLE[4 * level + c] = Math.round(a + (b - a) * (place - i))
  }
  TABLE[4 * level + 3] = 255
}

/** RGBA from the top row down. */
export function colorPicture(values: Float32Array<ArrayBuffer>, width: number, look: Look): Buffer {
  const levels = grayLevels(values, width, look)
  const rgba = Buffer.allocUnsafe(4 * levels.length)
  for (let p = 0; p < levels.length; p++) TABLE.copy(rgba, 4 * p, 4 * levels[p]!, 4 * levels[p]! + 4)
  return rgba
}

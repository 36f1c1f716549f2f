/** Values as a picture, with the stretches, cuts and colours of hips2fits, which are those of astropy and matplotlib. */
import { ServiceError } from '../error.ts'
import { grayLevels } from './image-tile.ts'

/** Brightness of a share of the range between the cuts, both 0 … 1 (astropy.visualization, its default parameters). */
export const STRETCHES = {
  linear: (share: number) => share,
  sqrt: Math.sqrt,
  power: (share: number) => share * share,
  log: (share: number) => Math.log(1000 * share + 1) / Math.log(1001),
  asinh: (share: number) => Math.asinh(10 * share) / Math.asinh(10),
} as const

export type Stretch = keyof typeof STRETCHES

/** Nine even steps of matplotlib's maps. */
const MAPS: Readonly<Record<string, readonly number[]>> = {
  gray: [0x000000, 0xffffff],
  Greys: [0xffffff, 0x000000],
  viridis: [0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725],
  inferno: [0x000004, 0x210c4a, 0x57106e, 0x8a226a, 0xbc3754, 0xe45a31, 0xf98e09, 0xf9cb35, 0xfcffa4],
  magma: [0x000004, 0x1d1147, 0x51127c, 0x832681, 0xb73779, 0xe75263, 0xfc8961, 0xfec488, 0xfcfdbf],
  plasma: [0x0d0887, 0x4c02a1, 0x7e03a8, 0xaa2395, 0xcc4778, 0xe66c5c, 0xf89540, 0xfdc527, 0xf0f921],
  cividis: [0x00224e, 0x1a386f, 0x434e6c, 0x61656f, 0x7d7c78, 0x9b9476, 0xbcae6c, 0xdec958, 0xfee838],
}
/** `_r` turns a map round. */
export const COLOR_MAPS = Object.keys(MAPS).flatMap(name => [name, `${name}_r`])

/** A value, or a share of the values that lie below it. */
export type Cut = { readonly value: number } | { readonly percent: number }

export interface PictureLook {
  readonly low: Cut
  readonly high: Cut
  readonly stretch: Stretch
  readonly cmap: string
}

/** Gray levels or RGBA, from the top row down; no value is black, or transparent in RGBA. */
export function drawValues(
  values: Float32Array<ArrayBuffer>,
  width: number,
  { low, high, stretch, cmap }: PictureLook,
): { readonly pixels: Buffer; readonly channels: 1 | 4 } {
  const sorted = 'percent' in low || 'percent' in high ? values.filter(Number.isFinite).sort() : values
  const at = (cut: Cut) =>
    'value' in cut ? cut.value : (sorted[Math.round((cut.percent / 100) * (sorted.length - 1))] ?? 0)
  const [from, to] = [at(low), at(high)]
  if (from > to) throw new ServiceError('usage', `min_cut is ${from}, more than max_cut, ${to}`)
  const range = to - from || 1
  const bright = STRETCHES[stretch]
  const shares = values.map(value => bright(Math.min(1, Math.max(0, (value - from) / range))))
  const levels = grayLevels(shares, width, { low: 0, high: 1, stretch: 'linear' })
  if (cmap === 'gray' || cmap === 'Greys_r') return { pixels: levels, channels: 1 }
  const colors = colorsOf(cmap)
  const pixels = Buffer.alloc(4 * levels.length)
  for (let p = 0; p < levels.length; p++) if (levels[p]! > 0) pixels.writeUInt32BE(colors[levels[p]!]!, 4 * p)
  return { pixels, channels: 4 }
}

/** Opaque RGBA of the levels 1 … 255. */
function colorsOf(cmap: string): readonly number[] {
  const isTurned = cmap.endsWith('_r')
  const steps = [...MAPS[isTurned ? cmap.slice(0, -2) : cmap]!]
  if (isTurned) steps.reverse()
  return Array.from({ length: 256 }, (_, level) => {
    const place = (Math.max(0, level - 1) / 254) * (steps.length - 1)
    const i = Math.min(steps.length - 2, Math.floor(place))
    const channel = (shift: number) => {
      const [a, b] = [(steps[i]! >> shift) & 255, (steps[i + 1]! >> shift) & 255]
      return Math.round(a + (b - a) * (place - i))
    }
    return channel(16) * 2 ** 24 + channel(8) * 2 ** 16 + channel(0) * 2 ** 8 + 255
  })
}

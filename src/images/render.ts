/** Pixels of an image as a picture of 8 bits a channel, the last row on top, as FITS images are shown. Pure. */
import { type Pixels, physicalValues } from '../fits/pixels.ts'
import { colorMap } from './color-map.ts'
import type { Limits, Values } from './limits.ts'
import { type Stretch, stretched } from './stretch.ts'

/** Rows from the top; 1 channel is gray, 3 are red, green, blue, one more is opacity. */
export interface Raster {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 2 | 3 | 4
  readonly data: Uint8Array
}

export interface RenderOptions {
  readonly limits: Limits
  readonly stretch: Stretch
  /** A name that `colorMap` knows; `gray` by default. */
  readonly colorMap?: string
}

/** Physical values of an image's pixels as floating-point numbers, NaN where there is none. */
export function floatValues(pixels: Pixels): Values {
  const { values, blank } = physicalValues(pixels)
  if (values instanceof Float32Array || values instanceof Float64Array) return values
  const floats = new Float64Array(values.length)
  for (let i = 0; i < floats.length; i++) floats[i] = values[i] === blank ? Number.NaN : Number(values[i])
  return floats
}

/** One image in gray or in a colour map; transparent where values are NaN. */
export function renderPixels(
  values: Values,
  width: number,
  height: number,
  { limits, stretch, colorMap: name = 'gray' }: RenderOptions,
): Raster {
  const { levels, blank } = stretched(values, limits, stretch)
  const map = name === 'gray' ? undefined : colorMap(name)
  if (name !== 'gray' && !map) throw new Error(`no colour map ${name}`)
  const colors = map ? 3 : 1
  const channels = (colors + (blank ? 1 : 0)) as Raster['channels']
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    let to = (height - 1 - y) * width * channels
    for (let x = 0, from = y * width; x < width; x++, from++) {
      const level = levels[from]!
      if (map) {
        data[to++] = map[3 * level]!
        data[to++] = map[3 * level + 1]!
        data[to++] = map[3 * level + 2]!
      } else data[to++] = level
      if (blank) data[to++] = Number.isNaN(values[from]!) ? 0 : 255
    }
  }
  return { width, height, channels, data }
}

/** Means of blocks of `factor` × `factor` pixels, those at the far edges smaller; NaN where a block has no value. */
export function binned(
  values: Values,
  width: number,
  height: number,
  factor: number,
): { readonly values: Float32Array; readonly width: number; readonly height: number } {
  const [columns, rows] = [Math.ceil(width / factor), Math.ceil(height / factor)]
  const sums = new Float64Array(columns * rows)
  const counts = new Uint32Array(columns * rows)
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / factor) * columns
    for (let x = 0, from = y * width; x < width; x++, from++) {
      const value = values[from]!
      if (!Number.isFinite(value)) continue
      const block = row + Math.floor(x / factor)
      sums[block]! += value
      counts[block]!++
    }
  }
  return { values: Float32Array.from(sums, (sum, i) => sum / counts[i]!), width: columns, height: rows }
}

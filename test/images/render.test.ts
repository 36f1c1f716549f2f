/** Pictures against astropy.visualization and matplotlib's colour maps. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import { COLOR_MAPS, colorMap } from '../../src/images/color-map.ts'
import { encodePicture } from '../../src/images/encode.ts'
import { minMax, percentileLimits, zscale } from '../../src/images/limits.ts'
import { luptonOptions, renderLupton } from '../../src/images/lupton.ts'
import { binned, floatValues, renderPixels } from '../../src/images/render.ts'
import { STRETCHES } from '../../src/images/stretch.ts'
import { python, withoutPython } from '../support/python.ts'

const [WIDTH, HEIGHT] = [97, 61]

/** Noise with sources on it and, in some, holes. */
function scene(seed: number, holes: boolean): Float32Array {
  let state = seed
  const random = () => {
    state = (16807 * state) % 2147483647
    return state / 2147483647
  }
  return Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)]
    const noise = random() + random() + random() - 1.5
    if (holes && random() < 0.02) return Number.NaN
    return 10 + noise + 500 * Math.exp(-((x - 30) ** 2 + (y - 20) ** 2) / 20) + (y > 50 ? 3 : 0)
  })
}

const scenes = [scene(1, false), scene(2, true), new Float32Array(WIDTH * HEIGHT).fill(4)]

const REFERENCE = `
import json, sys, warnings
import numpy as np
from astropy.visualization import *
warnings.simplefilter('ignore')
w, h = int(sys.argv[1]), int(sys.argv[2])
all = np.frombuffer(sys.stdin.buffer.read(), '<f4').reshape(-1, h, w)
curves = {'linear': LinearStretch(), 'sqrt': SqrtStretch(), 'asinh': AsinhStretch(0.1), 'log': LogStretch(1000)}
out = []
for a in all:
    zs = [float(v) for v in ZScaleInterval().get_limits(a)]
    pc = [float(v) for v in PercentileInterval(99.5).get_limits(a[np.isfinite(a)])]
    t = np.clip((a.astype('f8') - pc[0]) / max(pc[1] - pc[0], 1e-300), 0, 1)
    levels = {k: np.nan_to_num(np.round(255 * c(t.copy())))[::-1].astype(int).ravel().tolist() for k, c in curves.items()}
    out.append({'zscale': zs, 'percentile': pc, 'levels': levels})
rgb = make_lupton_rgb(all[0], all[0] * 0.7 + 2, all[0][:, ::-1], minimum=9.5, stretch=3, Q=8)
print(json.dumps({'scenes': out, 'lupton': rgb[::-1].astype(int).ravel().tolist()}))
`

interface Reference {
  readonly scenes: {
    readonly zscale: [number, number]
    readonly percentile: [number, number]
    readonly levels: Record<string, number[]>
  }[]
  readonly lupton: number[]
}

const close = (a: number, b: number) =>
  assert.ok(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b)), `${a} against ${b}`)

function largestDifference(ours: Uint8Array, theirs: readonly number[]): number {
  assert.equal(ours.length, theirs.length)
  return theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0)
}

describe('against astropy.visualization', { skip: withoutPython('astropy.visualization') }, () => {
  const input = Buffer.concat(scenes.map(values => Buffer.from(values.buffer)))
  const reference = JSON.parse(
    python(REFERENCE, input, [String(WIDTH), String(HEIGHT)]).toString(),
  ) as Reference

  it('zscale and percentiles are the same', () => {
    scenes.forEach((values, i) => {
      zscale(values)!.forEach((limit, end) => {
        close(limit, reference.scenes[i]!.zscale[end]!)
      })
      percentileLimits(values, 99.5)!.forEach((limit, end) => {
        close(limit, reference.scenes[i]!.percentile[end]!)
      })
    })
  })

  for (const stretch of STRETCHES) {
    it(`${stretch} is the same to a level`, () => {
      for (const i of [0, 1]) {
        const limits = reference.scenes[i]!.percentile
        const { data, channels } = renderPixels(scenes[i]!, WIDTH, HEIGHT, { limits, stretch })
        assert.equal(channels, i + 1)
        const gray = data.filter((_, at) => at % channels === 0)
        assert.ok(largestDifference(gray, reference.scenes[i]!.levels[stretch]!) <= 1)
      }
    })
  }

  it('a composite is that of make_lupton_rgb to a level', () => {
    const [red] = scenes as [Float32Array]
    const green = red.map(value => Math.fround(Math.fround(value * Math.fround(0.7)) + 2))
    const blue = red.map((_, i) => red[Math.floor(i / WIDTH) * WIDTH + WIDTH - 1 - (i % WIDTH)]!)
    const raster = renderLupton([red, green, blue], WIDTH, HEIGHT, {
      minimum: [9.5, 9.5, 9.5],
      weight: [1, 1, 1],
      stretch: 3,
      q: 8,
    })
    assert.ok(largestDifference(raster.data, reference.lupton) <= 1)
  })
})

it("colour maps are matplotlib's to 3 levels", { skip: withoutPython('matplotlib') }, () => {
  const names = COLOR_MAPS.filter(name => name !== 'heat')
  const script = `
import json, sys
from matplotlib import colormaps
print(json.dumps([[round(255 * v) for i in range(256) for v in colormaps[n](i)[:3]] for n in sys.argv[1:]]))`
  const maps = JSON.parse(
    python(
      script,
      '',
      names.flatMap(name => [name, `${name}_r`]),
    ).toString(),
  ) as number[][]
  names
    .flatMap(name => [name, `${name}_r`])
    .forEach((name, i) => {
      assert.ok(largestDifference(colorMap(name)!, maps[i]!) <= 3, name)
    })
  for (const none of ['nope', '', '_r', 'constructor', '__proto__']) assert.equal(colorMap(none), undefined)
})

it('blank integers are transparent, and the last row is on top', () => {
  const values = floatValues({
    bitpix: 16,
    shape: [2, 2],
    stored: Int16Array.of(-5, 0, 10, 20),
    scale: 1,
    zero: 0,
    blank: -5n,
  })
  const raster = renderPixels(values, 2, 2, { limits: [0, 20], stretch: 'linear', colorMap: 'gray_r' })
  assert.equal(raster.channels, 4)
  assert.deepEqual([...raster.data.filter((_, i) => i % 4 === 0)].slice(0, 2), [127, 0])
  assert.deepEqual([...raster.data.filter((_, i) => i % 4 === 3)], [255, 255, 0, 255])
})

it('nothing to see is no failure', () => {
  const nothing = new Float32Array(4).fill(Number.NaN)
  for (const limits of [zscale, minMax]) assert.equal(limits(nothing), undefined)
  assert.equal(percentileLimits(nothing, 99), undefined)
  assert.equal(luptonOptions([nothing, nothing, nothing], true), undefined)
  assert.deepEqual(zscale(Float32Array.of(3)), [3, 3])
  const infinite = Float32Array.of(1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2)
  assert.deepEqual(minMax(infinite), [1, 2])
  assert.deepEqual(
    [...renderPixels(infinite, 4, 1, { limits: [1, 2], stretch: 'log' }).data],
    [0, 255, 0, 255],
  )
})

it('blocks are averaged over what is there', () => {
  const values = Float32Array.of(1, 2, 3, Number.NaN, 5, Number.NaN)
  const small = binned(values, 3, 2, 2)
  assert.deepEqual([small.width, small.height], [2, 1])
  assert.deepEqual([...small.values], [Math.fround(8 / 3), 3])
})

it('PNG, JPEG and WebP decode to the picture, scaled', async () => {
  const raster = renderPixels(scenes[1]!, WIDTH, HEIGHT, { limits: [8, 30], stretch: 'asinh' })
  const png = await sharp(await encodePicture(raster, 'image/png'))
    .raw()
    .toBuffer()
  // sharp gives gray as red, green, blue.
  assert.deepEqual(
    png.filter((_, i) => i % 4 === 0 || i % 4 === 3),
    Buffer.from(raster.data),
  )
  for (const type of ['image/jpeg', 'image/webp'] as const) {
    const bytes = await encodePicture(raster, type, { width: 194, height: 122 })
    const { format, width, height } = await sharp(bytes).metadata()
    assert.deepEqual([`image/${format}`, width, height], [type, 194, 122])
  }
})

/** Every way of tile compression: made by astropy and by fpack, read bit for bit as astropy (cfitsio) does. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { imageOf } from '../../src/fits/image.ts'
import { type PhysicalArray, physicalValues } from '../../src/fits/pixels.ts'
import { readWindow, type Window, wholeImage } from '../../src/fits/window.ts'
import { python, withoutPython } from '../support/python.ts'
import {
  type AstropyPixels,
  type AstropyWindow,
  allHdus,
  astropyWindows,
  sameBits,
  typeName,
  withFile,
} from './support.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-fpack-'))
after(() => rmSync(folder, { recursive: true }))

/** Noise around a slope with a bright star, zeros, and no values; of all types, a cube, a mask. */
const MAKE = `
import os, sys, warnings
import numpy as np
from astropy.io import fits
warnings.simplefilter('ignore')
os.chdir(sys.argv[1])
rng = np.random.default_rng(5)
y, x = np.mgrid[:103, :150]
sky = 100 + 0.3 * x + rng.normal(0, 5, x.shape) + 30000 * np.exp(-((x - 70) ** 2 + (y - 50) ** 2) / 8)
real = sky.astype('f4')
real[20:30, 10:40] = 0
real[60:70, 100:120] = np.nan
double = real.astype('f8') * 1e-30
short = sky.astype('i2')
long = (sky * 50000).astype('i4')
byte = np.clip(sky / 4, 0, 255).astype('u1')
ushort = (sky * 2).astype('u2')
mask = ((x + 2 * y) // 37 * (x % 50 > 20)).astype('i2')
umask = (mask.astype('u2') * 5000)
cube = np.stack([real, real + 1000, real * 2])
plain = dict(real=real, double=double, short=short, long=long, byte=byte, ushort=ushort, mask=mask, umask=umask, cube=cube)
for name, data in plain.items():
    fits.PrimaryHDU(data).writeto(name + '.fits')
h = fits.PrimaryHDU(short)
h.header['BLANK'] = int(short[50, 70]); h.header['BSCALE'] = 0.1; h.header['BZERO'] = 7.5
h.writeto('scaled.fits')
def comp(name, data, **options):
    if 'tile_size' in options: options['tile_size'] = list(options['tile_size'])
    hdu = fits.CompImageHDU(data, **options)
    hdu.writeto('astropy_' + name + '.fits.fz')
for method in (-1, 1, 2):
    for kind in ('RICE_1', 'GZIP_1', 'GZIP_2'):
        comp(f'{kind}_{method}', real, compression_type=kind, quantize_level=8, quantize_method=method, dither_seed=77)
        comp(f'{kind}_{method}_double', double, compression_type=kind, quantize_level=8, quantize_method=method, dither_seed=9999, tile_size=(64, 40))
    comp(f'HCOMPRESS_{method}', real, compression_type='HCOMPRESS_1', quantize_level=8, quantize_method=method, tile_size=(50, 30), hcomp_scale=0)
for smooth in (0, 1):
    for scale in (0, 2.5, 10):
        comp(f'h_{smooth}_{scale}_short', short, compression_type='HCOMPRESS_1', hcomp_scale=scale, hcomp_smooth=smooth, tile_size=(150, 103))
        comp(f'h_{smooth}_{scale}_long', long, compression_type='HCOMPRESS_1', hcomp_scale=scale, hcomp_smooth=smooth, tile_size=(37, 41))
        comp(f'h_{smooth}_{scale}_real', real, compression_type='HCOMPRESS_1', hcomp_scale=scale, hcomp_smooth=smooth, tile_size=(75, 52), quantize_level=4)
comp('lossless', real, compression_type='GZIP_1', quantize_level=0)
comp('lossless2', double, compression_type='GZIP_2', quantize_level=0)
for kind in ('RICE_1', 'GZIP_1', 'GZIP_2', 'PLIO_1', 'HCOMPRESS_1'):
    for name, data in plain.items():
        if data.dtype.kind == 'f' or (kind == 'PLIO_1' and name not in ('mask', 'byte')): continue
        comp(f'{kind}_{name}', data, compression_type=kind, tile_size=(60, 48))
    if kind not in ('PLIO_1', 'HCOMPRESS_1'): comp(f'{kind}_cube', np.nan_to_num(cube).astype('i4'), compression_type=kind, tile_size=(60, 50, 2))
comp('rice_cube', cube, compression_type='RICE_1', tile_size=(60, 50, 2), quantize_level=16)
`

/** Arguments of fpack and the images that they go with: without loss, and with. */
const LOSSLESS: [options: string, images: string][] = [
  ['-r', 'short long byte ushort mask umask scaled'],
  ['-h', 'short long byte ushort scaled'],
  ['-g1', 'short long byte ushort'],
  ['-g2', 'short long byte ushort'],
  ['-p', 'byte mask umask'],
  ['-d', 'short'],
  ['-g1 -q 0', 'real double cube'],
  ['-g2 -q 0', 'real double'],
  ['-r -w', 'short ushort'],
]
const LOSSY: typeof LOSSLESS = [
  ['-r', 'real double cube'],
  ['-h', 'real'],
  ['-g1', 'real double cube'],
  ['-g2', 'real double cube'],
  ['-r -q0 4', 'real'],
  ['-r -qz7 8', 'real double'],
  ['-r -qz9999 8 -w', 'real'],
  ['-r -q10000 2 -t 50,50', 'real cube'],
  ['-h -s 3 -t 75,50', 'short long'],
  ['-i2f -r', 'short'],
]

/** A file to read; the HDU that has the pixels to expect; and one whose pixels without value have none here. */
interface Case {
  readonly file: string
  readonly expected: { readonly file: string; readonly hdu: number }
  readonly original: { readonly file: string; readonly hdu: number }
}

/** Reads windows of each file and compares them with astropy's; the number of windows. */
async function compared(cases: readonly Case[]): Promise<number> {
  const boxes = [
    [0, 0, 1, 1],
    [17, 23, 60, 41],
    [149, 102, 1, 1],
    [40, 0, 110, 103],
    [0, 55, 150, 20],
  ]
  const asked: AstropyWindow[] = []
  const originals: AstropyWindow[] = []
  const found: PhysicalArray[] = []
  for (const { file, expected, original } of cases) {
    await withFile(file, async source => {
      const image = (await allHdus(source)).map(imageOf).find(i => i !== undefined)
      assert.ok(image)
      const planes = image.shape.length === 3
      const windows: Window[] = [
        wholeImage(image),
        ...boxes.map(([x, y, w, h]) => ({
          start: planes ? [x!, y!, 1] : [x!, y!],
          size: planes ? [w!, h!, 2] : [w!, h!],
        })),
      ]
      for (const window of windows) {
        asked.push({ ...expected, ...window })
        originals.push({ ...original, ...window })
        found.push(physicalValues(await readWindow(source, image, window)).values)
      }
    })
  }
  const expected = astropyWindows(asked)
  const plain = astropyWindows(originals)
  for (const [i, values] of found.entries()) {
    const where = JSON.stringify(asked[i])
    assert.equal(typeName(values), expected[i]!.type, where)
    assert.ok(sameBits(values, withNaN(expected[i]!, plain[i]!)), `pixels differ: ${where}`)
  }
  return found.length
}

/** cfitsio without a check for nulls, as astropy 5 and imcopy use it, makes numbers of the blank pixels of fpack. */
function withNaN(expected: AstropyPixels, original: AstropyPixels): AstropyPixels {
  if (!original.type.startsWith('float') || original.type !== expected.type) return expected
  const Type = original.type === 'float32' ? Float32Array : Float64Array
  const values = new Type(new Uint8Array(expected.bytes).buffer)
  new Type(new Uint8Array(original.bytes).buffer).forEach((value, i) => {
    if (Number.isNaN(value)) values[i] = Number.NaN
  })
  return { ...expected, bytes: Buffer.from(values.buffer) }
}

const skip = withoutPython('astropy')
const withoutFpack = skip || (spawnSync('fpack', ['-V']).error ? 'no fpack (libcfitsio-bin)' : false)

describe('tile compression', { skip }, () => {
  before(() => {
    python(MAKE, '', [folder])
  })

  it('by astropy', async () => {
    const list = python(
      `import glob, sys; print('\\n'.join(sorted(glob.glob(sys.argv[1] + '/astropy_*'))))`,
      '',
      [folder],
    )
    const cases = list
      .toString()
      .trim()
      .split('\n')
      .map(file => ({ file, expected: { file, hdu: 1 }, original: { file, hdu: 1 } }))
    const windows = await compared(cases)
    assert.ok(windows >= 6 * 50, `${windows} windows`)
  })

  it('by fpack', { skip: withoutFpack }, async () => {
    const pack = ([options, images]: [string, string]) =>
      images.split(' ').map(image => {
        const plain = path.join(folder, `${image}.fits`)
        const file = path.join(folder, `fpack ${options} ${image}.fits.fz`)
        const run = spawnSync('fpack', [...options.split(' '), '-O', file, plain])
        assert.equal(run.status, 0, `${file}: ${run.stderr}`)
        return { file, plain: { file: plain, hdu: 0 }, packed: { file, hdu: 1 } }
      })
    const windows = await compared([
      ...LOSSLESS.flatMap(pack).map(({ file, plain }) => ({ file, expected: plain, original: plain })),
      ...LOSSY.flatMap(pack).map(({ file, plain, packed }) => ({ file, expected: packed, original: plain })),
    ])
    assert.ok(windows >= 6 * 45, `${windows} windows`)
  })
})

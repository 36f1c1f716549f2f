/** Stars keep their fluxes; packed, compressed and integer images and outputs, levels and galactic cells give the same sky. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { type BuildRequest, buildTree } from '../../src/hips/build.ts'
import { fileSources } from '../../src/hips/sources.ts'
import { walk } from '../../src/ingest/images/walk.ts'
import { python, withoutPython } from '../support/python.ts'
import { treeRequest } from './images.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-hips-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const fresh = (name: string) => mkdtempSync(path.join(folder, `${name}-`))

/** Forty stars of a seeing of 4.5 pixels on a sky of 100, as float32, gzip, RICE or int16. */
const STARS = `
import sys, json, numpy as np
from astropy.io import fits
folder, kind, level = sys.argv[1], sys.argv[2], float(sys.argv[3])
rng = np.random.default_rng(11)
n, scale, sigma = 500, 0.3 / 3600, 4.5 / 2.355
y, x = np.mgrid[0:n, 0:n]
data = np.zeros((n, n))
for k in range(40):
    sx, sy, flux = 60 + 55 * (k % 8) + rng.uniform(-5, 5), 60 + 90 * (k // 8) + rng.uniform(-5, 5), rng.uniform(5e4, 5e5)
    data += flux * np.exp(-((x - sx) ** 2 + (y - sy) ** 2) / 2 / sigma ** 2) / 2 / np.pi / sigma ** 2
h = fits.Header()
h['CTYPE1'], h['CTYPE2'], h['CRVAL1'], h['CRVAL2'] = 'RA---TAN', 'DEC--TAN', 150.1, 2.2
h['CRPIX1'] = h['CRPIX2'] = n / 2
a = np.radians(17)
h['CD1_1'], h['CD1_2'], h['CD2_1'], h['CD2_2'] = -scale * np.cos(a), scale * np.sin(a), scale * np.sin(a), scale * np.cos(a)
data += level
if kind == 'gz': fits.PrimaryHDU(data.astype('f4'), h).writeto(folder + '/stars.fits.gz')
elif kind == 'rice': fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.round(data * 16).astype('i4'), h, compression_type='RICE_1')]).writeto(folder + '/stars.fits.fz')
elif kind == 'int16':
    hdu = fits.PrimaryHDU(data.astype('f8'), h); hdu.scale('int16', bzero=15000, bscale=0.5); hdu.writeto(folder + '/stars.fits')
else: fits.PrimaryHDU(data.astype('f4'), h).writeto(folder + '/stars.fits')
`

/** Sum above the sky within 8 pixels of each star in the tiles over that in the image, both by their solid angles. */
const FLUXES = `
import sys, glob, re, json, numpy as np, healpy
from astropy.io import fits
from astropy.wcs import WCS
from astropy.coordinates import SkyCoord
root, order, frame, image, level, factor = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5]), float(sys.argv[6])
hdu = [h for h in fits.open(image) if h.data is not None][0]
w, data = WCS(hdu.header), hdu.data.astype('f8')
rng = np.random.default_rng(11)
stars = []
for k in range(40):
    stars.append((60 + 55 * (k % 8) + rng.uniform(-5, 5), 60 + 90 * (k // 8) + rng.uniform(-5, 5))); rng.uniform()
def spread(a):
    r = np.zeros(a.shape, dtype='i8')
    for b in range(9): r |= ((a >> b) & 1).astype('i8') << (2 * b)
    return r
j, i = np.mgrid[0:512, 0:512]
local = spread(511 - j) + 2 * spread(i)
total = np.zeros(40)
nside = 2 ** (order + 9)
kind = set()
for f in glob.glob(f'{root}/Norder{order}/Dir*/*.fits'):
    npix = int(re.search(r'Npix(\\d+)', f).group(1))
    lon, lat = healpy.pix2ang(nside, npix * 4 ** 9 + local, nest=True, lonlat=True)
    if frame == 'galactic':
        c = SkyCoord(lon, lat, unit='deg', frame='galactic').icrs; lon, lat = c.ra.deg, c.dec.deg
    t = fits.open(f)[0]; kind.add(int(t.header['BITPIX'])); d = t.data.astype('f8')
    px, py = w.wcs_world2pix(lon.ravel(), lat.ravel(), 0)
    px, py = px.reshape(512, 512), py.reshape(512, 512)
    for k, (sx, sy) in enumerate(stars):
        m = (np.hypot(px - sx, py - sy) < 12) & np.isfinite(d)
        total[k] += (d[m] - level).sum()
y, x = np.mgrid[0:data.shape[0], 0:data.shape[1]]
true = np.array([(data[np.hypot(x - sx, y - sy) < 12] / factor - float(sys.argv[7])).sum() for sx, sy in stars])
area = healpy.nside2pixarea(nside) / np.radians(0.3 / 3600) ** 2
print(json.dumps([sorted(kind), float(np.abs(total * area * (1 / factor if factor != 1 else 1) / true - 1).max())]))
`

type Case = readonly [
  name: string,
  kind: string,
  more: Partial<BuildRequest>,
  bitpix: number,
  /** Sky that is left in the tiles, and what the values of the image are multiplied by. */
  sky: number,
  factor: number,
]

const INT16 = { bitpix: 16, scale: 0.5, zero: 8000, blank: -32768 } as const
const CASES: readonly Case[] = [
  ['as they are', 'float', {}, -32, 100, 1],
  ['in galactic cells', 'float', { frame: 'galactic' }, -32, 100, 1],
  ['from .fits.gz, less the median', 'gz', { levelled: true }, -32, 0, 1],
  [
    'from RICE tiles, kept as float64',
    'rice',
    { storage: { bitpix: -64, scale: 1, zero: 0, blank: undefined } },
    -64,
    1600,
    16,
  ],
  ['from int16, kept as int16', 'int16', { storage: INT16 }, 16, 100, 1],
]

describe('stars have their fluxes to 0.5 % at the order of the images', {
  skip: withoutPython('astropy', 'healpy'),
}, () => {
  for (const [name, kind, more, bitpix, sky, factor] of CASES) {
    it(name, async () => {
      const [images, root] = [fresh('in'), fresh('out')]
      python(STARS, '', [images, kind, '100'])
      const files = walk(
        [images],
        () => {},
        () => {},
      )
      const sources = await fileSources(files, path.join(folder, 'spool'), () => {})
      assert.equal(sources.images.length, 1)
      const request = treeRequest(root, sources.images, path.join(folder, 'spool'), {
        here: true,
        formats: ['fits'],
        ...more,
      })
      const { settings } = await buildTree(request)
      const image = sources.images[0]!.location
      const args = [root, String(settings.order), settings.frame, image, String(sky), String(factor), '100']
      const [kinds, worst] = JSON.parse(python(FLUXES, '', args).toString())
      assert.deepEqual(kinds, [bitpix])
      assert.ok(worst < 0.005, `worst ${worst}`)
    })
  }
})

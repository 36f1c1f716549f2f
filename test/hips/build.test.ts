/** Tiles against healpy and astropy.wcs, and builds that are broken off, repeated and changed. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { type BuildRequest, buildTree } from '../../src/hips/build.ts'
import { finishTree } from '../../src/hips/finish.ts'
import type { HipsImage } from '../../src/hips/input.ts'
import { parseProperties } from '../../src/hips/properties.ts'
import { python, withoutPython } from '../support/python.ts'
import { ABOUT, imagesIn, makeImages, tilesOf, treeRequest } from './images.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-hips-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const request = (root: string, images: readonly HipsImage[], more: Partial<BuildRequest> = {}) =>
  treeRequest(root, images, path.join(folder, 'spool'), { threads: 2, ...more })

function fresh(name: string): string {
  return mkdtempSync(path.join(folder, `${name}-`))
}

/**
 * Every leaf pixel by healpy and astropy.wcs: mean of the images whose outer edge holds it; a pixel whose nearest pixel
 * has no value has none. Prints the number of pixels, of those with a value on one side only, and the largest
 * difference.
 */
const REFERENCE = `
import sys, glob, re, json, numpy as np, healpy
from astropy.io import fits
from astropy.wcs import WCS
root, images, order, frame = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
data = [(WCS(fits.getheader(f)), fits.getdata(f).astype('f8')) for f in sorted(glob.glob(images + '/*.fits'))]
j, i = np.mgrid[0:512, 0:512]
x, y = 511 - j, i
def inter(a):
    r = np.zeros(a.shape, dtype='i8')
    for b in range(9): r |= ((a >> b) & 1).astype('i8') << (2 * b)
    return r
local = inter(x) | (inter(y) << 1)
total = onesided = 0
worst, away = 0.0, []
for f in glob.glob(f'{root}/Norder{order}/Dir*/*.fits'):
    npix = int(re.search(r'Npix(\\d+)', f).group(1))
    lon, lat = healpy.pix2ang(2 ** (order + 9), npix * 4 ** 9 + local, nest=True, lonlat=True)
    if frame == 'galactic':
        from astropy.coordinates import SkyCoord
        c = SkyCoord(lon, lat, unit='deg', frame='galactic').icrs
        lon, lat = c.ra.deg, c.dec.deg
    s, w = np.zeros((512, 512)), np.zeros((512, 512))
    near = np.zeros((512, 512), dtype=bool)
    for wcs, d in data:
        ny, nx = d.shape
        px, py = wcs.wcs_world2pix(lon.ravel(), lat.ravel(), 0)
        px, py = px.reshape(512, 512), py.reshape(512, 512)
        inside = (px >= -.5) & (py >= -.5) & (px <= nx - .5) & (py <= ny - .5)
        # within a thousandth of a pixel of an edge either answer is right
        for edge, p in ((-.5, px), (nx - .5, px), (-.5, py), (ny - .5, py)): near |= np.abs(p - edge) < 1e-3
        cx, cy = np.clip(np.nan_to_num(px), 0, nx - 1), np.clip(np.nan_to_num(py), 0, ny - 1)
        near |= inside & ((np.abs(cx % 1 - .5) < 1e-3) | (np.abs(cy % 1 - .5) < 1e-3))
        rx, ry = np.floor(cx + .5).astype(int), np.floor(cy + .5).astype(int)
        x0, y0 = np.minimum(cx.astype(int), nx - 2), np.minimum(cy.astype(int), ny - 2)
        fx, fy = cx - x0, cy - y0
        v, t = np.zeros((512, 512)), np.zeros((512, 512))
        for a, b, share in ((0, 0, (1 - fx) * (1 - fy)), (1, 0, fx * (1 - fy)), (0, 1, (1 - fx) * fy), (1, 1, fx * fy)):
            p = d[y0 + b, x0 + a]
            ok = np.isfinite(p) & (share > 0)
            v[ok] += (p * share)[ok]; t[ok] += share[ok]
        ok = inside & np.isfinite(d[ry, rx]) & (t > 0)
        s[ok] += (v / np.where(t > 0, t, 1))[ok]; w[ok] += 1
    ref = np.where(w > 0, s / np.where(w > 0, w, 1), np.nan)
    got = fits.getdata(f).astype('f8')
    both = np.isfinite(ref) & np.isfinite(got) & ~near
    total += int(both.sum())
    onesided += int(((np.isfinite(ref) != np.isfinite(got)) & ~near).sum())
    if both.any():
        diff = np.abs(ref - got)[both]
        worst = max(worst, float(diff.max())); away.append(float((diff ** 2).sum()))
print(json.dumps([total, onesided, worst, (sum(away) / max(total, 1)) ** .5]))
`

describe('tiles', { skip: withoutPython('astropy', 'healpy') }, () => {
  const places: [string, number, number, string, 'equatorial' | 'galactic'][] = [
    ['in the equatorial belt', 150, 2.2, 'TAN', 'equatorial'],
    ['across the kink at |z| = 2/3', 33.75, 41.8103, 'TAN', 'equatorial'],
    ['at the pole and across RA 0', 0, 89.95, 'TAN', 'equatorial'],
    ['in another projection, in galactic cells', 266, -29, 'SIN', 'galactic'],
  ]
  for (const [name, ra, dec, projection, frame] of places) {
    it(`${name} have the means of exact bilinear values`, async () => {
      const [images, root] = [fresh('in'), fresh('out')]
      makeImages(images, ra, dec, projection)
      const built = await buildTree(request(root, imagesIn(images), { frame }))
      assert.deepEqual(built.skipped, [])
      const args = [root, images, String(built.settings.order), frame]
      const [total, onesided, worst, rms] = JSON.parse(python(REFERENCE, '', args).toString())
      assert.ok(total > 100_000, `${total} pixels`)
      assert.equal(onesided, 0)
      // The noise of the images is 1.
      assert.ok(rms < 1e-4, `rms ${rms}`)
      assert.ok(worst < 2e-3, `worst ${worst}`)
    })
  }
})

describe('builds', { skip: withoutPython('astropy') }, () => {
  it('make the same tiles on one thread and on two, and nothing when nothing has changed', async () => {
    const [images, one, two] = [fresh('in'), fresh('one'), fresh('two')]
    makeImages(images, 150, 2.2)
    await buildTree(request(one, imagesIn(images), { threads: 1 }))
    const built = await buildTree(request(two, imagesIn(images)))
    assert.deepEqual(tilesOf(one), tilesOf(two))
    assert.equal(built.tiles * 2, tilesOf(two).size)
    assert.equal((await buildTree(request(two, imagesIn(images)))).tiles, 0)
  })

  it('that add, change and take away images leave what a build from the start leaves', async () => {
    const [images, root, whole] = [fresh('in'), fresh('out'), fresh('whole')]
    makeImages(images, 150, 2.2, 'TAN', 4)
    const all = imagesIn(images)
    const cuts = { look: { stretch: 'linear', cuts: [5, 20] } } as const
    await buildTree(request(root, all.slice(0, 3), cuts))
    const added = await buildTree(request(root, all, cuts))
    const first = await buildTree(request(whole, all, cuts))
    assert.deepEqual(tilesOf(root), tilesOf(whole))
    assert.deepEqual(added.moc, first.moc)
    await buildTree(request(root, all.slice(1), cuts))
    rmSync(whole, { recursive: true })
    const less = await buildTree(request(whole, all.slice(1), cuts))
    assert.deepEqual(tilesOf(root), tilesOf(whole))
    assert.notDeepEqual(less.moc, first.moc)
  })

  it('refuse to mix tiles of two kinds', async () => {
    const [images, root] = [fresh('in'), fresh('out')]
    makeImages(images, 150, 2.2, 'TAN', 1)
    await buildTree(request(root, imagesIn(images)))
    await assert.rejects(
      buildTree(request(root, imagesIn(images), { frame: 'galactic' })),
      /made with frame "equatorial", now it is "galactic": --force/,
    )
    await assert.rejects(
      buildTree(request(root, imagesIn(images), { look: { stretch: 'linear', cuts: [0, 1] } })),
      /made with look .*: --force/,
    )
    await buildTree(request(root, imagesIn(images), { frame: 'galactic', force: true }))
  })

  it('report what is no image of the sky and go on without it', async () => {
    const [images, root] = [fresh('in'), fresh('out')]
    makeImages(images, 150, 2.2, 'TAN', 1)
    writeFileSync(path.join(images, 'broken.fits'), 'SIMPLE  = nonsense')
    const built = await buildTree(request(root, imagesIn(images)))
    assert.deepEqual(
      built.skipped.map(({ name }) => name),
      ['broken.fits'],
    )
    await assert.rejects(
      buildTree(request(fresh('none'), [imagesIn(images)[1]!])),
      /no image can be placed on the sky\n {2}broken.fits: /,
    )
  })

  it('keep integers where they are asked for, and parents are means of what is kept', async () => {
    const [images, root] = [fresh('in'), fresh('out')]
    makeImages(images, 150, 2.2, 'TAN', 1)
    const storage = { bitpix: 16, scale: 0.01, zero: 0, blank: -32768 } as const
    const built = await buildTree(request(root, imagesIn(images), { storage }))
    const script = `
import sys, glob, re, numpy as np
from astropy.io import fits
root, order = sys.argv[1], int(sys.argv[2])
worst = 0
for f in glob.glob(f'{root}/Norder{order - 1}/Dir*/*.fits'):
    n = int(re.search(r'Npix(\\d+)', f).group(1))
    parent = fits.getdata(f).astype('f8')
    mean = np.full((512, 512), np.nan)
    for k in range(4):
        c = glob.glob(f'{root}/Norder{order}/Dir*/Npix{4 * n + k}.fits')
        if not c: continue
        d = fits.getdata(c[0]).astype('f8').reshape(256, 2, 256, 2)
        with np.errstate(all='ignore'):
            import warnings; warnings.simplefilter('ignore')
            m = np.nanmean(d, axis=(1, 3))
        r, q = (0 if k & 1 else 256), (256 if k >> 1 else 0)
        mean[r:r + 256, q:q + 256] = m
    assert (np.isnan(mean) == np.isnan(parent)).all()
    worst = max(worst, np.nanmax(np.abs(mean - parent)))
print(worst)`
    const worst = Number(python(script, '', [root, String(built.settings.order)]).toString())
    assert.ok(worst <= 0.00501, `worst ${worst}`)
  })

  it('end with properties, Allsky, coverage and preview', async () => {
    const [images, root] = [fresh('in'), fresh('out')]
    makeImages(images, 150, 2.2)
    const built = await buildTree(
      request(root, imagesIn(images), { formats: ['fits', 'png', 'jpg', 'webp'] }),
    )
    await finishTree(built, ABOUT, false)
    const properties = parseProperties(readFileSync(path.join(root, 'properties'), 'utf8'))
    assert.equal(properties.get('hips_order'), String(built.settings.order))
    assert.equal(properties.get('hips_nb_tiles'), String(tilesOf(root).size))
    assert.equal(properties.get('hips_tile_format'), 'fits png jpeg webp')
    const script = `
import sys, json, numpy as np
from astropy.io import fits
from PIL import Image
root = sys.argv[1]
sky = fits.getdata(root + '/Norder3/Allsky.fits')
sizes = [Image.open(f'{root}/Norder3/Allsky.{e}').size for e in ('png', 'jpg', 'webp')]
moc = fits.getdata(root + '/Moc.fits', 1)
preview = np.asarray(Image.open(root + '/preview.jpg'))
print(json.dumps([sky.shape, sizes, len(moc), float(preview.std())]))`
    const [shape, sizes, cells, contrast] = JSON.parse(python(script, '', [root]).toString())
    assert.deepEqual(shape, [29 * 64, 27 * 64])
    for (const size of sizes) assert.deepEqual(size, [27 * 64, 29 * 64])
    assert.ok(cells > 10, `${cells} cells`)
    assert.ok(contrast > 5, `the preview is not empty: ${contrast}`)
  })
})

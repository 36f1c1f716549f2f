/** Thumbnails, coverage and the gallery of image collections, over HTTP. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import sharp from 'sharp'
import { coverPolygon } from '../../src/healpix/cover.ts'
import { mocCells, skyFraction } from '../../src/healpix/moc.ts'
import { ingestImages } from '../../src/ingest/images/index.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'
import { startTestService, type TestService } from '../support/service.ts'

const POLYGONS: readonly (readonly [ra: number, dec: number])[][] = [
  [
    [10, 10],
    [12, 10],
    [12, 11],
    [10, 11],
  ],
  // Over RA 0, and the other way around.
  [
    [359, -1],
    [359, 1],
    [1, 1],
    [1, -1],
  ],
  // Not convex.
  [
    [100, 60],
    [110, 60],
    [110, 66],
    [105, 61],
    [100, 66],
  ],
  // Around the pole.
  [
    [0, 88],
    [120, 88],
    [240, 88],
  ],
  // Much smaller than a cell.
  [
    [200, -45],
    [200.001, -45],
    [200, -44.999],
  ],
]

describe('coverPolygon', { skip: withoutPython('healpy', 'numpy', 'matplotlib') }, () => {
  it('has the cells whose points are inside, by sampling; none that is far from it', () => {
    const order = 8
    for (const polygon of POLYGONS) {
      const radians = polygon.map(([ra, dec]) => [(ra * Math.PI) / 180, (dec * Math.PI) / 180] as const)
      const moc = coverPolygon(radians, order)
      const turned = coverPolygon([...radians].reverse(), order)
      // The winding is of no matter, but for cells that are touched by a rounding error.
      assert.ok(Math.abs(skyFraction(turned) - skyFraction(moc)) < 3 / (12 * 4 ** order))
      const cells = mocCells(moc).flatMap(({ order: at, first, last }) =>
        Array.from({ length: Number(last - first) + 1 }, (_, i) => [at, Number(first) + i]),
      )
      const { missing, far, area } = JSON.parse(
        python(COMPARE, JSON.stringify({ polygon, cells, order })).toString(),
      ) as { missing: number; far: number; area: number }
      assert.equal(missing, 0, `cells are missing of ${polygon}`)
      assert.equal(far, 0, `cells beside ${polygon}`)
      assert.ok(Math.abs(skyFraction(moc) - area) < 1e-12)
    }
  })
})

/** Points inside the polygon in its gnomonic projection must be in the cells; each cell must have a point near it. */
const COMPARE = `
import sys, json, numpy as np, healpy as hp
d = json.load(sys.stdin)
lon, lat = np.radians(np.array(d['polygon'])).T
v = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]).T
m = v.sum(axis=0); m /= np.linalg.norm(m)
e = np.cross([0, 0, 1], m); e /= np.linalg.norm(e); n = np.cross(m, e)
p = np.array([v @ e, v @ n]).T / (v @ m)[:, None]
from matplotlib.path import Path
path = Path(np.vstack([p, p[:1]]), closed=True)
rng = np.random.default_rng(1)
low, high = p.min(axis=0), p.max(axis=0)
q = rng.uniform(low, high, (40000, 2))
q = q[path.contains_points(q)]
w = m + q[:, :1] * e + q[:, 1:] * n
w /= np.linalg.norm(w, axis=1)[:, None]
nside = 2 ** d['order']
pix = hp.vec2pix(nside, w[:, 0], w[:, 1], w[:, 2], nest=True)
covered = set()
for o, c in d['cells']:
    k = 4 ** (d['order'] - o)
    covered.update(range(c * k, (c + 1) * k))
missing = len(set(pix.tolist()) - covered)
c = np.array(hp.pix2vec(nside, np.array(sorted(covered)), nest=True)).T
t = np.linspace(0, 1, 200)
edge = np.vstack([p[i] + t[:, None] * (p[(i + 1) % len(p)] - p[i]) for i in range(len(p))])
x = m + edge[:, :1] * e + edge[:, 1:] * n
x /= np.linalg.norm(x, axis=1)[:, None]
inside = path.contains_points(np.array([c @ e, c @ n]).T / (c @ m)[:, None]) & (c @ m > 0)
distance = np.array([np.arccos(np.clip((x @ one).max(), -1, 1)) for one in c])
far = int((~inside & (distance > 1.1 * hp.max_pixrad(nside))).sum())
print(json.dumps(dict(missing=missing, far=far, area=len(covered) / hp.nside2npix(nside))))
`

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-previews-'))
let service: TestService

describe('previews and coverage of a collection', { skip: withoutPython('astropy.io.fits', 'numpy') }, () => {
  before(async () => {
    python(FILES, '', [folder])
    service = await startTestService({
      database: await testDatabase(),
      fill: db =>
        ingestImages(
          db,
          {
            sources: [folder],
            collection: 'small',
            authority: 'almagest.invalid',
            title: 'A <small> collection',
            complain: ({ location, reason }) => assert.fail(`${location}: ${reason}`),
          },
          () => {},
          new AbortController().signal,
        ),
    })
  })
  after(async () => {
    await service?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const get = (where: string, headers: Record<string, string> = {}) =>
    fetch(`${service.url}${where}`, { headers })

  it('shows a thumbnail with north up and the bright side bright', async () => {
    const response = await get('/preview/small/wide%20one.fits')
    assert.equal(response.status, 200, await response.clone().text())
    assert.equal(response.headers.get('content-type'), 'image/jpeg')
    const bytes = Buffer.from(await response.arrayBuffer())
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
    assert.deepEqual([info.width, info.height], [300, 150])
    const at = (x: number, y: number) => data[(y * info.width + x) * info.channels]!
    // Values rise with rows (north) and columns.
    assert.ok(at(290, 5) > 200)
    assert.ok(at(5, 145) < 30)
    const fresh = await get('/preview/small/wide%20one.fits', {
      'If-None-Match': response.headers.get('etag')!,
    })
    assert.equal(fresh.status, 304)
    const small = await get('/preview/small/wide%20one.fits?size=64')
    const meta = await sharp(Buffer.from(await small.arrayBuffer())).metadata()
    assert.ok(meta.width! <= 64)
    assert.equal((await get('/preview/small/wide%20one.fits?size=5000')).status, 400)
  })

  it('shows each image of a file, and packed ones', async () => {
    for (const key of ['several.fits/1', 'several.fits/2', 'several.fits', 'packed.fits.gz', 'plane.fits'])
      assert.equal((await get(`/preview/small/${key}`)).status, 200, key)
  })

  it('says in words what there is not, whatever the path', async () => {
    for (const where of [
      '/preview/small/none.fits',
      '/preview/none/x',
      '/preview/small/..%2f..%2fetc%2fpasswd',
      '/preview/small/%ff',
      '/preview/small/%00',
      '/preview/small',
      '/moc/none',
      '/moc',
    ]) {
      const response = await get(where)
      assert.equal(response.status, 404, where)
      assert.match(response.headers.get('content-type')!, /text\/plain/)
    }
    // A file that was changed behind our back.
    writeFileSync(path.join(folder, 'plane.fits'), 'no more')
    const gone = await get('/preview/small/plane.fits')
    assert.equal(gone.status, 404)
    assert.match(await gone.text(), /There is no preview: not a FITS file/)
  })

  it('gives the coverage as FITS, JSON and text, the same in each', async () => {
    const text = await (await get('/moc/small?RESPONSEFORMAT=ascii')).text()
    const json = (await (await get('/moc/small?responseformat=json')).json()) as Record<string, number[]>
    const response = await get('/moc/small')
    assert.equal(response.headers.get('content-type'), 'application/fits')
    writeFileSync(path.join(folder, 'moc.fits'), Buffer.from(await response.arrayBuffer()))
    const uniq = JSON.parse(
      python(
        `import sys, json
from astropy.io import fits
print(json.dumps([int(v) for v in fits.getdata(sys.argv[1], 1)['UNIQ']]))`,
        '',
        [path.join(folder, 'moc.fits')],
      ).toString(),
    ) as number[]
    const cells = uniq.map(u => {
      const order = Math.floor((Math.log2(u) - 2) / 2)
      return `${order}/${u - 4 * 4 ** order}`
    })
    const fromJson = Object.entries(json).flatMap(([order, list]) => list.map(cell => `${order}/${cell}`))
    assert.deepEqual(cells.sort(), fromJson.sort())
    assert.ok(cells.length > 3)
    assert.ok(text.length > 10)
    assert.equal((await get('/moc/small?RESPONSEFORMAT=png')).status, 400)
  })

  it('shows the collection on the first page', async () => {
    const page = await (await get('/')).text()
    assert.match(page, /A &#60;small&#62; collection/)
    const first = /<img src="[^"]*(\/preview\/small\/[^"]+)"/.exec(page)
    assert.ok(first)
    assert.notEqual((await get(first[1]!)).status, 500)
  })
})

const FILES = `
import sys, numpy as np
from astropy.io import fits
def header(ra, dec, nx, ny):
    h = fits.Header()
    h['CTYPE1'], h['CTYPE2'], h['CRVAL1'], h['CRVAL2'] = 'RA---TAN', 'DEC--TAN', ra, dec
    h['CRPIX1'], h['CRPIX2'], h['CDELT1'], h['CDELT2'] = (nx + 1) / 2, (ny + 1) / 2, -0.001, 0.001
    return h
y, x = np.mgrid[0:300, 0:600]
fits.PrimaryHDU((x + y).astype('f4'), header(10, 10, 600, 300)).writeto(sys.argv[1] + '/wide one.fits')
small = np.arange(400, dtype='i2').reshape(20, 20)
fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(small, header(20, 0, 20, 20)), fits.CompImageHDU(small, header(21, 0, 20, 20))]).writeto(sys.argv[1] + '/several.fits')
fits.PrimaryHDU(small, header(30, 0, 20, 20)).writeto(sys.argv[1] + '/packed.fits.gz')
fits.PrimaryHDU(np.full((20, 20), np.nan, 'f4'), header(0, 89.995, 20, 20)).writeto(sys.argv[1] + '/plane.fits')
`

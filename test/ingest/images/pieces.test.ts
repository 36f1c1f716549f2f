/** ObsTAP finds maps that are larger than a hemisphere where astropy puts their pixels. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ingestImages } from '../../../src/ingest/images/index.ts'
import { testDatabase } from '../../support/database.ts'
import { python, shared, withoutPython, withoutShared } from '../../support/python.ts'
import { startTestService, type TestService } from '../../support/service.ts'

const MAPS = ['allsky_rosat.fits', 'allsky_drao_u_gal.fits.gz']
const skip = withoutShared(...MAPS.map(map => `data/images/${map}`)) || withoutPython('astropy.wcs', 'healpy')
const folder = mkdtempSync(join(tmpdir(), 'almagest-pieces-'))
const database = await testDatabase()

interface Truth {
  readonly circles: readonly (readonly [ra: number, dec: number, radius: number])[]
  /** For each file and circle: whether its centre, all of it, any of it is on the image; null within a margin of its edge. */
  readonly files: Readonly<
    Record<string, readonly (readonly [boolean | null, boolean | null, boolean | null])[]>
  >
}

describe('maps larger than a hemisphere', { skip }, () => {
  let service: TestService
  let truth: Truth

  before(async () => {
    truth = JSON.parse(
      python(SCRIPT, '', [folder, ...MAPS.map(map => shared(`data/images/${map}`))]).toString(),
    )
    service = await startTestService({
      database,
      runner: false,
      fill: db =>
        ingestImages(
          db,
          {
            sources: [folder, ...MAPS.map(map => shared(`data/images/${map}`))],
            collection: 'maps',
            authority: 'x.test',
            complain: ({ reason }) => assert.fail(reason),
          },
          () => {},
          new AbortController().signal,
        ),
    })
  })
  after(async () => {
    await service?.close()
    rmSync(folder, { recursive: true })
  })

  async function query(adql: string, upload?: string): Promise<string[][]> {
    const body = new FormData()
    for (const [name, value] of Object.entries({ LANG: 'ADQL', RESPONSEFORMAT: 'csv', QUERY: adql }))
      body.set(name, value)
    if (upload !== undefined) {
      body.set('UPLOAD', 'u,param:u')
      body.set('u', new Blob([upload], { type: 'text/csv' }), 'u.csv')
    }
    const response = await fetch(`${service.url}/tap/sync`, { method: 'POST', body })
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return text
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map(line => line.split(','))
  }

  const circles = () =>
    ['n,ra,dec,r', ...truth.circles.map(([ra, dec, r], n) => `${n},${ra},${dec},${r}`)].join('\n')

  /** Which of the three truths a condition on the table of circles is to meet. */
  const CONDITIONS = [
    ['1 = CONTAINS(POINT(u.ra, u.dec), o.s_region)', 0],
    ['1 = INTERSECTS(o.s_region, POINT(u.ra, u.dec))', 0],
    ['1 = CONTAINS(CIRCLE(u.ra, u.dec, u.r), o.s_region)', 1],
    ['0 <> INTERSECTS(CIRCLE(u.ra, u.dec, u.r), o.s_region)', 2],
    ['NOT 0 = INTERSECTS(o.s_region, CIRCLE(u.ra, u.dec, u.r))', 2],
  ] as const

  for (const [condition, which] of CONDITIONS)
    it(`are found by ${condition}`, async () => {
      const rows = await query(
        `SELECT u.n, o.access_url FROM TAP_UPLOAD.u AS u, ivoa.ObsCore AS o WHERE ${condition}`,
        circles(),
      )
      const found = new Set(rows.map(([n, url]) => `${n} ${url!.split('/').at(-1)}`))
      const told = { true: 0, false: 0 }
      for (const [file, all] of Object.entries(truth.files))
        all.forEach((one, n) => {
          const wanted = one[which]
          if (wanted === null) return
          told[`${wanted}`]++
          assert.equal(found.has(`${n} ${file}`), wanted, `${file} and ${truth.circles[n]}`)
        })
      assert.ok(told.true > 20 && told.false > 20, JSON.stringify(told))
    })

  it('are found by constants, and in the select list, too', async () => {
    for (let n = 0; n < 6; n++) {
      const [ra, dec, r] = truth.circles[n]!
      const [inside] = [`CONTAINS(POINT(${ra}, ${dec}), s_region)`]
      const touched = `INTERSECTS(CIRCLE(${ra}, ${dec}, ${r}), s_region)`
      const found = await query(
        `SELECT access_url, ${inside} AS i, ${touched} AS t FROM ivoa.ObsCore WHERE ${inside} = 1 OR 1 = ${touched}`,
      )
      for (const [file, all] of Object.entries(truth.files)) {
        const row = found.find(([url]) => url!.endsWith(`/${file}`))
        const [center, , any] = all[n]!
        if (center !== null) assert.equal(row?.[1] === '1', center, `${file}: ${inside}`)
        if (any !== null) assert.equal(row !== undefined && row[2] === '1', any, `${file}: ${touched}`)
      }
    }
  })

  it('lie within a circle with all that they cover', async () => {
    const names = async (condition: string) =>
      (await query(`SELECT access_url FROM ivoa.ObsCore WHERE ${condition}`)).map(([url]) =>
        url!.split('/').at(-1),
      )
    assert.deepEqual(await names('1 = CONTAINS(s_region, CIRCLE(80, 30, 99)) ORDER BY obs_id'), [
      'small.fits',
      'zea.fits',
    ])
    assert.deepEqual(await names('1 = CONTAINS(s_region, CIRCLE(80, 30, 93))'), ['small.fits'])
    assert.deepEqual(await names('0 = CONTAINS(s_region, CIRCLE(80, 30, 99)) ORDER BY obs_id'), [
      ...MAPS.toSorted(),
      'strip.fits',
    ])
  })

  it('leave rows without an outline or pieces as they were: neither 1 nor 0', async () => {
    await service.db.query(`UPDATE almagest.image SET s_region = NULL WHERE obs_id = 'small'`)
    const rows = await query(
      `SELECT obs_id FROM ivoa.ObsCore WHERE obs_id = 'small' AND (1 = CONTAINS(POINT(10, 10), s_region)
          OR 0 = CONTAINS(POINT(10, 10), s_region) OR 0 = INTERSECTS(s_region, CIRCLE(10, 10, 1))
          OR 0 = CONTAINS(CIRCLE(10, 10, 1), s_region) OR 0 = CONTAINS(s_region, CIRCLE(10, 10, 1)))`,
    )
    assert.deepEqual(rows, [])
  })
})

const SCRIPT = `
import sys, os, json, warnings, numpy as np
warnings.simplefilter('ignore')
import healpy
from astropy.io import fits
from astropy.wcs import WCS
from astropy.coordinates import SkyCoord
import astropy.units as u
folder, maps = sys.argv[1], sys.argv[2:]
def make(name, code, crval, cdelt, shape):
    h = fits.Header()
    h['CTYPE1'], h['CTYPE2'] = 'RA---' + code, 'DEC--' + code
    h['CRVAL1'], h['CRVAL2'] = crval
    h['CRPIX1'], h['CRPIX2'] = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    h['CDELT1'], h['CDELT2'] = -cdelt, cdelt
    path = os.path.join(folder, name)
    fits.PrimaryHDU(np.zeros(shape, 'u1'), h).writeto(path)
    return path
# A strip of half a degree around the sky; a square whose sides are 63 degrees from its centre, and its corners 95.5.
strip = make('strip.fits', 'CAR', (0.0, 0.0), 0.25, (2, 1440))
zea = make('zea.fits', 'ZEA', (80.0, 30.0), 0.5, (240, 240))
small = make('small.fits', 'TAN', (10.0, 10.0), 0.01, (20, 20))
files = [strip, zea] + maps
# Directions all over the sky, 0.9 degrees apart: whether each is on the image.
nside = 64
lon, lat = healpy.pix2ang(nside, np.arange(12 * nside**2), lonlat=True)
vectors = np.array(healpy.ang2vec(lon, lat, lonlat=True))
def shown(path, lon, lat):
    with fits.open(path) as f:
        hdu = next(h for h in f if h.header.get('NAXIS', 0) >= 2)
        w = WCS(hdu.header).celestial
        ny, nx = hdu.shape[-2:]
    x, y = w.world_to_pixel(SkyCoord(lon * u.deg, lat * u.deg, frame='icrs'))
    # What the inverse places beyond the map's own sky comes back elsewhere.
    back = w.pixel_to_world(x, y).icrs
    same = back.separation(SkyCoord(lon * u.deg, lat * u.deg)).deg < 0.01
    with np.errstate(invalid='ignore'):
        return same & (x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5)
rng = np.random.default_rng(7)
n = 40
ra = rng.uniform(0, 360, n); dec = np.degrees(np.arcsin(rng.uniform(-1, 1, n))); radius = rng.uniform(0.5, 25, n)
ra[:4], dec[:4] = [0, 0, 12, 260], [90, -90, 0.0, -30]
answer = {'circles': np.column_stack([ra, dec, radius]).tolist(), 'files': {}}
margin = 1.6
for path in files:
    on = shown(path, lon, lat)
    # Not at the seam of a map alone.
    off = ~on
    for _ in range(2): off = off & off[healpy.get_all_neighbours(nside, np.arange(len(off)))].all(axis=0)
    rows = []
    for a, d, r in zip(ra, dec, radius):
        away = np.degrees(np.arccos(np.clip(vectors @ healpy.ang2vec(a, d, lonlat=True), -1, 1)))
        wide = on[away <= r + margin]
        whole = True if wide.all() else False if off[away <= r].any() else None
        touched = True if on[away <= max(0, r - margin)].any() else False if not wide.any() else None
        near = on[away <= margin]
        if path == strip:
            center = bool(abs(d) <= 0.25) if not 0.25 < abs(d) < margin else None
            rows.append([center, False, bool(abs(d) < r) if abs(abs(d) - r) > margin else None])
            continue
        center = bool(near[0]) if near.all() or not near.any() else None
        rows.append([center, whole, touched])
    answer['files'][os.path.basename(path)] = rows
print(json.dumps(answer))
`

/** Cutouts of every shared image, and of a zoo of made ones, over HTTP, against astropy: pixels bit for bit, WCS, fitsverify. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { python, shared, withoutPython, withoutShared } from '../support/python.ts'
import { cutout, type Survey, startSurvey } from './survey.ts'
import { ZOO } from './zoo.ts'

/**
 * For each cutout the original's pixels at the window that HISTORY tells, bit for bit; and on a grid over the cutout
 * the pixel of the original that astropy places at the cutout's sky, against the true one.
 */
const COMPARE = `
import json, re, sys, warnings
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
warnings.simplefilter('ignore')
out = []
for cut in json.load(sys.stdin):
    with fits.open(cut['original'], memmap=False) as a, fits.open(cut['cutout'], checksum=True) as b:
        o, c = a[cut['hdu']], b[0]
        ranges = [h for h in c.header['HISTORY'] if h.startswith('pixels ')][-1][7:].split(',')
        slices = tuple(slice(int(r.split(':')[0]) - 1, int(r.split(':')[1])) for r in ranges)
        part = o.data[slices[::-1]]
        same = part.dtype.newbyteorder('=') == c.data.dtype.newbyteorder('=') and part.shape == c.data.shape and (
            np.array_equal(part, c.data, equal_nan=part.dtype.kind == 'f'))
        lost = [k for k in o.header if k not in c.header and not re.match(
            r'(XTENSION|PCOUNT|GCOUNT|SIMPLE|EXTEND|CHECKSUM|DATASUM|DATE|BSCALE|BZERO|BLANK|BLOCKED|INHERIT|COMMENT|HISTORY|CONTINUE|CD|CROTA|Z|EXTLEVEL|FZ|GROUPS|$)', k)]
        w, v = WCS(o.header, a).celestial, WCS(c.header, b).celestial
        full = WCS(o.header, a).wcs
        axes = sorted((full.lng, full.lat)) if len(slices) > max(full.lng, full.lat) else [0, 1]
        nx, ny = [c.data.shape[::-1][i] for i in axes]
        start = [slices[i].start for i in axes]
        x, y = [g.ravel() for g in np.meshgrid(np.linspace(0, nx - 1, 7), np.linspace(0, ny - 1, 7))]
        lon, lat = v.all_pix2world(x, y, 0)
        lon2, lat2 = w.all_pix2world(x + start[0], y + start[1], 0)
        d = np.hypot((lon - lon2 + 180) % 360 - 180, lat - lat2)
        d = d[np.isfinite(d)]
        scale = np.sqrt(np.abs(np.linalg.det(w.pixel_scale_matrix)))
        # wcslib turns a plate solution into a polynomial, and its matrix into 1.
        if 'PLTRAH' in o.header: scale = 25.28e-3 * 67.15 / 3600
        out.append({'same': bool(same), 'lost': lost, 'off': float((d / scale).max()) if len(d) else 0.0,
                    'sizes': [s.stop - s.start for s in slices]})
print(json.dumps(out))
`

interface Compared {
  readonly same: boolean
  readonly lost: readonly string[]
  readonly off: number
  readonly sizes: readonly number[]
}

const SOURCES = {
  'every shared image': {
    skip: withoutShared('data/images') || withoutPython('astropy'),
    start: () => startSurvey([shared('data/images')]),
  },
  'every image of a zoo': { skip: withoutPython('astropy'), start: () => startSurvey([], ZOO) },
}

for (const [name, { skip, start }] of Object.entries(SOURCES))
  describe(name, { skip }, async () => {
    if (skip) return
    const survey: Survey = await start()
    const cuts: { original: string; hdu: number; cutout: string; did: string }[] = []

    it('gives cutouts in its middle, at an edge and around a corner', { timeout: 300_000 }, async () => {
      mkdirSync(path.join(survey.folder, 'cuts'), { recursive: true })
      const rows = await survey.db.query<{
        did: string
        location: string
        hdu: number
        fov: number
        ra: number
        dec: number
      }>(
        `SELECT obs_publisher_did AS did, location, hdu, s_fov AS fov, s_ra AS ra, s_dec AS dec
         FROM almagest.image JOIN almagest.image_file USING (file_id) ORDER BY did`,
      )
      assert.ok(rows.length > 60, `${rows.length} images`)
      if (name.includes('zoo'))
        for (const key of ['TNX.fits', 'ZPX.fits', 'DSS.fits']) assert.ok(survey.dids.has(key), key)
      for (const [i, row] of rows.entries()) {
        const radius = Math.min(row.fov / 8, 30)
        const shapes = [
          `CIRCLE ${row.ra} ${row.dec} ${radius}`,
          `RANGE -Inf +Inf ${Math.max(-90, row.dec - radius / 3)} ${Math.min(90, row.dec + radius / 5)}`,
        ]
        for (const [j, POS] of shapes.entries()) {
          const response = await cutout(survey, { ID: row.did, POS })
          assert.equal(
            response.status,
            200,
            `${row.did} ${POS}: ${response.status < 400 ? '' : await response.text()}`,
          )
          assert.equal(response.headers.get('content-type'), 'image/fits')
          const file = path.join(survey.folder, 'cuts', `${i}-${j}.fits`)
          writeFileSync(file, Buffer.from(await response.arrayBuffer()))
          cuts.push({ original: row.location, hdu: row.hdu, cutout: file, did: `${row.did} ${POS}` })
        }
      }
    })

    it("has astropy's pixels, all its cards, and its WCS to 0.01 px", { timeout: 300_000 }, () => {
      const compared = JSON.parse(python(COMPARE, JSON.stringify(cuts)).toString()) as Compared[]
      assert.equal(compared.length, cuts.length)
      compared.forEach((one, i) => {
        const { did } = cuts[i]!
        assert.ok(one.same, `${did}: pixels differ`)
        assert.deepEqual(one.lost, [], did)
        assert.ok(one.off < 0.01, `${did}: ${one.off} px`)
      })
      const parts = compared.filter(({ sizes }) => sizes.every(n => n > 1))
      assert.ok(parts.length > compared.length / 2)
    })

    it('is clean for fitsverify', { skip: spawnSync('fitsverify').error ? 'no fitsverify' : false }, () => {
      const run = spawnSync('fitsverify', ['-q', '-e', ...cuts.map(({ cutout }) => cutout)], {
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
      })
      const lines = run.stdout.split('\n').filter(line => line.startsWith('verification'))
      assert.deepEqual(
        lines.filter(line => !line.includes('OK')),
        [],
      )
      assert.equal(lines.length, cuts.length)
    })
  })

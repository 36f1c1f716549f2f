/** The images of a small demo survey: the same on each run, and what the catalogue says. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openDatabase } from '../../src/db/postgres.ts'
import { footprintOf } from '../../src/demo/footprint.ts'
import { fillDemoTables } from '../../src/demo/hips-tables.ts'
import { fillDemoImages } from '../../src/demo/images/index.ts'
import { addNoise } from '../../src/demo/images/noise.ts'
import { patchesOf, tangentPoint, toPixel } from '../../src/demo/images/plan.ts'
import { demoSize, fillDemo } from '../../src/demo/index.ts'
import { readAnyTile } from '../../src/hips/any-tile.ts'
import { publishedTrees } from '../../src/hips/published.ts'
import { openLog } from '../../src/log.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'

const SIZE = { objects: 2400, areaDeg2: 0.08, seed: 3 }
const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
const dir = mkdtempSync(path.join(tmpdir(), 'almagest-demo-'))
const folder = path.join(dir, 'images', 'demo_coadd')
const never = new AbortController().signal

function fill(signal = never) {
  return fillDemoImages(db, SIZE, { dir, authority: 'example.org' }, () => {}, signal)
}

const hashes = () =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('s') || name.endsWith('z'))
      .map(name => [
        name,
        createHash('sha256')
          .update(readFileSync(path.join(folder, name)))
          .digest('hex'),
      ]),
  )

describe('the plan of the images', () => {
  it('covers 2° x 2° with 16 patches that overlap by 2′', () => {
    const patches = patchesOf(footprintOf(4))
    assert.equal(patches.length, 16)
    const [first, second] = patches
    assert.equal(first!.x0 + first!.size - second!.x0, 160)
    const all = patches.map(({ x0, size }) => [x0, x0 + size])
    const width = Math.max(...all.flat()) - Math.min(...all.flat())
    assert.ok(Math.abs((width * 0.75) / 3600 - 2) < 0.02)
    assert.equal(patchesOf(footprintOf(0.08)).length, 1)
    assert.equal(patchesOf(footprintOf(20_000)).length, 16)
  })
})

describe('the noise', () => {
  it('is the same for a pixel in each patch that shows it, and another in each band', () => {
    const [a, b] = [
      { name: 'a', x0: -400, y0: 80, size: 240 },
      { name: 'b', x0: -240, y0: 200, size: 240 },
    ]
    const noise = (patch: typeof a, band: number) => {
      const plane = new Float32Array(patch!.size ** 2)
      addNoise(plane, patch!, 7, band, { sky: 4, photons: 0 })
      return plane
    }
    const [first, second, other] = [noise(a, 1), noise(b, 1), noise(b, 2)]
    let different = 0
    for (let y = 0; y < 120; y++) {
      for (let x = 0; x < 80; x++) {
        const at = y * 240 + x
        assert.equal(second[at], first[(y + 120) * 240 + x + 160])
        if (second[at] !== other[at]) different++
      }
    }
    assert.ok(different > 9000)
    const mean = first.reduce((sum, v) => sum + v, 0) / first.length
    const variance = first.reduce((sum, v) => sum + (v - mean) ** 2, 0) / first.length
    assert.ok(Math.abs(mean) < 0.05)
    assert.ok(Math.abs(variance - 4) < 0.15)
  })
})

describe('the images of a small survey', { skip: withoutPython('astropy.wcs', 'numpy') }, () => {
  before(async () => {
    await fillDemo(db, SIZE, () => {}, never)
    await fill()
  })
  after(async () => {
    await db.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('are in ObsCore, with their weight maps beside them', async () => {
    assert.deepEqual(await demoSize(db), SIZE)
    const rows = await db.query<Record<string, unknown>>(
      `SELECT obs_publisher_did AS did, filter_name, em_min, calib_level, s_resolution, t_exptime, facility_name
         FROM ivoa.obscore ORDER BY 1`,
    )
    assert.deepEqual(
      rows.map(row => [row.did, row.filter_name, row.em_min]),
      [
        ['ivo://example.org/demo_coadd?g/demo_g_0_0.fits', 'g', 4.02e-7],
        ['ivo://example.org/demo_coadd?i/demo_i_0_0.fits', 'i', 6.91e-7],
        ['ivo://example.org/demo_coadd?r/demo_r_0_0.fits', 'r', 5.52e-7],
      ],
    )
    assert.deepEqual([rows[0]!.calib_level, rows[0]!.s_resolution, rows[0]!.t_exptime], [3, 1.15, 1920])
    const weights = await db.query<{ did: string; science: string }>(
      `SELECT obs_publisher_did AS did, science_did AS science FROM almagest.image WHERE role = 'weight' ORDER BY 1`,
    )
    assert.deepEqual(weights[0], {
      did: 'ivo://example.org/demo_coadd?g/demo_g_0_0_weight.fits.gz',
      science: 'ivo://example.org/demo_coadd?g/demo_g_0_0.fits',
    })
    assert.equal(weights.length, 3)
  })

  it('have the objects of the survey over them as a catalogue and a map, made anew for another survey', async () => {
    const place = { dir, authority: 'example.org', publisher: 'Almagest' }
    const make = (seed: number) => fillDemoTables(db, { ...SIZE, seed }, place, () => {}, never)
    assert.deepEqual(await make(SIZE.seed), ['demo_object', 'demo_density'])
    assert.deepEqual(await make(SIZE.seed), [])
    const [{ count } = { count: 0 }] = await db.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM demo.object',
    )
    const trees = publishedTrees(path.join(dir, 'hips'))
    const catalogue = (await trees.tree('demo_object'))!.properties
    assert.deepEqual(
      ['hips_cat_nrows', 'almagest_table', 'dataproduct_type'].map(key => catalogue.get(key)),
      [String(count), 'demo.object', 'catalog'],
    )
    const map = (await trees.tree('demo_density'))!
    let rows = 0
    for (const file of readdirSync(path.join(map.root, 'Norder3'), { recursive: true, encoding: 'utf8' })) {
      if (!/Npix\d+\.fits$/.test(file)) continue
      const { values } = (await readAnyTile(readFileSync(path.join(map.root, 'Norder3', file))))!
      for (const density of values)
        if (!Number.isNaN(density)) rows += density * (41_252.96125 / (12 * 4 ** 12))
    }
    assert.ok(Math.abs(rows / count - 1) < 1e-5, `${rows} of ${count}`)
    assert.deepEqual(await make(SIZE.seed + 1), ['demo_object', 'demo_density'])
  })

  it('show the fluxes of the catalogue, within the noise of both', async () => {
    const stars = await db.query<{ ra: number; dec: number }>(
      `SELECT o.ra, o.dec, o.g_psfflux AS f0, o.g_psffluxerr AS e0, o.r_psfflux AS f1, o.r_psffluxerr AS e1,
              o.i_psfflux AS f2, o.i_psffluxerr AS e2
         FROM demo.object AS o
        WHERE o.refextendedness = 0 AND o.r_psfflux BETWEEN 300 AND 100000 AND o.g_psfflux > 100
          AND o.i_psfflux IS NOT NULL AND o.r_psfflux > 10 * o.r_psffluxerr
          AND NOT EXISTS (SELECT 1 FROM demo.variable AS v WHERE v.objectid = o.objectid)
          AND NOT EXISTS (SELECT 1 FROM demo.object AS p
                           WHERE p.objectid <> o.objectid AND spoint(radians(p.ra), radians(p.dec))
                                 <@ scircle(spoint(radians(o.ra), radians(o.dec)), radians(9 / 3600.0)))`,
    )
    const output = JSON.parse(python(PHOTOMETRY, JSON.stringify(stars), [folder]).toString()) as {
      n: number
      mean: number
      spread: number
      ratio: number
      sky: number
      median: number
    }[]
    for (const { n, mean, spread, ratio, sky, median } of output) {
      assert.ok(n > 60, `${n} stars`)
      assert.ok(Math.abs(ratio - 1) < 0.01, `the images have ${ratio} of the catalogue's fluxes`)
      assert.ok(Math.abs(mean) < 0.5, `off by ${mean} sigma`)
      assert.ok(spread > 0.7 && spread < 1.4, `they spread by ${spread} sigma`)
      assert.ok(Math.abs(sky - 1) < 0.1, `the sky's noise is ${sky} of what the weight map says`)
      assert.ok(Math.abs(median) < 0.2, `the sky is at ${median} sigma`)
    }
  })

  it('are the same again, and go on after an interruption with what is missing', async () => {
    const before = hashes()
    assert.equal(Object.keys(before).length, 6)
    assert.equal((await fill()).filled, false)
    const kept = statSync(path.join(folder, 'g/demo_g_0_0.fits')).ino
    assert.equal(kept, statSync(path.join(folder, 'g/demo_g_0_0.fits')).ino)
    rmSync(path.join(folder, 'r/demo_r_0_0.fits'))
    const stop = new AbortController()
    stop.abort(new Error('enough'))
    await assert.rejects(fill(stop.signal), /enough/)
    assert.equal((await fill()).filled, true)
    assert.deepEqual(hashes(), before)
  })

  it('are FITS without a fault', { skip: withoutFitsverify() }, () => {
    for (const name of ['g/demo_g_0_0.fits', 'i/demo_i_0_0.fits'])
      assert.match(execFileSync('fitsverify', ['-q', path.join(folder, name)]).toString(), /verification OK/)
  })

  it('are placed as astropy places them', () => {
    const box = footprintOf(SIZE.areaDeg2)
    const [patch] = patchesOf(box)
    const [ra0, dec0] = tangentPoint(box)
    const place = toPixel(box)
    const points = [-0.1, 0, 0.07].map(d => [ra0 + d, dec0 - 0.8 * d] as const)
    const pixels = JSON.parse(
      python(
        `import sys, json
from astropy.io import fits
from astropy.wcs import WCS
w = WCS(fits.getheader(sys.argv[1]))
print(json.dumps([[float(v) for v in w.all_world2pix([p], 0)[0]] for p in json.load(sys.stdin)]))`,
        JSON.stringify(points),
        [path.join(folder, 'r/demo_r_0_0.fits')],
      ).toString(),
    ) as [number, number][]
    points.forEach((point, i) => {
      const [x, y] = place(...point)
      assert.ok(Math.hypot(x - patch!.x0 - pixels[i]![0], y - patch!.y0 - pixels[i]![1]) < 1e-6)
    })
  })
})

function withoutFitsverify(): string | false {
  return spawnSync('fitsverify', ['-h']).error ? 'fitsverify is not installed' : false
}

/** Fits of the point spread function at the catalogue's places, weighted as for faint stars. */
const PHOTOMETRY = `
import sys, json, numpy as np
from astropy.io import fits
from astropy.wcs import WCS
stars = json.load(sys.stdin)
beta, fwhm = 3.0, 1.15 / 0.75
alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
def psf(dx, dy):
    total = 0
    steps = (np.arange(5) + .5) / 5 - .5
    for u in steps:
        for v in steps:
            total = total + (beta - 1) / (np.pi * alpha ** 2) * (1 + ((dx + u) ** 2 + (dy + v) ** 2) / alpha ** 2) ** -beta
    return total / 25
answers = []
for k, band in enumerate('gri'):
    base = sys.argv[1] + '/%s/demo_%s_0_0' % (band, band)
    with fits.open(base + '.fits', checksum=True) as f: data, header = f[0].data.astype(float), f[0].header
    weight = fits.getdata(base + '_weight.fits.gz')
    variance = 1 / weight[0, 0]
    w = WCS(header)
    n = data.shape[0]
    z, got, told = [], [], []
    for s in stars:
        x, y = w.all_world2pix([[s['ra'], s['dec']]], 0)[0]
        if not (12 < x < n - 13 and 12 < y < n - 13): continue
        cx, cy = int(round(x)), int(round(y))
        yy, xx = np.mgrid[cy - 6:cy + 7, cx - 6:cx + 7]
        p = psf(xx - x, yy - y)
        d = data[cy - 6:cy + 7, cx - 6:cx + 7]
        flux = (p * d).sum() / (p * p).sum()
        # What the pixels scatter around the fit counts the photons, too.
        error = np.sqrt(max(((p * (d - flux * p)) ** 2).sum(), (p * p).sum() * variance)) / (p * p).sum()
        z.append((flux - s['f%d' % k]) / np.hypot(error, s['e%d' % k]))
        got.append(flux); told.append(s['f%d' % k])
    z = np.array(z)
    middle = np.median(data)
    spread = 1.4826 * np.median(abs(data - middle))
    answers.append(dict(n=len(z), mean=float(np.median(z)), spread=float(1.4826 * np.median(abs(z - np.median(z)))), ratio=float(np.median(np.array(got) / np.array(told))), sky=float(spread / np.sqrt(variance)), median=float(middle / np.sqrt(variance))))
print(json.dumps(answers))
`

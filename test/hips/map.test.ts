/** Maps of tables against healpy on the same rows. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import sharp from 'sharp'
import type { Database } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { densityTiles } from '../../src/hips/density.ts'
import { exposureTiles, type Statistic } from '../../src/hips/exposure-map.ts'
import { selectExposures } from '../../src/hips/exposures.ts'
import { circle, polygon } from '../../src/hips/footprint.ts'
import { lintTree } from '../../src/hips/lint.ts'
import { buildMap } from '../../src/hips/map.ts'
import type { MapTile, MapValue } from '../../src/hips/map-tree.ts'
import { publishedTrees } from '../../src/hips/published.ts'
import { openLog } from '../../src/log.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'
import { fillSmallDemo } from '../support/demo.ts'
import { python, withoutPython } from '../support/python.ts'
import { ABOUT } from './images.ts'

/** Reads the tiles of an order as a healpy map (NESTED), NaN where there are none. */
const READ = `
import sys, json, glob, re, numpy as np, healpy as hp
from astropy.io import fits
x = np.arange(512)
spread = lambda v: sum(((v >> b) & 1) << (2 * b) for b in range(9))
# the pixel (column i, row j) of a FITS tile is the cell x = 511 - j, y = i
inside = spread(511 - x)[:, None] + 2 * spread(x)[None, :]
def read(folder, order):
    m = {}
    for f in glob.glob(f'{folder}/Norder{order}/Dir*/Npix*.fits'):
        n = int(re.search(r'Npix(\\d+)', f).group(1))
        h = fits.open(f); h.verify('exception')
        t = np.empty(512 * 512, 'f4'); t[inside.ravel()] = h[0].data.ravel()
        m[n] = t
    return m
def compare(got, order, expected, tolerance):
    """expected: a sparse map {cell: value} of all cells with a value"""
    cells = np.array(sorted(expected)); values = np.array([expected[c] for c in cells])
    assert set(cells // 262144) == set(got), 'tiles'
    worst = 0
    for n, t in got.items():
        e = np.full(262144, np.nan); k = cells // 262144 == n
        e[cells[k] % 262144] = values[k]
        assert (np.isnan(e) == np.isnan(t)).all(), (order, n, int((np.isnan(e) != np.isnan(t)).sum()))
        worst = max(worst, np.nanmax(np.abs(e - t) / np.maximum(np.abs(e), 1e-9)))
    assert worst < tolerance, worst
    return float(worst)
`

describe('maps of tables', { skip: withoutPython('astropy', 'healpy', 'numpy') }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-map-'))
  let db: Database
  before(async () => {
    db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
    await fillSmallDemo(db)
  })
  after(async () => {
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const common = { report: () => {}, signal: new AbortController().signal }

  async function tableNamed(name: string) {
    const { tables } = await readCatalog(db)
    return { tables, table: tables.all.find(one => `${one.schema}.${one.name}` === name)! }
  }

  const build = (
    name: string,
    order: number,
    value: MapValue,
    leaves: AsyncIterable<MapTile> | Iterable<MapTile>,
  ) =>
    buildMap({
      root: path.join(folder, name),
      order,
      value,
      leaves,
      cuts: undefined,
      stretch: 'linear',
      properties: [],
      about: ABOUT,
      report: () => {},
    })

  it('count rows per square degree at every order, with zeros within the survey', async () => {
    const { tables, table } = await tableNamed('demo.object')
    const leaves = densityTiles(db, {
      table,
      tables,
      order: 4,
      mean: undefined,
      where: undefined,
      filledOrder: 10,
      ...common,
    })
    await build('density', 4, 'density', leaves)
    const rows = await db.query<{ row: unknown }>('SELECT jsonb_build_array(ra, dec) AS row FROM demo.object')
    const script = `${READ}
ra, dec = np.array(json.load(sys.stdin)).T
leaf = hp.ang2pix(2 ** 13, ra, dec, nest=True, lonlat=True)
filled = np.unique(hp.ang2pix(2 ** 10, ra, dec, nest=True, lonlat=True))
filled = (filled[:, None] * 64 + np.arange(64)).ravel()
for order in range(5):
    cells, n = np.unique(leaf >> 2 * (13 - order - 9), return_counts=True)
    e = {int(c): 0.0 for c in np.unique(filled >> 2 * (13 - order - 9))}
    area = hp.nside2pixarea(2 ** (order + 9), degrees=True)
    e.update({int(c): k / area for c, k in zip(cells, n)})
    compare(read(sys.argv[1], order), order, e, 1e-6)
print('ok')`
    const input = JSON.stringify(rows.map(({ row }) => row))
    assert.equal(
      python(script, input, [path.join(folder, 'density')])
        .toString()
        .trim(),
      'ok',
    )
  })

  it('are means over all rows of a pixel, at every order', async () => {
    const { tables, table } = await tableNamed('demo.object')
    const where = 'r_psfflux > 0'
    const mean = '-2.5 * LOG10(r_psfflux) + 31.4'
    const leaves = densityTiles(db, { table, tables, order: 3, mean, where, filledOrder: 10, ...common })
    await build('mean', 3, 'mean', leaves)
    const rows = await db.query<{ row: unknown }>(
      'SELECT jsonb_build_array(ra, dec, r_psfflux) AS row FROM demo.object WHERE r_psfflux > 0',
    )
    const script = `${READ}
ra, dec, flux = np.array(json.load(sys.stdin)).T
m = -2.5 * np.log10(flux) + 31.4
for order in range(4):
    cells, k = np.unique(hp.ang2pix(2 ** (order + 9), ra, dec, nest=True, lonlat=True), return_inverse=True)
    values = np.bincount(k, m) / np.bincount(k)
    compare(read(sys.argv[1], order), order, dict(zip(cells.tolist(), values)), 1e-6)
print('ok')`
    const input = JSON.stringify(rows.map(({ row }) => row))
    assert.equal(
      python(script, input, [path.join(folder, 'mean')])
        .toString()
        .trim(),
      'ok',
    )
  })

  it('have what exposures make together where their circles overlap', async () => {
    const { tables, table } = await tableNamed('demo.visit')
    const kinds: [Statistic, string | undefined, string | undefined][] = [
      ['count', undefined, undefined],
      ['sum', 'exptime', undefined],
      ['mean', 'seeing', 'exptime'],
      ['min', 'seeing', undefined],
      ['max', 'seeing', undefined],
      ['depth', '24 - seeing', undefined],
    ]
    for (const [statistic, value, weight] of kinds) {
      const { all, leftOut } = await selectExposures(db, {
        table,
        tables,
        footprint: { ra: 'ra', dec: 'dec', radius: '0.3 + seeing / 10' },
        value,
        weight,
        where: "band = 'r'",
        signal: common.signal,
      })
      assert.equal(leftOut, 0)
      assert.ok(all.length > 20)
      await build(statistic, 3, 'mean', exposureTiles(all, statistic, 3))
    }
    const rows = await db.query<{ row: unknown }>(
      "SELECT jsonb_build_array(ra, dec, exptime, seeing) AS row FROM demo.visit WHERE band = 'r'",
    )
    const script = `${READ}
acc = {}
for ra, dec, exptime, seeing in json.load(sys.stdin):
    v = hp.ang2vec(ra, dec, lonlat=True)
    for c in hp.query_disc(2 ** 12, v, np.radians(0.3 + seeing / 10), nest=True).tolist():
        acc.setdefault(c, []).append((exptime, seeing))
rules = {
  'count': len,
  'sum': lambda v: sum(t for t, _ in v),
  'mean': lambda v: sum(t * s for t, s in v) / sum(t for t, _ in v),
  'min': lambda v: min(s for _, s in v),
  'max': lambda v: max(s for _, s in v),
  'depth': lambda v: 1.25 * np.log10(sum(10 ** (0.8 * (24 - s)) for _, s in v)),
}
for name, rule in rules.items():
    e = {c: rule(v) for c, v in acc.items()}
    compare(read(sys.argv[1] + '/' + name, 3), 3, e, 1e-6)
    # coarser pixels are the means of those of their pixels that have a value
    for order in range(3):
        cells, k = np.unique(np.array(list(e)) >> 2 * (3 - order), return_inverse=True)
        values = np.bincount(k, list(e.values())) / np.bincount(k)
        compare(read(sys.argv[1] + '/' + name, order), order, dict(zip(cells.tolist(), values)), 1e-6)
print('ok')`
    const input = JSON.stringify(rows.map(({ row }) => row))
    assert.equal(python(script, input, [folder]).toString().trim(), 'ok')
  })

  it('are trees that lint finds sound, in colour', async () => {
    const tree = (await publishedTrees(folder).tree('mean'))!
    const findings = []
    for await (const finding of lintTree(tree)) if (finding.level === 'error') findings.push(finding.text)
    assert.deepEqual(findings, [])
    const { channels, hasAlpha } = await sharp(path.join(folder, 'mean', 'Norder3', 'Allsky.png'), {
      limitInputPixels: false,
    }).metadata()
    assert.deepEqual([channels, hasAlpha], [4, true])
    const { width, height } = await sharp(path.join(folder, 'mean', 'preview.jpg')).metadata()
    assert.deepEqual([width, height], [512, 512])
  })
})

describe('footprints', { skip: withoutPython('healpy', 'numpy') }, () => {
  it('hold the pixels that healpy finds in circles and polygons, at the poles and across RA 0', () => {
    const circles = [
      [0.1, 0, 5],
      [10, 89.5, 3],
      [200, -90, 2],
      [359.9, 41.8, 9],
    ] as const
    const polygons = [
      [359, -1, 1, -1, 1, 1, 359, 1],
      [10, 85, 130, 85, 250, 85],
      [100, 41, 104, 41, 104, 43, 100, 43],
      [20, -70, 30, -70, 25, -60],
    ]
    for (const order of [0, 1]) {
      const found = [...circles.map(([ra, dec, r]) => circle(ra, dec, r)), ...polygons.map(polygon)].map(
        footprint => cellsOf(exposureTiles([{ footprint, value: 1, weight: 1 }], 'count', order)),
      )
      const script = `
import sys, json, numpy as np, healpy as hp
d = json.load(sys.stdin)
nside = 2 ** d['pixelOrder']
sets = [hp.query_disc(nside, hp.ang2vec(a, b, lonlat=True), np.radians(r), nest=True) for a, b, r in d['circles']]
sets += [hp.query_polygon(nside, hp.ang2vec(p[0::2], p[1::2], lonlat=True), nest=True) for p in d['polygons']]
for i, (got, expected) in enumerate(zip(d['found'], sets)):
    assert set(got) == set(expected.tolist()), (i, len(got), len(expected))
print('ok')`
      const input = JSON.stringify({ circles, polygons, found, pixelOrder: order + 9 })
      assert.equal(python(script, input).toString().trim(), 'ok')
    }
  })
})

/** Cells of the pixels with a value. */
function cellsOf(tiles: Iterable<MapTile>): number[] {
  const cells: number[] = []
  for (const { npix, weight } of tiles) {
    for (let p = 0; p < weight.length; p++) {
      if (!(weight[p]! > 0)) continue
      const [x, y] = [511 - Math.floor(p / 512), p % 512]
      let inTile = 0
      for (let bit = 0; bit < 9; bit++) inTile += (((x >> bit) & 1) + 2 * ((y >> bit) & 1)) * 4 ** bit
      cells.push(npix * 4 ** 9 + inTile)
    }
  }
  return cells
}

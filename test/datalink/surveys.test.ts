/** Light curves of real surveys: files as they are published, by `ingest light-curves`, to what the service answers. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openDatabase } from '../../src/db/postgres.ts'
import {
  ingestLightCurves,
  type LightCurveOptions,
  type LightCurveResult,
} from '../../src/ingest/light-curves.ts'
import { openLog } from '../../src/log.ts'
import { testDatabase } from '../support/database.ts'
import { python, shared, withoutPython, withoutShared } from '../support/python.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'

const database = await testDatabase()
const FILES = [
  's82_rrlyrae_dev.tar.gz',
  'ztf_bts_snia_dev.tar.gz',
  'ztf_bts_objects_dev.csv',
  'snana_des3yr_des_combined_text.tar.gz',
  'snana_jla2014_snls_ds17.tar.gz',
  'snana_swift.tar.gz',
  'snpcc_des_griz_sample.tar.gz',
  'foundation_head.fits.gz',
  'foundation_phot.fits.gz',
  'kplr010666592_slc.fits.gz',
  'tess_25155310_s01_lc.fits.gz',
].map(file => `data/lightcurves/${file}`)

describe('light curves of real surveys', { skip: withoutShared(...FILES) }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-surveys-'))
  const found: Record<string, LightCurveResult> = {}
  let service: TestService

  /** The files of an archive that match. */
  function unpacked(archive: string, match: RegExp): string[] {
    const into = mkdtempSync(path.join(folder, 'archive-'))
    const run = spawnSync('tar', ['xzf', shared(`data/lightcurves/${archive}`), '-C', into], {
      encoding: 'utf8',
    })
    assert.equal(run.status, 0, run.stderr)
    const all = readdirSync(into, { recursive: true, encoding: 'utf8' }).sort()
    return all.filter(file => match.test(file)).map(file => path.join(into, file))
  }

  before(async () => {
    const db = await openDatabase({ url: database, log: openLog('silent') })
    const load = async (table: string, files: readonly string[], more: Partial<LightCurveOptions> = {}) => {
      found[table] = await ingestLightCurves(
        db,
        { table, files, mode: 'create', ...more },
        () => {},
        new AbortController().signal,
      )
    }
    const own = (file: string) => shared(`data/lightcurves/${file}`)
    await load('s82.rrlyrae', unpacked('s82_rrlyrae_dev.tar.gz', /\.dat$/))
    await load('ztf.bts', unpacked('ztf_bts_snia_dev.tar.gz', /\.csv$/), {
      objects: own('ztf_bts_objects_dev.csv'),
      id: 'ZTFID',
      scale: 'UTC',
      refposition: 'TOPOCENTER',
    })
    await load('sn.des', unpacked('snana_des3yr_des_combined_text.tar.gz', /\.dat$/))
    await load('sn.snls', unpacked('snana_jla2014_snls_ds17.tar.gz', /\.dat$/))
    await load('sn.swift', unpacked('snana_swift.tar.gz', /\.(dat|txt)$/))
    await load('sn.snpcc', unpacked('snpcc_des_griz_sample.tar.gz', /\.DAT$/))
    await load('sn.foundation', [own('foundation_head.fits.gz')])
    await load('kepler.target', [own('kplr010666592_slc.fits.gz')])
    await load('tess.target', [own('tess_25155310_s01_lc.fits.gz')])
    await db.close()
    service = await startTestService({
      database,
      config: { lightCurves: Object.values(found).map(one => one.block) },
    })
  })
  after(async () => {
    await service?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const get = async (parameters: Record<string, string>) => {
    const answer = await fetch(`${service.url}/datalink/timeseries?${new URLSearchParams(parameters)}`)
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    return text
  }
  const rowsOf = (csv: string) => csv.trim().split(/\r?\n/).slice(1)
  const tables = (table: string): [string, string] => [table, found[table]!.detections.table]
  const count = async (table: string) => {
    const [row] = await service.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)
    return row!.n
  }

  it('become objects and detections, without a row lost', async () => {
    const counts: Record<string, [number, number]> = {}
    for (const [table, { objects, detections }] of Object.entries(found)) {
      assert.equal(objects.rejected + detections.rejected, 0, table)
      counts[table] = [await count(tables(table)[0]), await count(tables(table)[1])]
    }
    // Files, and lines of measurements in them, by awk and astropy.
    assert.deepEqual(counts, {
      's82.rrlyrae': [340, 95178],
      'ztf.bts': [1629, 31119],
      'sn.des': [251, 20930],
      'sn.snls': [239, 21206],
      'sn.swift': [120, 8379],
      'sn.snpcc': [762, 72951],
      'sn.foundation': [185, 6195 - 185],
      'kepler.target': [1, 14280],
      'tess.target': [1, 20076],
    })
  })

  it('are served with one GET each, sorted, under the descriptor of their table', async () => {
    for (const [table, { block }] of Object.entries(found)) {
      const [objects, detections] = tables(table)
      const id = block.object.id.toLowerCase()
      const own = block.detections[0]!
      const [most] = await service.db.query<{ id: string; n: number }>(
        `SELECT ${own.object.toLowerCase()}::text AS id, count(*)::int AS n FROM ${detections} GROUP BY 1 ORDER BY 2 DESC LIMIT 1`,
      )
      const rows = rowsOf(
        await get({ ID: most!.id, TABLE: detections, DETAIL: 'minimal', RESPONSEFORMAT: 'csv' }),
      )
      assert.equal(rows.length, most!.n)
      const times = rows.map(row => Number(row.split(',')[1] || Number.POSITIVE_INFINITY))
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
        table,
      )
      const query = `SELECT TOP 1 ${id} FROM ${objects}`
      const body = new URLSearchParams({ LANG: 'ADQL', QUERY: query, RESPONSEFORMAT: 'votable/td' })
      const tap = await (await fetch(`${service.url}/tap/sync`, { method: 'POST', body })).text()
      assert.match(tap, new RegExp(`name="TABLE"[^>]* value="${detections}"`))
      const png = await fetch(
        `${service.url}/datalink/timeseries?ID=${most!.id}&TABLE=${detections}&RESPONSEFORMAT=png`,
      )
      assert.equal(png.headers.get('content-type'), 'image/png', table)
    }
  })

  it('have the values of the files, as astropy and numpy read them', {
    skip: withoutPython('astropy'),
  }, async () => {
    const sums = JSON.parse(
      python(
        `
import glob, json, sys, numpy as np
from astropy.io import fits
s82, ztf, head, phot, kepler = sys.argv[1:]
t = np.loadtxt(s82)
good = [t[t[:, 3 + 3 * b] > -99, 3 + 3 * b] for b in range(5)]
z = np.genfromtxt(ztf, delimiter=',', names=True, dtype=None, encoding='ascii')
h, p = fits.getdata(head, 1), fits.getdata(phot, 1)
row = h[10]
sn = p[row['PTROBS_MIN'] - 1:row['PTROBS_MAX']]
k = fits.getdata(kepler, 1)
print(json.dumps({
  's82': [sum(len(g) for g in good), float(sum(g.sum() for g in good))],
  'ztf': [len(z), float(z['mag'].sum())],
  'foundation': [row['SNID'].strip(), len(sn), float(sn['FLUXCAL'].astype('f8').sum())],
  'kepler': [int(np.isfinite(k['PDCSAP_FLUX']).sum()), float(np.nansum(k['PDCSAP_FLUX'].astype('f8'))), int(np.isfinite(k['TIME']).sum())],
}))`,
        '',
        [
          unpacked('s82_rrlyrae_dev.tar.gz', /\/1013184\.dat$/)[0]!,
          unpacked('ztf_bts_snia_dev.tar.gz', /ZTF17aadlxmv\.csv$/)[0]!,
          ...['foundation_head', 'foundation_phot', 'kplr010666592_slc'].map(name =>
            shared(`data/lightcurves/${name}.fits.gz`),
          ),
        ],
      ).toString(),
    )
    const served = async (table: string, id: string) => {
      const csv = await get({ ID: id, TABLE: tables(table)[1], DETAIL: 'minimal', RESPONSEFORMAT: 'csv' })
      const cells = rowsOf(csv).map(row => row.split(','))
      const values = cells.map(row => row[3]!).filter(cell => cell !== '')
      return {
        n: values.length,
        sum: values.reduce((a, b) => a + Number(b), 0),
        timed: cells.filter(row => row[1] !== '').length,
      }
    }
    const near = (got: { n: number; sum: number }, [n, sum]: number[]) => {
      assert.equal(got.n, n)
      assert.ok(Math.abs(got.sum / sum! - 1) < 1e-6, `${got.sum} ${sum}`)
    }
    near(await served('s82.rrlyrae', '1013184'), sums.s82)
    near(await served('ztf.bts', 'ZTF17aadlxmv'), sums.ztf)
    near(await served('sn.foundation', sums.foundation[0]), sums.foundation.slice(1))
    const kepler = await served('kepler.target', '10666592')
    near(kepler, sums.kepler)
    assert.equal(kepler.timed, sums.kepler[2], 'NaN times are NULL, at the end')
  })

  it('say their time systems', { skip: withoutStilts() }, async () => {
    for (const [id, table, origin, scale] of [
      ['10666592', 'kepler.target', '2454833', 'TDB'],
      ['1013184', 's82.rrlyrae', 'MJD-origin', 'TAI'],
      ['ZTF17aadlxmv', 'ztf.bts', 'MJD-origin', 'UTC'],
    ] as const) {
      const query = new URLSearchParams({ ID: id, TABLE: tables(table)[1] })
      const answer = await get({ ID: id, TABLE: tables(table)[1], RESPONSEFORMAT: 'votable/td', MAXREC: '1' })
      assert.match(answer, new RegExp(`timeorigin="${origin}"`))
      assert.match(answer, new RegExp(`timescale="${scale}"`))
      assert.equal(await stilts('votlint', `votable=${service.url}/datalink/timeseries?${query}`), '')
    }
  })
})

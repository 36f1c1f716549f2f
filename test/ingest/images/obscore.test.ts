/** The shared images as ObsCore: against astropy, through TAP, pyvo and taplint. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ingestImages } from '../../../src/ingest/images/index.ts'
import { testDatabase } from '../../support/database.ts'
import { pythonClient, shared, withoutPython, withoutShared } from '../../support/python.ts'
import { startTestService, sync, type TestService } from '../../support/service.ts'
import { stilts, withoutStilts } from '../../support/stilts.ts'
import { type AstropyCase, obscoreOf } from './astropy-obscore.ts'

const skip = withoutShared('data/images') || withoutPython('astropy.wcs', 'pyvo')
const problems: string[] = []
let service: TestService

describe('the shared images', { skip }, () => {
  before(async () => {
    service = await startTestService({
      database: await testDatabase(),
      fill: db =>
        ingestImages(
          db,
          {
            sources: [shared('data/images')],
            collection: 'zoo',
            authority: 'example.org',
            title: 'Images of many telescopes',
            complain: ({ location, reason }) => problems.push(`${location}: ${reason}`),
          },
          () => {},
          new AbortController().signal,
        ),
    })
  })
  after(() => service?.close())

  it('are all ingested, or told to have no image of the sky', async () => {
    assert.deepEqual(problems, [])
    const [images] = await service.db.query<{ n: number }>('SELECT count(*)::int AS n FROM almagest.image')
    const skipped = await service.db.query<{ key: string; reason: string }>(
      'SELECT key, reason FROM almagest.image_skipped ORDER BY key',
    )
    assert.ok(images!.n >= 76)
    // Tiles of HiPS have no WCS.
    for (const { key, reason } of skipped) {
      assert.match(key, /^hips_dss2red\/Norder3/)
      assert.equal(reason, 'no HDU of it is an image of the sky')
    }
  })

  it('have the corners, pixel scales and sizes that astropy has', async () => {
    const rows = await service.db.query<Row>(
      `SELECT f.location AS file, i.hdu, i.s_region::text AS region, i.s_xel1::int AS width, i.s_xel2::int AS height,
              i.s_pixel_scale AS scale, i.s_ra AS ra, i.s_dec AS dec, i.s_fov AS fov
         FROM almagest.image AS i JOIN almagest.image_file AS f USING (file_id) ORDER BY f.location, i.hdu`,
    )
    const answers = obscoreOf(rows.map(({ file, hdu }): AstropyCase => ({ file, hdu })))
    let compared = 0
    rows.forEach((row, i) => {
      const { corners, scale, shape, center, error } = answers[i]!
      const title = `${row.file.split('/').at(-1)} HDU ${row.hdu}`
      assert.equal(error, undefined, title)
      assert.deepEqual([row.width, row.height], shape, title)
      if (center) assert.ok(apart(center, [row.ra, row.dec]) < 0.01 * row.scale, `${title}: centre`)
      if (scale)
        assert.ok(Math.abs(row.scale / scale - 1) < 2e-3, `${title}: ${row.scale} and ${scale} arcsec`)
      if (!corners || row.region === null) return
      const vertices = verticesOf(row.region)
      for (const corner of corners) {
        const nearest = Math.min(...vertices.map(vertex => apart(corner, vertex)))
        assert.ok(nearest < 0.01 * row.scale, `${title}: corner ${corner} is ${nearest} arcsec off`)
        assert.ok(
          apart(corner, [row.ra, row.dec]) / 1800 < row.fov * (1 + 1e-9),
          `${title}: outside of s_fov`,
        )
      }
      compared++
    })
    assert.ok(compared >= 70, `${compared} were compared`)
  })

  it('are found by TAP, by region with the index', async () => {
    const [hit] = await service.db.query<{ ra: number; dec: number }>(
      `SELECT s_ra AS ra, s_dec AS dec FROM almagest.image WHERE obs_id LIKE '%m61_ps1%'`,
    )
    const answer = async (where: string) => {
      const response = await sync(service, {
        FORMAT: 'csv',
        QUERY: `SELECT obs_id FROM ivoa.ObsCore WHERE ${where} ORDER BY obs_id`,
      })
      const text = await response.text()
      assert.equal(response.status, 200, text)
      return text
        .trim()
        .split('\n')
        .slice(1)
        .map(line => line.trim())
    }
    const plan = async (where: string) => {
      const query = { QUERY: `SELECT obs_id FROM ivoa.ObsCore WHERE ${where}` }
      const response = await fetch(`${service.url}/tap/check`, {
        method: 'POST',
        body: new URLSearchParams(query),
      })
      const { sql } = (await response.json()) as { sql: string }
      const lines = await service.db.transaction(async client => {
        await client.query('SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off')
        return client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`)
      })
      return lines.map(line => line['QUERY PLAN']).join('\n')
    }
    const point = `POINT(${hit!.ra}, ${hit!.dec})`
    const found = ['allsky_drao_u_gal', 'allsky_rosat', 'm61_ps1_g']
    assert.deepEqual(await answer(`1 = CONTAINS(${point}, s_region)`), found)
    assert.deepEqual(await answer(`1 = INTERSECTS(CIRCLE(${hit!.ra}, ${hit!.dec}, 0.2), s_region)`), found)
    assert.deepEqual(
      await answer(`1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(${hit!.ra}, ${hit!.dec}, 0.01))`),
      ['m61_ps1_g'],
    )
    assert.deepEqual(
      await answer(`1 = INTERSECTS(s_region, POLYGON(185.4, 4.4, 185.5, 4.4, 185.5, 4.5))`),
      found,
    )
    assert.match(
      await plan(`1 = INTERSECTS(s_region, CIRCLE(185.5, 4.5, 0.1))`),
      /Index Scan.*image_s_region/s,
    )
    // RA 0 is in the middle of this one.
    assert.deepEqual(await answer(`1 = CONTAINS(POINT(0.0, 47.175), s_region)`), [
      ...found.slice(0, 2),
      'irac_sip_razero',
    ])
  })

  it('are read by pyvo with the columns and types of ObsCore', async () => {
    const output = await pythonClient(
      `
import sys, pyvo
service = pyvo.dal.TAPService(sys.argv[1])
t = service.search("SELECT * FROM ivoa.obscore WHERE obs_id = 'm61_ps1_g'")
row = t[0]
print(row['obs_publisher_did'], row['access_url'], row['calib_level'], row['s_region'].startswith('Polygon ICRS 185.'), t.fieldnames.index('s_region'))
print([c.utype for c in t.fielddescs if c.name == 's_ra'][0])
`,
      `${service.url}/tap`,
    )
    const [first, second] = output.trim().split('\n')
    assert.match(
      first!,
      /^ivo:\/\/example.org\/zoo\?m61_ps1_g.fits http:\/\/127.0.0.1:\d+\/files\/zoo\/m61_ps1_g.fits 2 True \d+$/,
    )
    assert.equal(second, 'obscore:Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1')
  })

  it('pass taplint', { skip: withoutStilts() }, async () => {
    const report = await stilts(
      'taplint',
      `tapurl=${service.url}/tap`,
      'stages=CAP TMV TME TMS TMC CPV OBS',
      'maxrepeat=20',
      'report=EWFSI',
    )
    // docs/deviations.md: uploads by URL.
    const complaints = report.split('\n').filter(line => /^[EWF]-(?!CAP-MUPM-01)/.test(line))
    assert.deepEqual(complaints, [], report)
    assert.match(report, /I-OBS/)
  })
})

interface Row {
  readonly file: string
  readonly hdu: number
  readonly region: string | null
  readonly width: number
  readonly height: number
  readonly scale: number
  readonly ra: number
  readonly dec: number
  readonly fov: number
}

type Position = readonly [number, number]

function verticesOf(region: string): Position[] {
  return [...region.matchAll(/\(\s*([^,()\s]+)\s*,\s*([^,()\s]+)\s*\)/g)].map(
    ([, lon, lat]) => [(Number(lon) * 180) / Math.PI, (Number(lat) * 180) / Math.PI] as const,
  )
}

/** Arcseconds, by haversine. */
function apart([lon1, lat1]: Position, [lon2, lat2]: Position): number {
  const rad = Math.PI / 180
  const half = (x: number) => Math.sin((x * rad) / 2) ** 2
  const h = half(lat2 - lat1) + Math.cos(lat1 * rad) * Math.cos(lat2 * rad) * half(lon2 - lon1)
  return (2 * Math.asin(Math.min(1, Math.sqrt(h))) * 3600) / rad
}

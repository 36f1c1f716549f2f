/** Light curves over HTTP, against plain SQL on the same tables. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { fillSmallDemo } from '../support/demo.ts'
import { jobClient } from '../support/jobs.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'

const database = await testDatabase()
const COLUMNS = 'objectid,expmidptmjd,band,psfflux,psffluxerr,forcedsourceid,visitid,pixelflags'

describe('light curves', () => {
  let service: TestService
  /** 1,000 objects at random, and two that are watched. */
  let ids: string[]
  let watched: string[]

  before(async () => {
    service = await startTestService({ database, fill: fillSmallDemo, limits: { lightCurveObjects: 2000 } })
    const some = await service.db.query<{ id: string }>(
      'SELECT objectid::text AS id FROM demo.object ORDER BY hashint8(objectid) LIMIT 1000',
    )
    ids = some.map(row => row.id)
    const stars = await service.db.query<{ id: string }>(
      'SELECT objectid::text AS id FROM demo.variable ORDER BY 1 LIMIT 2',
    )
    watched = stars.map(row => row.id)
  })
  after(() => service.close())

  const get = async (parameters: Record<string, string>) => {
    const response = await fetch(`${service.url}/datalink/timeseries?${new URLSearchParams(parameters)}`, {
      redirect: 'manual',
    })
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
      response,
    }
  }
  const post = async (parameters: Record<string, string>) => {
    const body = new URLSearchParams(parameters)
    const response = await fetch(`${service.url}/datalink/timeseries`, {
      method: 'POST',
      body,
      redirect: 'manual',
    })
    return { status: response.status, text: await response.text(), response }
  }
  const rowsOf = (csv: string) => csv.trim().split(/\r?\n/).slice(1)
  /** The same rows by plain SQL, as CSV. */
  async function plainRows(
    condition: string,
    order = 'f.objectid, expmidptmjd, forcedsourceid',
  ): Promise<string[]> {
    const rows = await service.db.query<{ line: string }>(
      `SELECT concat_ws(',', f.objectid, expmidptmjd, f.band, coalesce(psfflux::text, ''), coalesce(psffluxerr::text, ''),
                        forcedsourceid, visitid, pixelflags) AS line
         FROM demo.forcedsource f JOIN demo.visit v USING (visitid) WHERE ${condition} ORDER BY ${order}`,
    )
    return rows.map(row => row.line)
  }

  it('are those of plain SQL, row for row, for 1,000 objects one by one and together', async () => {
    const all = await post({ ID: ids.join(','), RESPONSEFORMAT: 'csv' })
    assert.equal(all.status, 200)
    assert.equal(all.text.split(/\r?\n/)[0], `${COLUMNS},error_message`)
    const expected = await plainRows(`f.objectid IN (${ids.join(',')})`)
    assert.ok(expected.length > 20_000)
    assert.deepEqual(
      rowsOf(all.text).map(row => row.replace(/,$/, '')),
      expected,
    )
    for (const id of [...ids.slice(0, 50), ...watched]) {
      const one = await get({ ID: id, RESPONSEFORMAT: 'csv' })
      assert.equal(one.text.split(/\r?\n/)[0], COLUMNS)
      assert.deepEqual(rowsOf(one.text), await plainRows(`f.objectid = ${id}`))
    }
  })

  it('keep to bands, times and quality', async () => {
    const id = watched[0]!
    const bands = await get({ ID: id, BAND: 'g,r', RESPONSEFORMAT: 'csv' })
    assert.deepEqual(rowsOf(bands.text), await plainRows(`f.objectid = ${id} AND f.band IN ('g', 'r')`))
    const red = await get({ ID: id, BAND: '8e-7 +Inf', RESPONSEFORMAT: 'csv' })
    assert.deepEqual(rowsOf(red.text), await plainRows(`f.objectid = ${id} AND f.band IN ('z', 'y')`))
    const time = await get({ ID: id, TIME: '59900 60200.5', RESPONSEFORMAT: 'csv' })
    assert.deepEqual(
      rowsOf(time.text),
      await plainRows(`f.objectid = ${id} AND expmidptmjd BETWEEN 59900 AND 60200.5`),
    )
    const good = await get({ ID: id, QUALITY: 'good', RESPONSEFORMAT: 'csv' })
    assert.deepEqual(rowsOf(good.text), await plainRows(`f.objectid = ${id} AND pixelflags = 0`))
  })

  it('have the columns that DETAIL says', async () => {
    const header = async (parameters: Record<string, string>) =>
      (await get({ ID: watched[0]!, RESPONSEFORMAT: 'csv', ...parameters })).text.split(/\r?\n/)[0]
    assert.equal(await header({ DETAIL: 'minimal' }), 'objectid,expmidptmjd,band,psfflux,psffluxerr')
    assert.equal(await header({ DETAIL: 'principal' }), COLUMNS)
    assert.equal(await header({ DETAIL: 'full' }), `${COLUMNS},hpx_shard`)
  })

  it('take the parameters of Rubin as they are, and answer without a redirect', async () => {
    const rubin = {
      id: watched[0]!,
      table: 'demo.forcedsource',
      id_column: 'objectid',
      band_column: 'band',
      band: 'r',
      detail: 'principal',
      join_time_column: 'demo.visit.expmidptmjd',
      join_style: 'visit_detector',
      RESPONSEFORMAT: 'csv',
    }
    const answer = await get(rubin)
    assert.equal(answer.status, 200)
    assert.deepEqual(rowsOf(answer.text), await plainRows(`f.objectid = ${watched[0]} AND f.band = 'r'`))
    for (const [name, value] of [
      ['table', 'pg_catalog.pg_authid'],
      ['table', 'demo.object'],
      ['table', `demo.forcedsource; DROP TABLE demo.object`],
      ['id_column', 'visitid'],
      ['id_column', '1=1 OR objectid'],
      ['band_column', 'pixelflags'],
      ['join_time_column', 'demo.visit.seeing'],
      ['join_style', 'CROSS JOIN'],
    ] as const) {
      const refused = await get({ ...rubin, [name]: value })
      assert.equal(refused.status, 400, `${name}=${value}`)
      assert.match(refused.text, new RegExp(name, 'i'))
    }
  })

  it('take ivo:// identifiers', async () => {
    const one = await get({ ID: `ivo://almagest.invalid/demo.object?${watched[0]}`, RESPONSEFORMAT: 'csv' })
    assert.deepEqual(rowsOf(one.text), await plainRows(`f.objectid = ${watched[0]}`))
    assert.equal((await get({ ID: `ivo://almagest.invalid/demo.nothing?${watched[0]}` })).status, 400)
  })

  it('say what is wrong with identifiers', async () => {
    for (const id of [
      'abc',
      '1.5',
      "1' OR '1'='1",
      '9223372036854775808',
      `${2n ** 64n + 1n}`,
      '-9223372036854775809',
    ]) {
      const answer = await get({ ID: encodeURIComponent(id) })
      assert.equal(answer.status, 400, id)
      assert.match(answer.text, /QUERY_STATUS" value="ERROR"/)
    }
    assert.equal((await get({})).status, 400)
    for (const id of ['5', '9223372036854775807', '-9223372036854775808']) {
      const none = await get({ ID: id, RESPONSEFORMAT: 'votable/td' })
      assert.equal(none.status, 200)
      assert.match(none.text, /<FIELD name="objectid".*<TABLEDATA>\s*<\/TABLEDATA>/s)
    }
    const many = await post({
      ID: `${watched[0]},5,abc,9223372036854775808`,
      DETAIL: 'minimal',
      RESPONSEFORMAT: 'csv',
    })
    const faults = rowsOf(many.text).filter(row => /Fault: /.test(row))
    assert.deepEqual(faults, [
      '5,,,,,NotFoundFault: demo.object has no object 5',
      ',,,,,UsageFault: abc is no identifier of an object',
      ',,,,,UsageFault: 9223372036854775808 is no identifier of an object',
    ])
    assert.ok(rowsOf(many.text).length > 300)
  })

  it('refuse parameters that cannot be meant', async () => {
    for (const wrong of [
      { TIME: '2 1' },
      { TIME: 'yesterday' },
      { BAND: 'x' },
      { QUALITY: 'best' },
      { DETAIL: 'some' },
      { BIN: '0' },
      { BIN: '-60s' },
      { FOLD: '0' },
      { FOLD: 'NaN' },
      { BIN: '60s', FOLD: '1' },
      { MAXREC: '-1' },
      { RESPONSEFORMAT: 'image/gif' },
    ] as Record<string, string>[]) {
      const answer = await get({ ID: watched[0]!, ...wrong })
      assert.equal(answer.status, 400, JSON.stringify(wrong))
      assert.match(answer.text, new RegExp(Object.keys(wrong)[0]!))
    }
  })

  it('come in every format, with MAXREC', async () => {
    for (const format of [
      'votable',
      'votable/td',
      'votable/b',
      'csv',
      'tsv',
      'fits',
      'arrow',
      'parquet',
      'json',
      'ndjson',
      'html',
      'text',
    ]) {
      const answer = await get({ ID: watched[0]!, RESPONSEFORMAT: format })
      assert.equal(answer.status, 200, format)
      assert.ok(answer.text.length > 3000, format)
      assert.match(answer.response.headers.get('content-disposition')!, /filename="lightcurve-\d+\.\w+"/)
    }
    const few = await get({ ID: watched[0]!, MAXREC: '3', RESPONSEFORMAT: 'votable/td' })
    assert.equal(few.text.match(/<TR>/g)!.length, 3)
    assert.match(few.text, /value="OVERFLOW"/)
    const none = await get({ ID: watched[0]!, MAXREC: '0' })
    assert.match(none.text, /value="OVERFLOW"/)
  })

  it('are binned and folded as SQL bins and folds', async () => {
    const id = watched[1]!
    const bins = await get({ ID: id, BIN: '30d', QUALITY: 'good', RESPONSEFORMAT: 'json' })
    const expected = await service.db.query<Record<string, number>>(
      `SELECT avg(t) AS t, band, count(*)::int AS n, sum(y / e ^ 2) / sum(1 / e ^ 2) AS mean, min(y), max(y)
         FROM (SELECT f.band, expmidptmjd AS t, psfflux::float8 AS y, psffluxerr::float8 AS e FROM demo.forcedsource f
                 JOIN demo.visit USING (visitid) WHERE objectid = ${id} AND pixelflags = 0 AND psfflux IS NOT NULL) p
        GROUP BY floor(t / 30), band ORDER BY t, band`,
    )
    const { data } = JSON.parse(bins.text) as { data: (number | string)[][] }
    assert.equal(data.length, expected.length)
    data.forEach((row, i) => {
      const { t, band, n, mean, min, max } = expected[i]!
      assert.deepEqual([row[2], row[3]], [band, n])
      for (const [got, want] of [
        [row[1], t],
        [row[4], mean],
        [row[6], min],
        [row[7], max],
      ] as [number, number][])
        assert.ok(Math.abs(got - want) <= 1e-9 * Math.abs(want), `${got} ${want}`)
    })
    const folded = await get({ ID: id, FOLD: '0.7,59000.25', DETAIL: 'minimal', RESPONSEFORMAT: 'json' })
    const points = (JSON.parse(folded.text) as { data: number[][] }).data
    assert.equal(points.length, 320)
    let last = 0
    for (const point of points) {
      const phase = ((((point[1]! - 59000.25) / 0.7) % 1) + 1) % 1
      assert.ok(Math.abs(point[2]! - phase) < 1e-9)
      assert.ok(point[2]! >= last)
      last = point[2]!
    }
  })

  it('have periods, statistics and a periodogram', async () => {
    const stars = await service.db.query<{ id: string; class: string; period: number }>(
      'SELECT objectid::text AS id, class, period FROM demo.variable ORDER BY objectid LIMIT 12',
    )
    const ids = [...stars.map(star => star.id), '5'].join(',')
    const found = JSON.parse((await post({ ID: ids, PERIODOGRAM: 'true', RESPONSEFORMAT: 'json' })).text) as {
      data: (number | string)[][]
    }
    assert.equal(found.data.length, 13)
    stars.forEach((star, i) => {
      const [id, , period] = found.data[i]!
      assert.equal(String(id), star.id)
      const ratio = Number(period) / star.period
      const turns = star.class.startsWith('E') ? [1, 0.5] : [1]
      assert.ok(
        turns.some(turn => Math.abs(ratio / turn - 1) < 1e-4),
        `${star.class} ${star.period}: ${period}`,
      )
      assert.ok(Number(found.data[i]![4]) < 1e-6)
    })
    assert.match(String(found.data.at(-1)!.at(-1)), /^NotFoundFault/)
    const statistics = await get({ ID: watched[0]!, STATISTICS: 'true', RESPONSEFORMAT: 'csv' })
    assert.equal(rowsOf(statistics.text).length, 6)
    const spectrum = await get({
      ID: watched[0]!,
      PERIODOGRAM: 'full',
      PERIODS: '1 10',
      RESPONSEFORMAT: 'csv',
    })
    assert.ok(rowsOf(spectrum.text).length > 1000)
    assert.equal((await post({ ID: ids, PERIODOGRAM: 'full' })).status, 400)
    assert.equal((await get({ ID: watched[0]!, PERIODOGRAM: 'true', PERIODS: '1e-9 1' })).status, 413)
  })

  it('are drawn as SVG and PNG', async () => {
    const svg = await get({ ID: watched[0]!, RESPONSEFORMAT: 'image/svg+xml' })
    assert.equal(svg.type, 'image/svg+xml')
    assert.match(svg.text, /MJD \(TAI\) in days.*Flux \(nJy\)/s)
    const png = await fetch(
      `${service.url}/datalink/timeseries?ID=${watched[0]}&RESPONSEFORMAT=image/png&FOLD=0.5`,
    )
    assert.equal(png.headers.get('content-type'), 'image/png')
    assert.deepEqual([...Buffer.from(await png.arrayBuffer()).subarray(1, 4)], [...Buffer.from('PNG')])
    assert.match((await get({ ID: '5', RESPONSEFORMAT: 'svg' })).text, /no detections without flags/)
    assert.equal((await post({ ID: watched.join(','), RESPONSEFORMAT: 'svg' })).status, 400)
  })

  it('of more objects than the limit become a job by themselves', async () => {
    const rows = await service.db.query<{ id: string }>('SELECT objectid::text AS id FROM demo.object')
    const list = rows.map(row => row.id).join(',')
    const answer = await post({ ID: list, DETAIL: 'minimal', RESPONSEFORMAT: 'csv' })
    assert.equal(answer.status, 303)
    const client = jobClient(service, '/datalink/async')
    const id = answer.response.headers.get('location')!.split('/').at(-1)!
    assert.match(await client.ended(id), /<uws:phase>COMPLETED</)
    const { text } = await client.get(`/${id}/results/result`)
    const [count] = await service.db.query<{ n: number }>('SELECT count(*)::int AS n FROM demo.forcedsource')
    assert.equal(rowsOf(text).length, count!.n)
  })

  it('of the objects of a finished job, and of an uploaded table', async () => {
    const tap = jobClient(service)
    const job = await tap.create({
      LANG: 'ADQL',
      QUERY: 'SELECT TOP 20 period, objectid AS star FROM demo.variable ORDER BY objectid',
      PHASE: 'RUN',
    })
    await tap.ended(job)
    const stars = await service.db.query<{ id: string }>(
      'SELECT objectid::text AS id FROM demo.variable ORDER BY objectid LIMIT 20',
    )
    const expected = await plainRows(`f.objectid IN (${stars.map(s => s.id).join(',')})`)
    const answer = await get({ JOB: job, COLUMN: 'star', RESPONSEFORMAT: 'csv' })
    assert.deepEqual(
      rowsOf(answer.text).map(row => row.replace(/,$/, '')),
      expected,
    )
    assert.match((await get({ JOB: job, COLUMN: 'moon' })).text, /no such column/)
    assert.equal((await get({ JOB: 'none' })).status, 404)

    const table = await (
      await sync(service, { QUERY: 'SELECT TOP 20 objectid FROM demo.variable ORDER BY objectid' })
    ).blob()
    const form = new FormData()
    form.append('UPLOAD', 'stars,param:table')
    form.append('table', table, 'stars.vot')
    form.append('RESPONSEFORMAT', 'csv')
    const uploaded = await fetch(`${service.url}/datalink/timeseries`, { method: 'POST', body: form })
    assert.deepEqual(
      rowsOf(await uploaded.text()).map(row => row.replace(/,$/, '')),
      expected,
    )

    const list = new FormData()
    list.append('ids', new Blob([stars.map(s => s.id).join('\n')]), 'ids.txt')
    list.append('RESPONSEFORMAT', 'csv')
    const listed = await fetch(`${service.url}/datalink/timeseries`, { method: 'POST', body: list })
    assert.deepEqual(
      rowsOf(await listed.text()).map(row => row.replace(/,$/, '')),
      expected,
    )
  })

  it('take a million identifiers in one POST', async () => {
    const list = Array.from({ length: 1_000_000 }, (_, i) => 4_000_000_000_000_000_000n + BigInt(i)).join(',')
    const answer = await post({ ID: list, MAXREC: '5' })
    assert.equal(answer.status, 303)
    await jobClient(service, '/datalink/async').post(
      `/${answer.response.headers.get('location')!.split('/').at(-1)!}`,
      {
        ACTION: 'DELETE',
      },
    )
  })

  for (const [what, more] of Object.entries<Record<string, string>>({
    BINARY2: {},
    TABLEDATA: { RESPONSEFORMAT: 'votable/td', FOLD: '0.5' },
    BINARY: { RESPONSEFORMAT: 'votable/b', BIN: '30d' },
    statistics: { STATISTICS: 'true' },
    periods: { PERIODOGRAM: 'true' },
    'a periodogram': { PERIODOGRAM: 'full', PERIODS: '5 20' },
  })) {
    it(`votlint is content with ${what}`, { skip: withoutStilts() }, async () => {
      const query = new URLSearchParams({ ID: watched[0]!, ...more })
      assert.equal(await stilts('votlint', `votable=${service.url}/datalink/timeseries?${query}`), '')
    })
  }

  it('astropy reads times in their scale', { skip: withoutPython('astropy') }, async () => {
    const script = `
import io, json, sys, urllib.request
from astropy.io.votable import parse
from astropy.time import Time
from astropy.timeseries import TimeSeries
votable = parse(io.BytesIO(urllib.request.urlopen(sys.argv[1]).read()))
table = votable.get_first_table()
field = next(f for f in table.fields if f.ucd == 'time.epoch')
frame = next(t for t in votable.resources[0].time_systems if t.ID == field.ref)
data = table.to_table()
time = Time(data[field.name], format='mjd', scale=frame.timescale.lower())
series = TimeSeries(data=data[['psfflux', 'psffluxerr', 'band']], time=time)
print(json.dumps({
  'scale': series.time.scale, 'origin': frame.timeorigin, 'utc': series.time.utc.iso[0], 'unit': str(series['psfflux'].unit), 'n': len(series),
  'cal': sorted(p.value for g in table.groups if g.name.startswith('photcal') for p in g.entries if getattr(p, 'name', '') == 'band'),
  'refs': sorted({str(e.ref) for g in table.groups if g.name.startswith('photcal') for e in g.entries if not getattr(e, 'name', None)}),
}))`
    const read = JSON.parse(await pythonClient(script, `${service.url}/datalink/timeseries?ID=${watched[0]}`))
    assert.equal(read.scale, 'tai')
    assert.equal(read.origin, 'MJD-origin')
    assert.equal(read.unit, 'nJy')
    assert.equal(read.n, 320)
    assert.deepEqual(read.cal, ['g', 'i', 'r', 'y', 'z'])
    const [first] = await service.db.query<{ utc: string }>(
      `SELECT to_char(timestamp '1858-11-17' + min(expmidptmjd) * interval '1 day' - interval '37 s', 'YYYY-MM-DD HH24:MI') AS utc
         FROM demo.forcedsource JOIN demo.visit USING (visitid) WHERE objectid = ${watched[0]}`,
    )
    assert.equal(read.utc.slice(0, 16), first!.utc)
  })
})

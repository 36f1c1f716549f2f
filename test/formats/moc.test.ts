/** Coverage maps in place of results, against healpy on the same rows. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'

const database = await testDatabase()
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-moc-'))

/** A script on its input, while the service goes on. */
function onFile(script: string, input: string | Buffer): Promise<string> {
  const file = path.join(folder, 'input')
  writeFileSync(file, input)
  return pythonClient(script, file)
}

/** Cells of a map in JSON, and the cells of [ra, dec] pairs at an order. */
const COMPARE = `
import sys, json, healpy as hp, numpy as np
d = json.load(open(sys.argv[1]))
ra, dec = np.array(d['rows'], float).T
order = d['order']
got = set()
for o, cells in d['moc'].items():
    k = 4 ** (order - int(o))
    for c in cells: got.update(range(c * k, (c + 1) * k))
print(json.dumps(got == set(hp.ang2pix(2 ** order, ra, dec, nest=True, lonlat=True).tolist())))
`

const FITS = `
import sys, io, json
from astropy.io import fits
h = fits.open(io.BytesIO(open(sys.argv[1], 'rb').read()))
h.verify('exception')
moc = {}
for u in h[1].data['UNIQ'].tolist():
    o = (u.bit_length() - 3) // 2
    moc.setdefault(str(o), []).append(u - 4 * 4 ** o)
print(json.dumps([h[1].header['MOCORD_S'], h[1].header['COORDSYS'], h[1].header['ORDERING'], moc]))
`

/** Directions on borders of cells belong to either. */
const QUERY = 'SELECT ra, dec, mag FROM sample.stars WHERE ABS(dec) > 0.1 AND ABS(dec) < 89.9'

describe('coverage of results', { skip: withoutPython('astropy', 'healpy') }, () => {
  let service: TestService
  let rows: number[][]
  before(async () => {
    service = await startTestService({ database, fill: fillSample })
    const answer = await sync(service, { QUERY, RESPONSEFORMAT: 'json' })
    rows = ((await answer.json()) as { data: number[][] }).data.map(row => row.slice(0, 2))
  })
  after(async () => {
    await service?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const moc = async (responseFormat: string, query = QUERY) => {
    const response = await sync(service, { QUERY: query, RESPONSEFORMAT: responseFormat })
    return { response, bytes: Buffer.from(await response.arrayBuffer()) }
  }
  const isRight = (map: unknown, order: number) =>
    onFile(COMPARE, JSON.stringify({ rows, order, moc: map })).then(JSON.parse)

  it('has the cells of the positions, in every form and at any order', async () => {
    const fits = await moc('moc')
    assert.equal(fits.response.status, 200, fits.bytes.toString())
    assert.equal(fits.response.headers.get('content-type'), 'application/fits;content=moc')
    assert.match(fits.response.headers.get('content-disposition')!, /\.moc\.fits/)
    const [order, system, ordering, map] = JSON.parse(await onFile(FITS, fits.bytes))
    assert.deepEqual([order, system, ordering], [10, 'C', 'NUNIQ'])
    assert.ok(await isRight(map, 10))
    const json = await moc('application/json;content=moc;order=4')
    assert.equal(json.response.headers.get('content-type'), 'application/json;content=moc;order=4')
    assert.ok(await isRight(JSON.parse(json.bytes.toString()), 4))
    const fine = await moc('moc/json; order=29')
    // More digits than a number of JavaScript has.
    const input = `{"rows":${JSON.stringify(rows)},"order":29,"moc":${fine.bytes}}`
    assert.equal((await onFile(COMPARE, input)).trim(), 'true')
    const ascii = await moc('moc/ascii;order=1')
    assert.equal(ascii.bytes.toString(), '0/0-11 1/\n')
    assert.equal(ascii.response.headers.get('content-type'), 'text/plain;content=moc')
  })

  it('has the regions of a result that has some', async () => {
    const { bytes } = await moc(
      'moc/json;order=6',
      'SELECT CIRCLE(150, 2, 3) AS c FROM sample.stars WHERE id = 5',
    )
    const script = `
import sys, json, healpy as hp, numpy as np
d = json.load(open(sys.argv[1]))
got = set()
for o, cells in d.items():
    k = 4 ** (6 - int(o))
    for c in cells: got.update(range(c * k, (c + 1) * k))
v = hp.ang2vec(150, 2, lonlat=True)
inner = set(hp.query_disc(64, v, np.radians(3), nest=True).tolist())
outer = set(hp.query_disc(64, v, np.radians(3), nest=True, inclusive=True, fact=64).tolist())
print(json.dumps(inner <= got <= outer and len(got) > 30))`
    assert.equal((await onFile(script, bytes)).trim(), 'true')
    const polygon = await moc(
      'moc/ascii;order=3',
      'SELECT POLYGON(10, 10, 12, 10, 11, 12) AS p FROM sample.stars WHERE id = 5',
    )
    assert.match(polygon.bytes.toString(), /^3\/\d+( \d+)*\n$/)
    const point = await moc('moc/ascii;order=3', 'SELECT POINT(45, 0.1) AS p FROM sample.stars WHERE id = 5')
    assert.match(point.bytes.toString(), /^3\/\d+\n$/)
  })

  it('is empty where the result is, and says what it needs', async () => {
    const none = await moc('moc/ascii', 'SELECT ra, dec FROM sample.stars WHERE ra < 0')
    assert.equal(none.bytes.toString(), '10/\n')
    const cases: [string, string, RegExp][] = [
      ['moc', 'SELECT mag FROM sample.stars', /has no positions/],
      ['moc;order=30', QUERY, /order=30 does not go with/],
      ['moc;order=x', QUERY, /order=x does not go with/],
      ['csv;order=3', QUERY, /order=3 does not go with/],
      ['csv;content=moc', QUERY, /not known here/],
    ]
    for (const [format, query, message] of cases) {
      const { response, bytes } = await moc(format, query)
      assert.equal(response.status, 400, format)
      assert.match(bytes.toString(), message)
    }
  })

  it('is a result of jobs, and of stored results', async () => {
    const jobs = jobClient(service)
    const direct = (await moc('moc/json')).bytes.toString()
    for (const [create, get] of [
      [{ RESPONSEFORMAT: 'moc/json' }, ''],
      [{}, `?RESPONSEFORMAT=${encodeURIComponent('application/json;content=moc')}`],
    ] as const) {
      const id = await jobs.create({ LANG: 'ADQL', QUERY, PHASE: 'RUN', ...create })
      await jobs.ended(id)
      const response = await fetch(`${service.url}/tap/async/${id}/results/result${get}`)
      assert.equal(await response.text(), direct)
    }
  })

  it('is declared', async () => {
    const capabilities = await (await fetch(`${service.url}/tap/capabilities`)).text()
    for (const text of [
      '<mime>application/fits;content=moc</mime>',
      '<alias>moc</alias>',
      '<alias>moc/json</alias>',
    ])
      assert.ok(capabilities.includes(text), text)
  })
})

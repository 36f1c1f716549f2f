/** Coverage of tables and HiPS over HTTP, against healpy and astropy. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { mocFits } from '../../src/fits/moc.ts'
import { coverCircle } from '../../src/healpix/cover.ts'
import { mocJson, mocUniq } from '../../src/healpix/moc.ts'
import { testDatabase } from '../support/database.ts'
import { fillSmallDemo } from '../support/demo.ts'
import { pythonClient, shared, withoutPython } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { withoutXsd } from '../support/xsd.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-moc-'))
const DEGREE = Math.PI / 180

/** A script on its input, while the service goes on. */
function onFile(script: string, input: string): Promise<string> {
  const file = path.join(folder, 'input.json')
  writeFileSync(file, input)
  return pythonClient(script, file)
}

const GALACTIC_MOC = coverCircle(30 * DEGREE, 20 * DEGREE, 4 * DEGREE, 8)

const CELLS = `
import sys, json, healpy as hp, numpy as np
d = json.load(open(sys.argv[1]))
ra, dec = np.array([r for r in d['rows']], float).T
got = set()
for o, cells in d['moc'].items():
    k = 4 ** (d['order'] - int(o))
    for c in cells: got.update(range(c * k, (c + 1) * k))
# directions on borders of cells belong to either, and each pole has four cells
cells = [set(hp.ang2pix(2 ** d['order'], ra + e, np.clip(dec + f, -90, 90), nest=True, lonlat=True).tolist())
         for e in (0, 1e-7, -1e-7) for f in (0, 1e-7, -1e-7)]
print(json.dumps([len(got - set().union(*cells)) <= 2, len(got - cells[0]) <= 20, len(cells[0] - got) <= 20]))`

/** By xmllint against the schemas of records, which the driver of VOSI documents has not. */
function validateRecord(xml: string): void {
  const driver = path.join(folder, 'driver.xsd')
  const imports = [
    ['VODataService', 'VODataService-v1.2.xsd', 'v1.1'],
    ['RegistryInterface', 'RegistryInterface-v1.0.xsd', 'v1.0'],
  ].map(
    ([name, file, version]) =>
      `<xs:import namespace="http://www.ivoa.net/xml/${name}/${version}" schemaLocation="${shared(`standards/xsd/${file}`)}"/>`,
  )
  writeFileSync(
    driver,
    `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">${imports.join('')}</xs:schema>`,
  )
  const run = spawnSync('xmllint', ['--nonet', '--noout', '--schema', driver, '-'], {
    input: xml,
    env: { ...process.env, XML_CATALOG_FILES: shared('standards/xsd/catalog.xml') },
    encoding: 'utf8',
  })
  assert.equal(run.status, 0, run.stderr.slice(-1500))
}

/** A record of a registry around it. */
const record = (coverage: string) => `<ri:Resource xmlns:ri="http://www.ivoa.net/xml/RegistryInterface/v1.0"
  xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:type="vs:CatalogResource" created="2026-01-01T00:00:00Z" updated="2026-01-01T00:00:00Z" status="active">
  <title>t</title><identifier>ivo://test.invalid/t</identifier>
  <curation><publisher>p</publisher><contact><name>n</name></contact></curation>
  <content><subject>stars</subject><description>d</description><referenceURL>http://x/</referenceURL></content>
  ${coverage}</ri:Resource>`

describe('coverage of tables and HiPS', { skip: withoutPython('astropy', 'healpy') }, () => {
  let service: TestService
  before(async () => {
    for (const [name, frame] of [
      ['plain', 'equatorial'],
      ['gal', 'galactic'],
      ['none', undefined],
    ] as const) {
      const root = path.join(folder, 'hips', name)
      mkdirSync(root, { recursive: true })
      writeFileSync(path.join(root, 'properties'), `hips_frame = ${frame ?? 'equatorial'}\nhips_order = 3\n`)
      if (frame) writeFileSync(path.join(root, 'Moc.fits'), mocFits(mocUniq(GALACTIC_MOC), 8, frame))
    }
    service = await startTestService({
      database: await testDatabase(),
      config: { dir: folder },
      fill: async db => {
        await fillSample(db)
        await fillSmallDemo(db)
      },
    })
  })
  after(async () => {
    await service?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const get = (where: string) => fetch(`${service.url}/moc/${where}`)

  it('has the cells in which a table has rows, however it keeps its positions', async () => {
    const asked: [what: string, input: string][] = []
    for (const [table, where] of [
      ['demo.object', 'true'],
      ['sample.stars', 'ra IS NOT NULL'],
    ] as const) {
      const rows = await service.db.query<{ row: unknown }>(
        `SELECT jsonb_build_array(ra, dec) AS row FROM ${table} WHERE ${where}`,
      )
      for (const order of [10, 5]) {
        const moc = await (await get(`${table.toUpperCase()}?RESPONSEFORMAT=json&ORDER=${order}`)).json()
        asked.push([`${table} ${order}`, JSON.stringify({ rows: rows.map(({ row }) => row), order, moc })])
      }
    }
    for (const [what, input] of asked)
      assert.equal((await onFile(CELLS, input)).trim(), '[true, true, true]', what)
  })

  it('follows a table that changes', async () => {
    const before = await (await get('sample.stars')).arrayBuffer()
    await service.db.query('DELETE FROM sample.stars WHERE dec < 0')
    await service.db.query(
      "UPDATE almagest.published_table SET updated_at = now(), row_count = 500 WHERE table_name = 'sample.stars'",
    )
    assert.ok((await (await get('sample.stars')).arrayBuffer()).byteLength < before.byteLength)
  })

  it('gives that of a HiPS in ICRS, whatever the frame of the HiPS', async () => {
    const plain = await (await get('hips/plain?RESPONSEFORMAT=json')).text()
    assert.deepEqual(JSON.parse(plain), JSON.parse(mocJson(GALACTIC_MOC)))
    const turned = await (await get('hips/gal?RESPONSEFORMAT=json')).json()
    const script = `
import sys, json, healpy as hp, numpy as np
from astropy.coordinates import SkyCoord
d = json.load(open(sys.argv[1]))
def cells(m):
    s = set()
    for o, c in m.items():
        k = 4 ** (8 - int(o))
        for n in c: s.update(range(n * k, (n + 1) * k))
    return s
galactic, icrs = cells(d['galactic']), cells(d['icrs'])
rng = np.random.default_rng(1)
l, b = 30 + rng.uniform(-6, 6, 200000), 20 + rng.uniform(-6, 6, 200000)
p = SkyCoord(l, b, unit='deg', frame='galactic').icrs
inside = np.isin(hp.ang2pix(256, l, b, nest=True, lonlat=True), list(galactic))
found = np.isin(hp.ang2pix(256, p.ra.deg, p.dec.deg, nest=True, lonlat=True), list(icrs))
print(json.dumps([bool(found[inside].all()), len(icrs) / len(galactic)]))`
    const input = JSON.stringify({ galactic: JSON.parse(plain), icrs: turned })
    const [all, growth] = JSON.parse(await onFile(script, input))
    assert.equal(all, true)
    assert.ok(growth < 1.2, String(growth))
  })

  it('gives it as the coverage of a resource, for registries', { skip: withoutXsd() }, async () => {
    const xml = await (await get('demo.object?RESPONSEFORMAT=vodataservice')).text()
    validateRecord(
      record(xml.replace(/^<\?xml.*\n/, '').replace(/ xmlns:xsi="[^"]*"| xsi:type="[^"]*"/g, '')),
    )
    const spatial = /<spatial>(.*)<\/spatial>/.exec(xml)![1]!
    const ascii = await (await get('demo.object?RESPONSEFORMAT=ascii')).text()
    assert.equal(spatial, ascii.trim())
  })

  it('says what there is not', async () => {
    for (const where of [
      'hips/none',
      'hips/nothing',
      'hips/..%2fplain',
      'demo.variable',
      'demo.nothing',
      'hips/plain/x',
      '%ff',
      'hips/%ff',
    ]) {
      assert.equal((await get(where)).status, 404, where)
    }
    assert.equal((await get('demo.object?ORDER=30')).status, 400)
    assert.equal((await get('demo.object?ORDER=x')).status, 400)
    assert.equal((await get('demo.object?RESPONSEFORMAT=png')).status, 400)
  })
})
